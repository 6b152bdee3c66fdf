# SPDX-License-Identifier: GPL-3.0-or-later
"""A voice drives the rig in a real Blender window: read in the background, baked, undone."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gui import window

pytestmark = pytest.mark.window


def babble(path: Path, seconds: float = 3.0, rate: int = 16000) -> Path:
    """Write a sound like syllables: a buzz through two resonances that open and shut."""
    time = np.arange(int(seconds * rate)) / rate
    open_mouth = np.clip(np.sin(2.0 * np.pi * 2.0 * time), 0.0, 1.0)
    sound = np.zeros_like(time)
    for harmonic in range(1, 30):
        pitch = 120.0 * harmonic
        first, second = 300.0 + 450.0 * open_mouth, 1200.0
        strength = np.exp(-(((pitch - first) / 180.0) ** 2))
        strength += 0.4 * np.exp(-(((pitch - second) / 250.0) ** 2))
        sound += strength * np.sin(2.0 * np.pi * pitch * time)
    samples = (9000.0 * open_mouth * sound / np.abs(sound).max()).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


@pytest.fixture(scope="session")
def spoken(blender: window.Blender, given: dict[str, Any]) -> window.Told:
    if "python" not in given:
        pytest.skip("this Blender cannot start our interpreter: a voice is read on its machine")
    voice = babble(Path(given["photo"]).with_name("babble.wav"))
    told = window.tell(blender, "motion", {**given, "voice": str(voice)})
    assert told.status == 0, told.findings.get("error", told.log[-3000:])
    return told


def test_a_voice_is_read_while_blender_goes_on(spoken: window.Told) -> None:
    assert spoken.findings["in_background"]
    assert len(spoken.findings["lines"]) >= 2
    assert spoken.findings["end"][0] == "done", spoken.findings["end"]
    assert "Traceback" not in spoken.log


def test_one_undo_takes_the_bake_and_its_sound_back(spoken: window.Told) -> None:
    assert ["babble (voice)", 20.0, 91.0] in spoken.findings["baked"]
    assert spoken.findings["sounds"] == 1
    assert spoken.findings["undone"] == []
    assert spoken.findings["sounds_undone"] == 0
