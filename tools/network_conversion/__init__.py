# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of others, converted to the ONNX files that Heat ships."""
