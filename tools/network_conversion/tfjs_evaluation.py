# SPDX-License-Identifier: GPL-3.0-or-later
"""A TensorFlow.js graph computed by numpy, operation by operation as TensorFlow defines them.

Slow and plain: it tells what a graph means, so that a conversion can be checked against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tools.network_conversion.tfjs_graph import Array, Graph, Node, reference


def evaluate(graph: Graph, inputs: Mapping[str, Array], outputs: Sequence[str]) -> list[Array]:
    """Compute outputs of a graph.

    Parameters
    ----------
    graph : Graph
    inputs : mapping of str to ndarray
        By the names of its placeholders.
    outputs : sequence of str
        Names of nodes' outputs.
    """
    known: dict[tuple[str, int], Array | None] = {}
    wanted = [reference(output) for output in outputs]
    for node in graph.nodes.values():
        if node.op == "Placeholder":
            found: list[Array | None] = [inputs[node.name]]
        elif node.op == "Const":
            found = [graph.weights[node.name].value]
        elif node.op == "NoOp":
            continue
        else:
            found = _run(node, [known[i] for i in node.inputs])
        known.update({(node.name, k): value for k, value in enumerate(found)})
    return [value for value in map(known.get, wanted) if value is not None]


def _run(node: Node, given: list[Array | None]) -> list[Array | None]:
    """Compute the outputs of a node; None is a branch that a condition does not take."""
    if node.op == "Merge":
        return [next(value for value in given if value is not None)]
    present = [value for value in given if value is not None]
    if len(present) < len(given):
        return [None, None]
    if node.op == "Switch":
        value, condition = present
        return [None, value] if condition else [value, None]
    if node.op in ("Split", "SplitV"):
        return list(_SPLITS[node.op](node, *present))
    return [_OPERATIONS[node.op](node, *present)]


def _strided_slice(node: Node, x: Array, begin: Array, end: Array, step: Array) -> Array:
    def masked(mask: str, axis: int) -> bool:
        return bool(node.attributes[mask] >> axis & 1)

    at: list[Any] = []
    for axis, (low, high, by) in enumerate(zip(begin, end, step, strict=True)):
        if masked("shrink_axis_mask", axis):
            at.append(int(low))
            continue
        start = None if masked("begin_mask", axis) else int(low)
        at.append(slice(start, None if masked("end_mask", axis) else int(high), int(by)))
    return np.asarray(x[tuple(at)])


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _windows(node: Node, x: Array, height: int, width: int, fill: float = 0.0) -> Array:
    """Windows (N, H', W', C, height, width) of ``x`` under a kernel."""
    rows, columns = node.attributes["strides"][1:3]
    if node.attributes["padding"] == "SAME":
        sizes = _same_padding(x.shape[1], height, rows), _same_padding(x.shape[2], width, columns)
        x = np.pad(x, ((0, 0), *sizes, (0, 0)), constant_values=fill)
    seen = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))
    return np.asarray(seen[:, ::rows, ::columns])


def _activated(node: Node, x: Array, bias: Array | None) -> Array:
    x = x if bias is None else x + bias
    return np.maximum(x, 0.0) if "Relu" in node.attributes.get("fused_ops", ()) else x


def _convolved(node: Node, x: Array, kernel: Array, bias: Array | None = None) -> Array:
    windows = _windows(node, x, *kernel.shape[:2])
    return _activated(node, np.einsum("nhwcij,ijco->nhwo", windows, kernel, optimize=True), bias)


def _depthwise(node: Node, x: Array, kernel: Array, bias: Array | None = None) -> Array:
    windows = _windows(node, x, *kernel.shape[:2])
    return _activated(node, np.einsum("nhwcij,ijc->nhwc", windows, kernel[..., 0]), bias)


def _average(node: Node, x: Array) -> Array:
    height, width = node.attributes["ksize"][1:3]
    return np.asarray(np.nanmean(_windows(node, x, height, width, np.nan), axis=(4, 5)))


def _resized(node: Node, x: Array, size: Array) -> Array:
    if not node.attributes["half_pixel_centers"]:
        raise NotImplementedError("bilinear resizing without half-pixel centres")
    for axis, wanted in zip((1, 2), size, strict=True):
        before = x.shape[axis]
        at = np.clip((np.arange(wanted) + 0.5) * before / wanted - 0.5, 0, before - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, before - 1)
        share = (at - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(4)])
        x = np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share
    return x


def _slice(_: Node, x: Array, begin: Array, size: Array) -> Array:
    ends = [None if n < 0 else b + n for b, n in zip(begin, size, strict=True)]
    return x[tuple(slice(b, e) for b, e in zip(begin, ends, strict=True))]


def _space_to_batch(_: Node, x: Array, block: Array, paddings: Array) -> Array:
    x = np.pad(x, ((0, 0), *(tuple(p) for p in paddings), (0, 0)))
    n, h, w, c = x.shape
    a, b = block
    return (
        x.reshape(n, h // a, a, w // b, b, c)
        .transpose(2, 4, 0, 1, 3, 5)
        .reshape(n * a * b, h // a, w // b, c)
    )


def _batch_to_space(_: Node, x: Array, block: Array, crops: Array) -> Array:
    a, b = block
    n, h, w, c = x.shape
    x = x.reshape(a, b, n // (a * b), h, w, c).transpose(2, 3, 0, 4, 1, 5)
    x = x.reshape(n // (a * b), h * a, w * b, c)
    (top, bottom), (left, right) = crops
    return x[:, top : h * a - bottom, left : w * b - right]


_KINDS = {"DT_INT32": np.int32, "DT_FLOAT": np.float32}

_SPLITS: dict[str, Callable[..., list[Array]]] = {
    "Split": lambda n, axis, x: np.split(x, n.attributes["num_split"], int(axis)),
    "SplitV": lambda _, x, sizes, axis: np.split(x, np.cumsum(sizes)[:-1], int(axis)),
}
_OPERATIONS: dict[str, Callable[..., Array]] = {
    "Identity": lambda _, x: x,
    "Equal": lambda _, a, b: np.equal(a, b),
    "Squeeze": lambda _, x: np.squeeze(x),
    "Shape": lambda _, x: np.asarray(x.shape, np.int32),
    "StridedSlice": _strided_slice,
    "Cast": lambda n, x: x.astype(_KINDS[n.attributes["DstT"]]),
    "Pack": lambda n, *parts: np.stack(parts, n.attributes["axis"]),
    "ConcatV2": lambda _, *parts: np.concatenate(parts[:-1], int(parts[-1])),
    "Slice": _slice,
    "BroadcastTo": lambda _, x, shape: np.broadcast_to(x, shape),
    "SpaceToBatchND": _space_to_batch,
    "BatchToSpaceND": _batch_to_space,
    "Pad": lambda _, x, paddings: np.pad(x, paddings),
    "Mul": lambda _, a, b: a * b,
    "Add": lambda _, a, b: a + b,
    "AddV2": lambda _, a, b: a + b,
    "Sub": lambda _, a, b: a - b,
    "RealDiv": lambda _, a, b: a / b,
    "FloorMod": lambda _, a, b: np.mod(a, b),
    "Square": lambda _, x: x * x,
    "Minimum": lambda _, a, b: np.minimum(a, b),
    "Maximum": lambda _, a, b: np.maximum(a, b),
    "Relu6": lambda _, x: np.clip(x, 0.0, 6.0),
    "Sigmoid": lambda _, x: 1.0 / (1.0 + np.exp(-x)),
    "Tanh": lambda _, x: np.tanh(x),
    "Mean": lambda n, x, axes: x.mean(
        tuple(np.atleast_1d(axes)), keepdims=n.attributes["keep_dims"]
    ),
    "_FusedConv2D": _convolved,
    "Conv2D": _convolved,
    "FusedDepthwiseConv2dNative": _depthwise,
    "DepthwiseConv2dNative": _depthwise,
    "AvgPool": _average,
    "ResizeBilinear": _resized,
}
