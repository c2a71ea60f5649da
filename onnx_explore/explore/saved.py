"""What of an exploration is stored with a notebook: enough to read it without a kernel, and never a weight.

In: an exploration. Out: plain JSON data, below a cap. What does not fit is left out, and said so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

from onnx_explore.emit.regions import count_nodes
from onnx_explore.explore import project
from onnx_explore.explore.check_messages import CostTables, NodesTable
from onnx_explore.explore.checksview import cost_tables, nodes_table
from onnx_explore.explore.columns import Buffers, numbers
from onnx_explore.explore.exploration import Exploration
from onnx_explore.explore.protocol import PROTOCOL_VERSION, GraphScope, PaneName, PaneText, Stage
from onnx_explore.explore.scopes import Scopes

Projection = Callable[[PaneName], tuple[PaneText, Buffers]]
MIME_TYPE = "application/vnd.onnx-explore.v1+json"
MOST_BYTES = 256 * 1024
"""The cap on one output."""
_LEAST_PER_NODE = 60
_MOST_SCOPES = 40
_PANES: tuple[PaneName, ...] = ("source", "onnx", "torch", "dispatch")


def saved(ex: Exploration, most: int = MOST_BYTES, pane: Projection | None = None) -> dict[str, Any]:
    """Summary, panes, what the checks of every node and the measurement found, and graphs as far as they fit.

    Args:
        ex: The exploration.
        most: Bytes of JSON.
        pane: Gives a pane, if somebody has them at hand already.
    """
    data: dict[str, Any] = {
        "protocol": PROTOCOL_VERSION,
        "summary": project.to_message(project.summary_answer(ex, 0))["summary"],
        "panes": [],
        "checks": [],
        "graphs": [],
        "omitted": "",
    }
    left = most - len(json.dumps(data))
    if count_nodes(ex.onnx_graph) * _LEAST_PER_NODE > left:
        data["omitted"] = f"stored as a summary: the panes do not fit into {most // 1024} KiB"
        return data
    for kind, part in _parts(ex, pane or partial(project.pane, ex, revision=0)):
        size = len(json.dumps(part))
        if size > left:
            data["omitted"] = f"stored without the parts that do not fit into {most // 1024} KiB"
            if kind != "graphs":
                continue
            break
        data[kind].append(part)
        left -= size
    return data


def _parts(ex: Exploration, pane: Projection) -> Iterator[tuple[Literal["panes", "checks", "graphs"], dict[str, Any]]]:
    for name in _PANES:
        message, buffers = pane(name)
        yield "panes", {"answer": project.to_message(message), "buffers": numbers(buffers)}
    for made in _checks(ex):
        yield "checks", {"answer": project.to_message(made[0]), "buffers": numbers(made[1])}
    stages: tuple[Stage, ...] = ("torch", "onnx")
    origins = project.origins_of(ex)
    for stage in stages:
        scopes = Scopes(ex, origins, stage)
        asked = [""]
        for path in asked:
            message, buffers = project.graph_of(scopes, path, 0)
            yield "graphs", {"asked": path, "answer": project.to_message(message), "buffers": numbers(buffers)}
            asked += [] if len(asked) > _MOST_SCOPES else _modules(message)


def _checks(ex: Exploration) -> Iterator[tuple[NodesTable | CostTables, Buffers]]:
    if ex.nodes_report is not None:
        yield nodes_table(ex, project.origins_of(ex))
    if ex.cost_report is not None:
        yield cost_tables(ex)


def _modules(message: GraphScope) -> list[str]:
    return [key for kind, key in zip(message.kinds, message.keys, strict=True) if kind == "module"]
