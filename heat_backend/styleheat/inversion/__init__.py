# SPDX-License-Identifier: GPL-3.0-or-later
"""From a portrait to codes and features of the generator."""
