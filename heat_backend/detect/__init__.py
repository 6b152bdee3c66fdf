# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmark detectors, one a file, chosen by name."""

from heat_backend.detect.landmarks import Detector, FaceLandmarks, choose_face, make_detector

__all__ = ["Detector", "FaceLandmarks", "choose_face", "make_detector"]
