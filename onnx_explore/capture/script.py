"""Reads a scripted model, and runs it once for its outputs.

In: a ``ScriptModule`` or ``ScriptFunction`` and the arguments of one call. Out: a ``Capture``. Control flow stays as
``prim::If`` and ``prim::Loop``. Numbers that the caller gives are inputs (0-d tensors in ONNX), arguments that are left out
take the schema's defaults as constants. Containers are taken apart at both ends::

    forward(self, pair: Tuple[Tensor, Tensor])      %pair = prim::TupleConstruct(%pair_0, %pair_1)
    return {"a": x}                                 (x is the output "a")
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import torch

from onnx_explore.capture.captured import Capture, CaptureNote, GraphInput, GraphOutput
from onnx_explore.capture.containers import path_name
from onnx_explore.capture.guard import guarded, is_training, model_mode
from onnx_explore.capture.inputs import Call, CallInput, check_name_count, open_call
from onnx_explore.capture.mirror import read_schema
from onnx_explore.capture.outputs import Returned, name_outputs, open_result
from onnx_explore.capture.parameters import NamedModules, Weight, weights_of
from onnx_explore.capture.replay import Replay, copy_of
from onnx_explore.capture.script_mirror import ScriptMirror
from onnx_explore.capture.torch_api import SchemaPart, graph_with_functions_inlined, has_script_hooks, script_arguments
from onnx_explore.capture.trace import failed
from onnx_explore.errors import CaptureError, InvalidArgument, OnnxExporterError
from onnx_explore.torch_ir import Origin, Parameter, TorchBlock, TorchGraph, TorchNode, TorchValue

_LOOK_UP = "aten::__getitem__.Dict_str(Dict(str, t) self, str key) -> t(*)"


def capture_script(
    model: Any,
    args: Any,
    kwargs: Mapping[str, Any] | None,
    *,
    training: Literal["eval", "preserve", "train"],
    input_names: Sequence[str] | None,
    output_names: Sequence[str] | None,
    start: float,
) -> Capture:
    """Reads and runs a scripted model; see ``capture``."""
    is_module = isinstance(model, torch.jit.ScriptModule)
    roots: NamedModules = [("", cast(torch.nn.Module, model))] if is_module else []
    modules: NamedModules = list(model.named_modules(remove_duplicate=False)) if is_module else []
    for path, module in modules:
        if has_script_hooks(module):
            raise CaptureError(
                f"the scripted module {path or type(module).__name__} has compiled hooks, which are not supported",
                action="call in forward what the hooks do",
            )
    weights = weights_of(modules)
    declared = script_arguments(model)
    call = open_call(model, args, kwargs, input_names, declared=declared)
    check_name_count(input_names, len(call.inputs), len(weights))
    run = _Run(model, call, roots, modules, training)
    with guarded(modules) as guard:
        model_mode([module for _, module in roots], training)
        mode = is_training([module for _, module in roots])
        random_state = torch.get_rng_state()
        returned, eager = run.once([item.tensor for item in call.inputs])
        graph, notes = _read(model if is_module else None, model, call, declared, weights, returned)
    names = name_outputs(returned, output_names, [item.name for item in call.inputs])
    return Capture(
        graph=graph,
        mode="script",
        inputs=tuple(
            GraphInput(item.name, item.path, value, item.tensor)
            for item, value in zip(call.inputs, graph.inputs, strict=True)
        ),
        outputs=tuple(
            GraphOutput(name, path, value)
            for name, path, value in zip(names, returned.paths, graph.outputs, strict=True)
        ),
        args=call.args,
        kwargs=call.kwargs,
        conversions=(),
        notes=(*call.notes, *guard.notes, *returned.notes, *notes),
        training=mode,
        seconds=time.perf_counter() - start,
        eager=eager,
        replay=run.again(random_state),
    )


class _Run:
    """Runs the scripted model itself, with tensors in place of the caller's."""

    def __init__(
        self, model: Any, call: Call, roots: NamedModules, modules: NamedModules,
        training: Literal["eval", "preserve", "train"],
    ) -> None:  # fmt: skip
        self._model = model
        self._call = call
        self._roots = roots
        self._modules = modules
        self._training = training

    def once(self, tensors: Sequence[torch.Tensor]) -> tuple[Returned, tuple[torch.Tensor, ...]]:
        """What the model returns, and its tensors, copied: a returned buffer is restored afterwards."""
        args, kwargs = self._call.arguments([copy_of(tensor) for tensor in tensors])
        try:
            result = self._model(*args, **kwargs)
        except OnnxExporterError:
            raise
        except Exception as error:
            raise failed(error) from error
        returned = open_result(result)
        return returned, tuple(copy_of(tensor) for tensor in returned.tensors)

    def again(self, random_state: torch.Tensor) -> Replay:
        """A replay: TorchScript runs its own graph, drawing the same random numbers."""

        def replay(inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            with guarded(self._modules):
                model_mode([module for _, module in self._roots], self._training)
                torch.set_rng_state(random_state)
                return self.once(inputs)[1]

        return replay


def _read(
    module: torch.jit.ScriptModule | None,
    model: Any,
    call: Call,
    declared: Sequence[SchemaPart],
    weights: Sequence[Weight],
    returned: Returned,
) -> tuple[TorchGraph, list[CaptureNote]]:
    mirror = ScriptMirror({id(weight.tensor): weight for weight in weights})
    nodes: list[TorchNode] = []
    ends = _Ends(mirror, nodes)
    params = [mirror.fresh(_kind(item), item.name, item.tensor) for item in call.inputs]
    by_path = {item.path: value for item, value in zip(call.inputs, params, strict=True)}
    actual: list[TorchValue] = []
    for index, argument in enumerate(declared):
        if index < len(call.args):
            actual.append(ends.pack(call.args[index], f"args[{index}]", by_path))
        elif argument.name in call.kwargs:
            actual.append(ends.pack(call.kwargs[argument.name], f"kwargs[{argument.name!r}]", by_path))
        else:
            actual.append(ends.constant(argument.default, argument.type))
    graph = graph_with_functions_inlined(model, "forward" if module is not None else "")
    results = mirror.call(graph, ("", module) if module is not None else None, actual, nodes)
    result = results[0] if len(results) == 1 else ends.tuple(results)
    returns = tuple(ends.unpack(result, path) for path in returned.locations)
    parameters: tuple[Parameter, ...] = tuple(mirror.parameters.values())
    block = TorchBlock((*params, *(item.value for item in parameters)), tuple(nodes), returns)
    return TorchGraph(block, parameters), mirror.notes


def _kind(item: CallInput) -> str:
    return "Tensor" if item.number is None else item.number.__name__


class _Ends:
    """Puts containers together before the graph, and takes them apart behind it."""

    def __init__(self, mirror: ScriptMirror, nodes: list[TorchNode]) -> None:
        self._mirror = mirror
        self._nodes = nodes

    def _add(self, target: str, inputs: Sequence[TorchValue], kind: str, **more: Any) -> TorchValue:
        value = self._mirror.fresh(kind, "")
        self._nodes.append(self._mirror.node(target, tuple(inputs), (value,), origin=Origin(), **more))
        return value

    def constant(self, value: Any, kind: str) -> TorchValue:
        """A constant; of kind ``NoneType`` for None whatever the argument could be."""
        return self._add("prim::Constant", (), "NoneType" if value is None else kind, constant=value)

    def tuple(self, values: Sequence[TorchValue]) -> TorchValue:
        """A tuple of values."""
        return self._add("prim::TupleConstruct", values, f"({', '.join(value.kind for value in values)})")

    def pack(self, tree: Any, path: str, inputs: Mapping[str, TorchValue]) -> TorchValue:
        """The value of an argument: an input, a constant, or a container made of these."""
        if path in inputs:
            return inputs[path]
        if isinstance(tree, tuple):
            items = cast("tuple[Any, ...]", tree)
            return self.tuple([self.pack(item, f"{path}[{index}]", inputs) for index, item in enumerate(items)])
        if isinstance(tree, list):
            values = [
                self.pack(item, f"{path}[{index}]", inputs) for index, item in enumerate(cast("list[Any]", tree))
            ]
            return self._add("prim::ListConstruct", values, f"{values[0].kind if values else 'Tensor'}[]")
        if isinstance(tree, dict):
            flat: list[TorchValue] = []
            for key, item in cast("dict[Any, Any]", tree).items():
                flat += [self.constant(key, type(key).__name__), self.pack(item, f"{path}[{key!r}]", inputs)]
            kinds = f"{flat[0].kind}, {flat[1].kind}" if flat else "str, Tensor"
            return self._add("prim::DictConstruct", flat, f"Dict({kinds})")
        if tree is None or isinstance(tree, (str, torch.device, torch.dtype)):
            return self.constant(tree, type(cast(object, tree)).__name__)
        raise InvalidArgument(f"{path} is a {type(tree).__qualname__}, which a scripted model cannot take", argument=path)

    def unpack(self, value: TorchValue, path: tuple[Any, ...]) -> TorchValue:
        """The tensor at a path inside a returned value."""
        if not path:
            return self._add("prim::unchecked_cast", (value,), "Tensor") if value.kind == "Tensor?" else value
        if value.kind.endswith("?"):
            value = self._add("prim::unchecked_cast", (value,), value.kind[:-1])
        key, rest = path[0], path[1:]
        maker = next((node for node in reversed(self._nodes) if value in node.outputs), None)
        target = maker.target if maker is not None else ""
        if maker is not None and target in ("prim::TupleConstruct", "prim::ListConstruct") and isinstance(key, int):
            return self.unpack(maker.inputs[key], rest)
        if isinstance(key, str) and key.startswith(".") and target == "prim::TupleConstruct":
            raise InvalidArgument(f"the returned named tuple {value.kind} is not supported", action="return a tuple")
        if value.kind.startswith("Dict("):
            kind = value.kind[5:-1].split(", ", 1)[1]
            name = self.constant(key, "str")
            item = self._add("aten::__getitem__", (value, name), kind, schema=read_schema(_LOOK_UP))
            return self.unpack(item, rest)
        position = self.constant(key, "int")
        if value.kind.endswith("[]"):
            schema = read_schema("aten::__getitem__.t(t[](a) list, int idx) -> t(*)")
            return self.unpack(self._add("aten::__getitem__", (value, position), value.kind[:-2], schema=schema), rest)
        kind = _members(value.kind)[key]
        return self.unpack(self._add("prim::TupleIndex", (value, position), kind), rest)


def _members(kind: str) -> list[str]:
    """Kinds of a tuple's members: ``(Tensor, (int, Tensor))`` has two."""
    parts: list[str] = []
    depth = start = 0
    inside = kind[1:-1]
    for position, char in enumerate(inside):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(inside[start:position].strip())
            start = position + 1
    return [*parts, inside[start:].strip()]


__all__ = ["capture_script", "path_name"]
