"""The text form of a TorchGraph: close to TorchScript's own, one line per node.

In: a TorchGraph. Out: lines, each with the id of the node that it stands for, so that a view can link the two::

    graph(%x : float32(2, 3)):
      %1 : int = prim::Constant[value=1]()  # model.py:3
      %2 : float32(2, 3) = aten::add.Scalar(%x, %1, %1)  # model.py:3 in block.0
      return (%2)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from onnx_explore.torch_ir.graph import TorchBlock, TorchGraph, TorchNode, TorchValue

_SMALL = 4
_LONG = 60


def print_graph(graph: TorchGraph, *, places: bool = True) -> str:
    """The graph as text, a line per node.

    Args:
        graph: What to print.
        places: Whether to add ``# file:line in scope``.
    """
    return "\n".join(text for _, text in graph_lines(graph, places=places))


def graph_lines(graph: TorchGraph, *, places: bool = True) -> list[tuple[int | None, str]]:
    """The lines of the graph with the ids of their nodes; None for those of no node (head, blocks, returns)."""
    names = {parameter.value.id: parameter.name for parameter in graph.parameters}
    rows: list[tuple[int | None, str]] = []
    head = [_declare(value) + (f' = "{names[value.id]}"' if value.id in names else "") for value in graph.block.params]
    for index, text in enumerate(head):
        opening = "graph(" if index == 0 else "      "
        closing = "," if index < len(head) - 1 else "):"
        rows.append((None, f"{opening}{text}{closing}"))
    if not head:
        rows.append((None, "graph():"))
    rows.extend(_lines(graph.block, 1, places))
    rows.append((None, f"  return ({_names(graph.block.returns)})"))
    return rows


def _lines(block: TorchBlock, depth: int, places: bool) -> Iterator[tuple[int | None, str]]:
    indent = "  " * depth
    for node in block.nodes:
        yield node.id, indent + _node(node, places)
        for index, inner in enumerate(node.blocks):
            params = ", ".join(_declare(value) for value in inner.params)
            yield None, f"{indent}  block{index}({params}):"
            yield from _lines(inner, depth + 2, places)
            yield None, f"{indent}    -> ({_names(inner.returns)})"


def _node(node: TorchNode, places: bool) -> str:
    left = ", ".join(_declare(value) for value in node.outputs)
    overload = f".{node.overload}" if node.overload else ""
    attributes = [f"{name}={_constant(value)}" for name, value in node.attributes.items()]
    if node.target == "prim::Constant":
        attributes.insert(0, f"value={_constant(node.constant)}")
    carried = f"[{', '.join(attributes)}]" if attributes else ""
    where = node.origin.where if places else ""
    place = f"  # {where}" if where else ""
    equals = f"{left} = " if left else ""
    return f"{equals}{node.target}{overload}{carried}({_names(node.inputs)}){place}"


def _names(values: tuple[TorchValue, ...]) -> str:
    return ", ".join(f"%{value.name}" for value in values)


def _declare(value: TorchValue) -> str:
    return f"%{value.name} : {_type(value)}"


def _type(value: TorchValue) -> str:
    if not value.is_tensor or (value.dtype is None and value.shape is None):
        return value.kind
    head = _dtype(value.dtype) if value.dtype is not None else "Tensor"
    if value.shape is None:
        return f"{head}(*)"
    sizes = ", ".join(map(str, value.shape))
    if value.strides is None or value.strides == _contiguous(value.shape):
        return f"{head}({sizes})"
    return f"{head}({sizes}, strides=[{', '.join(map(str, value.strides))}])"


def _dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def _constant(constant: Any) -> str:
    if isinstance(constant, torch.Tensor):
        head = f"{_dtype(constant.dtype)}({', '.join(map(str, constant.shape))})"
        plain = constant.layout == torch.strided and not constant.is_quantized and constant.device.type != "meta"
        return f"<{head} {constant.tolist()}>" if plain and constant.numel() <= _SMALL else f"<{head}>"
    if isinstance(constant, list | tuple):
        items: list[Any] = list(constant)  # pyright: ignore[reportUnknownArgumentType]
        shown = ", ".join(_constant(item) for item in items[:_LONG])
        return f"[{shown}{', …' if len(items) > _LONG else ''}]"
    text = repr(constant).replace("\n", "\\n")
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"
