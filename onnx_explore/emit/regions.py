"""Regions: the graph and its subgraphs while they are being built, each with what was computed in it.

In: an ``ir.Graph``. Out: where nodes go, and a memory of values (sizes, transposed weights) that are shared. What a subgraph
computed is only there while it runs: a region sees the memory of those around it, never that of one inside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

_GRAPH = ir.AttributeType.GRAPH


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A graph or subgraph under construction.

    Attributes:
        graph: Where nodes go.
        memo: Values remembered by the nodes of this region.
        outer: The region around it, or None for the outermost graph.
    """

    graph: ir.Graph
    memo: dict[object, ir.Value]
    outer: Region | None

    def memo_of(self, key: object) -> ir.Value | None:
        """What was remembered under a key here or further out."""
        region: Region | None = self
        while region is not None:
            found = region.memo.get(key)
            if found is not None:
                return found
            region = region.outer
        return None


def bodies(node: ir.Node) -> Iterator[ir.Graph]:
    """The subgraphs of a node."""
    # Every pass asks this of every node: the dict itself is several times faster than the UserDict around it.
    for item in node.attributes.data.values():
        if item.type is _GRAPH:
            yield item.as_graph()


def count_nodes(graph: ir.Graph) -> int:
    """How many nodes a graph has, with those of its subgraphs."""
    return sum(1 for _ in nodes_of(graph))


def nodes_of(graph: ir.Graph) -> Iterator[ir.Node]:
    """All nodes of a graph in order, each before the nodes of its subgraphs."""
    for node in graph:
        yield node
        for body in bodies(node):
            yield from nodes_of(body)
