"""onnx-script functions: ``g.onnxscript_op(fn, x)`` calls one, and its body travels in the model as a local function.

In: what ``@onnxscript.script(opset)`` made, which knows its own protobuf. Out: an ``onnx_ir.Function`` in the model, with those
that it calls. onnx-script itself is never imported here: it is an optional extra of the user.
"""

from __future__ import annotations

from typing import Any

import onnx
import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.errors import InvalidArgument, OpsetTooLow

FIRST_OPSET = 15
"""The first opset whose models (IR version 8) hold functions."""


def function_name(function: Any) -> tuple[str, str]:
    """Domain and name of an onnx-script function.

    Raises:
        InvalidArgument: If it is none.
    """
    domain = getattr(getattr(function, "opset", None), "domain", None)
    name = getattr(function, "name", None)
    if not isinstance(domain, str) or not isinstance(name, str) or not hasattr(function, "to_function_proto"):
        raise InvalidArgument(
            f"{function!r} is no onnx-script function",
            argument="onnx_fn",
            action="decorate it with @onnxscript.script(onnxscript.values.Opset('my.domain', 1))",
        )
    if domain in ("", "ai.onnx"):
        raise InvalidArgument(
            f"the function '{name}' is in ONNX's own domain", argument="onnx_fn", action="give it an opset of its own"
        )
    return domain, name


def add_function(emitter: Emitter, function: Any) -> None:
    """Put the body of an onnx-script function, and of those that it calls, into the model.

    Raises:
        OpsetTooLow: If the export's opset has no functions in its models.
        InvalidArgument: If the body is written for another opset, or another body has the same name.
    """
    domain, name = function_name(function)
    if emitter.opset < FIRST_OPSET:
        raise OpsetTooLow(
            f"the onnx-script function '{domain}::{name}' needs a model with local functions, which exist from opset "
            f"{FIRST_OPSET} on",
            first=FIRST_OPSET,
        )
    version = int(getattr(function.opset, "version", 1))
    for proto in _protos(function):
        _check_opset(proto, emitter.opset)
        emitter.function(ir.serde.deserialize_function(proto), version)


def _protos(function: Any) -> list[onnx.FunctionProto]:
    """The function's protobuf, behind those of the functions that it calls."""
    own: onnx.FunctionProto = function.to_function_proto()
    called: dict[str, Any] = {}
    body = getattr(function, "function_ir", None)
    ask = getattr(body, "get_called_functions", None)
    if callable(ask):
        called = ask()  # pyright: ignore[reportAssignmentType]
    others = [item for item in called.values() if item is not function]
    return [*(item.to_function_proto() for item in others), own]


def _check_opset(proto: onnx.FunctionProto, opset: int) -> None:
    """ONNX wants every operator of a body to be the same at the function's opset and at the model's."""
    for imported in proto.opset_import:
        if imported.domain not in ("", "ai.onnx") or imported.version == opset:
            continue
        for node in proto.node:
            if node.domain not in ("", "ai.onnx") or _since(node.op_type, imported.version) == _since(
                node.op_type, opset
            ):
                continue
            raise InvalidArgument(
                f"the onnx-script function '{proto.domain}::{proto.name}' is written for opset {imported.version}, in which "
                f"{node.op_type} is another than in opset {opset} of the export",
                argument="onnx_fn",
                action=f"export with opset_version={imported.version}, or write it with onnxscript.opset{opset}",
            )


def _since(op_type: str, opset: int) -> int | None:
    return onnx.defs.get_schema(op_type, opset).since_version if onnx.defs.has(op_type, opset) else None
