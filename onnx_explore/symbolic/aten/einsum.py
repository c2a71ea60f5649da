"""Einsum: the ONNX operator from opset 12 on; below, diagonals, sums, and one MatMul for each pair of operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.shapes import Dim
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.permute import permuted
from onnx_explore.symbolic.aten.strided import diagonal_of
from onnx_explore.symbolic.registry import symbolic


@dataclass(frozen=True, slots=True)
class Equation:
    """An equation without ellipses, its labels numbered in order of appearance.

    Attributes:
        operands: Labels of each operand's dimensions.
        result: Labels of the result's.
    """

    operands: tuple[tuple[int, ...], ...]
    result: tuple[int, ...]


def parsed(equation: str, ranks: Sequence[int]) -> Equation:
    """Read an equation as PyTorch does: an ellipsis stands for the dimensions that have no label.

    Without an arrow the result has the ellipsis, then every label that occurs once, capitals first.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise UnsupportedOperatorError(f"'{equation}' has {len(terms)} operands, and {len(ranks)} are given")
    spans = [
        rank - len(term.replace("...", "")) if "..." in term else 0 for term, rank in zip(terms, ranks, strict=True)
    ]
    widest = max(spans)
    ellipsis = [f"…{place}" for place in range(widest)]

    def labels(term: str, span: int) -> list[str]:
        before, dots, after = term.partition("...")
        return [*before, *(ellipsis[widest - span :] if dots else []), *after]

    rows = [labels(term, span) for term, span in zip(terms, spans, strict=True)]
    if arrow:
        result = labels(right, widest)
    else:
        letters = [label for row in rows for label in row if label not in ellipsis]
        result = [*ellipsis, *sorted(label for label in set(letters) if letters.count(label) == 1)]
    numbers: dict[str, int] = {}
    for label in [label for row in rows for label in row]:
        numbers.setdefault(label, len(numbers))
    return Equation(
        tuple(tuple(numbers[label] for label in row) for row in rows), tuple(numbers[label] for label in result)
    )


@symbolic("aten::einsum")
def einsum(g: Emitter, equation: str, tensors: list[Tensor], path: list[int] | None = None) -> Tensor:
    """einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor"""
    read = parsed(equation, [g.rank(item) for item in tensors])
    operands = [_prepared(g, item, labels, read) for item, labels in zip(tensors, read.operands, strict=True)]
    while len(operands) > 1:
        first, second = sorted(path[:2]) if path else (0, 1)
        path = path[2:] if path else None
        right = operands.pop(second)
        left = operands.pop(first)
        needed = set(read.result).union(*(labels for _, labels in operands))
        operands.append(_product(g, left, right, needed))
    x, labels = operands[0]
    extra = [axis for axis, label in enumerate(labels) if label not in read.result]
    if extra:
        x = forms.reduce(g, "ReduceSum", x, extra)
        labels = tuple(label for label in labels if label in read.result)
    return permuted(g, x, [labels.index(label) for label in read.result])


@einsum.since(12)
def _(g: Emitter, equation: str, tensors: list[Tensor], path: list[int] | None = None) -> Tensor:
    read = parsed(equation, [g.rank(item) for item in tensors])
    if any(len(set(labels)) < len(labels) for labels in read.operands):
        # ONNX leaves a label that an operand has twice to the implementation: take the diagonals before.
        ready = [_diagonals(g, item, labels) for item, labels in zip(tensors, read.operands, strict=True)]
        tensors = [item for item, _ in ready]
        read = Equation(tuple(labels for _, labels in ready), read.result)
    names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    terms = ",".join("".join(names[label] for label in labels) for labels in read.operands)
    return g.op("Einsum", *tensors, equation=f"{terms}->{''.join(names[label] for label in read.result)}")


_Labelled = tuple[ir.Value, tuple[int, ...]]


def _diagonals(g: Emitter, x: ir.Value, labels: tuple[int, ...]) -> _Labelled:
    while len(set(labels)) < len(labels):
        label = next(label for label in labels if labels.count(label) > 1)
        first = labels.index(label)
        second = labels.index(label, first + 1)
        x = diagonal_of(g, x, 0, first, second)
        labels = (*(item for place, item in enumerate(labels) if place not in (first, second)), label)
    return x, labels


def _prepared(g: Emitter, x: ir.Value, labels: tuple[int, ...], equation: Equation) -> _Labelled:
    """Diagonals taken, and what only this operand has and the result has not summed up."""
    x, labels = _diagonals(g, x, labels)
    everywhere = [label for operand in equation.operands for label in set(operand)]
    alone = [axis for axis, label in enumerate(labels) if label not in equation.result and everywhere.count(label) == 1]
    if alone:
        x = forms.reduce(g, "ReduceSum", x, alone)
    return x, tuple(label for axis, label in enumerate(labels) if axis not in alone)


def _product(g: Emitter, left: _Labelled, right: _Labelled, needed: set[int]) -> _Labelled:
    """One MatMul: shared labels that are needed become its batch, shared ones that are not its inner dimension."""
    (x, x_labels), (y, y_labels) = left, right
    shared = [label for label in x_labels if label in y_labels]
    batch = [label for label in shared if label in needed]
    inner = [label for label in shared if label not in needed]
    rows = [label for label in x_labels if label not in shared]
    columns = [label for label in y_labels if label not in shared]
    x, y = _balanced(g, x, x_labels, y, y_labels, inner)
    size: dict[int, Dim] = {}
    for value, labels in ((x, x_labels), (y, y_labels)):
        for axis, label in enumerate(labels):
            found = shapes.size(g, value, axis)
            if size.get(label, 1) == 1:  # a size of 1 is broadcast to the other's
                size[label] = found
    a = _grouped(g, x, x_labels, batch, rows, inner)
    b = _grouped(g, y, y_labels, batch, inner, columns)
    product = g.op("MatMul", a, b)
    labels = (*batch, *rows, *columns)
    return forms.reshape(g, product, [size[label] for label in labels]), labels


def _balanced(
    g: Emitter, x: ir.Value, x_labels: tuple[int, ...], y: ir.Value, y_labels: tuple[int, ...], inner: Sequence[int]
) -> tuple[ir.Value, ir.Value]:
    """Where a summed label has size 1 in one operand alone, the other is summed along it first."""
    assert x.shape is not None and y.shape is not None
    x_ones = {label for label in inner if x.shape[x_labels.index(label)] == 1}
    y_ones = {label for label in inner if y.shape[y_labels.index(label)] == 1}
    if y_ones - x_ones:
        x = forms.reduce(g, "ReduceSum", x, [x_labels.index(label) for label in y_ones - x_ones], keepdims=True)
    if x_ones - y_ones:
        y = forms.reduce(g, "ReduceSum", y, [y_labels.index(label) for label in x_ones - y_ones], keepdims=True)
    return x, y


def _grouped(
    g: Emitter,
    x: ir.Value,
    labels: tuple[int, ...],
    batch: Sequence[int],
    rows: Sequence[int],
    columns: Sequence[int],
) -> ir.Value:
    """Dimensions in the order batch, rows, columns; the latter two merged into one each."""
    order = [labels.index(label) for label in (*batch, *rows, *columns)]
    sizes = shapes.sizes(g, x)
    moved = permuted(g, x, order)
    if len(rows) == 1 and len(columns) == 1:
        return moved
    height = shapes.product(g, [sizes[labels.index(label)] for label in rows])
    width = shapes.product(g, [sizes[labels.index(label)] for label in columns])
    return forms.reshape(g, moved, [*[sizes[labels.index(label)] for label in batch], height, width])
