"""What a browser paints before it has asked for anything: the verdict, the tables and the first lines of each pane.

In: an exploration. Out: ``protocol.Opening``, small whatever the size of the graph. It travels with the widget, so that the
first picture does not wait for requests and their answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from onnx_explore.emit.regions import count_nodes
from onnx_explore.explore import project, protocol
from onnx_explore.explore.columns import Buffers, numbers
from onnx_explore.explore.exploration import Exploration
from onnx_explore.torch_ir import walk

FIRST_LINES = 80
"""More than a screen shows."""
MOST_NODES = 2_000
"""Of a larger graph the verdict comes alone, at once: its panes take longer to make than a request takes to be answered."""


def opening(
    ex: Exploration, pane: Callable[[protocol.PaneName], tuple[protocol.PaneText, Buffers]], revision: int, content: int
) -> protocol.Opening:
    """The first picture.

    Args:
        ex: The exploration.
        pane: Gives a pane.
        revision: Of the exploration.
        content: Of what the panes show.
    """
    panes = [_first_lines(*pane(name)) for name in get_args(protocol.PaneName)] if is_small(ex) else []
    return protocol.Opening(project.summary(ex, revision, content=content), panes)


def is_small(ex: Exploration) -> bool:
    """Whether panes are made faster than they are asked for."""
    return sum(1 for _ in walk(ex.torch_graph.block)) + count_nodes(ex.onnx_graph) <= MOST_NODES


def _first_lines(text: protocol.PaneText, buffers: Buffers) -> protocol.FirstLines:
    count = min(FIRST_LINES, len(text.lines))
    starts, ids, *columns = numbers(buffers)
    return protocol.FirstLines(
        protocol.PaneText(
            text.pane,
            text.revision,
            text.lines[:count],
            text.notes[:count],
            text.labels[:count],
            text.names[:count],
        ),
        [starts[: count + 1], ids[: starts[count]], *(column[:count] for column in columns)],
        count == len(text.lines),
    )
