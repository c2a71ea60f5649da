"""``register_custom_op_symbolic`` as the reference documents it, on our registry.

The function gets ``g`` and one value for each input, by position: parameter names need not match the schema's. It
holds from its opset on, and goes before the built-in ones; registering again replaces it, also under a paused export.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from onnx_explore.compat.autograd import PYTHON_OP, keywords_of
from onnx_explore.compat.calling import Same, accepted, call
from onnx_explore.compat.parsing import DESCRIPTORS, convert_arguments
from onnx_explore.compat.torch_registry import registered_elsewhere
from onnx_explore.emit import Emitter
from onnx_explore.errors import InvalidArgument
from onnx_explore.options import NEWEST_OPSET, OLDEST_OPSET
from onnx_explore.symbolic.custom import check_left_out
from onnx_explore.symbolic.lowered import Lowered
from onnx_explore.symbolic.registry import REGISTRY, Variant
from onnx_explore.torch_ir import TorchNode

_NAME = re.compile(r"[A-Za-z0-9_.\-]+::[A-Za-z_\-][A-Za-z0-9_.\-]*")

_THEIRS = "registered with torch.onnx.register_custom_op_symbolic"


def register_custom_op_symbolic(symbolic_name: str, symbolic_fn: Callable[..., Any], opset_version: int) -> None:
    """Register a symbolic function for a custom (or any other) operator.

    Args:
        symbolic_name: ``<domain>::<op>``; ``::relu`` stands for ``aten::relu``.
        symbolic_fn: ``(g, *values)``: returns a value, several, or None if it cannot convert these arguments.
        opset_version: The opset from which on it holds.

    Raises:
        InvalidArgument: If the name is none, the opset does not exist, or the function cannot be called.
    """
    name = _checked_name(symbolic_name)
    if not callable(symbolic_fn):
        raise InvalidArgument(f"{symbolic_fn!r} cannot be called", argument="symbolic_fn")
    REGISTRY.register_custom(name, variant(name, symbolic_fn, _checked_opset(opset_version)))


def unregister_custom_op_symbolic(symbolic_name: str, opset_version: int) -> None:
    """Take back what was registered for an operator at an opset.

    Raises:
        InvalidArgument: If nothing was.
    """
    REGISTRY.unregister_custom(_checked_name(symbolic_name), _checked_opset(opset_version))


def variant(target: str, function: Callable[..., Any], opset: int, source: str = "") -> Variant:
    """The registry's variant of a function of the reference."""
    return Variant(opset, _adapted(target, function), custom=True, style="raw", source=source)


def take_over_registrations() -> None:
    """Look at what others registered with PyTorch's exporter meanwhile. Called before an export begins or goes on."""
    found: dict[str, list[Variant]] = {}
    for name, opset, function in registered_elsewhere():
        found.setdefault(name, []).append(_their_variant(name, Same(function), opset))
    REGISTRY.replace_foreign(found)


@lru_cache(maxsize=4096)
def _their_variant(name: str, key: Same, opset: int) -> Variant:
    return variant(name, key.function, opset, _THEIRS)


def _checked_name(name: str) -> str:
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgument(f"{name!r} is not a string", argument="symbolic_name")
    full = f"aten{name}" if name.startswith("::") else name
    if _NAME.fullmatch(full) is None:
        raise InvalidArgument(
            f"'{name}' is not an operator's name", argument="symbolic_name", action='write it as "domain::op"'
        )
    if full.startswith("onnx::"):
        raise InvalidArgument(
            f"'{name}' is an ONNX operator, not one of PyTorch's",
            argument="symbolic_name",
            action="name what is exported",
        )
    return full


def _checked_opset(opset: int) -> int:
    if isinstance(opset, bool) or not isinstance(opset, int) or not 1 <= opset <= NEWEST_OPSET:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgument(
            f"opset {opset!r} is not one of {OLDEST_OPSET} … {NEWEST_OPSET}", argument="opset_version"
        )
    return opset


def _adapted(target: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The registry's ``(g, node, inputs)`` around a function of the reference."""
    most = _most_values(function)
    descriptors: tuple[str, ...] | None = getattr(function, DESCRIPTORS, None)
    name = getattr(function, "__name__", "the symbolic function")

    @wraps(function)
    def raw(emitter: Emitter, node: TorchNode, inputs: tuple[Lowered, ...]) -> Any:
        check_left_out(node, inputs, most, name)

        def arguments(values: list[Any]) -> list[Any]:
            taken = values[:most]
            # Converted here, so that a wrong one is our error: the decorator leaves what is no value as it is.
            return taken if descriptors is None else convert_arguments(function, descriptors, taken)

        keywords = accepted(function, keywords_of(node)) if target == PYTHON_OP else {}
        return call(function, emitter, node, inputs, arguments, keywords)

    return raw


def _most_values(function: Callable[..., Any]) -> int:
    try:
        parameters = list(inspect.signature(function).parameters.values())[1:]
    except ValueError:  # a callable without a signature takes what it is given
        return 1 << 30
    if any(item.kind is inspect.Parameter.VAR_POSITIONAL for item in parameters):
        return 1 << 30
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(item.kind in kinds for item in parameters)
