# SPDX-License-Identifier: GPL-3.0-or-later
"""Feeds damaged files of every kind that Heat reads to their readers.

    python -m tools.endurance.file_fuzz --format photo --seconds 600

A reader may take a file, or refuse it by an error of Heat's own; anything else is a fault. With
``atheris`` installed the damage is guided by coverage (libFuzzer), else it is random.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bridge import edit_preset, fit_file, motion_clip, rig_map
from bridge.coefficients import EXPRESSION_COUNT
from bridge.errors import HeatError
from bridge.motion_clip import MotionClip


@dataclass(frozen=True)
class FileFormat:
    """A kind of file.

    Attributes
    ----------
    suffix : str
    seed : callable
        Makes the bytes of a whole, small file.
    read : callable
        Reads one; raises ``HeatError`` for what it refuses.
    """

    suffix: str
    seed: Callable[[], bytes]
    read: Callable[[Path], object]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return data with some bytes changed, cut out, doubled or set to extremes."""
    found = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        if not found:
            break
        at = chance.randrange(len(found))
        how = chance.randrange(6)
        if how == 0:
            found[at] = chance.randrange(256)
        elif how == 1:
            del found[at : at + chance.randrange(1, 64)]
        elif how == 2:
            piece = found[at : at + chance.randrange(1, 64)]
            found[at:at] = piece
        elif how == 3:
            found[at : at + 4] = chance.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f")
            )
        elif how == 4:
            del found[at:]
        else:
            found[at] ^= 1 << chance.randrange(8)
    return bytes(found)


def check(form: FileFormat, data: bytes, folder: Path) -> str | None:
    """Let a reader read some bytes; return what it did wrong, None when all is well."""
    path = folder / f"file{form.suffix}"
    path.write_bytes(data)
    try:
        form.read(path)
    except HeatError as error:
        if "\n" in str(error):
            return f"an error of several lines: {error}"
    except Exception as error:  # the very thing that is looked for
        return f"{type(error).__name__}: {error}"
    return None


def formats() -> dict[str, FileFormat]:
    """Return all kinds by name."""
    from heat_backend.media.photo import load_photo

    kinds = {
        "motion_clip": FileFormat(".npz", _clip, motion_clip.load),
        "fit": FileFormat(".npz", _fit, fit_file.read_light),
        "edit_preset": FileFormat(".json", _preset, _read_preset),
        "rig_map": FileFormat(".json", _map, _read_map),
        "video": FileFormat(".mp4", _video, _read_video),
        "sound": FileFormat(".wav", _sound, _read_sound),
        "mat": FileFormat(".mat", _mat, _read_paper),
        "npy": FileFormat(".npy", _npy, _read_paper),
    }
    for name in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "TGA"):
        kinds[f"photo_{name.lower()}"] = FileFormat(
            f".{name.lower()}", partial(_photo, name), load_photo
        )
    return kinds


def _clip() -> bytes:
    file = io.BytesIO()
    still = np.zeros((3, 3), np.float32)
    motion_clip.write(
        MotionClip(24.0, np.zeros((3, EXPRESSION_COUNT), np.float32), still, still), file
    )
    return file.getvalue()


def _fit() -> bytes:
    from bridge.npz_file import npz_bytes

    head = {"format": np.array(fit_file.FORMAT), "version": np.array(fit_file.VERSION)}
    return npz_bytes({**head, "light_direction": np.zeros(3, np.float32)})


def _preset() -> bytes:
    return edit_preset.to_json(edit_preset.Preset(("shape",), {"jaw_width": 1.0})).encode()


def _read_preset(path: Path) -> object:
    return edit_preset.from_json(path.read_text("utf-8", "replace"))


def _map() -> bytes:
    row = rig_map.KeyRow("jawOpen", "jawOpen")
    return rig_map.to_json(rig_map.RigMap((row,))).encode()


def _read_map(path: Path) -> object:
    return rig_map.from_json(path.read_text("utf-8", "replace"))


def _photo(kind: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    shades = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    Image.fromarray(shades).save(file, kind)
    return file.getvalue()


def _video() -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as movie:
        stream = movie.add_stream("mpeg4", 24)
        stream.width, stream.height = 64, 48
        for shade in range(0, 250, 50):
            picture = np.full((48, 64, 3), shade, np.uint8)
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        movie.mux(stream.encode(None))
    return file.getvalue()


def _read_video(path: Path) -> object:
    from heat_backend.media.video import video_frames, video_info

    return video_info(path), [frame.seconds for frame in video_frames(path)]


def _sound() -> bytes:
    import wave

    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(bytes(3200))
    return file.getvalue()


def _read_sound(path: Path) -> object:
    from heat_backend.export.sound import check_sound

    check_sound(path)
    return None


def _mat() -> bytes:
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, {"coeff_3dmm": np.zeros((3, 73), np.float32)})
    return file.getvalue()


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((3, 73), np.float32))
    return file.getvalue()


def _read_paper(path: Path) -> object:
    from heat_backend.styleheat.driving.paper_motion import load_paper_clip

    return load_paper_clip(path)


def fuzz(form: FileFormat, seconds: float, seed: int, most: int | None = None) -> dict[str, bytes]:
    """Read randomly damaged files for a while; return the faults with a file for each.

    Parameters
    ----------
    form : FileFormat
    seconds : float
        For how long.
    seed : int
    most : int, optional
        Files at most.
    """
    chance, faults, whole = random.Random(seed), dict[str, bytes](), form.seed()
    end, count = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end and (most is None or count < most):
            data = mutated(whole, chance)
            fault = check(form, data, Path(folder))
            count += 1
            if fault is not None:
                faults.setdefault(fault[:80], data)
    print(f"{count} files, {len(faults)} faults", file=sys.stderr)
    return faults


def fuzz_guided(form: FileFormat, seconds: float) -> None:
    """Read damaged files guided by coverage; libFuzzer ends the process at the first fault."""
    import atheris

    folder = Path(tempfile.mkdtemp())
    corpus = Path(tempfile.mkdtemp())
    (corpus / "seed").write_bytes(form.seed())

    def one(data: bytes) -> None:
        fault = check(form, data, folder)
        if fault is not None:
            raise AssertionError(fault)

    atheris.instrument_all()
    atheris.Setup(
        [sys.argv[0], f"-max_total_time={seconds:.0f}", "-max_len=65536", str(corpus)], one
    )
    atheris.Fuzz()


def main() -> None:
    """Fuzz one format, or all of them in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", choices=sorted(formats()), help="all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each format")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--guided", action="store_true", help="by coverage; one format")
    args = parser.parse_args()
    kinds = formats()
    if args.guided:
        fuzz_guided(kinds[args.format], args.seconds)
        return
    for name in [args.format] if args.format else sorted(kinds):
        print(name, file=sys.stderr)
        for fault in fuzz(kinds[name], args.seconds, args.seed):
            print(f"  {name}: {fault}")


if __name__ == "__main__":
    main()
