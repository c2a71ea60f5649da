"""The documented parameters of ``export``, checked before anything runs, as ``Options``.

In: what the user passed. Out: ``Options``, or one ``InvalidArgument`` that names the parameter, what is wrong and what to write.
torch's own enums are taken as well as ours, by their names; so are the names as strings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from numbers import Real
from typing import Any, TypeVar, cast

import numpy as np
import torch

from onnx_explore.axes import named_axes
from onnx_explore.errors import InvalidArgument
from onnx_explore.flow import check_opset
from onnx_explore.options import DEFAULT_OPSET, OperatorExportTypes, Options, TrainingMode
from onnx_explore.recording import Recorder
from onnx_explore.writing import check_target

FIRST_WITH_FUNCTIONS = 15
"""The first opset whose IR version (8) has local functions."""

_Enum = TypeVar("_Enum", bound=Enum)


def make_options(
    *,
    export_params: bool = True,
    verbose: bool = False,
    training: Any = TrainingMode.EVAL,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    operator_export_type: Any = OperatorExportTypes.ONNX,
    opset_version: int | None = None,
    do_constant_folding: bool = True,
    keep_initializers_as_inputs: bool | None = None,
    custom_opsets: Mapping[str, int] | None = None,
    export_modules_as_functions: Any = False,
    autograd_inlining: bool | None = True,
    torch_symbolics: bool = True,
    optional_inputs: Sequence[str] | None = None,
    integer_kernels: bool = False,
) -> Options:
    """Options from the documented parameters.

    Raises:
        InvalidArgument: For a value that is of no use.
    """
    opset = DEFAULT_OPSET if opset_version is None else number(opset_version)
    check_opset(opset)
    kind = enum_member(OperatorExportTypes, operator_export_type, "operator_export_type")
    if keep_initializers_as_inputs is None:
        keep = kind is not OperatorExportTypes.ONNX
    else:
        keep = switch(keep_initializers_as_inputs, "keep_initializers_as_inputs")
    inputs, outputs = _names("input_names", input_names), _names("output_names", output_names)
    both = next((name for name in outputs if name in inputs), None)
    if both is not None:
        raise InvalidArgument(
            f"'{both}' is the name of an input, too", argument="output_names", action="make the names unique"
        )
    return Options(
        opset_version=opset,
        export_params=switch(export_params, "export_params"),
        verbose=switch(verbose, "verbose"),
        training=enum_member(TrainingMode, training, "training"),
        input_names=inputs,
        output_names=outputs,
        do_constant_folding=switch(do_constant_folding, "do_constant_folding"),
        keep_initializers_as_inputs=keep,
        custom_opsets=_custom_opsets(custom_opsets),
        operator_export_type=kind,
        export_modules_as_functions=_module_types(export_modules_as_functions, opset),
        autograd_inlining=True if autograd_inlining is None else switch(autograd_inlining, "autograd_inlining"),
        torch_symbolics=switch(torch_symbolics, "torch_symbolics"),
        optional_inputs=_names("optional_inputs", optional_inputs),
        integer_kernels=switch(integer_kernels, "integer_kernels"),
    )


def options_for(caller: str, given: Mapping[str, Any]) -> Options:
    """Options from the parameters that a function passes on by name.

    Raises:
        InvalidArgument: For an unknown name, or a value that is of no use.
    """
    try:
        return make_options(**given)
    except TypeError as error:
        raise InvalidArgument(str(error).replace("make_options", caller), action="see help(export)") from error


def check_call(
    model: Any,
    *,
    kwargs: Any,
    dynamic_axes: Any,
    rtol: Any,
    atol: Any,
    f: Any = None,
    recorder: Any = None,
    external_data: Any = None,
) -> None:
    """What ``export``, ``explore`` and ``audit`` check of their other arguments before the model runs.

    Raises:
        InvalidArgument: Naming the argument.
        WriteError: If ``f`` could not be written to.
    """
    check_model(model)
    check_kwargs(kwargs)
    check_axes(dynamic_axes)
    check_tolerance(rtol, "rtol")
    check_tolerance(atol, "atol")
    if recorder is not None and not isinstance(recorder, Recorder):
        raise InvalidArgument(
            f"it is a {type(recorder).__qualname__}",
            argument="recorder",
            action="pass an onnx_explore.recording.Recorder",
        )
    if f is not None:
        check_target(f, with_data=optional_switch(external_data, "external_data") is True)


def check_model(model: Any) -> None:
    """Refuse what cannot be exported at all.

    Raises:
        InvalidArgument: If it cannot be called, or is a class.
    """
    if isinstance(model, type):
        raise InvalidArgument(
            f"the class {model.__name__} is not a model",
            argument="model",
            action=f"pass an object: {model.__name__}(…)",
        )
    if not callable(model):
        raise InvalidArgument(
            f"a {type(model).__qualname__} cannot be called",
            argument="model",
            action="pass a torch.nn.Module, a ScriptModule or a function",
        )


def check_kwargs(kwargs: Any) -> None:
    """Refuse keyword arguments that are none.

    Raises:
        InvalidArgument: If it is not a mapping with names as keys.
    """
    if kwargs is None:
        return
    if not isinstance(kwargs, Mapping):
        raise InvalidArgument(
            f"it is a {type(kwargs).__qualname__}", argument="kwargs", action="pass a dict of arguments"
        )
    strange = next((key for key in cast("Mapping[Any, Any]", kwargs) if not isinstance(key, str)), None)
    if strange is not None:
        raise InvalidArgument(f"{strange!r} is not an argument's name", argument="kwargs")


def check_axes(dynamic_axes: Any) -> None:
    """Refuse ``dynamic_axes`` that can fit no model. Names and ranks are checked against the captured model.

    Raises:
        InvalidArgument: If it is not a mapping, a key is not a string, or an axis or its name is none.
    """
    if dynamic_axes is None:
        return
    example = 'write {"x": {0: "batch"}} or {"x": [0]}'
    if not isinstance(dynamic_axes, Mapping):
        raise InvalidArgument(f"it is a {type(dynamic_axes).__qualname__}", argument="dynamic_axes", action=example)
    for name, axes in cast("Mapping[Any, Any]", dynamic_axes).items():
        if not isinstance(name, str):
            raise InvalidArgument(f"{name!r} is not the name of a value", argument="dynamic_axes", action=example)
        named_axes(name, axes)


def check_tolerance(value: Any, argument: str) -> None:
    """Refuse a tolerance that is not a number from 0 on.

    Raises:
        InvalidArgument: Naming the argument.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Real) or not float(value) >= 0:
        raise InvalidArgument(f"{value!r} is not a number from 0 on", argument=argument)


def number(value: Any) -> Any:
    """A number of NumPy's as Python's; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def switch(value: Any, argument: str) -> bool:
    """True or False; 1 and 0, and NumPy's, stand for them.

    Raises:
        InvalidArgument: For anything else: ``"False"`` is true.
    """
    plain = number(value)
    if isinstance(plain, int | bool) and plain in (0, 1):
        return bool(plain)
    raise InvalidArgument(f"{value!r} is neither True nor False", argument=argument)


def optional_switch(value: Any, argument: str) -> bool | None:
    """As ``switch``, or None.

    Raises:
        InvalidArgument: For anything else.
    """
    return None if value is None else switch(value, argument)


def enum_member(kind: type[_Enum], item: Any, argument: str) -> _Enum:
    """The member of our enum that an object names: our own, torch's, or its name as a string.

    Raises:
        InvalidArgument: Listing the members.
    """
    name = item if isinstance(item, str) else getattr(item, "name", None)
    if name not in kind.__members__:
        members = ", ".join(f"{kind.__name__}.{each}" for each in kind.__members__)
        raise InvalidArgument(f"{item!r} is none of {members}", argument=argument, action="use one of these")
    return kind[cast(str, name)]


def _names(argument: str, names: Any) -> tuple[str, ...]:
    if names is None:
        return ()
    if not isinstance(names, Sequence) or isinstance(names, str | bytes):
        kind = "a string" if isinstance(names, str) else f"a {type(names).__qualname__}"
        raise InvalidArgument(f"it is {kind}", argument=argument, action="pass a list of strings")
    result: tuple[Any, ...] = tuple(names)
    for name in result:
        if not isinstance(name, str) or not name:
            raise InvalidArgument(f"{name!r} is not a non-empty string", argument=argument)
    if len(set(result)) < len(result):
        twice = next(name for name in result if result.count(name) > 1)
        raise InvalidArgument(f"'{twice}' stands there twice", argument=argument, action="make the names unique")
    return result


def _custom_opsets(opsets: Any) -> dict[str, int]:
    if opsets is None:
        return {}
    if not isinstance(opsets, Mapping):
        raise InvalidArgument(
            f"it is a {type(opsets).__qualname__}", argument="custom_opsets", action='write {"my.domain": 1}'
        )
    result: dict[str, int] = {}
    for domain, version in cast("Mapping[Any, Any]", opsets).items():
        if not isinstance(domain, str):
            raise InvalidArgument(f"{domain!r} is not the name of a domain", argument="custom_opsets")
        if domain in ("", "ai.onnx"):
            raise InvalidArgument(
                "the default domain is not a custom one", argument="custom_opsets", action="use opset_version"
            )
        version = number(version)
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise InvalidArgument(f"version {version!r} of '{domain}' is not a positive int", argument="custom_opsets")
        result[domain] = version
    return result


def _is_module_class(entry: Any) -> bool:
    return isinstance(entry, type) and issubclass(entry, torch.nn.Module)


def _module_types(item: Any, opset: int) -> bool | frozenset[type]:
    argument = "export_modules_as_functions"
    if isinstance(item, set | frozenset | list | tuple):
        entries: tuple[Any, ...] = tuple(item)  # pyright: ignore[reportUnknownArgumentType]
        strange = next((entry for entry in entries if not _is_module_class(entry)), None)
        if strange is not None:
            raise InvalidArgument(
                f"{strange!r} is not a class of torch.nn.Module", argument=argument, action="write {torch.nn.Linear}"
            )
        chosen: bool | frozenset[type] = frozenset(entries)
    else:
        try:
            chosen = switch(item, argument)
        except InvalidArgument as error:
            raise InvalidArgument(
                f"{item!r} is neither True nor False nor a set of classes", argument=argument
            ) from error
    if chosen and opset < FIRST_WITH_FUNCTIONS:
        raise InvalidArgument(
            f"local functions need opset {FIRST_WITH_FUNCTIONS} (IR version 8), and the export is for opset {opset}",
            argument=argument,
            action=f"export with opset_version={FIRST_WITH_FUNCTIONS} or newer",
        )
    return chosen
