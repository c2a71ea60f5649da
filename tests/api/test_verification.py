"""``verification``: ``find_mismatch`` with its tree, ``GraphInfo``, ``VerificationOptions``, ``verify``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

import onnx_explore
import onnx_explore.verification
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.verification import GraphInfo, OnnxBackend, VerificationOptions, find_mismatch, verify
from tests.api.reference import proves

TREE = """\
5 X   __2 X    __1 ✓
id:  |  id: 0 |  id: 00
     |        |
     |        |__1 X (aten::relu)
     |           id: 01
     |
     |__3 X    __1 ✓
        id: 1 |  id: 10
              |
              |__2 X     __1 X (aten::relu)
                 id: 11 |  id: 110
                        |
                        |__1 ✓
                           id: 111
"""


def incorrect_relu_symbolic_function(g: Any, self: Any) -> Any:
    return self


@pytest.fixture
def incorrect_relu() -> Iterator[None]:
    onnx_explore.register_custom_op_symbolic("aten::relu", incorrect_relu_symbolic_function, opset_version=15)
    yield
    onnx_explore.unregister_custom_op_symbolic("aten::relu", 15)


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(3, 4),
            torch.nn.ReLU(),
            torch.nn.Linear(4, 5),
            torch.nn.ReLU(),
            torch.nn.Linear(5, 6),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@proves(
    "example: find_mismatch",
    "verification.find_mismatch",
    "verification.find_mismatch.model",
    "verification.find_mismatch.input_args",
    "verification.find_mismatch.opset_version",
)
def test_the_example_of_the_reference(incorrect_relu: None, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    onnx_explore.verification.find_mismatch(Model(), (torch.randn(2, 3),), opset_version=15)
    printed = capsys.readouterr().out
    for line in (
        "===================== Mismatch info for graph partition : ======================",
        "================================ Mismatch error ================================",
        "Tensor-likes are not close!",
        "Mismatched elements: 12 / 12 (100.0%)",
        "==================================== Tree: =====================================",
        "=========================== Mismatch leaf subgraphs: ===========================",
        "['01', '110']",
        "============================= Mismatch node kinds: =============================",
        "{'aten::relu': 2}",
    ):
        assert f"{line}\n" in printed
    assert re.search(r"Greatest absolute difference: 0\.23288\d+ at index \(1, 2\) \(up to 1e-07 allowed\)", printed)
    assert re.search(r"Greatest relative difference: 0\.69953\d+ at index \(1, 3\) \(up to 0\.001 allowed\)", printed)
    assert TREE in printed


@proves("verification.GraphInfo")
def test_graph_info(incorrect_relu: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    torch.manual_seed(0)
    info = find_mismatch(Model(), (torch.randn(2, 3),), opset_version=15)
    assert isinstance(info, GraphInfo)
    assert info.has_mismatch() and isinstance(info.mismatch_error, AssertionError)
    assert info.essential_node_count() == 5
    assert info.essential_node_kinds() == {"aten::linear", "aten::relu"}
    assert info.upper_graph_info is info.find_partition("0")
    assert info.lower_graph_info is info.find_partition("1")
    assert info.find_partition("") is info
    assert info.find_partition("0110") is None
    leaves = info.all_mismatch_leaf_graph_info()
    assert [leaf.id for leaf in leaves] == ["01", "110"]
    leaf = leaves[1]
    assert leaf.pt_outs is not None
    torch.testing.assert_close(leaf.pt_outs[0], leaf.input_args[0].relu())
    assert leaf.essential_node_kinds() == {"aten::relu"}
    assert not leaf.params_dict
    assert set(info.params_dict) == set(dict(Model().named_parameters()))

    capsys.readouterr()
    leaf.pretty_print_mismatch(graph=True)
    printed = capsys.readouterr().out
    assert "Mismatch info for graph partition 110: " in printed
    assert "aten::relu" in printed and "Identity" in printed
    leaf.pretty_print_tree()
    assert capsys.readouterr().out == "1 X (aten::relu)\nid: 110\n"

    # A case of ONNX's own test format, which fails as the part does.
    case = Path(leaf.export_repro(str(tmp_path), "relu"))
    assert case == tmp_path / "test_relu"
    model = onnx.load(case / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    given, wanted = (
        numpy_helper.to_array(onnx.load_tensor(case / "test_data_set_0" / f"{kind}_0.pb"))
        for kind in ("input", "output")
    )
    session = onnxruntime.InferenceSession(case / "model.onnx")
    (got,) = session.run(None, {session.get_inputs()[0].name: given})
    torch.testing.assert_close(torch.from_numpy(got), torch.from_numpy(given))
    torch.testing.assert_close(torch.from_numpy(wanted), torch.from_numpy(given.clip(0)))

    info.clear()
    assert not info.has_mismatch() and info.upper_graph_info is None and info.pt_outs is None
    info.find_mismatch(VerificationOptions(atol=10.0))
    assert not info.has_mismatch()
    info.find_mismatch()
    assert [leaf.id for leaf in info.all_mismatch_leaf_graph_info()] == ["01", "110"]


def test_agreement(capsys: pytest.CaptureFixture[str]) -> None:
    info = find_mismatch(Model(), (torch.randn(2, 3),))
    assert not info.has_mismatch()
    assert info.all_mismatch_leaf_graph_info() == []
    printed = capsys.readouterr().out
    assert " No mismatch " in printed and "5 ✓\nid:\n" in printed
    assert "leaf subgraphs" not in printed


@proves(
    "verification.find_mismatch.do_constant_folding",
    "verification.find_mismatch.training",
    "verification.find_mismatch.keep_initializers_as_inputs",
    "verification.find_mismatch.verbose",
)
def test_parameters(incorrect_relu: None, capsys: pytest.CaptureFixture[str]) -> None:
    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 4))
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(x @ (self.weight.t() * 2)).relu()

    for folding in (True, False):
        info = find_mismatch(
            Folded().train(),
            torch.randn(5, 4),
            do_constant_folding=folding,
            training=torch.onnx.TrainingMode.EVAL,
            opset_version=15,
            keep_initializers_as_inputs=False,
            verbose=True,
        )
        printed = capsys.readouterr().out
        assert ("Transpose" in printed.partition("= Mismatch")[0]) is not folding
        assert [leaf.essential_node_kinds() for leaf in info.all_mismatch_leaf_graph_info()] == [{"aten::relu"}]
    with torch.no_grad():
        info = find_mismatch(Folded(), torch.randn(5, 4), training="TRAINING", opset_version=15)
    assert info.has_mismatch()


@proves("verification.find_mismatch.options", "verification.VerificationOptions")
def test_options(incorrect_relu: None) -> None:
    defaults = VerificationOptions()
    assert (defaults.rtol, defaults.atol, defaults.check_shape, defaults.check_dtype) == (1e-3, 1e-7, True, True)
    assert (defaults.flatten, defaults.ignore_none, defaults.backend) == (True, True, OnnxBackend.ONNX_RUNTIME_CPU)
    x = torch.tensor([[-1.0, 2.0, 3.0, 4.0]])

    def found(**options: Any) -> bool:
        return find_mismatch(nn.ReLU(), x, opset_version=15, options=VerificationOptions(**options)).has_mismatch()

    assert found()
    assert not found(atol=1.0)
    assert not found(acceptable_error_percentage=0.25)
    assert found(acceptable_error_percentage=0.2)
    assert found(backend=OnnxBackend.REFERENCE)


def test_lists_sizes_and_control_flow(incorrect_relu: None) -> None:
    class Pieces(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            a, b = x.split(2)
            y = torch.cat([a.relu(), b]).view(x.shape[0], -1)
            return y.exp().sum(), x.shape[0] + torch.zeros(1)

    info = find_mismatch(Pieces(), torch.randn(4, 3), opset_version=15)
    assert [leaf.essential_node_kinds() for leaf in info.all_mismatch_leaf_graph_info()] == [{"aten::relu"}]


def test_a_model_that_cannot_be_exported_says_so() -> None:
    onnx_explore.register_custom_op_symbolic("aten::sigmoid", lambda g, self: None, 15)
    try:
        with pytest.raises(UnsupportedOperatorError, match="aten::sigmoid"):
            find_mismatch(nn.Sigmoid(), torch.randn(2))
    finally:
        onnx_explore.unregister_custom_op_symbolic("aten::sigmoid", 15)


def test_verify(incorrect_relu: None, capsys: pytest.CaptureFixture[str]) -> None:
    x = torch.randn(2, 3)
    more = [(torch.randn(5, 3),), (torch.randn(1, 3),)]
    axes = {"x": {0: "n"}}
    good = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    for external in (False, True):
        verify(
            good, (x,), input_names=["x"], dynamic_axes=axes, additional_test_inputs=more, use_external_data=external
        )
    assert capsys.readouterr().out == ""
    verify(good, x, verbose=True)
    assert "Tanh" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="Tensor-likes are not close"):
        verify(nn.ReLU(), x, opset_version=15)
    verify(nn.ReLU(), x, opset_version=15, options=VerificationOptions(atol=10.0))
    with pytest.raises(AssertionError, match="not close"):  # right for the example only
        verify(lambda x: x * x.sum().item(), x, additional_test_inputs=[(x + 1,)])
    verify(lambda x, y: x + y, (x,), {"y": x})
    verify(lambda x: x.to(torch.bfloat16) * 2, x)
