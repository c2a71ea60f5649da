"""``export_to_pretty_string``: the exported model as text, in the compact form or as protobuf prints itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx_ir as ir

from onnx_explore.arguments import check_axes, check_kwargs, check_model, make_options, switch
from onnx_explore.axes import DynamicAxes
from onnx_explore.capture.torch_api import onnx_export_flag
from onnx_explore.emit.compact_text import compact_text
from onnx_explore.errors import InvalidArgument
from onnx_explore.export import finish
from onnx_explore.flow import Flow, Tolerances, collector_paused
from onnx_explore.modes import logged
from onnx_explore.options import OperatorExportTypes, TrainingMode
from onnx_explore.recording import Recorder

_EXPORT_TYPES = ("PROTOBUF_FILE", "ZIP_ARCHIVE", "COMPRESSED_ZIP_ARCHIVE", "DIRECTORY")


def export_to_pretty_string(
    model: Any,
    args: Any,
    export_params: bool = True,
    verbose: bool = False,
    training: Any = TrainingMode.EVAL,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    operator_export_type: Any = OperatorExportTypes.ONNX,
    export_type: Any = None,
    google_printer: bool = False,
    opset_version: int | None = None,
    keep_initializers_as_inputs: bool | None = None,
    custom_opsets: Mapping[str, int] | None = None,
    add_node_names: bool = True,
    do_constant_folding: bool = True,
    dynamic_axes: DynamicAxes | None = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    export_modules_as_functions: Any = False,
    autograd_inlining: bool | None = True,
    torch_symbolics: bool = True,
    optional_inputs: Sequence[str] | None = None,
    integer_kernels: bool = False,
) -> str:
    """Like ``export``, but returns a text form of the ONNX model.

    Args:
        model: As for ``export``.
        args: As for ``export``.
        export_params: As for ``export``.
        verbose: As for ``export``; the source lines are in the text, too.
        training: As for ``export``.
        input_names: As for ``export``.
        output_names: As for ``export``.
        operator_export_type: As for ``export``.
        export_type: Nothing is written, so there is nothing to choose; torch's export types are accepted.
        google_printer: True: protobuf's own text, which is longer; False: a compact form.
        opset_version: As for ``export``.
        keep_initializers_as_inputs: As for ``export``.
        custom_opsets: As for ``export``.
        add_node_names: Whether nodes are named; shows in protobuf's text only.
        do_constant_folding: As for ``export``.
        dynamic_axes: As for ``export``.
        kwargs: As for ``export``.
        export_modules_as_functions: As for ``export``.
        autograd_inlining: As for ``export``.
        torch_symbolics: As for ``export``.
        optional_inputs: As for ``export``.
        integer_kernels: As for ``export``.

    Returns:
        The text.

    Raises:
        OnnxExporterError: As ``export`` does.
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
    google_printer, add_node_names = switch(google_printer, "google_printer"), switch(add_node_names, "add_node_names")
    if export_type is not None and getattr(export_type, "name", str(export_type).upper()) not in _EXPORT_TYPES:
        raise InvalidArgument(
            f"{export_type!r} is no export type", argument="export_type", action="leave it out: nothing is written"
        )
    check_model(model)
    check_kwargs(kwargs)
    check_axes(dynamic_axes)
    with collector_paused(), logged(options.verbose), onnx_export_flag():
        flow = Flow(model, args, kwargs, options, dynamic_axes, Recorder())
        flow.lower()
        exported = finish(flow, None, check=False, tolerances=Tolerances(), external_data=None)
    if not google_printer:
        return compact_text(exported.model, doc_strings=options.verbose)
    proto = ir.to_proto(exported.model)
    if not add_node_names:
        for node in [*proto.graph.node, *(node for function in proto.functions for node in function.node)]:
            node.ClearField("name")
    return str(proto)
