"""Sequence to sequence: an encoder, and a decoder with attention whose loop ends when every sentence has ended: one Loop."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import onnx_explore
from onnx_explore.check.runtime import RuntimeSession

WORDS, SIZE, START, END = 12, 8, 1, 2


class Encoder(nn.Module):
    """A GRU in both directions: what was read, word by word, and the decoder's first state."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, SIZE)
        self.rnn = nn.GRU(SIZE, SIZE, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * SIZE, SIZE)

    def forward(self, source: Tensor):  # a type comment would bind TorchScript to one form
        y, h = self.rnn(self.embedding(source))
        return self.bridge(y), torch.tanh(self.bridge(torch.cat([h[0], h[1]], 1)))


class Decoder(nn.Module):
    """One word after the other, by attention over what was read, until all sentences have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, SIZE)
        self.cell = nn.GRUCell(2 * SIZE, SIZE)
        self.query = nn.Linear(SIZE, SIZE)
        self.words = nn.Linear(2 * SIZE, WORDS)
        self.start, self.end = START, END

    def step(self, word: Tensor, state: Tensor, memory: Tensor):
        scores = torch.bmm(memory, self.query(state).unsqueeze(2)).squeeze(2)
        weights = torch.softmax(scores, 1)
        context = torch.bmm(weights.unsqueeze(1), memory).squeeze(1)
        state = self.cell(torch.cat([self.embedding(word), context], 1), state)
        return self.words(torch.cat([state, context], 1)), state, weights

    def forward(self, memory: Tensor, state: Tensor, limit: int = 30):
        batch = memory.size(0)
        word = torch.full((batch,), self.start, dtype=torch.long)
        done = torch.zeros(batch, dtype=torch.bool)
        sentence = word.unsqueeze(1)
        attention = [torch.zeros(batch, memory.size(1))]
        count = 0
        while count < limit and not bool(done.all()):
            scores, state, weights = self.step(word, state, memory)
            word = torch.where(done, torch.full_like(word, self.end), scores.argmax(1))
            done = done | (word == self.end)
            sentence = torch.cat([sentence, word.unsqueeze(1)], 1)
            attention.append(weights)
            count += 1
        return sentence, torch.stack(attention, 1)


class Greedy(nn.Module):
    """Both."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, source: Tensor, limit: int = 30):
        memory, state = self.encoder(source)
        return self.decoder(memory, state, limit)


class Packed(nn.Module):
    """Traced, with sentences of several lengths packed; only the decoder is scripted."""

    def __init__(self, encoder: Encoder, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, source: Tensor, lengths: Tensor) -> Any:
        words = self.encoder.embedding(source)
        packed = pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False)
        y, h = self.encoder.rnn(packed)
        memory = self.encoder.bridge(pad_packed_sequence(y, batch_first=True)[0])
        return self.decoder(memory, torch.tanh(self.encoder.bridge(torch.cat([h[0], h[1]], 1))))


class Teacher(nn.Module):
    """The decoder along a given sentence: a loop over its words, and a list of scores."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, memory: Tensor, state: Tensor, target: Tensor) -> Tensor:
        rows = []
        for place in range(target.size(1)):
            scores, state, _ = self.decoder.step(target[:, place], state, memory)
            rows.append(scores)
        return torch.stack(rows, 1)


@pytest.fixture(scope="module")
def parts() -> tuple[Encoder, Decoder]:
    """Weights large enough that sentences differ, and end at different lengths."""
    torch.manual_seed(35)
    encoder, decoder = Encoder().eval(), Decoder().eval()
    with torch.no_grad():
        for parameter in (*encoder.parameters(), *decoder.parameters()):
            parameter.mul_(2.5)
        decoder.words.bias[END] += 1
    return encoder, decoder


def scripted(model: nn.Module) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(model)


def sources(*sizes: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(4)
    return [torch.randint(3, WORDS, size, generator=generator) for size in sizes]


def agrees(session: RuntimeSession, model: Any, call: tuple[Tensor, ...]) -> Any:
    with torch.no_grad():
        result = model(*call)
    expected = result if isinstance(result, tuple) else (result,)
    for got, tensor in zip(session.run(dict(zip(session.inputs, call, strict=True))), expected, strict=True):
        assert got.shape == tuple(tensor.shape)
        np.testing.assert_allclose(got, tensor.numpy(), rtol=1e-3, atol=1e-4)
    return expected[0]


SIZES = [(2, 5), (1, 1), (3, 4), (1, 7), (1, 2), (4, 6), (1, 9), (2, 3), (1, 4), (1, 3)]


@pytest.mark.parametrize("form", ["scripted", "traced"])
def test_greedy_decoding(parts: tuple[Encoder, Decoder], form: str) -> None:
    """Every source gives the words that PyTorch gives, and as many."""
    encoder, decoder = parts
    model = scripted(Greedy(encoder, decoder)) if form == "scripted" else Greedy(encoder, scripted(decoder))
    first, *others = sources(*SIZES)
    exported = onnx_explore.export(model, (first,), dynamic_axes={"source": {0: "batch", 1: "length"}})
    proto = exported.to_proto()
    onnx.checker.check_model(proto, full_check=True)
    assert [node.op_type for node in proto.graph.node].count("Loop") == 1
    session = RuntimeSession(exported.model)
    counts = {agrees(session, model, (source,)).shape[1] for source in (first, *others)}
    assert len(counts) >= 4, f"only {counts} words: the loop's end is not tested"
    assert 31 in counts, "no sentence reached the limit"


def test_limit_as_an_input(parts: tuple[Encoder, Decoder]) -> None:
    """A number of a scripted model is an input; with 0 the loop does not run at all."""
    model = scripted(Greedy(*parts))
    source = sources((2, 5))[0]
    exported = onnx_explore.export(
        model,
        (source, 9),
        input_names=["source", "limit"],
        dynamic_axes={"source": {0: "batch", 1: "length"}},
        check=True,
    )
    session = RuntimeSession(exported.model)
    for limit in (0, 1, 4, 40):
        with torch.no_grad():
            expected = model(source, limit)
        for got, tensor in zip(session.run({"source": source, "limit": torch.tensor(limit)}), expected, strict=True):
            assert got.shape == tuple(tensor.shape)
            np.testing.assert_allclose(got, tensor.numpy(), rtol=1e-3, atol=1e-4)


def test_packed_encoder(parts: tuple[Encoder, Decoder]) -> None:
    encoder, decoder = parts
    model = Packed(encoder, scripted(decoder))
    axes = {"source": {0: "batch", 1: "length"}, "lengths": {0: "batch"}}
    call = (sources((3, 5))[0], torch.tensor([2, 5, 3]))
    session = RuntimeSession(onnx_explore.export(model, call, dynamic_axes=axes).model)
    for size, lengths in (((3, 5), [2, 5, 3]), ((1, 4), [3]), ((4, 8), [1, 8, 8, 2]), ((2, 6), [1, 1])):
        agrees(session, model, (*sources(size), torch.tensor(lengths)))


def test_along_a_given_sentence(parts: tuple[Encoder, Decoder]) -> None:
    encoder, decoder = parts
    model = scripted(Teacher(decoder))

    def call(batch: int, length: int, words: int) -> tuple[Tensor, ...]:
        source, target = sources((batch, length), (batch, words))
        with torch.no_grad():
            return (*encoder(source), target)

    axes = {"memory": {0: "batch", 1: "length"}, "state": {0: "batch"}, "target": {0: "batch", 1: "words"}}
    exported = onnx_explore.export(model, call(2, 5, 4), dynamic_axes=axes, check=True)
    session = RuntimeSession(exported.model)
    for sizes in ((1, 1, 1), (3, 4, 9), (2, 2, 5)):
        agrees(session, model, call(*sizes))
