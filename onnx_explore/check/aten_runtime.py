"""The operator ``ATen`` of ``org.pytorch.aten`` for ``onnx.reference``: PyTorch itself runs it.

In: the node's inputs as arrays, the operator's name and overload. Out: its results as arrays. So an export with ``ONNX_ATEN`` or
``ONNX_ATEN_FALLBACK`` can be checked: that each operator gets what it should.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import onnx_ir as ir
import torch
from onnx.reference.op_run import OpRun

from onnx_explore.dtypes import to_torch


class ATen(OpRun):
    """Runs one ATen operator; the class has the operator's name, as ``onnx.reference`` wants it."""

    op_domain = "org.pytorch.aten"

    def _run(self, *inputs: Any, operator: str = "", overload_name: str = "") -> tuple[Any, ...]:
        packet = getattr(torch.ops.aten, operator, None)
        overload = getattr(packet, overload_name or "default", None)
        if overload is None:
            raise NotImplementedError(f"this PyTorch has no aten::{operator}.{overload_name}")
        if any(argument.name == "filename" for argument in overload._schema.arguments):
            raise NotImplementedError(f"aten::{operator} reads or writes a file, which a model cannot ask for")
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        for argument, item in zip(overload._schema.arguments, inputs, strict=False):
            given = _given(item, str(argument.type))
            if argument.kwarg_only:
                keywords[argument.name] = given
            else:
                positional.append(given)
        with torch.no_grad():
            result = overload(*positional, **keywords)
        results: Sequence[Any] = cast("Sequence[Any]", result) if isinstance(result, tuple | list) else (result,)
        return tuple(_array(item) for item in results)


def _given(item: Any, kind: str) -> Any:
    """An input as the schema wants it: tensors as tensors, the rest as Python has it."""
    if isinstance(item, list):
        return [_tensor(each) for each in cast("list[Any]", item)]
    if not isinstance(item, np.ndarray):
        return item
    return _tensor(item) if "Tensor" in kind else item.tolist()


def _tensor(array: Any) -> torch.Tensor:
    dtype = to_torch(ir.DataType.from_numpy(array.dtype))
    return (
        torch.from_numpy(np.ascontiguousarray(array).reshape(-1).view(np.uint8).copy()).view(dtype).reshape(array.shape)
    )


def _array(item: Any) -> Any:
    return item.numpy() if isinstance(item, torch.Tensor) else np.asarray(item)
