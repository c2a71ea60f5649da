"""Cases: aliases, forms that PyTorch uses internally, complex tensors one operator at a time, numbers of scripted code."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.symbolic.cases import Case, seeded
from tests.symbolic.cases.shape import row

ATEN = torch.ops.aten
X = seeded(3, 4)
POSITIVE = seeded(3, 4, low=1.1, high=3.0)
INSIDE = seeded(3, 4, low=-0.9, high=0.9)
SQUARE = seeded(2, 3, 3) + 3 * torch.eye(3)
PAIRS = seeded(2, 3, 2)
IMAGE = seeded(2, 3, 6, 7)
FILTERS = seeded(4, 3, 3, 3)
WEIGHT = seeded(10, 3)
BAGS = torch.tensor([1, 2, 4, 5, 4, 3, 2, 9])
OFFSETS = torch.tensor([0, 4])
HIDDEN = seeded(3, 5)
FIRST = {0: (0,)}


# -- one complex operator each ---------------------------------------------------------------------------------------------


def z(x: Tensor) -> Tensor:
    return torch.view_as_complex(x)


def pairs(x: Tensor) -> Tensor:
    return torch.view_as_real(x)


def of_complex(
    name: str, run: Callable[[Tensor], Tensor], *, real: bool = False, target: str = "", **more: Any
) -> Case:
    """A case of ``complex::name``: ``run`` gets a complex (2, 3), and gives a complex or a real tensor."""
    model = (lambda x: run(z(x))) if real else (lambda x: pairs(run(z(x))))
    return Case(target or name, f"complex::{name}", model, lambda: (PAIRS,), **{"dynamic": {0: (0,)}, **more})


COMPLEX = [
    of_complex("to", lambda x: x.to(torch.complex128)),
    of_complex("to", lambda x: x.to(torch.float64), real=True, target="to-real"),
    of_complex("chalf", lambda x: x.chalf()),
    row("of-real", "chalf", lambda x: pairs(x.chalf()), seeded(2, 3), dynamic={0: (0,)}),
    of_complex("view_as_real", lambda x: x),
    of_complex("real", torch.real, real=True),
    of_complex("imag", torch.imag, real=True),
    of_complex("abs", torch.abs, real=True),
    of_complex("angle", torch.angle, real=True, since=9),
    of_complex("conj", lambda x: x.conj().resolve_conj()),
    of_complex("conj_physical", torch.conj_physical),
    of_complex("resolve_conj", torch.resolve_conj),
    of_complex("clone", lambda x: x.clone().contiguous().detach()),
    of_complex("neg", torch.neg),
    of_complex("mul", lambda x: x * (2 + 1j)),
    of_complex("mul", lambda x: x[0] * x, target="mul-broadcast"),
    of_complex("div", lambda x: x / (2 - 1j)),
    of_complex("add", lambda x: x + x[0]),
    of_complex("add", lambda x: 1 + x, target="add-number"),
    of_complex("sub", lambda x: x - x[0]),
    of_complex("size", lambda x: x.reshape(x.size(1), x.size(0)), dynamic={0: (0, 1)}),
    of_complex("slice", lambda x: x[:, 1:]),
    of_complex("select", lambda x: x[:, -1]),
    of_complex("unsqueeze", lambda x: x.unsqueeze(-1)),
    of_complex("squeeze.dim", lambda x: x.unsqueeze(1).squeeze(1).squeeze(-1)),
    of_complex("transpose", lambda x: x.transpose(0, -1)),
    of_complex("permute", lambda x: x.unsqueeze(0).permute(-1, 0, 1)),
    of_complex("reshape", lambda x: x.reshape(-1)),
    of_complex("view", lambda x: x.view(-1, 1)),
    of_complex("cat", lambda x: torch.cat([x, x[:, :1]], -1)),
    Case(
        "istft",
        "complex::istft",
        lambda x: torch.istft(z(x), 16, window=torch.hann_window(16)),
        lambda: (seeded(9, 20, 2),),
        rtol=1e-3,  # sums of many terms, in another order
        atol=1e-4,
    ),
]


# -- scripted numbers, known only at run time -------------------------------------------------------------------------------


def smaller(x: Tensor) -> Tensor:
    n, m = x.size(0), x.size(1)
    return x + min(n, m) + min(float(n), 2.5)


def smallest(x: Tensor) -> Tensor:
    return x + min([x.size(0), x.size(1), 4]) + min([1.5, float(x.size(0))])


def absolutes(x: Tensor) -> Tensor:
    return x + abs(x.size(0) - 5) + abs(1.5 - float(x.size(1)))


def fabs(x: Tensor) -> Tensor:
    return x + math.fabs(x.size(0) - 5)


def modf(x: Tensor) -> Tensor:
    part, whole = math.modf(x.size(0) * -1.25)
    return x * part + whole


def divmods(x: Tensor) -> Tensor:
    quotient, rest = divmod(x.size(1) - 11, x.size(0))
    return x * quotient + rest


def inclusive(x: Tensor) -> Tensor:
    return torch.range(0.5, x.size(0), 0.5, dtype=torch.float32)


def lists(x: Tensor) -> Tensor:
    n = x.size(0)
    sizes = 2 * [n]
    same = float(x.shape == [n, 4])
    other = float(x.shape != [3, n])
    floats = float([1.5, float(n)] == [1.5, 3.0])
    return x + torch.ones(sizes).sum() + same + 2 * other + 4 * floats


def float_tests(x: Tensor) -> Tensor:
    n = float(x.size(0))
    return x + float(math.isnan(n)) + float(math.isinf(n)) * 2 + math.log(x.size(0), x.size(1))


def whole_numbers(x: Tensor) -> Tensor:
    value = x[0, 0].item()
    return x + math.floor(x.size(0)) + math.ceil(x.size(1)) + math.floor(value) + math.ceil(value)


def pieces(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    a, b, c = x.split([1, 3], 1), torch.split(x, [2, 2], 1), torch.ops.aten.split(x, [3, 1], 1)
    return a[0], a[1], b[0], b[1], c[0], c[1]


def negated(x: Tensor) -> Tensor:
    return x + float(not (x.size(0) > 3))


def contained(x: Tensor) -> Tensor:
    n, m = x.size(0), x.size(1)
    return x + float(n in [1, 2, m]) + float(m in [1, 2]) * 2 + float(float(n) in [3.0, 0.5]) * 4


def is_none(x: Tensor) -> Tensor:
    entries: list[Tensor | None] = [x, None]
    return x + float(entries[0] is None)


def is_not_none(x: Tensor) -> Tensor:
    entries: list[Tensor | None] = [x, None]
    return x + float(entries[0] is not None)


def to_int(x: Tensor) -> Tensor:
    return x + int(x.sum()) + int(x.size(0) * 1.5)


def to_float(x: Tensor) -> Tensor:
    return x + float(x.sum()) + float(x.size(0))


def to_bool(x: Tensor) -> Tensor:
    return x + float(bool(x.sum() > 0)) + float(bool(x.size(0)))


def implicit(x: Tensor) -> Tensor:
    return torch.full_like(x, x[0, 0]) + x


def implicit_scalar(x: Tensor) -> Tensor:
    return torch.add(x, x, alpha=x[0, 0])


def truncated(x: Tensor) -> Tensor:
    return x + torch.ops.aten.__round_to_zero_floordiv(x.size(0) - 10, 2)


def transposed_shape(x: Tensor) -> Tensor:
    return torch._reshape_from_tensor(x, torch._shape_as_tensor(x.t()))


def items(x: Tensor) -> Tensor:
    return x * x[0, 0].item()


def items_of_one(x: Tensor) -> Tensor:
    one = x[:1, :1]
    return one.sum() * one.item() + float(one) + int(one) + float(bool(one)) + torch.ones(int(one.ceil()) + 3).sum()


def shapes(x: Tensor) -> Tensor:
    a, b = x.shape
    return x.reshape(b, a) + x.dim() + x.ndim + x.numel() + len(x) + len([a, b])


def attributes(x: Tensor) -> Tensor:
    return torch.ones(x.size(0), 2, dtype=x.dtype, device=x.device)


def as_tensors(x: Tensor) -> Tensor:
    return torch.as_tensor(x, dtype=torch.float64) + torch.as_tensor(x)


def compared(x: Tensor) -> Tensor:
    same = torch.equal(x, x.abs())
    close = torch.allclose(x, x + 1e-9)
    return x + float(same) + 2 * float(close)


def equal_sized(x: Tensor, y: Tensor) -> Tensor:
    return x[:1] + float(torch.equal(x, y))


def equal_rests(x: Tensor, y: Tensor) -> Tensor:
    return x[:1] + float(torch.equal(x[1:], y[1:]))


def nonzero(x: Tensor) -> Tensor:
    return x + float(torch.is_nonzero(x[:1, :1].floor()))


def scripted(name: str, target: str, run: Callable[..., Any], since: int = 7, **more: Any) -> Case:
    return Case(name, target, torch.jit.script(run), lambda: (X,), **{"dynamic": {0: (0, 1)}, **more}, since=since)


BOTH = {0: (0,), 1: (0,)}

NUMBERS = [
    scripted("min", "prim::min.int", smaller),
    scripted("min-list", "prim::min.self_int", smallest),
    scripted("abs", "prim::abs.int", absolutes),
    scripted("fabs", "aten::fabs.int", fabs),
    scripted("modf", "aten::modf", modf),
    scripted("divmod", "aten::divmod.int", divmods),
    scripted("inclusive", "aten::range", inclusive, 9),
    scripted("lists", "aten::eq.int_list", lists, dynamic={0: (0,)}),
    scripted("lists", "aten::ne.int_list", lists, dynamic={0: (0,)}),
    scripted("lists", "aten::mul.right_", lists, dynamic={0: (0,)}),
    scripted("float", "aten::isnan.float", float_tests),
    scripted("float", "aten::isinf.float", float_tests),
    scripted("two-ints", "aten::log.int_int", float_tests),
    scripted("numbers", "aten::floor.int", whole_numbers),
    scripted("numbers", "aten::ceil.Scalar", whole_numbers),
    scripted("lists", "aten::split.sizes", pieces, dynamic={0: (0,)}),
    scripted("truncated", "aten::__round_to_zero_floordiv", truncated),
    scripted("not", "aten::__not__", negated),
    scripted("contains", "aten::__contains__.int_list", contained),
    scripted("is", "aten::__is__", is_none),
    scripted("is-not", "aten::__isnot__", is_not_none),
    scripted("int", "aten::Int", to_int),
    scripted("float", "aten::Float", to_float),
    scripted("bool", "aten::Bool", to_bool),
    scripted("implicit", "aten::ScalarImplicit", implicit),
    scripted("implicit-alpha", "aten::ScalarImplicit", implicit_scalar),
    scripted("item", "aten::item", items),
    scripted("item-of-one", "aten::item", items_of_one),
    scripted("dim", "aten::dim", shapes),
    scripted("numel", "aten::numel", shapes),
    scripted("len-tensor", "aten::len.Tensor", shapes),
    scripted("len", "aten::len", shapes),
    scripted("dtype", "prim::dtype", attributes),
    scripted("device", "prim::device", attributes),
    scripted("as-tensor", "aten::as_tensor", as_tensors),
    scripted("equal", "aten::equal", compared),
    *[
        Case(f"equal-{name}", "aten::equal", torch.jit.script(equal_sized), lambda x=x, y=y: (x, y), BOTH, since=9)
        for name, x, y in (
            ("same", X, X),
            ("broadcast", torch.ones(1, 3), torch.ones(1, 3)),  # then two rows beside one
            ("other", X, X + 1),
        )
    ],
    Case("equal-empty", "aten::equal", torch.jit.script(equal_rests), lambda: (X[:1], X[:1]), BOTH, since=9),
    scripted("allclose", "aten::allclose", compared),
    scripted("is-nonzero", "aten::is_nonzero", nonzero),
    row("size", "size", lambda x: x.reshape(x.size(1), -1), X, dynamic={0: (0, 1)}),
    row("shape-as-tensor", "_shape_as_tensor", torch._shape_as_tensor, X, dynamic={0: (0, 1)}),
    row("from-tensor", "_reshape_from_tensor", transposed_shape, X, dynamic={0: (0, 1)}),
    Case("traced-size", "prim::NumToTensor", lambda x: x * x.size(0), lambda: (X,), dynamic={0: (0,)}),
]


# -- what PyTorch uses internally -------------------------------------------------------------------------------------------


def index_put_impl(x: Tensor, i: Tensor) -> Tensor:
    return ATEN._index_put_impl(x, [i], x[:2] * 2, True, False)


def pad(mode: str, rank: int) -> Callable[..., Tensor]:
    return getattr(torch._C._nn, f"{mode}_pad{rank}d")


def packed(x: Tensor, lengths: Tensor) -> Any:
    rows, sizes = torch._VF._pack_padded_sequence(x, lengths, True)
    return rows, sizes


def solved(a: Tensor, b: Tensor) -> Tensor:
    return ATEN._linalg_solve_ex(a, b)[0]


def attended(x: Tensor, weight: Tensor, bias: Tensor, out: Tensor, out_bias: Tensor) -> Any:
    return ATEN._native_multi_head_attention(x, x, x, 8, 2, weight, bias, out, out_bias)


def scripted_row(name: str, target: str, run: Callable[..., Any], *args: Tensor, **more: Any) -> Case:
    """What is one operator in a scripted graph, and several in a traced one."""
    return row(name, target, torch.jit.script(run), *args, **more)


def conv1d(x: Tensor, w: Tensor) -> Tensor:
    return torch.conv1d(x, w, padding=[1])


def conv_transpose1d(x: Tensor, w: Tensor) -> Tensor:
    return torch.conv_transpose1d(x, w, stride=[2])


def bag(w: Tensor, i: Tensor, o: Tensor) -> Tensor:
    return torch.embedding_bag(w, i, o)[0]


def to_other(x: Tensor, y: Tensor) -> Tensor:
    return x.to(y)


def gru_cell(x: Tensor, h: Tensor, w: Tensor, u: Tensor, b: Tensor) -> Tensor:
    return torch.gru_cell(x, h, w, u, b, b)


def lstm_cell(x: Tensor, h: Tensor, w: Tensor, u: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return torch.lstm_cell(x, [h, h * 0.5], w, u, b, b)


def rnn_tanh_cell(x: Tensor, h: Tensor, w: Tensor, u: Tensor, b: Tensor) -> Tensor:
    return torch.rnn_tanh_cell(x, h, w, u, b, b)


def rnn_relu_cell(x: Tensor, h: Tensor, w: Tensor, u: Tensor, b: Tensor) -> Tensor:
    return torch.rnn_relu_cell(x, h, w, u, b, b)


def filled(x: Tensor) -> Tensor:
    return torch.ops.aten.fill(x, 2.5)


def zeroed(x: Tensor) -> Tensor:
    return torch.ops.aten.zero(x)


SCRIPTED = [
    scripted_row("scripted", "fill", filled, X, dynamic=FIRST),
    scripted_row("scripted", "zero", zeroed, X, dynamic=FIRST),
    scripted_row("scripted", "conv1d", conv1d, seeded(2, 3, 7), seeded(4, 3, 3), dynamic=FIRST),
    scripted_row("scripted", "conv_transpose1d", conv_transpose1d, seeded(2, 3, 7), seeded(3, 4, 3), dynamic=FIRST),
    scripted_row("scripted", "embedding_bag", bag, WEIGHT, BAGS, OFFSETS),
    scripted_row("scripted", "to.other", to_other, X, torch.tensor([1]), dynamic=FIRST),
    scripted_row("scripted", "gru_cell", gru_cell, X, HIDDEN, seeded(15, 4), seeded(15, 5), seeded(15)),
    scripted_row("scripted", "lstm_cell", lstm_cell, X, HIDDEN, seeded(20, 4), seeded(20, 5), seeded(20)),
    scripted_row("scripted", "rnn_tanh_cell", rnn_tanh_cell, X, HIDDEN, seeded(5, 4), seeded(5, 5), seeded(5)),
    scripted_row("scripted", "rnn_relu_cell", rnn_relu_cell, X, HIDDEN, seeded(5, 4), seeded(5, 5), seeded(5)),
]

CASTS = [
    row("plain", name, lambda x, name=name: getattr(ATEN, name)(x), seeded(3, 4, low=0, high=9), dynamic=FIRST)
    for name in ("_cast_Byte", "_cast_Char", "_cast_Short", "_cast_Int", "_cast_Float", "_cast_Double")
]

INTERNAL = [
    row("alias", "arcsin", torch.arcsin, INSIDE, dynamic=FIRST),
    row("alias", "arccos", torch.arccos, INSIDE, dynamic=FIRST),
    row("alias", "arctan", torch.arctan, X, dynamic=FIRST),
    row("alias", "arcsinh", torch.arcsinh, X, dynamic=FIRST),
    row("alias", "arccosh", torch.arccosh, POSITIVE, dynamic=FIRST),
    row("alias", "arctanh", torch.arctanh, INSIDE, dynamic=FIRST),
    row("parts", "log_sigmoid_forward", lambda x: ATEN.log_sigmoid_forward(x)[0], X, dynamic=FIRST),
    row("empty", "empty_strided", lambda x: torch.empty_strided((x.size(0), 2), (2, 1)).fill_(1), X, dynamic=FIRST),
    row(
        "empty",
        "new_empty_strided",
        lambda x: x.new_empty_strided((3, x.size(0)), (x.size(0), 1)).fill_(2),
        X,
        dynamic=FIRST,
    ),
    row("functional", "copy", lambda x, y: ATEN.copy(x, y), X, seeded(4, dtype=torch.int64), dynamic=FIRST),
    row("inputs", "_weight_norm", lambda v, g: torch._weight_norm(v, g, 0), X, seeded(3, 1)),
    *[
        row("plain", f"{mode}_pad{rank}d", lambda x, mode=mode, rank=rank: pad(mode, rank)(x, [1, 2] * rank), image)
        for mode in ("reflection", "replication")
        for rank, image in ((1, seeded(2, 3, 5)), (2, IMAGE), (3, seeded(2, 3, 4, 5, 3)))
    ],
    row("same", "to_dense", lambda x: ATEN.to_dense(x) * 2, X, dynamic=FIRST),
    row("inference", "native_dropout", lambda x: ATEN.native_dropout(x, 0.5, False), X, dynamic=FIRST),
    row("training", "native_dropout", lambda x: ATEN.native_dropout(x, 0.5, True), X, dynamic=FIRST, exact=False),
    row(
        "self-attention",
        "_native_multi_head_attention",
        attended,
        seeded(2, 5, 8),
        seeded(24, 8),
        seeded(24),
        seeded(8, 8),
        seeded(8),
        dynamic={0: (0, 1)},
    ),
    row("forward", "_cdist_forward", lambda x, y: ATEN._cdist_forward(x, y, 1.0, None), X, seeded(5, 4), dynamic=FIRST),
    row(
        "padded",
        "mkldnn_convolution",
        lambda x, w: ATEN.mkldnn_convolution(x, w, None, [1, 1], [2, 1], [1, 1], 1),
        IMAGE,
        FILTERS,
        dynamic=FIRST,
    ),
    row("sum", "_embedding_bag", lambda w, i, o: ATEN._embedding_bag(w, i, o)[0], WEIGHT, BAGS, OFFSETS),
    row(
        "mean",
        "_embedding_bag_forward_only",
        lambda w, i, o: ATEN._embedding_bag_forward_only(w, i, o, False, 1)[0],
        WEIGHT,
        BAGS,
        OFFSETS,
    ),
    row(
        "masked",
        "_unsafe_masked_index",
        lambda x, m, i: ATEN._unsafe_masked_index(x, m, [i], 0.5),
        seeded(5),
        torch.tensor([True, False, True]),
        torch.tensor([1, 7, 4]),
        dynamic=FIRST,
        since=9,
    ),
    row("accumulated", "_index_put_impl", index_put_impl, X, torch.tensor([2, 0]), since=16),
    row("alias", "_reshape_alias", lambda x: ATEN._reshape_alias(x, [2, 6], [6, 1]), X),
    row("solved", "_linalg_solve_ex", solved, SQUARE, seeded(2, 3, 2), since=9),
    row("checked", "_linalg_check_errors", torch.linalg.tensorsolve, SQUARE[0], seeded(3), since=9),
    row("parts", "_linalg_det", lambda x: ATEN._linalg_det(x)[0], SQUARE, since=11),
    row("parts", "_linalg_slogdet", lambda x: ATEN._linalg_slogdet(x)[:2], SQUARE, since=11),
    row("batch-first", "_pack_padded_sequence", packed, seeded(3, 4, 2), torch.tensor([4, 2, 1]), since=9),
    row(
        "circular",
        "_pad_circular",
        lambda x: ATEN._pad_circular(x, [1, 2]),
        seeded(2, 3, 5),
        dynamic={0: (0, 2)},
        since=9,
    ),
    row("plain", "special_log_softmax", lambda x: torch.special.log_softmax(x, 0), X, dynamic=FIRST),
    row("plain", "_log_softmax", lambda x: ATEN._log_softmax(x, 0, False), X, dynamic=FIRST),
]

CASES: list[Case] = [*COMPLEX, *NUMBERS, *SCRIPTED, *CASTS, *INTERNAL]
