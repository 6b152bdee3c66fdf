# SPDX-License-Identifier: GPL-3.0-or-later
"""The network as it learns: VGG-like convolutions over log-mel, an LSTM and linear heads.

3x3 convolutions with pooling as in Simonyan and Zisserman, "Very deep convolutional networks"
(2015). Its time step is 20 ms: two log-mel frames make one step.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from heat_backend.media import mel
from heat_backend.speech.network import STEP
from heat_backend.speech.visemes import CLASSES, COUNT


@dataclass(frozen=True)
class Shape:
    """Sizes of the layers.

    Attributes
    ----------
    widths : tuple of int
        Channels of the three groups of convolutions.
    bottleneck : int
        Outputs of the linear layer before the LSTM.
    hidden, layers : int
        Of the LSTM, in each direction.
    """

    widths: tuple[int, int, int] = (16, 32, 64)
    bottleneck: int = 160
    hidden: int = 144
    layers: int = 2


class SpeechNet(nn.Module):
    """Log-mel energies to channels of the mouth, closures, speech and classes of sounds.

    Parameters
    ----------
    shape : Shape, optional
        Sizes of the layers, those of the shipped network by default.
    """

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        a, b, c = self.shape.widths
        self.front = nn.Sequential(
            *_block(1, a),
            *_block(a, a),
            nn.MaxPool2d((STEP, 2)),
            *_block(a, b),
            *_block(b, b),
            nn.MaxPool2d((1, 2)),
            *_block(b, c),
            nn.MaxPool2d((1, 2)),
        )
        size = c * (mel.BANDS // 8)
        self.narrow = nn.Sequential(nn.Linear(size, self.shape.bottleneck), nn.ReLU())
        self.memory = nn.LSTM(
            self.shape.bottleneck,
            self.shape.hidden,
            self.shape.layers,
            batch_first=True,
            bidirectional=True,
        )
        both = 2 * self.shape.hidden
        self.channels = nn.Linear(both, COUNT)
        self.shut = nn.Linear(both, 1)
        self.speech = nn.Linear(both, 1)
        self.kind = nn.Linear(both, len(CLASSES))

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Run over a batch.

        Parameters
        ----------
        log_mel : (B, T, BANDS)
            Normalised, see :func:`heat_backend.media.mel.normalised`; T even.

        Returns
        -------
        channels (B, T/2, C), closure (B, T/2), speech (B, T/2), class (B, T/2, classes)
            The last three are logits.
        """
        x = self.front(log_mel[:, None])
        x = x.permute(0, 2, 1, 3).flatten(2)
        x, _ = self.memory(self.narrow(x))
        return self.channels(x), self.shut(x)[..., 0], self.speech(x)[..., 0], self.kind(x)


def _block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def parameter_count(network: nn.Module) -> int:
    """Count the parameters."""
    return sum(p.numel() for p in network.parameters())
