"""Recurrent networks in every form, at other lengths and batch sizes than the captured ones; cells, dropout, packed inputs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import rnn
from torch.utils import _pytree as pytree

import onnx_explore
from onnx_explore import TrainingMode
from onnx_explore.check.runtime import RuntimeSession
from onnx_explore.errors import InvalidArgument, OpsetTooLow, RuntimeMismatch
from onnx_explore.options import DEFAULT_OPSET, NEWEST_OPSET
from tests.models.recurrent import HALF, MATRIX, TO_LENGTH, Network, Variant, dynamic_axes, inputs, names

SIZES = ((5, 3), (7, 4), (2, 2), (1, 1), (9, 1))
"""Length and batch."""

DEFAULT = {*MATRIX[::29], *TO_LENGTH[::23], *HALF[::13]}


def rows() -> list[Any]:
    return [
        pytest.param(variant, marks=() if variant in DEFAULT else (pytest.mark.full,), id=str(variant))
        for variant in (*MATRIX, *TO_LENGTH, *HALF)
    ]


def verify(variant: Variant, captured: tuple[int, int], opset: int) -> None:
    torch.manual_seed(0)
    model = Network(variant)
    exported = onnx_explore.export(
        model,
        inputs(variant, *captured),
        input_names=names(variant),
        dynamic_axes=dynamic_axes(variant),
        opset_version=opset,
    )
    onnx.checker.check_model(exported.to_proto(), full_check=True)
    session = RuntimeSession(exported.model)
    for size in SIZES:
        call = inputs(variant, *size)
        with torch.no_grad():
            expected = pytree.tree_leaves(model(*call))
        actual = session.run(dict(zip(names(variant), call, strict=True)))
        for name, got, tensor in zip(session.outputs, actual, expected, strict=True):
            place = f"'{name}' at length and batch {size}"
            assert got.dtype == tensor.numpy().dtype, place
            assert got.shape == tuple(tensor.shape), place
            tolerance = 1e-2 if variant.dtype == torch.float16 else 1e-4
            np.testing.assert_allclose(got, tensor.numpy(), rtol=tolerance, atol=tolerance / 2, err_msg=place)


@pytest.mark.parametrize("variant", rows())
def test_variant(variant: Variant) -> None:
    verify(variant, SIZES[0], DEFAULT_OPSET)


@pytest.mark.full
@pytest.mark.parametrize("variant", MATRIX[::3], ids=str)
def test_captured_at_one(variant: Variant) -> None:
    """Length 1 and batch 1: nothing is taken for a size that broadcasts."""
    verify(variant, (1, 1), DEFAULT_OPSET)


@pytest.mark.full
@pytest.mark.parametrize("opset", [9, 11, 13, 18, 21, 23, NEWEST_OPSET])
@pytest.mark.parametrize("variant", [item for item in MATRIX[::17] if item.form != "unsorted"], ids=str)
def test_other_opsets(variant: Variant, opset: int) -> None:
    verify(variant, SIZES[0], opset)


@pytest.mark.parametrize("kind", ["lstm", "gru", "tanh", "projected"])
def test_no_sequence_at_all(kind: Any) -> None:
    """A batch that depends on the data may be empty. ONNX Runtime's own kernels end the process there."""
    model = Network(Variant(kind, batch_first=True, bidirectional=True, layers=2))

    def of_some(x: Tensor, wanted: Tensor) -> Any:
        return model(x[wanted])

    x = torch.randn(3, 5, 4)
    exported = onnx_explore.export(of_some, (x, torch.tensor([True, False, True])))
    session = RuntimeSession(exported.model)
    for wanted in ([True, True, True], [False, True, False], [False, False, False]):
        chosen = torch.tensor(wanted)
        with torch.no_grad():
            expected = pytree.tree_leaves(of_some(x, chosen))
        actual = session.run({"x": x, "wanted": chosen})
        for got, tensor in zip(actual, expected, strict=True):
            assert got.shape == tuple(tensor.shape)
            np.testing.assert_allclose(got, tensor.numpy(), rtol=1e-4, atol=1e-5)


# -- dropout ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lstm", "gru", "tanh", "projected"])
def test_dropout_between_layers(kind: Any) -> None:
    """In training mode, what goes from one layer to the next is dropped or scaled; in eval mode, nothing is."""
    variant = Variant(kind, layers=3)
    model = Network(variant, dropout=0.4).train()
    call = inputs(variant, 50, 20)
    plain = onnx_explore.export(model, call, input_names=["x"])
    assert "Dropout" not in {node.op_type for node in plain.model.graph}
    assert model.training and model.inner.training
    exported = onnx_explore.export(model, call, input_names=["x"], training=TrainingMode.TRAINING)
    dropouts = [node for node in exported.model.graph if node.op_type == "Dropout"]
    assert len(dropouts) == 2
    for node in dropouts:
        value, output = node.inputs[0], node.outputs[0]
        assert value is not None
        exported.model.graph.outputs.extend([value, output])
    results = RuntimeSession(exported.model).run({"x": call[0]})[-4:]
    for before, after in (results[:2], results[2:]):
        dropped = after == 0
        assert abs(dropped.mean() - 0.4) < 0.05
        np.testing.assert_allclose(after[~dropped], before[~dropped] / 0.6, rtol=1e-5)


def test_no_dropout_in_training_mode() -> None:
    """Probability 0, or one layer: the same as in eval mode. (PyTorch warns about dropout without a layer to come.)"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        single = nn.LSTM(4, 3, dropout=0.5)
    for model in (single, nn.GRU(4, 3, 2, dropout=0.0)):
        x = torch.randn(5, 2, 4)
        exported = onnx_explore.export(model.train(), x, training=TrainingMode.TRAINING, check=True)
        assert "Dropout" not in {node.op_type for node in exported.model.graph}


# -- cells -----------------------------------------------------------------------------------------------------------------

CELLS = {
    "rnn": lambda **options: nn.RNNCell(4, 3, **options),
    "relu": lambda **options: nn.RNNCell(4, 3, nonlinearity="relu", **options),
    "gru": lambda **options: nn.GRUCell(4, 3, **options),
    "lstm": lambda **options: nn.LSTMCell(4, 3, **options),
}


class Steps(nn.Module):
    """A cell in a Python loop over the steps of (batch, length, features)."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: Any = None) -> Any:
        rows: list[Tensor] = []
        for step in x.unbind(1):
            state = self.cell(step, state)
            rows.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(rows, 1), state


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", CELLS)
def test_cell_in_a_python_loop(name: str, bias: bool) -> None:
    model = Steps(CELLS[name](bias=bias))
    state: Any = (torch.randn(2, 3), torch.randn(2, 3)) if name == "lstm" else torch.randn(2, 3)
    keys = ["state_0", "state_1"] if name == "lstm" else ["state"]
    axes = {"x": {0: "batch"}, **{key: {0: "batch"} for key in keys}}
    x = torch.randn(2, 4, 4)
    onnx_explore.export(model, (x, state), dynamic_axes=axes, check=True)
    onnx_explore.export(model, (x,), dynamic_axes={"x": {0: "batch"}}, check=True)
    onnx_explore.export(model.cell, (torch.randn(4),), check=True)
    with pytest.raises(RuntimeMismatch, match="axis length"):  # Python counted the steps: said, not silently wrong
        onnx_explore.export(model, (x,), dynamic_axes={"x": {1: "length"}}, check=True)


@pytest.mark.parametrize("name", CELLS)
def test_scripted_cell(name: str) -> None:
    cell = torch.jit.script(CELLS[name]())
    state: Any = (torch.randn(2, 3), torch.randn(2, 3)) if name == "lstm" else torch.randn(2, 3)
    keys = ["hx_0", "hx_1"] if name == "lstm" else ["hx"]
    axes = {"input": {0: "batch"}, **{key: {0: "batch"} for key in keys}}
    onnx_explore.export(cell, (torch.randn(2, 4), state), dynamic_axes=axes, check=True)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_half_cell(name: str) -> None:
    onnx_explore.export(CELLS[name]().half(), (torch.randn(2, 4).half(),), check=True)


# -- scripted networks -----------------------------------------------------------------------------------------------------


class Whole(nn.Module):
    """Calls a network: a scripted network by itself has no ``forward``."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor):
        return self.inner(x)


@pytest.mark.parametrize(
    "inner",
    [nn.LSTM(4, 3, 2, bidirectional=True), nn.GRU(4, 3, batch_first=True), nn.RNN(4, 3), nn.LSTM(4, 3, proj_size=2)],
    ids=lambda inner: inner._get_name(),
)
def test_scripted_network(inner: nn.Module) -> None:
    axes = {"x": {0: "one", 1: "other"}}
    onnx_explore.export(torch.jit.script(Whole(inner.eval())), (torch.randn(3, 5, 4),), dynamic_axes=axes, check=True)


def test_scripted_network_by_itself() -> None:
    with pytest.raises(InvalidArgument, match="script a module that calls it"):
        onnx_explore.export(torch.jit.script(nn.LSTM(4, 3)), (torch.randn(3, 5, 4),))


# -- packed sequences ------------------------------------------------------------------------------------------------------


class PackedThrough(nn.Module):
    """A packed sequence in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.GRU(4, 3)

    def forward(self, packed: rnn.PackedSequence) -> Any:
        return self.inner(packed)


def test_packed_sequence_as_input_and_output() -> None:
    torch.manual_seed(0)
    model = PackedThrough()

    def packed(*lengths: int) -> rnn.PackedSequence:
        return rnn.pack_sequence([torch.randn(length, 4) for length in lengths], enforce_sorted=False)

    axes = {"packed_data": {0: "rows"}, "packed_batch_sizes": {0: "length"}}
    axes |= {"packed_sorted_indices": {0: "batch"}, "packed_unsorted_indices": {0: "batch"}}
    first = packed(5, 2, 3)
    exported = onnx_explore.export(model, (first,), dynamic_axes=axes)
    session = RuntimeSession(exported.model)
    for given in (first, packed(2, 7, 3, 4), packed(1), packed(2, 2)):
        with torch.no_grad():
            rows, hidden = model(given)
            expected = (*rows, hidden)
        actual = session.run(dict(zip(session.inputs, given, strict=True)))
        for got, tensor in zip(actual, expected, strict=True):
            np.testing.assert_allclose(got, tensor.numpy(), rtol=1e-4, atol=1e-5)


class Packs(nn.Module):
    """Packs, runs and pads: scripted, ``pack_padded_sequence`` asks whether the lengths are a tensor or a list."""

    def __init__(self, ordered: bool) -> None:
        super().__init__()
        self.inner = nn.LSTM(4, 3, batch_first=True, bidirectional=True)
        self.ordered = ordered

    def forward(self, x: Tensor, lengths: Tensor):  # scripted: the type follows from the body
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=self.ordered)
        y, (h, c) = self.inner(packed)
        padded, counts = rnn.pad_packed_sequence(y, batch_first=True)
        return padded, counts, h, c


@pytest.mark.parametrize("ordered", [True, False])
def test_scripted_packing(ordered: bool) -> None:
    model = torch.jit.script(Packs(ordered).eval())
    axes = {"x": {0: "batch", 1: "length"}, "lengths": {0: "batch"}}
    first = torch.tensor([5, 3, 2] if ordered else [2, 5, 3])
    exported = onnx_explore.export(model, (torch.randn(3, 5, 4), first), dynamic_axes=axes, check=True)
    session = RuntimeSession(exported.model)
    for lengths in ([4, 4, 3, 1], [2], [6, 1]):
        x, counts = torch.randn(len(lengths), 6, 4), torch.tensor(lengths if ordered else lengths[::-1])
        for got, tensor in zip(session.run({"x": x, "lengths": counts}), model(x, counts), strict=True):
            np.testing.assert_allclose(got, tensor.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_sequences_in_a_list() -> None:
    """``pack_sequence`` and ``pad_sequence``: the lengths are those of the run."""
    inner = nn.LSTM(4, 3, bidirectional=True)

    def run(a: Tensor, b: Tensor, c: Tensor) -> Any:
        y, state = inner(rnn.pack_sequence([a, b, c], enforce_sorted=False))
        padded = rnn.pad_sequence([a, b, c], batch_first=True, padding_value=2.0)
        return rnn.pad_packed_sequence(y), state, padded, rnn.pad_sequence([a, b], padding_side="left")

    axes = {"a": {0: "a"}, "b": {0: "b"}, "c": {0: "c"}}
    onnx_explore.export(run, (torch.randn(5, 4), torch.randn(2, 4), torch.randn(3, 4)), dynamic_axes=axes, check=True)


def test_last_step_and_mean() -> None:
    """What models take from a packed run: the last step of each sequence, and the mean over its steps."""
    inner = nn.GRU(4, 3, batch_first=True)

    def run(x: Tensor, lengths: Tensor) -> Any:
        y, _ = inner(rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False))
        padded, counts = rnn.pad_packed_sequence(y, batch_first=True)
        return padded[torch.arange(x.shape[0]), counts - 1], padded.sum(1) / lengths[:, None]

    axes = {"x": {0: "batch", 1: "length"}, "lengths": {0: "batch"}}
    exported = onnx_explore.export(run, (torch.randn(3, 5, 4), torch.tensor([5, 2, 3])), dynamic_axes=axes, check=True)
    session = RuntimeSession(exported.model)
    for lengths in ([1, 1], [4, 1, 2, 4, 3], [2]):
        x, counts = torch.randn(len(lengths), 6, 4), torch.tensor(lengths)
        with torch.no_grad():
            expected = run(x, counts)
        for got, tensor in zip(session.run({"x": x, "lengths": counts}), expected, strict=True):
            np.testing.assert_allclose(got, tensor.numpy(), rtol=1e-4, atol=1e-5)


# -- the reference's frequently asked questions -------------------------------------------------------------------------------


class Tagger(nn.Module):
    """Words to tags: an embedding, an LSTM, a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(30, 8)
        self.lstm = nn.LSTM(8, 6, batch_first=True, bidirectional=True)
        self.tags = nn.Linear(12, 5)

    def forward(self, words: Tensor) -> Tensor:
        return self.tags(self.lstm(self.embedding(words))[0]).log_softmax(-1)


def test_faq_my_lstm_has_a_fixed_size() -> None:
    """It is fixed without ``dynamic_axes``, and free with them."""
    model = Tagger()
    words = torch.randint(30, (2, 7))
    fixed = RuntimeSession(onnx_explore.export(model, words).model)
    other = torch.randint(30, (3, 4))
    with pytest.raises(RuntimeMismatch):
        fixed.run({"words": other})
    exported = onnx_explore.export(
        model, words, output_names=["tags"], dynamic_axes={"words": {0: "batch", 1: "length"}}, check=True
    )
    (output,) = exported.model.graph.outputs
    assert output.shape is not None
    assert [str(dim) for dim in output.shape] == ["batch", "length", "5"]
    with torch.no_grad():
        expected = model(other)
    (got,) = RuntimeSession(exported.model).run({"words": other})
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_faq_models_with_loops() -> None:
    """A loop whose count the data decide is scripted and becomes a Loop."""

    def halved(x: Tensor, steps: Tensor) -> Tensor:
        for _ in range(int(steps)):
            x = x / 2
        return x

    exported = onnx_explore.export(torch.jit.script(halved), (torch.ones(3), torch.tensor(2)))
    assert "Loop" in {node.op_type for node in exported.model.graph}
    session = RuntimeSession(exported.model)
    for steps in (0, 1, 5):
        (got,) = session.run({session.inputs[0]: torch.ones(3), session.inputs[1]: torch.tensor(steps)})
        np.testing.assert_allclose(got, halved(torch.ones(3), torch.tensor(steps)).numpy())


def test_faq_primitive_inputs() -> None:
    """Numbers are inputs of a scripted model; strings cannot be."""

    def scaled(x: Tensor, factor: float, times: int, negate: bool) -> Tensor:
        y = x * factor + times
        return -y if negate else y

    exported = onnx_explore.export(torch.jit.script(scaled), (torch.randn(3), 1.5, 2, False))
    assert [value.dtype for value in exported.model.graph.inputs[1:]] == [
        ir.DataType.DOUBLE,
        ir.DataType.INT64,
        ir.DataType.BOOL,
    ]
    session = RuntimeSession(exported.model)
    x = torch.randn(3)
    for factor, times, negate in ((1.5, 2, False), (-0.25, 7, True), (0.0, 0, True)):
        numbers = (torch.tensor(factor, dtype=torch.float64), torch.tensor(times), torch.tensor(negate))
        (got,) = session.run(dict(zip(session.inputs, (x, *numbers), strict=True)))
        np.testing.assert_allclose(got, scaled(x, factor, times, negate).numpy(), rtol=1e-5)


def test_faq_implicit_scalar_casts() -> None:
    """ONNX casts nothing by itself: a Python number takes the type that PyTorch gives the result."""

    def mixed(x: Tensor, count: Tensor) -> Any:
        return x + 1, count / 2, count + 1.5, x * count, (count > 1) + 1, x.half() + 2, count * torch.tensor(3)

    x, count = torch.randn(3), torch.tensor([1, 2, 3])
    exported = onnx_explore.export(mixed, (x, count), check=True)
    dtypes = [str(value.dtype) for value in exported.model.graph.outputs]
    assert dtypes == ["FLOAT", "FLOAT", "FLOAT", "FLOAT", "INT64", "FLOAT16", "INT64"]


def test_faq_lists_of_tensors() -> None:
    """A list is an ONNX sequence from opset 11 on: as an output, and as an input."""

    def steps(x: Tensor) -> list[Tensor]:
        rows = []
        for place in range(x.size(0)):
            row = x[place] * place
            rows.append(row)
        return rows

    exported = onnx_explore.export(torch.jit.script(steps), (torch.randn(3, 2),), dynamic_axes={"x": {0: "length"}})
    session = RuntimeSession(exported.model)
    for length in (1, 3, 5):
        x = torch.randn(length, 2)
        (got,) = session.run({"x": x})
        assert len(got) == length
        for row, tensor in zip(got, steps(x), strict=True):
            np.testing.assert_allclose(row, tensor.numpy())
    with pytest.raises(OpsetTooLow, match="opset_version=11"):
        onnx_explore.export(torch.jit.script(steps), (torch.randn(3, 2),), opset_version=10)
