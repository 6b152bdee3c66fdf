# SPDX-License-Identifier: GPL-3.0-or-later
"""The published networks as modules; attribute names are the checkpoints' keys."""
