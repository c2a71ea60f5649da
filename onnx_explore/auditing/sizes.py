"""Which sizes an audit tries: distinct, coprime, never 0 or 1, and such as the model accepts, which is found by trying.

In: the dynamic axes and the example inputs. Out: for each symbol some sizes that PyTorch itself runs at, and inputs of any sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from onnx_explore.capture.captured import GraphInput
from onnx_explore.check.resize import resized
from onnx_explore.errors import InvalidArgument
from onnx_explore.relations import Derived, base_sizes, is_expression, size_of

Tensors = tuple[torch.Tensor, ...]
Sizes = dict[str, int]

WANTED = 4
"""Sizes for one symbol: two to derive from, one or two to prove at."""
_TRIES = 14
_MOST_ELEMENTS = 1 << 24


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol of the dynamic axes.

    Attributes:
        name: Its name.
        places: Positions of inputs and their axes; none for a symbol that stands in expressions alone.
        size: Captured size.
    """

    name: str
    places: tuple[tuple[int, int], ...]
    size: int


def symbols_of(inputs: Sequence[GraphInput], dynamic_axes: Mapping[str, Mapping[int, str]]) -> list[Symbol]:
    """The symbols among the inputs, those in expressions included; those of outputs are none."""
    rows = _places(inputs, dynamic_axes)
    sizes = base_sizes((text, int(inputs[position].example.shape[axis]), "") for text, position, axis in rows)
    return [
        Symbol(name, tuple((place, axis) for text, place, axis in rows if text == name), size)
        for name, size in sizes.items()
    ]


def derived_of(inputs: Sequence[GraphInput], dynamic_axes: Mapping[str, Mapping[int, str]]) -> list[Derived]:
    """The axes of the inputs that are expressions over symbols."""
    rows = _places(inputs, dynamic_axes)
    return [Derived(position, axis, text) for text, position, axis in rows if is_expression(text)]


def _places(inputs: Sequence[GraphInput], dynamic_axes: Mapping[str, Mapping[int, str]]) -> list[tuple[str, int, int]]:
    return [
        (text, position, axis % item.example.dim())
        for position, item in enumerate(inputs)
        for axis, text in sorted(dynamic_axes.get(item.name, {}).items())
    ]


def inputs_at(
    inputs: Sequence[GraphInput],
    symbols: Sequence[Symbol],
    sizes: Mapping[str, int],
    derived: Sequence[Derived] = (),
) -> Tensors:
    """Tensors like the example inputs, with these sizes, and what follows from them."""
    changes: dict[int, dict[int, int]] = {}
    for symbol in symbols:
        for position, axis in symbol.places:
            if sizes[symbol.name] != symbol.size:
                changes.setdefault(position, {})[axis] = sizes[symbol.name]
    for item in derived:
        size = size_of(item.text, sizes)
        assert size is not None  # tried before
        if size != inputs[item.position].example.shape[item.axis]:
            changes.setdefault(item.position, {})[item.axis] = size
    return tuple(
        resized(item.example, changes[position], seed=position) if position in changes else item.example.detach()
        for position, item in enumerate(inputs)
    )


def inputs_with_other_values(inputs: Sequence[GraphInput]) -> Tensors:
    """Tensors of the captured sizes, with other values."""
    return tuple(resized(item.example, {}, seed=1000 + position) for position, item in enumerate(inputs))


@dataclass(slots=True)
class Trial:
    """Tries sizes in PyTorch.

    Attributes:
        inputs: The captured inputs.
        symbols: All symbols.
        run: Runs the model; what it raises refuses a size.
        look: Raises ``Cancelled`` if the user asked to stop.
        derived: Axes whose sizes follow from those of symbols.
        refusals: Symbol → why its first size was refused.
    """

    inputs: Sequence[GraphInput]
    symbols: Sequence[Symbol]
    run: Callable[[Tensors], object]
    look: Callable[[], None]
    derived: Sequence[Derived] = ()
    refusals: dict[str, str] = field(default_factory=dict[str, str])
    _known: dict[tuple[int, ...], str] = field(default_factory=dict[tuple[int, ...], str])

    @property
    def base(self) -> Sizes:
        """The captured sizes."""
        return {symbol.name: symbol.size for symbol in self.symbols}

    def at(self, sizes: Mapping[str, int]) -> Tensors:
        """Inputs of these sizes."""
        return inputs_at(self.inputs, self.symbols, sizes, self.derived)

    def refusal(self, sizes: Mapping[str, int]) -> str:
        """``""`` if PyTorch runs at these sizes, else why not."""
        key = tuple(sizes[symbol.name] for symbol in self.symbols)
        if key not in self._known:
            self.look()
            self._known[key] = self._tried(sizes)
        return self._known[key]

    def _tried(self, sizes: Mapping[str, int]) -> str:
        impossible = next((item.text for item in self.derived if not size_of(item.text, sizes)), "")
        if impossible:
            return f"{impossible} is no size there"
        elements = [self._elements(position, sizes) for position in range(len(self.inputs))]
        if any(now > max(_MOST_ELEMENTS, 8 * before) for before, now in elements):
            return "the inputs would be too large to try"
        try:
            self.run(self.at(sizes))
        except Exception as error:  # noqa: BLE001 (the user's own code: anything may come, and it is an answer)
            return f"PyTorch itself rejects it: {_line(error)}"
        return ""

    def _elements(self, position: int, sizes: Mapping[str, int]) -> tuple[int, int]:
        shape = list(self.inputs[position].example.shape)
        before = math.prod(shape)
        for symbol in self.symbols:
            for where, axis in symbol.places:
                if where == position:
                    shape[axis] = sizes[symbol.name]
        for item in self.derived:
            if item.position == position:
                shape[item.axis] = size_of(item.text, sizes) or 0
        return before, math.prod(shape)

    def sizes_for(self, symbol: Symbol, wanted: int = WANTED) -> list[int]:
        """Sizes of one symbol, the others as captured, at which PyTorch runs."""
        found: list[int] = []
        taken = {int(size) for item in self.inputs for size in item.example.shape}
        for tried, size in enumerate(candidates(symbol, taken)):
            if len(found) == wanted or tried == (2 * _TRIES if found else _TRIES):
                break
            refusal = self.refusal({**self.base, symbol.name: size})
            if not refusal:
                found.append(size)
            else:
                self.refusals.setdefault(symbol.name, f"at {symbol.size} → {size}, {refusal}")
        return found

    def tied(self, symbol: Symbol) -> tuple[str, ...]:
        """Other symbols that must change with this one: then PyTorch runs."""
        others = [other for other in self.symbols if other.name != symbol.name]
        groups = [[other] for other in others if other.size == symbol.size]
        for group in [*groups, others]:
            names = tuple(other.name for other in group)
            if names and self.in_step(symbol.name, *names) is not None:
                return names
        return ()

    def in_step(self, *names: str) -> Sizes | None:
        """Sizes at which some symbols are one larger each, or twice as large, and PyTorch runs."""
        base = self.base
        for sizes in ({name: base[name] + 1 for name in names}, {name: base[name] * 2 for name in names}):
            if not self.refusal({**base, **sizes}):
                return {**base, **sizes}
        return None


def candidates(symbol: Symbol, taken: set[int]) -> Iterator[int]:
    """Sizes to try, best first.

    1. The next ones that share no factor with the captured size or with each other, and are no other dimension: a size that was
       baked, or mixed up with another, cannot fit by chance.
    2. Multiples, for models that need a multiple of something; then what is a little larger; then smaller.
    """
    size = symbol.size
    fresh: list[int] = []
    for other in range(size + 1, 2 * size + 30):
        if other > 1 and other not in taken and all(math.gcd(other, known) == 1 for known in (size, *fresh)):
            fresh.append(other)
        if len(fresh) == WANTED + 2:
            break
    others = [size * 2, size * 3, size * 5, size * 4]
    others += [size + step for step in (2, 4, 6, 8, 16, 32, 64, 1, 3)]
    others += [size - 1, size - 2, size - 3, size // 2, size // 3, size // 4]
    yield from dict.fromkeys(other for other in (*fresh, *others) if other > 1 and other != size)


def given_sizes(sizes: Mapping[str, int | Sequence[int]] | None, symbols: Sequence[Symbol]) -> dict[str, list[int]]:
    """The user's sizes, checked.

    Raises:
        InvalidArgument: For a symbol that there is not, or a size below 1.
    """
    known = {symbol.name: symbol for symbol in symbols}
    result: dict[str, list[int]] = {}
    for name, given in (sizes or {}).items():
        if name not in known:
            raise InvalidArgument(
                f"'{name}' is no dynamic axis of an input", argument="sizes", action=f"use {', '.join(known) or 'none'}"
            )
        numbers = [given] if isinstance(given, int) else list(given)
        wrong = next((item for item in numbers if not isinstance(item, int) or item < 1), None)  # pyright: ignore[reportUnnecessaryIsInstance]
        if wrong is not None:
            raise InvalidArgument(f"{wrong!r} is no size of '{name}'", argument="sizes", action="use ints from 1 on")
        result[name] = [item for item in dict.fromkeys(numbers) if item != known[name].size]
    return result


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else f"{text[:160]}…"
