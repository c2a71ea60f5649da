"""PyTorch → ONNX, step by step: our own TorchScript-based exporter, and the tools to see what it does.

- ``export(model, args, f, ...)`` exports; the result is an ``Exported``.
- ``audit(model, args, dynamic_axes)`` proves each dynamic axis, or names the line that baked a size; the result is an ``Audit``.
- ``explore(model, args, ...)`` gives an ``Exploration``: the same export, which can be stepped, paused, questioned.
- ``symbolic("aten::x")`` and ``register_custom_op_symbolic`` register symbolic functions,
  ``unregister_custom_op_symbolic`` takes one back.
- The rest of the reference is here under its own names: ``import onnx_explore as torch_onnx``, then ``torch_onnx.verification``,
  ``torch_onnx.utils``, ``torch_onnx.symbolic_helper``, ``torch_onnx.JitScalarType``, ``export_to_pretty_string``,
  ``OperatorExportTypes``, ``TrainingMode``, ``select_model_mode_for_export``, ``is_in_onnx_export``, ``enable_log``,
  ``disable_log`` …
- ``%load_ext onnx_explore`` brings the magics (``%onnx_export model x`` …).
- ``errors`` has every failure, by a stable code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx_explore import errors, symbolic_helper, utils, verification
from onnx_explore.auditing import Audit, audit
from onnx_explore.compat import register_custom_op_symbolic, unregister_custom_op_symbolic
from onnx_explore.compat.installing import provide
from onnx_explore.compat.scalar_types import JitScalarType
from onnx_explore.compat.styles import symbolic
from onnx_explore.explore.exploration import Exploration, explore
from onnx_explore.export import export
from onnx_explore.exported import Exported
from onnx_explore.migration import surface
from onnx_explore.modes import disable_log, enable_log, is_in_onnx_export, select_model_mode_for_export
from onnx_explore.options import OperatorExportTypes, TrainingMode
from onnx_explore.pretty import export_to_pretty_string

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"

__all__ = [
    "Audit",
    "Exploration",
    "Exported",
    "JitScalarType",
    "OperatorExportTypes",
    "TrainingMode",
    "__version__",
    "audit",
    "disable_log",
    "enable_log",
    "errors",
    "explore",
    "export",
    "export_to_pretty_string",
    "is_in_onnx_export",
    "register_custom_op_symbolic",
    "select_model_mode_for_export",
    "symbolic",
    "symbolic_helper",
    "unregister_custom_op_symbolic",
    "utils",
    "verification",
]


class _FrontEnd:
    """The notebook's front end, imported when something is shown for the first time."""

    def widget(self, exploration: Exploration) -> Any:
        from onnx_explore.notebook.widgets import NotebookFrontEnd

        return NotebookFrontEnd().widget(exploration)

    def bundle(self, exploration: Exploration) -> dict[str, Any]:
        from onnx_explore.notebook.widgets import NotebookFrontEnd

        return NotebookFrontEnd().bundle(exploration)


Exploration.front_end = _FrontEnd()
provide(surface)


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """``%load_ext onnx_explore``: register the magics. IPython is imported here only."""
    from onnx_explore.notebook.loading import load

    load(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """``%unload_ext onnx_explore``: take the magics back."""
    from onnx_explore.notebook.loading import unload

    unload(ipython)
