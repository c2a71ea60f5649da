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

_LINE = "#8c959f"
_SHAPES = {
    "module": {"shape": "box3d", "style": "filled", "fillcolor": "#f3f4f6"},
    "operator": {"shape": "box", "style": "rounded,filled", "fillcolor": "#e3f0fa"},
    "input": {"shape": "box", "style": "rounded", "penwidth": "1.6"},
    "output": {"shape": "box", "style": "rounded", "penwidth": "1.6"},
    "weight": {"shape": "note"},
}


class Drawing(graphviz.Digraph):
    """A ``Digraph`` that a notebook can show without the program ``dot``, too."""

    def __init__(self, scope: Scope, title: str) -> None:
        font = {"fontname": "Helvetica", "fontsize": "11"}
        super().__init__(
            title,
            graph_attr={**font, "rankdir": "TB", "nodesep": "0.25", "ranksep": "0.35", "labeljust": "l"},
            node_attr={**font, "margin": "0.12,0.06", "height": "0.3", "color": _LINE},
            edge_attr={**font, "fontsize": "9", "fontcolor": "#59636e", "arrowsize": "0.6", "color": _LINE},
        )
        self._scope = scope
        self._kinds = [kind for kind, _ in scope.index]
        self._frame(self, scope.scope, sorted(range(len(scope.titles)), key=self._where))
        for (source, target), label in scope.edges.items():
            self.edge(str(source), str(target), label=graphviz.escape(f"  {label}"))

    def _where(self, number: int) -> str:
        item = self._scope.first.get(number)
        return item.where if item is not None and self._scope.expanded else self._scope.scope

    def _frame(self, into: graphviz.Digraph, path: str, numbers: list[int]) -> None:
        """The nodes of one module, and frames for the modules inside it."""
        prefix = f"{path}." if path else ""
        inner: dict[str, list[int]] = {}
        for number in numbers:
            where = self._where(number)
            if where == path:
                self._box(into, number)
            else:
                inner.setdefault(prefix + where[len(prefix) :].split(".", 1)[0], []).append(number)
        for module, members in inner.items():
            if len(members) == 1:  # as in the graph view: the one operator, in the module's name
                (number,) = members
                self._box(into, number, f"{self._where(number)[len(prefix) :]}: ")
                continue
            frame = graphviz.Digraph(f"cluster_{module}")
            frame.attr(label=graphviz.escape(module), color="#c9ced6", style="rounded")
            self._frame(frame, module, members)
            into.subgraph(frame)

    def _box(self, into: graphviz.Digraph, number: int, module: str = "") -> None:
        lines = [f"{module}{self._scope.titles[number]}", self._scope.subtitles[number]]
        label = "\n".join(line for line in lines if line)
        into.node(str(number), label=graphviz.escape(label), **_SHAPES[self._kinds[number]])

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
