"""``export``: the documented function, over the flow."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from onnx_explore.arguments import check_call, make_options, optional_switch, switch
from onnx_explore.axes import DynamicAxes
from onnx_explore.capture.torch_api import onnx_export_flag
from onnx_explore.check.samples import CAPTURED_ONLY, Trials, check_samples
from onnx_explore.errors import InvalidArgument
from onnx_explore.exported import Exported
from onnx_explore.flow import Flow, Tolerances, collector_paused
from onnx_explore.modes import logged
from onnx_explore.options import OperatorExportTypes, TrainingMode
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
    samples: Sequence[Any] | int | None = None,
    external_data: bool | None = None,
    record: bool = True,
    recorder: Recorder | None = None,
    torch_symbolics: bool = True,
    optional_inputs: Sequence[str] | None = None,
    integer_kernels: bool = False,
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
        operator_export_type: ``ONNX``; ``ONNX_ATEN``: operators of ATen stay ATen's (one node ``ATen`` of the domain
            ``org.pytorch.aten`` each, which names the operator); ``ONNX_ATEN_FALLBACK``: only those that cannot be converted;
            ``ONNX_FALLTHROUGH``: those, whatever their namespace, as nodes of their own domain.
        opset_version: 7 … 28; default 17.
        do_constant_folding: Compute at export what does not depend on an input.
        dynamic_axes: Which dimensions may differ when the model runs: name → {axis: symbol} or [axis, …]. A symbol may be an
            expression over others, such as ``past + seq``.
        keep_initializers_as_inputs: Weights as graph inputs, too. None: only if ``operator_export_type`` is not ``ONNX``.
            Always so before opset 9.
        custom_opsets: Versions of custom domains.
        export_modules_as_functions: Module calls become local functions: of all modules, or of these classes; in scripted models,
            too. From opset 15 on. What became no function is noted.
        autograd_inlining: Replace an ``autograd.Function`` without symbolic function by what its forward did.
        kwargs: Keyword arguments of the call, besides those at the end of ``args``.
        check: Run ``onnx.checker`` and ONNX Runtime, compare with PyTorch, and raise if they disagree.
        rtol: Relative tolerance of the check; default by element type.
        atol: Absolute tolerance of the check; default by element type.
        samples: More arguments to check with, each as ``args``; or how many to draw from the captured ones.
        external_data: Weights into a file beside the model: always (True), never (False), above 2 GiB (None).
        record: Note which sizes and tensors left the trace as Python values.
        recorder: Receives the events while they happen.
        torch_symbolics: Whether symbolic functions that others registered with ``torch.onnx.register_custom_op_symbolic``
            are used.
        optional_inputs: Inputs of a scripted model, declared as ``Optional[Tensor]``, that may be a tensor or None when the
            ONNX model runs; ``args`` has a tensor for them, whose dtype and shape they get. From opset 15 on.
        integer_kernels: Of quantized models. False: PyTorch's own arithmetic, so that the integers are PyTorch's. True: the form
            that ONNX Runtime makes one integer kernel of (convolutions are some four times faster); each of them may be
            one step off, and what comes behind may make more of it.

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
        optional_inputs=optional_inputs,
        integer_kernels=integer_kernels,
    )
    check_call(
        model,
        kwargs=kwargs,
        dynamic_axes=dynamic_axes,
        rtol=rtol,
        atol=atol,
        f=f,
        recorder=recorder,
        external_data=external_data,
    )
    check, record = switch(check, "check"), switch(record, "record")
    check_samples(samples)
    if samples is not None and not check:
        raise InvalidArgument("samples are for the check", argument="samples", action="pass check=True as well")
    external_data = optional_switch(external_data, "external_data")
    recorder = recorder if recorder is not None else Recorder()
    with collector_paused(), logged(options.verbose), onnx_export_flag():
        flow = Flow(model, args, kwargs, options, dynamic_axes, recorder, record_conversions=record)
        trials = flow.trials(samples)
        flow.lower()
        tolerances = Tolerances(rtol, atol)
        return finish(flow, f, check=check, tolerances=tolerances, trials=trials, external_data=external_data)


def finish(
    flow: Flow,
    f: str | os.PathLike[str] | BinaryIO | None,
    *,
    check: bool,
    tolerances: Tolerances,
    trials: Trials = CAPTURED_ONLY,
    external_data: bool | None,
    raise_on_failure: bool = True,
    show: Callable[[str], None] = print,
) -> Exported:
    """Everything after the lowering: ONNX passes, check, file. Used by ``export`` and by the explorer."""
    model = flow.complete()
    if flow.options.verbose:
        show(flow.text(model))
    report = flow.check(model, tolerances, trials) if check else None
    if report is not None and raise_on_failure:
        report.raise_if_failed()
    path = None
    if f is not None:
        write_model(model, f, external_data=external_data, cancelled=flow.recorder.cancelled)
        path = os.fspath(f) if isinstance(f, str | os.PathLike) else None
    return Exported(model, flow.recorder.recording, report, path)
