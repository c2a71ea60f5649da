"""Mirrors a scripted module's graphs: method calls become the callee's nodes, attributes become weights or constants.

In: a ``ScriptModule`` and values for its inputs. Out: nodes, and the weights that they use::

    %l = prim::GetAttr[name="l"](%self)                 (l is a module: its path is followed, no node)
    %w = prim::GetAttr[name="weight"](%l)               (w is a weight: a block parameter l.weight)
    %k = prim::GetAttr[name="k"](%self)                 %k = prim::Constant[2.5]
    %y = prim::CallMethod[name="forward"](%l, %x)       %y = aten::linear(%x, %w, %b)          scope: l
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from onnx_explore.capture.captured import CaptureNote
from onnx_explore.capture.mirror import Mirror, model_rows
from onnx_explore.capture.normalize import normalize
from onnx_explore.capture.parameters import Weight, parameter_of
from onnx_explore.capture.scopes import CallPaths, Marks, plain
from onnx_explore.capture.torch_api import CALL_METHOD, JitGraph, JitNode, JitValue, script_graph
from onnx_explore.errors import CaptureError
from onnx_explore.torch_ir import Origin, Parameter, TorchBlock, TorchNode, TorchValue

_CONTEXTS = (
    "torch.autograd.grad_mode.no_grad",
    "torch.autograd.grad_mode.enable_grad",
    "torch.autograd.grad_mode.inference_mode",
    "torch.autograd.profiler.record_function",
)
"""Contexts of ``with`` that matter to gradients and profiles only."""

_GRADIENT_QUESTIONS = frozenset({"aten::is_grad_enabled", "prim::requires_grad"})


class ScriptMirror(Mirror):
    """A mirror that follows modules.

    Args:
        weights: The model's weights by the id of their tensor.
        parameter_names: The user's names for the weights, in the order in which the graph asks for them.
        marks: Of a trace: which module path holds from which value on.
        paths: Of a trace: the module calls that it named already.

    Attributes:
        parameters: The weights that the graph asked for, by name.
        called: Path of each call of a scripted module's ``forward`` → module.
        notes: What a person should know.
    """

    __slots__ = (
        "_call",
        "_contexts",
        "_depth",
        "_gradients_off",
        "_graphs",
        "_held",
        "_modules",
        "_names",
        "_paths",
        "_set",
        "_taken",
        "_weights",
        "called",
        "notes",
        "parameters",
    )

    def __init__(
        self,
        weights: Mapping[int, Weight],
        parameter_names: Sequence[str] = (),
        *,
        marks: Marks | None = None,
        paths: CallPaths | None = None,
    ) -> None:
        super().__init__(marks)
        self._weights = weights
        self._modules: dict[int, tuple[str, torch.jit.ScriptModule]] = {}
        self._paths = paths if paths is not None else CallPaths()
        self._graphs: dict[tuple[int, str], JitGraph] = {}
        self._held: dict[str, str] = {}
        self._set: dict[tuple[str, str], TorchValue | None] = {}
        self._call: Origin | None = None
        self._depth = 0
        self._names = iter(parameter_names)
        self.parameters: dict[str, Parameter] = {}
        self._taken: set[str] = set()
        self._contexts: dict[int, bool] = {}  # object → whether it switches gradients off
        self._gradients_off = 0
        self.called: dict[str, torch.nn.Module] = {}
        self.notes: list[CaptureNote] = []

    def traced(
        self, graph: JitGraph, names: Mapping[int, str], holder: torch.jit.ScriptModule, paths: Mapping[str, str]
    ) -> TorchBlock:
        """A trace whose first input is a module that holds scripted ones and objects.

        Args:
            graph: The trace.
            names: Names of its other inputs by position.
            holder: The module.
            paths: The path in the model of what each of its attributes is.

        Returns:
            The trace, with all weights as parameters.
        """
        first, *others = graph.inputs()
        self._modules[first.unique()] = ("", holder)
        self._held = dict(paths)
        params = tuple(self.define(value, names.get(position, "")) for position, value in enumerate(others))
        for value, weight in zip(params[len(params) - len(self._weights) :], self._weights.values(), strict=True):
            self.parameters[weight.name] = parameter_of(value, weight)
        nodes: list[TorchNode] = []
        for node in graph.nodes():
            self._node(node, nodes)
        return TorchBlock(params, tuple(nodes), tuple(self.value(value) for value in graph.outputs()))

    def call(
        self,
        graph: JitGraph,
        module: tuple[str, torch.jit.ScriptModule] | None,
        inputs: Sequence[TorchValue],
        nodes: list[TorchNode],
    ) -> tuple[TorchValue, ...]:
        """Mirrors a method or function with these inputs; returns what it returns."""
        outer_values, outer_modules, outer_contexts = self._values, self._modules, self._contexts
        self._call = self._call or Origin()
        self._values, self._modules, self._contexts = {}, {}, {}
        formal = list(graph.inputs())
        if module is not None:
            self._modules[formal.pop(0).unique()] = module
        for value, actual in zip(formal, inputs, strict=True):
            self._values[value.unique()] = actual
        for node in graph.nodes():
            self._node(node, nodes)
        returns = tuple(self.value(value) for value in graph.outputs())
        self._values, self._modules, self._contexts = outer_values, outer_modules, outer_contexts
        return returns

    def value_name(self, value: JitValue, number: int) -> str:
        """TorchScript names values after variables; each call of a method brings the same ones again."""
        name: str = value.debugName()
        if name.isdigit():
            return str(number)
        unique = name if name not in self._taken else f"{name}.{number}"
        self._taken.add(unique)
        return unique

    def _node(self, node: JitNode, nodes: list[TorchNode]) -> None:
        target = node.kind()
        if target == "prim::Constant" and node.output().type().kind() == "FunctionType":
            return  # Its calls were inlined.
        if self._is_of_context(node, target):
            return
        if target in _GRADIENT_QUESTIONS and self._gradients_off:
            self.notes.append(
                CaptureNote(
                    "warning",
                    "GradientQuestion",
                    f"{target} is asked where gradients are switched off: it is answered as where they are not",
                    self._origin(node).where,
                )
            )
        if target == "prim::GetAttr" and node.inputsAt(0).unique() in self._modules:
            self._get(node, nodes)
        elif target == "prim::SetAttr" and node.inputsAt(0).unique() in self._modules:
            self._write(node)
        elif target == "prim::PythonOp":
            raise CaptureError(
                f"the scripted model calls the Python function {node.pyname()!r} (@torch.jit.ignore), which TorchScript "
                "cannot look into",
                where=self._origin(node).where,
                action="script that function, too, or trace the model instead",
            )
        elif target == CALL_METHOD:
            self._method(node, nodes)
        else:
            nested = target in ("prim::If", "prim::Loop")
            self._depth += nested
            super()._node(node, nodes)
            self._depth -= nested

    def _is_of_context(self, node: JitNode, target: str) -> bool:
        """Whether a node makes, enters or leaves a context that changes no value (``with torch.no_grad():``)."""
        if target == "prim::CreateObject" and node.output().type().annotation_str.endswith(_CONTEXTS):
            name: str = node.output().type().annotation_str
            self._contexts[node.output().unique()] = name.endswith(("no_grad", "inference_mode"))
            return True
        if target not in ("prim::Enter", "prim::Exit", CALL_METHOD):
            return False
        off = self._contexts.get(node.inputsAt(0).unique())
        if off and target != CALL_METHOD:
            self._gradients_off += 1 if target == "prim::Enter" else -1
        return off is not None

    def _get(self, node: JitNode, nodes: list[TorchNode]) -> None:
        path, module = self._modules[node.inputsAt(0).unique()]
        name: str = node.s("name")
        output: JitValue = node.output()
        if (path, name) in self._set:
            written = self._set[path, name]
            if written is None:
                raise CaptureError(
                    f"the scripted module writes its attribute {name!r} in a branch or loop and reads it afterwards",
                    where=self._origin(node).where,
                    action="keep the value in a local variable",
                )
            self._values[output.unique()] = written
            return
        found: Any = getattr(module, name)
        below: str = f"{path}.{name}" if path else self._held.get(name, name)
        if isinstance(found, torch.jit.ScriptModule):
            self._modules[output.unique()] = (below, found)
        elif isinstance(found, torch.Tensor) and id(found) in self._weights:
            self._values[output.unique()] = self._weight(self._weights[id(found)])
        else:
            value = found.detach() if isinstance(found, torch.Tensor) else found
            mirrored = self.define(output, below)
            nodes.append(self.node("prim::Constant", (), (mirrored,), constant=value, origin=self._origin(node)))

    def _weight(self, weight: Weight) -> TorchValue:
        found = self.parameters.get(weight.name)
        if found is None:
            value = self.fresh("Tensor", next(self._names, weight.name), weight.tensor)
            found = parameter_of(value, weight)
            self.parameters[weight.name] = found
        return found.value

    def _write(self, node: JitNode) -> None:
        path, _ = self._modules[node.inputsAt(0).unique()]
        name = node.s("name")
        self._set[path, name] = self.value(node.inputsAt(1)) if self._depth == 0 else None
        below = f"{path}.{name}" if path else name
        message = f"the scripted module writes its attribute {below}; an ONNX model has no state, the write is dropped"
        self.notes.append(CaptureNote("warning", "StateWriteDropped", message, self._origin(node).where))

    def _method(self, node: JitNode, nodes: list[TorchNode]) -> None:
        receiver = self._modules.get(node.inputsAt(0).unique())
        if receiver is None:
            raise CaptureError(
                f"the method {node.s('name')!r} is called on an object that is no module",
                where=self._origin(node).where,
                action="use functions and modules only",
            )
        path, module = receiver
        name = node.s("name")
        key = (id(module), name)
        graph = self._graphs.get(key)
        if graph is None:
            graph = self._graphs[key] = normalize(script_graph(module, name))
        inputs = [self.value(node.inputsAt(index)) for index in range(1, node.inputsSize())]
        caller = self._call
        here = self._origin(node)
        # A module that calls a method of its own stays in its scope; in a trace, the hooks entered the module already.
        entered = path == (self._owner() if caller is not None else plain(here.scope))
        scope = here.scope if entered else self._paths.enter(path, here.scope)
        if name == "forward":
            self.called.setdefault(scope, module)
        self._call = Origin(scope, here.stack)
        returns = self.call(graph, receiver, inputs, nodes)
        self._call = caller
        for index, value in enumerate(returns):
            self._values[node.outputsAt(index).unique()] = value

    def _owner(self) -> str | None:
        """The path of the module whose method is being mirrored."""
        return next(iter(self._modules.values()))[0] if self._modules else None

    def _origin(self, node: JitNode) -> Origin:
        if self._call is None:
            return super()._origin(node)
        text = node.sourceRange()
        key = (text, f"{self._call.scope}\n{self._call.stack}")
        found = self._origins.get(key)
        if found is None:
            found = self._origins[key] = Origin(self._call.scope, model_rows(text) + self._call.stack)
        return found
