"""Reads a scripted model, and runs it once for its outputs.

In: a ``ScriptModule`` or ``ScriptFunction`` and the arguments of one call. Out: a ``Capture``. Control flow stays as
``prim::If`` and ``prim::Loop``. Numbers that the caller gives are inputs (0-d tensors in ONNX), arguments that are left
out take the schema's defaults as constants. Containers are taken apart at both ends::

    forward(self, pair: Tuple[Tensor, Tensor])      %pair = prim::TupleConstruct(%pair_0, %pair_1)
    return {"a": x}                                 (x is the output "a")

An argument declared as ``List[Tensor]``, and a returned list that is not made on the spot, are one input or output each, of any
length: an ONNX sequence. A returned list of tuples or dicts that a branch or loop fills is one for each part of an element.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, cast

import torch

from onnx_explore.capture.captured import Capture, CaptureNote, GraphInput, GraphOutput
from onnx_explore.capture.classes import called_module
from onnx_explore.capture.containers import Path, path_text
from onnx_explore.capture.guard import guarded, is_training, model_mode
from onnx_explore.capture.inputs import Call, CallInput, check_name_count, open_call
from onnx_explore.capture.mirror import read_schema
from onnx_explore.capture.normalize import normalize
from onnx_explore.capture.outputs import Returned, by_column, column_of, name_outputs, open_result
from onnx_explore.capture.packed import unpack
from onnx_explore.capture.parameters import NamedModules, Weight, weights_of
from onnx_explore.capture.replay import Replay, copy_of
from onnx_explore.capture.script_mirror import ScriptMirror
from onnx_explore.capture.torch_api import SchemaPart, has_script_hooks, script_arguments, script_graph
from onnx_explore.capture.trace import failed
from onnx_explore.errors import CaptureError, InvalidArgument, OnnxExporterError
from onnx_explore.torch_ir import Origin, Parameter, TorchBlock, TorchGraph, TorchNode, TorchValue, walk
from onnx_explore.torch_ir.kinds import is_tuple, members

_LIST_ITEM = "aten::__getitem__.t(t[](a) list, int idx) -> t(*)"
_DICT_ITEM = "aten::__getitem__.Dict_str(Dict(str, t) self, str key) -> t(*)"
SEQUENCE_INPUT = "prim::SequenceInput"
"""A list that is an input of the ONNX graph, made of what the caller's elements stand for."""
SEQUENCE_OUTPUT = "prim::SequenceOutput"
"""A list that is an output of the ONNX graph."""
OPTIONAL_OUTPUT = "prim::OptionalOutput"
"""A tensor, or None, that is an output of the ONNX graph."""
_SEQUENCES = frozenset({"Tensor[]", "int[]", "float[]", "bool[]"})
_MAKERS = ("prim::TupleConstruct", "prim::ListConstruct", "prim::DictConstruct")


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
    call = open_call(model, args, kwargs, input_names)
    check_name_count(input_names, call.count, len(weights))
    run = _Run(model, call, roots, modules, training)
    with guarded(modules) as guard:
        model_mode([module for _, module in roots], training)
        mode = is_training([module for _, module in roots])
        random_state = torch.get_rng_state()
        result, returned, eager = run.once([item.tensor for item in call.inputs])
        mirror = ScriptMirror(
            {id(weight.tensor): weight for weight in weights}, parameter_names=list(input_names or ())[call.count :]
        )
        graph, sequences, run.lists = _read(mirror, model, call, declared, weights, returned, result)
        if run.lists:
            order = by_column(returned.locations, run.lists)
            returned, eager = returned.ordered(order), tuple(eager[index] for index in order)
            sequences = tuple(sequences[index] for index in order)
            returns = tuple(graph.block.returns[index] for index in order)
            graph = replace(graph, block=replace(graph.block, returns=returns))
        called = {path: called_module(module) for path, module in {**dict(roots), **mirror.called}.items()}
    check_name_count(input_names, call.count, len(graph.parameters))
    inputs = [item.sequence or item.name for item in call.inputs]
    optional = {path for path, argument in _places(call, declared) if argument.type == "Tensor?"}
    names = name_outputs(returned, output_names, list(dict.fromkeys(inputs)), sequences)
    return Capture(
        graph=graph,
        mode="script",
        inputs=tuple(
            GraphInput(item.name, item.path, value, item.tensor, item.sequence, item.path in optional)
            for item, value in zip(call.inputs, graph.inputs, strict=True)
        ),
        outputs=tuple(
            GraphOutput(name, path, value, tensor.dim(), sequence, _every(location, run.lists))
            for (name, sequence), path, location, value, tensor in zip(
                names, returned.paths, returned.locations, graph.outputs, eager, strict=True
            )
        ),
        args=call.args,
        kwargs=call.kwargs,
        conversions=(),
        notes=(*call.notes, *_left_none(call, declared), *guard.notes, *returned.notes, *mirror.notes),
        training=mode,
        seconds=time.perf_counter() - start,
        eager=eager,
        replay=run.again(random_state),
        called=called,
    )


_FAST_PATHS = frozenset({"MultiheadAttention", "TransformerEncoder", "TransformerEncoderLayer"})
"""Modules with a way of their own for inference, which gives zeros where the other one gives numbers for padding."""


@contextmanager
def _without_fast_paths(modules: NamedModules) -> Generator[None, None, None]:
    """A run in which scripted modules of PyTorch go the way that is exported: the one that can be trained.

    In a scripted module the switch of these paths is built in as on; what turns them off is a weight that needs a gradient.
    """
    weights = [
        weight
        for _, module in modules
        if getattr(module, "original_name", "") in _FAST_PATHS
        for weight in module.parameters()
        if weight.is_floating_point()
    ]
    if not weights:
        yield
        return
    frozen = [weight for weight in weights if not weight.requires_grad]
    try:
        for weight in frozen:
            weight.requires_grad_(True)
        with torch.enable_grad():
            yield
    finally:
        for weight in frozen:
            weight.requires_grad_(False)


def _every(location: Path, lists: Collection[Path]) -> str:
    """Where the tensors of one part of a list of structures stand: ``out[…]['boxes']``; ``""`` for any other."""
    whole = next((path for path in lists if location[: len(path)] == path), None)
    if whole is None:
        return ""
    return f"{path_text('out', whole)}[…]{path_text('', location[len(whole) + 1 :])}"


class _Run:
    """Runs the scripted model itself, with tensors in place of the caller's.

    Attributes:
        lists: Paths of the returned lists of structures, whose tensors are given part by part.
    """

    def __init__(
        self, model: Any, call: Call, roots: NamedModules, modules: NamedModules,
        training: Literal["eval", "preserve", "train"],
    ) -> None:  # fmt: skip
        self._model = model
        self._call = call
        self._roots = roots
        self._modules = modules
        self._training = training
        self.lists: frozenset[Path] = frozenset()

    def once(self, tensors: Sequence[torch.Tensor]) -> tuple[Any, Returned, tuple[torch.Tensor, ...]]:
        """What the model returns, taken apart, and its tensors, copied: a returned buffer is restored afterwards."""
        args, kwargs = self._call.arguments([copy_of(tensor) for tensor in tensors])
        try:
            with _without_fast_paths(self._modules):
                result = self._model(*args, **kwargs)
        except OnnxExporterError:
            raise
        except Exception as error:
            raise failed(error) from error
        returned = open_result(result, numbers=True)
        if self.lists:
            returned = returned.ordered(by_column(returned.locations, self.lists))
        return result, returned, tuple(copy_of(tensor) for tensor in returned.tensors)

    def again(self, random_state: torch.Tensor) -> Replay:
        """A replay: TorchScript runs its own graph, drawing the same random numbers."""

        def replay(inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            with guarded(self._modules):
                model_mode([module for _, module in self._roots], self._training)
                torch.set_rng_state(random_state)
                return self.once(inputs)[2]

        return replay


def _read(
    mirror: ScriptMirror,
    model: Any,
    call: Call,
    declared: Sequence[SchemaPart],
    weights: Sequence[Weight],
    returned: Returned,
    result: Any,
) -> tuple[TorchGraph, tuple[Path | None, ...], frozenset[Path]]:
    """The graph; for each output the path of the list that it is an element of, if that is one output (without the index,
    for a part of an element); and the paths of the lists of structures.
    """
    nodes: list[TorchNode] = []
    ends = _Ends(mirror, nodes)
    params = [mirror.fresh(_kind(item), item.name, item.tensor) for item in call.inputs]
    by_path = {item.path: value for item, value in zip(call.inputs, params, strict=True)}
    ends.sequences = {item.path.rpartition("[")[0] for item in call.inputs if item.sequence}
    actual: list[TorchValue] = []
    for index, argument in enumerate(declared):
        if index < len(call.args):
            actual.append(ends.pack(call.args[index], f"args[{index}]", by_path))
        elif argument.name in call.kwargs:
            actual.append(ends.pack(call.kwargs[argument.name], f"kwargs[{argument.name!r}]", by_path))
        else:
            actual.append(ends.constant(argument.default, argument.type))
    is_module = isinstance(model, torch.jit.ScriptModule)
    graph = normalize(script_graph(model, "forward" if is_module else ""))
    results = mirror.call(graph, ("", model) if is_module else None, actual, nodes)
    value = results[0] if len(results) == 1 else ends.tuple(results)
    rows = [ends.unpack(value, path, result) for path in returned.locations]
    parameters: tuple[Parameter, ...] = tuple(mirror.parameters.values())
    returns = tuple(value for value, _ in rows)
    block = TorchBlock((*params, *(item.value for item in parameters)), tuple(nodes), returns)
    wholes = [
        path[: len(path) - rest] if rest else None for path, (_, rest) in zip(returned.locations, rows, strict=True)
    ]
    lists = frozenset(whole for whole, (_, rest) in zip(wholes, rows, strict=True) if whole is not None and rest > 1)
    paths = tuple(
        column_of(path, lists) if whole in lists else whole
        for path, whole in zip(returned.locations, wholes, strict=True)
    )
    graph = unpack(TorchGraph(block, parameters), [weight.name for weight in weights])
    return graph, paths, lists


def _left_none(call: Call, declared: Sequence[SchemaPart]) -> list[CaptureNote]:
    """A note on the arguments that could be tensors, and are None."""
    given = {argument.name: path for path, argument in _places(call, declared)}
    taken = {item.path for item in call.inputs}
    names = [repr(item.name) for item in declared if item.type == "Tensor?" and given.get(item.name) not in taken]
    if not names:
        return []
    return [
        CaptureNote(
            "info",
            "OptionalInput",
            f"None is built into the ONNX model for {', '.join(names)}: for a model that takes either, "
            "pass a tensor as an example and name the input in optional_inputs",
        )
    ]


def _places(call: Call, declared: Sequence[SchemaPart]) -> list[tuple[str, SchemaPart]]:
    """Where the arguments that were given stand in the call."""
    return [
        (f"args[{index}]" if index < len(call.args) else f"kwargs[{argument.name!r}]", argument)
        for index, argument in enumerate(declared)
        if index < len(call.args) or argument.name in call.kwargs
    ]


def _kind(item: CallInput) -> str:
    return "Tensor" if item.number is None else item.number.__name__


class _Ends:
    """Puts containers together before the graph, and takes them apart behind it."""

    def __init__(self, mirror: ScriptMirror, nodes: list[TorchNode]) -> None:
        self._mirror = mirror
        self._nodes = nodes
        self.sequences: set[str] = set()
        """Paths of the arguments that are ONNX sequences."""
        self._lists: dict[tuple[int, Path], TorchValue] = {}

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
            values = [self.pack(item, f"{path}[{index}]", inputs) for index, item in enumerate(cast("list[Any]", tree))]
            if path in self.sequences:
                return self._add(SEQUENCE_INPUT, values, "Tensor[]")
            return self._add("prim::ListConstruct", values, f"{values[0].kind if values else 'Tensor'}[]")
        if isinstance(tree, dict):
            flat: list[TorchValue] = []
            for key, item in cast("dict[Any, Any]", tree).items():
                flat += [self.constant(key, type(key).__name__), self.pack(item, f"{path}[{key!r}]", inputs)]
            kinds = f"{flat[0].kind}, {flat[1].kind}" if flat else "str, Tensor"
            return self._add("prim::DictConstruct", flat, f"Dict({kinds})")
        if tree is None or isinstance(tree, (str, torch.device, torch.dtype)):
            return self.constant(tree, type(cast(object, tree)).__name__)
        raise InvalidArgument(f"a scripted model cannot take a {type(tree).__qualname__}", argument=path)

    def unpack(self, value: TorchValue, path: Path, tree: Any) -> tuple[TorchValue, int]:
        """The tensor at a path inside a returned value; ``tree`` is what the run returned there.

        Where a list on the way is one output, this is the list, and how many steps of the path are left.
        """
        if value.kind == "Any":
            value = self._behind(value, path)
        if value.kind.endswith("?") and not path and isinstance(tree, torch.Tensor):
            return self._add(OPTIONAL_OUTPUT, (value,), value.kind), 0
        if value.kind.endswith("?"):
            value = self._add("prim::unchecked_cast", (value,), value.kind[:-1])
        elif value.kind == "Any":
            value = self._add("prim::unchecked_cast", (value,), _kind_of(tree))
        if not path:
            return value, 0
        key, rest = path[0], path[1:]
        index = cast(Any, tree)._fields.index(key[1:]) if isinstance(tree, tuple) and isinstance(key, str) else key
        inner = cast(Any, tree)[index]
        made = self._made_from(value)
        if made is not None and isinstance(inner, (torch.Tensor, tuple, list, dict)):
            return self.unpack(made[list(tree).index(key) * 2 + 1 if isinstance(tree, dict) else index], rest, inner)
        place = self.constant(index, type(index).__name__)
        if isinstance(tree, dict):
            kind, schema = value.kind[5:-1].split(", ", 1)[1], _DICT_ITEM
        elif value.kind.endswith("[]") and (value.kind in _SEQUENCES or not self._has_known_length(value.kind)):
            return self._sequence(value, rest, inner), len(path)
        elif value.kind.endswith("[]"):
            kind, schema = value.kind[:-2], _LIST_ITEM
        else:
            item = self._add("prim::TupleIndex", (value, place), self._member_kind(value.kind, index, inner))
            return self.unpack(item, rest, inner)
        return self.unpack(
            self._add("aten::__getitem__", (value, place), kind, schema=read_schema(schema)), rest, inner
        )

    def _has_known_length(self, kind: str) -> bool:
        """Whether no branch or loop makes or changes a list of a kind: then the elements of one are outputs of their own."""
        for node in self._nodes:
            inside = [inner for block in node.blocks for inner in walk(block)]
            values = [*node.outputs, *(value for inner in inside if inner.blocks for value in inner.outputs)]
            changed = [
                inner.inputs[0]
                for inner in inside
                if inner.schema is not None and inner.schema.arguments and inner.schema.arguments[0].written
            ]
            if node.blocks and any(value.kind == kind for value in (*values, *changed)):
                return False
        return True

    def _sequence(self, value: TorchValue, part: Path, example: Any) -> TorchValue:
        """A list as an output; of a list of structures, what stands at one place in each element."""
        made = self._lists.get((value.id, part))
        if made is None:
            places: list[Any] = []
            for key in part:
                named = isinstance(example, tuple) and isinstance(key, str)
                place = cast(Any, example)._fields.index(key[1:]) if named else key
                places.append(place)
                example = cast(Any, example)[place]
            kind = value.kind if value.kind in _SEQUENCES else f"{_kind_of(example)}[]"
            made = self._lists[value.id, part] = self._add(SEQUENCE_OUTPUT, (value,), kind, constant=tuple(places))
        return made

    def _behind(self, value: TorchValue, path: Path) -> TorchValue:
        """What a value that is declared as ``Any`` was before.

        Raises:
            CaptureError: If that is not known.
        """
        maker = next((node for node in self._nodes if value in node.outputs), None)
        if maker is None or maker.target != "prim::unchecked_cast" or maker.inputs[0].kind == "Any":
            raise CaptureError(
                "the scripted model returns a value that is declared as Any, and what it is depends on the run",
                argument=path_text("out", path),
                action="annotate what forward returns",
            )
        return maker.inputs[0]

    def _member_kind(self, kind: str, index: int, member: Any) -> str:
        """The kind of a tuple's member; a named tuple is printed by its name, so what the run returned tells."""
        if is_tuple(kind):
            return members(kind)[index]
        return "Tensor" if isinstance(member, torch.Tensor) else type(member).__name__

    def _made_from(self, value: TorchValue) -> tuple[TorchValue, ...] | None:
        """What a container was made from, if nothing else uses it: a list or dict may be changed after it was made."""
        maker = next((node for node in self._nodes if value in node.outputs), None)
        if maker is None or maker.target not in _MAKERS:
            return None
        whole = TorchBlock((), tuple(self._nodes), ())
        used = any(value in node.inputs or any(value in inner.returns for inner in node.blocks) for node in walk(whole))
        return None if used and maker.target != "prim::TupleConstruct" else maker.inputs


def _kind_of(tree: Any) -> str:
    """The TorchScript type of what a function that is declared to return ``Any`` returned."""
    if isinstance(tree, torch.Tensor):
        return "Tensor"
    if isinstance(tree, tuple):
        return f"({', '.join(_kind_of(item) for item in cast('tuple[Any, ...]', tree))})"
    if isinstance(tree, list):
        items = cast("list[Any]", tree)
        return f"{_kind_of(items[0]) if items else 'Tensor'}[]"
    return type(tree).__name__
