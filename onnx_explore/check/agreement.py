"""Runs an ONNX model and asserts that it gives what PyTorch gave, with the words of ``torch.testing``.

In: a model, its feeds, PyTorch's outputs, ``VerificationOptions``. Out: nothing, or an ``AssertionError`` as the reference
raises it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import torch

from onnx_explore.check.graph_info import OnnxBackend, VerificationOptions
from onnx_explore.check.runtime import ReferenceSession, RuntimeSession, Session
from onnx_explore.dtypes import to_torch
from onnx_explore.errors import NoRuntimeKernel


def run_for(model: ir.Model, feeds: Mapping[str, torch.Tensor], options: VerificationOptions) -> list[torch.Tensor]:
    """The outputs of a model in the backend that the options name; in ``onnx.reference`` where that has no kernel.

    Raises:
        NoRuntimeKernel: If neither can run it.
    """
    if options.backend is OnnxBackend.REFERENCE:
        return _tensors(ReferenceSession(model).run(feeds))
    try:
        session: Session = RuntimeSession(model, providers=(options.backend.value,))
        return _tensors(session.run(feeds))
    except NoRuntimeKernel:
        return _tensors(ReferenceSession(model).run(feeds))


def assert_agreement(
    actual: Sequence[torch.Tensor], expected: Sequence[torch.Tensor], options: VerificationOptions
) -> None:
    """Compare all outputs.

    Raises:
        AssertionError: At the first output that disagrees; its text is that of ``torch.testing.assert_close``.
    """
    if len(actual) != len(expected):
        raise AssertionError(f"Number of outputs differ ONNX runtime: ({len(actual)}) PyTorch: ({len(expected)})")
    for ours, theirs in zip(actual, expected, strict=True):
        _assert_close(ours, _plain(theirs), options)


def _assert_close(actual: torch.Tensor, expected: torch.Tensor, options: VerificationOptions) -> None:
    if not options.check_shape:
        actual, expected = torch.broadcast_tensors(actual, expected)
    try:
        torch.testing.assert_close(
            actual,
            expected,
            rtol=options.rtol,
            atol=options.atol,
            check_dtype=options.check_dtype,
            equal_nan=True,
        )
    except AssertionError:
        share = options.acceptable_error_percentage
        if share is None or actual.shape != expected.shape or _share_outside(actual, expected, options) > share:
            raise


def _share_outside(actual: torch.Tensor, expected: torch.Tensor, options: VerificationOptions) -> float:
    close = torch.isclose(actual.double(), expected.double(), rtol=options.rtol, atol=options.atol, equal_nan=True)
    return 1.0 - close.double().mean().item() if close.numel() else 0.0


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach().cpu()
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    return (tensor if tensor.layout == torch.strided else tensor.to_dense()).resolve_conj().resolve_neg()


def _tensors(arrays: Sequence[npt.NDArray[Any]]) -> list[torch.Tensor]:
    """Arrays as tensors; torch does not know NumPy's bfloat16 and float8, so their bits are handed over."""
    tensors: list[torch.Tensor] = []
    for array in arrays:
        dtype = to_torch(ir.DataType.from_numpy(array.dtype))
        bits = np.ascontiguousarray(array).reshape(-1).view(np.uint8).copy()
        tensors.append(torch.from_numpy(bits).view(dtype).reshape(array.shape))
    return tensors
