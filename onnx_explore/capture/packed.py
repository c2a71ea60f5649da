"""Packed weights of quantized modules: opaque objects of torch, which become the tensors and the operators that make them.

A tracer knows only objects that it was shown, so ``find_packed`` looks for them before the trace, and a scripted module
holds them while it runs. ``unpack`` then turns each one in the graph into weights with names::

    %p = prim::Constant[<Conv2dPackedParamsBase>]()     %w = aten::_make_per_channel_quantized_tensor(%conv.weight,
                                                                  %conv.weight.scale, %conv.weight.zero_point, %axis)
                                                        %p = quantized::conv2d_prepack(%w, %conv.bias, %stride, …)

What stands in the graph after that are tensors and operators of PyTorch alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch

from onnx_explore.capture.mirror import read_schema
from onnx_explore.capture.parameters import NamedModules, Weight, parameter_of
from onnx_explore.capture.torch_api import object_class, object_state
from onnx_explore.errors import CaptureError
from onnx_explore.torch_ir import EMPTY, Fresh, Origin, Parameter, TorchBlock, TorchGraph, TorchNode, TorchValue, walk

_CLASSES = "__torch__.torch.classes."
_LINEAR = f"{_CLASSES}quantized.LinearPackedParamsBase"
_CONVOLUTIONS = {f"{_CLASSES}quantized.Conv{dims}dPackedParamsBase": dims for dims in (2, 3)}
_EMBEDDING = f"{_CLASSES}quantized.EmbeddingPackedParamsBase"
_CELL = f"{_CLASSES}rnn.CellParamsBase"

_SCHEMAS = {
    "per_tensor": "aten::_make_per_tensor_quantized_tensor(Tensor self, float scale, int zero_point) -> Tensor",
    "per_channel": "aten::_make_per_channel_quantized_tensor(Tensor self, Tensor scale, Tensor zero_point, int axis)"
    " -> Tensor",
    "linear": f"quantized::linear_prepack(Tensor W, Tensor? B=None) -> {_LINEAR} W_prepack",
    "linear_fp16": f"quantized::linear_prepack_fp16(Tensor W, Tensor? B=None) -> {_LINEAR} W_prepack",
    "embedding": f"quantized::embedding_bag_prepack(Tensor weight) -> {_EMBEDDING} W_prepack",
    "cell": f"quantized::make_quantized_cell_params_dynamic({_LINEAR} w_ih, {_LINEAR} w_hh, Tensor bias_ih, Tensor "
    f"bias_hh, bool reduce_range=False) -> {_CELL}",
    "cell_fp16": f"quantized::make_quantized_cell_params_fp16({_LINEAR} w_ih, {_LINEAR} w_hh) -> {_CELL}",
}
_PREPACK = (
    "quantized::conv{kind}{dims}d_prepack(Tensor weight, Tensor? bias, int[] stride, int[] padding, {more}int[] dilation, "
    "int groups) -> {_CLASSES}quantized.Conv{of}dPackedParamsBase"
)


@dataclass(frozen=True, slots=True)
class Packed:
    """An object with packed weights.

    Attributes:
        owner: The path of the module that holds it.
        name: What its weights are called after, such as ``fc`` or ``lstm.l0``.
        object: The object.
    """

    owner: str
    name: str
    object: torch.ScriptObject


def find_packed(modules: NamedModules) -> list[Packed]:
    """The packed weights that modules hold, each once."""
    found: dict[int, Packed] = {}
    owners = dict(modules)
    for path, module in modules:
        if isinstance(module, torch.jit.ScriptModule):
            continue
        for name, value in vars(module).items():
            if not isinstance(value, _HOLDERS):  # nearly all: most models hold no packed weight
                continue
            for place, item in _objects(value):
                attribute = ".".join(part for part in (path, name, place) if part)
                found.setdefault(id(item), Packed(path, plain_name(attribute, owners), item))
    return list(found.values())


_HOLDERS = (torch.ScriptObject, list, tuple)


def _objects(value: Any) -> Iterator[tuple[str, torch.ScriptObject]]:
    if isinstance(value, torch.ScriptObject):
        yield "", value
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("Sequence[Any]", value)):
            if isinstance(item, torch.ScriptObject):
                yield str(index), item


_RECURRENT = re.compile(r"(?:(.*)\.)?_all_weight_values\.(\d+)\.param")


def plain_name(attribute: str, owners: Mapping[str, torch.nn.Module]) -> str:
    """A name without torch's private attributes: ``fc._packed_params._packed_params`` is ``fc``.

    The cells of a recurrent module are named as its weights would be: ``lstm.l0_reverse``.
    """
    recurrent = _RECURRENT.fullmatch(attribute)
    if recurrent is None:
        parts = [part for part in attribute.removeprefix("self.").split(".") if not part.startswith("_packed_params")]
        return ".".join(part.removeprefix("_packed_") for part in parts)
    owner, number = recurrent[1] or "", int(recurrent[2])
    prefix = f"{owner}." if owner else ""
    if owner not in owners:
        return f"{prefix}cell{number}"
    directions = 2 if getattr(owners[owner], "bidirectional", False) else 1
    return f"{prefix}l{number // directions}{'_reverse' if number % directions else ''}"


def held(block: TorchBlock, objects: Mapping[str, Packed]) -> TorchBlock:
    """A trace without the module that held packed weights for it: what it read from that becomes constants.

    Args:
        block: The mirror of a trace whose first input is that module.
        objects: The objects by the name of the module's attribute.
    """
    first, *params = block.params
    nodes: list[TorchNode] = []
    for node in block.nodes:
        if node.target == "prim::GetAttr" and node.inputs == (first,):
            packed = objects[node.attributes["name"]]
            node = replace(
                node, target="prim::Constant", inputs=(), constant=packed, attributes=EMPTY, origin=Origin(packed.owner)
            )
            nodes.append(node)
        else:
            nodes.append(node)
    return TorchBlock(tuple(params), tuple(nodes), block.returns)


def unpack(graph: TorchGraph, taken: Sequence[str]) -> TorchGraph:
    """Puts weights and prepacking operators in place of every constant that is an object with packed weights.

    Args:
        graph: A mirrored graph; its blocks may hold such constants.
        taken: Names of weights that are not to be used again.

    Returns:
        The graph; the new weights follow its other parameters. The graph itself if there is nothing to unpack.

    Raises:
        CaptureError: If PyTorch does not tell what an object holds.
    """
    nodes = list(walk(graph.block))
    if not any(isinstance(node.constant, Packed | torch.ScriptObject) for node in nodes):
        return graph
    users: dict[TorchValue, list[str]] = {}
    for node in nodes:
        for value in node.inputs:
            users.setdefault(value, []).append(node.target)
    unpacking = _Unpacking(Fresh(graph), users, {*taken, *(item.name for item in graph.parameters)})
    block = unpacking.block(graph.block)
    params = (*block.params, *(item.value for item in unpacking.parameters))
    return TorchGraph(replace(block, params=params), (*graph.parameters, *unpacking.parameters))


class _Unpacking:
    """Collects the weights; every object is unpacked once in the block where it stands."""

    def __init__(self, fresh: Fresh, users: Mapping[TorchValue, Sequence[str]], taken: set[str]) -> None:
        self._fresh = fresh
        self._users = users
        self._taken = taken
        self._nodes: list[TorchNode] = []
        self._origin = Origin()
        self._made: dict[str, Parameter] = {}

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The weights, in the order in which they were met."""
        return tuple(self._made.values())

    def block(self, block: TorchBlock) -> TorchBlock:
        """A block without objects, and those inside it."""
        nodes: list[TorchNode] = []
        for node in block.nodes:
            if isinstance(node.constant, Packed | torch.ScriptObject):
                self._nodes, self._origin = nodes, node.origin
                packed = node.constant
                if isinstance(packed, torch.ScriptObject):
                    name = "packed" if node.output.name.isdecimal() else plain_name(node.output.name, {})
                    packed = Packed(node.origin.scope, name, packed)
                self._object(packed.object, packed.name, node.output)
            elif node.blocks:
                nodes.append(replace(node, blocks=tuple(self.block(inner) for inner in node.blocks)))
            else:
                nodes.append(node)
        return replace(block, nodes=tuple(nodes))

    # -- one object ---------------------------------------------------------------------------------------------------

    def _object(self, packed: torch.ScriptObject, name: str, output: TorchValue) -> None:
        kind = object_class(packed)
        if kind == _LINEAR:
            weight, bias = object_state(packed)
            self._linear(weight, bias, name, output)
        elif kind in _CONVOLUTIONS:
            self._convolution(packed, _CONVOLUTIONS[kind], name, output)
        elif kind == _EMBEDDING:
            weight = torch.ops.quantized.embedding_bag_unpack(packed)
            self._add("embedding", (self._weight(weight, name),), output)
        elif kind == _CELL:
            self._cell(packed, name, output)
        else:
            raise CaptureError(
                f"the model holds an object of the class {kind}, and PyTorch does not tell what is in it",
                action="use the quantized modules of torch.ao.nn",
            )

    def _linear(self, weight: torch.Tensor, bias: torch.Tensor | None, name: str, output: TorchValue) -> TorchValue:
        """Packs a weight with its bias, and gives the bias."""
        form = "linear" if weight.is_quantized else "linear_fp16"
        weight_value, bias_value = self._weight(weight, name), self._bias(bias, name)
        self._add(form, (weight_value, bias_value), output)
        return bias_value

    def _convolution(self, packed: torch.ScriptObject, dims: int, name: str, output: TorchValue) -> None:
        def ask(what: str) -> Any:
            return getattr(torch.ops.quantized, f"conv{dims}d_{what}")(packed)

        weight, bias = ask("unpack")
        transposed = bool(ask("transpose"))
        lists = [ask("stride"), ask("padding"), ask("dilation")]
        if transposed:
            lists.insert(2, ask("output_padding"))
        users, kernel = self._users.get(output, ()), dims
        if users and all("1d" in target for target in users):
            # PyTorch keeps a 1-d convolution as a 2-d one with a first spatial dimension of size 1.
            weight, lists, kernel = weight.squeeze(2), [sizes[1:] for sizes in lists], 1
        inputs = [self._weight(weight, name), self._bias(bias, name)]
        inputs += [self._constant([int(size) for size in sizes], "int[]") for sizes in lists]
        inputs.append(self._constant(int(ask("groups")), "int"))
        schema = _PREPACK.format(
            kind="_transpose" if transposed else "", dims=kernel, of=dims, _CLASSES=_CLASSES,
            more="int[] output_padding, " if transposed else "",
        )  # fmt: skip
        self._node(schema, tuple(inputs), output)

    def _cell(self, packed: torch.ScriptObject, name: str, output: TorchValue) -> None:
        kind, tensors, _, flags, parts = object_state(packed)
        inner: list[TorchValue] = []
        biases: list[TorchValue] = []
        for part, which in zip(parts, ("ih", "hh"), strict=True):
            weight, bias = object_state(part)
            made = self._fresh.value(_LINEAR)
            biases.append(self._linear(weight, bias, _inner_name(name, which), made))
            inner.append(made)
        if kind == "quantized_fp16":
            self._add("cell_fp16", tuple(inner), output)
        elif kind == "quantized_dynamic":
            # The tensors besides are copies of the packed biases; without biases they are zeros that nobody adds.
            spare = (self._constant(tensor, "Tensor") for tensor in tensors)
            given = [value if value.is_tensor else next(spare) for value in biases]
            self._add("cell", (*inner, *given, self._constant(bool(flags[0]), "bool")), output)
        else:
            raise CaptureError(f"the recurrent cell {name} is of the kind {kind!r}, which PyTorch has given up")

    # -- values -------------------------------------------------------------------------------------------------------

    def _weight(self, weight: torch.Tensor, name: str) -> TorchValue:
        """A weight: its integers as a parameter, and the operator that gives them their scale and zero point."""
        name = name if _IS_WEIGHT.search(name) else f"{name}.weight".removeprefix(".")
        if not weight.is_quantized:
            return self._parameter(weight, name)
        integers = self._parameter(_integers(weight), name)
        output = self._fresh.value(dtype=weight.dtype, shape=tuple(weight.shape))
        if weight.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
            scale, zero_point = self._constant(weight.q_scale(), "float"), self._constant(weight.q_zero_point(), "int")
            self._add("per_tensor", (integers, scale, zero_point), output)
        else:
            scale = self._parameter(weight.q_per_channel_scales(), f"{name}.scale")
            zero_point = self._parameter(weight.q_per_channel_zero_points(), f"{name}.zero_point")
            axis = self._constant(weight.q_per_channel_axis(), "int")
            self._add("per_channel", (integers, scale, zero_point, axis), output)
        return output

    def _bias(self, bias: torch.Tensor | None, name: str) -> TorchValue:
        if bias is None:
            return self._constant(None, "NoneType")
        name = _IS_WEIGHT.sub(r"bias\1", name) if _IS_WEIGHT.search(name) else f"{name}.bias".removeprefix(".")
        return self._parameter(bias.detach(), name)

    def _parameter(self, tensor: torch.Tensor, name: str) -> TorchValue:
        known = self._made.get(name)
        # A scripted module gives another object at every read of one attribute.
        if known is not None and known.tensor.shape == tensor.shape and torch.equal(known.tensor, tensor):
            return known.value
        unique, number = name, 1
        while unique in self._taken:
            unique, number = f"{name}.{number}", number + 1
        self._taken.add(unique)
        value = self._fresh.value(dtype=tensor.dtype, shape=tuple(tensor.shape), strides=tensor.stride(), name=unique)
        self._made[unique] = parameter_of(value, Weight(unique, tensor, trainable=False))
        return value

    def _constant(self, constant: Any, kind: str) -> TorchValue:
        value = self._fresh.value(kind)
        number = self._fresh.node_id()
        self._nodes.append(TorchNode(number, "prim::Constant", (), (value,), constant=constant, origin=self._origin))
        return value

    def _add(self, form: str, inputs: tuple[TorchValue, ...], output: TorchValue) -> None:
        self._node(_SCHEMAS[form], inputs, output)

    def _node(self, schema: str, inputs: tuple[TorchValue, ...], output: TorchValue) -> None:
        read = read_schema(schema)
        self._nodes.append(TorchNode(self._fresh.node_id(), read.name, inputs, (output,), read, origin=self._origin))


def _integers(weight: torch.Tensor) -> torch.Tensor:
    """The integers of a quantized tensor; of two in a byte, the first is in the low bits."""
    packed = weight.int_repr()
    if weight.dtype != torch.quint4x2:
        return packed
    halves = torch.stack([packed & 15, packed >> 4], dim=-1)
    return halves.flatten()[: weight.numel()].reshape(weight.shape)


_IS_WEIGHT = re.compile(r"weight((?:_[ih]h(?:_l\d+(?:_reverse)?)?|_\d+)?)$")
_LAYER = re.compile(r"(?:(.*)\.)?(l\d+(?:_reverse)?)$")


def _inner_name(name: str, which: str) -> str:
    """The weight of a cell: ``lstm.l0`` has ``lstm.weight_ih_l0``; another one ``cell.weight_ih``."""
    layer = _LAYER.fullmatch(name)
    if layer is None:
        return f"{name}.weight_{which}".removeprefix(".")
    return f"{layer[1] or ''}.weight_{which}_{layer[2]}".removeprefix(".")
