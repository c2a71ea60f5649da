"""From the scratch graph to the ONNX graph: what a symbolic function of the reference has put together is emitted.

In: values of a ``Scratch``. Out: what they are in the ONNX graph. A node is emitted when something needs it, after what it needs
itself; constants and lists are only values. Operands of one element type by the operator's ONNX schema are brought to one as
PyTorch promotes them: a Python number never widens a tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import onnx
import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.compat.attributes import attributes_of
from onnx_explore.compat.functions import add_function
from onnx_explore.compat.scratch import JitBlock, JitNode, JitValue, Scratch
from onnx_explore.compat.types import is_tensor, stated
from onnx_explore.compat.values import content
from onnx_explore.emit import Emitter
from onnx_explore.errors import InvalidArgument, NotAvailable, UnsupportedOperatorError
from onnx_explore.symbolic.binding import materialize
from onnx_explore.symbolic.lowered import Constant, Lowered
from onnx_explore.symbolic.promotion import as_type, result_type

ATEN_DOMAIN = "org.pytorch.aten"
_FOREIGN = ("aten", "prim", "quantized")
_BODIES = {"If": ("then_branch", "else_branch"), "Loop": ("body",)}
_UNTYPED = (ir.DataType.STRING, ir.DataType.COMPLEX64, ir.DataType.COMPLEX128)


class Replay:
    """One walk over a scratch graph.

    Args:
        scratch: The scratch graph.
        emitter: Where the nodes go.
    """

    def __init__(self, scratch: Scratch, emitter: Emitter) -> None:
        self._scratch = scratch
        self._emitter = emitter
        self._done: dict[int, Lowered] = dict(scratch.lowered)
        self._inferred: dict[int, tuple[Any, ...]] = {}

    def of(self, value: JitValue) -> Lowered:
        """What a value is in the ONNX graph; its node is emitted if it was not yet."""
        number = value.unique()
        if number not in self._done:
            self._node(value.node())
        return self._done[number]

    def all_of(self, values: Sequence[JitValue]) -> list[Lowered]:
        """What values are, their nodes emitted in the order in which the function made them."""
        needed = _needed(values)
        for node in self._scratch.graph.nodes():
            if any(output.unique() in needed for output in node.outputs()):
                self._node(node)
        return [self.of(value) for value in values]

    def _node(self, node: JitNode) -> None:
        outputs = list(node.outputs())
        if all(output.unique() in self._done for output in outputs):
            return
        kind = node.kind()
        if kind in ("onnx::Constant", "prim::Constant"):
            self._done[outputs[0].unique()] = self._constant(node, outputs[0])
        elif kind in ("prim::ListConstruct", "prim::TupleConstruct"):
            self._done[outputs[0].unique()] = tuple(self.of(value) for value in node.inputs())
        elif kind in ("prim::ListUnpack", "prim::TupleUnpack"):
            parts = self.of(node.inputsAt(0))
            if not isinstance(parts, tuple) or len(parts) != len(outputs):
                raise UnsupportedOperatorError(f"{kind} of what is no list of {len(outputs)} known values")
            self._done.update((output.unique(), part) for output, part in zip(outputs, parts, strict=True))
        elif kind == "prim::Param":
            raise InvalidArgument("an input of a block is used outside of that block")
        else:
            self._emit(node, kind, outputs)

    def _constant(self, node: JitNode, output: JitValue) -> Lowered:
        found: Any = content(output)
        if output.unique() in self._scratch.numbers:
            return found.item()
        if isinstance(found, torch.Tensor):
            return Constant(found)
        if isinstance(found, list) and node.kind() == "onnx::Constant":
            return self._emitter.op("Constant", value_strings=found)
        return tuple(found) if isinstance(found, list) else found  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]

    # -- nodes ----------------------------------------------------------------------------------------------------------

    def _emit(self, node: JitNode, kind: str, outputs: list[JitValue]) -> None:
        domain, op_type = split(kind)
        if (domain, op_type) in self._scratch.functions:
            add_function(self._emitter, self._scratch.functions[domain, op_type])
        given = [self.of(value) for value in node.inputs()]
        values = self._operands(domain, op_type, given)
        while values and values[-1] is None:
            values.pop()
        attributes = attributes_of(node)
        blocks = list(node.blocks())
        if blocks:
            attributes += self._bodies(op_type, blocks, values)
        made = self._emitter.raw_op(op_type, values, attributes, len(outputs), domain)
        results = [made] if isinstance(made, ir.Value) else list(made)
        for output, result in zip(outputs, results, strict=True):
            self._done[output.unique()] = result

    def _bodies(self, op_type: str, blocks: list[JitBlock], values: Sequence[ir.Value | None]) -> list[ir.Attr]:
        """The blocks of an If, a Loop or a Scan as subgraphs."""
        names = _BODIES.get(op_type, ())
        if len(names) != len(blocks):
            raise UnsupportedOperatorError(f"{op_type} has {len(names)} subgraphs, and {len(blocks)} blocks were made")
        for block in blocks:  # what a block uses of the outside is made outside
            for value in _used_in(block):
                if not _is_inside(value, block):
                    self.of(value)
        return [self._body(name, block, values) for name, block in zip(names, blocks, strict=True)]

    def _body(self, name: str, block: JitBlock, values: Sequence[ir.Value | None]) -> ir.Attr:
        g = self._emitter
        outer, region = g.region, g.subgraph(name)
        g.enter(region)
        try:
            for index, param in enumerate(block.inputs()):
                made = ir.Value(name=g.names.unique(f"{name}_in"))
                given = values[index] if index < len(values) else None
                if name == "body" and index == 1:  # the condition; the count before it may be omitted outside
                    made.dtype, made.shape = ir.DataType.BOOL, ir.Shape(())
                elif name == "body" and index == 0:
                    made.dtype, made.shape = ir.DataType.INT64, ir.Shape(())
                elif given is not None and given.dtype is not None:
                    made.dtype = given.dtype
                region.graph.inputs.append(made)
                self._done[param.unique()] = made
            for output in block.outputs():
                result = self._beside(self._plain(self.of(output)), [])
                assert result is not None
                producer = result.producer()
                own = producer is not None and producer.graph is region.graph and result not in region.graph.outputs
                region.graph.outputs.append(result if own else g.op("Identity", result))
        finally:
            g.enter(outer)
        return ir.AttrGraph(name, region.graph)

    def infer(self, values: Sequence[JitValue]) -> None:
        """Tell values on the scratch graph the types that they have in the ONNX graph."""
        for value in values:
            found = self.of(value)
            if isinstance(found, ir.Value):
                value.setType(self._scratch.symbols.of_value(found))
            self._inferred[value.unique()] = stated(value.type())

    def state_types(self, earlier: Replay) -> None:
        """What the function said with ``setType`` holds where nothing better is known.

        Args:
            earlier: The walk that told the values their types.
        """
        for node in self._scratch.graph.nodes():
            for value in node.outputs():
                number = value.unique()
                found = self._done.get(number)
                if not isinstance(found, ir.Value) or number in self._scratch.lowered or not is_tensor(value.type()):
                    continue
                if stated(value.type()) != earlier._inferred.get(number):
                    self._state(found, value.type())

    def _state(self, found: ir.Value, kind: Any) -> None:
        dtype = kind.dtype()
        if dtype is not None:
            found.dtype = dtypes.to_onnx(dtype)
        sizes = self._scratch.symbols.dims(kind)
        if sizes is None:
            return
        known = list(found.shape) if found.shape is not None and len(found.shape) == len(sizes) else sizes
        anonymous = self._emitter.inference.anonymous
        found.shape = ir.Shape(
            [
                size if size is not None else (old if old is not None else anonymous())
                for size, old in zip(sizes, known, strict=True)
            ]
        )

    # -- operands -------------------------------------------------------------------------------------------------------

    def _operands(self, domain: str, op_type: str, given: list[Lowered]) -> list[ir.Value | None]:
        variables = _type_variables(op_type, self._emitter.opset, len(given)) if not domain else ("",) * len(given)
        result: list[Any] = [self._plain(item) for item in given]
        for variable in dict.fromkeys(variables):
            places = [index for index, name in enumerate(variables) if name == variable]
            operands = [result[index] for index in places]
            if variable:
                operands = self._alike(operands)
            else:
                operands = [self._beside(item, operands) for item in operands]
            for index, operand in zip(places, operands, strict=True):
                result[index] = operand
        return result

    def _plain(self, item: Lowered) -> Any:
        """A value, a Python number, or None."""
        if isinstance(item, Constant):
            return materialize(self._emitter, item)
        if isinstance(item, tuple):
            return self._list(item)
        if item is None or isinstance(item, ir.Value | bool | int | float):
            return item
        if isinstance(item, str):
            return self._emitter.op("Constant", value_string=item)
        raise UnsupportedOperatorError(f"{item!r} cannot be an input of an ONNX node")

    def _list(self, items: tuple[Any, ...]) -> ir.Value:
        """A list of numbers as a 1-d tensor, computed sizes put together; a list of tensors as a sequence."""
        g = self._emitter
        if all(isinstance(entry, bool | int) for entry in items):
            return g.const([int(entry) for entry in items])
        if all(isinstance(entry, int | float) for entry in items):
            return g.tensor(torch.tensor(items, dtype=torch.get_default_dtype()))
        parts = [self._plain(entry) for entry in items]
        values = [g.const(part) if isinstance(part, int) else part for part in parts]
        if all(isinstance(part, int) or _is_size(part) for part in parts):
            one = g.const([1])
            return g.op("Concat", *(g.op("Reshape", value, one) for value in values), axis=0)
        g.requires(11, "a list of tensors as an input of a node")
        return g.op("SequenceConstruct", *values)

    def _alike(self, operands: list[Any]) -> list[Any]:
        """Operands that the schema wants of one type."""
        present = [item for item in operands if item is not None]
        types = {item.dtype for item in present if isinstance(item, ir.Value)}
        if None in types or types & set(_UNTYPED) or not types:
            return [self._beside(item, operands) for item in operands]
        if len(types) == 1 and all(isinstance(item, ir.Value) for item in present):
            return operands
        wanted = result_type(self._emitter, present)
        return [None if item is None else as_type(self._emitter, item, wanted) for item in operands]

    def _beside(self, item: Any, operands: list[Any]) -> ir.Value | None:
        """A number beside others of which nothing is known: a float takes the type of the first floating one."""
        if item is None or isinstance(item, ir.Value):
            return item
        if not isinstance(item, float):
            return self._emitter.const(item)
        floating = (
            other.dtype
            for other in operands
            if isinstance(other, ir.Value) and other.dtype is not None and other.dtype.is_floating_point()
        )
        default = dtypes.to_onnx(torch.get_default_dtype())
        return self._emitter.const(item, next(floating, default))


def _is_size(item: Any) -> bool:
    return (
        isinstance(item, ir.Value)
        and item.dtype == ir.DataType.INT64
        and item.shape is not None
        and len(item.shape) == 0
    )


def split(kind: str) -> tuple[str, str]:
    """``my.domain::Op``, ``onnx::Op`` or ``Op`` as domain and operator.

    Raises:
        InvalidArgument: If it is no operator's name.
        NotAvailable: For an operator of PyTorch.
    """
    domain, separator, op_type = kind.rpartition("::")
    if not op_type or (separator and not domain) or "::" in domain:
        raise InvalidArgument(
            f"'{kind}' is not an operator", argument="opname", action='write "Add" or "my.domain::Op"'
        )
    if kind == "aten::ATen":
        return ATEN_DOMAIN, op_type
    if domain in _FOREIGN:
        raise NotAvailable(
            f"'{kind}' is not an ONNX operator, and one of PyTorch cannot be left in the graph",
            argument="opname",
            action="compose it of ONNX operators, or hand it to an ATen runtime with g.at",
        )
    return ("" if domain in ("onnx", "ai.onnx") else domain), op_type


@lru_cache(maxsize=4096)
def _type_variables(op_type: str, opset: int, count: int) -> tuple[str, ...]:
    """The type variable (``T``) of each of ``count`` inputs; ``""`` where there is none."""
    if not onnx.defs.has(op_type, opset):
        return ("",) * count
    schema = onnx.defs.get_schema(op_type, opset)
    names = {constraint.type_param_str for constraint in schema.type_constraints}
    formals = [formal.type_str if formal.type_str in names else "" for formal in schema.inputs]
    if formals and schema.inputs[-1].option == onnx.defs.OpSchema.FormalParameterOption.Variadic:
        heterogeneous = not schema.inputs[-1].is_homogeneous
        formals += ["" if heterogeneous else formals[-1]] * (count - len(formals))
    return tuple((formals + [""] * count)[:count])


def _needed(values: Sequence[JitValue]) -> set[int]:
    """The numbers of all values that these depend on."""
    found: set[int] = set()
    work = list(values)
    while work:
        value = work.pop()
        if value.unique() in found:
            continue
        found.add(value.unique())
        node = value.node()
        if node.kind() == "prim::Param":
            continue
        found.update(output.unique() for output in node.outputs())
        work.extend(node.inputs())
        for block in node.blocks():
            work.extend(_used_in(block))
    return found


def _is_inside(value: JitValue, block: JitBlock) -> bool:
    owner = value.node().owningBlock()
    while owner is not None and owner is not block:
        node = owner.owningNode()
        owner = node.owningBlock() if node is not None else None
    return owner is block


def _used_in(block: JitBlock) -> list[JitValue]:
    values = list(block.outputs())
    for node in block.nodes():
        values.extend(node.inputs())
        for inner in node.blocks():
            values.extend(_used_in(inner))
    return values
