"""onnx-script functions of the tests: onnx-script reads their source, so they stand in a file of their own."""

import onnxscript
from onnxscript import FLOAT
from onnxscript.onnx_opset import opset15, opset17

custom_opset = onnxscript.values.Opset(domain="onnx-script", version=1)


@onnxscript.script(custom_opset)
def Selu(X):  # noqa: N802, N803  (the reference's example)
    alpha = 1.67326  # auto wrapped as Constants
    gamma = 1.0507
    alphaX = opset15.CastLike(alpha, X)  # noqa: N806
    gammaX = opset15.CastLike(gamma, X)  # noqa: N806
    neg = gammaX * (alphaX * opset15.Exp(X) - alphaX)
    pos = gammaX * X
    zero = opset15.CastLike(0, X)
    return opset15.Where(zero >= X, neg, pos)


@onnxscript.script(custom_opset)
def Half(x):  # noqa: N802
    return opset17.Mul(x, opset17.CastLike(0.5, x))


@onnxscript.script(custom_opset)
def ScaledPair(x, factor: float = 2.0):  # noqa: N802
    """Calls another one, has an attribute and two results."""
    scale = opset17.CastLike(opset17.Constant(value_float=factor), x)
    return Half(opset17.Mul(x, scale)), opset17.Neg(x)


@onnxscript.script(onnxscript.values.Opset(domain="custom_domain", version=2))
def Foo(x: FLOAT[...], y: FLOAT[...], attr1: float, attr2: int):  # noqa: N802
    """The reference's C++ operator, as a function: x * attr1 + y * attr2."""
    first = opset17.Mul(x, opset17.CastLike(opset17.Constant(value_float=attr1), x))
    second = opset17.Mul(y, opset17.CastLike(opset17.Constant(value_int=attr2), y))
    return opset17.Add(first, second)
