"""What ``compat.install()`` puts in the place of ``torch.onnx``'s functions.

In: PyTorch's own functions. Out: ours, under the names of PyTorch's modules. ``export`` decides by ``dynamo`` whose turn it is.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import torch

from onnx_explore.compat.registration import register_custom_op_symbolic, unregister_custom_op_symbolic
from onnx_explore.errors import InvalidArgument
from onnx_explore.export import export
from onnx_explore.mismatch import find_mismatch
from onnx_explore.modes import disable_log, enable_log, is_in_onnx_export, select_model_mode_for_export
from onnx_explore.pretty import export_to_pretty_string
from onnx_explore.unconvertible import unconvertible_ops
from onnx_explore.verified import verify

_WITHOUT_EFFECT = ("external_data", "optimize", "fallback", "artifacts_dir")
"""Arguments of PyTorch's ``export`` that say nothing where ``dynamo`` is False."""

_OTHER_EXPORTER = ("dynamic_shapes", "custom_translation_table")
_REPORTS = ("report", "profile", "dump_exported_program")


def surface(theirs: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Our functions by PyTorch's module and name."""
    registration: dict[str, Any] = {
        "register_custom_op_symbolic": register_custom_op_symbolic,
        "unregister_custom_op_symbolic": unregister_custom_op_symbolic,
    }
    return {
        "torch.onnx": {
            "export": make_export(theirs["export"]),
            "export_to_pretty_string": export_to_pretty_string,
            "select_model_mode_for_export": select_model_mode_for_export,
            "is_in_onnx_export": is_in_onnx_export,
            "enable_log": enable_log,
            "disable_log": disable_log,
            **registration,
        },
        "torch.onnx.utils": {
            "export": legacy_export,
            "export_to_pretty_string": export_to_pretty_string,
            "select_model_mode_for_export": select_model_mode_for_export,
            "unconvertible_ops": unconvertible_ops,
            **registration,
        },
        "torch.onnx.verification": {"find_mismatch": find_mismatch, "verify": verify},
    }


def make_export(original: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.onnx.export``: ours where ``dynamo`` is False, else PyTorch's.

    Args:
        original: PyTorch's.
    """
    known = inspect.signature(original).parameters.get("dynamo")
    by_default: bool = known is not None and known.default is True

    @wraps(original)
    def export(model: Any, args: Any = (), f: Any = None, *positional: Any, **options: Any) -> Any:
        dynamo = options.get("dynamo", by_default)
        if dynamo or isinstance(model, torch.export.ExportedProgram):
            return original(model, args, f, *positional, **options)
        options.pop("dynamo", None)
        return legacy_export(model, args, f, *positional, **options)

    return export


def legacy_export(model: Any, args: Any = (), f: Any = None, *positional: Any, **options: Any) -> None:
    """``torch.onnx.export(…, dynamo=False)`` by this package: writes ``f``, returns nothing.

    Args:
        model: As for ``onnx_explore.export``.
        args: As for ``onnx_explore.export``.
        f: Where to write.
        *positional: The parameters behind ``f``, in the order of the reference.
        **options: Further parameters by name. ``verify=True`` compares with PyTorch in ONNX Runtime.

    Raises:
        InvalidArgument: If there is no ``f``, or for an argument that means only the other exporter.
        OnnxExporterError: As ``onnx_explore.export`` does.
    """
    if f is None:
        raise InvalidArgument(
            "nothing says where to write", argument="f", action="pass a path or a file, or call onnx_explore.export"
        )
    for name in _OTHER_EXPORTER:
        if options.pop(name, None):
            raise InvalidArgument(
                "it belongs to dynamo=True", argument=name, action="use dynamic_axes, or symbolic functions"
            )
    for name in _REPORTS:
        if options.pop(name, None):
            warnings.warn(f"'{name}' belongs to dynamo=True, and has no effect here", stacklevel=2)
    for name in _WITHOUT_EFFECT:
        options.pop(name, None)
    check = bool(options.pop("verify", False))
    if "verbose" in options:
        options["verbose"] = bool(options["verbose"])  # PyTorch's own default is None
    export(model, args, f, *positional, check=check, **options)
