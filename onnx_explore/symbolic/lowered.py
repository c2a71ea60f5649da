"""What a torch value has become during lowering: the values of the lowering's environment.

``Constant`` holds a tensor that is known at export and not (yet) an initializer; an ``onnx_ir.Value`` stands for what is
known only when the model runs (``Complex`` if it is complex); Python numbers, strings, None and tuples of all these stand for
themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A tensor known at export.

    Attributes:
        tensor: The tensor; a parameter's is the model's own, not a copy.
        name: Initializer name to use, or ``""``.
        lineage: How it comes from parameters, such as ``fc.weight → aten::t``; empty if it does not.
    """

    tensor: torch.Tensor
    name: str = ""
    lineage: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Complex:
    """A complex tensor that is known only when the model runs. ONNX has no operators for complex numbers.

    Attributes:
        pairs: Real and imaginary parts side by side, in a last dimension of size 2.
    """

    pairs: ir.Value


Lowered = ir.Value | Constant | Complex | int | float | bool | complex | str | None | tuple[Any, ...] | torch.device
