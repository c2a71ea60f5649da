"""Every form of a recurrent network: kind, layout, directions, layers, states, projection, biases, padded or packed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FEATURES, HIDDEN, PROJECTED = 4, 3, 2

Kind = Literal["lstm", "projected", "gru", "tanh", "relu"]
Form = Literal["padded", "unbatched", "sorted", "unsorted"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One form of a recurrent network.

    Attributes:
        kind: Which network; ``projected`` is an LSTM with ``proj_size``.
        form: Padded, without a batch, or packed: of sequences in the order of their lengths, or in any order.
        batch_first: The layout of what is padded.
        bidirectional: Both directions.
        layers: How many.
        states: Whether the initial states are inputs.
        bias: Whether there are biases.
        total_length: Whether what was packed is padded to the input's length again, with -1.
        dtype: Of inputs and weights.
    """

    kind: Kind
    form: Form = "padded"
    batch_first: bool = False
    bidirectional: bool = False
    layers: int = 1
    states: bool = False
    bias: bool = True
    total_length: bool = False
    dtype: torch.dtype = torch.float32

    def __str__(self) -> str:
        words = [
            self.kind,
            self.form,
            "batch_first" if self.batch_first else "",
            "two_ways" if self.bidirectional else "",
        ]
        words += [f"{self.layers}", "states" if self.states else "", "" if self.bias else "no_bias"]
        words += ["total_length" if self.total_length else "", "half" if self.dtype == torch.float16 else ""]
        return "-".join(word for word in words if word)

    @property
    def is_packed(self) -> bool:
        return self.form in ("sorted", "unsorted")

    def network(self, **options: Any) -> nn.RNNBase:
        """The network of PyTorch."""
        options |= {"num_layers": self.layers, "bias": self.bias, "bidirectional": self.bidirectional}
        options |= {"batch_first": self.batch_first}
        match self.kind:
            case "lstm":
                made = nn.LSTM(FEATURES, HIDDEN, **options)
            case "projected":
                made = nn.LSTM(FEATURES, HIDDEN, proj_size=PROJECTED, **options)
            case "gru":
                made = nn.GRU(FEATURES, HIDDEN, **options)
            case _:
                made = nn.RNN(FEATURES, HIDDEN, nonlinearity=self.kind, **options)
        return made.to(self.dtype).eval()


class Network(nn.Module):
    """Packs if it has to, runs, pads; gives everything that a network gives."""

    def __init__(self, variant: Variant, **options: Any) -> None:
        super().__init__()
        self.variant = variant
        self.inner = variant.network(**options)

    def forward(self, x: Tensor, *rest: Tensor) -> Any:
        variant = self.variant
        lengths, states = (rest[0], rest[1:]) if variant.is_packed else (None, rest)
        hx = None if not states else states[0] if len(states) == 1 else states
        if lengths is None:
            return self.inner(x, hx)
        packed = pack_padded_sequence(x, lengths, variant.batch_first, enforce_sorted=variant.form == "sorted")
        result, last = self.inner(packed, hx)
        length = x.shape[1 if variant.batch_first else 0] if variant.total_length else None
        y, counts = pad_packed_sequence(result, variant.batch_first, -1.0 if variant.total_length else 0.0, length)
        return y, counts, last


def inputs(variant: Variant, length: int, batch: int) -> tuple[Tensor, ...]:
    """Arguments at a size. The longest sequence of packed ones is shorter than the tensor where there is room."""
    generator = torch.Generator().manual_seed(length * 16 + batch)

    def floats(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(variant.dtype)

    unbatched = variant.form == "unbatched"
    shape = (length,) if unbatched else (batch, length) if variant.batch_first else (length, batch)
    result = [floats(*shape, FEATURES)]
    if variant.is_packed:
        lengths = torch.randint(1, max(length, 2), (batch,), generator=generator)
        if not variant.total_length and batch > 1:
            lengths[-1] = length
        result.append(lengths.sort(descending=True)[0] if variant.form == "sorted" else lengths)
    if variant.states:
        count = variant.layers * (2 if variant.bidirectional else 1)
        middle = () if unbatched else (batch,)
        result.append(floats(count, *middle, PROJECTED if variant.kind == "projected" else HIDDEN))
        if variant.kind in ("lstm", "projected"):
            result.append(floats(count, *middle, HIDDEN))
    return tuple(result)


def dynamic_axes(variant: Variant) -> dict[str, dict[int, str]]:
    """Length and batch of every input; those of ``inputs`` are x, lengths, h, c."""
    place = 1 if variant.batch_first else 0
    if variant.form == "unbatched":
        return {"x": {0: "length"}}
    axes = {"x": {place: "length", 1 - place: "batch"}}
    if variant.is_packed:
        axes["lengths"] = {0: "batch"}
    if variant.states:
        axes["h"] = {1: "batch"}
        if variant.kind in ("lstm", "projected"):
            axes["c"] = {1: "batch"}
    return axes


def names(variant: Variant) -> list[str]:
    """Names of ``inputs``."""
    states = ["h", "c"] if variant.kind in ("lstm", "projected") else ["h"]
    return ["x", *(["lengths"] if variant.is_packed else []), *(states if variant.states else [])]


KINDS: tuple[Kind, ...] = ("lstm", "projected", "gru", "tanh", "relu")
FORMS: tuple[Form, ...] = ("padded", "sorted", "unsorted", "unbatched")
BOTH = (False, True)

MATRIX = [
    Variant(kind, form, batch_first, bidirectional, layers, states, bias)
    for kind, form, batch_first, bidirectional, layers, states, bias in itertools.product(
        KINDS, FORMS, BOTH, BOTH, (1, 3), BOTH, BOTH
    )
]

TO_LENGTH = [replace(variant, total_length=True) for variant in MATRIX if variant.is_packed and variant.bias]

HALF = [
    replace(variant, dtype=torch.float16)
    for variant in MATRIX
    if variant.bias and variant.layers == 1 and variant.batch_first and variant.bidirectional == variant.states
]
