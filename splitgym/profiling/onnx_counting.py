"""Multiply-adds of one ONNX operator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Shapes = Mapping[str, tuple[int, ...] | None]
#: Operators without a multiply-add of a convolution or a matrix product.
_FREE = frozenset(
    """
    Abs Acos Add And ArgMax ArgMin Asin Atan AveragePool BatchNormalization BitShift Cast CastLike Ceil Celu Clip
    Compress Concat Constant ConstantOfShape Cos Cosh CumSum DepthToSpace DequantizeLinear Div Dropout Elu Equal Erf Exp
    Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu GlobalAveragePool GlobalMaxPool Greater
    GreaterOrEqual GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization LRN
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool Max MaxPool MaxRoiPool Mean
    MeanVarianceNormalization Min Mish Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow QuantizeLinear RMSNormalization
    Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size
    Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK
    Transpose Trilu Unsqueeze Upsample Where Xor
    """.split()  # noqa: SIM905 (a list of words)
)


def macs_of(node: Any, shapes: Shapes) -> tuple[int, bool]:
    """Multiply-adds of a node for the shapes at hand, and whether they are unknown: then they count as 0."""
    if node.op_type in _FREE:
        return 0, False
    count = _COUNTS.get(node.op_type)
    sizes = [shapes.get(name) for name in (*node.input[:2], node.output[0])]
    if count is None or len(sizes) < 3 or None in sizes:
        return 0, True
    return count(node, *sizes), False


def _conv(node: Any, x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...]) -> int:
    """Every output is a product over the kernel and the channels of its group."""
    return math.prod(y) * math.prod(w[1:])


def _conv_transpose(node: Any, x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...]) -> int:
    """Every input goes into the kernel's places of every output channel of its group."""
    return math.prod(x) * math.prod(w[1:])


def _gemm(node: Any, a: tuple[int, ...], b: tuple[int, ...], y: tuple[int, ...]) -> int:
    turned = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return math.prod(y) * a[0 if turned else 1]


def _matmul(node: Any, a: tuple[int, ...], b: tuple[int, ...], y: tuple[int, ...]) -> int:
    return math.prod(y) * a[-1]


_COUNTS = {
    "Conv": _conv,
    "ConvInteger": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
}
