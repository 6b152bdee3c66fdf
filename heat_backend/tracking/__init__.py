# SPDX-License-Identifier: GPL-3.0-or-later
"""Video-driven motion: film -> landmarks -> person -> coefficients -> motion clip.

The order of the modules is the order of the data: ``film`` decodes, ``follow`` keeps to one
face, ``landmark_reel`` keeps its landmarks on disk, ``person`` learns who it is, ``solve`` and
``gaze`` read each frame, ``smoothing`` and ``gaps`` clean the curves, ``track`` does it all.
"""

from heat_backend.tracking.track import Tracked, TrackSettings, track_film

__all__ = ["TrackSettings", "Tracked", "track_film"]
