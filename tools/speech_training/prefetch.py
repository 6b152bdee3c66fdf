# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches of training examples, drawn by another process while the network learns."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from tools.speech_training.corpus import Corpus
from tools.speech_training.examples import Backgrounds, Batch, batch

RENEW_EVERY = 3
AHEAD = 4

_state: dict[str, object] = {}


def batches(folder: Path, size: int, seed: int, first: int = 0) -> Generator[Batch]:
    """Draw batches of ``size`` without end; each follows from ``seed`` and its number.

    Parameters
    ----------
    folder : Path
        Of the training set.
    size, seed : int
    first : int
        Number of the first batch.

    Raises
    ------
    BadInput
        There is no training set.
    """
    Corpus(folder)  # tells what is wrong with it here, not in the other process
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=_open, initargs=(folder, seed)
    ) as pool:
        waiting: deque[Future[Batch]] = deque()
        number = first
        try:
            while True:
                while len(waiting) < AHEAD:
                    waiting.append(pool.submit(_draw, size, seed, number))
                    number += 1
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _open(folder: Path, seed: int) -> None:
    _state["corpus"] = Corpus(folder)
    _state["backgrounds"] = Backgrounds(np.random.default_rng(seed))


def _draw(size: int, seed: int, number: int) -> Batch:
    corpus, backgrounds = _state["corpus"], _state["backgrounds"]
    assert isinstance(corpus, Corpus) and isinstance(backgrounds, Backgrounds)
    rng = np.random.default_rng((seed, number))
    if number % RENEW_EVERY == 0:
        backgrounds.renew(rng)
    return batch(corpus, size, rng, backgrounds)
