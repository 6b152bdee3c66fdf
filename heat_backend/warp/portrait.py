# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait of the ``warp`` engine: the photo's own pixels, moved by the posed face model.

A frame is rendered in this order: the photo where nothing moves; the foreground, warped by the
posed mesh, over the background; for each eye the skin of a closing lid, the line of its lashes and
the eyeball through the lids' outline; the inside of the mouth through the lips' outline.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, Coefficients
from bridge.edits import check_names
from bridge.ramps import smoothstep
from heat_backend.edits.editor import EditedLayers, Editor
from heat_backend.engines.protocol import BasePortrait
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.neutral import RELAX
from heat_backend.geometry.head_pose import (
    SIDEWAYS_GAZE,
    HeadPose,
    apply_blendshapes,
    apply_head_pose,
    eyeball_rotations,
    head_pose,
)
from heat_backend.geometry.polygon_mask import outline_patch, polygon_area
from heat_backend.layers.portrait_layers import Layers
from heat_backend.layers.portrait_mesh import PortraitMesh
from heat_backend.layers.rendered_landmarks import rendered_landmarks
from heat_backend.warp.control_calibration import UNCALIBRATED, apply_gains
from heat_backend.warp.eye_mouth_compositor import composite_eye, composite_mouth, mouth_margin
from heat_backend.warp.lid_compositor import composite_lash_line, composite_lid_skin
from heat_backend.warp.occlusion_boundaries import Region
from heat_backend.warp.warp_renderer import CpuWarpRenderer, WarpInputs, WarpRenderer, to_rgba

# Cells of the backward warp map along the long side, at most: a finer map costs time in every frame
# and looks the same, since it is interpolated; tuned by eye on the test portraits.
CELLS_ALONG = 640
# Sines of the turns toward the averted side between which the photo's skin of that side gives way
# to its mirrored skin: 2 to 9 degrees, tuned by eye on the test portraits.
FAR_SIDE = np.sin(np.radians((2.0, 9.0)))
JAW_OPEN = EXPRESSION_INDEX["jawOpen"]
CLENCH = 0.06  # of jawOpen below closed lips: as much as they give; tuned by eye
LEAST_JAW_DROP = 0.05  # outer-eye distances that jawOpen opens the lips at least, to divide by
SLIT = 0.02  # outer-eye distances: lips nearer than this touch, between them is no opening
TURN_LIMITED = "the head is held at about 40 degrees from the viewer where it was to turn farther"

# Numba's plainest threading layer, all there is on some machines, crashes when two threads enter
# parallel kernels at once; and two sessions are no faster side by side on the same cores.
_KERNELS = threading.Lock()


@dataclass(frozen=True)
class PosedFrame:
    """Geometry of one frame.

    Attributes
    ----------
    expression : ndarray, shape (53,), float32
        Weights of the mesh's deltas, calibrated.
    pose : HeadPose
    pixels : ndarray, shape (N, 2), float32
        The mesh's vertices in the frame.
    depth : ndarray, shape (N,), float32
        Their depth, outer-eye distances toward the viewer.
    far_share : float
        How much the averted side's mirrored skin replaces the photo's, 0..1.
    """

    expression: NDArray[np.float32]
    pose: HeadPose
    pixels: NDArray[np.float32]
    depth: NDArray[np.float32]
    far_share: float


class WarpPortrait(BasePortrait):
    """See :class:`heat_backend.engines.protocol.Portrait`.

    Parameters
    ----------
    layers : Layers
    notes : tuple of str
        What the user should know from the start.
    neutralise : bool
        Relax the photo's own expression.
    device : str
        ``"cpu"`` or ``"cuda"``.
    editor : Editor, optional
    corrections : Corrections

    Attributes
    ----------
    layers : Layers
        As last edited.
    calibration : ControlCalibration
        Applied to all controls; may be replaced.
    """

    def __init__(
        self,
        layers: Layers,
        notes: tuple[str, ...],
        neutralise: bool = False,
        device: str = "cpu",
        editor: Editor | None = None,
        corrections: Corrections = ALL_CORRECTIONS,
    ) -> None:
        self.height, self.width = layers.photo.shape[:2]
        self.notes = notes
        self.layers = layers
        self.editor = editor
        self.calibration = UNCALIBRATED
        self._corrections = corrections
        self._relaxed = 1.0 if neutralise else 0.0
        self._jaw_limit = _jaw_limit(layers.mesh, self._relaxed)
        stride = max(2, -(-max(self.width, self.height) // CELLS_ALONG))
        self._region = _covered_region(layers, (self.width, self.height), 2 * stride)
        self._still = self._photo = to_rgba(layers.photo)
        self._eye_areas = _eye_areas(layers.mesh, layers.mesh.pixels)
        self._edited: EditedLayers | None = None
        openings = {"mouth": layers.mesh.mouth, **layers.mesh.eyes}
        self._border_deltas = {
            name: layers.mesh.deltas[:, np.concatenate([opening.upper, opening.lower]), :2]
            for name, opening in openings.items()
        }
        self._renderer = make_warp_renderer(
            WarpInputs(
                layers.mesh,
                layers.matting,
                self.width,
                self.height,
                stride,
                self._region,
                corrections,
            ),
            device,
        )

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Render one frame, shape (height, width, 4), RGBA8."""
        if out is None:
            out = np.empty((self.height, self.width, 4), np.uint8)
        self._prepare_edits(coefficients.edits)
        with _KERNELS:
            self._apply_edits(coefficients.edits)
            frame = self.posed(coefficients)
            if frame.pose.limited and TURN_LIMITED not in self.notes:
                self.notes = (*self.notes, TURN_LIMITED)
            self._copy_still(out)
            self._render_foreground(out, frame)
            for side, gaze in self._gaze(frame.expression).items():
                self._composite_eye(out, frame, side, gaze)
            self._composite_mouth(out, frame)
        return out

    def landmarks(self, coefficients: Coefficients) -> NDArray[np.float64]:
        """Compute FaceMesh's landmarks (478, 3) of a frame; see ``rendered_landmarks``."""
        self._prepare_edits(coefficients.edits)
        self._apply_edits(coefficients.edits)
        layers = self.layers
        expression, pose = self._expression(coefficients), self._pose(coefficients)
        return rendered_landmarks(
            layers.landmarks, layers.eyes, layers.camera, pose, expression, self._gaze(expression)
        )

    def posed(self, coefficients: Coefficients) -> PosedFrame:
        """Pose the mesh, with the edits that were applied last."""
        mesh = self.layers.mesh
        expression, pose = self._expression(coefficients), self._pose(coefficients)
        vertices = apply_head_pose(
            apply_blendshapes(mesh.rest, mesh.deltas, expression), pose, mesh.follow, mesh.carried
        )
        pixels = self.layers.camera.project(vertices).astype(np.float32)
        turn_to_averted = -float(pose.rotation[0, 2]) * mesh.averted_side  # sine
        far_share = float(smoothstep(FAR_SIDE[0], FAR_SIDE[1], np.array(turn_to_averted)))
        depth = np.ascontiguousarray(vertices[:, 2])
        return PosedFrame(expression, pose, pixels, depth, far_share)

    def exceeds_turn_limit(self, rotation: NDArray[np.floating]) -> bool:
        """Whether a rotation (3,), radians, is farther than this portrait turns."""
        return head_pose(rotation, np.zeros(3), self.layers.rotation).limited

    def check_edits(self, names: Iterable[str]) -> None:
        """Refuse names of edits that this engine does not have; see ``bridge.edits``."""
        check_names(names)

    def _expression(self, coefficients: Coefficients) -> NDArray[np.float32]:
        """Weights (53,) of the mesh's deltas: calibrated, and the photo's own expression's."""
        weights = np.asarray(coefficients.expression, np.float32)
        own = np.array([self._relaxed], np.float32)
        driven = np.concatenate([apply_gains(weights, self.calibration.gains), own])
        driven[JAW_OPEN] = max(float(driven[JAW_OPEN]), -self._jaw_limit)
        return driven

    def _pose(self, coefficients: Coefficients) -> HeadPose:
        """Pose by which a frame reads as turned by the coefficients' rotation."""
        rotation = self.calibration.turns.rotation_to_apply(coefficients.rotation)
        return head_pose(rotation, coefficients.translation, self.layers.rotation)

    def _gaze(self, expression: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Rotation (3, 3) of each eyeball in the head."""
        return eyeball_rotations(
            expression, SIDEWAYS_GAZE if self._corrections.sideways_gaze else 1.0
        )

    def _prepare_edits(self, edits: Mapping[str, float]) -> None:
        """Find what edits not used before need; see ``Editor.find_directions``."""
        if self.editor is not None and edits:
            self.editor.find_directions(edits)

    def _apply_edits(self, edits: Mapping[str, float]) -> None:
        """Bring the layers to some edits; nothing is done while they stay the same."""
        if self.editor is None:
            return
        edited = self.editor.apply(edits)
        if edited is self._edited:
            return
        shaped = edited.shaped
        before = self._edited.coloured if self._edited is not None else None
        if edited.coloured is None:
            self._still = self._photo
        elif edited.coloured is not before:
            self._still = edited.coloured.around(self._region)
        self._edited = edited
        self.layers = replace(
            self.layers,
            mesh=shaped.mesh,
            mouth=shaped.mouth,
            eyes=shaped.eyes,
            landmarks=shaped.landmarks,
            lids=edited.lids,
        )
        self._renderer.set_foreground(edited.foreground)
        pixels = self.layers.camera.project(shaped.mesh.rest)
        self._eye_areas = _eye_areas(shaped.mesh, pixels)
        self.notes += tuple(note for note in self.editor.notes if note not in self.notes)

    def _copy_still(self, out: NDArray[np.uint8]) -> None:
        """Copy the photo around the rendered region, where nothing moves."""
        left, top, right, bottom = self._region
        out[:top], out[bottom:] = self._still[:top], self._still[bottom:]
        rows = slice(top, bottom)
        out[rows, :left] = self._still[rows, :left]
        out[rows, right:] = self._still[rows, right:]

    def _render_foreground(self, out: NDArray[np.uint8], frame: PosedFrame) -> None:
        """Render the region, cross-fading to the averted side's mirrored skin."""
        far = frame.far_share
        self._renderer.render(out, frame.pixels, frame.depth, far == 1.0)
        if far in (0.0, 1.0):
            return
        turned = np.empty_like(out)
        self._renderer.render(turned, frame.pixels, frame.depth, True)
        left, top, right, bottom = self._region
        here = slice(top, bottom), slice(left, right)
        out[here] = cv2.addWeighted(out[here], 1.0 - far, turned[here], far, 0.0)

    def _composite_eye(
        self, out: NDArray[np.uint8], frame: PosedFrame, side: str, gaze: NDArray[np.float32]
    ) -> None:
        """Composite one eye's lid skin, lashes and eyeball."""
        layers = self.layers
        mesh, camera, pose, pixels = layers.mesh, layers.camera, frame.pose, frame.pixels
        opening = mesh.eyes[side]
        outline = opening.outline(pixels)
        closed = 1.0 - polygon_area(outline) / self._eye_areas[side]
        if self._corrections.hidden_lid:
            upper, lower = (
                camera.project(
                    apply_head_pose(mesh.rest[run], pose, mesh.follow[run], mesh.carried[run])
                )
                for run in (opening.upper, opening.lower)
            )
            composite_lid_skin(out, layers.lids[side], upper, lower, pixels[opening.upper])
        composite_lash_line(out, pixels[opening.upper], layers.eyes[side], closed)
        patch = outline_patch(outline, self.width, self.height)
        if patch is None:
            return
        moved = self._border_moved(side, frame.expression)
        composite_eye(out, patch, layers.eyes[side], camera, pose, gaze, moved)

    def _composite_mouth(self, out: NDArray[np.uint8], frame: PosedFrame) -> None:
        """Composite teeth, tongue and cavity."""
        layers = self.layers
        outline = layers.mesh.mouth.outline(frame.pixels, SLIT * layers.camera.scale)
        margin = mouth_margin(layers.camera, frame.expression)
        patch = outline_patch(outline, self.width, self.height, margin)
        if patch is None:
            return
        moved = self._border_moved("mouth", frame.expression)
        composite_mouth(
            out, patch, layers.mouth, layers.camera, frame.pose, frame.expression, moved
        )

    def _border_moved(self, opening: str, expression: NDArray[np.float32]) -> float:
        """Farthest move of an opening's border against the head, pixels."""
        moved = np.tensordot(expression, self._border_deltas[opening], 1)
        return float(np.abs(moved).max()) * self.layers.camera.scale


def make_warp_renderer(inputs: WarpInputs, device: str) -> WarpRenderer:
    """Make the renderer for ``"cpu"`` or ``"cuda"``."""
    if device == "cpu":
        return CpuWarpRenderer(inputs)
    from heat_backend.warp.torch_warp_renderer import TorchWarpRenderer

    return TorchWarpRenderer(inputs, device)


def _eye_areas(mesh: PortraitMesh, pixels: NDArray[np.floating]) -> dict[str, float]:
    """Square pixels of the eyes' openings at rest, at least 1."""
    return {
        side: max(1.0, polygon_area(opening.outline(pixels))) for side, opening in mesh.eyes.items()
    }


def _covered_region(layers: Layers, size: tuple[int, int], margin: int) -> Region:
    """Left, top, right, bottom of what the mesh covers at rest, less a margin, pixels.

    The mesh's border does not move, so that nothing does outside.
    """
    places = layers.camera.project(layers.mesh.rest)
    low = np.ceil(places.min(axis=0)).astype(int) + margin
    high = np.floor(places.max(axis=0)).astype(int) - margin
    left, top = (int(max(0, v)) for v in low)
    right, bottom = (int(min(s, v)) for s, v in zip(size, high, strict=True))
    return left, top, right, bottom


def _jaw_limit(mesh: PortraitMesh, relaxed: float) -> float:
    """How far below 0 ``jawOpen`` may go before the lips meet: teeth stop a jaw there."""
    heights = mesh.rest[:, 1] + relaxed * mesh.deltas[RELAX, :, 1]
    top, low = (run[len(run) // 2] for run in (mesh.mouth.upper, mesh.mouth.lower))
    opened = float(mesh.deltas[JAW_OPEN, top, 1] - mesh.deltas[JAW_OPEN, low, 1])
    return CLENCH + max(0.0, float(heights[top] - heights[low])) / max(opened, LEAST_JAW_DROP)
