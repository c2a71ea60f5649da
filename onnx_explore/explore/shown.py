"""What views need of an exploration: to hear of changes, a selection that they share, and a widget.

In: the exploration. Out: calls of observers; the chosen nodes, whether they were chosen in Python or in the browser.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import onnx_ir as ir

from onnx_explore.capture.captured import Capture
from onnx_explore.emit.emitter import TORCH_NODES
from onnx_explore.emit.regions import nodes_of
from onnx_explore.errors import InvalidArgument
from onnx_explore.torch_ir import TorchNode, walk


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work is: a sentence (``""``: it has ended), what is done and what there is (0: not known)."""

    what: str = ""
    done: int = 0
    total: int = 0


class FrontEnd(Protocol):
    """What shows an exploration in a notebook. ``explore/`` knows no widgets: the package hands one in."""

    def widget(self, exploration: Any) -> Any:
        """The widget of an exploration."""
        ...

    def bundle(self, exploration: Any) -> dict[str, Any]:
        """What an output cell holds: the widget, and a summary for when there is no kernel any more."""
        ...


class Shown(ABC):
    """Whatever can be shown in a notebook.

    Attributes:
        front_end: Makes the widget.
    """

    front_end: ClassVar[FrontEnd | None] = None

    def __init__(self) -> None:
        self._selected: tuple[int, ...] = ()
        self._observers: list[Callable[[], None]] = []
        self._followers: list[Callable[[Progress], None]] = []
        self._content = 0

    @property
    @abstractmethod
    def captured(self) -> Capture:
        """What PyTorch recorded."""

    @property
    @abstractmethod
    def onnx_graph(self) -> ir.Graph:
        """The ONNX graph."""

    def observe(self, changed: Callable[[], None]) -> None:
        """Call a function after every change, on the thread that made it."""
        self._observers.append(changed)

    @property
    def content(self) -> int:
        """Grows with every change of what the graphs show; a check, a measurement or a choice changes nothing of that."""
        return self._content

    def changed(self, *, content: bool = True) -> None:
        """Tell the observers.

        Args:
            content: Whether the graphs may show something else than before.
        """
        self._content += content
        for changed in tuple(self._observers):
            changed()

    def follow(self, told: Callable[[Progress], None]) -> None:
        """Call a function as long work begins, gets on and ends, on the thread that does it."""
        self._followers.append(told)

    @contextmanager
    def _at_work(self, what: str) -> Generator[Callable[[int, int], None], None, None]:
        """Tell the followers of work: when it begins, with what is handed out as it gets on, and when it ends."""

        def tell(progress: Progress) -> None:
            for told in tuple(self._followers):
                told(progress)

        tell(Progress(what))
        try:
            yield lambda done, total: tell(Progress(what, done, total))
        finally:
            tell(Progress())

    @property
    def selected(self) -> tuple[TorchNode, ...]:
        """The captured nodes that are chosen, in the widget or by ``select``."""
        by_id = {node.id: node for node in walk(self.captured.graph.block)}
        return tuple(by_id[number] for number in self._selected if number in by_id)

    def select(self, what: str | int | Iterable[int]) -> None:
        """Choose nodes; the widget shows them.

        Args:
            what: The name of an ONNX node, a target, a module path, a source line, or numbers of captured nodes.

        Raises:
            InvalidArgument: If nothing is called so.
        """
        found: tuple[int, ...] = ()
        if isinstance(what, int):
            found = (what,)
        elif not isinstance(what, str):
            found = tuple(what)
        else:
            made = (node for node in nodes_of(self.onnx_graph) if what in (node.name, node.op_type))
            found = tuple(dict.fromkeys(number for node in made for number in node.meta.get(TORCH_NODES, ())))
            if not found:
                fits = matcher(what)
                found = tuple(node.id for node in walk(self.captured.graph.block) if fits(node))
            if not found:
                raise InvalidArgument(f"nothing in this export is called '{what}'", argument="what")
        if found != self._selected:
            self._selected = found
            self.changed(content=False)

    def note_selection(self, ids: Iterable[int]) -> None:
        """Remember what was chosen in a view; that view knows already."""
        self._selected = tuple(ids)

    @property
    def widget(self) -> Any:
        """The widget that shows this exploration; always the same one.

        Raises:
            InvalidArgument: If there is nothing that could show it.
        """
        if self.front_end is None:
            raise InvalidArgument("there is no front end", action="import onnx_explore first")
        return self.front_end.widget(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """What a notebook shows: the widget. Text comes from ``_repr_pretty_``."""
        return self.front_end.bundle(self) if self.front_end is not None else {}


def matcher(what: str | int | Callable[[TorchNode], bool]) -> Callable[[TorchNode], bool]:
    """Whether a node is meant by a target, a number, a source line, a module path, or a predicate."""
    if callable(what):
        return what
    if isinstance(what, int):
        return lambda node: node.id == what
    if "::" in what:
        return lambda node: what in (node.target, f"{node.target}.{node.overload}")
    file, colon, line = what.rpartition(":")
    if colon and line.isdigit():
        number = int(line)
        return lambda node: any(
            frame.line == number and frame.file.replace("\\", "/").endswith(file) for frame in node.origin.frames
        )
    return lambda node: node.origin.scope == what or node.origin.scope.startswith(f"{what}.")
