"""Cases: matrix products of every kind."""

from __future__ import annotations

import torch
from torch import nn

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

A = seeded(3, 4)
B = seeded(4, 5)
X = seeded(2, 3, 4)
Y = seeded(2, 4, 5)
V = seeded(4)
ints = torch.int64


class Tied(nn.Module):
    """One weight that is looked up and multiplied with."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.table.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.table(ids))


class Twice(nn.Module):
    """One layer, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x))


CASES = [
    row("linear-2d", "linear", nn.Linear(4, 5), A, dynamic={0: (0,)}),
    row("linear-2d-no-bias", "linear", nn.Linear(4, 5, bias=False), A, dynamic={0: (0,)}),
    row("linear-3d", "linear", nn.Linear(4, 5), X, dynamic={0: (0, 1)}),
    row("linear-1d", "linear", nn.Linear(4, 5), V),
    row("linear-weight-is-input", "linear", lambda x, w, b: nn.functional.linear(x, w, b), X, seeded(5, 4), seeded(5)),
    row("linear-vector-weight", "linear", lambda x, w: nn.functional.linear(x, w), X, V),
    row("linear-tied", "linear", Tied(), torch.tensor([[1, 6, 0]]), dynamic={0: (0, 1)}),
    row("linear-twice", "linear", Twice(), X, dynamic={0: (1,)}),
    row("linear-half", "linear", nn.Linear(4, 5).half(), X.half()),
    row("linear-double", "linear", nn.Linear(4, 5).double(), A.double()),
    row("mm", "mm", lambda x, y: torch.mm(x, y), A, B, dynamic={0: (0,)}),
    row("mm-int", "mm", lambda x, y: torch.mm(x, y), A.to(ints), B.to(ints)),
    row("bmm", "bmm", lambda x, y: torch.bmm(x, y), X, Y, dynamic={0: (1,)}),
    row("matmul", "matmul", lambda x, y: (x @ y, x @ y[0], x @ y[0, :, 0], y[0, :, 0] @ y, x[0, 0] @ y[0, :, 0]), X, Y),
    row("matmul-broadcast", "matmul", lambda x, y: x @ y, seeded(3, 1, 3, 4), Y, dynamic={0: (0, 2)}),
    row("matmul-constant", "matmul", lambda x: x @ torch.ones(4, 2), X, dynamic={0: (0, 1)}),
    row("linalg-matmul", "linalg_matmul", lambda x, y: torch.linalg.matmul(x, y), X, Y),
    row("mv", "mv", lambda x, y: torch.mv(x, y), A, V, dynamic={0: (0,)}),
    row("dot", "dot", lambda x, y: torch.dot(x, y), V, V),
    row("vdot", "vdot", lambda x, y: torch.vdot(x, y), V, V),
    row(
        "int-mm",
        "_int_mm",
        lambda x, y: torch._int_mm(x, y),
        seeded(32, 8, dtype=torch.int8, high=9),
        seeded(8, 8, dtype=torch.int8, high=9),
        since=10,
    ),
    row("addmm", "addmm", lambda c, x, y: torch.addmm(c, x, y), seeded(5), A, B, dynamic={1: (0,)}),
    row("addmm-factors", "addmm", lambda c, x, y: torch.addmm(c, x, y, beta=0.5, alpha=2), seeded(3, 1), A, B),
    row("addmm-beta-0", "addmm", lambda c, x, y: torch.addmm(c * float("nan"), x, y, beta=0), seeded(3, 5), A, B),
    row(
        "addmm-int",
        "addmm",
        lambda c, x, y: torch.addmm(c, x, y, beta=3, alpha=2),
        seeded(3, 5).to(ints),
        A.to(ints),
        B.to(ints),
    ),
    row(
        "addmm-activation",
        "_addmm_activation",
        lambda c, x, y: (torch._addmm_activation(c, x, y), torch._addmm_activation(c, x, y, use_gelu=True)),
        seeded(5),
        A,
        B,
        since=9,
        rtol=1e-3,
        atol=1e-3,
    ),  # PyTorch's own gelu here is the approximate one on some machines
    row("addmv", "addmv", lambda c, x, y: torch.addmv(c, x, y, beta=0.5, alpha=2), seeded(3), A, V),
    row("addr", "addr", lambda c, x, y: torch.addr(c, x, y, beta=0.5, alpha=2), A, seeded(3), V),
    row("addr-bool", "addr", lambda c, x, y: torch.addr(c, x, y), A > 0, seeded(3) > 0, V > 0),
    row("baddbmm", "baddbmm", lambda c, x, y: torch.baddbmm(c, x, y, beta=0.5, alpha=2), seeded(2, 3, 5), X, Y),
    row("baddbmm-beta-0", "baddbmm", lambda c, x, y: torch.baddbmm(c, x, y, beta=0), seeded(2, 3, 5), X, Y),
    row("addbmm", "addbmm", lambda c, x, y: torch.addbmm(c, x, y, beta=0.5, alpha=2), seeded(3, 5), X, Y),
    row("outer", "outer", lambda x, y: torch.outer(x, y), V, seeded(3), dynamic={0: (0,)}),
    row("ger-int-float", "ger", lambda x, y: torch.ger(x, y), V, seeded(3).to(ints)),
    row("inner", "inner", lambda x, y: torch.inner(x, y), X, A, dynamic={0: (0, 1)}),
    row("inner-scalar", "inner", lambda x, y: torch.inner(x, y), X, seeded()),
    row("tensordot", "tensordot", lambda x, y: torch.tensordot(x, y, ([2, 0], [1, 0])), X, Y),
    row("tensordot-dynamic", "tensordot", lambda x, y: torch.tensordot(x, y, 1), X, B, dynamic={0: (0, 1)}),
    row("tensordot-one", "tensordot", lambda x, y: torch.tensordot(x, y, ([1], [0])), seeded(3, 1), B),
    row(
        "multi-dot",
        "linalg_multi_dot",
        lambda x, y, v: torch.linalg.multi_dot([v, y.T, x.T]),
        A,
        seeded(5, 4)[:, :4].T,
        seeded(5)[:5],
        dynamic={},
    ),
    row("chain-matmul", "chain_matmul", lambda x, y, z: torch.chain_matmul(x, y, z), A, B, seeded(5, 2)),
    row("bilinear", "bilinear", nn.Bilinear(4, 5, 6), X, seeded(2, 3, 5), dynamic={}),
    row("bilinear-no-bias", "bilinear", nn.Bilinear(4, 5, 6, bias=False), A, seeded(3, 5)),
    row("vecdot", "linalg_vecdot", lambda x, y: torch.linalg.vecdot(x, y, dim=1), X, seeded(3, 4)),
    row("kron", "kron", lambda x, y: torch.kron(x, y), A, seeded(2, 3), dynamic={0: (0, 1)}),
    row("kron-ranks", "kron", lambda x, y: torch.kron(x, y), X, seeded(2)),
    row("cross", "cross", lambda x, y: torch.cross(x, y, dim=1), seeded(2, 3, 4), seeded(2, 3, 4)),
    row(
        "linalg-cross",
        "linalg_cross",
        lambda x, y: torch.linalg.cross(x, y),
        seeded(5, 2, 3),
        seeded(1, 1, 3),
        dynamic={0: (0,)},
    ),
    row(
        "einsum-heads",
        "einsum",
        lambda q, k: torch.einsum("bqhd,bkhd->bhqk", q, k),
        seeded(2, 3, 4, 5),
        seeded(2, 6, 4, 5),
        dynamic={0: (1,), 1: (1,)},
    ),
    row("einsum-implicit", "einsum", lambda x, y: torch.einsum("ij,jk", x, y), A, B),
    row(
        "einsum-ellipsis",
        "einsum",
        lambda x, y: torch.einsum("...ij,...jk->...ik", x, y),
        X,
        seeded(3, 1, 4, 5),
        dynamic={0: (1,)},
    ),
    row(
        "einsum-diagonal",
        "einsum",
        lambda x: (torch.einsum("ii->i", x), torch.einsum("ii", x), torch.einsum("...ii->...i", x)),
        seeded(4, 4),
    ),
    row("einsum-sum", "einsum", lambda x: torch.einsum("bij->b", x), X, dynamic={0: (0, 1)}),
    row("einsum-permute", "einsum", lambda x: torch.einsum("bij->jbi", x), X, dynamic={0: (0, 1)}),
    row("einsum-outer", "einsum", lambda x, y: torch.einsum("i,j->ij", x, y), V, seeded(3)),
    row(
        "einsum-three",
        "einsum",
        lambda x, y, z: torch.einsum("bn,anm,bm->ba", x, y, z),
        seeded(2, 5),
        seeded(3, 5, 4),
        seeded(2, 4),
    ),
    row(
        "einsum-two-inner",
        "einsum",
        lambda x, y: torch.einsum("abc,cbd->ad", x, y),
        X,
        seeded(4, 3, 5),
        dynamic={0: (0,)},
    ),
    row("einsum-capitals", "einsum", lambda x, y: torch.einsum("aB,Bc", x, y), A, B),
    row("einsum-broadcast-one", "einsum", lambda x, y: torch.einsum("ij,jk->ik", x, y), seeded(3, 1), B),
    row("cov", "cov", lambda x: torch.cov(x), A, dynamic={0: (1,)}),
    row(
        "cov-weights",
        "cov",
        lambda x, f, a: torch.cov(x, correction=1, fweights=f, aweights=a),
        A,
        torch.tensor([1, 2, 1, 3]),
        V.abs(),
    ),
    row("cov-vector", "cov", lambda x: torch.cov(x, correction=0), V),
    row("corrcoef", "corrcoef", lambda x: torch.corrcoef(x), A, dynamic={0: (1,)}),
    row(
        "rows",
        "_grouped_mm",
        lambda x, w, ends: torch._grouped_mm(x, w, offs=ends),
        seeded(7, 16),
        seeded(3, 16, 8),
        torch.tensor([2, 2, 7], dtype=torch.int32),
        since=9,
    ),
    row(
        "batches",
        "_grouped_mm",
        lambda x, w: torch._grouped_mm(x, w),
        seeded(3, 8, 16),
        seeded(3, 16, 8),
    ),
]
