# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures ``heat speak`` on voices that it was not trained on.

    python -m tools.speech_training.measure [--sentences 50] [--timed FOLDER] [--human FILE ...]
        [--film VIDEO ...] [--speed SECONDS] [--weights FILE]

Synthesised sentences need espeak-ng and flite. ``--timed`` takes pairs of .wav and .json with
``phonemes`` (ipa, start, end) of espeak-ng, or ``segments`` (ARPAbet name, second of its end) as an
aligner finds them in recorded speech; ``--human`` takes recorded voices, ``--film`` videos of
speakers with their sound. Prints one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
import wave
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from heat_backend.cli.script import run_script
from heat_backend.engines.protocol import never
from heat_backend.inference.network import Network
from heat_backend.media.audio import AudioStream
from heat_backend.media.mel import RATE
from heat_backend.speech.inference import extract_features, run_network
from heat_backend.speech.lip_landmarks import opening
from heat_backend.speech.network import SHIPPED, load
from heat_backend.speech.phonemes import Sound, from_espeak, from_flite
from heat_backend.speech.speak import Speech, SpeechStyle, motion_from_output, no_progress
from tools.speech_training import corpus, scoring

BANDS = {"below_4_hz": (0.0, 4.0), "2_to_6_hz": (2.0, 6.0)}  # of words, and of syllables
FPS = 30.0
SEED = 2024
FAR_LAG = 0.5
"""Seconds within which a video's sound may trail its own picture."""
REST_AFTER, OPEN_BEFORE = 0.16, 0.1
"""Seconds of a silence in which the mouth may still come to rest, or open for what follows."""

Row = dict[str, object]
Curve = NDArray[np.floating]


def spoken(network: Network, path: Path, fps: float = FPS) -> Speech:
    """Run all of ``heat speak`` on a file with the given network."""
    features = extract_features(path, no_progress, never)
    output = run_network(network, features, no_progress)
    return motion_from_output(features, output, SpeechStyle(fps), path.name)


def samples_of(path: Path) -> NDArray[np.float32]:
    """Read a short file as 16 kHz mono."""
    return np.concatenate(list(AudioStream(path).blocks()))


@contextmanager
def _wave_file(path: Path) -> Iterator[wave.Wave_write]:
    """Open a file of 16-bit mono at 16 kHz for writing."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        yield file


def _pcm(samples: NDArray[np.floating]) -> bytes:
    return (np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()


def held_out_sentences(network: Network, count: int, seed: int = SEED) -> Row:
    """Score closures on synthesised sentences in held-out voices and languages."""
    rng = np.random.default_rng(seed)
    total = {"espeak-ng": scoring.NO_CLOSURES, "flite": scoring.NO_CLOSURES}
    voices: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        source = corpus.held_out_utterances(rng)
        for _ in range(count):
            utterance = next(source)
            path = Path(folder) / "sentence.wav"
            peak = max(1e-4, float(np.abs(utterance.samples).max()))
            with _wave_file(path) as file:
                file.writeframes(_pcm(utterance.samples * (0.7 / peak)))
            speech = spoken(network, path)
            score = scoring.score_closures(opening(speech.clip.expression), FPS, utterance.sounds)
            total["flite" if utterance.voice == corpus.HELD_OUT_FLITE else "espeak-ng"] += score
            voices.add(utterance.voice)
    each = {f"reached_of_{name}": round(score.share, 4) for name, score in total.items()}
    what = f"{count} sentences, {len(voices)} voices not trained on"
    return {"what": what, **_score_row(sum(total.values(), scoring.NO_CLOSURES)), **each}


def timed_files(network: Network, folder: Path) -> list[Row]:
    """Score closures on files whose phoneme times are known."""
    rows: list[Row] = []
    total = scoring.NO_CLOSURES
    for table in sorted(folder.glob("*.json")):
        sound = table.with_suffix(".wav")
        if not sound.is_file():
            continue
        sounds = _sounds_of(json.loads(table.read_text("utf-8")))
        speech = spoken(network, sound)
        score = scoring.score_closures(opening(speech.clip.expression), FPS, sounds)
        total += score
        rows.append({"what": sound.name, **_score_row(score)})
    return [*rows, {"what": "all timed files", **_score_row(total)}]


def _sounds_of(table: dict[str, Any]) -> list[Sound]:
    if "segments" in table:
        return from_flite([(str(name), float(end)) for name, end in table["segments"]])
    return from_espeak([(p["start"], p["ipa"]) for p in table["phonemes"]], table["duration"])


def _score_row(score: scoring.ClosureScore) -> Row:
    return {
        "closures": score.wanted,
        "reached": round(score.share, 4),
        "median_timing_error_ms": round(1000.0 * score.median_error, 1),
        "median_closed_late_ms": round(1000.0 * float(np.median(score.closed_late or (0.0,)))),
        "median_opened_late_ms": round(1000.0 * float(np.median(score.opened_late or (0.0,)))),
        "extra": score.extra,
    }


def recorded_voice(network: Network, path: Path) -> Row:
    """Correlate the opening with the voice's energy; list the motion within silences."""
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
        inside = (at >= start + REST_AFTER) & (at <= end - OPEN_BEFORE)
        if inside.any():
            moving = np.abs(speech.clip.expression[inside]).max()
            still.append([round(start, 2), round(end, 2), round(float(moving), 4)])
    row["silences_and_greatest_coefficient"] = still
    return row


def speaker_on_video(network: Network, path: Path) -> Row:
    """Correlate the opening with that of the speaker in the video."""
    seen, fps = tracked_openings(path)
    wide = opening(spoken(network, path, fps).clip.expression)
    energy = scoring.energy_envelope(samples_of(path), np.arange(len(wide)) / fps, (0.0, 4.0))
    return {"what": path.name, **compare(wide, seen, energy, fps)}


def tracked_openings(path: Path) -> tuple[dict[str, Curve], float]:
    """Measure the opening of the mouth in a video.

    Returns
    -------
    curves : dict of (T,) float
        Distance of the inner lips in outer-eye distances: ``tracked``, from the motion that
        ``heat track`` gives, and ``landmarks``, from the detector's landmarks alone.
    fps : float

    Raises
    ------
    BadInput
        It is no video, or shows no face.
    """
    from heat_backend.tracking.track import TrackSettings, track_video

    with tempfile.TemporaryDirectory() as folder:
        tracked = track_video(path, TrackSettings(), Path(folder) / "cache", no_progress, never)
    fps = float(tracked.clip.fps)
    curves = {
        "tracked": opening(tracked.clip.expression),
        "landmarks": _landmark_openings(path, fps),
    }
    return curves, fps


def _landmark_openings(path: Path, fps: float) -> Curve:
    """Distance of the detected inner lips (T,), in outer-eye distances."""
    from heat_backend.detect.detector import make_detector

    detector = make_detector("mediapipe")
    gaps: list[float] = []
    times: list[float] = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            faces = detector.detect(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            if faces:
                points = faces[0].points
                gap = float(np.hypot(*(points[13, :2] - points[14, :2])))
                gaps.append(gap / faces[0].outer_eye_distance)
                times.append(float(frame.time or 0.0))
    at = np.array(times) - times[0]
    return np.interp(np.arange(round(at[-1] * fps) + 1) / fps, at, np.array(gaps))


def compare(
    spoken: Curve, seen: Mapping[str, Curve], energy: Curve, fps: float
) -> dict[str, object]:
    """Correlate within the usual lag, and within one that shows whether a video is out of step.

    Parameters
    ----------
    spoken : (T,) float
        Opening by ``heat speak``.
    seen : mapping of (T,) float
        From :func:`tracked_openings`.
    energy : (T,) float
        Of the sound: whether sound and picture belong together, without the network.
    fps : float
    """
    row: dict[str, object] = {}
    for name, curve in seen.items():
        count = min(len(spoken), len(curve), len(energy))
        ours, sound, lips = spoken[:count], energy[:count], curve[:count]
        near = scoring.correlation(ours, lips, fps)
        far = scoring.correlation(ours, lips, fps, FAR_LAG)
        bare = scoring.correlation(sound, lips, fps, FAR_LAG)
        row[name] = {
            "within_80_ms": round(near[0], 3),
            "at_any_lag": [round(far[0], 3), round(1000.0 * far[1])],
            "energy_alone_at_any_lag": [round(bare[0], 3), round(1000.0 * bare[1])],
            "heard_and_seen_median": [round(float(np.median(c)), 3) for c in (ours, lips)],
            "heard_and_seen_95_percent": [
                round(float(np.percentile(c, 95)), 3) for c in (ours, lips)
            ],
        }
    return row


def speed(network: Network, seconds: float, source: Path | None) -> Row:
    """Time and memory of a long file, one voice over and over."""
    voice = (
        samples_of(source) if source else corpus.espeak_utterance(np.random.default_rng(1)).samples
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        with _wave_file(path) as file:
            block = _pcm(voice)
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

    def print_row(row: Row) -> None:
        print(json.dumps(row, ensure_ascii=False), flush=True)

    for path in args.human:
        print_row(recorded_voice(network, path))
    for path in args.film:
        print_row(speaker_on_video(network, path))
    for row in timed_files(network, args.timed) if args.timed else []:
        print_row(row)
    if args.sentences:
        print_row(held_out_sentences(network, args.sentences, args.seed))
    if args.speed:
        print_row(speed(network, args.speed, args.human[0] if args.human else None))
    return 0


if __name__ == "__main__":
    run_script(main)
