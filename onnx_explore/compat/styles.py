"""Which style a symbolic function is written in: ours, or that of the reference. ``@onnx_explore.symbolic`` takes both.

======================================  =============================================================
ours                                    ``def elu(g, self: Tensor, alpha: float = 1.0)``, attributes by plain name
that of the reference                   ``def elu(g, x, alpha)``, ``g.op("Elu", x, alpha_f=alpha)``, ``x.type()``
======================================  =============================================================

What says so, in this order: ``style=``; ``parse_args``; annotations with types of ``torch._C``, or with ours; a suffixed
attribute, a method of the reference's values or one of its helper functions in the function's code. Nothing of all that: ours.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from types import CodeType, ModuleType
from typing import Any, Literal

from onnx_explore.compat.parsing import DESCRIPTORS
from onnx_explore.compat.registration import variant
from onnx_explore.errors import InvalidArgument
from onnx_explore.options import OLDEST_OPSET
from onnx_explore.symbolic import custom
from onnx_explore.symbolic.custom import SAYS_NOTHING, CustomSymbolic
from onnx_explore.symbolic.registry import Function, Variant

Style = Literal["auto", "typed", "torch"]
STYLES: tuple[Style, ...] = ("auto", "typed", "torch")

_THEIR_TYPES = re.compile(r"_C\.(Value|Graph|Node)|torch\.(Value|Graph)\b|GraphContext")
_SUFFIXED = re.compile(r"\w+_(is|fs|ss|ts|[ifstz])")
_THEIR_MODULES = ("torch.onnx", "onnx_explore.symbolic_helper", "onnx_explore.compat")
_THEIR_METHODS = frozenset(
    {
        "setType",
        "setTypeAs",
        "debugName",
        "toIValue",
        "scalarType",
        "varyingSizes",
        "with_sizes",
        "with_dtype",
        "isCompleteTensor",
        "isSubtypeOf",
        "mustBeNone",
        "onnxscript_op",
        "aten_op",
        "original_node",
        "params_dict",
        "symbolic_helper",
        "sym_help",
    }
)


def symbolic(*targets: str, opset: int = OLDEST_OPSET, style: Style = "auto") -> Callable[[Function], CustomSymbolic]:
    """Decorator: register a symbolic function of the user, of either style.

    Args:
        *targets: Operators, such as ``aten::elu`` or, for one overload only, ``aten::add.Tensor``.
        opset: The first opset that it holds for; ``.since(opset)`` adds a function for newer ones.
        style: ``"typed"`` (ours), ``"torch"`` (as written for ``torch.onnx.register_custom_op_symbolic``), or ``"auto"``: seen
            from the function.

    Returns:
        The decorator. What it gives can be called like the function, and has ``.remove()``.

    Raises:
        InvalidArgument: If a target is no operator name, nothing is named, or there is no such style.
    """
    if style not in STYLES:
        raise InvalidArgument(f"{style!r} is no style", argument="style", action=f"use one of {', '.join(STYLES)}")

    def make(target: str, since: int, function: Function) -> Variant:
        of_torch = style == "torch" or (style == "auto" and is_torch_style(function))
        return variant(target, function, since) if of_torch else custom.own_variant(since, function)

    return custom.symbolic(*targets, opset=opset, make=make)


def is_torch_style(function: Callable[..., Any]) -> bool:
    """Whether a function is written as the reference wants it."""
    if hasattr(function, DESCRIPTORS):
        return True
    annotations = [item.annotation for item in inspect.signature(function).parameters.values()]
    if any(_THEIR_TYPES.search(str(item)) for item in annotations):
        return True
    if any(item not in SAYS_NOTHING for item in annotations[1:]):
        return False
    own = inspect.unwrap(function)
    code = getattr(own, "__code__", None)
    if code is None:
        return False
    names = {name for inner in _codes(code) for name in (*inner.co_names, *inner.co_freevars)}
    if names & _THEIR_METHODS or any(_is_suffixed(inner) for inner in _codes(code)):
        return True
    if any(name.startswith(_THEIR_MODULES) for name in names):  # imported inside the function
        return True
    space: dict[str, Any] = getattr(own, "__globals__", {}) | _enclosed(own)
    return any(_is_theirs(space.get(name)) for name in names)


def _enclosed(function: Any) -> dict[str, Any]:
    """The variables of the functions around it that it uses."""
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of the functions in it."""
    yield code
    for item in code.co_consts:
        if isinstance(item, CodeType):
            yield from _codes(item)


def _is_suffixed(code: CodeType) -> bool:
    """Whether a call passes a keyword argument such as ``alpha_f``: its names are a constant of the code."""
    return any(
        isinstance(name, str) and _SUFFIXED.fullmatch(name)
        for item in code.co_consts
        if isinstance(item, tuple)
        for name in item  # pyright: ignore[reportUnknownVariableType]
    )


def _is_theirs(item: object) -> bool:
    """Whether it is one of the reference's helper functions or symbolic functions, torch's or ours."""
    module = item.__name__ if isinstance(item, ModuleType) else getattr(item, "__module__", "")
    return str(module).startswith(_THEIR_MODULES)
