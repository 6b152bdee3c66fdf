# SPDX-License-Identifier: GPL-3.0-or-later
"""Find an attribute's direction from two folders of pictures: faces with it, and without it.

The pictures are inverted by the e4e encoder; the direction is the normal of the hyperplane that
separates their W+ codes, found by ridge-regularised logistic regression and judged by
cross-validation (after InterFaceGAN, arXiv 1907.10786, which uses a linear SVM). It is written as
a file that ``heat edit --list`` then names. Run as ``python -m
heat_backend.styleheat.find_direction WITH WITHOUT --out glasses.pt``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from bridge.coefficients import check_edit_name
from bridge.edits import EDIT_BY_NAME
from bridge.errors import BadInput, HeatError, UsageError
from bridge.whole_file import whole_file
from heat_backend.cli.native_logs import native_logs_hidden
from heat_backend.cli.progress import Progress
from heat_backend.cli.script import run_script
from heat_backend.detect.detector import choose_face, make_detector
from heat_backend.engines.device import chosen_device
from heat_backend.engines.registry import require_packages
from heat_backend.media.photo import load_photo
from heat_backend.styleheat.crops.deep3d import landmarks_68
from heat_backend.styleheat.crops.ffhq import crop_portrait
from heat_backend.styleheat.description import DESCRIPTION
from heat_backend.styleheat.editing.attribute_region import REGIONS
from heat_backend.styleheat.weights.folder import WeightsFolder, find_folder

if TYPE_CHECKING:
    from heat_backend.styleheat.inversion.loaded import Networks

Floats = NDArray[np.float64]

Bytes = NDArray[np.uint8]
Encode = Callable[[Bytes], NDArray[np.float32]]
"""Turns an aligned crop (1024, 1024, 3) into codes (18, 512)."""
ProgressReport = Callable[[str, float], None]

MAX_LISTED = 5  # pictures left out that are named
MIN_ACCURACY = 0.65  # accuracy below which the user is warned: guessing gives 0.5

MIN_EXAMPLES = 4
"""Examples of each kind without which nothing can be held out."""
FOLDS = 5  # of the cross-validation
RIDGE = 1e-4  # against codes of length 1: enough where there are fewer examples than numbers
_MAX_ITERATIONS = 300  # of L-BFGS: it converges long before


@dataclass(frozen=True)
class Boundary:
    """The hyperplane between two sets of W+ codes.

    Attributes
    ----------
    direction : ndarray, shape (18, 512)
        Of length 1 in all, from the examples without to those with.
    separation : float
        How far the middles of the two sets lie apart along it, where examples are measured along
        a direction that was found without them.
    accuracy : float
        Share of examples on the right side of a boundary that was found without them, both kinds
        counting alike.
    """

    direction: Floats
    separation: float
    accuracy: float


def find_boundary(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> Boundary:
    """Find the boundary between codes by ridge-regularised logistic regression.

    Parameters
    ----------
    positive, negative : ndarray, shape (n, 18, 512)
        Codes of examples with and without the attribute; at least four of each.

    Raises
    ------
    BadInput
        When there are too few, or all are the same.
    """
    counts = len(positive), len(negative)
    if min(counts) < MIN_EXAMPLES:
        raise BadInput(
            f"{min(counts)} usable pictures in a folder: {MIN_EXAMPLES} at least are needed, and "
            "dozens for a good direction"
        )
    codes = np.concatenate([positive, negative]).reshape(sum(counts), -1).astype(np.float64)
    labels = np.repeat([1.0, 0.0], counts)
    if not np.ptp(codes, axis=0).any():
        raise BadInput("all pictures have the same codes: give different ones")
    direction, _ = _fit_hyperplane(codes, labels)
    separation, accuracy = _cross_validate(codes, labels)
    return Boundary(direction.reshape(positive.shape[1:]), separation, accuracy)


def _fit_hyperplane(codes: Floats, labels: Floats) -> tuple[Floats, float]:
    """Fit a hyperplane to codes (n, D) labelled 0 and 1: unit normal (D,) and offset."""
    middle = codes.mean(axis=0)
    length = float(np.sqrt(np.square(codes - middle).sum(axis=1).mean())) or 1.0
    x = (codes - middle) / length
    # Both kinds count alike, however many pictures there are of each.
    share = np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (len(labels) - labels.sum()))
    sign = 2.0 * labels - 1.0

    def loss(values: Floats) -> tuple[float, Floats]:
        margin = sign * (x @ values[:-1] + values[-1])
        pull = -share * sign * expit(-margin)
        slope = np.append(pull @ x + RIDGE * values[:-1], pull.sum())
        ridge = 0.5 * RIDGE * float(values[:-1] @ values[:-1])
        return float(share @ np.logaddexp(0.0, -margin)) + ridge, slope

    start = np.zeros(codes.shape[1] + 1)
    options = {"maxiter": _MAX_ITERATIONS}
    solution = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    steep = max(float(np.linalg.norm(solution[:-1])), 1e-12)
    normal = solution[:-1] / steep
    return normal, float(middle @ normal - solution[-1] / steep * length)


def _cross_validate(codes: Floats, labels: Floats) -> tuple[float, float]:
    """Cross-validate: separation along the normal, and balanced accuracy."""
    folds = int(min(FOLDS, labels.sum(), len(labels) - labels.sum()))
    order = np.random.default_rng(0).permutation(len(labels))
    fold = np.empty(len(labels), int)
    for value in (0.0, 1.0):  # as many of each kind in every fold
        members = order[labels[order] == value]
        fold[members] = np.arange(len(members)) % folds
    beyond = np.zeros(len(labels))
    for number in range(folds):
        out = fold == number
        normal, place = _fit_hyperplane(codes[~out], labels[~out])
        beyond[out] = codes[out] @ normal - place
    separation = float(beyond[labels == 1].mean() - beyond[labels == 0].mean())
    right = (beyond > 0.0) == (labels == 1.0)
    return separation, float(0.5 * (right[labels == 1].mean() + right[labels == 0].mean()))


@dataclass(frozen=True)
class Examples:
    """The pictures of one folder.

    Attributes
    ----------
    codes : ndarray, shape (n, 18, 512)
    left_out : tuple of str
        A line about each that could not be used.
    """

    codes: NDArray[np.float32]
    left_out: tuple[str, ...]


def read_examples(folder: Path, crop: Callable[[Path], Bytes], encode: Encode, report_progress: ProgressReport) -> Examples:  # fmt: skip # noqa: E501
    """Encode every picture of a folder.

    Parameters
    ----------
    folder : Path
    crop : callable
        Reads a picture and cuts the aligned crop out; HeatError where it holds no face.
    encode : callable
    report_progress : callable (text, share)

    Raises
    ------
    BadInput
        When there is no such folder, or no usable picture in it.
    """
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    codes, left_out = [], []
    for number, path in enumerate(files):
        report_progress(f"{folder.name}: {path.name}", number / len(files))
        try:
            codes.append(encode(crop(path)))
        except HeatError as error:
            left_out.append(f"{path.name}: {error}")
    if not codes:
        why = f" ({left_out[0]})" if left_out else ""
        raise BadInput(f"no picture with a face in {folder}, which holds {len(files)} files{why}")
    return Examples(np.stack(codes), tuple(left_out))


def write_direction(boundary: Boundary, path: Path, region: str | None) -> None:
    """Write a direction, and beside it how far 1 goes: as far as the two folders lie apart.

    Raises
    ------
    BadInput
        When it cannot be written.
    """
    import torch

    about: dict[str, object] = {"strength": round(boundary.separation, 4)}
    if region is not None:
        about["region"] = region
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            torch.save(torch.from_numpy(boundary.direction.astype(np.float32))[None], part)
        path.with_suffix(".json").write_text(json.dumps(about) + "\n", "utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}") from error


def output_path(out: Path, folder: WeightsFolder) -> Path:
    """Return where a direction goes: a bare name, into the weights' folder of directions.

    Raises
    ------
    UsageError
        When the name cannot be an edit's.
    """
    if out.suffix != ".pt":
        raise UsageError(f"--out {out}: name a file that ends in .pt")
    check_edit_name(out.stem, "--out")
    if out.stem in EDIT_BY_NAME:
        raise UsageError(f"--out {out}: {out.stem} is another edit's name, choose a new one")
    from heat_backend.styleheat.editing.directions import FOLDER

    return folder.path / FOLDER / out.name if out.parent == Path() else out


def report(boundary: Boundary, positive: Examples, negative: Examples, path: Path) -> list[str]:
    """Say how good a direction is, and which pictures did not count."""
    counts = f"{len(positive.codes)} pictures with, {len(negative.codes)} without"
    lines = [
        f"{path}: {boundary.accuracy:.0%} of held-out pictures lie on the right side ({counts})"
    ]
    if boundary.accuracy < MIN_ACCURACY:
        lines.append(
            "that is hardly better than guessing: give more pictures, that differ in this only"
        )
    left_out = positive.left_out + negative.left_out
    lines += [f"left out: {line}" for line in left_out[:MAX_LISTED]]
    if len(left_out) > MAX_LISTED:
        lines.append(f"left out: {len(left_out) - MAX_LISTED} more")
    return lines


def cropper(detector: str) -> Callable[[Path], Bytes]:
    """Return what reads a picture and cuts its largest face out, aligned."""
    finder = make_detector(detector)

    def crop(path: Path) -> Bytes:
        photo = load_photo(path)
        face = choose_face(finder.detect(photo.pixels), None, photo.name)
        return crop_portrait(photo.pixels, landmarks_68(face.points[:, :2])).pixels

    return crop


def encoder(networks: Networks) -> Encode:
    """Return what finds a crop's codes: the encoder alone, no details."""
    import torch

    from heat_backend.styleheat.inversion.cache import resized_to_256, uint8_to_image

    network, average = networks.module("e4e_encoder"), networks.module("e4e_latent_avg")

    @torch.no_grad()
    def encode(crop: Bytes) -> NDArray[np.float32]:
        codes = average(
            network(uint8_to_image(resized_to_256(crop), networks.device))
        )  # -> (1,18,512)
        if not bool(torch.isfinite(codes).all()):
            raise BadInput("the encoder gives no numbers for it")
        row: NDArray[np.float32] = codes[0].float().cpu().numpy()
        return row

    return encode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("positive", type=Path, metavar="WITH", help="folder of faces that have it")
    parser.add_argument(
        "negative", type=Path, metavar="WITHOUT", help="folder of those that do not"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="NAME.pt",
                        help="a bare name goes into the weights' folder `directions`")  # fmt: skip
    parser.add_argument("--region", choices=REGIONS, help="where it shows, for --keep-identity")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--detector", default="mediapipe")
    args = parser.parse_args(arguments)
    require_packages(DESCRIPTION.name)
    from heat_backend.styleheat.inversion.loaded import Networks
    from heat_backend.styleheat.networks.device_memory import report_out_of_memory

    folder = find_folder(None)
    path = output_path(args.out, folder)
    folder.require_engine()
    networks = Networks(folder, chosen_device(args.device))
    progress = Progress(json_lines=False)
    try:
        with native_logs_hidden(), report_out_of_memory(networks.device):
            crop, encode = cropper(args.detector), encoder(networks)
            positive, negative = (
                read_examples(place, crop, encode, progress.preparing)
                for place in (args.positive, args.negative)
            )
    finally:
        progress.clear()
    boundary = find_boundary(positive.codes, negative.codes)
    write_direction(boundary, path, args.region)
    lines = report(boundary, positive, negative, path)
    print(lines[0])
    print("\n".join(lines[1:]), end="\n" if lines[1:] else "", file=sys.stderr)
    return 0


if __name__ == "__main__":
    run_script(main)
