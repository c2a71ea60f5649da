"""In-place writes and views, made functional.

In: a graph in which values share storage and operators write to it. Out: one in which no operator writes to a tensor::

    %v = aten::select(%y, 1, 0)                 %v  = aten::select(%y, 1, 0)
    %w = aten::add_(%v, %one, 1)                %w  = aten::add(%v, %one, 1)
    %u = aten::select(%y, 1, 0)          ──►    %y2 = aten::select_scatter(%y, %w, 1, 0)
    %c = aten::copy_(%u, %w)                    return (%y2)
    return (%y)

``tracking`` finds the values that matter; each of them gets an entry here: a tensor is a view of a storage
(``storages``), a list or tuple is what it holds. Then one walk, node by node: a view becomes an entry and no node; a
write gives its view a new value (``writes``); any other operator reads the values of its inputs, which takes views and
puts written parts back (``views``) where that is needed. So ten writes to one part scatter once, a part that is
overwritten whole is never scattered, and a view that is only written to is never taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.passes.torch.aliasing import Sharing, is_assumed, sharing
from onnx_explore.passes.torch.blocks import control_flow
from onnx_explore.passes.torch.builder import Builder
from onnx_explore.passes.torch.entries import Entry, ItemsEntry, TensorEntry, storages_of
from onnx_explore.passes.torch.running_statistics import may_update_statistics, new_statistics, updated_statistics
from onnx_explore.passes.torch.schemas import functional_counterpart, functional_with_updates
from onnx_explore.passes.torch.storages import Memory, Owner, Storage, View, Write, child_of, root_of
from onnx_explore.passes.torch.tracking import CONTAINERS, UNPACKS, Tracking, is_written_tensor, keeps, writes_tensor
from onnx_explore.passes.torch.writes import METADATA_WRITES, NO_WRITES, is_out_variant, new_outputs, new_value
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import Fresh, Parameter, Schema, TorchBlock, TorchGraph, TorchNode, TorchValue, walk

_SHAPE_READS = frozenset({"aten::size", "aten::sym_size", "aten::dim", "aten::numel", "aten::len", "prim::shape"})
"""What they tell about a tensor is the same before and after a write, so an older value of it will do."""

_FRESH_CONSTANT = frozenset({"aten::detach", "aten::lift_fresh"})
"""``torch.tensor(…)`` in ``forward`` is a constant behind one of these: made anew in every call."""


def functionalize(graph: TorchGraph, recorder: Recorder) -> TorchGraph:
    """Make every write to a tensor functional.

    Each write leaves a ``Wrote`` in the recording; the first to an input, a parameter or a constant also a ``Noted``.

    Raises:
        UnsupportedOperatorError: If a write has no functional form here: through a view without an inverse, by an operator
            without a functional counterpart.
    """
    if not any(writes_tensor(node) or may_update_statistics(node) for node in walk(graph.block)):
        return graph
    run = Block(Tracking(graph), Fresh(graph), recorder, [])
    parameters = {parameter.value.id: parameter for parameter in graph.parameters}
    for value in graph.block.params:
        run.define_param(value, parameters.get(value.id))
    block = run.block(graph.block)
    for write in run.ledger:
        recorder.add(write.entry())
    return replace(graph, block=block)


class Block:
    """Functionalizes one block."""

    def __init__(self, tracking: Tracking, fresh: Fresh, recorder: Recorder, ledger: list[Write]) -> None:
        self.ledger = ledger
        self._tracked = tracking.tracked
        self._constants = tracking.constants
        self.tracking = tracking
        self._recorder = recorder
        self.builder = Builder(fresh)
        self.memory = Memory(self.builder, tracking.constants)
        self.entries: dict[int, Entry] = {}

    def block(self, block: TorchBlock) -> TorchBlock:
        """The block without writes."""
        for node in block.nodes:
            with self.builder.standing_for(node):
                self._visit(node)
        returns = tuple(self.read(value) for value in block.returns)
        return TorchBlock(block.params, tuple(self.builder.nodes), returns)

    def define_param(self, value: TorchValue, parameter: Parameter | None) -> None:
        """An input or a parameter of the graph."""
        if value.id not in self._tracked:
            return
        if parameter is None:
            self.define(value, "input")
            return
        storage = self.define(value, "parameter").view.storage
        storage.name = parameter.name
        storage.trainable = parameter.trainable
        storage.is_counter = not parameter.trainable and not parameter.tensor.is_floating_point()

    def is_tracked(self, value: TorchValue) -> bool:
        """Whether it may share storage with something that is written."""
        return value.id in self._tracked

    def define(self, value: TorchValue, owner: Owner) -> TensorEntry:
        """A tensor with a storage of its own."""
        entry = TensorEntry(root_of(Storage(value.name, owner), value))
        self.entries[value.id] = entry
        return entry

    def _visit(self, node: TorchNode) -> None:
        if node.blocks:
            control_flow(self, node)
        elif writes_tensor(node):
            self._write(node)
        elif not any(value.id in self._tracked for value in (*node.inputs, *node.outputs)):
            self.builder.append(node)
        elif statistics := updated_statistics(node, self._constants):
            self._update_statistics(node, statistics)
        elif node.target in CONTAINERS:
            entries = tuple(self.entries.get(value.id, value) for value in node.inputs)
            self.entries[node.output.id] = ItemsEntry(node, entries)
        elif node.target in UNPACKS and isinstance(items := self.entries.get(node.inputs[0].id), ItemsEntry):
            for output, entry in zip(node.outputs, items.entries, strict=True):
                self._bind(output, entry)
        elif (item := self._item(node)) is not None:
            self._bind(node.output, item)
        elif node.target == "prim::ListUnpack":
            self._unpack(node)
        else:
            shared = sharing(node, self._constants)
            self._note_assumption(node, shared)
            if shared is None:
                self._compute(node)
            else:
                self._view(node, shared)

    # -- reading ------------------------------------------------------------------------------------------------

    def read(self, value: TorchValue) -> TorchValue:
        """The functional value that stands for a captured one now."""
        entry = self.entries.get(value.id)
        return value if entry is None else self.read_entry(entry)

    def read_entry(self, entry: Entry) -> TorchValue:
        """The functional value of what an entry stands for, now."""
        if isinstance(entry, TensorEntry):
            return self.memory.read(entry.view)
        values = tuple(item if isinstance(item, TorchValue) else self.read_entry(item) for item in entry.entries)
        if entry.value is None:
            entry.value = entry.node.output
            self.builder.append(_rewired(entry.node, values))
        elif values != entry.values:
            with self.builder.standing_for(entry.node):
                entry.value = self.builder.fresh.value(entry.node.output.kind)
                self.builder.add(entry.node.target, values, (entry.value,))
        entry.values = values
        return entry.value

    def _read_shape(self, value: TorchValue) -> TorchValue:
        """Any value with the shape of ``value``."""
        entry = self.entries.get(value.id)
        return self.memory.shape_of(entry.view) if isinstance(entry, TensorEntry) else self.read(value)

    # -- nodes that write to nothing ------------------------------------------------------------------------------

    def _compute(self, node: TorchNode) -> None:
        """An operator whose results are new tensors."""
        read = self._read_shape if node.target in _SHAPE_READS else self.read
        self.builder.append(_rewired(node, tuple(read(value) for value in node.inputs)))
        owner: Owner = "constant" if node.target == "prim::Constant" else "local"
        for output in node.outputs:
            if output.id in self._tracked:
                self.define(output, owner)
        if keeps(node):
            self._escape_all(node, f"{node.target} keeps it")

    def _view(self, node: TorchNode, shared: Sharing) -> None:
        """An operator whose result shares storage with an input."""
        entry = self.entries.get(node.inputs[shared.input].id)
        if not isinstance(entry, TensorEntry) or shared.input != 0:
            self._compute(node)
            self._escape_all(node, f"{node.target} gives it another name")
        elif shared.whole:
            self.entries[node.output.id] = TensorEntry(entry.view)
            if entry.view.storage.owner == "constant" and node.target in _FRESH_CONSTANT:
                entry.view.storage.owner = "local"
        else:
            rest = tuple(self._read_shape(value) for value in node.inputs[1:])
            self.entries[node.output.id] = TensorEntry(self._child(entry.view, node, rest))

    def _child(self, parent: View, node: TorchNode, rest: tuple[TorchValue, ...]) -> View:
        key = (node.target, node.overload, *(self._key(value) for value in rest))
        return child_of(parent, key, node, rest)

    def _key(self, value: TorchValue) -> tuple[Any, ...]:
        constant = self._constants.get(value.id, value)
        if isinstance(constant, list):
            items: list[Any] = constant  # pyright: ignore[reportUnknownVariableType]
            return ("list", *((type(item).__name__, _hashable(item)) for item in items))
        return (type(constant).__name__, _hashable(constant))

    def _unpack(self, node: TorchNode) -> None:
        entry = self.entries.get(node.inputs[0].id)
        if not isinstance(entry, TensorEntry):
            self._compute(node)
            return
        parent = self._child(entry.view, node, ())
        for index, output in enumerate(node.outputs):
            piece = child_of(parent, (index,), None)
            piece.piece, piece.captured = index, output
            self.entries[output.id] = TensorEntry(piece)

    def _item(self, node: TorchNode) -> Entry | TorchValue | None:
        """The element that a node takes out of a list or tuple that is followed."""
        if node.target not in ("aten::__getitem__", "prim::TupleIndex") or len(node.inputs) != 2:
            return None
        items = self.entries.get(node.inputs[0].id)
        index = self._constants.get(node.inputs[1].id)
        if not isinstance(items, ItemsEntry) or not isinstance(index, int):
            return None
        return items.entries[index] if -len(items.entries) <= index < len(items.entries) else None

    def _bind(self, output: TorchValue, entry: Entry | TorchValue) -> None:
        if isinstance(entry, TorchValue):
            # Not tracked itself, so nothing that shares its storage is ever written.
            entry = TensorEntry(root_of(Storage(entry.name, "local"), entry))
        self.entries[output.id] = entry

    def _escape_all(self, node: TorchNode, reason: str) -> None:
        for value in (*node.inputs, *node.outputs):
            self._escape(self.entries.get(value.id), reason)

    def _escape(self, entry: Entry | None, reason: str) -> None:
        """Something that is not followed knows the storage: from here on it must not be written."""
        for storage in storages_of(entry):
            storage.escaped = storage.escaped or reason

    def _note_assumption(self, node: TorchNode, shared: Sharing | None) -> None:
        if is_assumed(node):
            what = "copy" if shared is None else "view"
            self._recorder.note(
                "info",
                "AliasAssumed",
                f"{node.target} is taken for a {what}: the capture does not know what would decide it",
                where=node.origin.where,
                node=node.id,
            )

    # -- writes -----------------------------------------------------------------------------------------------------

    def _write(self, node: TorchNode) -> None:
        assert node.schema is not None
        rows = list(zip(node.schema.arguments, node.inputs, strict=True))
        written = [value for argument, value in rows if is_written_tensor(argument, value)]
        if any(not value.kind.startswith("Tensor") or value.kind.endswith("[]") for value in written):
            raise _refusal(node, "it writes to the tensors of a list")
        if node.target in NO_WRITES:
            self.entries.update({output.id: self._target(node, written[0]) for output in node.outputs})
        elif node.target in METADATA_WRITES:
            self._reshape_in_place(node)
        elif node.target in ("aten::resize_", "aten::resize_as_"):
            self._resize(node)
        elif node.target in ("aten::set_", "aten::set_data"):
            raise _refusal(node, "it gives the tensor another storage")
        elif is_out_variant(node.schema):
            self._write_outs(node, written)
        elif rows[0][0].written and len(written) == 1:
            self._write_in_place(node)
        elif (functional := functional_with_updates(node.schema)) is not None:
            self._write_beside(node, functional, written)
        else:
            raise _refusal(node, "it writes to an argument beside its result")

    def _write_in_place(self, node: TorchNode) -> None:
        entry = self._target(node, node.inputs[0])
        view = entry.view
        self.entries.update({output.id: entry for output in node.outputs})
        write = self._log(node, view)
        source = self.entries.get(node.inputs[1].id) if node.target == "aten::copy_" else None
        if isinstance(source, TensorEntry) and source.view is view:
            return  # `y[:, 0] += 1` ends in copying the part onto itself
        inputs = tuple(self.read(value) for value in node.inputs[1:])
        mark = len(self.builder.nodes)
        current, like = partial(self.memory.read, view), partial(self.memory.shape_of, view)
        value = new_value(self.builder, node, view.captured, current, like, inputs, self._constants)
        write.became.extend(self.builder.made_since(mark))
        self.memory.write(view, value, write)

    def _write_outs(self, node: TorchNode, given: Sequence[TorchValue]) -> None:
        assert node.schema is not None
        outs = node.outputs if len(node.outputs) == len(given) else tuple(given)
        entries = [self._target(node, value) for value in given]
        rows = zip(node.schema.arguments, node.inputs, strict=True)
        inputs = [value if argument.written else self.read(value) for argument, value in rows]
        likes = [partial(self.memory.shape_of, entry.view) for entry in entries]
        mark = len(self.builder.nodes)
        values = new_outputs(self.builder, node, outs, likes, inputs, self._constants)
        made = self.builder.made_since(mark)
        for out, before, entry, value in zip(outs, given, entries, values, strict=True):
            self.entries[out.id] = entry
            write = self._log(node, entry.view)
            write.became.extend(made)
            if out.shape == before.shape:
                self.memory.write(entry.view, value, write)
            elif before.shape is None or 0 not in before.shape or entry.view.parent is not None:
                raise _refusal(node, "it resizes its 'out' tensor")
            else:  # An empty tensor was given: it is the result from now on.
                entry.view = root_of(Storage(value.name, "local"), value)

    def _write_beside(self, node: TorchNode, functional: Schema, written: Sequence[TorchValue]) -> None:
        """An operator whose functional form returns what it writes behind its results."""
        entries = [self._target(node, value) for value in written]
        inputs = tuple(self.read(value) for value in node.inputs)
        mark = len(self.builder.nodes)
        values = tuple(
            self.builder.fresh.value(dtype=value.dtype, shape=value.shape, strides=value.strides) for value in written
        )
        self.builder.call(functional, inputs, (*node.outputs, *values))
        self._written(node, entries, values, mark)

    def _update_statistics(self, node: TorchNode, statistics: Sequence[TorchValue]) -> None:
        """A normalization in training: its result, then the writes that its schema does not tell."""
        self._compute(node)
        known = [self.entries.get(value.id) for value in statistics]
        entries = [entry for entry in known if isinstance(entry, TensorEntry) and not entry.view.storage.escaped]
        if len(entries) < len(statistics) or any(entry.view.storage.owner == "outer" for entry in entries):
            for value, entry in zip(statistics, known, strict=True):
                self._drop(node, value, entry)
            return
        mark = len(self.builder.nodes)
        before = [self.memory.read(entry.view) for entry in entries]
        with self.builder.standing_for(node):
            values = new_statistics(self.builder, node, self.read(node.inputs[0]), before)
        self._written(node, entries, values, mark)

    def _written(
        self, node: TorchNode, entries: Sequence[TensorEntry], values: Sequence[TorchValue], mark: int
    ) -> None:
        made = self.builder.made_since(mark)
        for entry, value in zip(entries, values, strict=True):
            write = self._log(node, entry.view)
            write.became.extend(made)
            self.memory.write(entry.view, value, write)

    def _drop(self, node: TorchNode, value: TorchValue, entry: Entry | None) -> None:
        """A write that the model can do without, and that cannot be followed."""
        storage = entry.view.storage if isinstance(entry, TensorEntry) else Storage(value.name, "local")
        self.ledger.append(Write(node, storage.name, (), "dropped"))
        self._recorder.note(
            "warning",
            "WriteDropped",
            f"{node.target} updates '{storage.name}' where that cannot be followed: the ONNX model does not",
            where=node.origin.where,
            node=node.id,
        )

    def _reshape_in_place(self, node: TorchNode) -> None:
        """``squeeze_`` and its like: the tensor becomes a view of what it was."""
        assert node.schema is not None
        entry = self._target(node, node.inputs[0])
        functional = functional_counterpart(node.schema)
        assert functional is not None
        view = replace(
            node,
            id=self.builder.fresh.node_id(),
            target=functional.name,
            schema=functional,
            derived_from=node.derived_from or (node.id,),
        )
        write = self._log(node, entry.view)
        entry.view = self._child(entry.view, view, tuple(self.read(value) for value in node.inputs[1:]))
        if entry.view.node is not None:
            write.became.append(entry.view.node.id)
        self.entries.update({output.id: entry for output in node.outputs})

    def _resize(self, node: TorchNode) -> None:
        entry = self._target(node, node.inputs[0])
        before, after = node.inputs[0].shape, node.output.shape
        if before is None or before != after:
            raise _refusal(node, "it changes the number or the order of the tensor's elements in place")
        self.entries[node.output.id] = entry

    def _target(self, node: TorchNode, value: TorchValue) -> TensorEntry:
        """The tensor that a node writes to."""
        entry = self.entries.get(value.id)
        if not isinstance(entry, TensorEntry):
            raise _refusal(node, "it writes to something that is not a tensor")
        storage = entry.view.storage
        if storage.owner == "outer":
            raise _refusal(node, "write inside control flow: the tensor comes from outside of the block")
        if storage.escaped:
            raise _refusal(
                node, f"the tensor that it writes to has another name that is not followed: {storage.escaped}"
            )
        return entry

    def _log(self, node: TorchNode, view: View) -> Write:
        storage = view.storage
        effect: Literal["functional", "input", "parameter"] = "functional"
        if storage.owner == "input" or storage.owner == "parameter":
            effect = storage.owner
        write = Write(node, storage.name, view.through, effect)
        self.ledger.append(write)
        if not storage.noted:
            storage.noted = True
            self._note_mutation(node, storage)
        return write

    def _note_mutation(self, node: TorchNode, storage: Storage) -> None:
        where = node.origin.where
        once = "its new value lives in one run of the ONNX model only"
        if storage.owner == "input":
            message = f"input '{storage.name}' is written to: the ONNX model does not change the caller's tensor"
            self._recorder.note("warning", "InputMutated", message, where=where, node=node.id)
        elif storage.owner == "parameter":
            kind = "parameter" if storage.trainable else "buffer"
            message = f"{kind} '{storage.name}' is written to: {once}"
            severity = "info" if storage.is_counter or may_update_statistics(node) else "warning"
            self._recorder.note(severity, "BufferMutated", message, where=where, node=node.id)
        elif storage.owner == "constant":
            message = f"a constant tensor is written to: {once}"
            self._recorder.note("info", "ConstantMutated", message, where=where, node=node.id)

    # -- control flow -------------------------------------------------------------------------------------------------

    def inner(self, *, trial: bool) -> Block:
        """The same for a block inside this one; a trial leaves nothing behind."""
        recorder, ledger = (Recorder(), []) if trial else (self._recorder, self.ledger)
        run = Block(self.tracking, self.builder.fresh, recorder, ledger)
        run.memory.taken = set(self.memory.taken) if trial else self.memory.taken
        return run


def _refusal(node: TorchNode, reason: str) -> UnsupportedOperatorError:
    return UnsupportedOperatorError(
        reason,
        target=node.target,
        where=node.origin.where,
        action="write the model without this in-place operation",
    )


def _rewired(node: TorchNode, inputs: tuple[TorchValue, ...]) -> TorchNode:
    return node if inputs == node.inputs else replace(node, inputs=inputs)


def _hashable(item: Any) -> Any:
    """Plain constants by value, everything else (tensors) by identity."""
    return item if isinstance(item, int | float | str | bool | None) else id(item)
