# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's voice: a sentence spoken by espeak-ng, and its sound put into the movie."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np

from heat_backend.export.provenance import Provenance, append_to_mp4
from heat_backend.export.sound import Sound, add_sound_stream, sound_packets
from tools.speech_training.espeak import espeak

SENTENCE = "Hello. I was a photograph, and now my lips follow every word. Baked onto the rig."
VOICE, SPEED = "en-us+f3", 145
PAUSE = 0.4  # seconds of silence before and after


def speak_sentence(path: Path) -> None:
    """Write the sentence as a .wav.

    Raises
    ------
    MissingHere
        There is no espeak-ng.
    """
    said = espeak().say(SENTENCE, VOICE, speed=SPEED)
    quiet = np.zeros(round(PAUSE * said.rate), np.float32)
    samples = np.concatenate([quiet, said.samples, quiet])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(said.rate)
        file.writeframes((samples * 32767).clip(-32768, 32767).astype("<i2").tobytes())


def add_voice(movie: Path, voice: Path) -> None:
    """Put a voice into a movie that has none; its pictures stay as they are."""
    part = movie.with_suffix(".part.mp4")
    with av.open(str(movie)) as silent, av.open(str(part), "w", format="mp4") as spoken:
        spoken.metadata.update(silent.metadata)
        pictures = silent.streams.video[0]
        seconds = float((pictures.duration or 0) * (pictures.time_base or 0))
        copy = spoken.add_stream_from_template(pictures)
        heard = add_sound_stream(spoken)
        for packet in silent.demux(pictures):
            if packet.dts is not None:
                packet.stream = copy
                spoken.mux(packet)
        for _, packets in sound_packets(heard, Sound(voice), seconds):
            spoken.mux(packets)
    append_to_mp4(part, Provenance("one photo animated"))
    part.replace(movie)
