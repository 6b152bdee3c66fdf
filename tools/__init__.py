# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs for developers: training, building of shipped data, measures. In no wheel."""
