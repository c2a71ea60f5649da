"""Lists and dicts that change in place become values: each change gives a new list, also out of branches and loops.

In: a graph in which operators write to lists and dicts. Out: one in which none does::

    %l = prim::ListConstruct()                       %l  = prim::ListConstruct()
     = prim::Loop(%n, %true)                         %l3 = prim::Loop(%n, %true, %l)
      block0(%i):                             ──►      block0(%i, %l1):
        %y = aten::mul(%x, %i)                           %y  = aten::mul(%x, %i)
        %m = aten::append(%l, %y)                        %l2 = aten::append(%l1, %y)
        -> (%true)                                       -> (%true, %l2)
    %s = aten::stack(%l, %0)                         %s  = aten::stack(%l3, %0)

An operator keeps its name and loses its effect: the list after it is its (last) output.

One list may have several names, so what is followed are objects: each captured value of such a kind stands for one.

1. A name for the same object (``b = a``, ``prim::unchecked_cast``, both branches give it): the same object.
2. A list in a list, tuple or dict: the outer one is made anew where it is used after an inner one changed. Which element is
   meant must be known (a constant index or key); in a loop that fills the outer one, its elements cannot be changed any more.
3. A branch or a round changes a list from outside: it becomes one more output of the ``If``, one more carried value.
4. A value may be one of two objects (a branch gives this list or that one; a loop may run no time): as long as only one of
   them is changed, and the other not looked at afterwards, that makes no difference; else it is an error.
"""

from __future__ import annotations

from dataclasses import replace

from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.passes.torch.builder import Builder
from onnx_explore.passes.torch.list_objects import Entry, ListObject, Snapshot, known_key, maker_of
from onnx_explore.passes.torch.list_writes import CHANGES, changed_members, pure
from onnx_explore.recording import Recorder, Wrote
from onnx_explore.torch_ir import Fresh, TorchBlock, TorchGraph, TorchNode, TorchValue, walk
from onnx_explore.torch_ir.kinds import holds_changing, may_change

_MAKERS = frozenset({"prim::ListConstruct", "prim::TupleConstruct", "prim::NamedTupleConstruct", "prim::DictConstruct"})
_SAME = frozenset({"prim::unchecked_cast", "aten::_unwrap_optional"})
_UNPACKS = frozenset({"prim::TupleUnpack", "prim::ListUnpack"})
_ITEMS = frozenset({"aten::__getitem__", "prim::TupleIndex", "aten::get"})


def functionalize_lists(graph: TorchGraph, recorder: Recorder) -> TorchGraph:
    """Make every change of a list or dict functional.

    Raises:
        UnsupportedOperatorError: If it cannot be told which list is changed.
    """
    if not any(_changes(node) for node in walk(graph.block)):
        return graph
    run = _Lists(Fresh(graph), recorder)
    for value in graph.inputs:
        run.define(value)
    return replace(graph, block=run.top(graph.block))


def _changes(node: TorchNode) -> bool:
    if node.target not in CHANGES or node.schema is None or not may_change(node.inputs[0].kind):
        return False
    return node.schema.arguments[0].written


class _Lists:
    """One walk over the graph."""

    def __init__(self, fresh: Fresh, recorder: Recorder) -> None:
        self._b = Builder(fresh)
        self._recorder = recorder
        self._entries: dict[int, Entry] = {}
        self._objects: list[ListObject] = []
        self._constants: dict[int, object] = {}
        self._trial = 0

    def top(self, block: TorchBlock) -> TorchBlock:
        """The whole graph."""
        self._visit_all(block.nodes)
        returns = tuple(self._read(value) for value in block.returns)
        return TorchBlock(block.params, tuple(self._b.nodes), returns)

    def define(self, value: TorchValue, frozen: str = "") -> ListObject | None:
        """A new object behind a value, if it is one of a list or dict."""
        if not may_change(value.kind):
            return None
        made = ListObject(value.kind, value, frozen=frozen)
        self._objects.append(made)
        self._entries[value.id] = made
        return made

    def _visit_all(self, nodes: tuple[TorchNode, ...]) -> None:
        for node in nodes:
            with self._b.standing_for(node):
                self._visit(node)

    def _visit(self, node: TorchNode) -> None:
        if node.target == "prim::Constant":
            self._constants[node.outputs[0].id] = node.constant
        if node.target == "prim::If":
            self._branches(node)
        elif node.target == "prim::Loop":
            self._loop(node)
        elif _changes(node):
            self._change(node)
        elif node.target in _MAKERS and holds_changing(node.outputs[0].kind):
            self._make(node)
        elif node.target in _SAME and node.inputs[0].id in self._entries:
            self._same(node)
        elif not self._taken_out(node):
            self._other(node)

    def _same(self, node: TorchNode) -> None:
        """Another name; of an optional that is known to be there, its value from here on is the list itself."""
        entry = self._entries[node.inputs[0].id]
        self._entries[node.outputs[0].id] = entry
        if isinstance(entry, ListObject) and entry.members is None and node.inputs[0].kind != node.outputs[0].kind:
            value = self._b.fresh.value(node.outputs[0].kind)
            self._b.add(node.target, (self._read_entry(entry, node),), (value,), schema=node.schema)
            entry.value = value

    def _make(self, node: TorchNode) -> None:
        """A container of containers: followed member by member."""
        output = node.outputs[0]
        inputs, keys = node.inputs, None
        if node.target == "prim::DictConstruct":
            inputs, keys = node.inputs[1::2], node.inputs[::2]
            if any(known_key(self._constants.get(key.id)) is None for key in keys):
                self._other(node)
                return
        made = ListObject(output.kind, None, members=[self._entry(value) for value in inputs], maker=node)
        made.keys = None if keys is None else {self._constants[key.id]: key for key in keys}
        self._objects.append(made)
        self._entries[output.id] = made

    def _taken_out(self, node: TorchNode) -> bool:
        """A member of a container that is followed: the very object."""
        if not node.inputs:
            return False
        whole = self._entries.get(node.inputs[0].id)
        if not isinstance(whole, ListObject) or whole.members is None:
            return False
        self._check_readable(whole, node)
        if node.target in _UNPACKS and len(node.outputs) == len(whole.members):
            for output, member in zip(node.outputs, whole.members, strict=True):
                self._bind(output, member)
            return True
        if node.target in _ITEMS and len(node.inputs) >= 2:
            place = whole.place(self._constants.get(node.inputs[1].id))
            if place is not None:
                self._bind(node.outputs[0], whole.members[place])
                return True
        return False

    def _bind(self, output: TorchValue, member: Entry) -> None:
        self._entries[output.id] = member

    def _other(self, node: TorchNode) -> None:
        """Any operator that changes nothing. What it gives is new; what it takes out of something unknown stays as it is."""
        inputs = tuple(self._read(value, node) for value in node.inputs)
        self._b.append(node if inputs == node.inputs else replace(node, inputs=inputs))
        inside = node.target in _ITEMS or node.target in _UNPACKS
        for output in node.outputs:
            self.define(output, "it is a part of something whose parts are not followed" if inside else "")

    # -- reading --------------------------------------------------------------------------------------------------------

    def _entry(self, value: TorchValue) -> Entry:
        return self._entries.get(value.id, value)

    def _read(self, value: TorchValue, node: TorchNode | None = None) -> TorchValue:
        """The value of what a captured one stands for now."""
        return self._read_entry(self._entry(value), node)

    def _read_entry(self, entry: Entry, node: TorchNode | None) -> TorchValue:
        if isinstance(entry, TorchValue):
            return entry
        self._check_readable(entry, node)
        if entry.members is None:
            assert entry.value is not None
            return entry.value
        now = tuple(self._read_entry(member, node) for member in entry.members)
        if entry.value is None or now != entry.built:
            entry.value = self._rebuilt(entry, now)
            entry.built = now
        return entry.value

    def _left(self, entry: ListObject, node: TorchNode) -> TorchValue:
        """What a block leaves of a list that it changed, whether or not it may still be looked at: later reads will ask."""
        return entry.value if entry.lost and entry.value is not None else self._read_entry(entry, node)

    def _rebuilt(self, entry: ListObject, now: tuple[TorchValue, ...]) -> TorchValue:
        inputs = now
        if entry.keys is not None:
            inputs = tuple(item for pair in zip(entry.keys.values(), now, strict=True) for item in pair)
        value = self._b.fresh.value(entry.kind)
        if entry.maker is None:
            self._b.add(maker_of(entry.kind), inputs, (value,))
        else:
            with self._b.standing_for(entry.maker):
                self._b.add(maker_of(entry.kind), inputs, (value,))
        return value

    def _check_readable(self, entry: ListObject, node: TorchNode | None) -> None:
        if entry.lost:
            raise _refusal(node, entry.lost)

    # -- changing -------------------------------------------------------------------------------------------------------

    def _change(self, node: TorchNode) -> None:
        target = self._entries.get(node.inputs[0].id)
        if not isinstance(target, ListObject):
            raise _refusal(node, "it changes a list that is not followed")
        if target.frozen:
            raise _refusal(node, f"it changes a list in place, and {target.frozen}")
        self._check_readable(target, node)
        mark = len(self._b.nodes)
        if target.members is None or not self._change_members(node, target):
            self._change_value(node, target)
        target.changes += 1
        for rival in target.rivals:
            rival.lost = (
                f"a list that may be this one was changed{_at(node)}: only the running model knows which it was"
            )
        if not self._trial:
            became = tuple(self._b.made_since(mark))
            name = node.inputs[0].name
            self._recorder.add(Wrote(node.id, node.target, name, (), became, "functional", node.origin.where))

    def _change_members(self, node: TorchNode, target: ListObject) -> bool:
        """A change of a container that is followed, member by member; whether it is known which."""
        assert target.members is not None
        arguments = [self._entry(value) for value in node.inputs[1:]]
        constants = [self._constants.get(value.id) for value in node.inputs[1:]]
        changed = changed_members(node, target, arguments, constants)
        if changed is None:
            self._collapse(target, f"it went into a list that is changed{_at(node)} at a place only known at run time")
            return False
        target.members, target.value = changed.members, None
        target.keys = changed.keys
        if changed.keys is not None and changed.new_key is not None:
            target.keys = {**changed.keys, changed.new_key: node.inputs[1]}
        if node.outputs:
            self._entries[node.outputs[0].id] = changed.taken if changed.taken is not None else target
        return True

    def _change_value(self, node: TorchNode, target: ListObject) -> None:
        before = self._read_entry(target, node)
        inputs = (before, *(self._read(value, node) for value in node.inputs[1:]))
        for value in node.inputs[1:]:
            self._freeze(self._entry(value), f"it went into another one{_at(node)}, whose elements are not followed")
        form = pure(node, target.kind)
        after = self._b.fresh.value(target.kind)
        outputs = (after,)
        if form.gives_element:
            outputs = (node.outputs[0], after)
            self.define(node.outputs[0], "it is a part of something whose parts are not followed")
        elif node.outputs:
            self._entries[node.outputs[0].id] = target
        self._b.add(form.target, inputs[: form.count], outputs, schema=form.schema)
        target.value = after

    def _collapse(self, entry: ListObject, reason: str) -> None:
        """From here on a container is followed as a whole; its members can no longer be changed."""
        if entry.members is None:
            return
        lost, entry.lost = entry.lost, ""
        entry.value = self._read_entry(entry, None)
        entry.lost = lost
        for member in entry.members:
            self._freeze(member, reason)
        entry.members, entry.keys = None, None

    def _freeze(self, entry: Entry, reason: str) -> None:
        if isinstance(entry, ListObject):
            entry.frozen = entry.frozen or reason
            for member in entry.members or ():
                self._freeze(member, reason)

    # -- blocks -----------------------------------------------------------------------------------------------------------

    def _branches(self, node: TorchNode) -> None:
        condition = tuple(self._read(value, node) for value in node.inputs)
        before = Snapshot(self._objects)
        outer = self._b
        states: list[Snapshot] = []
        builders: list[Builder] = []
        entries: list[list[Entry]] = []
        for block in node.blocks:
            before.restore()
            self._b = Builder(outer.fresh)
            self._visit_all(block.nodes)
            builders.append(self._b)
            entries.append([self._entry(value) for value in block.returns])
            states.append(Snapshot(self._objects))
        changed = [item for item in before.objects if any(state.differs(item, before) for state in states)]
        blocks: list[TorchBlock] = []
        for block, builder, state in zip(node.blocks, builders, states, strict=True):
            state.restore()
            self._b = builder
            with builder.standing_for(node):
                for item in changed:
                    self._collapse(item, "it is in a list that control flow changes")
                returns = (
                    *(self._read(value, node) for value in block.returns),
                    *(self._left(item, node) for item in changed),
                )
            blocks.append(TorchBlock(block.params, tuple(builder.nodes), returns))
        lost = {item: reason for state in states for item in before.objects if (reason := state.lost(item))}
        before.restore()
        self._b = outer
        more = tuple(self._b.fresh.value(item.kind) for item in changed)
        self._b.append(replace(node, inputs=condition, outputs=(*node.outputs, *more), blocks=tuple(blocks)))
        self._after(changed, more, lost)
        for index, output in enumerate(node.outputs):
            self._join_output(output, [row[index] for row in entries], before)

    def _after(self, changed: list[ListObject], values: tuple[TorchValue, ...], lost: dict[ListObject, str]) -> None:
        """Objects that a block changed have new values."""
        for item, value in zip(changed, values, strict=True):
            for member in item.members or ():
                self._freeze(member, "it is in a list that control flow changes")
            item.value, item.members, item.keys = value, None, None
            item.changes += 1
        for item, reason in lost.items():
            item.lost = item.lost or reason

    def _join_output(self, output: TorchValue, given: list[Entry], before: Snapshot) -> None:
        """The object behind an output that is one of several."""
        objects = [entry for entry in given if isinstance(entry, ListObject)]
        if not may_change(output.kind) and not objects:
            return
        if len(objects) == len(given) and all(item is objects[0] for item in objects) and objects[0] in before:
            self._entries[output.id] = objects[0]
            return
        if not may_change(output.kind):  # a tuple with lists in it
            for item in objects:
                self._freeze(item, "it comes out of control flow in a tuple")
            return
        made = self.define(output, next((item.frozen for item in objects if item.frozen), ""))
        assert made is not None
        for item in objects:
            if item in before:
                made.rival(item)

    def _loop(self, node: TorchNode) -> None:
        body = node.blocks[0]
        inputs = tuple(self._read(value, node) for value in node.inputs)
        before = Snapshot(self._objects)
        given = [self._entry(value) for value in node.inputs[2:]]
        outer = self._b
        # What the body changes, and which carried lists stay the objects that they were, is found by trying.
        same = {index for index, entry in enumerate(given) if isinstance(entry, ListObject)}
        self._trial += 1
        while True:
            self._b = Builder(outer.fresh)
            self._carry(body, given, same)
            self._visit_all(body.nodes)
            ends = [self._entry(value) for value in body.returns[1:]]
            tried = Snapshot(self._objects)
            kept = {index for index in same if ends[index] is given[index]}
            if kept == same:
                break
            same = kept
            before.restore()
            del self._objects[len(before.objects) :]
        self._trial -= 1
        lost = {item: tried.lost(item) for item in before.objects if tried.lost(item)}
        changed = [item for item in before.objects if tried.differs(item, before)]
        before.restore()
        del self._objects[len(before.objects) :]
        self._b = outer
        held = {item for index, item in enumerate(given) if index in same and isinstance(item, ListObject)}
        for item in held:
            lost.pop(item, None)
            self._collapse(item, "it is in a list that a loop changes")
        changed = [item for item in changed if item not in held]
        for item in changed:
            self._collapse(item, "it is in a list that a loop changes")
        inputs = (*inputs[:2], *(self._read_entry(entry, node) for entry in given))
        more_inputs = tuple(self._read_entry(item, node) for item in changed)
        for item, reason in lost.items():
            item.lost = item.lost or reason
        more_params = tuple(self._b.fresh.value(item.kind) for item in changed)
        known = Snapshot(self._objects)
        self._b = builder = Builder(outer.fresh)
        self._carry(body, given, same)
        for item, value in zip(changed, more_params, strict=True):
            item.value = value
        self._visit_all(body.nodes)
        entries = [self._entry(value) for value in body.returns[1:]]
        with builder.standing_for(node):
            for item in changed:
                self._collapse(item, "it is in a list that a loop changes")
            returns = (
                *(self._read(value, node) for value in body.returns),
                *(self._left(item, node) for item in changed),
            )
        ended = Snapshot(self._objects)
        lost = {item: ended.lost(item) for item in known.objects if ended.lost(item)}
        known.restore()
        self._b = outer
        more = tuple(self._b.fresh.value(item.kind) for item in changed)
        block = TorchBlock((*body.params, *more_params), tuple(builder.nodes), returns)
        self._b.append(replace(node, inputs=(*inputs, *more_inputs), outputs=(*node.outputs, *more), blocks=(block,)))
        self._after(changed, more, lost)
        for index, output in enumerate(node.outputs):
            entry = given[index]
            if index in same and isinstance(entry, ListObject):
                entry.value = output
                entry.changes += 1
                self._entries[output.id] = entry
            else:
                self._join_output(output, [entry, entries[index]], known)

    def _carry(self, body: TorchBlock, given: list[Entry], same: set[int]) -> None:
        """The objects behind the parameters of a loop's body."""
        for index, (param, entry) in enumerate(zip(body.params[1:], given, strict=True)):
            if index in same and isinstance(entry, ListObject):
                entry.value = param
                self._entries[param.id] = entry
                continue
            made = self.define(param)
            if made is not None and isinstance(entry, ListObject):
                made.frozen = entry.frozen
                made.rival(entry)


def _at(node: TorchNode) -> str:
    return f" at {node.origin.where}" if node.origin.where else ""


def _refusal(node: TorchNode | None, reason: str) -> UnsupportedOperatorError:
    return UnsupportedOperatorError(
        reason,
        target=node.target if node is not None else "",
        where=node.origin.where if node is not None else "",
        action="make a new list (a + [x]) instead of changing one",
    )
