# SPDX-License-Identifier: GPL-3.0-or-later
"""A contact sheet of mouths over the spectrogram and the sounds of the voice, for looking at.

    python -m tools.speech_training.contact_sheet --portrait IMG --audio WAV --out SHEET.png
        [--sounds JSON] [--start S] [--seconds S]

``--sounds`` takes ``phonemes`` (ipa, start, end) as espeak-ng gives them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from heat_backend.cli.script import run_script
from heat_backend.detect.detector import choose_face, make_detector
from heat_backend.engines.protocol import EngineSettings, Portrait
from heat_backend.engines.registry import make_engine
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.media import mel
from heat_backend.media.photo import load_photo
from heat_backend.speech.inference import AudioFeatures, extract_features, never_cancelled
from heat_backend.speech.lip_landmarks import opening
from heat_backend.speech.speak import Speech, SpeechStyle, no_progress, speak

CELL, COLUMNS, GAP = 150, 10, 4
STRIP, LABELS, CURVE = 80, 16, 60
PAPER, INK, MARK, SHUT = (24, 24, 27), (235, 235, 235), (255, 190, 60), (90, 190, 255)
FPS = 50.0
# Letters that Pillow's own font lacks, as X-SAMPA writes them.
PLAIN = str.maketrans(
    dict(zip("ɑɐʌɛɪɨəɜɚɒɔʊʉɵœøæθðŋʃʒɹɾɡ", "A6VEI1@3@QOU}892{TDNSZr4g", strict=True)) | {"ː": ":"}
)
LIPS = (61, 291, 0, 17)


def mouth_box(face: FaceLandmarks) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of a square around the mouth and chin."""
    lips = face.points[list(LIPS), :2]
    x, y = lips.mean(axis=0)
    half = 0.62 * face.outer_eye_distance
    return int(x - half), int(y - 0.75 * half), int(x + half), int(y + 1.25 * half)


def draw(
    portrait: Portrait,
    face: FaceLandmarks,
    speech: Speech,
    features: AudioFeatures,
    sounds: list[tuple[float, str]],
    span: tuple[float, float],
) -> Image.Image:
    """Lay out the page: rows of ``COLUMNS`` mouths, each over its stretch of the voice.

    Parameters
    ----------
    portrait : Portrait
    face : FaceLandmarks
        In the portrait's frames.
    speech : Speech
        At ``FPS``.
    features : AudioFeatures
    sounds : list of (second, name)
    span : (start, end)
        Seconds to show.
    """
    rows = max(1, round((span[1] - span[0]) / 1.0))
    height = CELL + STRIP + LABELS + CURVE + 2 * GAP
    page = Image.new("RGB", (COLUMNS * CELL, rows * height), PAPER)
    wide = opening(speech.clip.expression)
    step = (span[1] - span[0]) / rows
    for row in range(rows):
        start = span[0] + row * step
        top = row * height
        _mouths(page, top, portrait, face, speech, start, step)
        _voice(page, top + CELL + GAP, features, sounds, start, step)
        _curve(page, top + CELL + GAP + STRIP + LABELS, wide, speech, start, step)
    return page


def _mouths(
    page: Image.Image,
    top: int,
    portrait: Portrait,
    face: FaceLandmarks,
    speech: Speech,
    start: float,
    step: float,
) -> None:
    box = mouth_box(face)
    for column in range(COLUMNS):
        at = start + (column + 0.5) * step / COLUMNS
        frame = min(len(speech.clip) - 1, int(at * FPS))
        pixels = portrait.render(speech.clip.frame(frame))
        cell = Image.fromarray(np.ascontiguousarray(pixels[..., :3])).crop(box)
        cell = cell.resize((CELL - GAP, CELL - GAP), Image.Resampling.LANCZOS)
        page.paste(cell, (column * CELL, top))


def _voice(
    page: Image.Image,
    top: int,
    features: AudioFeatures,
    sounds: list[tuple[float, str]],
    start: float,
    step: float,
) -> None:
    rate = mel.RATE / mel.HOP
    piece = features.mel[int(start * rate) : int((start + step) * rate)].astype(np.float32)
    if len(piece):
        scaled = np.clip((piece - features.loud.max() + 9.0) / 11.0, 0.0, 1.0)
        shown = Image.fromarray((scaled.T[::-1] * 255).astype(np.uint8))
        width = int(len(piece) / (step * rate) * page.width)
        page.paste(shown.resize((width, STRIP)).convert("RGB"), (0, top))
    draw_on = ImageDraw.Draw(page)
    font = ImageFont.load_default(13)
    for at, name in sounds:
        if start <= at < start + step:
            x = int((at - start) / step * page.width)
            draw_on.line((x, top, x, top + STRIP + LABELS), fill=MARK)
            draw_on.text((x + 2, top + STRIP), name.translate(PLAIN), fill=MARK, font=font)


def _curve(
    page: Image.Image,
    top: int,
    wide: NDArray[np.floating],
    speech: Speech,
    start: float,
    step: float,
) -> None:
    draw_on = ImageDraw.Draw(page)
    for first, last in speech.closures:
        if first < start + step and last > start:
            left, right = ((t - start) / step * page.width for t in (first, last))
            draw_on.rectangle((left, top, max(right, left + 1), top + CURVE - 2), fill=(30, 60, 90))
    frames = np.arange(int(start * FPS), min(len(wide), int((start + step) * FPS) + 1))
    x = (frames / FPS - start) / step * page.width
    y = top + CURVE - 8 - np.clip(wide[frames] / 0.25, -0.05, 1.0) * (CURVE - 12)
    draw_on.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=SHUT, width=2)
    base = top + CURVE - 8
    draw_on.line((0, base, page.width, base), fill=(80, 80, 80))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--portrait", type=Path, required=True)
    parser.add_argument("--audio", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sounds", type=Path)
    parser.add_argument("--start", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=6.0)
    args = parser.parse_args(arguments)
    sounds: list[tuple[float, str]] = []
    if args.sounds:
        read = json.loads(args.sounds.read_text("utf-8"))
        sounds = [(p["start"], p["ipa"]) for p in read["phonemes"]]
    photo = load_photo(args.portrait)
    face = choose_face(make_detector("mediapipe").detect(photo.pixels), None, photo.name)
    settings = EngineSettings(size=None, device="cpu", face=None, neutralise=True)
    portrait = make_engine("warp").prepare(photo, settings, no_progress, never_cancelled)
    grown = face.scaled(portrait.width / photo.pixels.shape[1])
    speech = speak(args.audio, SpeechStyle(FPS))
    features = extract_features(args.audio, no_progress, never_cancelled)
    end = min(args.start + args.seconds, len(speech.clip) / FPS)
    draw(portrait, grown, speech, features, sounds, (args.start, end)).save(args.out)
    return 0


if __name__ == "__main__":
    run_script(main)
