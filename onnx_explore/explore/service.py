"""Serves the browser's requests about one exploration. Knows the protocol, and nothing of Jupyter or threads' owners.

A request that changes the export needs the exploration for itself: while another step runs, it is answered ``Busy`` at once and
not queued. Requests that only look are always answered, from what is recorded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from onnx_explore.errors import InvalidArgument, OnnxExporterError
from onnx_explore.explore import check_messages as messages
from onnx_explore.explore import project, protocol
from onnx_explore.explore.checksview import cost_tables, node_numbers, nodes_table
from onnx_explore.explore.columns import Buffers
from onnx_explore.explore.exploration import Busy, Exploration
from onnx_explore.explore.opening import is_small, opening
from onnx_explore.explore.saved import saved

Reply = tuple[protocol.Answer, Buffers]


class Service:
    """Answers requests.

    Args:
        exploration: What is explored.
        assets: Gives a script by its name.
        slice_seconds: How long one ``Continue`` works before it asks to be asked again.

    Attributes:
        revision: Grows with every change of the exploration.
    """

    def __init__(
        self,
        exploration: Exploration,
        assets: Callable[[str], bytes] = lambda _: b"",
        *,
        slice_seconds: float = 0.25,
    ) -> None:
        self.exploration = exploration
        self.revision = 0
        self._content = 0
        self._seen = exploration.content
        self._panes: dict[str, tuple[protocol.PaneText, Buffers]] = {}
        self._assets = assets
        self._slice = slice_seconds
        exploration.observe(self.touch)

    def touch(self) -> None:
        """The exploration changed, or something that is told of it; panes are kept where only a check did."""
        self.revision += 1
        if self._seen == self.exploration.content:
            return
        self._seen = self.exploration.content
        self._content = self.revision
        self._panes = {}

    def pane(self, name: protocol.PaneName) -> tuple[protocol.PaneText, Buffers]:
        """One pane; made once per revision."""
        panes = self._panes
        if name not in panes:
            panes[name] = project.pane(self.exploration, name, self.revision)
        return panes[name]

    def opening(self) -> protocol.Opening | None:
        """What to paint before the first request; None while a step is running: nothing is sure then."""
        return None if self.exploration.busy else opening(self.exploration, self.pane, self.revision, self._content)

    def handle(self, message: Mapping[str, Any]) -> Reply:
        """Answer one request, whatever it is: a failure is an answer, too."""
        try:
            return self._answer(parse(message))
        except Busy as error:
            return protocol.Busy(error.message), []
        except OnnxExporterError as error:
            return protocol.Failed(error.code, str(error)), []
        except (
            KeyboardInterrupt
        ):  # of a kernel that serves the browser on its main thread; somebody waits for an answer
            return protocol.Failed(
                "Cancelled", "interrupted: a step stands before its node, an edit, an audit or a check changed nothing"
            ), []
        except Exception as error:  # noqa: BLE001  (every request is answered, whatever went wrong)
            if self.exploration.busy:  # it looked at a graph that a running step is changing
                return protocol.Busy("a step is running"), []
            return protocol.Failed(type(error).__name__, str(error)), []

    def _answer(self, request: protocol.Request) -> Reply:
        ex = self.exploration
        if isinstance(request, protocol.GetSummary):
            return self._summary(), []
        if isinstance(request, protocol.GetPane):
            return self.pane(request.pane)
        if isinstance(request, protocol.GetGraph):
            return project.graph(ex, request.stage, request.scope, self.revision)
        if isinstance(request, protocol.GetNode):
            return project.detail(ex, request.node, request.name), []
        looked = self._look_at_checks(request)
        if looked is not None:
            return looked
        if isinstance(request, protocol.Cancel):
            ex.cancel()
            return protocol.Done(), []
        if isinstance(request, protocol.GetAsset):
            return protocol.Asset(request.name), [self._asset(request.name)]
        more = self._change(request)
        if isinstance(request, protocol.SetAxes):
            return self._edited()
        return self._summary(more=more), []

    def _asset(self, name: str) -> bytes:
        if name == "saved":
            return json.dumps(saved(self.exploration, pane=self.pane)).encode()
        return self._assets(name)

    def _look_at_checks(self, request: protocol.Request) -> Reply | None:
        ex = self.exploration
        if isinstance(request, messages.GetNodes):
            return nodes_table(ex, project.origins_of(ex))
        if isinstance(request, messages.GetCosts):
            return cost_tables(ex)
        if isinstance(request, messages.GetValues):
            if ex.nodes_report is None:  # it would run all nodes, which nobody asked for
                raise InvalidArgument("the nodes of this export were not checked", action="check every node first")
            return node_numbers(ex.values(request.node, request.value))
        return None

    def _edited(self) -> Reply:
        summary = self._summary().summary
        if not is_small(self.exploration):
            return protocol.Edited(summary, None), []
        text, buffers = self.pane("onnx")
        return protocol.Edited(summary, text), buffers

    def _change(self, request: protocol.Request) -> bool:
        """Do it; whether there is more to do."""
        ex = self.exploration
        if isinstance(request, protocol.Step):
            ex.step_operator()
        elif isinstance(request, protocol.Continue):
            return ex.run_for(self._slice)
        elif isinstance(request, protocol.RunTo):
            ex.run_until(int(request.what) if request.what.isdigit() else request.what)
        elif isinstance(request, protocol.SetAxes):
            edits = [(edit.input, edit.axis, edit.symbol) for edit in request.edits]
            ex.set_dynamic_axes(ex.axes.edited(edits), check=False)
        elif isinstance(request, protocol.RunAudit):
            ex.audit_axes(repair=request.repair)
        elif isinstance(request, messages.CheckNodes):
            ex.check_nodes()
        elif isinstance(request, messages.MeasureCost):
            ex.cost()
        elif isinstance(request, messages.BisectPasses):
            ex.bisect_passes()
        return False

    def _summary(self, *, more: bool = False) -> protocol.SummaryAnswer:
        return project.summary_answer(self.exploration, self.revision, content=self._content, more=more)


def parse(message: Mapping[str, Any]) -> protocol.Request:
    """A request from plain data.

    Raises:
        ValueError: If it is not one.
    """
    kind = message.get("kind")
    cls = protocol.REQUESTS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ValueError(f"unknown request {kind!r}")
    return _build(cls, message)


def _build(cls: Any, data: Mapping[str, Any]) -> Any:
    hints = get_type_hints(cls)
    arguments: dict[str, Any] = {}
    for field in fields(cls):
        if field.name not in data:
            continue
        item = data[field.name]
        if field.name == "edits":
            item = [_build(protocol.AxisEdit, entry) for entry in item]
        elif not is_dataclass(hints[field.name]) and not isinstance(item, str | int | float | bool | None):
            raise ValueError(f"{field.name} of {cls.__name__} cannot be {item!r}")
        arguments[field.name] = item
    return cls(**arguments)
