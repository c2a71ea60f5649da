"""The types that TorchScript prints (``TorchValue.kind``), taken apart.

In: such as ``Dict(str, (Tensor, int[])[])``. Out: what kind of container it is, and the kinds of what it holds.
"""

from __future__ import annotations

from functools import lru_cache


def is_list(kind: str) -> bool:
    """Whether it is a list."""
    return kind.endswith("[]")


def is_dict(kind: str) -> bool:
    """Whether it is a dict."""
    return kind.startswith("Dict(") and kind.endswith(")")


def is_tuple(kind: str) -> bool:
    """Whether it is a tuple; a named one is printed by its name."""
    return kind.startswith("(") and kind.endswith(")")


def element(kind: str) -> str:
    """The kind of a list's elements, or of a dict's values."""
    return kind[:-2] if is_list(kind) else members(kind)[1]


@lru_cache(maxsize=4096)
def members(kind: str) -> tuple[str, ...]:
    """Kinds of a tuple's members: ``(Tensor, (int, Tensor))`` has two; of a dict, keys and values."""
    inside = kind[kind.index("(") + 1 : -1]
    parts: list[str] = []
    depth = start = 0
    for position, char in enumerate(inside):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(inside[start:position].strip())
            start = position + 1
    return (*parts, inside[start:].strip())


def may_change(kind: str) -> bool:
    """Whether it is a list or dict, which the model may change in place, perhaps an optional one."""
    plain = kind.removesuffix("?")
    return is_list(plain) or is_dict(plain)


def holds_changing(kind: str) -> bool:
    """Whether a list or dict stands somewhere in what it holds."""
    plain = kind.removesuffix("?")
    if is_list(plain):
        inner: tuple[str, ...] = (plain[:-2],)
    elif is_dict(plain):
        inner = members(plain)[1:]
    elif is_tuple(plain):
        inner = members(plain)
    else:
        return False
    return any(may_change(item) or holds_changing(item) for item in inner)
