# SPDX-License-Identifier: GPL-3.0-or-later
"""The StyleHEAT engine's weights: what of them is here, and fetching them by the backend."""
