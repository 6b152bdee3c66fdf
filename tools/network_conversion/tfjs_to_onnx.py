# SPDX-License-Identifier: GPL-3.0-or-later
"""A TensorFlow.js graph as an ONNX model.

Tensors of pictures change from TensorFlow's order N, H, W, C to ONNX's N, C, H, W; their shapes
are computed in TensorFlow's order all the way, and put into ONNX's where they are used. Weights
stay uint8 in the file, ``Cast -> Mul -> Add`` makes them numbers: onnxruntime does that once, when
it loads the model. Conditions are decided by the value of a placeholder that the caller fixes.
Sizes of pictures are taken to be divisible as often as a network halves them: the crops by which
it handles others are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tools.network_conversion.tfjs_graph import Array, Graph, Node, reference

OPSET, IR_VERSION = 17, 8  # of 2022; every onnxruntime since 1.12 reads them
TO_NCHW = (0, 3, 1, 2)
TO_NHWC = (0, 2, 3, 1)
PICTURE_AXIS = {0: 0, 1: 2, 2: 3, 3: 1, -1: 1}  # ONNX's axis of TensorFlow's
QUANTISED_FROM = 64  # elements: smaller ones are stored as float32

_SAME_OP = {
    "Mul": "Mul",
    "Add": "Add",
    "AddV2": "Add",
    "Sub": "Sub",
    "RealDiv": "Div",
    "Minimum": "Min",
    "Maximum": "Max",
    "Sigmoid": "Sigmoid",
    "Tanh": "Tanh",
}


def convert(
    graph: Graph,
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Mapping[str, str],
    fixed: Mapping[str, float],
) -> onnx.ModelProto:
    """Convert the part of a graph that some outputs need.

    Parameters
    ----------
    graph : Graph
    inputs : mapping of str to shape
        Placeholders that become the model's inputs, with their shapes N, C, H, W; names in a
        shape stand for sizes that may vary.
    outputs : mapping of str to str
        Names of the model's outputs -> outputs of nodes; all are pictures (N, C, H, W).
    fixed : mapping of str to float
        Values of the other placeholders, by which conditions are decided.

    Raises
    ------
    NotImplementedError
        When the graph has an operation, or a use of one, that is not known here.
    """
    writer = _Writer(graph, fixed)
    made = [
        writer.emit("Identity", [writer.value(*reference(source))], output=name)
        for name, source in outputs.items()
    ]
    one_float = TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            writer.nodes,
            "converted",
            [helper.make_tensor_value_info(n, one_float, list(s)) for n, s in inputs.items()],
            [helper.make_tensor_value_info(n, one_float, [None] * 4) for n in made],
            writer.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="heat",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


class _Writer:
    """Writes ONNX nodes for what is asked of it, each node of the graph once."""

    def __init__(self, graph: Graph, fixed: Mapping[str, float]) -> None:
        self.graph = graph
        self.fixed = fixed
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, int], str] = {}
        self._branches: dict[tuple[str, int], bool] = {}
        self._count = 0

    def emit(
        self, op: str, inputs: Sequence[str], output: str | None = None, **attributes: Any
    ) -> str:
        """Write a node of one output and return the output's name."""
        name = output or self._name()
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Array) -> str:
        """Write a constant; int32 becomes int64, ONNX's type of shapes."""
        if value.dtype == np.int32:
            value = value.astype(np.int64)
        name = self._name()
        self.constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def value(self, name: str, output: int = 0) -> str:
        """Name in the model of a node's output, whose nodes are written when they are new."""
        node = self.graph.nodes[name]
        if node.op == "Placeholder":
            return name
        # TensorFlow's switch hands its first input on, its merge the branch taken; a crop to a
        # picture's own size changes nothing.
        if node.op in ("Identity", "Switch", "Slice"):
            return self.value(*node.inputs[0])
        if node.op == "Merge":
            return self.value(*next(i for i in node.inputs if self._alive(i)))
        if (name, output) not in self._known:
            for k, made in enumerate(self._node(node)):
                self._known[name, k] = made
        return self._known[name, output]

    def _alive(self, source: tuple[str, int]) -> bool:
        """Whether the fixed placeholders let a node's output come into being."""
        if source not in self._branches:
            node = self.graph.nodes[source[0]]
            if node.op == "Switch" and bool(self._fixed(node.inputs[1])) != bool(source[1]):
                alive = False
            else:
                alive = (any if node.op == "Merge" else all)(map(self._alive, node.inputs))
            self._branches[source] = alive
        return self._branches[source]

    def _fixed(self, source: tuple[str, int]) -> Array:
        """Value of a node's output that depends on fixed placeholders and constants only."""
        node = self.graph.nodes[source[0]]
        if node.op == "Placeholder":
            return np.asarray(self.fixed[node.name], np.float32)
        if node.op == "Const":
            return self.graph.weights[node.name].value
        if node.op in ("Identity", "Switch", "Squeeze"):
            return self._fixed(node.inputs[0])
        if node.op == "Equal":
            return np.equal(*map(self._fixed, node.inputs))
        raise NotImplementedError(f"a condition by {node.op}")

    def _node(self, node: Node) -> list[str]:
        op = node.op
        if op == "Const":
            return [self._weight(node.name, None)]
        if op in ("_FusedConv2D", "Conv2D", "FusedDepthwiseConv2dNative", "DepthwiseConv2dNative"):
            return [self._convolution(node, node.inputs[0], 1, [0] * 4)]
        if op == "BatchToSpaceND":
            return [self._dilated(node)]
        if op in ("Split", "SplitV"):
            return self._split(node)
        if op == "ConcatV2":
            axis = PICTURE_AXIS[int(self._constant(node.inputs[-1]))]
            return [self.emit("Concat", self._values(node.inputs[:-1]), axis=axis)]
        if op == "Mean":
            axes = np.atleast_1d(self._constant(node.inputs[1])).tolist()
            return [
                self.emit(
                    "ReduceMean",
                    [self.value(*node.inputs[0])],
                    axes=[PICTURE_AXIS[axis] for axis in axes],
                    keepdims=int(node.attributes["keep_dims"]),
                )
            ]
        if op == "Pad":
            pads = self._constant(node.inputs[1])[list(TO_NCHW)].T.ravel()
            return [self.emit("Pad", [self.value(*node.inputs[0]), self.constant(pads)])]
        if op == "AvgPool":
            return [self._average_pool(node)]
        given = self._values(node.inputs)
        if op in _SAME_OP:
            return [self.emit(_SAME_OP[op], given)]
        if op == "Relu6":
            limits = [self.constant(np.asarray(v, np.float32)) for v in (0, 6)]
            return [self.emit("Clip", [*given, *limits])]
        if op == "Shape":
            return [self._permuted(self.emit("Shape", given), TO_NHWC)]
        if op == "StridedSlice":
            return [self._strided_slice(node, given[0])]
        if op == "Pack":
            lone = self.constant(np.zeros(1, np.int64))
            return [self.emit("Concat", [self.emit("Unsqueeze", [g, lone]) for g in given], axis=0)]
        if op == "BroadcastTo":
            return [self.emit("Expand", [given[0], self._permuted(given[1], TO_NCHW)])]
        if op == "ResizeBilinear":
            return [self._resize(node, *given)]
        raise NotImplementedError(f"the operation {op}")

    def _name(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def _values(self, inputs: Sequence[tuple[str, int]]) -> list[str]:
        return [self.value(*i) for i in inputs]

    def _constant(self, source: tuple[str, int]) -> Array:
        return self.graph.weights[source[0]].value

    def _permuted(self, shape: str, order: tuple[int, ...]) -> str:
        return self.emit("Gather", [shape, self.constant(np.asarray(order, np.int64))])

    def _weight(self, name: str, order: tuple[int, ...] | None) -> str:
        """Write a constant; one value a channel (C,) is stored (C, 1, 1)."""
        weight = self.graph.weights[name]

        def laid(stored: Array) -> Array:
            if order is not None:
                return np.transpose(stored, order)
            if stored.ndim == 1 and weight.value.dtype == np.float32:
                return stored.reshape(-1, 1, 1)
            return stored

        if weight.scale is None or weight.minimum is None or weight.stored.size < QUANTISED_FROM:
            return self.constant(laid(weight.value))
        number = self.emit("Cast", [self.constant(laid(weight.stored))], to=TensorProto.FLOAT)
        scale, minimum = (
            self.constant(np.asarray(value, np.float32)) for value in (weight.scale, weight.minimum)
        )
        return self.emit("Add", [self.emit("Mul", [number, scale]), minimum])

    def _convolution(
        self, node: Node, source: tuple[str, int], dilation: int, pads: list[int]
    ) -> str:
        kernel, *bias = (name for name, _ in node.inputs[1:])
        high, wide, into, out = self.graph.weights[kernel].stored.shape
        depthwise = "Depthwise" in node.op
        if depthwise and out != 1:
            raise NotImplementedError("a depthwise convolution with several outputs a channel")
        attributes: dict[str, Any] = {
            "kernel_shape": [high, wide],
            "strides": node.attributes["strides"][1:3],
            "dilations": [dilation] * 2,
            "group": into if depthwise else 1,
        }
        if node.attributes["padding"] == "SAME":
            attributes["auto_pad"] = "SAME_UPPER"
        else:
            attributes["pads"] = pads
        weights = self._weight(kernel, (2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        given = [self.value(*source), weights, *(self._weight(b, (0,)) for b in bias)]
        made = self.emit("Conv", given, **attributes)
        activations = set(node.attributes.get("fused_ops", ())) - {"BiasAdd"}
        if not activations:
            return made
        if activations != {"Relu"}:
            raise NotImplementedError(f"a convolution with {activations}")
        return self.emit("Relu", [made])

    def _dilated(self, node: Node) -> str:
        """TensorFlow's dilated convolution: apart into a batch, convolved, together again.

        What it pads is cropped again, hence the output is that of the padded input as it is.
        """
        convolution = self.graph.nodes[node.inputs[0][0]]
        apart = self.graph.nodes[convolution.inputs[0][0]]
        if apart.op != "SpaceToBatchND":
            raise NotImplementedError("BatchToSpaceND without a dilated convolution")
        dilation = int(self._constant(apart.inputs[1])[0])
        return self._convolution(convolution, apart.inputs[0], dilation, [0] * 4)

    def _average_pool(self, node: Node) -> str:
        return self.emit(
            "AveragePool",
            [self.value(*node.inputs[0])],
            kernel_shape=node.attributes["ksize"][1:3],
            strides=node.attributes["strides"][1:3],
            auto_pad="SAME_UPPER" if node.attributes["padding"] == "SAME" else "VALID",
        )

    def _split(self, node: Node) -> list[str]:
        if node.op == "Split":
            (axis, given), sizes = node.inputs, None
            count = node.attributes["num_split"]
        else:
            given, by, axis = node.inputs
            sizes = self._constant(by)
            count = len(sizes)
        outputs = [self._name() for _ in range(count)]
        inputs = [self.value(*given)]
        if sizes is not None:
            inputs.append(self.constant(sizes))
        at = PICTURE_AXIS[int(self._constant(axis))]
        self.nodes.append(helper.make_node("Split", inputs, outputs, axis=at))
        return outputs

    def _strided_slice(self, node: Node, shape: str) -> str:
        """Entries ``begin:end`` of a shape, or the one at ``begin``."""
        begin, end, step = (self._constant(i) for i in node.inputs[1:])
        if (
            len(begin) != 1
            or step[0] != 1
            or any(
                node.attributes[m]
                for m in ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask")
            )
        ):
            raise NotImplementedError("a slice of anything but a shape")
        if node.attributes["shrink_axis_mask"]:
            return self.emit("Gather", [shape, self.constant(np.asarray(begin[0], np.int64))])
        return self.emit("Slice", [shape, self.constant(begin), self.constant(end)])

    def _resize(self, node: Node, x: str, size: str) -> str:
        if not node.attributes["half_pixel_centers"] or node.attributes["align_corners"]:
            raise NotImplementedError("bilinear resizing without half-pixel centres")
        zero, two = (self.constant(np.asarray([v], np.int64)) for v in (0, 2))
        kept = self.emit("Slice", [self.emit("Shape", [x]), zero, two])
        return self.emit(
            "Resize",
            [x, "", "", self.emit("Concat", [kept, size], axis=0)],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )
