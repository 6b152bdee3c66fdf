# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped face model does what an animator expects of its controls."""

from pathlib import Path

import numpy as np
import pytest

from bridge import face_model
from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.errors import BadInput
from bridge.face_model import PART_NAMES, SKIN_PARTS
from heat_backend.fit import face_blink

MODEL = face_model.load()
NEUTRAL = face_model.shape(MODEL, [], np.zeros(52))


def expression(**values: float) -> np.ndarray:
    out = np.zeros(52, dtype=np.float32)
    for name, value in values.items():
        out[EXPRESSION_INDEX[name]] = value
    return out


def posed(identity=(), **values: float) -> np.ndarray:
    return face_model.shape(MODEL, identity, expression(**values))


def people(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.standard_normal(len(MODEL.identity)) for _ in range(count)]


def of_part(*names: str) -> np.ndarray:
    return np.isin(MODEL.vertex_part, [PART_NAMES.index(n) for n in names])


def gap(vertices: np.ndarray, loop: np.ndarray, upper_count: int) -> np.ndarray:
    """Height of the opening over its upper run, without the corners."""
    upper = loop[1 : upper_count - 1]
    lower = np.concatenate([loop[upper_count - 1 :], loop[:1]])
    lower = lower[np.argsort(vertices[lower, 0])]
    x = vertices[upper, 0]
    return vertices[upper, 1] - np.interp(x, vertices[lower, 0], vertices[lower, 1])


def lip_gap(vertices: np.ndarray) -> np.ndarray:
    return gap(vertices, MODEL.lip_inner, MODEL.lip_upper_count)


def lid_gap(vertices: np.ndarray, side: str) -> np.ndarray:
    loop = MODEL.lid_left if side == "Left" else MODEL.lid_right
    return gap(vertices, loop, MODEL.lid_upper_count)


def test_frame_unit_and_origin() -> None:
    points = face_model.landmarks(MODEL, NEUTRAL)
    assert np.linalg.norm(points[263] - points[33]) == pytest.approx(1.0, abs=0.01)
    assert points[263, 0] > 0 > points[33, 0], "the subject's left is x > 0"
    assert points[10, 1] > points[152, 1], "y is up"
    assert points[4, 2] > points[234, 2], "the face looks to +z"
    head = NEUTRAL[of_part("head", "face")]
    assert head[:, 1].min() < 0 < head[:, 1].max(), "the pivot lies inside the head"
    assert head[:, 2].min() < 0 < head[:, 2].max()


def test_triangles_face_outward() -> None:
    """A skin turned inside out would vanish in a renderer that culls back faces."""
    for names in (("face", "head"), ("eye_left",), ("eye_right",)):
        mesh = MODEL.part(*names)
        p = mesh.vertices[mesh.triangles]
        normal = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
        away = p.mean(axis=1) - mesh.vertices.mean(axis=0)
        assert ((normal * away).sum(axis=1) > 0).mean() > 0.8, names


def test_skin_is_symmetric_and_closed_but_for_its_openings() -> None:
    skin = MODEL.skin()
    assert 3500 < len(skin.vertices) < 6500
    mirrored = skin.vertices * (-1, 1, 1)
    for point in mirrored[::97]:
        assert np.linalg.norm(skin.vertices - point, axis=1).min() < 1e-4
    edges = {(a, b) for t in skin.triangles.tolist() for a, b in zip(t, t[1:] + t[:1], strict=True)}
    border = {skin.index[a] for a, b in edges if (b, a) not in edges}
    openings = {*MODEL.lip_inner.tolist(), *MODEL.lid_left.tolist(), *MODEL.lid_right.tolist()}
    assert openings <= border
    neck = of_part("neck")
    assert all(neck[v] for v in border - openings), "no hole but mouth, eyes and the neck's end"


@pytest.mark.parametrize(
    ("loop", "upper_count", "start_x"),
    [
        (MODEL.lip_inner, MODEL.lip_upper_count, -1),
        (MODEL.lid_left, MODEL.lid_upper_count, None),
        (MODEL.lid_right, MODEL.lid_upper_count, None),
    ],
)
def test_loops_are_ordered_closed_borders(loop, upper_count, start_x) -> None:
    assert len(set(loop.tolist())) == len(loop)
    edges = {frozenset(e) for t in MODEL.triangles.tolist() for e in zip(t, t[1:] + t[:1])}  # noqa: B905
    pairs = zip(loop.tolist(), [*loop[1:].tolist(), int(loop[0])], strict=True)
    assert all(frozenset(pair) in edges for pair in pairs)
    start, corner = NEUTRAL[loop[0]], NEUTRAL[loop[upper_count - 1]]
    if start_x is None:
        assert abs(start[0]) < abs(corner[0]), "lids start at the inner corner"
    else:
        assert start[0] < 0 < corner[0], "lips start at the subject's right corner"
    opened = posed(jawOpen=0.5) if start_x else NEUTRAL
    assert (gap(opened, loop, upper_count) > 0).all(), "the upper run comes first"


def test_lips_meet_in_the_neutral_of_anyone() -> None:
    for who in [np.zeros(0), *people(8)]:
        assert np.abs(lip_gap(face_model.shape(MODEL, who, np.zeros(52)))).max() < 0.004


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_blink_closes_that_eye_only(side: str) -> None:
    other = "Right" if side == "Left" else "Left"
    closed = posed(**{f"eyeBlink{side}": 1.0})
    opening = lid_gap(NEUTRAL, side).max()
    assert opening > 0.08
    assert lid_gap(closed, side).max() < 0.03 * opening
    assert lid_gap(closed, side).min() > -0.15 * opening
    assert lid_gap(closed, other).max() > 0.98 * opening


def test_blink_fitted_to_a_person_closes_wide_and_narrow_eyes() -> None:
    for who in people(8):
        basis = face_blink.personal_expression(MODEL, who)
        neutral = face_model.shape(MODEL, who, np.zeros(52))
        for side in ("Left", "Right"):
            closed = neutral + basis[EXPRESSION_INDEX[f"eyeBlink{side}"]]
            # The very corners are allowed a hair: there the canthus is skin, not lid.
            assert lid_gap(closed, side)[2:-1].max() < 0.05 * lid_gap(neutral, side).max()
    other = EXPRESSION_INDEX["jawOpen"]
    np.testing.assert_array_equal(basis[other], MODEL.expression[other])


def test_closed_lids_lie_in_front_of_the_eyeball() -> None:
    closed = posed(eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    for i, loop in enumerate((MODEL.lid_left, MODEL.lid_right)):
        away = np.linalg.norm(closed[loop] - MODEL.eye_center[i], axis=1)
        # At the outer corner the skin dips to the sphere, under the fold of the lid.
        corner = np.abs(np.arange(len(loop)) - (MODEL.lid_upper_count - 1)) <= 2
        assert (away > MODEL.eye_radius[i])[~corner].all()
        assert (away > MODEL.eye_radius[i] - 0.005).all()


def test_jaw_opens_the_mouth_and_takes_the_lower_teeth_along() -> None:
    opened = posed(jawOpen=1.0)
    middle = len(lip_gap(NEUTRAL)) // 2
    assert 0.25 < lip_gap(opened)[middle] < 0.5
    assert lip_gap(posed(jawOpen=0.7))[middle] > 0.18
    move = opened - NEUTRAL
    assert np.abs(move[of_part("teeth_upper")]).max() < 0.002
    lower = of_part("teeth_lower") & (NEUTRAL[:, 2] > np.quantile(NEUTRAL[of_part("face"), 2], 0.6))
    lip = MODEL.lip_inner[MODEL.lip_upper_count + 15]
    assert move[lower, 1].mean() < 0.7 * move[lip, 1] < 0
    for part in ("gums_lower", "tongue"):
        assert move[of_part(part), 1].min() < -0.15


def test_jaw_keeps_the_lower_teeth_rigid() -> None:
    teeth = np.flatnonzero(of_part("teeth_lower"))[::37]
    before, after = NEUTRAL[teeth], posed(jawOpen=1.0)[teeth]
    span = np.linalg.norm(before[:, None] - before[None], axis=2)
    moved = np.linalg.norm(after[:, None] - after[None], axis=2)
    assert np.abs(moved - span).max() < 0.03


@pytest.mark.parametrize("name", [n for n in EXPRESSION_NAMES if n.endswith(("Left", "Right"))])
def test_sided_shapes_move_their_side(name: str) -> None:
    skin = of_part(*SKIN_PARTS)
    size = np.linalg.norm(MODEL.expression[EXPRESSION_INDEX[name]], axis=1)
    left = size[skin & (NEUTRAL[:, 0] > 0.1)].sum()
    right = size[skin & (NEUTRAL[:, 0] < -0.1)].sum()
    if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        sideways = posed(**{name: 1.0})[MODEL.lip_inner, 0].mean()
        assert sideways * (1 if name.endswith("Left") else -1) > 0.02
    else:
        mine, other = (left, right) if name.endswith("Left") else (right, left)
        assert mine > 5 * other > -1


def test_every_shape_does_something_and_both_sides_mirror() -> None:
    mirror = {n: n.replace("Left", "Right") for n in EXPRESSION_NAMES if n.endswith("Left")}
    skin = MODEL.skin()
    # Pair left and right by position; exact, because the mesh is symmetric.
    pair = [
        int(np.argmin(((skin.vertices - p * (-1, 1, 1)) ** 2).sum(axis=1)))
        for p in skin.vertices[::23]
    ]
    for name in EXPRESSION_NAMES:
        mine = skin.expression[EXPRESSION_INDEX[name]]
        assert np.linalg.norm(mine, axis=1).max() > 0.005, name
        if name in mirror:
            other = skin.expression[EXPRESSION_INDEX[mirror[name]]]
            np.testing.assert_allclose(mine[::23] * (-1, 1, 1), other[pair], atol=5e-4)


def test_named_directions() -> None:
    middle = len(lip_gap(NEUTRAL)) // 2
    points = face_model.landmarks(MODEL, NEUTRAL)

    def landmark(n: int, **values: float) -> np.ndarray:
        return face_model.landmarks(MODEL, posed(**values))[n] - points[n]

    def width(**values: float) -> float:
        p = face_model.landmarks(MODEL, posed(**values))
        return float(p[291, 0] - p[61, 0])

    assert landmark(55, browInnerUp=1.0)[1] > 0.02
    assert landmark(285, browDownLeft=1.0)[1] < -0.01
    assert landmark(291, mouthSmileLeft=1.0)[1] > 0.02
    assert landmark(61, mouthFrownRight=1.0)[1] < -0.01
    assert width(mouthSmileLeft=1.0, mouthSmileRight=1.0) > 1.08 * width()
    assert width(mouthPucker=1.0) < 0.85 * width()
    assert lip_gap(posed(mouthFunnel=1.0))[middle] > 0.03
    assert lid_gap(posed(eyeWideLeft=1.0), "Left").max() > 1.1 * lid_gap(NEUTRAL, "Left").max()
    both = posed(jawOpen=1.0, mouthClose=1.0)
    assert lip_gap(both).max() < 0.02, "mouthClose closes the lips of an open jaw"


def test_tongue_comes_out_between_the_lips() -> None:
    out = posed(tongueOut=1.0)
    tongue = of_part("tongue")
    lips_front = NEUTRAL[MODEL.lip_inner, 2].max()
    assert NEUTRAL[tongue, 2].max() < lips_front
    assert out[tongue, 2].max() > lips_front + 0.2
    upper, lower = MODEL.lip_inner[: MODEL.lip_upper_count], MODEL.lip_inner[40:]
    at_lips = out[tongue & (np.abs(out[:, 2] - lips_front) < 0.05)]
    middle = np.abs(at_lips[:, 0]) < 0.05
    top = out[upper[np.argmin(np.abs(out[upper, 0]))], 1]
    bottom = out[lower[np.argmin(np.abs(out[lower, 0]))], 1]
    assert at_lips[middle, 1].max() < top + 0.02
    assert at_lips[middle, 1].min() > bottom - 0.02
    np.testing.assert_array_equal(out[of_part("teeth_lower")], NEUTRAL[of_part("teeth_lower")])


def test_teeth_stay_behind_closed_lips() -> None:
    for who in [np.zeros(0), *people(8)]:
        vertices = face_model.shape(MODEL, who, np.zeros(52))
        front = vertices[of_part("teeth_upper", "teeth_lower"), 2].max()
        middle = MODEL.lip_inner[np.abs(NEUTRAL[MODEL.lip_inner, 0]) < 0.05]
        assert front < vertices[middle, 2].max() + 0.02


def test_eyeballs_are_spheres_that_follow_identity() -> None:
    for who in [np.zeros(0), *people(4)]:
        vertices = face_model.shape(MODEL, who, np.zeros(52))
        centre, radius = face_model.eyes(MODEL, who)
        for i, name in enumerate(("eye_left", "eye_right")):
            away = np.linalg.norm(vertices[of_part(name)] - centre[i], axis=1)
            np.testing.assert_allclose(away, radius[i], atol=0.003)
    assert centre[0, 0] > 0 > centre[1, 0]


def test_iris_is_painted_within_its_angle() -> None:
    eye = of_part("eye_left")
    axis = (NEUTRAL[eye] - MODEL.eye_center[0]) / MODEL.eye_radius[0]
    angle = np.arccos(np.clip(axis[:, 2], -1, 1))
    brightness = MODEL.vertex_albedo[eye].mean(axis=1)
    assert brightness[angle < 0.9 * MODEL.iris_angle].max() < 120
    assert brightness[angle > 1.1 * MODEL.iris_angle].min() > 200


def test_gaze_turns_the_named_way() -> None:
    left, right = face_model.gaze_angles(expression(eyeLookInLeft=1.0, eyeLookOutRight=1.0))
    assert left[1] < 0 and right[1] < 0, "both eyes look to the subject's right"
    np.testing.assert_allclose(np.degrees([left[1], right[1]]), -30.0, atol=1e-3)
    up = face_model.gaze_angles(expression(eyeLookUpLeft=1.0))
    assert up[0, 0] < 0 and up[1, 0] == 0, "+pitch looks down"
    eyeballs = of_part("eye_left", "eye_right")
    assert not MODEL.expression[:, eyeballs].any()


def test_landmarks_lie_where_their_names_say() -> None:
    p = face_model.landmarks(MODEL, NEUTRAL)
    face = NEUTRAL[of_part("face")]
    assert np.linalg.norm(p[4] - face[np.argmax(face[:, 2])]) < 0.12, "nose tip"
    loops = {
        "lips": (MODEL.lip_inner, (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318)),
        "right eye": (MODEL.lid_right, (33, 246, 161, 160, 159, 158, 157, 153, 145, 144, 163, 7)),
        "left eye": (MODEL.lid_left, (263, 466, 388, 387, 386, 385, 384, 380, 374, 373, 390, 249)),
    }
    for name, (loop, numbers) in loops.items():
        chain = NEUTRAL[[*loop.tolist(), int(loop[0])]]
        for n in numbers:
            a, e = chain[:-1], np.diff(chain, axis=0)
            t = np.clip(((p[n] - a) * e).sum(axis=1) / (e * e).sum(axis=1), 0, 1)
            assert np.linalg.norm(a + t[:, None] * e - p[n], axis=1).min() < 1e-4, (name, n)
    assert p[13, 1] >= p[14, 1] - 0.003
    for a, b in ((33, 263), (61, 291), (133, 362), (234, 454), (159, 386), (78, 308), (50, 280)):
        np.testing.assert_allclose(p[a] * (-1, 1, 1), p[b], atol=0.01)
    assert np.abs(p[[10, 151, 9, 168, 4, 0, 13, 14, 17, 152], 0]).max() < 0.015, "the midline"


def test_landmarks_are_points_of_their_triangles() -> None:
    weights = MODEL.landmark_weights
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-5)
    part = MODEL.triangle_part[MODEL.landmark_triangle]
    assert set(part.tolist()) <= {PART_NAMES.index("face"), PART_NAMES.index("head")}


def test_opening_the_mouth_separates_the_lip_landmarks() -> None:
    p = face_model.landmarks(MODEL, posed(jawOpen=1.0))
    for upper, lower in ((13, 14), (82, 87), (312, 317), (12, 15), (0, 17)):
        assert p[upper, 1] - p[lower, 1] > 0.2


def test_lining_and_lid_margins_join_the_skin_without_a_crack() -> None:
    for name, loop in (
        ("mouth_socket", MODEL.lip_inner),
        ("lid_margin_left", MODEL.lid_left),
        ("lid_margin_right", MODEL.lid_right),
    ):
        own = np.flatnonzero(of_part(name))
        for v in loop.tolist():
            twin = own[np.argmin(((NEUTRAL[own] - NEUTRAL[v]) ** 2).sum(axis=1))]
            np.testing.assert_array_equal(NEUTRAL[twin], NEUTRAL[v])
            np.testing.assert_array_equal(MODEL.expression[:, twin], MODEL.expression[:, v])
            np.testing.assert_array_equal(MODEL.identity[:, twin], MODEL.identity[:, v])


def test_parts_can_be_taken_alone() -> None:
    skin = MODEL.skin()
    assert skin.expression.shape == (52, len(skin.vertices), 3)
    assert skin.triangles.max() == len(skin.vertices) - 1
    np.testing.assert_array_equal(skin.vertices, MODEL.vertices[skin.index])
    with pytest.raises(BadInput, match="nose"):
        MODEL.part("nose")


def test_wrong_weights_are_refused() -> None:
    with pytest.raises(BadInput, match="52"):
        face_model.shape(MODEL, [], np.zeros(51))
    with pytest.raises(BadInput, match="identity"):
        face_model.shape(MODEL, np.zeros(len(MODEL.identity) + 1), np.zeros(52))


def test_damaged_file_is_a_plain_error(tmp_path: Path) -> None:
    whole = Path(face_model.__file__).with_name("face_model.npz").read_bytes()
    broken = tmp_path / "face_model.npz"
    for content in (b"", b"not a zip", whole[: len(whole) // 2]):
        broken.write_bytes(content)
        with pytest.raises(BadInput, match="reinstall"):
            face_model.read(broken)
    with pytest.raises(BadInput):
        face_model.read(tmp_path / "absent.npz")


def test_file_is_small() -> None:
    assert Path(face_model.__file__).with_name("face_model.npz").stat().st_size < 4_000_000
