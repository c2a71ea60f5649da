"""Connectionist temporal classification: the forward algorithm, in logarithms, as an ONNX Scan over time.

The states of a sample are its labels with a blank before, between and behind them. A step stays, goes on by one, or skips a
blank between two different labels. "Impossible" is a large negative number rather than minus infinity, so that no difference
of infinities appears; what is still impossible at the end is an infinite loss.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.loss import reduce_loss
from onnx_explore.symbolic.aten.reduce import widened
from onnx_explore.symbolic.registry import symbolic

_NEVER = -1e30
_INT = ir.DataType.INT64


@symbolic("aten::ctc_loss.IntList")
def ctc_loss(
    g: Emitter,
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: list[int],
    target_lengths: list[int],
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:
    """ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0,
    int reduction=1, bool zero_infinity=False) -> Tensor
    """
    lengths = g.const(input_lengths), g.const(target_lengths)
    return _ctc(g, log_probs, targets, *lengths, blank, reduction, zero_infinity)


@symbolic("aten::ctc_loss.Tensor")
def ctc_loss_tensor(
    g: Emitter,
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:
    """ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0,
    int reduction=1, bool zero_infinity=False) -> Tensor
    """
    steps, labels = (forms.reshape(g, g.cast(item, _INT), [-1]) for item in (input_lengths, target_lengths))
    return _ctc(g, log_probs, targets, steps, labels, blank, reduction, zero_infinity)


def _ctc(
    g: Emitter,
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int,
    reduction: int,
    zero_infinity: bool,
) -> Tensor:
    g.requires(11, "the forward algorithm of ctc_loss")
    single = g.rank(log_probs) == 2
    rows = widened(g, forms.unsqueeze(g, log_probs, [1]) if single else log_probs)  # (time, sample, class)
    labels = _padded(g, g.cast(targets, _INT), target_lengths)  # (sample, label)
    states = _interleaved(g, labels, blank)  # (sample, state)
    outer = [shapes.size(g, rows, 0), shapes.size(g, rows, 1)]
    index = forms.expand(g, forms.unsqueeze(g, states, [0]), [*outer, shapes.size(g, states, 1)])
    scores = forms.gather_elements(g, rows, index, 2)  # (time, sample, state)
    steps = forms.unsqueeze(g, forms.iota(g, outer[0]), [1])
    running = forms.unsqueeze(g, g.op("Less", steps, input_lengths), [2])  # (time, sample, 1)
    last = _forward(g, scores, running, _skips(g, states, blank))
    loss = _final(g, last, target_lengths)
    infinite = g.op("Greater", loss, g.like(-_NEVER / 10, loss))
    loss = where(g, infinite, g.like(0.0 if zero_infinity else float("inf"), loss), loss)
    if reduction == 1:
        loss = g.op("Div", loss, g.cast(_at_least_one(g, target_lengths), g.dtype(loss)))
    if single:
        loss = forms.squeeze(g, loss, [0])
    return g.cast(reduce_loss(g, loss, reduction), g.dtype(log_probs))


def _at_least_one(g: Emitter, lengths: Tensor) -> Tensor:
    return where(g, g.op("Less", lengths, g.const(1)), g.const(1), lengths)


def _padded(g: Emitter, targets: Tensor, lengths: Tensor) -> Tensor:
    """Labels as (sample, label), also where they come one sample after the other."""
    if g.rank(targets) == 2:
        return targets
    known = g.known(lengths)
    longest = int(known.max()) if known is not None else g.op("ReduceMax", lengths, keepdims=0)
    starts = g.op("CumSum", lengths, g.const(0), exclusive=1)
    places = g.op("Add", forms.unsqueeze(g, starts, [1]), forms.iota(g, longest))
    end = shapes.as_scalar(g, shapes.sub(g, shapes.size(g, targets, 0), 1))
    return g.op("Gather", targets, where(g, g.op("Less", end, places), end, places), axis=0)


def _interleaved(g: Emitter, labels: Tensor, blank: int) -> Tensor:
    """A blank before, between and behind the labels."""
    sizes = [shapes.size(g, labels, 0), shapes.size(g, labels, 1)]
    column = forms.unsqueeze(g, labels, [2])
    blanks = forms.expand(g, g.const([[[blank]]]), [*sizes, 1])
    pairs = forms.reshape(g, g.op("Concat", blanks, column, axis=2), [sizes[0], shapes.mul(g, sizes[1], 2)])
    return g.op("Concat", pairs, forms.expand(g, g.const([[blank]]), [sizes[0], 1]), axis=1)


def _skips(g: Emitter, states: Tensor, blank: int) -> Tensor:
    """(sample, state): whether a state can be reached from two before it."""
    earlier = forms.pad(g, states, [0, 2], [0, -2], fill=blank)
    same = g.op("Or", g.op("Equal", states, earlier), g.op("Equal", states, g.const(blank)))
    return g.op("Not", same)


def _forward(g: Emitter, scores: Tensor, running: Tensor, skips: Tensor) -> Tensor:
    """The logarithm of the probability of all ways to each state, after the last step of each sample."""
    dtype = g.dtype(scores)
    assert scores.shape is not None and running.shape is not None
    body = ir.Graph([], [], nodes=[], opset_imports=g.graph.opset_imports, name=g.names.unique("ctc_step"))
    inner = Emitter(body, g.opset)
    inner.names, inner.scope, inner.torch_nodes = g.names, g.scope, g.torch_nodes

    def parameter(stem: str, element: ir.DataType, dims: list[int | ir.SymbolicDim]) -> ir.Value:
        value = ir.Value(name=g.names.unique(stem), shape=ir.Shape(dims), type=ir.TensorType(element))
        body.inputs.append(value)
        return value

    width = list(scores.shape)[1:]
    before = parameter("states", dtype, width)
    score = parameter("scores", dtype, width)
    runs = parameter("running", ir.DataType.BOOL, list(running.shape)[1:])
    one = forms.pad(inner, before, [0, 1], [0, -1], fill=_NEVER)
    two = where(inner, skips, forms.pad(inner, before, [0, 2], [0, -2], fill=_NEVER), inner.const(_NEVER, dtype))
    best = inner.op("Max", before, one, two)
    parts = [inner.op("Exp", inner.op("Sub", item, best)) for item in (before, one, two)]
    total = inner.op("Log", inner.op("Add", inner.op("Add", parts[0], parts[1]), parts[2]))
    after = inner.op("Add", inner.op("Add", best, total), score)
    body.outputs.append(where(inner, runs, after, before))

    # Before the first step, as if standing in the first blank.
    first = g.op("Equal", forms.iota(g, shapes.size(g, scores, 2)), g.const(0))
    start = where(g, first, g.const(0, dtype), g.const(_NEVER, dtype))
    start = forms.expand(g, forms.unsqueeze(g, start, [0]), [shapes.size(g, scores, axis) for axis in (1, 2)])
    last = g.op("Scan", start, scores, running, body=body, num_scan_inputs=2)
    last.dtype, last.shape = dtype, start.shape
    return last


def _final(g: Emitter, last: Tensor, lengths: Tensor) -> Tensor:
    """Minus the logarithm of ending in the last label or in the blank behind it."""
    end = forms.unsqueeze(g, g.op("Mul", lengths, g.const(2)), [1])
    label = g.op("Sub", end, g.const(1))
    empty = g.op("Less", label, g.const(0))
    in_blank = forms.gather_elements(g, last, end, 1)
    in_label = forms.gather_elements(g, last, where(g, empty, g.const(0), label), 1)
    in_label = where(g, empty, g.like(_NEVER, last), in_label)
    best = g.op("Max", in_blank, in_label)
    parts = [g.op("Exp", g.op("Sub", item, best)) for item in (in_blank, in_label)]
    total = g.op("Add", best, g.op("Log", g.op("Add", *parts)))
    return forms.squeeze(g, g.op("Neg", total), [1])
