"""PyTorch's own decomposition of one operator, as a small TorchGraph: for targets without a symbolic function.

    aten::frobnicate(%x, 3)      →      %a = aten::mul(%x, %x)
                                        %b = aten::sum(%a, [1], False)

In: the operator and its arguments, tensors by dtype, captured shape and which sizes are dynamic. Out: nodes over other targets.
Sizes that are dynamic stay dynamic: they are symbols while PyTorch decomposes, and ``aten::size`` nodes in the result. A
decomposition that would fix one of them is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch.fx import Node as FxNode

from onnx_explore.capture.torch_api import decomposition_api
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.torch_ir import Origin, Schema, SchemaArgument, TorchBlock, TorchGraph, TorchNode, TorchValue


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor argument.

    Attributes:
        dtype: Element type.
        shape: As captured.
        dynamic: Which sizes may differ when the model runs.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    dynamic: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class SizeSpec:
    """An int argument that is only known when the model runs.

    Attributes:
        value: As captured.
    """

    value: int


class Decomposed:
    """The result.

    Attributes:
        graph: One block parameter per tensor (or dynamic size) argument, in order of appearance.
        targets: What it consists of, in order.
    """

    def __init__(self, graph: TorchGraph) -> None:
        self.graph = graph
        self.targets = tuple(node.target for node in graph.block.nodes if not node.target.startswith("prim::"))


def decompose(
    schema: Schema, arguments: Sequence[Any], keep: Callable[[str], bool], origin: Origin
) -> Decomposed | None:
    """Decompose one operator.

    Args:
        schema: Of the operator.
        arguments: In the schema's order; ``TensorSpec`` for tensors (also inside lists), numbers, lists, None.
        keep: Whether a target (``aten::x``) has a symbolic function and need not be decomposed further.
        origin: For the new nodes.

    Returns:
        The decomposition, or None if PyTorch has none for it.

    Raises:
        UnsupportedOperatorError: If it would fix a dynamic size.
    """
    overload = _overload(schema)
    if overload is None or not may_decompose(schema):
        return None
    torch_api = decomposition_api()
    mode = torch_api.fake_mode()
    fakes: list[torch.Tensor] = []

    def fake(spec: Any) -> Any:
        if isinstance(spec, TensorSpec):
            real = torch.empty(spec.shape, dtype=spec.dtype, device="cpu" if prod(spec.shape) < 1 << 16 else "meta")
            made = torch_api.fake(mode, real, spec.dynamic, len(fakes))
            fakes.append(made)
            return _Slot(len(fakes) - 1)
        if isinstance(spec, list | tuple):
            return [fake(entry) for entry in spec]
        return spec

    template = [fake(spec) for spec in arguments]
    keywords = [argument.name if argument.kwarg_only else None for argument in schema.arguments]

    def run(*tensors: torch.Tensor) -> Any:
        filled = [_fill(entry, tensors) for entry in template]
        positional = [entry for entry, name in zip(filled, keywords, strict=False) if name is None]
        named = {name: entry for entry, name in zip(filled, keywords, strict=False) if name is not None}
        return overload(*positional, **named)

    decompositions = {
        op: function for op, function in torch_api.decompositions.items() if op is overload or not keep(op._schema.name)
    }
    try:
        with mode:
            traced = torch_api.make_fx(
                torch.func.functionalize(run, remove="mutations"),
                decomposition_table=decompositions,
                tracing_mode="symbolic",
                _allow_non_fake_inputs=True,
            )(*fakes)
    except (NotImplementedError, torch_api.data_dependent, torch_api.valueless):
        return None
    if torch_api.fixed(mode):
        raise UnsupportedOperatorError(
            f"PyTorch's decomposition of {schema.name} would fix a dynamic size",
            action="register a symbolic function for it, or make that axis static",
        )
    graph = _mirror(traced, origin)
    if any(node.target == schema.name and node.overload == schema.overload for node in graph.block.nodes):
        return None
    return Decomposed(graph)


def may_decompose(schema: Schema) -> bool:
    """Whether PyTorch has a decomposition of an operator at all."""
    overload = _overload(schema)
    torch_api = decomposition_api()
    return overload is not None and (overload in torch_api.decompositions or torch_api.is_composite(overload))


@dataclass(frozen=True, slots=True)
class _Slot:
    index: int


def _fill(entry: Any, tensors: Sequence[torch.Tensor]) -> Any:
    if isinstance(entry, _Slot):
        return tensors[entry.index]
    if isinstance(entry, list):
        return [_fill(item, tensors) for item in entry]
    return entry


def _overload(schema: Schema) -> Any:
    namespace, _, name = schema.name.partition("::")
    packet = getattr(getattr(torch.ops, namespace, None), name, None)
    return getattr(packet, schema.overload or "default", None) if packet is not None else None


# -- torch.fx → TorchGraph ------------------------------------------------------------------------------------------------

_SYMBOLIC: dict[Any, tuple[str, str]] = {
    operator.add: ("aten::add", "int"),
    operator.sub: ("aten::sub", "int"),
    operator.mul: ("aten::mul", "int"),
    operator.floordiv: ("aten::floordiv", "int"),
    operator.mod: ("aten::remainder", "int"),
    operator.neg: ("aten::neg", "int"),
}


class _Mirror:
    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.nodes: list[TorchNode] = []
        self.values: dict[FxNode, TorchValue | tuple[TorchValue, ...]] = {}
        self._count = 0

    def value(self, kind: str, meta: Any = None) -> TorchValue:
        self._count += 1
        number = self._count
        if isinstance(meta, torch.Tensor):
            sizes = [size.node.hint if isinstance(size, torch.SymInt) else int(size) for size in meta.shape]
            shape = (
                None if None in sizes else tuple(int(size) for size in sizes)
            )  # a size that depends on values has no hint
            return TorchValue(number, str(number), "Tensor", meta.dtype, shape)
        return TorchValue(number, str(number), kind)

    def add(
        self,
        target: str,
        inputs: Sequence[TorchValue],
        outputs: Sequence[TorchValue],
        schema: Schema | None = None,
        constant: Any = None,
    ) -> None:
        self.nodes.append(
            TorchNode(len(self.nodes), target, tuple(inputs), tuple(outputs), schema, constant, origin=self.origin)
        )

    def argument(self, item: Any) -> TorchValue:
        """The value of one argument: of a node, of a list of them, or a new constant."""
        if isinstance(item, FxNode):
            value = self.values[item]
            if isinstance(value, tuple):
                made = self.value("Tensor[]")
                self.add("prim::ListConstruct", value, [made])
                return made
            return value
        if isinstance(item, list | tuple) and any(isinstance(entry, FxNode) for entry in item):
            entries = [self.argument(entry) for entry in item]
            kind = "Tensor[]" if any(entry.is_tensor for entry in entries) else "int[]"
            made = self.value(kind)
            self.add("prim::ListConstruct", entries, [made])
            return made
        made = self.value(_kind(item), item)
        self.add("prim::Constant", [], [made], constant=_constant(item))
        return made

    def call(self, node: FxNode) -> None:
        target: Any = node.target
        if target is torch.ops.aten.copy_.default:
            # Functionalization hands an input its new value back at the end; the operator itself declares no such write.
            self.values[node] = self.argument(node.args[1])
            return
        if target is operator.getitem:
            source = self.values[node.args[0]]  # type: ignore[index]
            self.values[node] = source[node.args[1]]  # type: ignore[index]
            return
        if target in _SYMBOLIC:
            name, overload = _SYMBOLIC[target]
            schema = schema_of(getattr(getattr(torch.ops.aten, name.split("::")[1]), overload))
            made = self.value("int")
            self.add(name, [self.argument(item) for item in node.args], [made], schema)
            self.values[node] = made
            return
        if not hasattr(target, "_schema"):
            raise UnsupportedOperatorError(f"PyTorch's decomposition uses {target}, which is no operator")
        schema = schema_of(target)
        inputs: list[TorchValue] = []
        for index, argument in enumerate(schema.arguments):
            given = index < len(node.args)
            item = node.args[index] if given else node.kwargs.get(argument.name, argument.default)
            inputs.append(self.argument(item))
        meta = node.meta.get("val")
        if isinstance(meta, list | tuple):
            entries = tuple(self.value("Tensor", entry) for entry in meta)
            if len(schema.returns) == 1:  # a list of tensors
                listed = self.value("Tensor[]")
                self.add(schema.name, inputs, [listed], schema)
                self.add("prim::ListUnpack", [listed], entries)
            else:
                self.add(schema.name, inputs, entries, schema)
            self.values[node] = entries
            return
        made = self.value("int" if isinstance(meta, torch.SymInt | int) else "Tensor", meta)
        self.add(schema.name, inputs, [made], schema)
        self.values[node] = made


def _mirror(traced: torch.fx.GraphModule, origin: Origin) -> TorchGraph:
    mirror = _Mirror(origin)
    params: list[TorchValue] = []
    returns: tuple[TorchValue, ...] = ()
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            value = mirror.value("Tensor", node.meta.get("val"))
            mirror.values[node] = value
            params.append(value)
        elif node.op == "get_attr":
            mirror.values[node] = mirror.argument(getattr(traced, str(node.target)))
        elif node.op == "call_function":
            mirror.call(node)
        elif node.op == "output":
            (results,) = node.args
            if not isinstance(results, list | tuple):
                results = (results,)
            returns = tuple(mirror.argument(item) for item in results)
    return TorchGraph(TorchBlock(tuple(params), tuple(mirror.nodes), returns))


def _kind(item: Any) -> str:
    if isinstance(item, torch.Tensor):
        return "Tensor"
    if item is None:
        return "NoneType"
    if isinstance(item, bool | int | float | str):
        return type(item).__name__
    if isinstance(item, list | tuple):
        return "int[]"
    return "int" if isinstance(item, torch.dtype) else type(item).__name__


def _constant(item: Any) -> Any:
    if isinstance(item, torch.layout | torch.memory_format):
        return None
    if isinstance(item, list | tuple):
        return [_constant(entry) for entry in item]
    return item


_SCHEMAS: dict[str, Schema] = {}


def schema_of(overload: Any) -> Schema:
    """The ``Schema`` of an operator of ``torch.ops``; one object per operator."""
    declared = overload._schema
    text = str(declared)
    found = _SCHEMAS.get(text)
    if found is None:
        found = _SCHEMAS[text] = Schema(
            declared.name,
            declared.overload_name,
            tuple(_argument(item) for item in declared.arguments),
            tuple(_argument(item) for item in declared.returns),
            text,
        )
    return found


def _argument(item: Any) -> SchemaArgument:
    alias = item.alias_info
    return SchemaArgument(
        item.name,
        str(item.type),
        item.default_value if item.has_default_value() else None,
        item.has_default_value(),
        item.kwarg_only,
        next(iter(sorted(alias.before_set)), "") if alias is not None else "",
        bool(alias is not None and alias.is_write),
    )
