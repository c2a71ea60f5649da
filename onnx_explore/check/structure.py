"""Is it valid ONNX? ``onnx.checker`` with strict shape inference, without a copy of the weights."""

from __future__ import annotations

import onnx
import onnx.checker
import onnx.shape_inference
import onnx_ir as ir
from google.protobuf.message import EncodeError

from onnx_explore.check.weights import without_weights
from onnx_explore.errors import CheckerError


def check_structure(model: ir.Model) -> None:
    """Check a model against the ONNX specification.

    The checker gets the model with large initializers as inputs, so weights of any size are fine.

    Args:
        model: The model; stays as it is.

    Raises:
        CheckerError: With what ``onnx.checker`` or strict shape inference says.
    """
    try:
        proto, _ = without_weights(model)
        onnx.checker.check_model(proto, full_check=True)  # pyright: ignore[reportUnknownMemberType] (its PathLike)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise CheckerError(_one_line(error)) from error
    except (ir.serde.SerdeError, EncodeError, ValueError) as error:
        raise CheckerError(f"the model cannot be serialised: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
