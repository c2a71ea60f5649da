"""Exporting a case, running it, comparing: shared by the case tests and the OpInfo tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch

import onnx_explore
from onnx_explore.check.runtime import run_onnxruntime, run_reference
from onnx_explore.errors import NoRuntimeKernel
from tests.symbolic.cases import Case

_TOLERANCE = {
    torch.float16: (5e-3, 5e-3),
    torch.bfloat16: (3e-2, 3e-2),
    torch.float32: (1e-4, 1e-5),
    torch.float64: (1e-6, 1e-7),
}


def export_case(case: Case, args: tuple[Any, ...], opset: int) -> onnx_explore.Exported:
    tensors = [index for index, item in enumerate(args) if isinstance(item, torch.Tensor)]
    names = [f"x{index}" for index in tensors]
    axes = {f"x{index}": {axis: f"d{index}_{axis}" for axis in dims} for index, dims in case.dynamic.items()}
    return onnx_explore.export(
        case.run,
        args if len(args) != 1 or isinstance(args[0], dict) else (args[0],),
        opset_version=opset,
        input_names=names,
        dynamic_axes=axes,
    )


def run_exported(exported: onnx_explore.Exported, args: tuple[Any, ...]) -> list[np.ndarray]:
    """In ONNX Runtime, or in ONNX's reference evaluator where ONNX Runtime has no kernel."""
    onnx.checker.check_model(exported.to_proto(), full_check=True)
    tensors = [item for item in args if isinstance(item, torch.Tensor)]
    feeds = {value.name: tensor for value, tensor in zip(exported.model.graph.inputs, tensors, strict=False)}
    try:
        return run_onnxruntime(exported.model, feeds)
    except NoRuntimeKernel:
        return run_reference(exported.model, feeds)


def compare_outputs(case: Case, expected: list[torch.Tensor], actual: list[np.ndarray]) -> None:
    assert len(expected) == len(actual), f"{len(actual)} outputs, PyTorch has {len(expected)}"
    for number, (want, got) in enumerate(zip(expected, actual, strict=True)):
        have = got if isinstance(got, torch.Tensor) else _tensor(got)
        assert have.dtype == want.dtype, f"output {number}: {have.dtype}, PyTorch has {want.dtype}"
        assert tuple(have.shape) == tuple(want.shape), f"output {number}: {tuple(have.shape)} for {tuple(want.shape)}"
        if not case.exact:
            continue
        rtol, atol = _TOLERANCE.get(want.dtype, (0.0, 0.0))
        torch.testing.assert_close(
            have,
            want.detach().contiguous(),
            rtol=case.rtol if case.rtol is not None else rtol,
            atol=case.atol if case.atol is not None else atol,
            equal_nan=True,
        )


def _tensor(array: np.ndarray) -> torch.Tensor:
    array = np.ascontiguousarray(array) if array.ndim else np.array(array)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    if array.dtype == np.uint64:
        return torch.from_numpy(array.view(np.uint64))  # ONNX Runtime's is numpy.ulonglong, which PyTorch does not know
    return torch.from_numpy(array)
