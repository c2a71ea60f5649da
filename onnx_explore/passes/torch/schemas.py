"""ATen schemas by name, and the functional counterpart of an operator that writes.

In: a target and an overload, or the ``Schema`` of a writing operator. Out: our ``Schema``, taken from ``torch.ops``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from onnx_explore.errors import UnsupportedTorch
from onnx_explore.torch_ir import Schema, SchemaArgument

_RENAMED = {
    "aten::normal_": "aten::normal_functional",
    "aten::_index_put_impl_": "aten::index_put",
    "aten::__iand__": "aten::bitwise_and",
    "aten::__ior__": "aten::bitwise_or",
    "aten::__ixor__": "aten::bitwise_xor",
    "aten::__iadd__": "aten::add",
    "aten::__isub__": "aten::sub",
    "aten::__imul__": "aten::mul",
    "aten::__idiv__": "aten::div",
    "aten::__ipow__": "aten::pow",
    "aten::__imod__": "aten::remainder",
    "aten::__ifloordiv__": "aten::floor_divide",
    "aten::__ilshift__": "aten::__lshift__",
    "aten::__irshift__": "aten::__rshift__",
}
_DROPPED = frozenset({"unsafe"})  # arguments that only speak of speed


def schema_of(target: str, overload: str = "") -> Schema:
    """The schema of an operator that PyTorch has.

    Raises:
        UnsupportedTorch: If it has none of that name.
    """
    found = _overloads(target).get(overload)
    if found is None:
        raise UnsupportedTorch(f"this PyTorch has no {target}.{overload or 'default'}", target=target)
    return found


def functional_counterpart(schema: Schema) -> Schema | None:
    """The operator that computes what ``schema`` writes, without writing it.

    ``aten::add_.Tensor`` → ``aten::add.Tensor``; ``aten::max.dim_max`` (``out=``) → ``aten::max.dim``.

    Returns:
        The functional schema, or None. Its first argument is what an in-place operator writes to; its other arguments
        are those of ``schema`` by name and type, but for arguments with a default (``dtype`` of a factory).
    """
    return _counterpart(schema.name, schema.overload)


def functional_with_updates(schema: Schema) -> Schema | None:
    """The operator that returns what ``schema`` writes behind its results: ``aten::_native_batch_norm_legit`` →
    ``aten::_native_batch_norm_legit_functional``.
    """
    found = _overloads(f"{schema.name}_functional").get("")
    if found is None or [item.name for item in found.arguments] != [item.name for item in schema.arguments]:
        return None
    written = sum(argument.written for argument in schema.arguments)
    return found if len(found.returns) == len(schema.returns) + written else None


@lru_cache(maxsize=1024)
def _counterpart(name: str, overload: str) -> Schema | None:
    schema = schema_of(name, overload)
    in_place = name.endswith("_") and bool(schema.arguments) and schema.arguments[0].written
    target = _RENAMED.get(name, name.removesuffix("_") if in_place else name)
    wanted = {
        argument.name: argument.type
        for argument in schema.arguments[1 if in_place else 0 :]
        if argument.name not in _DROPPED and not argument.written
    }
    ranked: list[tuple[int, bool, Schema]] = []
    for found in _overloads(target).values():
        if any(argument.written for argument in found.arguments):
            continue
        rest = found.arguments[1:] if in_place else found.arguments
        if in_place and (not found.arguments or found.arguments[0].type != "Tensor"):
            continue
        extra = [argument for argument in rest if argument.name not in wanted]
        if len(rest) - len(extra) != len(wanted) or not all(argument.has_default for argument in extra):
            continue
        if all(wanted.get(argument.name, argument.type) == argument.type for argument in rest):
            ranked.append((len(extra), found.overload != overload, found))
    return min(ranked, key=lambda row: row[:2])[2] if ranked else None


@lru_cache(maxsize=4096)
def _overloads(target: str) -> dict[str, Schema]:
    namespace, _, name = target.partition("::")
    packets = getattr(torch.ops, namespace)
    if not hasattr(packets, name):
        return {}
    packet = getattr(packets, name)
    found: dict[str, Schema] = {}
    for overload in packet.overloads():
        raw = getattr(packet, overload)._schema
        key = "" if overload == "default" else overload
        found[key] = Schema(
            target,
            key,
            tuple(_argument(argument) for argument in raw.arguments),
            tuple(_argument(argument) for argument in raw.returns),
            str(raw),
        )
    return found


def _argument(raw: Any) -> SchemaArgument:
    alias = raw.alias_info
    return SchemaArgument(
        raw.name,
        _type(raw),
        raw.default_value,
        raw.has_default_value(),
        raw.kwarg_only,
        "|".join(sorted(alias.before_set)) if alias is not None else "",
        alias is not None and alias.is_write,
    )


def _type(raw: Any) -> str:
    text = str(raw.real_type)
    for long, short in (("List[", "[]"), ("Optional[", "?")):
        if text.startswith(long):
            inner = text[len(long) : -1]
            for deeper, suffix in (("List[", "[]"), ("Optional[", "?")):
                if inner.startswith(deeper):
                    inner = inner[len(deeper) : -1] + suffix
            text = inner + short
    return text.replace("number", "Scalar")
