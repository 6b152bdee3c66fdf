# SPDX-License-Identifier: GPL-3.0-or-later
"""A TensorFlow Lite network, rewritten as an ONNX network that computes the same.

Only the operations of the networks that Heat converts are known; another one is an error. The
meaning of each is that of TensorFlow Lite's schema (``schema.fbs``, Apache-2.0), read through
``ai_edge_litert``. Pictures are kept as ONNX wants them, (1, C, H, W), from the first convolution
to the first operation that is none on pictures; inputs and outputs keep TensorFlow Lite's layout.
Half-precision weights stay so in the file, each with a Cast that the runtime does once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17  # the last in which all reductions but the sum take their axes as an attribute
IR_VERSION = 8  # of the ONNX files of that time; read by every runtime since 2022
_TYPES = {0: np.float32, 1: np.float16, 2: np.int32}  # schema.TensorType
_OPERATIONS = {
    number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)
}
_ELEMENTWISE = {
    "ADD": "Add",
    "SUB": "Sub",
    "MUL": "Mul",
    "DIV": "Div",
    "RELU": "Relu",
    "NEG": "Neg",
    "SQRT": "Sqrt",
    "LOGISTIC": "Sigmoid",
}
_TO_PICTURE, _FROM_PICTURE = (0, 3, 1, 2), (0, 2, 3, 1)


def convert(
    tflite: bytes, inputs: Sequence[str], outputs: Sequence[str], any_size: bool = False
) -> onnx.ModelProto:
    """Convert a network of one graph.

    Parameters
    ----------
    tflite : bytes
        Content of the file.
    inputs, outputs : sequence of str
        New names, in the file's order. Outputs that have no name (``""``) are left out, with all
        that only they need.
    any_size : bool
        For a network of convolutions alone: its picture may have any height and width that all
        its strides divide; so TensorFlow's SAME padding stays what it was.

    Returns
    -------
    onnx.ModelProto
        Checked.

    Raises
    ------
    NotImplementedError
        When the network has an operation, or an option of one, that is not known here.
    """
    return _Conversion(schema.ModelT.InitFromPackedBuf(tflite, 0)).result(inputs, outputs, any_size)


class _Conversion:
    def __init__(self, model: Any) -> None:
        self._model = model
        self._graph = model.subgraphs[0]
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[tuple[str, tuple[int, ...], bytes], str] = {}  # value -> its name
        self._is_picture: set[int] = set()  # tensors that lie as (1, C, H, W)
        self._halves: dict[int, NDArray[np.float16]] = {}  # what DEQUANTIZE made float32
        self._turned: dict[int, str] = {}  # tensor -> its name in the other layout

    def result(
        self, inputs: Sequence[str], outputs: Sequence[str], any_size: bool
    ) -> onnx.ModelProto:
        graph = self._graph
        for operator in graph.operators:
            code = self._model.operatorCodes[operator.opcodeIndex]
            kind = _OPERATIONS[max(code.builtinCode, code.deprecatedBuiltinCode)]
            self._operation(kind, operator)
        renamed = {_name(i): new for i, new in zip(graph.inputs, inputs, strict=True)}
        for index, new in zip(graph.outputs, outputs, strict=True):
            if new:
                self._node("Identity", [self._plain(index)], new)
        kept = _needed(self._nodes, [name for name in outputs if name])
        for node in kept:
            node.input[:] = [renamed.get(name, name) for name in node.input]
        used = {name for node in kept for name in node.input}
        model = helper.make_model(
            helper.make_graph(
                kept,
                "network",
                [self._declared(i, n, any_size) for i, n in zip(graph.inputs, inputs, strict=True)],
                [
                    self._declared(i, n, any_size)
                    for i, n in zip(graph.outputs, outputs, strict=True)
                    if n
                ],
                [
                    numpy_helper.from_array(np.frombuffer(data, kind).reshape(shape), name)
                    for (kind, shape, data), name in self._weights.items()
                    if name in used
                ],
            ),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def _operation(self, kind: str, operator: Any) -> None:
        options = operator.builtinOptions
        source, out = list(operator.inputs), operator.outputs[0]
        known: dict[str, Callable[..., None]] = {
            "DEQUANTIZE": self._dequantize,
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._convolution,
            "MAX_POOL_2D": self._pooling,
            "PAD": self._padding,
            "PRELU": self._prelu,
            "CONCATENATION": self._concatenation,
            "RESHAPE": self._reshape,
            "TRANSPOSE": self._transpose,
            "STRIDED_SLICE": self._slice,
            "MEAN": self._reduction,
            "SUM": self._reduction,
            "SQUARED_DIFFERENCE": self._squared_difference,
            "RSQRT": self._reciprocal_root,
        }
        if kind in _ELEMENTWISE:
            self._elementwise(_ELEMENTWISE[kind], source, out)
        elif kind in known:
            known[kind](kind, options, source, out)
        else:
            raise NotImplementedError(f"the operation {kind}")
        activation = getattr(options, "fusedActivationFunction", 0)
        if activation == schema.ActivationFunctionType.RELU:
            linear = f"{_name(out)}_linear"
            self._nodes[-1].output[0] = linear
            self._node("Relu", [linear], _name(out))
        elif activation:
            raise NotImplementedError(f"{kind} with the activation {activation}")

    # Operations on pictures

    def _convolution(self, kind: str, options: Any, source: list[int], out: int) -> None:
        x, weight_of, bias_of = source
        if options.dilationWFactor != 1 or options.dilationHFactor != 1:
            raise NotImplementedError("dilated convolutions")
        weight = self._value(weight_of)
        kernel = weight.shape[1:3]
        strides = (options.strideH, options.strideW)
        bias = self._weight(self._value(bias_of))
        if kernel == strides == (1, 1) and kind == "CONV_2D" and x not in self._is_picture:
            # A matrix over the last axis; no need to bring the channels to the front for it.
            matrix = self._weight(weight[:, 0, 0, :].T)
            self._node("MatMul", [_name(x), matrix], f"{_name(out)}_product")
            self._node("Add", [f"{_name(out)}_product", bias], _name(out))
            return
        if kind == "CONV_2D":  # (out, h, w, in) -> (out, in, h, w)
            groups, weight = 1, weight.transpose(0, 3, 1, 2)
        else:  # (1, h, w, channels) -> (channels, 1, h, w)
            groups, weight = weight.shape[3], weight.transpose(3, 0, 1, 2)
            if options.depthMultiplier != 1:
                raise NotImplementedError("depth-wise convolutions with a multiplier")
        self._node(
            "Conv",
            [self._picture(x), self._weight(weight), bias],
            _name(out),
            kernel_shape=kernel,
            strides=strides,
            pads=self._pads(options.padding, x, kernel, strides),
            group=groups,
        )
        self._is_picture.add(out)

    def _pooling(self, _: str, options: Any, source: list[int], out: int) -> None:
        kernel = (options.filterHeight, options.filterWidth)
        strides = (options.strideH, options.strideW)
        pads = self._pads(options.padding, source[0], kernel, strides)
        inputs = [self._picture(source[0])]
        self._node("MaxPool", inputs, _name(out), kernel_shape=kernel, strides=strides, pads=pads)
        self._is_picture.add(out)

    def _pads(
        self, padding: int, x: int, kernel: Sequence[int], strides: Sequence[int]
    ) -> list[int]:
        """Margins (top, left, bottom, right) of TensorFlow's SAME (0) and VALID (1) padding."""
        if padding == 1:
            return [0, 0, 0, 0]
        before, after = [], []
        for side, k, stride in zip(self._shape(x)[1:3], kernel, strides, strict=True):
            total = max((-(-side // stride) - 1) * stride + k - side, 0)
            before.append(total // 2)
            after.append(total - total // 2)
        return before + after

    def _padding(self, _: str, __: Any, source: list[int], out: int) -> None:
        margins = self._value(source[1])[list(_TO_PICTURE)].T.reshape(-1).astype(np.int64)
        self._node("Pad", [self._picture(source[0]), self._weight(margins)], _name(out))
        self._is_picture.add(out)

    def _prelu(self, _: str, __: Any, source: list[int], out: int) -> None:
        """Slope s on negative values, as ``s * x + (1 - s) * relu(x)``: two scalings by channel.

        As 1x1 convolutions they stay in the blocked layout that onnxruntime gives pictures on
        x86, which its PRelu leaves: the landmark network takes 7 ms instead of 20.
        """
        x, y = self._picture(source[0]), _name(out)
        slope = self._value(source[1]).reshape(-1, 1, 1, 1)
        scaling = {"kernel_shape": [1, 1], "group": len(slope)}
        rest = self._weight(1.0 - slope.astype(np.float32))
        self._node("Relu", [x], f"{y}_positive")
        self._node("Conv", [x, self._weight(slope)], f"{y}_sloped", **scaling)
        self._node("Conv", [f"{y}_positive", rest], f"{y}_rest", **scaling)
        self._node("Add", [f"{y}_rest", f"{y}_sloped"], y)
        self._is_picture.add(out)

    # Operations on arrays in TensorFlow Lite's layout

    def _concatenation(self, _: str, options: Any, source: list[int], out: int) -> None:
        self._node("Concat", [self._plain(i) for i in source], _name(out), axis=options.axis)

    def _reshape(self, _: str, options: Any, source: list[int], out: int) -> None:
        # What was asked for may hold a -1, which fits pictures of any size.
        asked = options.newShape if options is not None else self._value(source[1])
        shape = np.asarray(asked, np.int64)
        self._node("Reshape", [self._plain(source[0]), self._weight(shape)], _name(out))

    def _transpose(self, _: str, __: Any, source: list[int], out: int) -> None:
        order = self._value(source[1]).tolist()
        self._node("Transpose", [self._plain(source[0])], _name(out), perm=order)

    def _slice(self, _: str, options: Any, source: list[int], out: int) -> None:
        if options.ellipsisMask or options.newAxisMask:
            raise NotImplementedError("slices with an ellipsis or a new axis")
        shape = self._shape(source[0])
        begin, end, stride = (self._value(i).astype(np.int64) for i in source[1:4])
        if (stride != 1).any():
            raise NotImplementedError("slices with strides")
        for axis, side in enumerate(shape):
            if options.beginMask >> axis & 1:
                begin[axis] = 0
            if options.endMask >> axis & 1:
                end[axis] = side
            if options.shrinkAxisMask >> axis & 1:
                end[axis] = begin[axis] + 1
        bounds = [self._weight(begin), self._weight(end)]
        part = f"{_name(out)}_part"
        self._node("Slice", [self._plain(source[0]), *bounds], part)
        whole = self._weight(np.array(self._shape(out), np.int64))
        self._node("Reshape", [part, whole], _name(out))  # drops the shrunk axes

    def _reduction(self, kind: str, options: Any, source: list[int], out: int) -> None:
        axes = np.atleast_1d(self._value(source[1])).astype(np.int64)
        keep = int(options.keepDims)
        if kind == "SUM":
            inputs = [self._plain(source[0]), self._weight(axes)]
            self._node("ReduceSum", inputs, _name(out), keepdims=keep)
        else:
            inputs = [self._plain(source[0])]
            self._node("ReduceMean", inputs, _name(out), axes=axes.tolist(), keepdims=keep)

    # Element by element, in whatever layout

    def _elementwise(self, kind: str, source: list[int], out: int) -> None:
        if any(i in self._is_picture for i in source):
            if any(len(self._shape(i)) != 4 for i in source):
                raise NotImplementedError(f"{kind} of a picture and something else")
            self._node(kind, [self._picture(i) for i in source], _name(out))
            self._is_picture.add(out)
        else:
            self._node(kind, [self._plain(i) for i in source], _name(out))

    def _squared_difference(self, _: str, __: Any, source: list[int], out: int) -> None:
        difference = f"{_name(out)}_difference"
        self._node("Sub", [self._plain(i) for i in source], difference)
        self._node("Mul", [difference, difference], _name(out))

    def _reciprocal_root(self, _: str, __: Any, source: list[int], out: int) -> None:
        root = f"{_name(out)}_root"
        self._node("Sqrt", [self._plain(source[0])], root)
        self._node("Reciprocal", [root], _name(out))

    def _dequantize(self, _: str, __: Any, source: list[int], out: int) -> None:
        self._halves[out] = self._value(source[0])

    # Tensors

    def _value(self, index: int) -> NDArray[Any]:
        """Constant tensor, in the precision of the file."""
        if index in self._halves:
            return self._halves[index]
        tensor = self._graph.tensors[index]
        data = self._model.buffers[tensor.buffer].data
        if data is None:
            raise NotImplementedError(f"tensor {index} where a constant is wanted")
        return np.frombuffer(bytes(data), _TYPES[tensor.type]).reshape(self._shape(index))

    def _is_constant(self, index: int) -> bool:
        buffer = self._graph.tensors[index].buffer
        return index in self._halves or self._model.buffers[buffer].data is not None

    def _weight(self, value: NDArray[Any]) -> str:
        """Enter a constant and give its name; half precision gets its Cast to single."""
        value = np.ascontiguousarray(value)
        key = (value.dtype.str, value.shape, value.tobytes())
        known = key in self._weights
        weight = self._weights.setdefault(key, f"weight{len(self._weights)}")
        if value.dtype != np.float16:
            return weight
        if not known:
            self._node("Cast", [weight], f"{weight}_single", to=TensorProto.FLOAT)
        return f"{weight}_single"

    def _shape(self, index: int) -> list[int]:
        shape = self._graph.tensors[index].shape
        return [] if shape is None else [int(side) for side in shape]

    def _plain(self, index: int) -> str:
        """Name of a tensor in TensorFlow Lite's layout."""
        if self._is_constant(index):
            return self._weight(self._value(index))
        return self._other(index, _FROM_PICTURE) if index in self._is_picture else _name(index)

    def _picture(self, index: int) -> str:
        """Name of a tensor as (1, C, H, W)."""
        if self._is_constant(index):
            return self._weight(self._value(index).transpose(_TO_PICTURE))
        return _name(index) if index in self._is_picture else self._other(index, _TO_PICTURE)

    def _other(self, index: int, order: Sequence[int]) -> str:
        if index not in self._turned:
            self._turned[index] = f"{_name(index)}_turned"
            self._node("Transpose", [_name(index)], self._turned[index], perm=order)
        return self._turned[index]

    def _declared(self, index: int, name: str, any_size: bool) -> onnx.ValueInfoProto:
        shape: list[int | str] = [*self._shape(index)]
        if any_size:  # all but the batch and the channels
            shape[1:-1] = [f"{name}_side{axis}" for axis in range(1, len(shape) - 1)]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def _node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))


def _name(index: int) -> str:
    return f"t{index}"


def _needed(nodes: list[onnx.NodeProto], outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """Nodes on which the outputs depend, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    return kept[::-1]
