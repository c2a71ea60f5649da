"""Lists and dicts as objects: what several names of a graph stand for, and what it holds now.

In: values of list and dict kinds. Out: for each object its present functional value, and, where it holds lists or dicts itself,
its members one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from onnx_explore.torch_ir import TorchNode, TorchValue
from onnx_explore.torch_ir.kinds import is_dict, is_list


@dataclass(slots=True, eq=False)
class ListObject:
    """A list or dict of the model, or a tuple that holds some.

    Attributes:
        kind: Its kind, as TorchScript prints it.
        value: The functional value that it has now; None if it has to be made of its members.
        members: What it holds, if that is followed one by one.
        keys: For a dict that is followed: its keys with their values, in order.
        maker: The captured node that made it, if that is followed member by member.
        built: The members' values of which ``value`` was made.
        frozen: Why it must not be changed any more, or ``""``.
        lost: Why it must not be looked at any more, or ``""``.
        rivals: Objects that it may be one and the same with.
        changes: Counts changes.
    """

    kind: str
    value: TorchValue | None
    members: list[Entry] | None = None
    keys: dict[object, TorchValue] | None = None
    maker: TorchNode | None = None
    built: tuple[TorchValue, ...] = ()
    frozen: str = ""
    lost: str = ""
    rivals: list[ListObject] = field(default_factory=list["ListObject"])
    changes: int = 0

    def rival(self, other: ListObject) -> None:
        """State that the two may be one."""
        for rival in (other, *other.rivals):
            if rival is not self and rival not in self.rivals:
                self.rivals.append(rival)
                rival.rivals.append(self)

    def place(self, key: object) -> int | None:
        """The index in ``members`` of an index or key, if that is known and there is such a one."""
        if self.members is None:
            return None
        if self.keys is not None:
            known = list(self.keys)
            return known.index(key) if known_key(key) is not None and key in self.keys else None
        if isinstance(key, bool) or not isinstance(key, int) or not -len(self.members) <= key < len(self.members):
            return None
        return key % len(self.members)


Entry = ListObject | TorchValue


def known_key(key: object) -> object | None:
    """A key that can be compared at export."""
    return key if isinstance(key, str | int | float | bool) else None


def maker_of(kind: str) -> str:
    """The operator that makes a container of a kind."""
    if is_list(kind):
        return "prim::ListConstruct"
    return "prim::DictConstruct" if is_dict(kind) else "prim::TupleConstruct"


class Snapshot:
    """What all objects are at one time."""

    __slots__ = ("_known", "_states", "objects")

    def __init__(self, objects: Sequence[ListObject]) -> None:
        self.objects = list(objects)
        self._known = set(map(id, self.objects))
        self._states = {
            id(item): (
                item.value,
                None if item.members is None else list(item.members),
                None if item.keys is None else dict(item.keys),
                item.built,
                item.lost,
                item.changes,
            )
            for item in self.objects
        }

    def __contains__(self, item: ListObject) -> bool:
        return id(item) in self._known

    def restore(self) -> None:
        """Set them all back."""
        for item in self.objects:
            item.value, members, keys, item.built, item.lost, item.changes = self._states[id(item)]
            item.members = None if members is None else list(members)
            item.keys = None if keys is None else dict(keys)

    def lost(self, item: ListObject) -> str:
        """Why an object must not be looked at, as of then."""
        return self._states[id(item)][4]

    def differs(self, item: ListObject, other: Snapshot) -> bool:
        """Whether an object was changed between the two."""
        return self._states[id(item)][5] != other._states[id(item)][5]
