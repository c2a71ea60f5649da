"""The weights and buffers of a model, in the order and under the names of its ``state_dict``.

In: a module, a function, a ``functools.partial`` or a bound method. Out: the modules that it runs, and their tensors.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch

from onnx_explore.errors import InvalidArgument
from onnx_explore.torch_ir import Parameter, TorchValue

NamedModules = list[tuple[str, torch.nn.Module]]


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter or buffer.

    Attributes:
        name: Its first name in ``state_dict``.
        tensor: The live tensor.
        trainable: True for an ``nn.Parameter``, False for a buffer.
        aliases: Further names of the same tensor.
    """

    name: str
    tensor: torch.Tensor
    trainable: bool
    aliases: tuple[str, ...] = ()


def parameter_of(value: TorchValue, weight: Weight) -> Parameter:
    """The graph's parameter for a weight."""
    return Parameter(value, weight.name, weight.tensor, weight.trainable, weight.aliases)


def root_modules(model: Callable[..., Any]) -> NamedModules:
    """The modules that a model runs, with the prefix of their names.

    A module is its own root. A bound method's root is its module; a function's roots are the modules in its closure, a
    partial's those among its arguments too, named as there.
    """
    found: dict[torch.nn.Module, str] = {}
    _find_roots(model, "", found)
    return [(name, module) for module, name in found.items()]


def _find_roots(model: Any, name: str, found: dict[torch.nn.Module, str]) -> None:
    if isinstance(model, torch.nn.Module):
        found.setdefault(model, name)
    elif isinstance(model, functools.partial):
        partial = cast("functools.partial[Any]", model)
        _find_roots(partial.func, name, found)
        for index, value in enumerate(partial.args):
            _find_in_value(value, f"{index}", found)
        for key, value in partial.keywords.items():
            _find_in_value(value, key, found)
    elif isinstance(model, types.MethodType):
        _find_in_value(model.__self__, "", found)
    elif isinstance(model, types.FunctionType):
        cells = zip(model.__code__.co_freevars, model.__closure__ or (), strict=True)
        for key, cell in cells:
            _find_in_value(_content(cell), key, found)


def _find_in_value(value: Any, name: str, found: dict[torch.nn.Module, str]) -> None:
    if isinstance(value, (torch.nn.Module, functools.partial, types.MethodType)):
        _find_roots(value, name, found)


def _content(cell: types.CellType) -> Any:
    """A cell's content; a name that was not assigned yet has none."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def all_modules(roots: NamedModules) -> NamedModules:
    """Every module below the roots, under each of its paths, outermost first."""
    modules: NamedModules = []
    for prefix, root in roots:
        modules.extend(root.named_modules(prefix=prefix, remove_duplicate=False))
    return modules


def weights_of(modules: NamedModules) -> list[Weight]:
    """Parameters and buffers, each once; tied ones keep their other names as aliases.

    Raises:
        InvalidArgument: If a lazy module was never run: its weights do not exist yet.
    """
    weights: dict[int, Weight] = {}
    for name, tensor, trainable in _tensors(modules):
        if torch.nn.parameter.is_lazy(tensor):
            raise InvalidArgument(
                f"the lazy parameter {name} has no shape yet", argument="model", action="run the model once before"
            )
        known = weights.get(id(tensor))
        if known is None:
            weights[id(tensor)] = Weight(name, tensor, trainable)
        elif name != known.name:
            weights[id(tensor)] = replace(known, aliases=(*known.aliases, name))
    return list(weights.values())


def _tensors(modules: Sequence[tuple[str, torch.nn.Module]]) -> Iterator[tuple[str, torch.Tensor, bool]]:
    for path, module in modules:
        prefix = f"{path}." if path else ""
        for name, parameter in module.named_parameters(recurse=False):
            yield prefix + name, parameter, True
        for name, buffer in module.named_buffers(recurse=False):
            yield prefix + name, buffer, False
