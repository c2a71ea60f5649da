"""What the captured values of a graph that is made functional stand for: tensors as views, lists and tuples as what they hold."""

from __future__ import annotations

from dataclasses import dataclass

from onnx_explore.passes.torch.storages import Storage, View
from onnx_explore.torch_ir import TorchNode, TorchValue


@dataclass(slots=True, eq=False)
class TensorEntry:
    """A tensor object, or a list of views: which view it is can change in place (``squeeze_``)."""

    view: View


@dataclass(slots=True, eq=False)
class ItemsEntry:
    """A list or tuple of entries, made anew where it is used after one of them was written."""

    node: TorchNode
    entries: tuple[Entry | TorchValue, ...]
    values: tuple[TorchValue, ...] = ()
    value: TorchValue | None = None


Entry = TensorEntry | ItemsEntry


def storages_of(entry: Entry | TorchValue | None) -> list[Storage]:
    """The storages that an entry looks at."""
    if isinstance(entry, TensorEntry):
        return [entry.view.storage]
    if isinstance(entry, ItemsEntry):
        return [storage for item in entry.entries for storage in storages_of(item)]
    return []
