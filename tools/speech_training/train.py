# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the speech network on synthesised speech.

    sudo apt install espeak-ng flite     and what tools/speech_training/festival.py names
    python -m tools.speech_training.train --work FOLDER --out speech_net.onnx

It trains for ``--minutes``, whatever the machine; 90 on two cores are enough. ``--work`` keeps the
synthesised corpus (1 GB) and the state of the training; the same command goes on where it was
stopped. ``--begin`` starts from existing weights; give it a lower ``--rate``.
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
from heat_backend.speech.lip_landmarks import channel_offsets
from heat_backend.speech.visemes import CHANNEL, COUNT
from tools.speech_training import onnx_file
from tools.speech_training.corpus import build
from tools.speech_training.examples import Batch, batches
from tools.speech_training.network import Shape, SpeechNet, parameter_count

SAVE_EVERY, REPORT_EVERY = 250, 50  # steps
EMA_DECAY = 0.999  # of the exponential moving average of the weights
# Units that count as 1 in the loss, and weights of its parts; set by scores on held-out sentences.
LANDMARK_UNIT = 0.03  # outer-eye distances
CHANNEL_UNIT = 0.08
TONGUE_AND_CLOSE_WEIGHT = 1.5  # tongueOut and mouthClose are small and yet seen at once
VELOCITY_WEIGHT = 0.5
CLOSURE_WEIGHT, SPEECH_WEIGHT, CLASS_WEIGHT = 1.0, 0.2, 0.15
GRADIENT_NORM = 1.0  # beyond which gradients are scaled down, as is usual for LSTMs
LAST_RATE = 0.02  # share of the learning rate at the end of its cosine


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train.

    The learning rate falls with the share of ``minutes`` or of ``steps`` that is over, whichever is
    larger. ``half`` computes in bfloat16, which newer processors do much faster.
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
    """The loss of one step, and its unweighted parts."""

    total: Tensor
    channels: float
    landmarks: float
    closure: float
    speech: float
    kind: float


class Trainer:
    """A network, its optimiser, and the steps and seconds of its training so far."""

    def __init__(self, plan: Plan, shape: Shape | None = None) -> None:
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.network = SpeechNet(shape)
        self.average = self._average()
        self.step = 0
        self.seconds = 0.0
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=plan.rate, weight_decay=plan.decay
        )
        self._offsets = torch.from_numpy(channel_offsets().reshape(COUNT, -1)) / LANDMARK_UNIT
        self._scale = torch.full((COUNT,), 1.0 / CHANNEL_UNIT)
        self._scale[[CHANNEL["tongueOut"], CHANNEL["mouthClose"]]] *= TONGUE_AND_CLOSE_WEIGHT

    def _average(self) -> AveragedModel:
        return AveragedModel(
            self.network, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY), use_buffers=True
        )

    def load_weights(self, path: Path) -> None:
        """Start from the weights of another training."""
        self.network.load_state_dict(onnx_file.load(path).state_dict())
        self.average = self._average()

    @property
    def averaged_network(self) -> SpeechNet:
        """The network with the moving average of its weights, which generalises better."""
        averaged = self.average.module
        assert isinstance(averaged, SpeechNet)
        return averaged

    def train_step(self, examples: Batch) -> Losses:
        """Take one step of the optimiser."""
        began = time.monotonic()
        self.network.train()
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate()
        losses = self.losses(examples)
        self._optimiser.zero_grad()
        losses.total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
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
        """Compare the network's output with the targets."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.half):
            outputs = self.network(torch.from_numpy(examples.log_mel))
        channels, closure, speech, kind = (output.float() for output in outputs)
        error = channels - torch.from_numpy(examples.channels)
        velocity = error[:, 1:] - error[:, :-1]
        scaled = (error * self._scale).abs()
        channel = nn.functional.smooth_l1_loss(scaled, torch.zeros_like(scaled))
        channel = channel + VELOCITY_WEIGHT * (velocity * self._scale).abs().mean()
        landmark = (error @ self._offsets).abs().mean()
        parts = (
            nn.functional.binary_cross_entropy_with_logits(
                closure, torch.from_numpy(examples.closure)
            ),
            nn.functional.binary_cross_entropy_with_logits(
                speech, torch.from_numpy(examples.speech)
            ),
            nn.functional.cross_entropy(
                kind.flatten(0, 1), torch.from_numpy(examples.kind).flatten()
            ),
        )
        weights = CLOSURE_WEIGHT, SPEECH_WEIGHT, CLASS_WEIGHT
        weighted = [weight * part for weight, part in zip(weights, parts, strict=True)]
        total = channel + landmark + weighted[0] + weighted[1] + weighted[2]
        return Losses(total, channel.item(), landmark.item(), *(p.item() for p in parts))

    def _rate(self) -> float:
        plan = self.plan
        if self.step < plan.warm_up:
            return plan.rate * (self.step + 1) / plan.warm_up
        return plan.rate * (
            LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + float(np.cos(np.pi * self.done)))
        )

    def save(self, path: Path) -> None:
        """Write all of the state that :meth:`resume` needs."""
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
        """Read the state that :meth:`save` wrote."""
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])
        self.seconds = float(state["seconds"])


def train(
    trainer: Trainer,
    examples: Iterator[Batch],
    save: Callable[[Trainer], None],
    report: Callable[[str], None],
) -> None:
    """Train until the plan is over, with a ``save`` every ``SAVE_EVERY`` steps and at the end."""
    recent: list[tuple[float, ...]] = []
    while trainer.done < 1.0:
        began = time.monotonic()
        drawn = next(examples)
        trainer.seconds += time.monotonic() - began
        loss = trainer.train_step(drawn)
        recent.append((loss.channels, loss.landmarks, loss.closure, loss.speech, loss.kind))
        if trainer.step % REPORT_EVERY == 0:
            means = [round(float(np.mean(part)), 4) for part in zip(*recent, strict=True)]
            names = ("channels", "landmarks", "closure", "speech", "kind")
            report(
                json.dumps(
                    {
                        "step": trainer.step,
                        "done": round(trainer.done, 3),
                        **dict(zip(names, means, strict=True)),
                    }
                )
            )
            recent.clear()
        if trainer.step % SAVE_EVERY == 0:
            save(trainer)
    save(trainer)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for corpus and state")
    parser.add_argument("--out", type=Path, required=True, help="where the network goes (.onnx)")
    parser.add_argument("--hours", type=float, default=8.0, help="speech to synthesise")
    parser.add_argument("--minutes", type=float, default=Plan.minutes, help="time to train")
    parser.add_argument("--steps", type=int, default=Plan.steps, help="and at most so many steps")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16")
    parser.add_argument("--batch", type=int, default=Plan.batch)
    parser.add_argument("--rate", type=float, default=Plan.rate, help="learning rate")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--begin", type=Path, help="network to start from (.onnx)")
    args = parser.parse_args(arguments)
    threads = os.environ.get("OMP_NUM_THREADS")
    torch.set_num_threads(int(threads) if threads else os.cpu_count() or 1)
    args.work.mkdir(parents=True, exist_ok=True)

    def report(text: str) -> None:
        print(text, flush=True)

    if not (args.work / "sounds.npy").is_file():
        build(args.work, args.hours, args.seed, report)
    plan = Plan(args.minutes, args.steps, args.half, args.batch, args.rate, seed=args.seed)
    trainer = Trainer(plan)
    state = args.work / "training.pt"
    if state.is_file():
        trainer.resume(state)
        report(f"goes on from step {trainer.step}")
    elif args.begin:
        trainer.load_weights(args.begin)
    report(f"{parameter_count(trainer.network)} parameters")

    def save(now: Trainer) -> None:
        now.save(state)
        onnx_file.save(now.averaged_network, args.out)

    train(trainer, batches(args.work, args.batch, args.seed, trainer.step), save, report)
    return 0


if __name__ == "__main__":
    run_script(main)
