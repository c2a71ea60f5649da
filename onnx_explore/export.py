"""``export``: the documented function, over the flow."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, BinaryIO

from onnx_explore.axes import DynamicAxes
from onnx_explore.emit.printing import onnx_text
from onnx_explore.errors import InvalidArgument, NotAvailable
from onnx_explore.exported import Exported
from onnx_explore.flow import Flow, Tolerances, collector_paused
from onnx_explore.options import DEFAULT_OPSET, OperatorExportTypes, Options, TrainingMode
from onnx_explore.recording import Recorder
from onnx_explore.writing import write_model


def export(
    model: Any,
    args: Any,
    f: str | os.PathLike[str] | BinaryIO | None = None,
    export_params: bool = True,
    verbose: bool = False,
    training: Any = TrainingMode.EVAL,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    operator_export_type: Any = OperatorExportTypes.ONNX,
    opset_version: int | None = None,
    do_constant_folding: bool = True,
    dynamic_axes: DynamicAxes | None = None,
    keep_initializers_as_inputs: bool | None = None,
    custom_opsets: Mapping[str, int] | None = None,
    export_modules_as_functions: Any = False,
    autograd_inlining: bool | None = True,
    *,
    kwargs: Mapping[str, Any] | None = None,
    check: bool = False,
    rtol: float | None = None,
    atol: float | None = None,
    external_data: bool | None = None,
    record: bool = True,
    recorder: Recorder | None = None,
    torch_symbolics: bool = True,
) -> Exported:
    """Export a PyTorch model to ONNX.

    The parameters up to ``autograd_inlining`` are those of the reference, in its order. A model that is not scripted is run
    once and traced.

    Args:
        model: ``torch.nn.Module``, function, ``ScriptModule`` or ``ScriptFunction``.
        args: A tensor; a tuple of positional arguments; or a tuple that ends with a dict of keyword arguments (an empty
            dict at the end lets a dict be the last positional argument).
        f: A path, a binary file object, or None to write nothing.
        export_params: False: weights become graph inputs instead of initializers.
        verbose: Print the graph, and put source locations into each node's ``doc_string``.
        training: Mode in which the model is captured.
        input_names: Names of the inputs, then of the parameters; may be shorter.
        output_names: Names of the outputs; may be shorter.
        operator_export_type: Only ``ONNX`` so far.
        opset_version: 7 … 28; default 17.
        do_constant_folding: Compute at export what does not depend on an input.
        dynamic_axes: Which dimensions may differ when the model runs: name → {axis: symbol} or [axis, …].
        keep_initializers_as_inputs: Weights as graph inputs, too; default False. Always so before opset 9.
        custom_opsets: Versions of custom domains.
        export_modules_as_functions: Only False so far.
        autograd_inlining: Export what the forward of an ``autograd.Function`` does, where nothing says how to export the
            function itself.
        kwargs: Keyword arguments of the call, besides those at the end of ``args``.
        check: Run ``onnx.checker`` and ONNX Runtime, compare with PyTorch, and raise if they disagree.
        rtol: Relative tolerance of the check; default by element type.
        atol: Absolute tolerance of the check; default by element type.
        external_data: Weights into a file beside the model: always (True), never (False), above 2 GiB (None).
        record: Note which sizes and tensors left the trace as Python values.
        recorder: Receives the events while they happen.
        torch_symbolics: Whether symbolic functions that others registered with ``torch.onnx.register_custom_op_symbolic``
            are used.

    Returns:
        The exported model.

    Raises:
        OnnxExporterError: Every failure; see ``onnx_explore.errors``. No half-written file is left.
    """
    options = make_options(
        export_params=export_params,
        verbose=verbose,
        training=training,
        input_names=input_names,
        output_names=output_names,
        operator_export_type=operator_export_type,
        opset_version=opset_version,
        do_constant_folding=do_constant_folding,
        keep_initializers_as_inputs=keep_initializers_as_inputs,
        custom_opsets=custom_opsets,
        export_modules_as_functions=export_modules_as_functions,
        autograd_inlining=autograd_inlining,
        torch_symbolics=torch_symbolics,
    )
    recorder = recorder if recorder is not None else Recorder()
    with collector_paused():
        flow = Flow(model, args, kwargs, options, dynamic_axes, recorder, record_conversions=record)
        flow.lower()
        return finish(flow, f, check=check, tolerances=Tolerances(rtol, atol), external_data=external_data)


def finish(
    flow: Flow,
    f: str | os.PathLike[str] | BinaryIO | None,
    *,
    check: bool,
    tolerances: Tolerances,
    external_data: bool | None,
    raise_on_failure: bool = True,
    show: Callable[[str], None] = print,
) -> Exported:
    """Everything after the lowering: ONNX passes, check, file. Used by ``export`` and by the explorer."""
    model = flow.complete()
    if flow.options.verbose:
        show(onnx_text(model))
    report = flow.check(model, tolerances) if check else None
    if report is not None and raise_on_failure:
        report.raise_if_failed()
    path = None
    if f is not None:
        write_model(model, f, external_data=external_data, cancelled=flow.recorder.cancelled)
        path = os.fspath(f) if isinstance(f, str | os.PathLike) else None
    return Exported(model, flow.recorder.recording, report, path)


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
) -> Options:
    """Options from the documented parameters.

    Raises:
        InvalidArgument: For a value that is of no use.
        NotAvailable: For a documented value that this version cannot do yet.
    """
    if _name(operator_export_type) != "ONNX":
        raise NotAvailable(
            f"{_name(operator_export_type)} is not available yet", argument="operator_export_type", action="use ONNX"
        )
    if export_modules_as_functions:
        raise NotAvailable(
            "local functions are not available yet", argument="export_modules_as_functions", action="use False"
        )
    return Options(
        opset_version=DEFAULT_OPSET if opset_version is None else opset_version,
        export_params=bool(export_params),
        verbose=bool(verbose),
        training=_training(training),
        input_names=_names("input_names", input_names),
        output_names=_names("output_names", output_names),
        do_constant_folding=bool(do_constant_folding) and _training(training) is TrainingMode.EVAL,
        keep_initializers_as_inputs=bool(keep_initializers_as_inputs),
        custom_opsets=_custom_opsets(custom_opsets),
        autograd_inlining=autograd_inlining is not False,
        torch_symbolics=bool(torch_symbolics),
    )


def _name(item: Any) -> str:
    """The name behind our enum, torch's own, or a string."""
    return str(item.name if isinstance(item, Enum) else getattr(item, "name", item))


def _training(item: Any) -> TrainingMode:
    name = _name(item)
    if name not in TrainingMode.__members__:
        raise InvalidArgument(
            f"{item!r} is not a training mode", argument="training", action="use TrainingMode.EVAL, PRESERVE or TRAINING"
        )
    return TrainingMode[name]


def _names(argument: str, names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return ()
    if isinstance(names, str):
        raise InvalidArgument("it is a string", argument=argument, action="pass a list of strings")
    result = tuple(names)
    for name in result:
        if not isinstance(name, str) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"{name!r} is not a non-empty string", argument=argument)
    if len(set(result)) < len(result):
        twice = next(name for name in result if result.count(name) > 1)
        raise InvalidArgument(f"'{twice}' stands there twice", argument=argument, action="make the names unique")
    return result


def _custom_opsets(opsets: Mapping[str, int] | None) -> dict[str, int]:
    for domain, version in (opsets or {}).items():
        if domain in ("", "ai.onnx"):
            raise InvalidArgument(
                "the default domain is not a custom one", argument="custom_opsets", action="use opset_version"
            )
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"version {version!r} of '{domain}' is not a positive int", argument="custom_opsets")
    return dict(opsets or {})
