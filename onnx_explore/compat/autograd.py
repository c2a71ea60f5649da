"""``torch.autograd.Function``: its static ``symbolic``, and what a symbolic function for ``prim::PythonOp`` is told of it.

In: a ``prim::PythonOp`` node that the capture recorded. Out: the variant that its class carries, if it has a ``symbolic``; that
gets tensors as values, and everything else as ``forward`` got it. A function with neither is inlined before (``passes/torch``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from onnx_explore.compat.calling import Same, call
from onnx_explore.emit import Emitter
from onnx_explore.options import OLDEST_OPSET
from onnx_explore.symbolic.lowered import Lowered
from onnx_explore.symbolic.registry import REGISTRY, Variant
from onnx_explore.torch_ir import TorchNode

PYTHON_OP = "prim::PythonOp"


def carried(node: TorchNode) -> Variant | None:
    """The static ``symbolic`` of the class behind a node, or None."""
    owner: Any = node.attributes.get("function")
    symbolic = getattr(owner, "symbolic", None)
    return _variant(Same(symbolic), owner.__name__) if callable(symbolic) else None


@lru_cache(maxsize=1024)
def _variant(key: Same, owner: str) -> Variant:
    source = f"static symbolic of the autograd.Function {owner}"
    return Variant(OLDEST_OPSET, _adapted(key.function), custom=True, style="raw", source=source)


def _adapted(symbolic: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(symbolic)
    def raw(emitter: Emitter, node: TorchNode, inputs: tuple[Lowered, ...]) -> Any:
        return call(symbolic, emitter, node, inputs, lambda values: _as_forward(node, values))

    return raw


def _as_forward(node: TorchNode, values: list[Any]) -> list[Any]:
    """Tensors and other arguments in the order in which ``forward`` takes them."""
    tensors, others = iter(values), iter(node.attributes["scalar_args"])
    return [next(tensors) if letter == "d" else next(others) for letter in node.attributes["signature"]]


def keywords_of(node: TorchNode) -> dict[str, Any]:
    """What a symbolic function for ``prim::PythonOp`` gets by keyword."""
    names = ("name", "module", "inplace")
    return {name: node.attributes[name] for name in names if name in node.attributes}


REGISTRY.carried[PYTHON_OP] = carried
