# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion clips from video: landmarks, the identity of the subject, pose and expression by frame."""
