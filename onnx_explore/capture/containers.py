"""Takes nested arguments and results apart into leaves, and puts them together again.

In: nested tuples, lists, dicts, dataclasses, caches, whatever is registered with pytree. Out: leaves with paths
(``[1][0]['ids']``), and a function that rebuilds the structure around other leaves. Handlers, in order: pytree,
dataclasses, mappings, the key-value caches of transformers; anything else is a leaf.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from onnx_explore.capture.torch_api import api

Path = tuple[Any, ...]
Children = list[tuple[Any, Any]]
Rebuild = Callable[[Sequence[Any]], Any]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf: where it stands and what it is. Keys of attributes start with a dot."""

    path: Path
    value: Any

    @property
    def is_tensor(self) -> bool:
        """Whether it is a tensor."""
        return isinstance(self.value, torch.Tensor)


@dataclass(frozen=True, slots=True)
class Structure:
    """Rebuilds a tree around new leaves. ``rebuild`` is None for a leaf."""

    children: tuple[Structure, ...]
    rebuild: Rebuild | None
    leaves: int

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The tree with these leaves, in the order of ``flatten``."""
        if self.rebuild is None:
            return leaves[0]
        parts: list[Any] = []
        start = 0
        for child in self.children:
            parts.append(child(leaves[start : start + child.leaves]))
            start += child.leaves
        return self.rebuild(parts)


_LEAF = Structure((), None, 1)


def flatten(tree: Any) -> tuple[list[Leaf], Structure]:
    """Leaves in order, and the structure around them."""
    leaves: list[Leaf] = []
    return leaves, _flatten(tree, (), leaves)


def _flatten(tree: Any, path: Path, leaves: list[Leaf]) -> Structure:
    level = None if isinstance(tree, torch.Tensor) else one_level(tree)
    if level is None:
        leaves.append(Leaf(path, tree))
        return _LEAF
    children, rebuild = level
    before = len(leaves)
    inner = tuple(_flatten(child, (*path, key), leaves) for key, child in children)
    return Structure(inner, rebuild, len(leaves) - before)


def one_level(tree: Any) -> tuple[Children, Rebuild] | None:
    """Children of a container with their keys, and how to rebuild it; None for a leaf."""
    kind = cast("type[Any]", type(tree))
    if tree is None or kind in (int, float, bool, str, complex):
        return None
    if api().supported_containers(kind):
        return api().flatten_one_level(tree)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return _dataclass(tree)
    if isinstance(tree, torch.Size):
        return None
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return [(f".{name}", getattr(tree, name)) for name in kind._fields], lambda values: kind._make(values)
    if isinstance(tree, (list, tuple)):
        items = cast("list[Any] | tuple[Any, ...]", tree)
        return list(enumerate(items)), tuple if isinstance(tree, tuple) else list
    if isinstance(tree, Mapping):
        return _mapping(cast("Mapping[Any, Any]", tree))
    if _is_cache(tree):
        return _cache(tree)
    return None


def _dataclass(tree: Any) -> tuple[Children, Rebuild]:
    names = [field.name for field in dataclasses.fields(tree) if hasattr(tree, field.name)]

    def rebuild(values: Sequence[Any]) -> Any:
        other = copy.copy(tree)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(other, name, value)
        return other

    return [(f".{name}", getattr(tree, name)) for name in names], rebuild


def _mapping(tree: Mapping[Any, Any]) -> tuple[Children, Rebuild]:
    """Subclasses of dict and ``UserDict`` (``BatchEncoding``): rebuilt by a copy, to keep what else they carry."""
    keys = list(tree)

    def rebuild(values: Sequence[Any]) -> Any:
        other: Any = copy.copy(tree)
        if other is not tree and getattr(other, "data", None) is getattr(tree, "data", ()):
            other.data = dict(other.data)
        for key, value in zip(keys, values, strict=True):
            other[key] = value
        return other

    return [(key, tree[key]) for key in keys], rebuild


def _is_cache(tree: Any) -> bool:
    """Whether this is a key-value cache of transformers, or a layer of one."""
    if not any(base.__module__ == "transformers.cache_utils" for base in type(tree).__mro__):
        return False
    return any(hasattr(tree, name) for name in ("layers", "keys", "self_attention_cache"))


def _cache(tree: Any) -> tuple[Children, Rebuild]:
    """Rebuilt by copies, layer for layer: a model writes to the cache that it is given."""
    if hasattr(tree, "self_attention_cache"):
        names = ("self_attention_cache", "cross_attention_cache")
        return _attributes(tree, [name for name in names if getattr(tree, name, None) is not None])
    if not hasattr(tree, "layers"):
        return _attributes(tree, [name for name in ("keys", "values") if isinstance(getattr(tree, name), torch.Tensor)])

    def rebuild(layers: Sequence[Any]) -> Any:
        other = copy.copy(tree)
        other.layers = list(layers)
        return other

    return list(enumerate(tree.layers)), rebuild


def _attributes(tree: Any, names: list[str]) -> tuple[Children, Rebuild]:
    def rebuild(values: Sequence[Any]) -> Any:
        other = copy.copy(tree)
        for name, value in zip(names, values, strict=True):
            setattr(other, name, value)
        return other

    return [(f".{name}", getattr(tree, name)) for name in names], rebuild


def path_text(root: str, path: Path) -> str:
    """A path as Python would write it: ``args[1][0]['ids']``, ``out.logits``."""
    keys = (key if isinstance(key, str) and key.startswith(".") else f"[{key!r}]" for key in path)
    return "".join((root, *keys))


def path_name(path: Path) -> str:
    """A path as a name: ``states_0``, ``batch_ids``."""
    return "_".join(str(key).lstrip(".") for key in path)


def holds_tensors(value: Any) -> bool:
    """Whether an object that is a leaf to us keeps tensors in its attributes: a container that nobody registered."""
    attributes: dict[str, Any] = getattr(value, "__dict__", {})
    if isinstance(value, (torch.nn.Module, type)):
        return False
    return any(_holds(item, 3) for item in attributes.values())


def _holds(value: Any, depth: int) -> bool:
    if isinstance(value, torch.Tensor):
        return True
    if depth == 0 or isinstance(value, (str, type, torch.nn.Module)):
        return False
    if isinstance(value, Mapping):
        return any(_holds(item, depth - 1) for item in cast("Mapping[Any, Any]", value).values())
    if isinstance(value, (list, tuple, set)):
        return any(_holds(item, depth - 1) for item in cast("Sequence[Any]", value))
    inner: dict[str, Any] = getattr(value, "__dict__", {})
    return any(_holds(item, depth - 1) for item in inner.values())
