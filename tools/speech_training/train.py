# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the speech network on speech that it has synthesised itself.

    sudo apt install espeak-ng flite     and what tools/speech_training/festival.py names
    python -m tools.speech_training.train --work FOLDER --out speech_net.npz

It takes ``--minutes``, whatever the machine; 90 on two cores are enough. ``--work`` keeps the
spoken corpus (1 GB) and the state of the training; the same command goes on where it was stopped.
``--begin`` starts from weights that are there, which ``--rate`` should then not shake too much.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bridge.whole_file import whole_file
from heat_backend.cli.script import run_script
from heat_backend.speech import network
from heat_backend.speech.lip_landmarks import channel_offsets
from heat_backend.speech.network import Shape, SpeechNet, parameter_count
from heat_backend.speech.visemes import CHANNEL, COUNT
from tools.speech_training.corpus import build
from tools.speech_training.examples import Batch
from tools.speech_training.prefetch import batches

SAVE_EVERY = 250  # steps
AVERAGED = 0.999  # share of the mean that each step leaves as it is
LANDMARK_UNIT = 0.03  # outer-eye distances that count as one
CHANNEL_UNIT = 0.08
TONGUE_AND_CLOSE = 1.5  # these two matter more to the eye than their size
MOVING = 0.5  # weight of the error of the velocity
SHUT, SPEECH, KIND = 1.0, 0.2, 0.15


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn.

    The rate of learning falls with the share of ``minutes`` or of ``steps`` that is over,
    whichever is further. ``half`` computes in bfloat16, which newer processors do much faster.
    """

    minutes: float = 90.0
    steps: int = 20000
    half: bool = False
    batch: int = 12
    rate: float = 1.6e-3
    warm_up: int = 200
    decay: float = 1e-2
    seed: int = 7


@dataclass(frozen=True)
class Losses:
    """The parts of the loss of one step."""

    total: Tensor
    channels: float
    landmarks: float
    shut: float
    speech: float
    kind: float


class Trainer:
    """A network, its optimiser and the step it has come to."""

    def __init__(self, plan: Plan, shape: Shape | None = None) -> None:
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.network = SpeechNet(shape)
        self.average = self._averaging()
        self.step = 0
        self.seconds = 0.0
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=plan.rate, weight_decay=plan.decay
        )
        self._offsets = torch.from_numpy(channel_offsets().reshape(COUNT, -1)) / LANDMARK_UNIT
        self._scale = torch.full((COUNT,), 1.0 / CHANNEL_UNIT)
        self._scale[[CHANNEL["tongueOut"], CHANNEL["mouthClose"]]] *= TONGUE_AND_CLOSE

    def _averaging(self) -> AveragedModel:
        return AveragedModel(
            self.network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED), use_buffers=True
        )

    def begin(self, path: Path) -> None:
        """Start from another training's weights."""
        self.network.load_state_dict(network.load(path).state_dict())
        self.average = self._averaging()

    @property
    def learnt(self) -> SpeechNet:
        """The network with the mean of its latest weights, which carries over better."""
        learnt = self.average.module
        assert isinstance(learnt, SpeechNet)
        return learnt

    def learn(self, examples: Batch) -> Losses:
        """Take one step."""
        began = time.monotonic()
        self.network.train()
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate()
        losses = self.losses(examples)
        self._optimiser.zero_grad()
        losses.total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()
        self.average.update_parameters(self.network)
        self.step += 1
        self.seconds += time.monotonic() - began
        return losses

    @property
    def done(self) -> float:
        """Share of the plan that is over, 0 to 1."""
        plan = self.plan
        return min(1.0, max(self.step / plan.steps, self.seconds / 60.0 / plan.minutes))

    def losses(self, examples: Batch) -> Losses:
        """Compare the network's answer with what it should be."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.half):
            answers = self.network(torch.from_numpy(examples.heard))
        channels, shut, speech, kind = (answer.float() for answer in answers)
        error = channels - torch.from_numpy(examples.channels)
        moving = error[:, 1:] - error[:, :-1]
        scaled = (error * self._scale).abs()
        channel = nn.functional.smooth_l1_loss(scaled, torch.zeros_like(scaled))
        channel = channel + MOVING * (moving * self._scale).abs().mean()
        landmark = (error @ self._offsets).abs().mean()
        parts = (
            nn.functional.binary_cross_entropy_with_logits(shut, torch.from_numpy(examples.shut)),
            nn.functional.binary_cross_entropy_with_logits(
                speech, torch.from_numpy(examples.speech)
            ),
            nn.functional.cross_entropy(
                kind.flatten(0, 1), torch.from_numpy(examples.kind).flatten()
            ),
        )
        total = channel + landmark + SHUT * parts[0] + SPEECH * parts[1] + KIND * parts[2]
        return Losses(total, channel.item(), landmark.item(), *(p.item() for p in parts))

    def _rate(self) -> float:
        plan = self.plan
        if self.step < plan.warm_up:
            return plan.rate * (self.step + 1) / plan.warm_up
        return plan.rate * (0.02 + 0.98 * 0.5 * (1.0 + float(np.cos(np.pi * self.done))))

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "plan": asdict(self.plan),
            "shape": asdict(self.network.shape),
        }
        with whole_file(path) as part:
            torch.save(state, part)

    def resume(self, path: Path) -> None:
        """Go on from what ``save`` wrote."""
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])
        self.seconds = float(state["seconds"])


def train(
    trainer: Trainer,
    examples: Iterator[Batch],
    keep: Callable[[Trainer], None],
    tell: Callable[[str], None],
) -> None:
    """Learn until the plan is over; ``keep`` is called now and then, and at the end."""
    recent: list[tuple[float, ...]] = []
    while trainer.done < 1.0:
        began = time.monotonic()
        drawn = next(examples)
        trainer.seconds += time.monotonic() - began
        done = trainer.learn(drawn)
        recent.append((done.channels, done.landmarks, done.shut, done.speech, done.kind))
        if trainer.step % 50 == 0:
            mean = np.mean(recent, axis=0)
            names = ("channels", "landmarks", "shut", "speech", "kind")
            told = dict(zip(names, np.round(mean, 4).tolist(), strict=True))
            tell(json.dumps({"step": trainer.step, "done": round(trainer.done, 3), **told}))
            recent.clear()
        if trainer.step % SAVE_EVERY == 0:
            keep(trainer)
    keep(trainer)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for corpus and state")
    parser.add_argument("--out", type=Path, required=True, help="where the weights go (.npz)")
    parser.add_argument("--hours", type=float, default=8.0, help="speech to synthesise")
    parser.add_argument("--minutes", type=float, default=Plan.minutes, help="time to learn")
    parser.add_argument("--steps", type=int, default=Plan.steps, help="and at most so many steps")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16")
    parser.add_argument("--batch", type=int, default=Plan.batch)
    parser.add_argument("--rate", type=float, default=Plan.rate, help="of learning")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--begin", type=Path, help="weights to start from (.npz)")
    args = parser.parse_args(arguments)
    threads = os.environ.get("OMP_NUM_THREADS")
    torch.set_num_threads(int(threads) if threads else os.cpu_count() or 1)
    args.work.mkdir(parents=True, exist_ok=True)

    def tell(text: str) -> None:
        print(text, flush=True)

    if not (args.work / "sounds.npy").is_file():
        build(args.work, args.hours, args.seed, tell)
    plan = Plan(args.minutes, args.steps, args.half, args.batch, args.rate, seed=args.seed)
    trainer = Trainer(plan)
    state = args.work / "training.pt"
    if state.is_file():
        trainer.resume(state)
        tell(f"goes on from step {trainer.step}")
    elif args.begin:
        trainer.begin(args.begin)
    tell(f"{parameter_count(trainer.network)} parameters")

    def keep(now: Trainer) -> None:
        now.save(state)
        network.save(now.learnt, args.out)

    train(trainer, batches(args.work, args.batch, args.seed, trainer.step), keep, tell)
    return 0


if __name__ == "__main__":
    run_script(main)
