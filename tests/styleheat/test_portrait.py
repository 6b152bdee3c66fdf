# SPDX-License-Identifier: GPL-3.0-or-later
"""From coefficients to the networks and back: vectors, windows, edits, exports, shortages."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bridge import motion_clip
from bridge.coefficients import EXPRESSION_INDEX, Coefficients
from bridge.errors import BadInput, MissingHere, UsageError
from bridge.motion_clip import MotionClip
from heat_backend.cli.main import main
from heat_backend.engines.protocol import BasePortrait, EngineSettings, frame_drawer
from heat_backend.engines.registry import engine_names, make_engine
from heat_backend.export.run import export
from heat_backend.media.photo import Photo
from heat_backend.serve.fair_lock import FairLock, LockedPortrait
from heat_backend.styleheat import network_driver
from heat_backend.styleheat.bfm.expression_map import ExpressionMap
from heat_backend.styleheat.bfm.head_pose import HeadMotion
from heat_backend.styleheat.crops.paste_back import paste_back
from heat_backend.styleheat.description import StyleHeatOptions
from heat_backend.styleheat.driving.paper_motion import PaperMotion, load_motion
from heat_backend.styleheat.editing.frame_edits import NOTHING, FrameEdits
from heat_backend.styleheat.portrait import CoefficientMapper, Editing, StyleHeatPortrait

RNG = np.random.default_rng(2)
VECTOR = RNG.normal(0, 0.3, 73).astype(np.float32)
EXPRESSION_MATRIX = RNG.normal(0, 0.5, (64, 52)).astype(np.float32)
VECTOR[67:73] = 0, 0, 0.4, 0.6, 128, 128
STANDARD = np.array(
    [[-0.3, 0.3, 0.1], [0.3, 0.3, 0.1], [0, 0, 0.5], [-0.25, -0.4, 0.2], [0.25, -0.4, 0.2]]
)


class Recorder:
    """Stands for the networks: remembers what it is asked for."""

    def __init__(self) -> None:
        self.windows: list = []
        self.edits: list = []
        self.expected: list = []
        self.notes: tuple[str, ...] = ()

    def descriptors(self, windows):
        self.windows.append(windows)
        return windows.mean(axis=2)

    def picture(self, descriptor, frame_edits=NOTHING):
        self.edits.append(frame_edits)
        tone = int(abs(descriptor[0]) * 1000) % 256
        return np.full((1024, 1024, 3), tone, np.uint8)

    def prefetch(self, descriptor, frame_edits=NOTHING):
        self.expected.append(descriptor)


def mapper() -> CoefficientMapper:
    blank = np.zeros(52, np.float32)
    expressions = ExpressionMap(EXPRESSION_MATRIX, blank, blank, np.zeros(3, np.float32), 0.9)
    return CoefficientMapper(
        HeadMotion(VECTOR, STANDARD, np.array([0, -0.2, -0.9]), 0.9), expressions
    )


def portrait_of(driver) -> StyleHeatPortrait:
    photo = np.full((96, 80, 3), 90, np.uint8)
    to_photo = np.array([[0.05, 0.0, 15.0], [0.0, 0.05, 20.0]])
    editing = Editing(("age",))
    return StyleHeatPortrait(driver, mapper(), paste_back(photo, to_photo), ("note",), editing)


def moving(frames: int, **more) -> MotionClip:
    expression = np.zeros((frames, 52), np.float32)
    expression[:, EXPRESSION_INDEX["jawOpen"]] = np.linspace(0, 1, frames)
    rotation = np.zeros((frames, 3), np.float32)
    rotation[:, 1] = np.linspace(-0.2, 0.2, frames)
    return MotionClip(25.0, expression, rotation, np.zeros((frames, 3), np.float32), **more)


def test_zero_coefficients_are_exactly_the_photos_vector_held() -> None:
    driver = Recorder()
    portrait_of(driver).render(Coefficients.zero())
    (windows,) = driver.windows
    assert windows.shape == (1, 73, 27)
    assert (windows[0] == VECTOR[:, None]).all()


def test_expression_is_added_to_the_photos_own() -> None:
    made = mapper()
    moved = made.vector(Coefficients.of(expression={"jawOpen": 0.5}))
    wanted = VECTOR[:64] + 0.5 * made.expressions.matrix[:, EXPRESSION_INDEX["jawOpen"]]
    np.testing.assert_allclose(moved[:64], wanted, atol=1e-6)
    np.testing.assert_array_equal(moved[64:], VECTOR[64:])


def test_export_sees_the_clip_around_each_frame_and_preview_a_held_pose(tmp_path: Path) -> None:
    driver = Recorder()
    portrait = portrait_of(driver)
    clip = moving(40)
    result = export(
        LockedPortrait(portrait, FairLock()),
        clip,
        tmp_path / "frames",
        frames=range(20, 23),
        fps=25.0,
        resume=False,
        engine_label="styleheat 1",
        progress=lambda *_: None,
        cancelled=lambda: False,
        portrait_id="p",
    )
    assert len(result.files) == 3
    (windows,) = driver.windows
    assert windows.shape == (40, 73, 27)
    vectors = mapper().vectors(clip)
    np.testing.assert_array_equal(windows[20], vectors[7:34].T)
    np.testing.assert_array_equal(windows[0][:, :14], np.repeat(vectors[:1], 14, axis=0).T)
    np.testing.assert_array_equal(driver.expected, windows[21:24].mean(axis=2))
    portrait.render(clip.frame(20))
    assert len(driver.expected) == 3, "a preview expects nothing"
    np.testing.assert_array_equal(driver.windows[-1][0], np.repeat(vectors[20][:, None], 27, 1))


def test_a_preview_with_neighbours_is_the_exported_frame() -> None:
    driver = Recorder()
    portrait = portrait_of(driver)
    clip = moving(40)
    exported = frame_drawer(portrait, clip)(20, None)
    neighbours = tuple(clip.frame(index) for index in range(7, 34))
    clamped_256 = LockedPortrait(portrait, FairLock()).render_within(
        clip.frame(20), neighbours, None
    )
    np.testing.assert_array_equal(driver.windows[-1][0], driver.windows[0][20])
    np.testing.assert_array_equal(clamped_256, exported)


def test_frames_of_other_engines_are_rendered_one_by_one() -> None:
    class Plain(BasePortrait):
        width = height = 2

        def render(self, coefficients, out=None):
            return np.full((2, 2, 4), round(100 * float(coefficients.rotation[1]) + 100), np.uint8)

    draw = frame_drawer(Plain(), moving(5))
    assert draw(0, None)[0, 0, 0] == 80 and draw(4, None)[0, 0, 0] == 120


def test_edits_of_each_frame_reach_the_networks() -> None:
    driver = Recorder()
    clip = moving(3, edits=np.array([[0.0], [0.5], [1.0]], np.float32), edit_names=("age",))
    draw = frame_drawer(portrait_of(driver), clip)
    for index in range(3):
        draw(index, None)
    assert [dict(asked.live) for asked in driver.edits] == [{}, {"age": 0.5}, {"age": 1.0}]


def test_published_motions_are_used_as_they_are(tmp_path: Path) -> None:
    vectors = RNG.normal(size=(30, 73)).astype(np.float32)
    np.save(tmp_path / "motion.npy", vectors)
    motion = load_motion(tmp_path / "motion.npy")
    assert len(motion.clip) == 30 and motion.clip.fps == 25.0
    driver = Recorder()
    frame_drawer(motion.onto(portrait_of(driver)), motion.clip)(3, None)
    np.testing.assert_array_equal(driver.windows[0][13], vectors[:27].T)
    other = PaperMotion(motion.clip, vectors + 1)
    assert motion.key != other.key, "shots of different motions are different"


def test_published_motions_need_this_engine(tmp_path: Path) -> None:
    vectors = np.zeros((3, 73), np.float32)
    with pytest.raises(UsageError, match="styleheat"):
        PaperMotion(moving(3), vectors).onto(BasePortrait())


def test_a_motion_without_numbers_is_refused() -> None:
    vectors = np.zeros((5, 73), np.float32)
    vectors[3, 7] = np.nan
    with pytest.raises(BadInput, match="frame 4"):
        portrait_of(Recorder()).vector_drawer(vectors)


class Short:
    """A portrait made ready on a device with little memory."""

    def __init__(self, half: bool, fits: bool, at_most: int = 64) -> None:
        self.half, self.fits, self.at_most = half, fits, at_most

    def descriptors(self, windows):
        if len(windows) > self.at_most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return torch.zeros(len(windows), 256, 1)

    def picture(self, descriptor):
        if not self.fits:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return np.zeros((4, 4, 3), np.uint8)


def test_shortage_is_met_by_half_precision_and_reported() -> None:
    driver = network_driver.NetworkDriver(lambda edits, half: Short(half, half), "cpu", half=False)
    assert driver.picture(np.zeros(256, np.float32)).shape == (4, 4, 3)
    assert driver.notes == (network_driver.HALF_PRECISION_NOTE,)
    driver.picture(np.zeros(256, np.float32))
    assert driver.notes == (network_driver.HALF_PRECISION_NOTE,), "told once"


def test_shortage_even_so_says_what_to_do() -> None:
    driver = network_driver.NetworkDriver(lambda edits, half: Short(half, False), "cpu", half=False)
    with pytest.raises(MissingHere, match="about 4 GB"):
        driver.picture(np.zeros(256, np.float32))


def test_windows_go_in_smaller_batches_where_memory_is_short() -> None:
    driver = network_driver.NetworkDriver(
        lambda edits, half: Short(half, True, 5), "cpu", half=False
    )
    assert driver.descriptors(np.zeros((70, 73, 27), np.float32)).shape == (70, 256)
    driver = network_driver.NetworkDriver(
        lambda edits, half: Short(half, True, 0), "cpu", half=False
    )
    with pytest.raises(MissingHere):
        driver.descriptors(np.zeros((2, 73, 27), np.float32))


def test_other_errors_are_not_taken_for_shortages() -> None:
    def broken(edits, half):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        network_driver.NetworkDriver(broken, "cpu", half=False).picture(np.zeros(256, np.float32))


def test_only_the_newest_edit_is_kept() -> None:
    made: list = []

    def make(edits, half):
        made.append(dict(edits.live))
        return Short(half, True)

    driver = network_driver.NetworkDriver(make, "cpu", half=False)
    z = np.zeros(256, np.float32)
    for edits in ({}, {"age": 0.5}, {"age": 0.5}, {"age": 0.0}, {"age": 0.6}):
        driver.picture(z, FrameEdits.held(edits))
    assert made == [{}, {"age": 0.5}, {"age": 0.6}]


def test_engine_is_in_the_list_and_says_what_it_needs(tmp_path, monkeypatch, capsys) -> None:
    assert "styleheat" in engine_names()
    monkeypatch.setenv("HEAT_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(MissingHere, match="heat weights fetch"):
        make_engine("styleheat").prepare(
            Photo(np.zeros((64, 64, 3), np.uint8)), EngineSettings(), print, lambda: False
        )
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "p.png")
    motion_clip.save(moving(2), tmp_path / "clip.npz")
    command = ["render", "--portrait", str(tmp_path / "p.png"), "--engine", "styleheat"]
    command += ["--motion", str(tmp_path / "clip.npz"), "--out", str(tmp_path / "out.mp4")]
    assert main(command) == 4
    assert "heat weights fetch" in capsys.readouterr().err


def test_bench_of_this_engine_is_its_stages_only(monkeypatch) -> None:
    from heat_backend.bench import collect

    monkeypatch.setattr(
        "heat_backend.styleheat.bench_section.rows", lambda settings, report: ["stages"]
    )
    settings = collect.BenchSettings(engine="styleheat")
    assert collect.collect(settings, None, print) == ["stages"]


def test_expressions_that_the_basis_cannot_show_are_reported() -> None:
    from heat_backend.styleheat.styleheat_engine import unrepresented

    shares = np.zeros(52, np.float32)
    shares[EXPRESSION_INDEX["tongueOut"]] = 0.9
    blank = np.zeros((64, 52), np.float32)
    (note,) = unrepresented(ExpressionMap(blank, shares, shares, np.zeros(3, np.float32), 0.9))
    assert "tongueOut" in note and "jawOpen" not in note


def test_unknown_inversion_is_wrong_usage(tmp_path, monkeypatch) -> None:
    with pytest.raises(UsageError, match="encode, optimize, coarse"):
        make_engine("styleheat").prepare(
            Photo(np.zeros((64, 64, 3), np.uint8)),
            EngineSettings(options=StyleHeatOptions(inversion="magic")),
            print,
            lambda: False,
        )
