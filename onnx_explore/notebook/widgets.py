"""``ExplorerWidget``: an exploration in the browser. One class here, one ESM file there, requests by id in between.

Traits carry small shared state only; everything else is asked for by the browser, by custom messages that
``explore.service`` answers. The script and its style are built from ``labextension/``.
"""

from __future__ import annotations

import contextvars
import sys
import threading
import time
import weakref
from functools import lru_cache
from importlib.resources import files
from typing import Any, cast

import anywidget
import traitlets

from onnx_explore.errors import OnnxExporterError
from onnx_explore.explore import project
from onnx_explore.explore.check_messages import Working
from onnx_explore.explore.exploration import Exploration
from onnx_explore.explore.protocol import PROTOCOL_VERSION, Opening
from onnx_explore.explore.saved import MIME_TYPE, saved
from onnx_explore.explore.service import Service
from onnx_explore.explore.shown import Progress
from onnx_explore.notebook.session import Session
from onnx_explore.symbolic.registry import REGISTRY

VIEW_TYPE = "application/vnd.jupyter.widget-view+json"
_ASSETS = {"layout": "layout.js"}
PROGRESS_SECONDS = 0.1
LONG = ("audit", "check_nodes", "measure_cost", "bisect")
"""Requests that can be cancelled while they are served."""


class FrontEndMissing(OnnxExporterError):
    """The widget's script was not built into this installation."""

    code = "FrontEndMissing"


@lru_cache(maxsize=8)
def asset(name: str) -> str:
    """The text of a file of the built front end.

    Raises:
        FrontEndMissing: If it was not built.
    """
    file = files("onnx_explore") / "static" / name
    if not file.is_file():
        raise FrontEndMissing(
            f"{name} is not in this installation",
            action="install the package with pip, or run `npm ci && npm run build` in labextension/",
        )
    return file.read_text(encoding="utf-8")


class ExplorerWidget(anywidget.AnyWidget):
    """The widget of one exploration. ``ex.widget`` makes it; it composes like any other ipywidget.

    Args:
        exploration: What it shows.

    Attributes:
        protocol_version: Of the messages.
        revision: Grows whenever something may look different.
        opening: What a new view paints before it has asked for anything (``protocol.Opening``); empty once out of date.
        selection: Numbers of the torch nodes that are chosen, in the browser or from Python.
        step: The step that the browser looks at.
        progress: Long work, whoever began it (``protocol.Working``).
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    protocol_version = traitlets.Int(PROTOCOL_VERSION).tag(sync=True)
    revision = traitlets.Int(0).tag(sync=True)
    opening: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    selection: traitlets.List[int] = traitlets.List(traitlets.Int()).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    progress: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)

    def __init__(self, exploration: Exploration, **traits: Any) -> None:
        self.exploration = exploration
        self._told = 0.0
        shell = _shell()
        if shell is not None and exploration.place is str:
            exploration.place = Session(shell).readable
        self._service = Service(exploration, lambda name: asset(_ASSETS[name]).encode())
        super().__init__(
            _esm=asset("widget.js"),
            _css=asset("widget-style.css"),
            selection=[node.id for node in exploration.selected],
            opening=_message(self._service.opening()),
            **traits,
        )
        self.on_msg(self._received)
        self.observe(self._chosen, "selection")
        exploration.observe(self._changed)
        exploration.follow(self._at_work)
        _watch_cells()
        _alive.add(self)

    @property
    def view(self) -> dict[str, Any]:
        """The MIME data that makes a notebook show it, without the text that ipywidgets adds."""
        if not self.opening:
            self.opening = _message(self._service.opening())
        made: Any = self._repr_mimebundle_()
        data = made[0] if isinstance(made, tuple) else made
        return {VIEW_TYPE: data[VIEW_TYPE]}

    def saved(self) -> dict[str, Any]:
        """What is stored with the notebook."""
        return saved(self.exploration, pane=self._service.pane)

    def touch(self) -> None:
        """Let the browser look again."""
        self._service.touch()
        self._tell()

    def _changed(self) -> None:
        """The exploration changed, on whatever thread."""
        ids = [node.id for node in self.exploration.selected]
        if ids != self.selection:
            self.selection = ids
        self._tell()

    def _tell(self) -> None:
        self.opening = {}
        self.revision = self._service.revision

    def _at_work(self, progress: Progress) -> None:
        """Its beginning, its first part and its end are told at once; what is between, ten times a second at most."""
        now = time.monotonic()
        if progress.done and self.progress.get("total") and now - self._told < PROGRESS_SECONDS:
            return
        self._told = now
        self.progress = project.to_message(Working(progress.what, progress.done, progress.total))

    def _chosen(self, change: Any) -> None:
        self.exploration.note_selection(change["new"])

    def _received(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        message = cast("dict[str, Any]", content)
        if message.get("kind") in LONG:
            # On a thread of its own, with the header of the request: a kernel serves the messages of one widget one by
            # one, and the cancel is one of them.
            work = contextvars.copy_context().run
            threading.Thread(target=work, args=(self._answer, message), daemon=True).start()
        else:
            self._answer(message)

    def _answer(self, message: dict[str, Any]) -> None:
        answer, buffers = self._service.handle(message)
        self.send({"reply": message.get("id"), **project.to_message(answer)}, buffers)

    def open(self) -> None:
        """Make the widget known to the browser."""
        super().open()
        _keep_subshell(self.comm)

    def _send(self, msg: Any, buffers: Any = None) -> None:
        super()._send(msg, buffers=buffers)
        _keep_subshell(self.comm)


def _message(opening: Opening | None) -> dict[str, Any]:
    return project.to_message(opening) if opening is not None else {}


def _keep_subshell(comm: Any) -> None:
    """Let the browser's messages go where the browser sends them: to a subshell, past a running cell.

    ipykernel 7.4 hands a message to the loop that wrote to the comm last. When that was a cell, a request would wait for its
    end.
    """
    if comm is not None:
        vars(comm).pop("_reply_subshell_id", None)


_alive: weakref.WeakSet[ExplorerWidget] = weakref.WeakSet()
_made: weakref.WeakKeyDictionary[Exploration, ExplorerWidget] = weakref.WeakKeyDictionary()


class _Watch:
    """Tells failed explorations after each cell that a symbolic function was registered in it."""

    def __init__(self) -> None:
        self.version = REGISTRY.version

    def __call__(self, *_: Any) -> None:
        if REGISTRY.version == self.version:
            return
        self.version = REGISTRY.version
        for widget in list(_alive):
            if widget.exploration.state != "exported":
                widget.touch()


@lru_cache(maxsize=1)
def _watch_cells() -> None:
    shell = _shell()
    if shell is not None:
        shell.events.register("post_run_cell", _Watch())


def _shell() -> Any:
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


class NotebookFrontEnd:
    """Hands widgets to explorations: ``Exploration.front_end``."""

    def widget(self, exploration: Exploration) -> ExplorerWidget:
        """The widget of an exploration, made at the first call."""
        found = _made.get(exploration)
        if found is None:
            found = _made[exploration] = ExplorerWidget(exploration)
        return found

    def bundle(self, exploration: Exploration) -> dict[str, Any]:
        """Widget and summary in a notebook; nothing in a terminal, which shows text."""
        if getattr(_shell(), "kernel", None) is None:
            return {}
        try:
            view = self.widget(exploration).view
        except FrontEndMissing:
            return {}
        return view | {MIME_TYPE: self.widget(exploration).saved()}
