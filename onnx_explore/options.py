"""The options of one export, as frozen data: what ``export``, the magics and the explorer share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

DEFAULT_OPSET = 17
"""The reference's default. A constant: it does not follow what happens to be installed."""

OLDEST_OPSET = 7
NEWEST_OPSET = 28
"""The newest opset whose operators this version knows."""


class TrainingMode(Enum):
    """In which mode the model is captured."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(Enum):
    """What happens to an operator: converted, passed through, or handed to an ATen runtime."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


AxisNames = Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one export. Each field has the meaning of the parameter of ``export`` with the same name.

    ``dynamic_axes`` is already normalised: value name → axis (not negative) → symbol. ``keep_initializers_as_inputs`` is what
    its three states come to. ``export_modules_as_functions`` is a set of classes, or whether all are meant.
    ``torch_symbolics`` says whether what others registered with PyTorch's exporter is used. ``optional_inputs``
    are names of inputs that may be None. ``integer_kernels`` says whether quantized layers take the form that ONNX Runtime has
    integer kernels for.
    """

    opset_version: int = DEFAULT_OPSET
    export_params: bool = True
    verbose: bool = False
    training: TrainingMode = TrainingMode.EVAL
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    do_constant_folding: bool = True
    dynamic_axes: Mapping[str, AxisNames] = field(default_factory=lambda: MappingProxyType({}))
    keep_initializers_as_inputs: bool = False
    custom_opsets: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    operator_export_type: OperatorExportTypes = OperatorExportTypes.ONNX
    export_modules_as_functions: bool | frozenset[type] = False
    autograd_inlining: bool = True
    torch_symbolics: bool = True
    optional_inputs: tuple[str, ...] = ()
    integer_kernels: bool = False

    @property
    def inline_functions(self) -> bool:
        """Whether an ``autograd.Function`` is replaced by what its forward did."""
        kept = (OperatorExportTypes.ONNX_FALLTHROUGH, OperatorExportTypes.ONNX_ATEN_FALLBACK)
        return self.autograd_inlining and self.operator_export_type not in kept
