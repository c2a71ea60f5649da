"""What comes of a user's symbolic function: is what it returned of use, and where did it fail.

In: a node, its variant, what the function returned or raised. Out: the results, one for each of the node's outputs, or one error
that names the operator, the function and the function's own line.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

import onnx
import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter
from onnx_explore.emit.regions import Region
from onnx_explore.errors import InvalidArgument, OnnxExporterError, SymbolicError
from onnx_explore.symbolic.lowered import Constant, Dictionary, Maybe, PackedCell, PackedWeight, Quantized
from onnx_explore.symbolic.registry import Variant
from onnx_explore.torch_ir import TorchNode, TorchValue
from onnx_explore.torch_ir.graph import is_inside_torch

_LIBRARIES = (f"{Path(__file__).parents[1]}/", *(f"{Path(str(item.__file__)).parent}/" for item in (ir, onnx)))


_RESULTS = (ir.Value, Constant, Quantized, PackedWeight, PackedCell, Maybe, Dictionary, torch.Tensor)


def check_outcome(g: Emitter, node: TorchNode, result: Any, emitted: Sequence[ir.Node]) -> None:
    """Refuse what a user's function cannot have meant.

    Args:
        g: Where it emitted.
        node: The torch node.
        result: What it returned, not None.
        emitted: The ONNX nodes that it made.

    Raises:
        SymbolicError: For the wrong number of results, or one that is no value.
        InvalidArgument: For a value of another graph.
    """
    count = len(node.outputs)
    results: tuple[Any, ...] = (result,)
    if count != 1:
        if not isinstance(result, list | tuple):
            raise SymbolicError(
                f"its symbolic function returned one {_kind(result)}, and the operator has {count} outputs",
                action="return a tuple with one value for each output",
            )
        results = tuple(result)  # pyright: ignore[reportUnknownArgumentType]
        if len(results) != count:
            raise SymbolicError(
                f"its symbolic function returned {len(results)} values, and the operator has {count} outputs",
                action="return one value for each output",
            )
    for value, item in zip(node.outputs, results, strict=True):
        _check_result(value, item)
    homes = {made.graph for made in emitted}
    region: Region | None = g.region
    while region is not None:
        homes.add(region.graph)
        region = region.outer
    for made in emitted:
        for value in made.inputs:
            _check_own(homes, value, f"an input of {made.op_type}")
    for value in _values(results):
        _check_own(homes, value, "what it returned")


def _check_result(value: TorchValue, item: Any) -> None:
    if value.is_tensor and isinstance(item, list | tuple):
        items: list[Any] = list(item)  # pyright: ignore[reportUnknownArgumentType]
        raise SymbolicError(
            f"its symbolic function returned {len(items)} values for an output that is one tensor",
            action="return that one value",
        )
    accepted: tuple[type, ...] = (*_RESULTS, int, float, complex, list, tuple, type(None))
    if not value.is_tensor:
        accepted = (*accepted, str, torch.device)
    if not isinstance(item, accepted):
        raise SymbolicError(
            f"its symbolic function returned {item!r} ({_kind(item)}), which is no value of the graph",
            action="return what g.op returned",
        )


def _kind(item: Any) -> str:
    return "value" if isinstance(item, ir.Value) else type(item).__name__


def _values(items: Sequence[Any]) -> Iterator[ir.Value]:
    for item in items:
        if isinstance(item, ir.Value):
            yield item
        elif isinstance(item, list | tuple):
            yield from _values(item)  # pyright: ignore[reportUnknownArgumentType]


def _check_own(homes: Container[ir.Graph | None], value: ir.Value | None, what: str) -> None:
    if value is None:
        return
    producer = value.producer()
    home = producer.graph if producer is not None else value.graph
    if home is None or home not in homes:
        raise InvalidArgument(
            f"{what} is '{value.name}', a value of another graph, from another call or an earlier export",
            action="use only the values that this call was given, and what g.op returned to it",
        )


def failure(error: Exception, variant: Variant | None) -> OnnxExporterError:
    """The error for an exception inside a symbolic function, or inside what was called without one.

    An error of ours stays what it is and gets the function's line; anything else is chained to a ``SymbolicError``.
    """
    function = variant.name if variant is not None else ""
    place = line_of(error, variant) if variant is not None and variant.custom else ""
    if isinstance(error, OnnxExporterError):
        if place:
            error.message = f"{error.message} (in {function} at {place})"
        elif variant is not None and variant.custom and isinstance(error, SymbolicError | InvalidArgument):
            error.message = f"{error.message} (in {function} at {_defined_at(variant)})"
        return error
    what = f"symbolic function {function}" if function else "evaluation"
    wrapped = SymbolicError(
        f"its {what} raised {type(error).__name__}{f' at {place}' if place else ''}: {first_line(error)}",
        action="mend the function, register it again, and go on",
    )
    wrapped.__cause__ = error
    return wrapped


def first_line(error: Exception) -> str:
    """The first line of a message: PyTorch's exporter adds whole graphs to its own. The rest is in the chained exception."""
    return next((row.strip() for row in str(error).splitlines() if row.strip()), "no message")


def line_of(error: BaseException, variant: Variant) -> str:
    """``file:line`` where a user's function failed: the innermost frame in its file, else outside of the libraries."""
    code = _code(variant)
    own = found = ""
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if code is not None and file == code.co_filename:
            own = f"{_short(file)}:{step.tb_lineno}"
        elif not file.startswith(_LIBRARIES) and not is_inside_torch(file):
            found = f"{_short(file)}:{step.tb_lineno}"
        step = step.tb_next
    if not own and not found and error.__cause__ is not None:
        return line_of(error.__cause__, variant)
    return own or found


def _defined_at(variant: Variant) -> str:
    code = _code(variant)
    return f"{_short(code.co_filename)}:{code.co_firstlineno}" if code is not None else "an unknown line"


def _code(variant: Variant) -> CodeType | None:
    function: Any = variant.function
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return getattr(function, "__code__", None)


def _short(file: str) -> str:
    return "/".join(file.replace("\\", "/").rsplit("/", 2)[-2:])
