"""What ``torch.export`` says of the same axes: its constraints, beside our verdict. Only asked on request: it may take long.

In: an export's flow and its symbols. Out: one line per symbol. ``torch.export`` decides by symbolic execution which sizes a
program can take; where it cannot capture the model, its first line of explanation is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from onnx_explore.auditing.report import ExportView
from onnx_explore.auditing.sizes import Symbol, inputs_at
from onnx_explore.capture.rerun import make_export_program
from onnx_explore.flow import MODES, Flow
from onnx_explore.relations import Derived, size_of


def export_view(flow: Flow, symbols: Sequence[Symbol], derived: Sequence[Derived] = ()) -> tuple[ExportView, ...]:
    """The constraints of ``torch.export`` for each symbol, and for each axis that follows others."""
    if isinstance(flow.model, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        return _all(symbols, "it does not take scripted models")
    captured = flow.captured
    # A dimension of 1 would be taken for a constant of the program.
    sizes = {symbol.name: max(symbol.size, 2) for symbol in symbols}
    if not all(size_of(item.text, sizes) for item in derived):
        sizes = {symbol.name: symbol.size for symbol in symbols}
    tensors = inputs_at(captured.inputs, symbols, sizes, derived)
    axes = {(position, axis) for symbol in symbols for position, axis in symbol.places}
    axes |= {(item.position, item.axis) for item in derived}
    try:
        shapes, ranges = make_export_program(flow.model, captured, tensors, axes, MODES[flow.options.training])
    except Exception as error:  # noqa: BLE001 (whatever torch.export says is the answer)
        return _all(symbols, f"it cannot capture the model: {_line(error)}")
    rows = {symbol.name: list(symbol.places) for symbol in symbols if symbol.places}
    for item in derived:
        rows.setdefault(item.text, []).append((item.position, item.axis))
    return tuple(ExportView(name, _constraint(places, shapes, ranges)) for name, places in rows.items())


def _constraint(
    places: Sequence[tuple[int, int]],
    shapes: Sequence[Sequence[Any]],
    ranges: Mapping[str, tuple[Any, Any]],
) -> str:
    dims = {str(shapes[position][axis]) for position, axis in places}
    texts: list[str] = []
    for dim in sorted(dims):
        if dim.isdecimal():
            texts.append(f"fixed to {dim}")
        elif dim in ranges:
            low, high = ranges[dim]
            texts.append(f"{low} … {high}")
        else:
            texts.append(f"= {dim}")
    if len(dims) > 1:
        texts.append("its places are different sizes")
    return ", ".join(texts)


def _all(symbols: Sequence[Symbol], text: str) -> tuple[ExportView, ...]:
    return tuple(ExportView(symbol.name, text) for symbol in symbols)


def _line(error: Exception) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"
