"""``verify``: export a model in memory, run it, and assert that it gives what PyTorch gives, for any number of inputs.

In: a model and arguments. Out: nothing, or an ``AssertionError`` in the words of ``torch.testing``. (``export(check=True)`` is
ours: it also checks the specification and other sizes of dynamic axes.)
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.arguments import check_axes, check_kwargs, check_model, make_options, switch
from onnx_explore.axes import DynamicAxes
from onnx_explore.capture.captured import feeds_of, one_each
from onnx_explore.capture.inputs import open_call
from onnx_explore.capture.rerun import make_rerun
from onnx_explore.check.agreement import assert_agreement, run_for
from onnx_explore.check.graph_info import VerificationOptions
from onnx_explore.errors import InvalidArgument
from onnx_explore.flow import MODES, Flow
from onnx_explore.options import OperatorExportTypes, TrainingMode
from onnx_explore.recording import Recorder
from onnx_explore.writing import write_model


def verify(
    model: Any,
    input_args: Any,
    input_kwargs: Mapping[str, Any] | None = None,
    do_constant_folding: bool = True,
    dynamic_axes: DynamicAxes | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    training: Any = TrainingMode.EVAL,
    opset_version: int | None = None,
    keep_initializers_as_inputs: bool = True,
    verbose: bool = False,
    fixed_batch_size: bool = False,
    use_external_data: bool = False,
    additional_test_inputs: Sequence[Any] | None = None,
    options: VerificationOptions | None = None,
    *,
    operator_export_type: Any = OperatorExportTypes.ONNX,
    custom_opsets: Mapping[str, int] | None = None,
    export_modules_as_functions: Any = False,
    autograd_inlining: bool | None = True,
    torch_symbolics: bool = True,
    optional_inputs: Sequence[str] | None = None,
    integer_kernels: bool = False,
) -> None:
    """Verify that the exported model gives what PyTorch gives.

    Args:
        model: As for ``export``.
        input_args: As ``args`` of ``export``.
        input_kwargs: Keyword arguments of the call.
        do_constant_folding: As for ``export``.
        dynamic_axes: As for ``export``.
        input_names: As for ``export``.
        output_names: As for ``export``.
        training: As for ``export``.
        opset_version: As for ``export``.
        keep_initializers_as_inputs: As for ``export``.
        verbose: Print the ONNX graph.
        fixed_batch_size: Of the reference's recurrent tests; sizes are as ``dynamic_axes`` says here, whatever it is.
        use_external_data: Write the model with its weights in a file beside it, and run that file.
        additional_test_inputs: Further arguments, each as ``input_args``; None for an input of ``optional_inputs`` leaves it out.
        options: Tolerances and what runs the ONNX model.
        operator_export_type: As for ``export``.
        custom_opsets: As for ``export``.
        export_modules_as_functions: As for ``export``.
        autograd_inlining: As for ``export``.
        torch_symbolics: As for ``export``.
        optional_inputs: As for ``export``.
        integer_kernels: As for ``export``.

    Raises:
        AssertionError: If ONNX and PyTorch disagree.
        OnnxExporterError: If the model cannot be exported or run.
    """
    made = make_options(
        do_constant_folding=do_constant_folding,
        input_names=input_names,
        output_names=output_names,
        training=training,
        opset_version=opset_version,
        keep_initializers_as_inputs=keep_initializers_as_inputs,
        verbose=verbose,
        operator_export_type=operator_export_type,
        custom_opsets=custom_opsets,
        export_modules_as_functions=export_modules_as_functions,
        autograd_inlining=autograd_inlining,
        torch_symbolics=torch_symbolics,
        optional_inputs=optional_inputs,
        integer_kernels=integer_kernels,
    )
    check_model(model)
    check_kwargs(input_kwargs)
    check_axes(dynamic_axes)
    switch(fixed_batch_size, "fixed_batch_size")
    flow = Flow(model, input_args, input_kwargs, made, dynamic_axes, Recorder())
    flow.lower()
    onnx_model = flow.complete()
    if verbose:
        print(flow.text(onnx_model))  # noqa: T201 (asked for)
    with tempfile.TemporaryDirectory() as folder:
        if switch(use_external_data, "use_external_data"):
            path = Path(folder) / "model.onnx"
            write_model(onnx_model, path, external_data=True)
            onnx_model = ir.load(path)
        _compare(model, flow, onnx_model, additional_test_inputs or (), options or VerificationOptions())


def _compare(model: Any, flow: Flow, onnx_model: ir.Model, more: Sequence[Any], options: VerificationOptions) -> None:
    rerun = make_rerun(model, flow.captured, MODES[flow.options.training])
    kept = [item.onnx_name for item in one_each(flow.captured.inputs)]
    if options.remained_onnx_input_idx is not None:
        kept = [name for index, name in enumerate(kept) if index in options.remained_onnx_input_idx]
    first = tuple(item.example for item in flow.captured.inputs)
    calls: list[tuple[Sequence[torch.Tensor | None], tuple[torch.Tensor, ...]]] = [(first, flow.captured.eager)]
    for args in more:
        tensors = _tensors(model, args, flow)
        calls.append((tensors, rerun(tensors)))
    for tensors, expected in calls:
        named = feeds_of(flow.captured.inputs, tensors)
        feeds = {name: item for name, item in named.items() if name in kept}
        assert_agreement(run_for(onnx_model, feeds, options), expected, options)


def _tensors(model: Any, args: Any, flow: Flow) -> tuple[torch.Tensor | None, ...]:
    """The tensors of a call, None for an optional input that it leaves out."""
    call = open_call(model, args, None, None)
    given = {item.path: item.tensor for item in call.inputs}
    wanted = {item.path: item.name for item in flow.captured.inputs}
    left_out = wanted.keys() - given.keys()
    if given.keys() <= wanted.keys() and all(wanted[path] in flow.options.optional_inputs for path in left_out):
        return tuple(given.get(path) for path in wanted)
    if len(call.inputs) != len(flow.captured.inputs):
        raise InvalidArgument(
            f"they hold {len(call.inputs)} tensors, and input_args {len(flow.captured.inputs)}",
            argument="additional_test_inputs",
        )
    return tuple(item.tensor for item in call.inputs)
