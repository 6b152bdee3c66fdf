# SPDX-License-Identifier: GPL-3.0-or-later
"""A small training run: the corpus, examples, a falling loss, a stop and a resumed run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, the extra networks")
pytest.importorskip("onnx", reason="needs onnx, with which files of networks are written")

from tests.speech.sounds import needs_espeak, needs_flite
from tools.speech_training import onnx_file
from tools.speech_training.corpus import (
    HELD_OUT_LANGUAGES,
    HELD_OUT_VARIANTS,
    LANGUAGES,
    VARIANTS,
    Corpus,
    build,
)
from tools.speech_training.examples import Backgrounds, batch, batches
from tools.speech_training.network import Shape
from tools.speech_training.train import Plan, Trainer, train

pytestmark = pytest.mark.slow

SMALL = Shape((4, 6, 8), 16, 16, 1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    build(folder, 0.01, 5, lambda text: None, {"espeak-ng": 0.6, "flite": 0.4})
    return Corpus(folder)


@needs_espeak
@needs_flite
def test_learning_lowers_the_loss_and_goes_on_where_it_stopped(
    corpus: Corpus, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    fixed = batch(corpus, 6, rng, None)
    trainer = Trainer(Plan(steps=60, batch=4, rate=5e-3, warm_up=5), SMALL)
    before = trainer.losses(fixed)
    drawn = batches(corpus.folder, 4, 7)
    train(trainer, drawn, lambda now: now.save(tmp_path / "state.pt"), lambda text: None)
    drawn.close()
    after = trainer.losses(fixed)
    assert after.total.item() < 0.85 * before.total.item()
    assert after.channels < before.channels
    again = Trainer(Plan(steps=60, batch=4), SMALL)
    again.resume(tmp_path / "state.pt")
    assert again.step == 60
    assert again.losses(fixed).total.item() == pytest.approx(after.total.item(), rel=1e-3)
    onnx_file.save(again.network, tmp_path / "small.onnx")
    assert onnx_file.load(tmp_path / "small.onnx").shape == SMALL


@needs_espeak
@needs_flite
def test_examples_hold_speech_pauses_and_closures(corpus: Corpus) -> None:
    rng = np.random.default_rng(1)
    drawn = batch(corpus, 16, rng, Backgrounds(rng))
    assert drawn.log_mel.shape[1] == 2 * drawn.channels.shape[1]
    assert np.isfinite(drawn.log_mel).all()
    assert 0.4 < drawn.speech.mean() < 0.95
    assert 0.03 < drawn.closure.mean() < 0.3
    assert drawn.channels.min() >= 0.0
    assert drawn.channels.max() < 1.0


def test_no_voice_is_both_trained_on_and_measured_with() -> None:
    assert not set(VARIANTS) & set(HELD_OUT_VARIANTS)
    assert not set(LANGUAGES) & set(HELD_OUT_LANGUAGES)
