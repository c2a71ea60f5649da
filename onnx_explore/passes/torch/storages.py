"""Storages, and the trees of views that look at them.

In: which view is written with which value, which view is read. Out: nodes that take views and put written parts back,
made when something is read, and only then::

    base ─ slice ─ select        A write to the select makes it the only view that is up to date (*pending*).
       ╰── transpose             Reading the transpose puts the select back into the slice, the slice into the base, and
                                 takes the transpose anew. Reading the select again costs nothing.

What holds at any time: the pending view (or the root) is current; every view above it has the value that it had before
the pending write, which is what the part is put back into; a view whose version is not the storage's is stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.passes.torch.builder import Builder
from onnx_explore.passes.torch.views import Part, put_back
from onnx_explore.recording import Wrote
from onnx_explore.torch_ir import TorchNode, TorchValue

Owner = Literal["local", "input", "parameter", "constant", "outer"]
"""Who made a storage: a node, the caller, the model, a constant, or something outside of the block."""


@dataclass(slots=True, eq=False)
class Write:
    """An entry of the mutation ledger while its replacement is still being built."""

    node: TorchNode
    base: str
    through: tuple[str, ...]
    effect: Literal["functional", "input", "parameter", "dropped"]
    became: list[int] = field(default_factory=list[int])

    def entry(self) -> Wrote:
        """The entry for the recording."""
        became = tuple(dict.fromkeys(self.became))
        return Wrote(
            self.node.id, self.node.target, self.base, self.through, became, self.effect, self.node.origin.where
        )


@dataclass(slots=True, eq=False)
class Storage:
    """One piece of memory.

    Attributes:
        name: Of the value that made it, or of the parameter.
        owner: Who made it.
        trainable: Whether it is an ``nn.Parameter``.
        is_counter: Whether it is an integer buffer, such as ``num_batches_tracked``.
        version: Counts writes.
        pending: The one view that is up to date, or None if the root is.
        open: Writes that were not put back to the root yet.
        escaped: Why it must not be written any more, or ``""``.
        lost: Why it must not be read any more, or ``""``.
        rivals: Storages that it may be one and the same with, or a part of.
        noted: Whether a write to it was noted already.
    """

    name: str
    owner: Owner
    trainable: bool = False
    is_counter: bool = False
    version: int = 0
    pending: View | None = None
    open: list[Write] = field(default_factory=list[Write])
    escaped: str = ""
    lost: str = ""
    rivals: list[Storage] = field(default_factory=list["Storage"])
    noted: bool = False

    def rival(self, other: Storage) -> None:
        """State that the two may share memory: once one of them is written, the other must not be read any more."""
        for storage in (other, *other.rivals):
            if storage is not self and storage not in self.rivals:
                self.rivals.append(storage)
                storage.rivals.append(self)


Value = TorchValue | tuple[TorchValue, ...]
"""A value; for ``prim::ListUnpack``, all its outputs."""


@dataclass(slots=True, eq=False)
class View:
    """A way to look at a storage: the root, or something taken from its parent.

    Attributes:
        storage: What it looks at.
        captured: The value as captured, for dtype and shape.
        parent: What it is taken from; None for the root.
        node: The view operator, ``prim::ListUnpack``, or None for the root and for a piece.
        rest: The operator's inputs but the first, as values of the functional graph.
        piece: Index in the parent's tuple, for what ``prim::ListUnpack`` gives.
        value: The functional value, or None before it was taken for the first time.
        first: The first value that it had: of the same shape as any later one.
        version: The storage's version that ``value`` holds for.
        children: Views of this view, by operator and arguments.
        depth: Distance to the root.
    """

    storage: Storage
    captured: TorchValue
    parent: View | None = None
    node: TorchNode | None = None
    rest: tuple[TorchValue, ...] = ()
    piece: int = -1
    value: Value | None = None
    first: Value | None = None
    version: int = 0
    children: dict[tuple[Any, ...], View] = field(default_factory=dict[tuple[Any, ...], "View"])
    depth: int = 0

    @property
    def is_current(self) -> bool:
        """Whether ``value`` holds now."""
        return self.value is not None and self.version == self.storage.version

    @property
    def through(self) -> tuple[str, ...]:
        """The view operators from the root to here."""
        names: list[str] = []
        view: View | None = self
        while view is not None:
            if view.node is not None and view.node.target != "prim::ListUnpack":
                names.append(view.node.target)
            view = view.parent
        return tuple(reversed(names))

    def set(self, value: Value) -> None:
        """``value`` holds now."""
        self.value = value
        self.version = self.storage.version
        if self.first is None:
            self.first = value


def root_of(storage: Storage, value: TorchValue) -> View:
    """The view that shows all of a new storage, made by ``value``."""
    return View(storage, value, value=value, first=value)


def child_of(parent: View, key: tuple[Any, ...], node: TorchNode | None, rest: tuple[TorchValue, ...] = ()) -> View:
    """The view of ``parent`` that ``node`` takes; equal views of one parent (by ``key``) are one view."""
    child = parent.children.get(key)
    if child is None:
        captured = node.outputs[0] if node is not None else parent.captured
        child = View(parent.storage, captured, parent, node, rest, depth=parent.depth + 1)
        parent.children[key] = child
    return child


class Memory:
    """Reads and writes views, appending the nodes that this takes.

    Args:
        builder: Where nodes go.
        constants: Python values of constants, by value id.
    """

    __slots__ = ("_b", "_constants", "taken")

    def __init__(self, builder: Builder, constants: Mapping[int, Any]) -> None:
        self._b = builder
        self._constants = constants
        self.taken: set[int] = set()
        """Ids of the captured view nodes that are in the graph already."""

    def read(self, view: View) -> TorchValue:
        """The value of a view now.

        Raises:
            UnsupportedOperatorError: If it may have been written under another name.
        """
        if view.storage.lost:
            raise UnsupportedOperatorError(
                f"the tensor '{view.storage.name}' is used after a write that may have changed it, or not: {view.storage.lost}",
                action="write to a copy (.clone())",
            )
        return self.left(view)

    def left(self, view: View) -> TorchValue:
        """The value of a view at the end of a block, whether or not it may still be read: later reads will ask."""
        value = self._refresh(view)
        assert isinstance(value, TorchValue)
        return value

    def shape_of(self, view: View) -> TorchValue:
        """Some value with the shape and dtype of a view, an early one if there is one already."""
        return view.first if isinstance(view.first, TorchValue) else self.read(view)

    def write(self, view: View, value: TorchValue, write: Write) -> None:
        """``value`` is what the view shows from now on."""
        storage, parent, pending = view.storage, view.parent, view.storage.pending
        for rival in storage.rivals:
            rival.lost = rival.lost or f"{write.node.target} may have written to it at {write.node.origin.where}"
        if parent is None:
            storage.open = []
        elif pending is not view:
            inside = pending is not None and _common_ancestor(pending, view) is view
            if not inside:  # else that part of it is overwritten
                self._refresh(parent)
        storage.version += 1
        view.set(value)
        if parent is not None:
            storage.pending = view
            storage.open.append(write)
        else:
            storage.pending = None

    def _refresh(self, view: View) -> Value:
        if not view.is_current:
            pending = view.storage.pending
            if pending is not None:
                self._put_back(view.storage, _common_ancestor(pending, view))
            stale: list[View] = []
            above = view
            while not above.is_current:
                stale.append(above)
                assert above.parent is not None
                above = above.parent
            for below in reversed(stale):
                self._take(below)
        assert view.value is not None
        return view.value

    def _take(self, view: View) -> None:
        """Take a view from its parent, which is current."""
        assert view.parent is not None
        whole, node = view.parent.value, view.node
        if node is None:
            assert isinstance(whole, tuple)
            view.set(whole[view.piece])
            return
        assert isinstance(whole, TorchValue)
        inputs = (whole, *view.rest)
        outputs = node.outputs
        if node.id not in self.taken:
            self.taken.add(node.id)
            self._b.append(node if inputs == node.inputs else replace(node, inputs=inputs))
        else:
            outputs = tuple(
                self._b.fresh.value(value.kind, dtype=value.dtype, shape=value.shape, strides=value.strides)
                for value in outputs
            )
            with self._b.standing_for(node):
                self._b.add(node.target, inputs, outputs, schema=node.schema)
        view.set(outputs if node.target == "prim::ListUnpack" else outputs[0])

    def _put_back(self, storage: Storage, until: View) -> None:
        """Put the pending value back into its parent, and so on up to ``until``."""
        while storage.pending is not None and storage.pending is not until:
            view = storage.pending
            parent = view.parent
            assert parent is not None
            writers = [write.node for write in reversed(storage.open)]
            with self._b.standing_for(*writers, *([] if view.node is None else [view.node])):
                mark = len(self._b.nodes)
                parent.set(self._inverse(view, parent, writers[0]))
                made = self._b.made_since(mark)
            for write in storage.open:
                write.became.extend(made)
            storage.pending = parent if parent.parent is not None else None
        if storage.pending is None:
            storage.open = []

    def _inverse(self, view: View, parent: View, writer: TorchNode) -> Value:
        whole, like, new = parent.value, parent.first, view.value
        if view.node is None:
            assert isinstance(whole, tuple) and isinstance(new, TorchValue)
            return (*whole[: view.piece], new, *whole[view.piece + 1 :])
        if isinstance(new, tuple):
            return self._b.list_of(new)
        assert isinstance(whole, TorchValue) and isinstance(like, TorchValue) and new is not None
        captured = parent.captured
        return put_back(Part(self._b, view.node, view.rest, whole, new, like, captured, self._constants, writer))


def _common_ancestor(left: View, right: View) -> View:
    while left is not right:
        if left.depth >= right.depth:
            assert left.parent is not None
            left = left.parent
        else:
            assert right.parent is not None
            right = right.parent
    return left
