# SPDX-License-Identifier: GPL-3.0-or-later
"""The StyleHEAT engine (arXiv 2203.04036): its networks, procedures and their proof by numbers."""
