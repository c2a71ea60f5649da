"""The smallest piece of a model that cannot be exported, as a script of its own.

In: a flow that stands still at a node. Out: candidates, smallest first; each is a script and the tensors that it reads. Whoever
takes one runs it to see that it fails as the model did:

1. the operator alone, called with PyTorch's values;
2. the same as TorchScript, with numbers that the model computes as inputs, not as constants;
3. the node of the top block that it stands in (``if``, ``for``), as TorchScript;
4. the same with more and more of what stands before it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from onnx_ir.tensor_adapters import TorchTensor

from onnx_explore.check.nodes.interpret import Interpreter
from onnx_explore.errors import NotAvailable, OnnxExporterError, UnsupportedOperatorError
from onnx_explore.explore.own_source import own_source
from onnx_explore.flow import Flow
from onnx_explore.lowering.resolution import resolve
from onnx_explore.options import Options
from onnx_explore.torch_ir import TorchNode, TorchValue, walk
from onnx_explore.torch_ir.source import forward_source, literal, uses
from onnx_explore.writing import contiguous_array

Array = npt.NDArray[Any]

_LINES = 6
"""TorchScript of more lines is a file of its own."""

_PYTHON_OP = "prim::PythonOp"
_CONTROL = ("prim::If", "prim::Loop")
_KNOWN = ("aten", "quantized", "prim", "prims")
_OPTIONS = (
    "export_params",
    "do_constant_folding",
    "keep_initializers_as_inputs",
    "autograd_inlining",
    "torch_symbolics",
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A candidate.

    Attributes:
        script: Defines ``model`` and ``arguments`` with ``t[name]``, the tensors.
        arrays: The tensors, by name.
        files: Other files, by name.
        note: What has to be there before it can run, or ``""``.
        is_alone: Whether the operator that fails is the only one.
    """

    script: str
    arrays: dict[str, Array]
    files: dict[str, str] = field(default_factory=dict[str, str])
    note: str = ""
    is_alone: bool = False


def pieces(flow: Flow, node: TorchNode, inputs: Sequence[torch.Tensor]) -> Iterator[Piece]:
    """The candidates for a node that could not be lowered, smallest first.

    Args:
        flow: Stands still there.
        node: It.
        inputs: Of the graph.

    Raises:
        UnsupportedOperatorError: If PyTorch cannot run what stands before it.
    """
    stopped = _Stopped(flow, node, inputs)
    stopped.run_up_to()
    owns = _owns(node, flow.options)
    for number, make in enumerate((stopped.call, stopped.alone, *stopped.growing())):
        try:
            piece = replace(make(), is_alone=number < 2)
        except NotAvailable:
            continue  # it cannot be written down; a larger one may be
        for own in owns:
            files = {**piece.files, **own.files}
            yield replace(piece, script=f"{own.script}{piece.script}", files=files, note=own.note)


def export_options(options: Options) -> str:
    """The keyword arguments of ``export`` that differ from its defaults."""
    plain = Options()
    words = [f"opset_version={options.opset_version}"]
    words += [
        f"{name}={getattr(options, name)!r}" for name in _OPTIONS if getattr(options, name) != getattr(plain, name)
    ]
    for name in ("operator_export_type", "training"):
        item = getattr(options, name)
        if item is not getattr(plain, name):
            words.append(f"{name}=onnx_explore.{type(item).__name__}.{item.name}")
    if options.custom_opsets:
        words.append(f"custom_opsets={dict(options.custom_opsets)!r}")
    return ", ".join(words)


def _owns(node: TorchNode, options: Options) -> list[Piece]:
    """What of the user's own code the failure depends on: a symbolic function with its source, if it has one, or by name."""
    namespace = node.target.partition("::")[0]
    imports = "import torchvision\n\n" if namespace == "torchvision" else ""
    known = namespace in (*_KNOWN, "torchvision")
    note = "" if known else f"The operator {node.target} has to be registered with PyTorch first."
    variant = resolve(node, options.opset_version, foreign=options.torch_symbolics).variant
    if variant is None or not variant.custom or node.target == _PYTHON_OP:
        return [Piece(imports, {}, note=note)]
    missing = f"{note} The symbolic function {variant.name} has to be registered first.".strip()
    without = Piece(imports, {}, note=missing)
    function = inspect.unwrap(variant.function)
    try:
        source = own_source([function])
    except NotAvailable:
        return [without]
    call = f'import own\n\nonnx_explore.symbolic("{node.target}", opset={variant.since})(own.{function.__name__})\n\n'
    return [Piece(f"{imports}{call}", {}, {"own.py": source}, note), without]


class _Reached(Exception):
    """The way out of the run."""


class _UpTo(Interpreter):
    """Stops before a node, wherever it stands; goes into the branch that holds it."""

    __slots__ = ("_around", "_number")

    def __init__(self, flow: Flow, inputs: Sequence[torch.Tensor], node: TorchNode) -> None:
        super().__init__(flow.graph, inputs, keep=True)
        self._number = node.id
        self._around = {
            each.id for each in walk(flow.graph.block) for block in each.blocks if node in tuple(walk(block))
        }

    def _run(self, node: TorchNode) -> tuple[Any, ...]:
        if node.id == self._number:
            raise _Reached
        if node.id in self._around and node.target == "prim::If":
            for block in node.blocks:
                if any(each.id == self._number for each in walk(block)):
                    self._block(block)
        return super()._run(node)

    def known(self) -> dict[int, Any]:
        return self._values


class _Stopped:
    """A flow that stands still at a node, with PyTorch's values up to there."""

    def __init__(self, flow: Flow, node: TorchNode, inputs: Sequence[torch.Tensor]) -> None:
        self._graph = flow.graph
        self._node = node
        self._run = _UpTo(flow, inputs, node)
        self._top = next(each for each in flow.graph.block.nodes if each is node or _holds(each, node))
        self._makers = {value.id: each for each in walk(flow.graph.block) for value in each.outputs}
        self._weights = {item.value.id for item in flow.graph.parameters}

    def run_up_to(self) -> None:
        try:
            for node in self._graph.block.nodes:
                self._run.step(node)
        except _Reached:
            return
        if self._node.target in _CONTROL or self._node is self._top:
            return
        raise NotAvailable(
            f"the branch or loop that {self._node.target} stands in does not run with these inputs",
            action="explore with inputs with which it runs",
        )

    # -- the operator alone

    def call(self) -> Piece:
        """The operator, called by Python with the values."""
        node, known = self._node, self._run.known()
        if node.target == _PYTHON_OP:
            return self._function()
        if node.schema is None or node.blocks:
            raise NotAvailable(f"{node.target} cannot be called")
        writer = _Tensors({id(known[number]) for number in self._fixed() if number in known})
        items = [writer.text(known[value.id]) for value in node.inputs]
        named = [item.name if item.kwarg_only else "" for item in node.schema.arguments]
        words = [f"{word}={item}" if word else item for item, word in zip(items, named, strict=False)]
        namespace, _, name = node.target.partition("::")
        overload = node.overload or "default"
        return writer.module(f"torch.ops.{namespace}.{name}.{overload}({', '.join(words)})")

    def _function(self) -> Piece:
        """An ``autograd.Function``, with its source."""
        node, known = self._node, self._run.known()
        function = node.attributes["function"]
        writer = _Tensors(set())
        tensors = iter([writer.text(known[value.id]) for value in node.inputs])
        others = iter([literal(item) for item in node.attributes["scalar_args"]])
        words = [next(tensors) if letter == "d" else next(others) for letter in node.attributes["signature"]]
        piece = writer.module(f"own.{function.__name__}.apply({', '.join(words)})")
        return replace(piece, script=f"import own\n\n{piece.script}", files={"own.py": own_source([function])})

    def _fixed(self) -> set[int]:
        """Ids of the tensors that are weights, constants, or made of these alone."""
        found = set(self._weights)
        constants: set[int] = set()
        for node in self._graph.block.nodes:
            if node.target == "prim::Constant":
                constants.add(node.output.id)
                if isinstance(node.constant, torch.Tensor):
                    found.add(node.output.id)
            elif node.inputs and not node.blocks and all(value.id in found | constants for value in node.inputs):
                found.update(value.id for value in node.outputs if value.is_tensor)
                constants.update(value.id for value in node.outputs)
        return found

    # -- TorchScript

    def alone(self) -> Piece:
        """The node as TorchScript, with what the model computes as inputs."""
        return self._scripted([self._node])

    def growing(self) -> Iterator[Callable[[], Piece]]:
        """The node of the top block, then with more and more of what it depends on."""
        nodes = self._graph.block.nodes
        before = [self._top, *self._ancestors()]
        count = 1
        while True:
            chosen = {item.id for item in before[:count]}
            yield partial(self._scripted, [item for item in nodes if item.id in chosen])
            if count >= len(before):
                return
            count *= 2

    def _ancestors(self) -> Iterator[TorchNode]:
        """What the node of the top block depends on, nearest first; without constants."""
        order = {node.id: index for index, node in enumerate(self._graph.block.nodes)}
        found: dict[int, TorchNode] = {}
        pending = list(uses([self._top]))
        while pending:
            maker = self._makers.get(pending.pop().id)
            if maker is None or maker.id in found or maker.target == "prim::Constant":
                continue
            found[maker.id] = maker
            pending.extend(uses([maker]))
        yield from sorted(found.values(), key=lambda node: order[node.id], reverse=True)

    def _scripted(self, nodes: Sequence[TorchNode]) -> Piece:
        known = self._run.known()
        own = {each.id for each in nodes}
        extra, taken = self._arranged(nodes, own)
        fixed = self._fixed()
        writer = _Tensors(set())
        weights = {
            value.id: writer.weight(known[value.id]) for value in taken if value.id in fixed and value.id in known
        }
        inputs = [value for value in taken if value.id not in fixed]
        lines = forward_source([*extra, *nodes], inputs, _returned(nodes), weights)
        arguments = [writer.text(known[value.id], inline=True) for value in inputs]
        return writer.scripted(lines, arguments)

    def _arranged(self, nodes: Sequence[TorchNode], own: set[int]) -> tuple[list[TorchNode], list[TorchValue]]:
        """The constants and lists that nodes use, in order, and what else they take from outside."""
        extra: dict[int, TorchNode] = {}
        taken: dict[int, TorchValue] = {}
        pending = list(uses(nodes))
        while pending:
            value = pending.pop()
            maker = self._makers.get(value.id)
            if maker is not None and maker.id in own:
                continue
            arranges = maker is not None and (
                (maker.target == "prim::Constant" and not isinstance(maker.constant, torch.Tensor))
                or maker.target in ("prim::ListConstruct", "prim::TupleConstruct", "prim::DictConstruct")
                or value.kind.startswith("__torch__")  # packed weights: what packs them goes with them
            )
            if maker is None or not arranges:
                taken[value.id] = value
            elif maker.id not in extra:
                extra[maker.id] = maker
                pending.extend(maker.inputs)
        order = {node.id: index for index, node in enumerate(walk(self._graph.block))}
        return sorted(extra.values(), key=lambda node: order[node.id]), list(taken.values())


def _holds(outer: TorchNode, node: TorchNode) -> bool:
    return any(node is each for block in outer.blocks for each in walk(block))


def _returned(nodes: Sequence[TorchNode]) -> list[TorchValue]:
    """What a piece returns: all that nothing in it uses."""
    used = {value.id for node in nodes for value in uses([node])}
    return [value for node in nodes for value in node.outputs if value.id not in used]


class _Tensors:
    """Turns values into text; tensors go into arrays.

    Args:
        fixed: ``id`` of the tensors that are weights or constants of the model.
    """

    def __init__(self, fixed: set[int]) -> None:
        self._fixed = fixed
        self._arrays: dict[str, Array] = {}
        self._inputs: dict[str, str] = {}
        self._weights: dict[str, str] = {}

    def text(self, item: Any, *, inline: bool = False) -> str:
        """A value as Python; a tensor as the name of an argument or an attribute, or in place."""
        if isinstance(item, torch.Tensor):
            if inline:
                return self._tensor(item)
            return f"self.{self.weight(item)}" if id(item) in self._fixed else self._input(item)
        if isinstance(item, list | tuple):
            entries = ", ".join(self.text(entry, inline=inline) for entry in item)  # pyright: ignore[reportUnknownVariableType]
            return f"[{entries}]" if isinstance(item, list) else f"({entries},)"
        return literal(item)

    def weight(self, tensor: torch.Tensor) -> str:
        """Name of the attribute that holds a tensor."""
        name = f"w{len(self._weights)}"
        self._weights[name] = self._tensor(tensor)
        return name

    def _input(self, tensor: torch.Tensor) -> str:
        name = f"x{len(self._inputs)}"
        self._inputs[name] = self._tensor(tensor)
        return name

    def _tensor(self, tensor: torch.Tensor) -> str:
        """Python that reads a tensor."""
        tensor = tensor.detach().resolve_conj().resolve_neg().cpu()
        if tensor.layout != torch.strided or tensor.is_mkldnn:
            raise NotAvailable(f"a tensor of layout {tensor.layout} cannot be written")
        if not tensor.is_quantized:
            return self._array(tensor)
        plain = self._array(tensor.dequantize())
        if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
            return f"torch.quantize_per_tensor({plain}, {tensor.q_scale()!r}, {tensor.q_zero_point()}, {tensor.dtype})"
        scales = self._array(tensor.q_per_channel_scales())
        points = self._array(tensor.q_per_channel_zero_points())
        axis = tensor.q_per_channel_axis()
        return f"torch.quantize_per_channel({plain}, {scales}, {points}, {axis}, {tensor.dtype})"

    def _array(self, tensor: torch.Tensor) -> str:
        name = f"a{len(self._arrays)}"
        bits = _BITS.get(tensor.dtype)
        if bits is not None:
            self._arrays[name] = tensor.contiguous().view(bits).numpy()
            return f't["{name}"].view({tensor.dtype})'
        array = contiguous_array(TorchTensor(tensor))
        if array.dtype.kind not in "biufc":
            raise NotAvailable(f"a tensor of {tensor.dtype} cannot be written")
        self._arrays[name] = np.array(array)
        return f't["{name}"]'

    def module(self, expression: str) -> Piece:
        """A module whose ``forward`` is one expression."""
        init = ["    def __init__(self):", "        super().__init__()", *self._buffers(), ""] if self._weights else []
        lines = [
            "\nclass Piece(torch.nn.Module):",
            *init,
            f"    def forward({', '.join(['self', *self._inputs])}):",
            f"        return {expression}",
            "\n",
            "model = Piece().eval()",
            f"arguments = ({''.join(f'{text}, ' for text in self._inputs.values()).rstrip()})",
        ]
        return Piece("\n".join(lines), self._arrays)

    def _buffers(self) -> list[str]:
        """The lines that give a module its weights: few, however many there are."""
        if not self._weights:
            return []
        weights = ", ".join(f'"{name}": {text}' for name, text in self._weights.items())
        return [f"        for name, tensor in {{{weights}}}.items():", "            self.register_buffer(name, tensor)"]

    def scripted(self, source: str, arguments: Sequence[str]) -> Piece:
        """A scripted module."""
        short = len(source.splitlines()) <= _LINES
        text = f'"""\n{source}\n"""' if short else '(pathlib.Path(__file__).parent / "piece.txt").read_text()'
        lines = [
            f"source = {text}\n\n",
            "class Piece(torch.jit.ScriptModule):",
            "    def __init__(self):",
            "        super().__init__()",
            *self._buffers(),
            "        self.define(source)",
            "\n",
            "model = Piece().eval()",
            f"arguments = ({''.join(f'{item}, ' for item in arguments).rstrip()})",
        ]
        return Piece("\n".join(lines), self._arrays, {} if short else {"piece.txt": f"{source}\n"})


_BITS = {
    torch.bfloat16: torch.int16,
    torch.float8_e4m3fn: torch.uint8,
    torch.float8_e5m2: torch.uint8,
}


def same_failure(shown: str, error: OnnxExporterError, piece: Piece) -> bool:
    """Whether a script's message tells of the same failure: its code, and its operator if it names one.

    What an operator is decomposed into, and so which one is named, depends on what is known of its shapes: of an operator alone,
    any one that is not supported will do.
    """
    head = f"FAILED: {error.code}: "
    if not shown.startswith(head):
        return False
    named = not error.target or shown[len(head) :].startswith(error.target)
    return named or (piece.is_alone and isinstance(error, UnsupportedOperatorError))
