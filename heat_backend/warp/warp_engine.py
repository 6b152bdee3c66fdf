# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``warp`` engine: prepare once, then move the photo's own pixels frame by frame."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES, Coefficients
from bridge.edits import check_names
from bridge.errors import Cancelled
from bridge.face_model import load as load_model
from bridge.ramps import smoothstep
from heat_backend.detect.detector import Detector, choose_face, make_detector
from heat_backend.edits.editor import Edited, Editor
from heat_backend.edits.editor_builder import make_editor
from heat_backend.edits.portrait_directions import PortraitDirections, Track
from heat_backend.engines.device import chosen_device
from heat_backend.engines.protocol import BasePortrait, CancelCheck, EngineSettings, ProgressReport
from heat_backend.fit.eyelids import fit_blinks
from heat_backend.fit.glasses import find_frame, hold_frame
from heat_backend.fit.landmark_fit import fit_face
from heat_backend.fit.lip_edges import align_lips_to_edges
from heat_backend.fit.neutral import RELAX
from heat_backend.fit.posed_model import fit_notes, lay_on_photo
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.head_pose import (
    HeadPose,
    apply_blendshapes,
    apply_head_pose,
    eyeball_rotations,
    head_pose,
)
from heat_backend.geometry.polygon_mask import outline_patch, polygon_area
from heat_backend.layers.matte import find_loose_hair, foreground_matte
from heat_backend.layers.matting_layers import separate_layers
from heat_backend.layers.mirror_texture import mirror_texture
from heat_backend.layers.portrait_layers import Layers, assemble_layers, resized
from heat_backend.layers.portrait_mesh import PortraitMesh, build_portrait_mesh
from heat_backend.layers.rendered_landmarks import rendered_landmarks
from heat_backend.layers.stylised_eyes import correct_stylised_eyes
from heat_backend.media.photo import Photo
from heat_backend.warp.control_calibration import (
    UNCORRECTED,
    apply_gains,
    calibrate_expressions,
    calibrate_turns,
    expressing,
    reshaping,
    tracking,
    turning,
)
from heat_backend.warp.description import DESCRIPTION
from heat_backend.warp.eye_mouth_compositor import composite_eye, composite_mouth, mouth_margin
from heat_backend.warp.lid_compositor import composite_lash_line, composite_lid_skin
from heat_backend.warp.warp_renderer import (
    CpuWarpRenderer,
    WarpInputs,
    WarpRenderer,
    moving_region,
    opaque,
)

PAD_SHARE = 0.2  # of the long side: how far the photo is continued over its border
CELLS_ALONG = 640  # flow cells along the long side, at most
CHIN = 152
# Between these turns what the photo shows of a far side gives way to what is made up for it.
FAR_SIDE = np.sin(np.radians((2.0, 9.0)))
JAW_OPEN = EXPRESSION_INDEX["jawOpen"]
CLENCH = 0.06  # of jawOpen: as much farther as closed lips give
SLIT = 0.02  # outer-eye distances: lips nearer than this touch; what is between is their seam
HELD = "the head is held at about 40 degrees from the viewer where it was to turn farther"
MEASURED_FACE = 700.0  # pixels: the largest face at which shape edits are tried
QUICK_DETECTORS = ("mediapipe",)  # those that track some twenty frames within a second

# Numba's plainest threading layer, all there is on some machines, crashes when two threads enter
# parallel kernels at once; and two sessions are no faster side by side on the same cores.
_KERNELS = threading.Lock()


class WarpPortrait(BasePortrait):
    """A prepared portrait; see :class:`heat_backend.engines.protocol.Portrait`."""

    def __init__(
        self,
        layers: Layers,
        notes: tuple[str, ...],
        neutralise: bool = False,
        device: str = "cpu",
        editor: Editor | None = None,
    ) -> None:
        self.gains = np.ones(len(EXPRESSION_NAMES), np.float32)
        self.turns = UNCORRECTED
        self.height, self.width = layers.photo.shape[:2]
        self.notes = notes
        self._layers = layers
        self.editor = editor
        self._relaxed = 1.0 if neutralise else 0.0
        stride = max(2, -(-max(self.width, self.height) // CELLS_ALONG))
        home = layers.camera.project(layers.mesh.rest)
        self._region = moving_region(home, (self.width, self.height), 2 * stride)
        self._still = self._own_still = opaque(layers.photo)
        self._eye_areas = _eye_areas(layers.mesh, layers.mesh.pixels)
        self._edited: Edited | None = None
        openings = {"mouth": layers.mesh.mouth, **layers.mesh.eyes}
        self._border_deltas = {
            name: layers.mesh.deltas[:, np.concatenate([opening.upper, opening.lower]), :2]
            for name, opening in openings.items()
        }
        scene = WarpInputs(
            layers.mesh, layers.matting, self.width, self.height, stride, self._region
        )
        self._painter = make_warp_renderer(scene, device)
        self._jaw_shuts = _jaw_shuts(layers.mesh, self._relaxed)

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Render one frame, shape (height, width, 4), RGBA8."""
        if out is None:
            out = np.empty((self.height, self.width, 4), np.uint8)
        self._know(coefficients.edits)
        with _KERNELS:
            self._paint(coefficients, out)
        return out

    def landmarks(self, coefficients: Coefficients) -> NDArray[np.float64]:
        """Where a frame has the face's landmarks, shape (478, 3); see ``rendered_landmarks``."""
        self._know(coefficients.edits)
        self._edit(coefficients.edits)
        layers = self._layers
        expression = self._driven(coefficients)
        pose = self._pose(coefficients)
        gaze = eyeball_rotations(expression)
        return rendered_landmarks(
            layers.landmarks, layers.eyes, layers.camera, pose, expression, gaze
        )

    def _driven(self, coefficients: Coefficients) -> NDArray[np.float32]:
        """Weights (53,) of the mesh's deltas: this portrait's gains, and how far it is relaxed."""
        own = np.array([self._relaxed], np.float32)
        asked = np.asarray(coefficients.expression, np.float32)
        driven = np.concatenate([apply_gains(asked, self.gains), own])
        driven[JAW_OPEN] = max(float(driven[JAW_OPEN]), -self._jaw_shuts)
        return driven

    def _pose(self, coefficients: Coefficients) -> HeadPose:
        """Pose that lets a frame read as turned by what is asked for."""
        rotation = self.turns.answer(coefficients.rotation)
        return head_pose(rotation, coefficients.translation, self._layers.rotation)

    def holds(self, rotation: NDArray[np.floating]) -> bool:
        """Whether a turn (3,), radians, is farther than this portrait turns."""
        return head_pose(rotation, np.zeros(3), self._layers.rotation).held

    def check_edits(self, names: Iterable[str]) -> None:
        """Refuse names of edits that this engine does not have; see ``bridge.edits``."""
        check_names(names)

    def _know(self, edits: Mapping[str, float]) -> None:
        """Learn what edits need that were not used before; see ``Editor.know``."""
        if self.editor is not None and edits:
            self.editor.know(edits)

    def _edit(self, edits: Mapping[str, float]) -> None:
        """Bring the layers to some edits; nothing is done while they stay the same."""
        if self.editor is None:
            return
        edited = self.editor.edited(edits)
        if edited is self._edited:
            return
        shaped = edited.shaped
        before = self._edited.coloured if self._edited is not None else None
        if edited.coloured is None:
            self._still = self._own_still
        elif edited.coloured is not before:
            self._still = edited.coloured.around(self._region)
        self._edited = edited
        self._layers = replace(
            self._layers,
            mesh=shaped.mesh,
            mouth=shaped.mouth,
            eyes=shaped.eyes,
            landmarks=shaped.landmarks,
            lids=edited.lids,
        )
        self._painter.set_foreground(edited.person)
        pixels = self._layers.camera.project(shaped.mesh.rest)
        self._eye_areas = _eye_areas(shaped.mesh, pixels)
        self.notes += tuple(note for note in self.editor.notes if note not in self.notes)

    def _paint(self, coefficients: Coefficients, out: NDArray[np.uint8]) -> None:
        self._edit(coefficients.edits)
        layers = self._layers
        mesh, camera = layers.mesh, layers.camera
        expression = self._driven(coefficients)
        pose = self._pose(coefficients)
        if pose.held and HELD not in self.notes:
            self.notes = (*self.notes, HELD)
        posed = apply_head_pose(
            apply_blendshapes(mesh.rest, mesh.deltas, expression), pose, mesh.follow, mesh.carried
        )
        pixels = camera.project(posed).astype(np.float32)
        self._copy_still(out)
        # How far the face is turned from where it looks in the photo toward the other side.
        back = -float(pose.rotation[0, 2]) * mesh.averted_side
        self._paint_person(out, pixels, np.ascontiguousarray(posed[:, 2]), back)
        self._paint_eyes(out, pixels, pose, expression)
        margin = mouth_margin(camera, expression)
        patch = outline_patch(
            mesh.mouth.outline(pixels, SLIT * camera.scale), self.width, self.height, margin
        )
        if patch is not None:
            composite_mouth(
                out,
                patch,
                layers.mouth,
                camera,
                pose,
                expression,
                self._border_moved("mouth", expression),
            )

    def _paint_person(
        self,
        out: NDArray[np.uint8],
        pixels: NDArray[np.float32],
        depth: NDArray[np.float32],
        back: float,
    ) -> None:
        """Paint the scene's region; ``back`` is how far (sine) the far side is turned to view."""
        far = float(smoothstep(FAR_SIDE[0], FAR_SIDE[1], np.array(back)))
        self._painter.paint(out, pixels, depth, far == 1.0)
        if far in (0.0, 1.0):
            return
        turned = np.empty_like(out)
        self._painter.paint(turned, pixels, depth, True)
        left, top, right, bottom = self._region
        here = slice(top, bottom), slice(left, right)
        out[here] = cv2.addWeighted(out[here], 1.0 - far, turned[here], far, 0.0)

    def _copy_still(self, out: NDArray[np.uint8]) -> None:
        """Copy the photo where nothing moves: around the region that is painted anew."""
        left, top, right, bottom = self._region
        out[:top], out[bottom:] = self._still[:top], self._still[bottom:]
        rows = slice(top, bottom)
        out[rows, :left] = self._still[rows, :left]
        out[rows, right:] = self._still[rows, right:]

    def _border_moved(self, opening: str, expression: NDArray[np.float32]) -> float:
        """Farthest move of an opening's border against the head, pixels."""
        moved = np.tensordot(expression, self._border_deltas[opening], 1)
        return float(np.abs(moved).max()) * self._layers.camera.scale

    def _paint_eyes(
        self,
        out: NDArray[np.uint8],
        pixels: NDArray[np.float32],
        pose: HeadPose,
        expression: NDArray[np.float32],
    ) -> None:
        layers = self._layers
        for side, gaze in eyeball_rotations(expression).items():
            opening = layers.mesh.eyes[side]
            outline = opening.outline(pixels)
            closed = 1.0 - polygon_area(outline) / self._eye_areas[side]
            self._paint_lid(out, side, pixels, pose)
            composite_lash_line(out, pixels[opening.upper], layers.eyes[side], closed)
            patch = outline_patch(outline, self.width, self.height)
            if patch is None:
                continue
            composite_eye(
                out,
                patch,
                layers.eyes[side],
                layers.camera,
                pose,
                gaze,
                self._border_moved(side, expression),
            )

    def _paint_lid(
        self, out: NDArray[np.uint8], side: str, pixels: NDArray[np.float32], pose: HeadPose
    ) -> None:
        mesh, camera = self._layers.mesh, self._layers.camera
        opening = mesh.eyes[side]
        upper, lower = (
            camera.project(
                apply_head_pose(mesh.rest[run], pose, mesh.follow[run], mesh.carried[run])
            )
            for run in (opening.upper, opening.lower)
        )
        composite_lid_skin(out, self._layers.lids[side], upper, lower, pixels[opening.upper])


def _eye_areas(mesh: PortraitMesh, pixels: NDArray[np.floating]) -> dict[str, float]:
    """Square pixels of the eyes' openings at rest."""
    return {
        side: max(1.0, polygon_area(opening.outline(pixels))) for side, opening in mesh.eyes.items()
    }


def _jaw_shuts(mesh: PortraitMesh, relaxed: float) -> float:
    """How far below 0 ``jawOpen`` may go before the lips meet: teeth stop a jaw there."""
    heights = mesh.rest[:, 1] + relaxed * mesh.deltas[RELAX, :, 1]
    top, low = (run[len(run) // 2] for run in (mesh.mouth.upper, mesh.mouth.lower))
    opened = float(mesh.deltas[JAW_OPEN, top, 1] - mesh.deltas[JAW_OPEN, low, 1])
    return CLENCH + max(0.0, float(heights[top] - heights[low])) / max(opened, 0.05)


def make_warp_renderer(scene: WarpInputs, device: str) -> WarpRenderer:
    """Make the painter for ``"cpu"`` or ``"cuda"``, as :func:`chosen_device` gives it."""
    if device == "cpu":
        return CpuWarpRenderer(scene)
    from heat_backend.warp.torch_warp_renderer import TorchWarpRenderer

    return TorchWarpRenderer(scene, device)


class WarpEngine:
    """See :class:`heat_backend.engines.protocol.Engine`."""

    name = DESCRIPTION.name
    version = DESCRIPTION.version

    def prepare(
        self,
        photo: Photo,
        settings: EngineSettings,
        progress: ProgressReport,
        cancelled: CancelCheck,
    ) -> WarpPortrait:
        """Do all per-portrait work; see the protocol for what it raises."""

        def step(text: str, share: float) -> None:
            if cancelled():
                raise Cancelled("preparing the portrait was cancelled")
            progress(text, share)

        step("finding the face", 0.0)
        detector = make_detector(settings.detector)
        faces = detector.detect(photo.pixels)
        found = choose_face(faces, settings.face, photo.name)
        device = chosen_device(settings.device)
        portrait, face = _assembled(photo, found, replace(settings, device=device), step)
        if settings.detector in QUICK_DETECTORS:
            step("measuring how the face responds", 0.9)
            track = tracking(portrait, detector, face)
            portrait.gains = calibrate_expressions(
                expressing(track), own=expressing(portrait.landmarks)
            )
            portrait.turns = calibrate_turns(turning(portrait, track))
            if portrait.editor is not None:
                again = partial(_for_measuring, photo, found, settings, detector)
                portrait.editor.directions = PortraitDirections(again)
        step("ready", 1.0)
        return portrait


def _assembled(
    photo: Photo,
    found: FaceLandmarks,
    settings: EngineSettings,
    step: Callable[[str, float], None],
) -> tuple[WarpPortrait, FaceLandmarks]:
    """Build the portrait of one face of a photo, and where that is in the frames.

    ``settings.device`` is ``"cpu"`` or ``"cuda"``.
    """
    pixels, face = resized(photo.pixels, found, settings.size)
    face = correct_stylised_eyes(pixels, face)
    model = load_model()
    step("fitting the face model", 0.2)
    fit = fit_face(model, face)
    posed = lay_on_photo(model, fit, align_lips_to_edges(pixels, face), settings.neutralise)
    fit_blinks(model, posed, settings.neutralise)
    frame = find_frame(pixels, face)
    if frame is not None:
        hold_frame(model, posed, frame)
    step("cutting out the head", 0.4)
    pad = int(PAD_SHARE * max(pixels.shape[:2]))
    matte = foreground_matte(pixels, face.box)
    alpha = np.maximum(matte, find_loose_hair(pixels, matte, face.box[3]))
    step("filling the background", 0.6)
    below = len(pixels) - 1 - float(face.points[:, 1].max())
    matting = separate_layers(pixels, alpha, pad, below)
    step("building the layers", 0.8)
    matting, far = mirror_texture(model, posed, pixels, alpha, matting)
    mesh = build_portrait_mesh(model, posed, alpha, face.points[CHIN, :2], pad, far)
    layers = assemble_layers(pixels, face, model, posed, matting, mesh, frame)
    portrait = WarpPortrait(
        layers,
        photo.notes + fit_notes(posed, face),
        settings.neutralise,
        settings.device,
        make_editor(model, posed, face, matte, layers, far),
    )
    portrait.render(Coefficients.zero())
    return portrait, face


def _for_measuring(
    photo: Photo, found: FaceLandmarks, settings: EngineSettings, detector: Detector
) -> Track:
    """Make a small portrait to try edits on: the same whatever size the frames have."""
    long_side = max(photo.pixels.shape[:2])
    size = round(long_side * min(1.0, MEASURED_FACE / found.size))
    plain = replace(settings, size=max(size, 1), device="cpu")
    portrait, face = _assembled(photo, found, plain, lambda *_: None)
    return reshaping(tracking(portrait, detector, face))
