"""In-place writes and views, made functional.

In: a graph in which values share storage and operators write to it. Out: one in which no operator writes to a tensor::

    %v = aten::select(%y, 1, 0)                 %v  = aten::select(%y, 1, 0)
    %w = aten::add_(%v, %one, 1)                %w  = aten::add(%v, %one, 1)
    %u = aten::select(%y, 1, 0)          ──►    %y2 = aten::select_scatter(%y, %w, 1, 0)
    %c = aten::copy_(%u, %w)
    return (%y)                                 return (%y2)

Each piece of memory is a *storage*; the values that show it are the *views* of a tree whose root is the value that made
the storage. Equal views of one parent are one view. A view knows its value and the version of the storage that it is
valid for. A write gives one view a new value and makes it the only one that is up to date (``pending``). What is read
later is brought up to date first, and only then: the pending value is put back (``views.put_back``) up to the first
common ancestor, and from there the view is taken again. So ten writes to one part scatter once, a part that is
overwritten whole is never scattered, and a view that is only written to is never taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from onnx_explore.errors import InvalidGraph, UnsupportedOperatorError
from onnx_explore.passes.torch.aliasing import WHOLE, Sharing, is_assumed, sharing
from onnx_explore.passes.torch.builder import Builder
from onnx_explore.passes.torch.schemas import functional_counterpart
from onnx_explore.passes.torch.views import Part, put_back
from onnx_explore.passes.torch.writes import METADATA_WRITES, NO_WRITES, is_out_variant, new_outputs, new_value
from onnx_explore.recording import Recorder, Wrote
from onnx_explore.torch_ir import Fresh, Parameter, SchemaArgument, TorchBlock, TorchGraph, TorchNode, TorchValue, walk

_CONTAINERS = frozenset({"prim::ListConstruct", "prim::TupleConstruct", "prim::NamedTupleConstruct"})
_UNPACKS = frozenset({"prim::ListUnpack", "prim::TupleUnpack"})
_METADATA_READS = frozenset({"aten::size", "aten::sym_size", "aten::dim", "aten::numel", "aten::len", "prim::shape"})
"""What they tell about a tensor is the same before and after a write, so an older value of it will do."""
_OPAQUE_LISTS = frozenset({"aten::broadcast_tensors", "aten::meshgrid"})
"""Operators that return views of the tensors in a list, and do not declare it."""
_HARMLESS = frozenset({"prim::Constant", "prim::NumToTensor", "prim::Print", "prim::RaiseException"})
"""Operators without a schema, or none that we need, which keep nothing."""


def functionalize(graph: TorchGraph, recorder: Recorder) -> TorchGraph:
    """Make every write to a tensor functional.

    Each write leaves a ``Wrote`` in the recording; a write to an input or to a parameter a ``Noted``, too.

    Raises:
        UnsupportedOperatorError: If a write has no functional form here: inside control flow, through a view without an
            inverse, by an operator without a functional counterpart.
    """
    if not any(writes_tensor(node) for node in walk(graph.block)):
        return graph
    facts = _Facts(graph)
    run = _Block(facts, Fresh(graph), recorder)
    trained = {parameter.value.id: parameter for parameter in graph.parameters}
    for value in graph.block.params:
        if value.id in facts.tracked:
            parameter = trained.get(value.id)
            run.define(value, "input" if parameter is None else "parameter", parameter)
    block = run.block(graph.block)
    for write in facts.ledger:
        recorder.add(write.entry())
    return replace(graph, block=block)


def writes_tensor(node: TorchNode) -> bool:
    """Whether a node writes to a tensor, or changes its shape in place."""
    schema = node.schema
    if schema is None:
        return False
    return any(
        is_written_tensor(argument, value)
        for argument, value in zip(schema.arguments, node.inputs, strict=False)
    )


def is_written_tensor(argument: SchemaArgument, value: TorchValue) -> bool:
    """Whether an argument is a tensor that is written to, or a list of such (``append`` writes to the list itself)."""
    if not argument.written or value.kind == "NoneType":
        return False
    return argument.type in ("Tensor", "Tensor?") or (argument.type == "Tensor[]" and argument.alias != "")

# -- facts: what is known before the walk --------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Write:
    """An entry of the ledger while its replacement is still being built."""

    node: TorchNode
    base: str
    through: tuple[str, ...]
    effect: Literal["functional", "input", "parameter", "dropped"]
    became: list[int] = field(default_factory=list[int])

    def entry(self) -> Wrote:
        node = self.node
        became = tuple(dict.fromkeys(self.became))
        return Wrote(node.id, node.target, self.base, self.through, became, self.effect, node.origin.where)


class _Facts:
    """What one linear walk over the graph finds: constants, and the values that may share storage with a written one.

    Attributes:
        constants: Python values of constants and of lists of constants, by value id.
        tracked: Ids of the values that the functionalization has to follow.
        writers: Ids of the nodes with blocks that contain a write.
        ledger: The writes so far.
    """

    def __init__(self, graph: TorchGraph) -> None:
        self.constants: dict[int, Any] = {}
        self.ledger: list[_Write] = []
        self._leader: dict[int, int] = {}
        self._members: list[int] = [value.id for value in graph.block.params]
        written: list[int] = []
        self._visit(graph.block, written)
        roots = {self._find(number) for number in written}
        self.tracked = {number for number in self._members if self._find(number) in roots}

    def _visit(self, block: TorchBlock, written: list[int]) -> None:
        for node in block.nodes:
            self._members.extend(value.id for value in node.outputs)
            self._note_constant(node)
            for inner in node.blocks:
                self._members.extend(value.id for value in inner.params)
                self._visit(inner, written)
            self._join(node, written)

    def _note_constant(self, node: TorchNode) -> None:
        if node.target == "prim::Constant":
            self.constants[node.outputs[0].id] = node.constant
        elif node.target == "prim::ListConstruct" and all(value.id in self.constants for value in node.inputs):
            self.constants[node.outputs[0].id] = [self.constants[value.id] for value in node.inputs]

    def _join(self, node: TorchNode, written: list[int]) -> None:
        if node.blocks:
            for inner in node.blocks:
                self._union_all(inner.returns[len(inner.returns) - len(node.outputs) :], node.outputs)
                if node.target == "prim::Loop":
                    self._union_all(inner.params[1:], node.inputs[2:])
                    self._union_all(inner.params[1:], node.outputs)
        elif node.target in _CONTAINERS or node.target in _UNPACKS or _keeps(node):
            holders = [value for value in (*node.inputs, *node.outputs) if _may_hold_tensors(value)]
            self._union_all(holders, holders[1:])
        elif writes_tensor(node):
            assert node.schema is not None
            rows = zip(node.schema.arguments, node.inputs, strict=False)
            targets = [value for argument, value in rows if is_written_tensor(argument, value)]
            written.extend(value.id for value in targets)
            self._union_all(targets, node.outputs)
        else:
            shared = sharing(node, self.constants)
            if shared is not None:
                self._union(node.inputs[shared.input].id, node.outputs[0].id)

    def _union_all(self, left: Sequence[TorchValue], right: Sequence[TorchValue]) -> None:
        for one, other in zip(left, right, strict=False):
            if _may_hold_tensors(one):
                self._union(one.id, other.id)

    def _find(self, number: int) -> int:
        root = number
        while (above := self._leader.get(root, root)) != root:
            root = above
        while number != root:
            self._leader[number], number = root, self._leader.get(number, number)
        return root

    def _union(self, left: int, right: int) -> None:
        self._leader[self._find(left)] = self._find(right)


def _may_hold_tensors(value: TorchValue) -> bool:
    return "Tensor" in value.kind or value.kind not in _PLAIN


_PLAIN = frozenset(
    {"int", "float", "bool", "str", "NoneType", "Device", "Scalar", "number", "Generator", "complex"}
    | {f"{kind}{suffix}" for kind in ("int", "float", "bool", "str") for suffix in ("[]", "?", "[]?", "?[]")}
)


def _keeps(node: TorchNode) -> bool:
    """Whether it may keep tensors in, or take them out of, something that this pass does not follow."""
    if node.target in _OPAQUE_LISTS:
        return True
    if node.target in _HARMLESS or node.target in WHOLE:
        return False
    if node.schema is None:
        return True
    return any(argument.written for argument in node.schema.arguments) and not writes_tensor(node)


# -- storages and views -------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Storage:
    """One piece of memory.

    Attributes:
        name: Of the value that made it, or of the parameter.
        kind: Who owns it; ``outer`` is a value of an enclosing block.
        version: Counts writes.
        pending: The one view that is up to date, or None if the root is.
        open: Writes that were not put back to the root yet.
        escaped: Why it must not be written any more, or ``""``.
    """

    name: str
    kind: Literal["local", "input", "parameter", "constant", "outer"]
    trainable: bool = False
    integral: bool = False
    version: int = 0
    pending: _View | None = None
    open: list[_Write] = field(default_factory=list[_Write])
    escaped: str = ""
    noted: bool = False


_Key = tuple[Any, ...]
_Value = TorchValue | tuple[TorchValue, ...]


@dataclass(slots=True, eq=False)
class _View:
    """A way to look at a storage: the root, or something taken from its parent.

    Attributes:
        storage: What it looks at.
        captured: The value as captured, for dtype and shape.
        parent: What it is taken from; None for the root.
        node: The view operator, ``prim::ListUnpack``, or None for the root and for a piece.
        rest: The operator's inputs but the first, as values of the functional graph.
        piece: Index in the parent's tuple, for what ``prim::ListUnpack`` gives.
        value: The functional value: a tuple for ``prim::ListUnpack``, None before it was taken for the first time.
        version: The storage's version that ``value`` holds for.
        children: Views of this view, by operator and arguments.
        depth: Distance to the root.
    """

    storage: _Storage
    captured: TorchValue
    parent: _View | None = None
    node: TorchNode | None = None
    rest: tuple[TorchValue, ...] = ()
    piece: int = -1
    value: _Value | None = None
    version: int = 0
    children: dict[_Key, _View] = field(default_factory=dict[_Key, "_View"])
    depth: int = 0

    @property
    def is_current(self) -> bool:
        return self.value is not None and self.version == self.storage.version

    def through(self) -> tuple[str, ...]:
        """The view operators from the root to here."""
        names: list[str] = []
        view: _View | None = self
        while view is not None:
            if view.node is not None and view.node.target != "prim::ListUnpack":
                names.append(view.node.target)
            view = view.parent
        return tuple(reversed(names))


def _common_ancestor(left: _View, right: _View) -> _View:
    while left is not right:
        if left.depth >= right.depth:
            assert left.parent is not None
            left = left.parent
        else:
            assert right.parent is not None
            right = right.parent
    return left


@dataclass(slots=True, eq=False)
class _Tensor:
    """A tensor object (or a list of views): which view it is can change in place (``squeeze_``)."""

    view: _View


@dataclass(slots=True, eq=False)
class _Items:
    """A list or tuple of entries, made anew where it is used after one of them was written."""

    node: TorchNode
    entries: tuple[_Entry | TorchValue, ...]
    values: tuple[TorchValue, ...] = ()
    value: TorchValue | None = None


_Entry = _Tensor | _Items

# -- the walk -----------------------------------------------------------------------------------------------------------


class _Block:
    """Functionalizes one block, node by node."""

    def __init__(self, facts: _Facts, fresh: Fresh, recorder: Recorder) -> None:
        self._facts = facts
        self._recorder = recorder
        self._b = Builder(fresh)
        self._entries: dict[int, _Entry] = {}
        self._taken: set[int] = set()  # ids of the captured view nodes that are in the graph already

    def define(
        self, value: TorchValue, kind: Literal["local", "input", "parameter", "constant", "outer"], parameter: Parameter | None = None
    ) -> _Tensor:
        """``value`` makes a storage."""
        storage = _Storage(parameter.name if parameter is not None else value.name, kind)
        if parameter is not None:
            storage.trainable = parameter.trainable
            storage.integral = not parameter.tensor.is_floating_point()
        entry = _Tensor(_View(storage, value, value=value))
        self._entries[value.id] = entry
        return entry

    def block(self, block: TorchBlock) -> TorchBlock:
        """The block without writes."""
        for node in block.nodes:
            self._visit(node)
        returns = tuple(self._read(value) for value in block.returns)
        return TorchBlock(block.params, tuple(self._b.nodes), returns)

    def entry(self, value: TorchValue) -> _Entry | None:
        """What is known of a value of the captured graph, or None if it is not followed."""
        return self._entries.get(value.id)

    def _visit(self, node: TorchNode) -> None:
        self._b.at(node)
        if node.blocks:
            self._control_flow(node)
        elif writes_tensor(node):
            self._write(node)
        elif not any(value.id in self._facts.tracked for value in (*node.inputs, *node.outputs)):
            self._b.append(node)
        elif node.target in _CONTAINERS:
            entries = tuple(self._entries.get(value.id, value) for value in node.inputs)
            self._entries[node.output.id] = _Items(node, entries)
        elif node.target in _UNPACKS and isinstance(items := self.entry(node.inputs[0]), _Items):
            for output, entry in zip(node.outputs, items.entries, strict=True):
                self._bind(output, entry)
        elif (item := self._item(node)) is not None:
            self._bind(node.output, item)
        elif node.target == "prim::ListUnpack":
            self._unpack(node)
        elif (shared := sharing(node, self._facts.constants)) is not None:
            self._view(node, shared)
        else:
            self._compute(node)

    # -- reading --------------------------------------------------------------------------------------------------------

    def _read(self, value: TorchValue) -> TorchValue:
        """The functional value that stands for a captured one now."""
        entry = self._entries.get(value.id)
        return value if entry is None else self._read_entry(entry)

    def _read_entry(self, entry: _Entry) -> TorchValue:
        if isinstance(entry, _Tensor):
            return self._refresh(entry.view)
        values = tuple(item if isinstance(item, TorchValue) else self._read_entry(item) for item in entry.entries)
        if entry.value is None:
            entry.value = entry.node.output
            self._b.append(self._rewired(entry.node, values))
        elif values != entry.values:
            self._b.at(entry.node)
            entry.value = self._b.fresh.value(entry.node.output.kind)
            self._b.add(entry.node.target, values, (entry.value,))
        entry.values = values
        return entry.value

    def _read_metadata(self, value: TorchValue) -> TorchValue:
        """Any value with the shape of ``value``: the newest one that is there already."""
        entry = self._entries.get(value.id)
        if isinstance(entry, _Tensor) and isinstance(entry.view.value, TorchValue):
            return entry.view.value
        return self._read(value)

    def _refresh(self, view: _View) -> TorchValue:
        value = self._refresh_any(view)
        assert isinstance(value, TorchValue)
        return value

    def _refresh_any(self, view: _View) -> _Value:
        """Bring a view up to date."""
        if not view.is_current:
            pending = view.storage.pending
            if pending is not None:
                self._put_back(view.storage, _common_ancestor(pending, view))
            stale: list[_View] = []
            above = view
            while not above.is_current:
                stale.append(above)
                assert above.parent is not None
                above = above.parent
            for below in reversed(stale):
                self._take(below)
        assert view.value is not None
        return view.value

    def _take(self, view: _View) -> None:
        """Take a view from its parent, which is up to date."""
        assert view.parent is not None and view.parent.value is not None
        whole, node, version = view.parent.value, view.node, view.storage.version
        view.version = version
        if node is None:
            assert isinstance(whole, tuple)
            view.value = whole[view.piece]
            return
        assert isinstance(whole, TorchValue)
        inputs = (whole, *view.rest)
        outputs = node.outputs
        if node.id in self._taken:
            held = (self._b.origin, self._b.derived_from)
            self._b.at(node)
            outputs = tuple(
                self._b.fresh.value(value.kind, dtype=value.dtype, shape=value.shape, strides=value.strides)
                for value in outputs
            )
            self._b.add(node.target, inputs, outputs, schema=node.schema)
            self._b.origin, self._b.derived_from = held
        else:
            self._taken.add(node.id)
            self._b.append(self._rewired(node, inputs))
        view.value = outputs if node.target == "prim::ListUnpack" else outputs[0]

    def _put_back(self, storage: _Storage, until: _View) -> None:
        """Put the pending value back into its parent, and so on up to ``until``."""
        while storage.pending is not None and storage.pending is not until:
            view = storage.pending
            parent = view.parent
            assert parent is not None and parent.value is not None and view.value is not None
            mark = len(self._b.nodes)
            held = (self._b.origin, self._b.derived_from)
            writers = [write.node for write in storage.open]
            self._b.at(*reversed(writers), *([view.node] if view.node is not None else []))
            parent.value = self._inverse(view, parent, writers[-1])
            self._b.origin, self._b.derived_from = held
            parent.version = storage.version
            made = self._b.made_since(mark)
            for write in storage.open:
                write.became.extend(made)
            storage.pending = parent if parent.parent is not None else None
        if storage.pending is None:
            storage.open = []

    def _inverse(self, view: _View, parent: _View, writer: TorchNode) -> _Value:
        whole, new = parent.value, view.value
        if view.node is None:
            assert isinstance(whole, tuple) and isinstance(new, TorchValue)
            return (*whole[: view.piece], new, *whole[view.piece + 1 :])
        if isinstance(new, tuple):
            return self._b.list_of(new)
        assert isinstance(whole, TorchValue) and new is not None
        return put_back(
            Part(self._b, view.node, view.rest, whole, new, parent.captured, self._facts.constants, writer)
        )

    # -- nodes that write to nothing ---------------------------------------------------------------------------------

    def _compute(self, node: TorchNode) -> None:
        """An operator whose results are new tensors."""
        read = self._read_metadata if node.target in _METADATA_READS else self._read
        self._b.append(self._rewired(node, tuple(read(value) for value in node.inputs)))
        kind = "constant" if node.target == "prim::Constant" else "local"
        for output in node.outputs:
            if output.id in self._facts.tracked:
                self.define(output, kind)
        if _keeps(node):
            reason = f"{node.target} keeps it"
            for value in node.inputs:
                self._escape(self.entry(value), reason)
            for value in node.outputs:
                self._escape(self.entry(value), reason)

    def _view(self, node: TorchNode, shared: Sharing) -> None:
        """An operator whose result shares storage with an input."""
        entry = self.entry(node.inputs[shared.input])
        if not isinstance(entry, _Tensor):
            self._compute(node)
            self._escape(entry, f"{node.target} took it out of a list")
            self._escape(self.entry(node.output), f"{node.target} took it out of a list")
            return
        if is_assumed(node):
            self._recorder.note(
                "info",
                "AliasAssumed",
                f"{node.target} is taken for a view: the capture does not know the strides that would decide it",
                where=node.origin.where,
                node=node.id,
            )
        parent = entry.view
        if shared.whole:
            self._entries[node.output.id] = _Tensor(parent)
            if parent.storage.kind == "constant" and node.target in ("aten::detach", "aten::lift_fresh"):
                parent.storage.kind = "local"  # torch.tensor(…) in forward: made anew in every call
            return
        if shared.input != 0:
            raise InvalidGraph("a view of another input than the first", target=node.target, where=node.origin.where)
        rest = tuple(self._read_metadata(value) for value in node.inputs[1:])
        self._entries[node.output.id] = _Tensor(self._child(parent, node, rest))

    def _child(self, parent: _View, node: TorchNode, rest: tuple[TorchValue, ...]) -> _View:
        key = (node.target, node.overload, *(self._key(value) for value in rest))
        child = parent.children.get(key)
        if child is None:
            captured = node.outputs[0]
            child = _View(parent.storage, captured, parent, node, rest, depth=parent.depth + 1)
            parent.children[key] = child
        return child

    def _key(self, value: TorchValue) -> _Key:
        constant = self._facts.constants.get(value.id, value)
        if isinstance(constant, list):
            items: list[Any] = constant  # pyright: ignore[reportUnknownVariableType]
            return ("list", *((type(item).__name__, _hashable(item)) for item in items))
        return (type(constant).__name__, _hashable(constant))

    def _unpack(self, node: TorchNode) -> None:
        entry = self.entry(node.inputs[0])
        if not isinstance(entry, _Tensor):
            self._compute(node)
            return
        parent = self._child(entry.view, node, ())
        for index, output in enumerate(node.outputs):
            child = parent.children.get((index,))
            if child is None:
                child = _View(parent.storage, output, parent, piece=index, depth=parent.depth + 1)
                parent.children[(index,)] = child
            self._entries[output.id] = _Tensor(child)

    def _item(self, node: TorchNode) -> _Entry | TorchValue | None:
        """The element that a node takes out of a list or tuple that is followed."""
        if node.target not in ("aten::__getitem__", "prim::TupleIndex") or len(node.inputs) != 2:
            return None
        items = self.entry(node.inputs[0])
        index = self._facts.constants.get(node.inputs[1].id)
        if not isinstance(items, _Items) or not isinstance(index, int):
            return None
        return items.entries[index] if -len(items.entries) <= index < len(items.entries) else None

    def _bind(self, output: TorchValue, entry: _Entry | TorchValue) -> None:
        if isinstance(entry, TorchValue):
            # Not followed itself, so nothing that shares its storage is ever written.
            entry = _Tensor(_View(_Storage(entry.name, "local"), entry, value=entry))
        self._entries[output.id] = entry

    def _rewired(self, node: TorchNode, inputs: tuple[TorchValue, ...]) -> TorchNode:
        return node if inputs == node.inputs else replace(node, inputs=inputs)

    def _escape(self, entry: _Entry | None, reason: str) -> None:
        """The storage is known to something that is not followed: from here on it must not be written."""
        if isinstance(entry, _Tensor):
            entry.view.storage.escaped = entry.view.storage.escaped or reason
        elif entry is not None:
            for item in entry.entries:
                if not isinstance(item, TorchValue):
                    self._escape(item, reason)

    # -- writes -----------------------------------------------------------------------------------------------------------

    def _write(self, node: TorchNode) -> None:
        assert node.schema is not None
        rows = list(zip(node.schema.arguments, node.inputs, strict=True))
        for argument, value in rows:
            if argument.written and value.kind not in ("Tensor", "Tensor?"):
                raise self._refuse(node, "it writes to the tensors of a list")
        if node.target in NO_WRITES:
            for output in node.outputs:
                self._entries[output.id] = self._tensor(node, node.inputs[0])
        elif node.target in METADATA_WRITES:
            self._reshape_in_place(node)
        elif node.target in ("aten::resize_", "aten::resize_as_"):
            self._resize(node)
        elif node.target in ("aten::set_", "aten::set_data"):
            raise self._refuse(node, "it gives the tensor another storage")
        elif is_out_variant(node.schema):
            self._write_outs(node)
        elif rows[0][0].written and not any(argument.written for argument, _ in rows[1:]):
            self._write_in_place(node)
        else:
            raise self._refuse(node, "it writes to several of its arguments")

    def _write_in_place(self, node: TorchNode) -> None:
        entry = self._tensor(node, node.inputs[0])
        view = entry.view
        for output in node.outputs:
            self._entries[output.id] = entry
        write = self._log(node, view)
        source = self.entry(node.inputs[1]) if node.target == "aten::copy_" else None
        if isinstance(source, _Tensor) and source.view is view:
            return  # `y[:, 0] += 1` ends in copying the part onto itself
        inputs = tuple(self._read(value) for value in node.inputs[1:])
        mark = len(self._b.nodes)
        self._b.at(node)
        value = new_value(self._b, node, view.captured, lambda: self._refresh(view), inputs, self._facts.constants)
        write.became.extend(self._b.made_since(mark))
        self._set(view, value, write)

    def _write_outs(self, node: TorchNode) -> None:
        assert node.schema is not None
        rows = list(zip(node.schema.arguments, node.inputs, strict=True))
        inputs = [value if argument.written else self._read(value) for argument, value in rows]
        given = [value for argument, value in rows if argument.written]
        outs = node.outputs if len(node.outputs) == len(given) else tuple(given)
        entries = [self._tensor(node, value) for value in given]
        mark = len(self._b.nodes)
        self._b.at(node)
        values = new_outputs(self._b, node, outs, inputs)
        made = self._b.made_since(mark)
        for out, before, entry, value in zip(outs, given, entries, values, strict=True):
            self._entries[out.id] = entry
            write = self._log(node, entry.view)
            write.became.extend(made)
            if out.shape != before.shape:
                self._replace(node, entry, before, value)
            else:
                self._set(entry.view, value, write)

    def _set(self, view: _View, value: TorchValue, write: _Write) -> None:
        """``value`` is what the view shows from now on."""
        storage, parent, pending = view.storage, view.parent, view.storage.pending
        if parent is not None and pending is not view:
            inside = pending is not None and _common_ancestor(pending, view) is view
            if not inside:  # else the pending part of it is overwritten
                self._refresh_any(parent)
        storage.version += 1
        view.value, view.version = value, storage.version
        storage.pending = view if parent is not None else None
        storage.open = [*storage.open, write] if parent is not None else []

    def _reshape_in_place(self, node: TorchNode) -> None:
        """``squeeze_`` and its like: the tensor becomes a view of what it was."""
        assert node.schema is not None
        entry = self._tensor(node, node.inputs[0])
        functional = functional_counterpart(node.schema)
        assert functional is not None
        rest = tuple(self._read(value) for value in node.inputs[1:])
        outputs = node.outputs
        view_node = TorchNode(
            self._b.fresh.node_id(),
            functional.name,
            (node.inputs[0], *rest),
            outputs,
            functional,
            origin=node.origin,
            derived_from=node.derived_from or (node.id,),
        )
        write = self._log(node, entry.view)
        child = self._child(entry.view, view_node, rest)
        entry.view = child
        if child.node is not None:
            write.became.append(child.node.id)
        for output in outputs:
            self._entries[output.id] = entry

    def _resize(self, node: TorchNode) -> None:
        entry = self._tensor(node, node.inputs[0])
        before, after = node.inputs[0].shape, node.output.shape
        if before is None or after is None or before != after:
            raise self._refuse(node, "it changes the number or the order of the tensor's elements in place")
        self._entries[node.output.id] = entry

    def _replace(self, node: TorchNode, entry: _Tensor, before: TorchValue, value: TorchValue) -> None:
        """``out=`` was given an empty tensor and resized it: the tensor is the result."""
        if before.shape is None or 0 not in before.shape or entry.view.parent is not None:
            raise self._refuse(node, "it resizes its 'out' tensor")
        entry.view = _View(_Storage(value.name, "local"), value, value=value)

    def _tensor(self, node: TorchNode, value: TorchValue) -> _Tensor:
        """The tensor that a node writes to."""
        entry = self.entry(value)
        if entry is None:
            raise self._refuse(node, "write inside control flow: the tensor comes from outside the block")
        if not isinstance(entry, _Tensor):
            raise self._refuse(node, "it writes to a list or tuple")
        storage = entry.view.storage
        if storage.kind == "outer":
            raise self._refuse(node, "write inside control flow: the tensor comes from outside the block")
        if storage.escaped:
            raise self._refuse(node, f"the tensor that it writes to is also known elsewhere: {storage.escaped}")
        return entry

    def _refuse(self, node: TorchNode, reason: str) -> UnsupportedOperatorError:
        return UnsupportedOperatorError(
            reason,
            target=node.target,
            where=node.origin.where,
            action="write the model without this in-place operation",
        )

    def _log(self, node: TorchNode, view: _View) -> _Write:
        storage = view.storage
        effect: Literal["functional", "input", "parameter"] = "functional"
        if storage.kind == "input" or storage.kind == "parameter":
            effect = storage.kind
        write = _Write(node, storage.name, view.through(), effect)
        self._facts.ledger.append(write)
        if not storage.noted:
            storage.noted = True
            self._note(node, storage)
        return write

    def _note(self, node: TorchNode, storage: _Storage) -> None:
        where, name = node.origin.where, storage.name
        if storage.kind == "input":
            message = f"input '{name}' is written to: the ONNX model computes with the new values, the caller's tensor keeps the old"
            self._recorder.note("warning", "InputMutated", message, where=where, node=node.id)
        elif storage.kind == "parameter":
            what = "parameter" if storage.trainable else "buffer"
            counter = storage.integral and not storage.trainable
            message = f"{what} '{name}' is written to: its new value lives in one run of the ONNX model only"
            self._recorder.note("info" if counter else "warning", "BufferMutated", message, where=where, node=node.id)
        elif storage.kind == "constant":
            message = "a constant tensor is written to: its new value lives in one run of the ONNX model only"
            self._recorder.note("info", "ConstantMutated", message, where=where, node=node.id)

    # -- control flow -----------------------------------------------------------------------------------------------------

    def _control_flow(self, node: TorchNode) -> None:
        """Blocks read what is outside as it is before the node; they may write to what they made themselves."""
        inputs = tuple(self._read(value) for value in node.inputs)
        captured: dict[int, TorchValue] = {}
        for inner in node.blocks:
            self._capture(inner, captured)
        stand_ins = {number: self._read(value) for number, value in captured.items()}
        blocks: list[TorchBlock] = []
        shared: set[int] = set()
        for inner in node.blocks:
            run = _Block(self._facts, self._b.fresh, self._recorder)
            outside: dict[_Storage, _Entry] = {}
            for number, value in stand_ins.items():
                stand_in = run.define(value, "outer")
                run._entries[number] = stand_in
                outside[stand_in.view.storage] = self._entries[number]
            for index, param in enumerate(inner.params):
                if param.id in self._facts.tracked:
                    stand_in = run.define(param, "outer")
                    given = self.entry(node.inputs[index + 1])
                    if given is not None:
                        outside[stand_in.view.storage] = given
            blocks.append(run.block(inner))
            returns = inner.returns[len(inner.returns) - len(node.outputs) :]
            shared |= self._shared_returns(run, returns, outside)
        self._define_results(node, shared)
        self._b.append(replace(node, inputs=inputs, blocks=tuple(blocks)))

    def _define_results(self, node: TorchNode, shared: set[int]) -> None:
        for index, output in enumerate(node.outputs):
            if output.id not in self._facts.tracked:
                continue
            entry = self.define(output, "local")
            if node.target == "prim::Loop":
                # A loop may run no time at all, and then returns what it was given.
                self._escape(self.entry(node.inputs[index + 2]), "a loop may return it unchanged")
                self._escape(entry, "a loop may return what it was given")
            elif index in shared:
                self._escape(entry, "control flow may return it under several names")

    def _shared_returns(
        self, run: _Block, returns: Sequence[TorchValue], outside: dict[_Storage, _Entry]
    ) -> set[int]:
        """Positions of the returns of a block that share storage with each other or with something outside."""
        shared: set[int] = set()
        seen: dict[_Storage, int] = {}
        for index, value in enumerate(returns):
            for storage in _storages(run.entry(value)):
                if storage.kind == "outer":
                    shared.add(index)
                    self._escape(outside.get(storage), "control flow may return it under another name")
                elif seen.setdefault(storage, index) != index:
                    shared.update((index, seen[storage]))
        return shared

    def _capture(self, block: TorchBlock, captured: dict[int, TorchValue]) -> None:
        """Values from outside that a block uses."""
        for node in block.nodes:
            for value in node.inputs:
                if value.id in self._entries:
                    captured[value.id] = value
            for inner in node.blocks:
                self._capture(inner, captured)
        for value in block.returns:
            if value.id in self._entries:
                captured[value.id] = value


def _storages(entry: _Entry | TorchValue | None) -> list[_Storage]:
    if isinstance(entry, _Tensor):
        return [entry.view.storage]
    if isinstance(entry, _Items):
        return [storage for item in entry.entries for storage in _storages(item)]
    return []


def _hashable(item: Any) -> Any:
    """Plain constants by value, everything else (tensors) by identity."""
    return item if isinstance(item, int | float | str | bool | None) else id(item)
