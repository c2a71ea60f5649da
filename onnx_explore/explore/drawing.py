"""A graph for Graphviz: nodes and edges as the graph view has them, modules as frames.

In: an exploration. Out: a ``graphviz.Digraph``. Where the program ``dot`` is not installed, a notebook shows the drawing of
``explore.svg`` instead, which needs nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import graphviz

from onnx_explore.explore import svg
from onnx_explore.explore.links import Origins
from onnx_explore.explore.protocol import Stage
from onnx_explore.explore.scopes import Scope, Scopes

if TYPE_CHECKING:
    from onnx_explore.explore.exploration import Exploration

_SHAPES = {
    "module": {"shape": "box3d", "style": "filled", "fillcolor": "#f3f4f6"},
    "operator": {"shape": "box", "style": "rounded,filled", "fillcolor": "#e3f0fa"},
    "input": {"shape": "oval"},
    "output": {"shape": "oval"},
    "weight": {"shape": "note"},
}


class Drawing(graphviz.Digraph):
    """A ``Digraph`` that a notebook can show without the program ``dot``, too."""

    def __init__(self, scope: Scope, title: str) -> None:
        font = {"fontname": "Helvetica", "fontsize": "11"}
        super().__init__(
            title,
            graph_attr={**font, "rankdir": "TB", "nodesep": "0.25", "ranksep": "0.4"},
            node_attr={**font, "margin": "0.12,0.06"},
            edge_attr={**font, "fontsize": "9", "arrowsize": "0.7", "color": "#59636e"},
        )
        self._scope = scope
        self._frame(self, scope.scope, sorted(range(len(scope.titles)), key=self._where))
        for (source, target), label in scope.edges.items():
            self.edge(str(source), str(target), label=graphviz.escape(label))

    def _where(self, number: int) -> str:
        item = self._scope.first.get(number)
        return item.where if item is not None and self._scope.expanded else self._scope.scope

    def _frame(self, into: graphviz.Digraph, path: str, numbers: list[int]) -> None:
        """The nodes of one module, and frames for the modules inside it."""
        prefix = f"{path}." if path else ""
        inner: dict[str, list[int]] = {}
        kinds = list(self._scope.index)
        for number in numbers:
            where = self._where(number)
            if where == path:
                lines = [self._scope.titles[number], self._scope.subtitles[number]]
                label = "\n".join(line for line in lines if line)
                into.node(str(number), label=graphviz.escape(label), **_SHAPES[kinds[number][0]])
            else:
                inner.setdefault(prefix + where[len(prefix) :].split(".", 1)[0], []).append(number)
        for module, members in inner.items():
            frame = graphviz.Digraph(f"cluster_{module}")
            frame.attr(label=graphviz.escape(module), color="#c9ced6", style="rounded")
            self._frame(frame, module, members)
            into.subgraph(frame)

    def svg(self) -> str:
        """As SVG, by ``dot`` where it is installed."""
        if shutil.which("dot") is not None:
            return str(self.pipe(format="svg", encoding="utf-8"))
        return svg.svg(list(self._boxes()), [(*pair, label) for pair, label in self._scope.edges.items()])

    def _boxes(self) -> Iterator[svg.Box]:
        for number, (kind, _) in enumerate(self._scope.index):
            yield svg.Box(self._scope.titles[number], self._scope.subtitles[number], kind)

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"image/svg+xml": self.svg()}


def draw(ex: Exploration, stage: Stage, scope: str, *, expand: bool) -> Drawing:
    """The drawing of one module's inside."""
    scopes = Scopes(ex, Origins(ex.captured.graph, ex.torch_graph, ex.recording), stage)
    found = scopes.expanded(scope) if expand else scopes.at(scope)
    return Drawing(found, f"{stage} {scope}".strip())
