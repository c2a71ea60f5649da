"""``unconvertible_ops``: every operator of a model that cannot be converted, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onnx_explore.arguments import check_kwargs, check_model, make_options
from onnx_explore.capture.decompose import may_decompose
from onnx_explore.flow import Flow
from onnx_explore.lowering.resolution import resolve
from onnx_explore.lowering.structure import STRUCTURE
from onnx_explore.options import Options, TrainingMode
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import TorchGraph, TorchNode, walk


def unconvertible_ops(
    model: Any,
    args: Any,
    training: Any = TrainingMode.EVAL,
    opset_version: int | None = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    autograd_inlining: bool | None = True,
    torch_symbolics: bool = True,
) -> tuple[TorchGraph, list[str]]:
    """Capture a model and name the operators that have no symbolic function at an opset.

    An operator that PyTorch can decompose counts as convertible. As in the reference, the list is an approximation: whether
    an operator can be converted may depend on its arguments.

    Args:
        model: As for ``export``.
        args: As for ``export``.
        training: As for ``export``.
        opset_version: As for ``export``.
        kwargs: As for ``export``.
        autograd_inlining: As for ``export``.
        torch_symbolics: As for ``export``.

    Returns:
        The TorchGraph as it is before the conversion, and the operators' names, one for each node.

    Raises:
        OnnxExporterError: If the model cannot be captured, or an argument is wrong.
    """
    options = make_options(
        training=training,
        opset_version=opset_version,
        autograd_inlining=autograd_inlining,
        torch_symbolics=torch_symbolics,
    )
    check_model(model)
    check_kwargs(kwargs)
    flow = Flow(model, args, kwargs, options, None, Recorder())
    missing = [node.target for node in walk(flow.graph.block) if not _is_convertible(node, options)]
    return flow.graph, missing


def _is_convertible(node: TorchNode, options: Options) -> bool:
    if node.target in STRUCTURE or f"{node.target}.{node.overload}" in STRUCTURE:
        return True
    if resolve(node, options.opset_version, foreign=options.torch_symbolics).variant is not None:
        return True
    return node.target.startswith("aten::") and node.schema is not None and may_decompose(node.schema)
