# SPDX-License-Identifier: GPL-3.0-or-later
"""The fitted face model laid exactly on a photo's landmarks, with its blend shapes for this photo.

``lay_on_photo`` poses the fit, moves its vertices in the picture until its landmarks fall on the
detected ones (``landmark_shift``), and prepares the offsets of the 52 expressions: personal
blinks, sealed lips, gains. Axes: x to image right, y up, z to the viewer, about the head's pivot;
unit: outer-eye distance of the model's neutral.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_model import PART_NAMES, FaceModel, landmarks, shape
from bridge.pose import rotation_angles, rotation_matrix
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.face_blink import personal_expression
from heat_backend.fit.landmark_fit import FaceFit
from heat_backend.fit.landmark_outliers import chin_below_lip, misread_chin
from heat_backend.fit.lip_contact import close_open_jaw, seal_lips
from heat_backend.fit.neutral import relaxing_field
from heat_backend.geometry.camera import Camera
from heat_backend.geometry.face_landmarks import MIN_FACE_PX, FaceLandmarks

RIGID_PARTS = ("eye_left", "eye_right", "teeth_upper", "gums_upper")
MOUTH_PARTS = ("teeth_lower", "gums_lower", "tongue")
# FaceMesh's lips, every second or third landmark of both contours: teeth, gums and tongue shift
# with their mean.
LIPS = [61, 291, 0, 17, 13, 14, 37, 267, 84, 314, 78, 308]
# Shares of the model's motion of the lids, by eye on the test portraits.
LID_FOLLOWS_GAZE = {"Down": 0.75, "Up": 0.5, "In": 0.35, "Out": 0.35}
SPENT_SHARE = 0.5  # of a shape that the photo shows fully; tuned by eye on smiling photos
# Gains by eye on the test portraits.
WEAK_SHAPE_GAINS = {"browDownLeft": 1.35, "browDownRight": 1.35, "mouthPucker": 1.2}
SMOOTHING = 2e-4  # of the spline, outer-eye distances: less would copy the landmarks' noise
REACH = 0.35  # outer-eye distances beyond the landmarks over which the shift fades out
SPACING = 0.08  # outer-eye distances between landmarks: nearer than that nothing fades
NEARLY_PROFILE = 40.0  # degrees of yaw, past which the far eye is half hidden


@dataclass(frozen=True)
class PosedModel:
    """The fitted face as it stands before the camera.

    Attributes
    ----------
    rest : ndarray, shape (V, 3), float64
        Vertices about the head's pivot in the picture's axes, model units.
    deltas : ndarray, shape (53, V, 3), float32
        What each expression adds, same axes; last, what takes the photo's own expression away.
    pixels : ndarray, shape (V, 2), float64
        Where they are in the photo.
    camera : Camera
    unit : float
        Pixels per model unit at the pivot's depth.
    rotation : ndarray, shape (3, 3)
        Head axes in the picture's axes.
    """

    rest: NDArray[np.floating]
    deltas: NDArray[np.float32]
    pixels: NDArray[np.float64]
    camera: Camera
    unit: float
    rotation: NDArray[np.float64]


def lay_on_photo(
    model: FaceModel,
    fit: FaceFit,
    face: FaceLandmarks,
    neutralise: bool = False,
    corrections: Corrections = ALL_CORRECTIONS,
) -> PosedModel:
    """Pose the fitted model and shift it so that its landmarks fall on the photo's.

    With ``neutralise`` the expressions are those of a face at rest; else what the photo already
    does of one is partly used up.
    """
    shaped = shape(model, fit.identity, fit.expression).astype(np.float64)
    posed = shaped @ fit.rotation.T
    pixels = fit.camera.project(posed)
    placed = landmarks(model, pixels)
    missing = face.points[:468, :2].astype(np.float64) - placed
    neutral = landmarks(model, model.vertices)
    misread = np.zeros(len(missing), bool)
    if corrections.misread_chin:
        misread = misread_chin(face, neutral)
    shift = landmark_shift(pixels, placed[~misread], missing[~misread], fit.camera.scale)
    if misread.any():
        now = landmarks(model, pixels + shift)
        chin = chin_below_lip(now, neutral, misread, fit.camera.scale)
        shift += landmark_shift(pixels, now, chin, fit.camera.scale)
    _move_solids_whole(model, shift, missing)
    pixels = pixels + shift
    rest = fit.camera.unproject(pixels, posed[:, 2])
    deltas = _own_deltas(model, fit, rest, neutralise, corrections)
    return PosedModel(rest, deltas, pixels, fit.camera, fit.camera.scale, fit.rotation)


def _move_solids_whole(
    model: FaceModel, shift: NDArray[np.float64], missing: NDArray[np.float64]
) -> None:
    """Give each solid part one ``shift`` (V, 2): that of the skin around it."""
    part = np.array(PART_NAMES)[model.vertex_part]
    for name in RIGID_PARTS + MOUTH_PARTS:
        members = part == name
        if name.startswith("eye"):
            around = model.lid_left if name == "eye_left" else model.lid_right
            shift[members] = shift[around].mean(axis=0)
        else:
            shift[members] = missing[LIPS].mean(axis=0)


def _own_deltas(
    model: FaceModel,
    fit: FaceFit,
    rest: NDArray[np.floating],
    neutralise: bool,
    corrections: Corrections,
) -> NDArray[np.float32]:
    """Offsets (53, V, 3) of this person's expressions in this photo, picture axes."""
    expression = personal_expression(model, fit.identity).astype(np.float32)
    # Lips meet as the camera sees them: measured in the picture, upright.
    view = fit.rotation.T @ rotation_matrix((0.0, 0.0, rotation_angles(fit.rotation)[2]))
    head = rest @ fit.rotation
    if corrections.sealed_lips:
        seal_lips(model, head, expression, view)
    relax = relaxing_field(model, fit, rest, expression)
    if corrections.weak_shapes:
        strengthen_weak_shapes(expression)
    if corrections.gaze_lids:
        weaken_lid_following(expression)
    if corrections.spent_expression and not neutralise:
        spend_expression(expression, fit.expression)
    if corrections.sealed_lips:
        close_open_jaw(model, head, expression, view)
    turned = (expression @ fit.rotation.T.astype(np.float32)).astype(np.float32)
    return np.concatenate([turned, relax[None]])


def strengthen_weak_shapes(expression: NDArray[np.float32]) -> None:
    """Scale up shapes that moving the photo's pixels shows weaker than a relit face would.

    For: all photos. Frowns and puckers read by their furrows and shadows, which a moved photo does
    not get.

    Parameters
    ----------
    expression : ndarray, shape (52, V, 3), float32
        Changed in place.
    """
    for name, gain in WEAK_SHAPE_GAINS.items():
        expression[EXPRESSION_INDEX[name]] *= gain


def weaken_lid_following(expression: NDArray[np.float32]) -> None:
    """Let the lids follow a glance less than the model's lids do.

    For: all photos. The lids of a photo are already posed for where its eyes look.

    Parameters
    ----------
    expression : ndarray, shape (52, V, 3), float32
        Changed in place.
    """
    for way, share in LID_FOLLOWS_GAZE.items():
        for side in ("Left", "Right"):
            expression[EXPRESSION_INDEX[f"eyeLook{way}{side}"]] *= share


def spend_expression(expression: NDArray[np.float32], shown: NDArray[np.floating]) -> None:
    """Weaken the shapes that the photo already shows.

    For: photos with an expression that is not neutralised: a smile on a smile must not tear lips.

    Parameters
    ----------
    expression : ndarray, shape (52, V, 3), float32
        Changed in place.
    shown : ndarray, shape (52,)
        The photo's own expression, 0..1.
    """
    left = 1.0 - SPENT_SHARE * np.minimum(1.0, shown)
    # A corrective to the jaw, which must not close more than the jaw opens.
    left[EXPRESSION_INDEX["mouthClose"]] = left[EXPRESSION_INDEX["jawOpen"]]
    expression *= left.astype(np.float32)[:, None, None]


def landmark_shift(
    at: NDArray[np.floating],
    landmarks: NDArray[np.floating],
    shift: NDArray[np.floating],
    unit: float,
) -> NDArray[np.float64]:
    """Interpolate the shift of landmarks to other places of the picture.

    Parameters
    ----------
    at : ndarray, shape (N, 2)
        Where it is wanted, pixels.
    landmarks : ndarray, shape (L, 2)
        Where the fitted landmarks are, pixels.
    shift : ndarray, shape (L, 2)
        How far each must move, pixels.
    unit : float
        Outer-eye distance, pixels.

    Returns
    -------
    ndarray, shape (N, 2), float64
        Pixels; fades to 0 over ``REACH`` beyond the landmarks.
    """
    field = RBFInterpolator(
        landmarks / unit, shift / unit, kernel="linear", smoothing=SMOOTHING, degree=0
    )
    distance, _ = cKDTree(landmarks / unit).query(at / unit)
    fade = np.exp(-(np.maximum(0.0, distance - SPACING) ** 2) / (2 * (REACH / 2) ** 2))
    moved: NDArray[np.float64] = field(at / unit) * fade[:, None] * unit
    return moved


def fit_notes(posed: PosedModel, face: FaceLandmarks) -> tuple[str, ...]:
    """Return notes for the user about a photo that is hard to drive: in profile, or too small."""
    notes = []
    yaw = abs(float(np.degrees(rotation_angles(posed.rotation)[1])))
    if yaw >= NEARLY_PROFILE:
        notes.append(f"the face is turned away by {yaw:.0f} degrees: its far side is a guess")
    if face.size < MIN_FACE_PX:
        notes.append(
            f"in frames of this size the face is only {face.size:.0f} pixels high: "
            "choose a larger size, or crop the photo"
        )
    return tuple(notes)
