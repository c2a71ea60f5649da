"""The bytes of a tensor as ONNX stores them (row-major, little endian), in pieces and without copies where possible.

Cases, in order:
1. Elements of less than a byte: packed by the tensor itself (``tobytes``).
2. A torch tensor on the CPU that is contiguous: a view of its memory.
3. Any other torch tensor (another device, strides, lazy conjugate or negative bit): copied piece by piece.
4. Everything else: its numpy array, a view of it where that is contiguous.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import torch

from onnx_explore.dtypes import to_onnx

CHUNK = 16 << 20
"""Bytes that are copied (or written between two looks at the cancel flag) at once."""

_NUMPY_HAS = frozenset(
    {
        torch.float64,
        torch.float32,
        torch.float16,
        torch.complex128,
        torch.complex64,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    }
)


def pieces(tensor: ir.TensorProtocol, *, chunk: int = CHUNK, byteorder: str = sys.byteorder) -> Iterator[memoryview]:
    """The tensor's bytes, in order.

    Args:
        tensor: Any tensor but one of strings.
        chunk: Most bytes of a piece; a piece that needed a copy is freed when the next one is asked for.
        byteorder: How this machine stores numbers.

    Yields:
        Views of type ``B``, none of them empty. Use each before asking for the next.

    Raises:
        TypeError, ValueError, RuntimeError: If the tensor has no readable values (a fake, meta or sparse tensor).
    """
    if tensor.dtype.bitwidth < 8:
        yield from _slices(memoryview(tensor.tobytes()), chunk)
        return
    parts = _torch_parts(tensor.raw, chunk) if isinstance(tensor.raw, torch.Tensor) else _numpy_parts(tensor)
    for part in parts:
        if byteorder == "little":
            yield from _slices(part, chunk)
        else:
            for piece in _slices(part, chunk):
                yield _swapped(piece, _scalar_width(tensor.dtype))


def contiguous_array(tensor: ir.TensorProtocol) -> npt.NDArray[Any]:
    """The tensor as a C-contiguous numpy array (``ml_dtypes`` for bfloat16 and float8), a view where possible."""
    raw = tensor.raw
    if isinstance(raw, torch.Tensor):
        return array_of(raw)
    array: npt.NDArray[Any] = tensor.numpy()
    # ascontiguousarray makes a 0-d array 1-d.
    return np.ascontiguousarray(array).reshape(array.shape)


def array_of(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """A torch tensor as a C-contiguous numpy array (``ml_dtypes`` for bfloat16 and float8), a view where possible."""
    plain = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
    if plain.dtype in _NUMPY_HAS:
        return plain.numpy()
    flat: npt.NDArray[Any] = _flat(plain).numpy() if plain.numel() else np.empty(0, np.uint8)
    return flat.view(to_onnx(plain.dtype).numpy()).reshape(tuple(plain.shape))


def _torch_parts(tensor: torch.Tensor, chunk: int) -> Iterator[memoryview]:
    if tensor.layout != torch.strided:
        raise TypeError(f"it has the layout {tensor.layout}; ONNX initializers are dense")
    if tensor.numel() == 0:
        return
    tensor = tensor.detach()
    if tensor.device.type == "cpu" and tensor.is_contiguous() and not tensor.is_conj() and not tensor.is_neg():
        yield _torch_bytes(tensor)
    elif tensor.dim() == 0 or tensor.numel() * tensor.element_size() <= chunk:
        yield _torch_bytes(tensor.resolve_conj().resolve_neg().cpu().contiguous())
    else:
        rows = max(1, chunk * tensor.shape[0] // (tensor.numel() * tensor.element_size()))
        for start in range(0, tensor.shape[0], rows):
            part = tensor[start : start + rows]
            # One row that is still too large: split it along its next axis.
            yield from _torch_parts(part[0] if part.shape[0] == 1 else part, chunk)


def _torch_bytes(tensor: torch.Tensor) -> memoryview:
    return _flat(tensor).numpy().data


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes of a contiguous tensor. One of a single element is that with any strides, and ``view`` wants the plain ones."""
    return tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8)


def _numpy_parts(tensor: ir.TensorProtocol) -> Iterator[memoryview]:
    array = contiguous_array(tensor)
    if array.size:
        # On a big endian machine the array of a parsed protobuf is little endian; make it as all others are there.
        if array.dtype.byteorder == (">" if sys.byteorder == "little" else "<"):
            array = array.astype(array.dtype.newbyteorder("="))
        yield array.reshape(-1).view(np.uint8).data


def _slices(data: memoryview, chunk: int) -> Iterator[memoryview]:
    for start in range(0, len(data), chunk):
        yield data[start : start + chunk]


def _scalar_width(dtype: ir.DataType) -> int:
    width = dtype.bitwidth // 8
    return width // 2 if dtype in {ir.DataType.COMPLEX64, ir.DataType.COMPLEX128} else width


def _swapped(data: memoryview, width: int) -> memoryview:
    return np.frombuffer(data, dtype=f"u{width}").byteswap().view(np.uint8).data
