"""Every model of the zoo: exported at batch 2, valid ONNX, and as PyTorch at batch 2, 3 and 5, and at other lengths."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
import torch
from torch.utils import _pytree as pytree

import onnx_explore
from onnx_explore.errors import OpsetTooLow
from onnx_explore.options import DEFAULT_OPSET, NEWEST_OPSET
from tests.models.cases import CASES, Call, ModelCase

SIZES = ((2, 7), (3, 7), (5, 9))
"""Batch and length; the first is captured."""

ELSEWHERE = ("alexnet",)
"""Large ones that other tests export by default: the reference's first example, the first notebook."""

AT_NEWEST = ("mobilenet_v3", "unet_bilinear_size", "vit", "lstm_states", "transformer_encoder_padding", "bert_mask")
OPSETS = (9, 13, 17, 18, 20, 23, NEWEST_OPSET)


def rows() -> Iterator[Any]:
    """Every model at the default opset but those exported elsewhere, some at the newest.

    With ``full``, every model at every opset that can.
    """
    for case in CASES:
        for opset in sorted({case.lowest, *OPSETS} - set(range(case.lowest))):
            quick = (opset == DEFAULT_OPSET and case.name not in ELSEWHERE) or (
                opset == NEWEST_OPSET and case.name in AT_NEWEST
            )
            marks = () if quick else (pytest.mark.full,)
            yield pytest.param(case, opset, id=f"{case.name}-{opset}", marks=marks)


@pytest.mark.parametrize(("case", "opset"), list(rows()))
def test_model(case: ModelCase, opset: int) -> None:
    torch.manual_seed(1)
    model = case.build().eval()
    args, kwargs = case.call(*SIZES[0])
    exported = onnx_explore.export(
        model, copy.deepcopy(args), kwargs=copy.deepcopy(kwargs), dynamic_axes=case.axes, opset_version=opset
    )
    proto = exported.to_proto()
    assert {item.version for item in proto.opset_import if item.domain == ""} == {opset}
    onnx.checker.check_model(proto, full_check=True)
    runtime = Runtime(proto)
    for size in SIZES:
        call = (args, kwargs) if size == SIZES[0] else case.call(*size)
        feed = feeds(model, call)
        expected = eager(model, call)
        actual = runtime.run(feed)
        assert len(actual) == len(expected)
        for name, got, tensor in zip(runtime.outputs, actual, expected, strict=True):
            wanted = tensor.numpy()
            place = f"output '{name}' at batch {size[0]}, length {size[1]}"
            assert got.dtype == wanted.dtype, place
            assert got.shape == wanted.shape, place
            np.testing.assert_allclose(got, wanted, rtol=case.rtol, atol=case.atol, err_msg=place)


@pytest.mark.parametrize("case", [case for case in CASES if case.lowest > min(OPSETS)], ids=lambda case: case.name)
def test_lowest_opset(case: ModelCase) -> None:
    """Below its lowest opset, a model is refused, and the message names that opset."""
    model = case.build().eval()
    args, kwargs = case.call(*SIZES[0])
    with pytest.raises(OpsetTooLow) as caught:
        onnx_explore.export(model, args, kwargs=kwargs, dynamic_axes=case.axes, opset_version=case.lowest - 1)
    assert caught.value.first == case.lowest


class NoKernel(UserWarning):
    """ONNX Runtime cannot run the model: it ran in ``onnx.reference``."""


class Runtime:
    """ONNX Runtime; ``onnx.reference``, with a warning, where it has no kernel at this opset."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.outputs = [item.name for item in proto.graph.output]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(proto.SerializeToString(), options, ["CPUExecutionProvider"])
        except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented as error:
            warnings.warn(f"{error}", NoKernel, stacklevel=2)
            self.session: Any = onnx.reference.ReferenceEvaluator(proto)
        else:
            self.session = session

    def run(self, feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [np.asarray(item) for item in self.session.run(self.outputs, dict(feed))]


def feeds(model: torch.nn.Module, call: Call) -> dict[str, np.ndarray]:
    """The call's tensors under the names that the graph inputs should have: those of ``forward``'s parameters."""
    bound = inspect.signature(model.forward).bind(*call[0], **call[1])
    result: dict[str, np.ndarray] = {}
    for name, value in bound.arguments.items():
        if isinstance(value, tuple):
            result.update({f"{name}_{index}": item.numpy().copy() for index, item in enumerate(value)})
        elif value is not None:
            result[name] = value.numpy().copy()
    return result


def eager(model: torch.nn.Module, call: Call) -> list[torch.Tensor]:
    """PyTorch's outputs. Not by its fused transformer path, which zeroes what is padded; the plain one does not."""
    args, kwargs = copy.deepcopy(call)
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            return [leaf for leaf in pytree.tree_leaves(model(*args, **kwargs)) if isinstance(leaf, torch.Tensor)]
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
