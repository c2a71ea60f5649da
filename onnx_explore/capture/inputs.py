"""The caller's arguments: from the forms that the reference takes to graph inputs with names.

In: ``args`` (a tensor, a tuple, a tuple that ends in a dict of named arguments) and ``kwargs``. Out: a ``Call``:
positional and named arguments, their tensors in order with a name and a path each, and the structure to put them back.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from onnx_explore.capture.captured import CaptureNote
from onnx_explore.capture.containers import Leaf, Path, Structure, flatten, holds_tensors, path_name, path_text
from onnx_explore.capture.torch_api import SchemaPart, has_pre_hooks, script_arguments
from onnx_explore.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class CallInput:
    """One tensor of the call.

    Attributes:
        name: Unique name.
        path: Such as ``args[0]`` or ``kwargs['mask']``.
        tensor: The caller's tensor; 0-d for a number.
        number: The type of a number that a scripted model takes as input, else None.
        sequence: Name of the list that it is an element of, if a scripted model takes one; else ``""``.
    """

    name: str
    path: str
    tensor: torch.Tensor
    number: type[int | float | bool] | None = None
    sequence: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the model, taken apart.

    Attributes:
        args: Positional arguments.
        kwargs: Named arguments.
        inputs: The tensors among them (and the numbers, for a scripted model), in order.
        leaves: All leaves, tensors and constants.
        structure: Rebuilds ``(args, kwargs)`` around leaves.
        notes: Constants among the arguments.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[CallInput, ...]
    leaves: tuple[Leaf, ...]
    structure: Structure
    notes: tuple[CaptureNote, ...]

    @property
    def count(self) -> int:
        """How many inputs the ONNX graph has: a list of tensors is one."""
        return len({item.sequence or item.name for item in self.inputs})

    @property
    def constants(self) -> dict[str, Any]:
        """What is no input and not None, by path."""
        paths = {item.path for item in self.inputs}
        found = {_where(leaf.path): leaf.value for leaf in self.leaves if leaf.value is not None}
        return {path: value for path, value in found.items() if path not in paths}

    def arguments(self, tensors: Sequence[torch.Tensor | None]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and named arguments, with other tensors (or None) in place of the inputs."""
        given = {item.path: (item, tensor) for item, tensor in zip(self.inputs, tensors, strict=True)}
        leaves: list[Any] = []
        for leaf in self.leaves:
            item, tensor = given.get(_where(leaf.path), (None, None))
            if item is None:
                leaves.append(leaf.value)
            else:
                leaves.append(tensor if tensor is None or item.number is None else item.number(tensor.item()))
        return self.structure(leaves)


def split_arguments(args: Any, kwargs: Mapping[str, Any] | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and named arguments of a call.

    A trailing dict holds named arguments; an empty one says that there are none, so that a dict can be the last
    positional argument. With ``kwargs`` given, a trailing dict in ``args`` is a positional argument.

    Raises:
        InvalidArgument: If the trailing dict has keys that cannot name arguments.
    """
    if isinstance(args, (tuple, list)) and not hasattr(cast(Any, args), "_fields"):
        positional = tuple(cast("Sequence[Any]", args))
    else:
        positional = (args,)
    if kwargs is not None:
        return positional, dict(kwargs)
    if not positional or not isinstance(positional[-1], dict):
        return positional, {}
    named = cast("dict[Any, Any]", positional[-1])
    strange = [key for key in named if not isinstance(key, str)]
    if strange:
        raise InvalidArgument(
            f"the dict at the end of args names arguments, but {strange[0]!r} is no name",
            argument="args",
            action="end args with an empty dict, as in args=(x, {1: y}, {}), to pass the dict itself",
        )
    return positional[:-1], dict(named)


def open_call(
    model: Callable[..., Any],
    args: Any,
    kwargs: Mapping[str, Any] | None,
    input_names: Sequence[str] | None,
) -> Call:
    """Takes a call apart, before anything runs. For a scripted model, numbers are inputs too.

    Args:
        model: What is called.
        args: As ``split_arguments`` takes them.
        kwargs: Likewise.
        input_names: The user's names.

    Returns:
        The call, taken apart.

    Raises:
        InvalidArgument: If the model cannot be called so, or an argument is a container that nobody registered.
    """
    positional, named = split_arguments(args, kwargs)
    left_out: list[str] = []
    if kwargs is None and len(positional) < (len(args) if isinstance(args, (tuple, list)) else 1):
        named, left_out = _named_in_order(model, positional, named)
    scripted = isinstance(model, (torch.jit.ScriptModule, torch.jit.ScriptFunction))
    declared = script_arguments(model) if scripted else None
    roots = (
        argument_names(model, positional, named) if declared is None else declared_names(declared, positional, named)
    )
    leaves, structure = flatten((positional, named))
    inputs: list[CallInput] = []
    notes = [
        CaptureNote("info", "ConstantInput", f"the argument {name!r} is not given and has no default: it is None")
        for name in left_out
    ]
    names = Names(input_names or ())
    lists = {} if declared is None else _declared_lists(declared, positional, named)
    sequences: dict[Path, str] = {}
    for leaf in leaves:
        text = _where(leaf.path)
        number = _number(leaf.value) if declared is not None else None
        if isinstance(leaf.value, torch.Tensor) or number is not None:
            root, sequence = roots[leaf.path[0], leaf.path[1]], ""
            if leaf.path[:2] in lists:
                if leaf.path[:2] not in sequences:
                    sequences[leaf.path[:2]] = names.take(root)
                sequence = sequences[leaf.path[:2]]
                name = names.unique(f"{sequence}_{leaf.path[2]}")
            else:
                name = names.take(root, leaf.path[2:])
            # TorchScript's float is a double.
            dtype = torch.float64 if number is float else None
            tensor = leaf.value if number is None else torch.tensor(leaf.value, dtype=dtype)
            inputs.append(CallInput(name, text, tensor, number, sequence))
        elif holds_tensors(leaf.value):
            raise InvalidArgument(
                f"{text} is a {type(leaf.value).__qualname__}, which holds tensors, but is no registered container",
                argument=text,
                action="pass its tensors in a tuple, list, dict or dataclass, "
                "or register it with torch.utils._pytree.register_pytree_node",
            )
        elif leaf.value is not None:
            notes.append(
                CaptureNote("info", "ConstantInput", f"{text} = {_short(leaf.value)} is hard-coded into the graph")
            )
    return Call(positional, named, tuple(inputs), tuple(leaves), structure, tuple(notes))


def _named_in_order(
    model: Callable[..., Any], positional: tuple[Any, ...], named: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The arguments of a dict at the end of ``args``, as the reference has them: in the order of the model's parameters, which
    the names of the inputs follow; one that is not there and has no default is None.

    Args:
        model: What is called.
        positional: Its positional arguments.
        named: Its named arguments.

    Returns:
        The named arguments, and the names of those that were filled in.
    """
    if isinstance(model, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        declared = script_arguments(model)
        known = [item.name for item in declared]
        # TorchScript knows which arguments may be None.
        optional = [
            item.name for item in declared[len(positional) :] if not item.has_default and item.type.endswith("?")
        ]
        left_out = [name for name in optional if name not in named]
    else:
        signature = _signature(model)
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        parameters = [] if signature is None else [item for item in signature.parameters.values() if item.kind in kinds]
        known = [item.name for item in parameters]
        left_out = [
            item.name
            for index, item in enumerate(parameters)
            if item.default is inspect.Parameter.empty and item.name not in named
            if item.kind is inspect.Parameter.KEYWORD_ONLY or index >= len(positional)
        ]
    given = {**named, **dict.fromkeys(left_out)}
    order = [name for name in known if name in given]
    return {name: given[name] for name in (*order, *(name for name in given if name not in order))}, left_out


def _declared_lists(declared: Sequence[SchemaPart], positional: Sequence[Any], named: Mapping[str, Any]) -> set[Path]:
    """Paths of the arguments that a scripted model declares as ``List[Tensor]`` and that hold some."""
    given = [((0, index), argument, positional[index]) for index, argument in enumerate(declared[: len(positional)])]
    given += [((1, argument.name), argument, named[argument.name]) for argument in declared if argument.name in named]
    return {
        path for path, argument, value in given if argument.type == "Tensor[]" and isinstance(value, list) and value
    }


def check_name_count(input_names: Sequence[str] | None, inputs: int, parameters: int) -> None:
    """Refuses more names than there are inputs and parameters.

    Raises:
        InvalidArgument: If there are too many.
    """
    if input_names is not None and len(input_names) > inputs + parameters:
        raise InvalidArgument(
            f"{len(input_names)} names for {inputs} inputs and {parameters} parameters",
            argument="input_names",
            action="name the inputs first, then (if at all) the parameters",
        )


class Names:
    """Unique names: the user's first, then made from paths.

    Args:
        given: The user's names, in order.
    """

    __slots__ = ("_given", "_position", "_taken")

    def __init__(self, given: Iterable[str]) -> None:
        self._given = list(given)
        self._position = 0
        self._taken: set[str] = set(self._given)
        if len(self._taken) < len(self._given):
            twice = next(name for name in self._given if self._given.count(name) > 1)
            raise InvalidArgument(f"the name {twice!r} is given twice", action="give each a name of its own")

    def take(self, root: str, path: Path = ()) -> str:
        """The next name: the user's if there is one left, else one made of ``root`` and ``path``."""
        position = self._position
        self._position += 1
        if position < len(self._given):
            return self._given[position]
        return self.unique("_".join(part for part in (root, path_name(path)) if part))

    def unique(self, wanted: str) -> str:
        """``wanted``, or with a number that makes it new."""
        name, number = wanted, 1
        while name in self._taken:
            name = f"{wanted}_{number}"
            number += 1
        self._taken.add(name)
        return name


def argument_names(
    model: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[tuple[int, int | str], str]:
    """The parameter's name for each argument: keys are ``(0, position)`` and ``(1, keyword)``.

    Raises:
        InvalidArgument: If the model's ``forward`` does not take these arguments.
    """
    roots: dict[tuple[int, int | str], str] = {(1, key): key for key in kwargs}
    signature = _signature(model)
    if signature is None:
        single = len(args) == 1
        roots.update({(0, index): "input" if single else f"input_{index}" for index in range(len(args))})
        return roots
    _check_binding(model, signature, args, kwargs)
    rest = ""
    names: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            rest = parameter.name
            break
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY or parameter.kind is inspect.Parameter.VAR_KEYWORD:
            break
        names.append(parameter.name)
    for index in range(len(args)):
        roots[0, index] = names[index] if index < len(names) else f"{rest or 'input'}_{index - len(names)}"
    return roots


def declared_names(
    declared: Sequence[SchemaPart], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[tuple[int, int | str], str]:
    """``argument_names`` for a scripted model.

    Raises:
        InvalidArgument: If it does not take these arguments.
    """
    names = [argument.name for argument in declared]
    signature = f"forward({', '.join(f'{argument.name}: {argument.type}' for argument in declared)})"
    problem = ""
    if len(args) > len(names):
        problem = f"too many positional arguments: {len(args)} for {len(names)}"
    for key in kwargs:
        if key not in names:
            problem = f"got an unexpected keyword argument {key!r}"
        elif names.index(key) < len(args):
            problem = f"multiple values for argument {key!r}"
    for argument in declared[len(args) :]:
        if argument.name not in kwargs and not argument.has_default:
            problem = problem or f"missing a required argument: {argument.name!r}"
    if problem:
        raise InvalidArgument(
            f"{problem}; the model takes {signature}", argument="args", action="give args (and kwargs) as it is called"
        )
    roots: dict[tuple[int, int | str], str] = {(1, key): key for key in kwargs}
    roots.update({(0, index): names[index] for index in range(len(args))})
    return roots


def _number(value: object) -> type[int | float | bool] | None:
    """The type of a number, else None."""
    return next((kind for kind in (bool, int, float) if type(value) is kind), None)


def _forward(model: Callable[..., Any]) -> Callable[..., Any]:
    return model.forward if isinstance(model, torch.nn.Module) else model


def _signature(model: Callable[..., Any], *, follow: bool = True) -> inspect.Signature | None:
    """The signature of ``forward``; None where Python knows none (builtins) or it is compiled."""
    if isinstance(model, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        return None
    try:
        return inspect.signature(_forward(model), follow_wrapped=follow)
    except (ValueError, TypeError):
        # inspect's only way to say that a builtin has no signature.
        return None


def _check_binding(
    model: Callable[..., Any], signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """A decorated ``forward`` may take what the function inside does not: it is refused only if both refuse."""
    outer = _signature(model, follow=False)
    problem = _problem(signature, args, kwargs)
    if problem is None or outer is None or (outer != signature and _problem(outer, args, kwargs) is None):
        return
    if isinstance(model, torch.nn.Module) and has_pre_hooks(model):
        return  # A pre-hook may change the arguments.
    what = "forward" if isinstance(model, torch.nn.Module) else getattr(_unwrapped(model), "__name__", "the function")
    raise InvalidArgument(
        f"{problem}; the model takes {what}{signature}",
        argument="args",
        action="give args (and kwargs) as the model is called",
    )


def _unwrapped(model: Any) -> Any:
    return model.func if isinstance(model, functools.partial) else model


def _problem(signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return str(error)
    return None


def _where(path: Path) -> str:
    """``args[0]…`` or ``kwargs['mask']…``."""
    return path_text("args" if path[0] == 0 else "kwargs", path[1:])


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
