"""Writes inside branches and loops: what a block writes to a tensor from outside becomes one more result of it.

In: a ``prim::If`` or ``prim::Loop`` whose blocks write. Out: one whose blocks do not::

    %y = aten::clone(%x, %none)                  %y  = aten::clone(%x, %none)
     = prim::If(%c)                              %y3 = prim::If(%c)
      block0():                            ──►     block0():
        %v = aten::select(%y, %0, %0)                %v  = aten::select(%y, %0, %0)
        %w = aten::add_(%v, %one, %one)              %w  = aten::add(%v, %one, %one)
        -> ()                                        %y2 = aten::select_scatter(%y, %w, %0, %0)
      block1():                                      -> (%y2)
        -> ()                                      block1():
    return (%y)                                      -> (%y)
                                                 return (%y3)

Each block is walked twice: a trial tells which storages it writes to and which carried tensors stay what they were; then the
block is built, with a root for each of these storages: its value before an ``If``, a carried value in a ``Loop``.

1. Views of a storage that a block writes to are taken anew inside: they see the writes.
2. What both branches give under one name, or a loop carries as it is (``x += 1``), is the tensor from outside itself.
3. A result that may be one of two tensors (``y = a if c else b``; a loop may run no time): as long as one of them is written
   and the other not read afterwards, that makes no difference; else it is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.passes.torch.entries import Entry, ItemsEntry, TensorEntry, storages_of
from onnx_explore.passes.torch.storages import Storage, View, Write, child_of
from onnx_explore.torch_ir import TorchBlock, TorchNode, TorchValue

if TYPE_CHECKING:
    from onnx_explore.passes.torch.functionalize import Block


def control_flow(outer: Block, node: TorchNode) -> None:
    """Functionalize the blocks of a node."""
    if node.target == "prim::Loop":
        _loop(outer, node)
    else:
        _branches(outer, node)


class _Inside:
    """One walk over a block: the entries inside that stand for those outside.

    Args:
        outer: The block around.
        block: The block.
        captured: What it uses of outside, by value id.
        roots: Values of the storages that it may write to; of any other one, it sees the value from outside.
        trial: Whether this only finds out what it writes: then all storages have roots.
    """

    def __init__(
        self,
        outer: Block,
        block: TorchBlock,
        captured: dict[int, Entry],
        roots: dict[Storage, TorchValue],
        *,
        trial: bool,
    ) -> None:
        self.run = outer.inner(trial=trial)
        self.block = block
        self._outer = outer
        self._roots = roots
        self._trial = trial
        self._views: dict[View, View] = {}
        self._outside: dict[View, View] = {}
        self.storages: dict[Storage, View] = {}
        """The storage outside → its root inside."""
        self._owners: dict[Storage, Storage] = {}
        for number, entry in captured.items():
            self.run.entries[number] = self._entry(entry)
        for inside, outside in list(self._owners.items()):
            for other in outside.rivals:
                for counterpart in self.counterparts(other):
                    inside.rival(counterpart)

    def counterparts(self, outside: Storage) -> list[Storage]:
        """The storages inside that stand for one outside."""
        return [inside for inside, storage in self._owners.items() if storage is outside]

    def _entry(self, entry: Entry) -> Entry:
        if isinstance(entry, TensorEntry):
            return TensorEntry(self._view(entry.view))
        if not any(storage in self._roots or self._trial for storage in storages_of(entry)):
            return self._stand_in_of_items(entry)
        inside = tuple(item if isinstance(item, TorchValue) else self._entry(item) for item in entry.entries)
        return ItemsEntry(entry.node, inside, (), entry.node.output)

    def _stand_in_of_items(self, entry: ItemsEntry) -> Entry:
        value = self._outer.read_entry(entry)
        storage = Storage(value.name, "outer")
        for held in storages_of(entry):
            self._owners[storage] = held
        return TensorEntry(View(storage, value, value=value, first=value))

    def _view(self, view: View) -> View:
        found = self._views.get(view)
        if found is not None:
            return found
        if view.storage not in self._roots and not self._trial:
            value = self._outer.memory.read(view)
            made = View(Storage(view.storage.name, "outer"), view.captured, value=value, first=value)
            self._owners[made.storage] = view.storage
        elif view.parent is None:
            made = self._root(view)
        else:
            parent = self._view(view.parent)
            key = next(key for key, child in view.parent.children.items() if child is view)
            made = child_of(parent, key, view.node, view.rest)
            made.piece, made.captured = view.piece, view.captured
        self._views[view] = made
        self._outside[made] = view
        return made

    def _root(self, view: View) -> View:
        storage = view.storage
        value = self._roots.get(storage, view.captured)
        inside = Storage(
            storage.name,
            storage.owner,
            storage.trainable,
            storage.is_counter,
            escaped=storage.escaped,
            noted=storage.noted,
        )
        made = View(inside, view.captured, value=value, first=value)
        self.storages[storage] = made
        self._owners[inside] = storage
        return made

    def outside(self, value: TorchValue) -> View | None:
        """The view outside that a returned value is, if it is one."""
        entry = self.run.entries.get(value.id)
        return self._outside.get(entry.view) if isinstance(entry, TensorEntry) else None

    def storages_behind(self, value: TorchValue) -> list[tuple[Storage, Storage | None]]:
        """The storages inside that a returned value looks at, each with the one outside that it stands for."""
        found = storages_of(self.run.entries.get(value.id))
        return [(storage, self._owners.get(storage)) for storage in found]

    def outside_of(self, inside: Storage) -> Storage | None:
        """The storage outside that one inside stands for."""
        return self._owners.get(inside)

    def own(self, inside: Storage, outside: Storage) -> None:
        """State that a storage inside (a carried one) may be one outside."""
        self._owners[inside] = outside

    @property
    def written(self) -> list[Storage]:
        """Storages outside that the block wrote to."""
        return [storage for storage, root in self.storages.items() if root.storage.version]

    def tell_outside(self) -> None:
        """What was found out of storages inside holds outside, too."""
        for inside, storage in self._owners.items():
            storage.noted = storage.noted or inside.noted
            storage.escaped = storage.escaped or inside.escaped
            if inside.lost:  # so does what may be the same tensor and was not looked at inside
                for item in (storage, *storage.rivals):
                    item.lost = item.lost or inside.lost


def _captured(outer: Block, blocks: Iterable[TorchBlock]) -> dict[int, Entry]:
    """Entries from outside that blocks use."""
    found: dict[int, Entry] = {}
    for block in blocks:
        for node in block.nodes:
            found.update((value.id, outer.entries[value.id]) for value in node.inputs if value.id in outer.entries)
            found.update(_captured(outer, node.blocks))
        found.update((value.id, outer.entries[value.id]) for value in block.returns if value.id in outer.entries)
    return found


def _root_views(captured: dict[int, Entry]) -> dict[Storage, View]:
    roots: dict[Storage, View] = {}

    def visit(entry: Entry | TorchValue) -> None:
        if isinstance(entry, TensorEntry):
            view = entry.view
            while view.parent is not None:
                view = view.parent
            roots[view.storage] = view
        elif isinstance(entry, ItemsEntry):
            for item in entry.entries:
                visit(item)

    for entry in captured.values():
        visit(entry)
    return roots


def _fresh_like(outer: Block, captured: TorchValue) -> TorchValue:
    return outer.builder.fresh.value(dtype=captured.dtype, shape=captured.shape, strides=captured.strides)


def _write_root(outer: Block, node: TorchNode, view: View, value: TorchValue) -> None:
    outer.memory.write(view, value, Write(node, view.storage.name, view.through, "functional"))


# -- branches ------------------------------------------------------------------------------------------------------------------


def _branches(outer: Block, node: TorchNode) -> None:
    inputs = tuple(outer.read(value) for value in node.inputs)
    captured = _captured(outer, node.blocks)
    roots = _root_views(captured)
    written: list[Storage] = []
    for block in node.blocks:
        trial = _Inside(outer, block, captured, {}, trial=True)
        trial.run.block(block)
        written += [storage for storage in trial.written if storage not in written]
    given = {storage: outer.memory.read(roots[storage]) for storage in written}
    insides: list[_Inside] = []
    blocks: list[TorchBlock] = []
    for block in node.blocks:
        inside = _Inside(outer, block, captured, given, trial=False)
        made = inside.run.block(block)
        with inside.run.builder.standing_for(node):
            more = tuple(
                inside.run.memory.left(inside.storages[storage]) if storage in inside.storages else given[storage]
                for storage in written
            )
        blocks.append(TorchBlock(made.params, tuple(inside.run.builder.nodes), (*made.returns, *more)))
        insides.append(inside)
    outputs = tuple(_fresh_like(outer, roots[storage].captured) for storage in written)
    outer.builder.append(replace(node, inputs=inputs, outputs=(*node.outputs, *outputs), blocks=tuple(blocks)))
    for storage, output in zip(written, outputs, strict=True):
        _write_root(outer, node, roots[storage], output)
    for inside in insides:
        inside.tell_outside()
    results = _Results(outer)
    for index, output in enumerate(node.outputs):
        if outer.is_tracked(output):
            returned = [(inside, inside.block.returns[index]) for inside in insides]
            same = {inside.outside(value) for inside, value in returned}
            view = same.pop() if len(same) == 1 else None
            results.define(output, view, returned)


class _Results:
    """Entries of the outputs of a node with blocks."""

    def __init__(self, outer: Block) -> None:
        self._outer = outer
        self._seen: dict[Storage, Storage] = {}

    def define(
        self,
        output: TorchValue,
        view: View | None,
        returned: Sequence[tuple[_Inside, TorchValue]],
        more: Sequence[Storage] = (),
    ) -> None:
        """An output that is a view from outside, or something new that may be one of several."""
        if view is not None:
            self._outer.entries[output.id] = TensorEntry(view)
            return
        storage = self._outer.define(output, "local").view.storage
        for inside, value in returned:
            for local, _ in inside.storages_behind(value):
                storage.escaped = storage.escaped or local.escaped
                for item in (local, *local.rivals):
                    outside = inside.outside_of(item)
                    if outside is not None:
                        storage.rival(outside)
                    elif item in self._seen and self._seen[item] is not storage:
                        storage.rival(self._seen[item])
                    elif item is local:
                        self._seen[item] = storage
        for other in more:
            storage.rival(other)


# -- loops ---------------------------------------------------------------------------------------------------------------------


def _loop(outer: Block, node: TorchNode) -> None:
    (body,) = node.blocks
    inputs = tuple(outer.read(value) for value in node.inputs)
    captured = _captured(outer, node.blocks)
    roots = _root_views(captured)
    given = [outer.entries.get(value.id) for value in node.inputs[2:]]
    trial = _Inside(outer, body, captured, {}, trial=True)
    params = _carry(trial, body, given, {})
    trial.run.block(body)
    kept = [
        params.get(index) is not None and _view_of(trial, value) is params[index]
        for index, value in enumerate(body.returns[1:])
    ]
    changed = {index for index, view in params.items() if view.storage.version}
    written = trial.written
    # What a round leaves behind holds for the next one: a tensor that went into a list must not be written any more.
    left = {
        index: next((local.escaped for local, _ in trial.storages_behind(body.returns[index + 1]) if local.escaped), "")
        for index in changed
    }
    for index in changed:
        _check_carried(node, index, given, kept[index], captured, written, left[index])
    values = {storage: _fresh_like(outer, roots[storage].captured) for storage in written}
    before = tuple(outer.memory.read(roots[storage]) for storage in written)
    trial.tell_outside()
    for index in changed:
        if not kept[index]:
            for given_storage in storages_of(given[index]):
                for storage in (given_storage, *given_storage.rivals):
                    storage.lost = storage.lost or f"a loop writes to it in its first round at {node.origin.where}"
    inside = _Inside(outer, body, captured, values, trial=False)
    owned = {index: storage for index in changed if kept[index] for storage in storages_of(given[index])}
    params = _carry(inside, body, given, owned)
    made = inside.run.block(body)
    with inside.run.builder.standing_for(node):
        after = tuple(inside.run.memory.left(inside.storages[storage]) for storage in written)
    block = TorchBlock((*made.params, *values.values()), tuple(inside.run.builder.nodes), (*made.returns, *after))
    outputs = tuple(_fresh_like(outer, roots[storage].captured) for storage in written)
    outer.builder.append(replace(node, inputs=(*inputs, *before), outputs=(*node.outputs, *outputs), blocks=(block,)))
    for storage, output in zip(written, outputs, strict=True):
        _write_root(outer, node, roots[storage], output)
    inside.tell_outside()
    results = _Results(outer)
    for index, output in enumerate(node.outputs):
        if not outer.is_tracked(output):
            continue
        entry = given[index]
        view = entry.view if kept[index] and isinstance(entry, TensorEntry) else None
        if view is not None and index in changed:
            _write_root(outer, node, view, output)
        results.define(output, view, [(inside, body.returns[index + 1])], storages_of(entry))


def _carry(
    inside: _Inside, body: TorchBlock, given: Sequence[Entry | None], owned: dict[int, Storage]
) -> dict[int, View]:
    """Define the carried tensors inside the body; those that stay the tensor from outside have its owner."""
    params: dict[int, View] = {}
    for index, param in enumerate(body.params[1:]):
        if not inside.run.is_tracked(param):
            continue
        view = inside.run.define(param, "local").view
        params[index] = view
        if index in owned:
            storage = owned[index]
            view.storage.name, view.storage.owner, view.storage.noted = storage.name, storage.owner, storage.noted
            view.storage.trainable, view.storage.is_counter = storage.trainable, storage.is_counter
        for storage in storages_of(given[index]):
            for other in (storage, *storage.rivals):
                for counterpart in inside.counterparts(other):
                    view.storage.rival(counterpart)
            inside.own(view.storage, storage)
    return params


def _view_of(inside: _Inside, value: TorchValue) -> View | None:
    entry = inside.run.entries.get(value.id)
    return entry.view if isinstance(entry, TensorEntry) else None


def _check_carried(
    node: TorchNode,
    index: int,
    given: Sequence[Entry | None],
    kept: bool,
    captured: dict[int, Entry],
    written: Sequence[Storage],
    escaped: str,
) -> None:
    """A carried tensor that the body writes to must have no other name in the body.

    Raises:
        UnsupportedOperatorError: If it has, or must not be written.
    """
    storages = storages_of(given[index])
    others = [storage for place, entry in enumerate(given) if place != index for storage in storages_of(entry)]
    others += [storage for entry in captured.values() for storage in storages_of(entry)] + list(written)
    reason = ""
    if any(storage in others for storage in storages):
        reason = "a loop writes to a tensor that it carries, and knows it by another name, too"
    elif kept and not isinstance(given[index], TensorEntry):
        reason = "a loop writes to something that is not a tensor"
    else:
        reason = escaped or next((storage.escaped for storage in storages if storage.escaped), "")
        reason = reason and f"a loop writes to a tensor that has another name that is not followed: {reason}"
    if reason:
        raise UnsupportedOperatorError(
            reason,
            target=node.target,
            where=node.origin.where,
            action="write the model without this in-place operation",
        )
