# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the 73 values and of the windows over them."""

from __future__ import annotations

import numpy as np

from heat_backend.styleheat.conformance.case_run import CaseRun, Outputs
from heat_backend.styleheat.driving import frame_window, paper_motion

_LONG, _SHORT = 40, 5
_MOTION_FRAMES = (0, 5, 13, 20, 30, 39)
_SOUND_FRAMES = (0, 3, 4, 5, 10, 13, 37, 60, 80)


def coeff_assembly(run: CaseRun) -> Outputs:
    """Assemble the 73 values from the reconstruction's 257 and the crop's numbers."""
    arrays = run.arrays
    return {"coeff73": paper_motion.assemble(arrays["coeff257"], arrays["trans_params"])}


def semantic_window(run: CaseRun) -> Outputs:
    """Windows of 27 frames in a long clip and in one shorter than a window."""
    clip = run.arrays["coeff"]
    window = frame_window.window_indices
    return {
        "frames": np.array(_MOTION_FRAMES),
        "index40": np.stack([window(frame, _LONG) for frame in _MOTION_FRAMES]),
        "index5": np.stack([window(frame, _SHORT) for frame in range(_SHORT)]),
        "window_frame5": frame_window.motion_window(clip, 5),
        "window_frame39": frame_window.motion_window(clip, 39),
    }


def crop_norm_ratio(run: CaseRun) -> Outputs:
    """How much larger one person's head is shown than another's."""
    source, target = run.arrays["source"][0], run.arrays["target"]
    return {
        "ratio": np.array([paper_motion.crop_ratio(source, target)], np.float32),
        "index": np.array([paper_motion.nearest_frame(source, target)]),
    }


def audio_window(run: CaseRun) -> Outputs:
    """Windows of a mel spectrogram."""
    mel = run.arrays["mel"]
    return {
        "frames": np.array(_SOUND_FRAMES),
        "start": np.array([frame_window.mel_start(frame) for frame in _SOUND_FRAMES]),
        "window_frame37": frame_window.mel_window(mel, 37),
        "window_frame5_len16": frame_window.mel_window(mel, 5, 16),
    }


CASES = {
    "coeff_assembly": coeff_assembly,
    "semantic_window": semantic_window,
    "crop_norm_ratio": crop_norm_ratio,
    "audio_window": audio_window,
}
