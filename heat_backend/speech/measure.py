# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what ``heat speak`` is worth on voices that it was not trained on.

    python -m heat_backend.speech.measure [--sentences 50] [--timed FOLDER] [--human FILE ...]
        [--film VIDEO ...] [--speed SECONDS] [--weights FILE]

Synthesised sentences need espeak-ng and flite. ``--timed`` takes pairs of .wav and .json with
``phonemes`` (ipa, start, end) of espeak-ng; ``--film`` a filmed speaker with his own sound.
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

import av
import numpy as np
from numpy.typing import NDArray

from heat_backend.script import run_script
from heat_backend.speech import corpus, scoring, weights
from heat_backend.speech.audio_stream import AudioStream
from heat_backend.speech.lip_landmarks import opening
from heat_backend.speech.listening import answer, hear
from heat_backend.speech.mel import RATE
from heat_backend.speech.network import SpeechNet
from heat_backend.speech.phonemes import from_espeak
from heat_backend.speech.speak import Manner, Speech, perform

BANDS = {"below_4_hz": (0.0, 4.0), "2_to_6_hz": (2.0, 6.0)}
FPS = 30.0
FAR_LAG = 0.5
SEED = 2024

Row = dict[str, object]


def _quiet(what: str, fraction: float) -> None:
    pass


def _no() -> bool:
    return False


def spoken(network: SpeechNet, path: Path, fps: float = FPS) -> Speech:
    """Run the whole chain on a file with a network of choice."""
    heard = hear(path, _quiet, _no)
    return perform(heard, answer(network, heard, _quiet), Manner(fps), path.name)


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
        source = corpus.utterances(rng, held_out=True, flite_share=0.2)
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
        events = [(p["start"], p["ipa"]) for p in read["phonemes"]]
        sounds = from_espeak(events, read["duration"])
        speech = spoken(network, sound)
        found = scoring.score_closures(opening(speech.clip.expression), FPS, sounds)
        total += found
        rows.append({"what": sound.name, **_told(found)})
    return [*rows, {"what": "all timed files", **_told(total)}]


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


def film(network: SpeechNet, path: Path) -> Row:
    """Correlation of the opening with that of the speaker on film, tracked by FaceMesh."""
    from heat_backend.detect import make_detector

    detector = make_detector("mediapipe")
    tracked: list[float] = []
    times: list[float] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            faces = detector.detect(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            points = faces[0].points if faces else None
            gap = np.nan
            if points is not None:
                gap = float(np.hypot(*(points[13, :2] - points[14, :2])))
                gap /= faces[0].outer_eye_distance
            tracked.append(gap)
            times.append(float(frame.time or 0.0))
    seen = np.array(tracked)
    good = np.isfinite(seen)
    at = np.array(times) - times[0]
    fps = (len(at) - 1) / (at[-1] - at[0])
    even = np.arange(len(at)) / fps
    seen = np.interp(even, at[good], seen[good])
    wide = opening(spoken(network, path, fps).clip.expression)
    count = min(len(wide), len(seen))
    value, lag = scoring.correlation(wide[:count], seen[:count], fps)
    quick = [scoring.in_band(c[:count], fps, (0.0, 6.0)) for c in (wide, seen)]
    # Whether sound and picture of the film belong together at all: no network is asked.
    energy = scoring.energy_envelope(samples_of(path), even, (0.0, 4.0))[:count]
    far, far_lag = scoring.correlation(wide[:count], seen[:count], fps, FAR_LAG)
    sound, sound_lag = scoring.correlation(energy, seen[:count], fps, FAR_LAG)
    return {
        "what": path.name,
        "opening_correlation": round(value, 3),
        "lag_ms": round(1000.0 * lag),
        "below_6_hz": round(scoring.correlation(quick[0], quick[1], fps)[0], 3),
        "at_any_lag": [round(far, 3), round(1000.0 * far_lag)],
        "energy_of_the_sound_at_any_lag": [round(sound, 3), round(1000.0 * sound_lag)],
        "opening_median_spoken_and_filmed": [
            round(float(np.median(wide)), 3),
            round(float(np.median(seen)), 3),
        ],
        "opening_95_percent": [
            round(float(np.percentile(wide, 95)), 3),
            round(float(np.percentile(seen, 95)), 3),
        ],
    }


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
    parser.add_argument("--weights", type=Path, default=weights.SHIPPED)
    args = parser.parse_args(arguments)
    network = weights.load(args.weights)

    def tell(row: Row) -> None:
        print(json.dumps(row, ensure_ascii=False), flush=True)

    for path in args.human:
        tell(human(network, path))
    for path in args.film:
        tell(film(network, path))
    for row in timed_files(network, args.timed) if args.timed else []:
        tell(row)
    if args.sentences:
        tell(held_out_sentences(network, args.sentences, args.seed))
    if args.speed:
        tell(speed(network, args.speed, args.human[0] if args.human else None))
    return 0


if __name__ == "__main__":
    run_script(main)
