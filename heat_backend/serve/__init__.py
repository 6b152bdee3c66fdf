# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend as a server: previews and exports over the bridge."""
