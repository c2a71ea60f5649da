"""Every name and parameter of the reference, and the decorator with which a test says that it proves some of them.

The reference is PyTorch's documentation of the TorchScript-based exporter. ``tests/api/table.py`` makes the table of the guide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

_F = TypeVar("_F", bound=Callable[..., Any])

REQUIRED = object()

_EXPORT: dict[str, Any] = {
    "model": REQUIRED,
    "args": REQUIRED,
    "f": REQUIRED,
    "export_params": True,
    "verbose": False,
    "training": torch.onnx.TrainingMode.EVAL,
    "input_names": None,
    "output_names": None,
    "operator_export_type": torch.onnx.OperatorExportTypes.ONNX,
    "opset_version": None,
    "do_constant_folding": True,
    "dynamic_axes": None,
    "keep_initializers_as_inputs": None,
    "custom_opsets": None,
    "export_modules_as_functions": False,
    "autograd_inlining": True,
}

FUNCTIONS: dict[str, dict[str, Any]] = {
    "export": _EXPORT,
    "export_to_pretty_string": {
        "model": REQUIRED,
        "args": REQUIRED,
        "export_params": True,
        "verbose": False,
        "training": torch.onnx.TrainingMode.EVAL,
        "input_names": None,
        "output_names": None,
        "operator_export_type": torch.onnx.OperatorExportTypes.ONNX,
        "export_type": None,
        "google_printer": False,
        "opset_version": None,
        "keep_initializers_as_inputs": None,
        "custom_opsets": None,
        "add_node_names": True,
        "do_constant_folding": True,
        "dynamic_axes": None,
    },
    "register_custom_op_symbolic": {"symbolic_name": REQUIRED, "symbolic_fn": REQUIRED, "opset_version": REQUIRED},
    "unregister_custom_op_symbolic": {"symbolic_name": REQUIRED, "opset_version": REQUIRED},
    "select_model_mode_for_export": {"model": REQUIRED, "mode": REQUIRED},
    "is_in_onnx_export": {},
    "enable_log": {},
    "disable_log": {},
    "verification.find_mismatch": {
        "model": REQUIRED,
        "input_args": REQUIRED,
        "do_constant_folding": True,
        "training": torch.onnx.TrainingMode.EVAL,
        "opset_version": None,
        "keep_initializers_as_inputs": True,
        "verbose": False,
        "options": None,
    },
    "utils.unconvertible_ops": {"model": REQUIRED, "args": REQUIRED, "opset_version": None},
}
"""Function → its parameters in the reference's order, with their defaults. Of ``unconvertible_ops`` it shows a call only."""

VALUES: dict[str, tuple[str, ...]] = {
    "export.args": (
        "a tuple of arguments",
        "a tensor",
        "a tuple that ends with a dictionary",
        "a dict as the last argument",
    ),
    "export.f": ("a path", "a file object"),
    "export.export_params": ("True", "False"),
    "export.verbose": ("True", "doc_string"),
    "export.training": ("EVAL", "PRESERVE", "TRAINING"),
    "export.input_names": ("a partial list", "inputs, then parameters"),
    "export.output_names": ("a partial list",),
    "export.operator_export_type": ("ONNX", "ONNX_FALLTHROUGH", "ONNX_ATEN", "ONNX_ATEN_FALLBACK"),
    "export.opset_version": ("None", "7 to 17 and newer"),
    "export.do_constant_folding": ("True", "False"),
    "export.dynamic_axes": ("dict of names", "list with automatic names"),
    "export.keep_initializers_as_inputs": ("True", "False", "None"),
    "export.custom_opsets": ("given", "not mentioned: version 1"),
    "export.export_modules_as_functions": ("True", "a set of types", "annotated attributes", "inferred attributes"),
    "export.autograd_inlining": ("True", "False"),
    "export_to_pretty_string.google_printer": ("False", "True"),
    "export_to_pretty_string.add_node_names": ("False",),
}
"""Parameter → the values and behaviours that the reference tells apart."""

NAMES: tuple[str, ...] = (
    "JitScalarType",
    "OperatorExportTypes",
    "TrainingMode",
    "errors.CheckerError",
    "errors.OnnxExporterError",
    "errors.UnsupportedOperatorError",
    "symbolic_helper.parse_args",
    "verification.GraphInfo",
    "verification.VerificationOptions",
)
"""Classes, errors and decorators."""

EXAMPLES: tuple[str, ...] = (
    "AlexNet from PyTorch to ONNX",
    "Tracing and scripting",
    "Avoid NumPy and built-in Python types",
    "Avoid Tensor.data",
    "Avoid in-place operations when using tensor.shape in tracing mode",
    "Dict and str inputs and outputs",
    "Tuples and lists in scripts",
    "Indexing: reads",
    "Indexing: writes",
    "A symbolic function for an operator",
    "Symbolic function of aten::elu",
    "Static symbolic method",
    "Inline autograd function",
    "ONNX-script functions",
    "C++ operators",
    "Discovering all unconvertible ATen ops at once",
    "An LSTM with dynamic sizes",
    "Primitive type inputs",
    "Implicit scalar casting",
    "Lists of tensors",
    "ONNX_ATEN_FALLBACK",
    "SumModule and dynamic_axes",
    "find_mismatch",
)
"""The reference's examples and answers, by heading."""


def everything() -> list[str]:
    """All keys, in the order of the table."""
    keys: list[str] = []
    for function, parameters in FUNCTIONS.items():
        keys.append(function)
        for parameter in parameters:
            keys.append(f"{function}.{parameter}")
            keys.extend(f"{function}.{parameter}: {value}" for value in VALUES.get(f"{function}.{parameter}", ()))
    keys.extend(NAMES)
    keys.extend(f"example: {name}" for name in EXAMPLES)
    return keys


_KNOWN = frozenset(everything())


def proves(*keys: str) -> Callable[[_F], _F]:
    """Decorator: the test proves these entries of the reference. Changes nothing; ``table.py`` reads it in the source."""
    unknown = [key for key in keys if key not in _KNOWN]
    assert not unknown, f"the reference has no {unknown}"
    return lambda function: function
