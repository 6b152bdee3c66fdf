# SPDX-License-Identifier: GPL-3.0-or-later
"""Small networks that ship with Heat, run on the CPU: the only room that knows onnxruntime."""
