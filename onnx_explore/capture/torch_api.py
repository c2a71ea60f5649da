"""The only file that touches private torch symbols, besides ``compat/``.

In: nothing. Out: ``api()``, one frozen ``TorchApi`` whose fields are the private functions that the capture needs. All
are looked up once, at the first capture; one that is missing is an ``UnsupportedTorch`` that names it and its version.
Graphs, nodes and values of ``torch._C`` are ``Any`` for the type checker: their stubs are incomplete.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch

from onnx_explore.errors import InvalidArgument, UnsupportedTorch

JitGraph = Any
JitBlock = Any
JitNode = Any
JitValue = Any
JitType = Any
TracingState = Any

OLDEST = (2, 6)


@dataclass(frozen=True, slots=True)
class TorchApi:
    """The private functions of torch, found and ready.

    Attributes:
        create_graph: ``torch._C._create_graph_by_tracing``.
        tracing_state: The thread's tracing state, or None.
        set_tracing_state: Replaces it.
        last_value: The number of the value that a trace made last (of its last input, at its beginning).
        get_value_trace: The graph value that stands for a tensor; one that the trace does not know becomes a constant.
        set_value_trace: Says which graph value stands for a tensor.
        create_function: Makes a runnable ``ScriptFunction`` of a graph.
        parse_schema: Reads an operator's schema line.
        run_inline: ``torch._C._jit_pass_inline``: calls become the callee's nodes, in place.
        tracer_warning: The class of the tracer's warnings.
        optimized_execution: ``torch.jit.optimized_execution``.
        create_script_module: Compiles an ``nn.Module``.
        export_flag: The object and the name of its attribute that ``torch.onnx.is_in_onnx_export()`` reads.
        supported_containers: Whether pytree can take a class apart and name its parts.
        flatten_one_level: Children with keys, and a function that puts the container together again.
    """

    create_graph: Callable[..., tuple[JitGraph, Any]]
    tracing_state: Callable[[], TracingState]
    set_tracing_state: Callable[[TracingState], None]
    last_value: Callable[[TracingState], int]
    get_value_trace: Callable[[torch.Tensor], JitValue]
    set_value_trace: Callable[[torch.Tensor, JitValue], None]
    create_function: Callable[[str, JitGraph], Callable[..., Any]]
    parse_schema: Callable[[str], Any]
    run_inline: Callable[[JitGraph], None]
    tracer_warning: type[Warning]
    optimized_execution: Callable[[bool], contextlib.AbstractContextManager[None]]
    create_script_module: Callable[..., Any]
    export_flag: tuple[Any, str]
    supported_containers: Callable[[type], bool]
    flatten_one_level: Callable[[Any], tuple[list[tuple[Any, Any]], Callable[[Sequence[Any]], Any]]]


def _symbol(path: str) -> Any:
    """The object at ``path``, a dotted path below a module that exists."""
    module_name, _, names = path.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for name in names.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise UnsupportedTorch(
            f"PyTorch {torch.__version__} has no {path.replace(':', '.')}",
            action=f"use a PyTorch from {OLDEST[0]}.{OLDEST[1]} on that onnx_explore was tested with",
        ) from error
    return found


_METHODS = (
    "Graph.copy",
    "Graph.findAllNodes",
    "Graph.insertConstant",
    "Graph.return_node",
    "Node.prev",
    "Node.sourceRange",
    "Node.scopeName",
    "Node.schema",
    "TracingState.graph",
    "Value.toIValue",
)


@cache
def api() -> TorchApi:
    """The private functions, looked up once.

    Raises:
        UnsupportedTorch: If PyTorch is too old or one is missing.
    """
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2] if part.isdigit())
    if version < OLDEST:
        raise UnsupportedTorch(
            f"PyTorch {torch.__version__} is too old", action=f"install torch>={OLDEST[0]}.{OLDEST[1]}"
        )
    for path in _METHODS:
        _symbol(f"torch:_C.{path}")
    pytree = _symbol("torch.utils:_pytree")
    for path in ("SUPPORTED_NODES", "tree_flatten_with_path", "tree_unflatten"):
        _symbol(f"torch.utils._pytree:{path}")
    _symbol("torch.backends.mha:set_fastpath_enabled")
    _symbol("torch.backends.mha:get_fastpath_enabled")

    def supported(kind: type) -> bool:
        definition = pytree.SUPPORTED_NODES.get(kind)
        return definition is not None and definition.flatten_with_keys_fn is not None

    def one_level(container: Any) -> tuple[list[tuple[Any, Any]], Callable[[Sequence[Any]], Any]]:
        pairs, spec = pytree.tree_flatten_with_path(container, is_leaf=_other_than(container))
        keyed = [(_key(path[0]), child) for path, child in pairs]
        return keyed, lambda children: pytree.tree_unflatten(list(children), spec)

    return TorchApi(
        create_graph=_symbol("torch:_C._create_graph_by_tracing"),
        tracing_state=_symbol("torch:_C._get_tracing_state"),
        set_tracing_state=_symbol("torch:_C._set_tracing_state"),
        last_value=_last_value,
        get_value_trace=_symbol("torch:_C._get_value_trace"),
        set_value_trace=_symbol("torch:_C._set_value_trace"),
        create_function=_symbol("torch:_C._create_function_from_graph"),
        parse_schema=_symbol("torch:_C.parse_schema"),
        run_inline=_symbol("torch:_C._jit_pass_inline"),
        tracer_warning=_symbol("torch:jit.TracerWarning"),
        optimized_execution=_symbol("torch:jit.optimized_execution"),
        create_script_module=_symbol("torch.jit._recursive:create_script_module"),
        export_flag=_export_flag(),
        supported_containers=supported,
        flatten_one_level=one_level,
    )


_EXPORT_FLAGS = (
    ("torch.onnx._internal.exporter._flags", "", "_is_onnx_exporting"),
    ("torch.onnx._globals", "GLOBALS", "in_onnx_export"),
)
"""Where versions of PyTorch keep what ``torch.onnx.is_in_onnx_export()`` says: module, object in it, attribute."""


def _export_flag() -> tuple[Any, str]:
    for module, name, attribute in _EXPORT_FLAGS:
        try:
            owner = importlib.import_module(module)
        except ImportError:
            continue
        owner = getattr(owner, name) if name else owner
        before = getattr(owner, attribute)
        setattr(owner, attribute, not before)
        try:
            if torch.onnx.is_in_onnx_export() != before:
                return owner, attribute
        finally:
            setattr(owner, attribute, before)
    places = ", ".join(module for module, _, _ in _EXPORT_FLAGS)
    raise UnsupportedTorch(
        f"PyTorch {torch.__version__} keeps torch.onnx.is_in_onnx_export() in none of {places}",
        action=f"use a PyTorch from {OLDEST[0]}.{OLDEST[1]} on that onnx_explore was tested with",
    )


@dataclass(frozen=True, slots=True)
class DecompositionApi:
    """What ``decompose`` needs of torch's tracing of single operators.

    Attributes:
        decompositions: PyTorch's core decompositions, by overload.
        is_composite: Whether PyTorch runs an operator as a composition of others.
        make_fx: Traces a function of tensors to an fx graph of overloads.
        fake_mode: Makes the mode in which tensors have no values; its sizes may be symbols.
        fake: Makes a tensor of that mode, with these sizes symbols; named by a number.
        fixed: Symbols of a mode that got a fixed value, as text.
        data_dependent: The exception for a size that depends on values.
        valueless: The exception for an operator that cannot run on tensors without values.
    """

    decompositions: dict[Any, Callable[..., Any]]
    is_composite: Callable[[Any], bool]
    make_fx: Callable[..., Callable[..., torch.fx.GraphModule]]
    fake_mode: Callable[[], Any]
    fake: Callable[[Any, torch.Tensor, Sequence[bool], int], torch.Tensor]
    fixed: Callable[[Any], list[str]]
    data_dependent: type[Exception]
    valueless: type[Exception]


@cache
def decomposition_api() -> DecompositionApi:
    """The private functions of ``decompose``, looked up at the first operator that needs it (the import takes a second).

    Raises:
        UnsupportedTorch: If one is missing.
    """
    shapes = "torch.fx.experimental.symbolic_shapes:"
    shape_env = _symbol(f"{shapes}ShapeEnv")
    dynamism = _symbol(f"{shapes}DimDynamic")
    context = _symbol(f"{shapes}StatelessSymbolicContext")
    mode = _symbol("torch._subclasses.fake_tensor:FakeTensorMode")
    source = _symbol("torch._dynamo.source:ConstantSource")
    key = _symbol("torch:_C.DispatchKey").CompositeImplicitAutograd
    has_kernel: Callable[[str], bool] = _symbol("torch:_C._dispatch_has_kernel")

    def fake_mode() -> Any:
        return mode(shape_env=shape_env(duck_shape=False, specialize_zero_one=True), allow_non_fake_inputs=True)

    def fake(made: Any, tensor: torch.Tensor, moving: Sequence[bool], number: int) -> torch.Tensor:
        sizes = [dynamism.DYNAMIC if each else dynamism.STATIC for each in moving]
        symbolic = context(dynamic_sizes=sizes)
        return made.from_tensor(tensor, symbolic_context=symbolic, source=source(f"x{number}"))

    def fixed(made: Any) -> list[str]:
        return [str(symbol) for symbol, value in made.shape_env.replacements.items() if value.is_number]

    return DecompositionApi(
        decompositions=dict(_symbol("torch._decomp:core_aten_decompositions")()),
        # What TorchScript alone runs (prim::is_nested) is no operator of the dispatcher, and raises when it is asked.
        is_composite=lambda overload: has_kernel(overload.name()) and bool(overload.has_kernel_for_dispatch_key(key)),
        make_fx=_symbol("torch.fx.experimental.proxy_tensor:make_fx"),
        fake_mode=fake_mode,
        fake=fake,
        fixed=fixed,
        data_dependent=_symbol(f"{shapes}GuardOnDataDependentSymNode"),
        valueless=_symbol("torch._subclasses.fake_tensor:UnsupportedOperatorException"),
    )


def _last_value(state: TracingState) -> int:
    node = state.graph().return_node().prev()
    while not node.outputsSize():  # an operator without a result, such as a print
        node = node.prev()
    return node.outputsAt(node.outputsSize() - 1).unique()


def _other_than(container: Any) -> Callable[[Any], bool]:
    return lambda node: node is not container


def _key(entry: Any) -> Any:
    """The index, key or attribute name of a pytree key entry."""
    if hasattr(entry, "name"):
        return f".{entry.name}"
    return entry.idx if hasattr(entry, "idx") else entry.key


@contextlib.contextmanager
def onnx_export_flag() -> Generator[None]:
    """``torch.onnx.is_in_onnx_export()`` is true inside: models in the wild ask it."""
    owner, name = api().export_flag
    before = getattr(owner, name)
    setattr(owner, name, True)
    try:
        yield
    finally:
        setattr(owner, name, before)


def is_exporting() -> bool:
    """What ``torch.onnx.is_in_onnx_export()`` says."""
    return bool(getattr(*api().export_flag))


@contextlib.contextmanager
def fused_paths_off() -> Generator[None]:
    """No fused inference kernels inside: they depend on ``requires_grad``, and hide the operators that we want to see.

    The one switch covers ``nn.MultiheadAttention``, ``nn.TransformerEncoderLayer`` and the nested tensors of
    ``nn.TransformerEncoder``.
    """
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextlib.contextmanager
def checkpoints_off() -> Generator[None]:
    """``torch.utils.checkpoint`` calls the function itself inside, also where it would do so in an ``autograd.Function``.

    What it saves is of no use without a backward pass, and PyTorch cannot record an ``autograd.Function`` that uses weights which
    it was not given as arguments. Other threads go on as ever.
    """
    owner: Any = _symbol("torch.utils.checkpoint:CheckpointFunction")
    before = vars(owner).get("apply")

    original: Callable[..., Any] = owner.apply
    capturing = threading.get_ident()

    def apply(run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        if threading.get_ident() != capturing:  # somebody else trains meanwhile
            return original(run_function, preserve_rng_state, *args)
        return run_function(*args)

    owner.apply = staticmethod(apply)
    try:
        yield
    finally:
        if before is None:
            del owner.apply
        else:
            owner.apply = before


@contextlib.contextmanager
def tracing_paused() -> Generator[None]:
    """Nothing that runs inside is recorded."""
    torch_api = api()
    state = torch_api.tracing_state()
    torch_api.set_tracing_state(None)
    try:
        yield
    finally:
        torch_api.set_tracing_state(state)


def version_of(tensor: torch.Tensor) -> int | None:
    """How often a tensor was written to, or None where PyTorch does not count (inference tensors)."""
    return None if tensor.is_inference() else tensor._version


def storage_of(tensor: torch.Tensor) -> int:
    """A number that two tensors share if they share storage; 0 for tensors without storage."""
    if tensor.layout != torch.strided or tensor.is_mkldnn:
        return 0
    return cast(Any, tensor.untyped_storage())._cdata


@dataclass(frozen=True, slots=True)
class SchemaPart:
    """One argument or return of a schema, as ``torch._C`` tells it."""

    name: str
    type: str
    default: Any
    has_default: bool
    kwarg_only: bool
    alias: str
    written: bool


def schema_parts(text: str) -> tuple[str, str, tuple[SchemaPart, ...], tuple[SchemaPart, ...]]:
    """Name, overload, arguments and returns of a schema line."""
    parsed = api().parse_schema(text)
    return parsed.name, parsed.overload_name, _parts(parsed.arguments), _parts(parsed.returns)


def _parts(arguments: Any) -> tuple[SchemaPart, ...]:
    parts: list[SchemaPart] = []
    for argument in arguments:
        alias = argument.alias_info
        names = sorted(name.rsplit("::", 1)[-1] for name in alias.before_set) if alias is not None else []
        parts.append(
            SchemaPart(
                name=argument.name,
                type=kind_of(argument.real_type.annotation_str),
                default=argument.default_value,
                has_default=argument.has_default_value(),
                kwarg_only=argument.kwarg_only,
                alias=names[0] if names else "",
                written=alias is not None and alias.is_write,
            )
        )
    return tuple(parts)


@cache
def kind_of(annotation: str) -> str:
    """A type as a schema prints it: ``List[Optional[Tensor]]`` is ``Tensor?[]``, ``number`` is ``Scalar``."""
    if annotation == "number":
        return "Scalar"
    head, bracket, rest = annotation.partition("[")
    if not bracket or not rest.endswith("]"):
        return annotation
    parts = [kind_of(part) for part in _split(rest[:-1])]
    match head:
        case "List":
            return f"{parts[0]}[]"
        case "Optional":
            return f"{parts[0]}?"
        case "Tuple":
            return f"({', '.join(parts)})"
        case "Dict":
            return f"Dict({', '.join(parts)})"
        case _:
            return annotation


def _split(text: str) -> list[str]:
    """Comma-separated parts at bracket depth zero."""
    parts: list[str] = []
    depth = start = 0
    for position, char in enumerate(text):
        if char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part and part != "()"]


CALL_METHOD = "onnx_explore::CallMethod"


def script_graph(model: Any, method: str = "") -> JitGraph:
    """The graph of a scripted module's method or of a scripted function. Not ours to change."""
    return model._c._get_method(method).graph if method else model.graph


def inline_functions(graph: JitGraph) -> JitGraph:
    """A copy whose calls of scripted functions are inlined, and whose method calls stand as ``CALL_METHOD``.

    Torch's pass inlines both, so the method calls are given another name while it runs.
    """
    methods, functions = graph.findAllNodes("prim::CallMethod"), graph.findAllNodes("prim::CallFunction")
    if not methods and not functions:
        return graph
    copied = graph.copy()
    for node in copied.findAllNodes("prim::CallMethod"):
        call = copied.create(CALL_METHOD, list(node.inputs()), node.outputsSize())
        call.s_("name", node.s("name"))
        call.copyMetadata(node)
        call.insertBefore(node)
        for before, after in zip(node.outputs(), call.outputs(), strict=True):
            after.copyMetadata(before)
            before.replaceAllUsesWith(after)
        node.destroy()
    copied = copied.copy()  # numbers the values anew: those of the calls take the place of what they stand for
    api().run_inline(copied)
    return copied


def module_holder(modules: Sequence[torch.nn.Module], objects: Sequence[torch.ScriptObject] = ()) -> Any:
    """A scripted module that holds what the tracer must know: scripted modules as its attributes ``m0``, ``m1`` …, objects
    of C++ classes as ``p0``, ``p1`` ….
    """
    holder = torch.nn.Module()
    for index, module in enumerate(modules):
        holder.add_module(f"m{index}", module)
    for index, item in enumerate(objects):
        setattr(holder, f"p{index}", item)
    return api().create_script_module(holder, _no_stubs, share_types=False)


def _no_stubs(_: torch.nn.Module) -> tuple[()]:
    return ()


def compiled_object(module: Any) -> Any:
    """The object of ``torch._C`` behind a scripted module."""
    return module._c


def object_class(item: torch.ScriptObject) -> str:
    """The qualified name of the class of an object that C++ made."""
    return str(cast(Any, item)._type().qualified_name())


def object_state(item: torch.ScriptObject) -> tuple[Any, ...]:
    """What an object with packed weights would write to a file.

    Raises:
        UnsupportedTorch: If this PyTorch writes something else than what is known.
    """
    state = cast(Any, item).__getstate__()[0]
    if not isinstance(state, tuple):
        raise UnsupportedTorch(f"PyTorch {torch.__version__} writes a {object_class(item)} in an unknown way")
    return cast("tuple[Any, ...]", state)


def has_pre_hooks(module: torch.nn.Module) -> bool:
    """Whether hooks may change the arguments of a module's call."""
    return bool(cast(Any, module)._forward_pre_hooks)


def script_arguments(model: Any) -> list[SchemaPart]:
    """The arguments of a scripted module's ``forward`` (without self) or of a scripted function.

    Raises:
        InvalidArgument: If there is no ``forward``, as in a scripted ``nn.LSTM``, where it is overloaded.
    """
    module = isinstance(model, torch.jit.ScriptModule)
    if module and "forward" not in model._c._method_names():
        raise InvalidArgument(
            f"the scripted {model.original_name} has no method 'forward' that could be called",
            argument="model",
            action="script a module that calls it, or export it without scripting it",
        )
    schema = model._c._get_method("forward").schema if module else model.schema
    return list(_parts(schema.arguments))[1 if module else 0 :]


def written_attributes(modules: Sequence[Any]) -> set[str]:
    """Names of attributes that any method of these scripted modules writes (but the one that loads them from a file)."""
    names: set[str] = set()
    for module in modules:
        for method in set(module._c._method_names()) - {"__setstate__"}:
            for node in module._c._get_method(method).graph.findAllNodes("prim::SetAttr"):
                names.add(node.s("name"))
    return names


def has_script_hooks(module: Any) -> bool:
    """Whether compiled hooks run around a scripted module's ``forward``."""
    return bool(module._c._get_forward_hooks() or module._c._get_forward_pre_hooks())


def script_class(module: Any) -> tuple[type | None, str]:
    """The class that a scripted module was made from, if PyTorch remembers it, and the qualified name of its script type.

    A model that was loaded has the name alone; one that was traced, an empty class that stands for it.
    """
    concrete = getattr(module, "_concrete_type", None)
    kind = getattr(concrete, "py_class", None)
    known = isinstance(kind, type) and issubclass(kind, torch.nn.Module) and not hasattr(kind, "_jit_override_qualname")
    return (kind if known else None), str(module._c._type().qualified_name())


def without_compilation(model: Any) -> Any:
    """What ``torch.compile`` wrapped: it refuses to run while PyTorch records."""
    if "torch._dynamo" not in sys.modules:
        return model
    wrapped = getattr(model, "_orig_mod", None)
    return wrapped if isinstance(wrapped, torch.nn.Module) else getattr(model, "_torchdynamo_orig_callable", model)


def switch_compilation_off(module: torch.nn.Module) -> None:
    """Makes a module that ``torch.compile`` wrapped, or ``Module.compile`` changed, run uncompiled.

    Only changes the module's own attributes, which the guard restores.
    """
    attributes = vars(module)
    if attributes.get("_compiled_call_impl") is not None:
        attributes["_compiled_call_impl"] = None
    wrapped = without_compilation(module)
    if wrapped is not module and "forward" in attributes:
        attributes["forward"] = wrapped.forward
