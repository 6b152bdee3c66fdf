# SPDX-License-Identifier: GPL-3.0-or-later
import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from bridge import motion_clip
from bridge.coefficients import EXPRESSION_NAMES
from bridge.errors import BadInput
from bridge.motion_clip import MotionClip


def make_clip(frames=4, **changes):
    rng = np.random.default_rng(0)
    fields = {
        "fps": 24000 / 1001,
        "expression": rng.uniform(0, 1, (frames, 52)),
        "rotation": rng.normal(size=(frames, 3)),
        "translation": rng.normal(size=(frames, 3)),
        "edits": rng.normal(size=(frames, 2)),
        "edit_names": ("age", "jaw_width"),
        "confidence": np.ones(frames),
        "source": "take 1.mp4",
    }
    return MotionClip(**{**fields, **changes})


def raw_fields(clip=None):
    file = io.BytesIO()
    motion_clip.write(clip or make_clip(), file)
    with np.load(io.BytesIO(file.getvalue()), allow_pickle=False) as fields:
        return {name: fields[name] for name in fields.files}


def saved(tmp_path, fields):
    path = tmp_path / "clip.npz"
    np.savez(path, **fields)
    return path


def test_a_saved_clip_comes_back_whole(tmp_path):
    clip = make_clip()
    path = tmp_path / "a clip ü.npz"
    motion_clip.save(clip, path)
    again = motion_clip.load(path)
    for name in ("expression", "rotation", "translation", "edits", "confidence"):
        np.testing.assert_array_equal(getattr(again, name), getattr(clip, name))
    assert (again.fps, again.edit_names, again.source) == (clip.fps, clip.edit_names, clip.source)
    assert again.frame(2).same_as(clip.frame(2))
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_what_the_contract_says(tmp_path):
    motion_clip.save(make_clip(), tmp_path / "c.npz")
    with np.load(tmp_path / "c.npz", allow_pickle=False) as fields:
        assert str(fields["format"]) == "heat-motion"
        assert int(fields["version"]) == 1
        assert tuple(fields["expression_names"]) == EXPRESSION_NAMES
        assert fields["expression"].shape == (4, 52)
        assert fields["expression"].dtype == np.float32


def test_optional_fields_may_be_absent(tmp_path):
    bare = make_clip(edits=None, edit_names=(), confidence=None, source=None)
    motion_clip.save(bare, tmp_path / "c.npz")
    again = motion_clip.load(tmp_path / "c.npz")
    assert again.edits is None
    assert again.confidence is None
    assert again.frame(0).edits == {}


def test_names_in_another_order_are_put_right(tmp_path):
    clip = make_clip()
    fields = raw_fields(clip)
    fields["expression_names"] = fields["expression_names"][::-1]
    fields["expression"] = fields["expression"][:, ::-1]
    again = motion_clip.load(saved(tmp_path, fields))
    np.testing.assert_array_equal(again.expression, clip.expression)


def test_the_source_loses_its_folder(tmp_path):
    fields = raw_fields()
    fields["source"] = np.array("C:\\films\\take.mp4")
    assert motion_clip.load(saved(tmp_path, fields)).source == "take.mp4"


def with_nan(fields):
    fields["rotation"][2, 1] = np.nan


BAD_FIELDS = {
    "no frames": (
        lambda f: f.update(expression=np.zeros((0, 52), np.float32)),
        "expression: .* no f",
    ),
    "nan": (with_nan, "rotation: a value of frame 3"),
    "shape": (lambda f: f.update(translation=f["translation"][:, :2]), "translation: shape"),
    "uneven": (lambda f: f.update(rotation=f["rotation"][:-1]), "rotation: shape"),
    "51 names": (
        lambda f: f.update(expression_names=f["expression_names"][:-1]),
        "expression_names",
    ),
    "strange name": (
        lambda f: f.update(expression_names=np.array(["smirk", *EXPRESSION_NAMES[1:]])),
        "expression_names: unknown name 'smirk'",
    ),
    "newer": (lambda f: f.update(version=np.array(2)), "version: 2 is newer"),
    "other format": (lambda f: f.update(format=np.array("else")), "format"),
    "no format": (lambda f: f.pop("format"), "format: missing"),
    "fps 0": (lambda f: f.update(fps=np.array(0.0)), "fps"),
    "fps nan": (lambda f: f.update(fps=np.array(np.nan)), "fps"),
    "fps text": (lambda f: f.update(fps=np.array("24")), "fps"),
    "edits": (lambda f: f.update(edits=f["edits"][:, :1]), "edits: shape"),
    "edit twice": (lambda f: f.update(edit_names=np.array(["a", "a"])), "edit_names"),
    "confidence": (lambda f: f.update(confidence=np.ones(3)), "confidence: shape"),
    "text as numbers": (lambda f: f.update(expression=np.full((4, 52), "x")), "expression"),
    "missing": (lambda f: f.pop("rotation"), "rotation: missing"),
}


@pytest.mark.parametrize("case", BAD_FIELDS)
def test_a_bad_field_is_refused_by_its_name(tmp_path, case):
    spoil, message = BAD_FIELDS[case]
    fields = raw_fields()
    spoil(fields)
    with pytest.raises(BadInput, match=message):
        motion_clip.load(saved(tmp_path, fields))


def test_pickled_objects_are_never_loaded(tmp_path):
    fields = raw_fields()
    fields["source"] = np.array({"a": 1}, dtype=object)
    path = tmp_path / "p.npz"
    np.savez(path, **fields)
    with pytest.raises(BadInput, match="not a motion clip"):
        motion_clip.load(path)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.95])
def test_a_truncated_file_is_refused(tmp_path, keep):
    motion_clip.save(make_clip(), tmp_path / "c.npz")
    data = (tmp_path / "c.npz").read_bytes()
    size = int(len(data) * keep) if isinstance(keep, float) else keep
    (tmp_path / "c.npz").write_bytes(data[:size])
    with pytest.raises(BadInput, match=r"c\.npz"):
        motion_clip.load(tmp_path / "c.npz")


def test_damaged_bytes_are_refused(tmp_path):
    motion_clip.save(make_clip(200), tmp_path / "c.npz")
    data = bytearray((tmp_path / "c.npz").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20] = bytes(20)
    (tmp_path / "c.npz").write_bytes(data)
    with pytest.raises(BadInput):
        motion_clip.load(tmp_path / "c.npz")


def test_a_folder_or_a_missing_file_is_reported(tmp_path):
    with pytest.raises(BadInput):
        motion_clip.load(tmp_path)
    with pytest.raises(BadInput, match="nowhere"):
        motion_clip.load(tmp_path / "nowhere.npz")


def test_a_crafted_file_that_unpacks_to_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("expression.npy", b"x")
    data = bytearray(path.read_bytes())
    # The directory at the end of the archive claims 3 GB for the one member.
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (3 << 30).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(BadInput, match="larger than"):
        motion_clip.load(path)


def test_a_failed_save_leaves_no_file(tmp_path):
    with pytest.raises(BadInput, match="cannot write"):
        motion_clip.save(make_clip(), tmp_path / "no folder" / "c.npz")
    assert list(tmp_path.iterdir()) == []


def test_clamping_counts_the_frames():
    expression = np.zeros((5, 52))
    expression[1, 3] = 9
    expression[4, :2] = -2
    clip, changed = motion_clip.clamped(make_clip(5, expression=expression))
    assert changed == 2
    assert clip.expression.max() == 1.5
    assert clip.expression.min() == -0.5
    assert motion_clip.clamped(clip) == (clip, 0)


def test_a_frame_that_does_not_exist_is_reported():
    with pytest.raises(BadInput, match="no frame 5"):
        make_clip(4).frame(4)


def test_a_small_file_that_unpacks_to_much_is_refused_at_once(tmp_path):
    """5.9 GB of compressed booleans took 19 s and the memory; the headers alone tell."""
    path = tmp_path / "bomb.npz"
    zeros = np.zeros((5_000_000, 52), bool)
    names = {"expression_names": np.array(EXPRESSION_NAMES)}
    still = np.zeros((1, 3), np.float32)
    np.savez_compressed(path, format="heat-motion", version=1, fps=24.0, expression=zeros,
                        rotation=still, translation=still, **names)  # fmt: skip
    del zeros
    assert path.stat().st_size < 2_000_000
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match="larger than"):
            motion_clip.load(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_fields_that_no_clip_has_are_not_read(tmp_path):
    path = tmp_path / "more.npz"
    still = np.zeros((2, 3), np.float32)
    np.savez_compressed(path, format="heat-motion", version=1, fps=24.0,
                        expression=np.zeros((2, 52)), rotation=still, translation=still,
                        expression_names=np.array(EXPRESSION_NAMES),
                        huge=np.zeros(200_000_000, bool))  # fmt: skip
    assert len(motion_clip.load(path)) == 2
