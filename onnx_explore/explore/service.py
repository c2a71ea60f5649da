"""Serves the browser's requests about one exploration. Knows the protocol, and nothing of Jupyter or threads' owners.

A request that changes the export needs the exploration for itself: while another step runs, it is answered ``Busy`` at once and
not queued. Requests that only look are always answered, from what is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from onnx_explore.errors import OnnxExporterError
from onnx_explore.explore import project, protocol
from onnx_explore.explore.exploration import Busy, Exploration
from onnx_explore.explore.project import Buffers

Reply = tuple[protocol.Answer, Buffers]


class Service:
    """Answers requests.

    Args:
        exploration: What is explored.
        changed: Called after the export changed, with the new revision.
    """

    def __init__(self, exploration: Exploration, changed: Callable[[int], None] = lambda revision: None) -> None:
        self.exploration = exploration
        self.revision = 0
        self._changed = changed

    def handle(self, message: Mapping[str, Any]) -> Reply:
        """Answer one request, whatever it is: a failure is an answer, too."""
        try:
            return self._answer(parse(message))
        except Busy as error:
            return protocol.Busy(error.message), []
        except OnnxExporterError as error:
            return protocol.Failed(error.code, str(error)), []
        except (KeyError, TypeError, ValueError) as error:
            return protocol.Failed("BadRequest", str(error)), []

    def touch(self) -> None:
        """The export changed: views of earlier revisions are stale."""
        self.revision += 1
        self._changed(self.revision)

    def _answer(self, request: protocol.Request) -> Reply:
        ex = self.exploration
        if isinstance(request, protocol.GetSummary):
            return self._summary(), []
        if isinstance(request, protocol.GetPane):
            return project.pane(ex, request.pane, self.revision, request.position)
        if isinstance(request, protocol.GetGraph):
            return project.graph(ex, request.stage, request.scope, self.revision)
        if isinstance(request, protocol.GetNode):
            return project.detail(ex, request.node, request.name), []
        if isinstance(request, protocol.Cancel):
            ex.cancel()
            return protocol.Done(), []
        self._change(request)
        self.touch()
        return self._summary(), []

    def _change(self, request: protocol.Request) -> None:
        ex = self.exploration
        if isinstance(request, protocol.Step):
            ex.step_operator()
        elif isinstance(request, protocol.Continue):
            ex.run()
        elif isinstance(request, protocol.RunTo):
            ex.run_until(int(request.what) if request.what.isdigit() else request.what)
        elif isinstance(request, protocol.SetAxes):
            axes = {name: dict(names) for name, names in ex.options.dynamic_axes.items()}
            for edit in request.edits:
                names = axes.setdefault(edit.input, {})
                names.pop(edit.axis, None)
                if edit.symbol is not None:
                    names[edit.axis] = edit.symbol
            ex.set_dynamic_axes(axes)

    def _summary(self) -> protocol.SummaryAnswer:
        return protocol.SummaryAnswer(project.summary(self.exploration, self.revision))


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
