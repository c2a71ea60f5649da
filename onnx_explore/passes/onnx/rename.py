"""Other names for symbols, in place and without lowering again.

In: an exported model and old name → new name. Out: the same model; ``[batch, 2*seq + 1]`` is ``[n, 2*seq + 1]`` everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import onnx_ir as ir

from onnx_explore.errors import InvalidArgument

_WORD = re.compile(r"[A-Za-z_]\w*")


def rename_symbols(model: ir.Model, names: Mapping[str, str]) -> None:
    """Rename symbols in the shapes of all values. All of it, or nothing if it is interrupted.

    Raises:
        InvalidArgument: If a new name stands in a shape already: then the two would be one size.
    """
    used = words_of(model)
    taken = next((new for old, new in names.items() if new != old and new in used and new not in names), None)
    if taken is not None:
        raise InvalidArgument(f"'{taken}' is the name of another size", argument="dynamic_axes")
    changed = [
        (value, value.shape, _renamed(value.shape, names))
        for value in values_of(model)
        if value.shape is not None and not value.shape.is_static()
    ]
    done = False
    try:
        for value, _, shape in changed:
            value.shape = shape
        done = True
    finally:
        if not done:
            for value, shape, _ in changed:
                value.shape = shape


def words_of(model: ir.Model) -> set[str]:
    """Every name in the shapes of a model."""
    texts = {
        dim.value
        for value in values_of(model)
        if value.shape is not None
        for dim in value.shape
        if isinstance(dim, ir.SymbolicDim) and dim.value is not None
    }
    return {word for text in texts for word in _WORD.findall(text)}


def renamed_text(text: str, names: Mapping[str, str]) -> str:
    """An expression with other names."""
    return _WORD.sub(lambda match: names.get(match[0], match[0]), text)


def values_of(model: ir.Model) -> Iterator[ir.Value]:
    """All values of a model, those of subgraphs and functions included."""
    graphs: list[ir.Graph | ir.Function] = [model.graph, *model.functions.values()]
    for graph in graphs:
        yield from graph.inputs
        if isinstance(graph, ir.Graph):
            yield from graph.initializers.values()
        for node in ir.traversal.RecursiveGraphIterator(graph):
            yield from node.outputs
            for attribute in node.attributes.values():
                if attribute.type == ir.AttributeType.GRAPH:
                    yield from attribute.as_graph().inputs


def _renamed(shape: ir.Shape, names: Mapping[str, str]) -> ir.Shape:
    return ir.Shape(
        [
            ir.SymbolicDim(renamed_text(dim.value, names))
            if isinstance(dim, ir.SymbolicDim) and dim.value is not None
            else dim
            for dim in shape
        ]
    )
