# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what ``heat speak`` is worth on voices that it was not trained on.

    python -m tools.speech_training.measure [--sentences 50] [--timed FOLDER] [--human FILE ...]
        [--film VIDEO ...] [--speed SECONDS] [--weights FILE]

Synthesised sentences need espeak-ng and flite. ``--timed`` takes pairs of .wav and .json with
``phonemes`` (ipa, start, end) of espeak-ng, or ``segments`` (ARPAbet name, second of its end) as an
aligner finds them in recorded speech; ``--film`` a speaker on video with his own sound.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heat_backend.cli.script import run_script
from heat_backend.media.audio_stream import AudioStream
from heat_backend.media.mel import RATE
from heat_backend.speech.lip_landmarks import opening
from heat_backend.speech.listening import answer, hear
from heat_backend.speech.network import SHIPPED, SpeechNet, load
from heat_backend.speech.phonemes import Sound, from_espeak, from_flite
from heat_backend.speech.speak import Speech, SpeechStyle, perform
from tools.speech_training import corpus, scoring
from tools.speech_training.speaker_on_video import compare, seen_openings

BANDS = {"below_4_hz": (0.0, 4.0), "2_to_6_hz": (2.0, 6.0)}
FPS = 30.0
SEED = 2024

Row = dict[str, object]


def _quiet(what: str, fraction: float) -> None:
    pass


def _no() -> bool:
    return False


def spoken(network: SpeechNet, path: Path, fps: float = FPS) -> Speech:
    """Run the whole chain on a file with a network of choice."""
    heard = hear(path, _quiet, _no)
    return perform(heard, answer(network, heard, _quiet), SpeechStyle(fps), path.name)


def samples_of(path: Path) -> NDArray[np.float32]:
    """Read a short file as 16 kHz mono."""
    return np.concatenate(list(AudioStream(path).blocks()))


def write_wave(path: Path, samples: NDArray[np.floating], rate: int = RATE) -> None:
    """Write mono 16-bit audio."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())


def held_out_sentences(network: SpeechNet, count: int, seed: int = SEED) -> Row:
    """Closures on sentences in voices, and half of them in languages, never trained on."""
    rng = np.random.default_rng(seed)
    total = {"espeak-ng": scoring.NONE, "flite": scoring.NONE}
    voices: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        source = corpus.held_out(rng)
        for _ in range(count):
            said = next(source)
            path = Path(folder) / "sentence.wav"
            peak = max(1e-4, float(np.abs(said.samples).max()))
            write_wave(path, said.samples * (0.7 / peak))
            speech = spoken(network, path)
            found = scoring.score_closures(opening(speech.clip.expression), FPS, said.sounds)
            total["flite" if said.voice == corpus.HELD_OUT_FLITE else "espeak-ng"] += found
            voices.add(said.voice)
    each = {f"reached_of_{name}": round(found.share, 4) for name, found in total.items()}
    what = f"{count} sentences, {len(voices)} voices not trained on"
    return {"what": what, **_told(sum(total.values(), scoring.NONE)), **each}


def timed_files(network: SpeechNet, folder: Path) -> list[Row]:
    """Closures on files whose phoneme times are known."""
    rows: list[Row] = []
    total = scoring.NONE
    for table in sorted(folder.glob("*.json")):
        sound = table.with_suffix(".wav")
        if not sound.is_file():
            continue
        read = json.loads(table.read_text("utf-8"))
        sounds = _sounds_of(read)
        speech = spoken(network, sound)
        found = scoring.score_closures(opening(speech.clip.expression), FPS, sounds)
        total += found
        rows.append({"what": sound.name, **_told(found)})
    return [*rows, {"what": "all timed files", **_told(total)}]


def _sounds_of(read: dict[str, Any]) -> list[Sound]:
    if "segments" in read:
        return from_flite([(str(name), float(end)) for name, end in read["segments"]])
    return from_espeak([(p["start"], p["ipa"]) for p in read["phonemes"]], read["duration"])


def _told(found: scoring.Closures) -> Row:
    return {
        "closures": found.wanted,
        "reached": round(found.share, 4),
        "median_timing_error_ms": round(1000.0 * found.median_error, 1),
        "median_closed_late_ms": round(1000.0 * float(np.median(found.closed_late or (0.0,)))),
        "median_opened_late_ms": round(1000.0 * float(np.median(found.opened_late or (0.0,)))),
        "extra": found.extra,
    }


def human(network: SpeechNet, path: Path) -> Row:
    """Rest in silence, and the mouth's opening against the voice's energy."""
    samples = samples_of(path)
    speech = spoken(network, path)
    wide = opening(speech.clip.expression)
    at = np.arange(len(wide)) / FPS
    row: Row = {"what": path.name, "closures": len(speech.closures)}
    for name, band in BANDS.items():
        envelope = scoring.energy_envelope(samples, at, band)
        moved = scoring.in_band(wide, FPS, band)
        value, lag = scoring.correlation(moved, envelope, FPS)
        row[f"energy_{name}"] = round(value, 3)
        row[f"energy_{name}_lag_ms"] = round(1000.0 * lag)
        row[f"energy_{name}_no_lag"] = round(scoring.correlation(moved, envelope, FPS, 0.0)[0], 3)
    still = []
    for start, end in scoring.silences(samples):
        # A mouth may still come to rest, and already open for what follows.
        inside = (at >= start + 0.16) & (at <= end - 0.1)
        if inside.any():
            moving = np.abs(speech.clip.expression[inside]).max()
            still.append([round(start, 2), round(end, 2), round(float(moving), 4)])
    row["silences_and_greatest_coefficient"] = still
    return row


def video(network: SpeechNet, path: Path) -> Row:
    """Correlation of the opening with that of the speaker on video."""
    seen, fps = seen_openings(path)
    wide = opening(spoken(network, path, fps).clip.expression)
    energy = scoring.energy_envelope(samples_of(path), np.arange(len(wide)) / fps, (0.0, 4.0))
    return {"what": path.name, **compare(wide, seen, energy, fps)}


def speed(network: SpeechNet, seconds: float, source: Path | None) -> Row:
    """Time and memory of a long file, made of a voice said over and over."""
    voice = samples_of(source) if source else corpus.speak_espeak(np.random.default_rng(1)).samples
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            block = (np.clip(voice, -1, 1) * 32767).astype("<i2").tobytes()
            for _ in range(int(seconds * RATE / len(voice)) + 1):
                file.writeframes(block)
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        speech = spoken(network, path)
        took = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
    length = len(speech.clip) / FPS
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "what": f"{length:.0f} s of audio",
        "times_real_time": round(length / took, 1),
        "times_real_time_by_cpu_seconds": round(length / used, 1),
        "peak_memory_mb": round(after.ru_maxrss / 1024),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one JSON object a line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sentences", type=int, default=0)
    parser.add_argument("--seed", type=int, default=SEED, help="of the sentences")
    parser.add_argument("--timed", type=Path)
    parser.add_argument("--human", type=Path, nargs="*", default=[])
    parser.add_argument("--film", type=Path, nargs="*", default=[])
    parser.add_argument("--speed", type=float, help="seconds of audio")
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    args = parser.parse_args(arguments)
    network = load(args.weights)

    def tell(row: Row) -> None:
        print(json.dumps(row, ensure_ascii=False), flush=True)

    for path in args.human:
        tell(human(network, path))
    for path in args.film:
        tell(video(network, path))
    for row in timed_files(network, args.timed) if args.timed else []:
        tell(row)
    if args.sentences:
        tell(held_out_sentences(network, args.sentences, args.seed))
    if args.speed:
        tell(speed(network, args.speed, args.human[0] if args.human else None))
    return 0


if __name__ == "__main__":
    run_script(main)
