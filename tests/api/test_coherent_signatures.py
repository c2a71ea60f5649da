"""What ``export`` takes, its companions take too: text forms, ``verify``, ``find_mismatch``, ``unconvertible_ops``.

TorchScript does not read annotations that are strings, so these are none.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Optional

import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore import verification
from onnx_explore.errors import InvalidArgument

X = torch.randn(2, 4, generator=torch.Generator().manual_seed(3))


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, mask: Optional[torch.Tensor] = None) -> torch.Tensor:  # noqa: UP045
        y = torch.sigmoid(self.linear(x))
        if mask is not None:
            y = y + torch.relu(self.linear(mask))
        return torch.relu(self.linear(y))


class Branch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.sigmoid(self.linear(x))
        if bool(x.sum() > 0):
            y = y + torch.relu(self.linear(x))
        return y * 2


SCRIPTED = torch.jit.script(Masked())

_CONVERSION = {
    "operator_export_type",
    "custom_opsets",
    "autograd_inlining",
    "torch_symbolics",
    "optional_inputs",
    "integer_kernels",
}
_OWN = {"f", "check", "rtol", "atol", "samples", "external_data", "record", "recorder"}
"""Of ``export``: where to write, what to check, what to record."""


@pytest.mark.parametrize(
    ("function", "lacking"),
    [
        (onnx_explore.export_to_pretty_string, _OWN),
        # Their arguments of the call have names of their own in the reference; they check, and weights are no inputs.
        (verification.verify, _OWN | {"args", "kwargs", "export_params"}),
        (
            verification.find_mismatch,
            _OWN
            | {"args", "kwargs", "export_params"}
            # its graphs have an interface of their own, at the sizes of the arguments
            | {"input_names", "output_names", "dynamic_axes", "export_modules_as_functions"},
        ),
    ],
)
def test_parameters_of_export(function: Callable[..., Any], lacking: set[str]) -> None:
    wanted = inspect.signature(onnx_explore.export).parameters
    found = inspect.signature(function).parameters
    assert set(wanted) - set(found) == lacking
    assert set(found) >= _CONVERSION
    for name in set(wanted) & set(found) - {"keep_initializers_as_inputs"}:
        assert found[name].default == wanted[name].default, name


def test_optional_inputs_and_functions_in_the_text() -> None:
    text = onnx_explore.export_to_pretty_string(
        SCRIPTED,
        X,
        kwargs={"mask": X},
        optional_inputs=["mask"],
        export_modules_as_functions={nn.Linear},
    )
    assert '{name: "mask", type:Optional dims: 2 4}' in text
    assert 'domain: "torch.nn.modules.linear", name: "Linear"' in text


def test_verify_with_and_without_an_optional_input() -> None:
    more = [(X,), (X, None), (X * 2, X)]
    verification.verify(SCRIPTED, (X, X), optional_inputs=["mask"], additional_test_inputs=more)
    verification.verify(SCRIPTED, X, {"mask": X}, optional_inputs=["mask"], additional_test_inputs=[X])
    with pytest.raises(InvalidArgument, match="additional_test_inputs"):
        verification.verify(SCRIPTED, (X, X), additional_test_inputs=[(X,)])


def test_verify_converts_as_asked() -> None:
    verification.verify(Branch(), X, export_modules_as_functions=True)
    verification.verify(nn.ReLU(), X, operator_export_type="ONNX_ATEN")


@pytest.fixture
def sigmoid_does_nothing() -> Iterator[None]:
    def symbolic(g: Any, self: Any) -> Any:
        return self

    onnx_explore.register_custom_op_symbolic("aten::sigmoid", symbolic, 9)
    yield
    onnx_explore.unregister_custom_op_symbolic("aten::sigmoid", 9)


def test_mismatches_beside_a_branch(sigmoid_does_nothing: None) -> None:
    """The branch reads what the wrong operator should have given: it is not blamed for it."""
    info = verification.find_mismatch(torch.jit.script(Branch()), X.abs())
    assert info.all_mismatch_leaf_graph_info()[0].essential_node_kinds() == {"aten::sigmoid"}
    assert len(info.all_mismatch_leaf_graph_info()) == 1
    info = verification.find_mismatch(SCRIPTED, X, input_kwargs={"mask": X}, optional_inputs=["mask"])
    assert [leaf.essential_node_kinds() for leaf in info.all_mismatch_leaf_graph_info()] == [{"aten::sigmoid"}]
    with pytest.raises(AssertionError, match="not close"):
        verification.verify(SCRIPTED, (X, X), optional_inputs=["mask"])


def test_unconvertible_operators_of_a_call_with_names() -> None:
    library = torch.library.Library("coherent", "DEF")
    library.define("odd(Tensor x) -> Tensor")
    library.impl("odd", torch.neg, "CompositeExplicitAutograd")

    def model(x: torch.Tensor, mask: Optional[torch.Tensor] = None) -> torch.Tensor:  # noqa: UP045
        return x if mask is None else torch.ops.coherent.odd(x * mask)

    try:
        assert onnx_explore.utils.unconvertible_ops(model, X, kwargs={"mask": X})[1] == ["coherent::odd"]
        assert onnx_explore.utils.unconvertible_ops(model, X)[1] == []
    finally:
        library._destroy()
