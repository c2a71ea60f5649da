"""Cases: branches and loops over tensors and numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.scripted.running import Scripted

X = torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
POSITIVE, NEGATIVE, ZERO = X.abs(), -X.abs(), torch.zeros(2, 3)
WIDE = torch.arange(12.0).reshape(4, 3) - 4
ROWS = {"x": {0: "rows"}}
SIGNS = [(POSITIVE,), (NEGATIVE,), (ZERO,)]


def branch(x: Tensor):
    if bool(x.sum() > 0):
        y = x * 2
    else:
        y = x - 1
    return y


def elif_chain(x: Tensor):
    s = x.sum()
    if s > 5:
        return x + 1
    elif s < -5:
        return x - 1
    elif s == 0:
        return x.exp()
    return x


def branch_nested(x: Tensor):
    if x.sum() > 0:
        if x.max() > 5:
            y = x * 2
        else:
            y = x * 3
        z = y + 1
    else:
        z = x - 1
        y = z
    return y, z


def branch_on_dynamic_size(x: Tensor):
    if x.size(0) > 3:
        return x[:3]
    return x * 2


def branch_on_static_size(x: Tensor):
    if x.size(1) == 3:
        return x.sum(1)
    return x * 2


def branch_of_ranks(x: Tensor):
    if x.sum() > 0:
        y = x.sum(0)
    else:
        y = x
    return y * 2


def branch_of_sizes(x: Tensor):
    if x.sum() > 0:
        y = torch.cat([x, x], 1)
    else:
        y = x
    return y + 1


def branch_of_dtypes(x: Tensor):
    if x.sum() > 0:
        y = (x > 1).to(torch.int64)
    else:
        y = (x > 1).to(torch.int64) - 1
    return y


def branch_of_numbers(x: Tensor):
    if x.sum() > 0:
        k, f, flag = 2, 0.5, True
    else:
        k, f, flag = 3, 1.5, False
    y = x * k + f
    if flag:
        y = y - 1
    return y


def branch_without_else(x: Tensor):
    y = x
    if x.mean() > 0:
        y = y.relu()
    if x.mean() < 0:
        y = y.abs() * 2
    return y


def branch_of_same(x: Tensor):
    y = x * 2
    if x.sum() > 0:
        z = y
    else:
        z = y
    return z


def branch_of_inputs(x: Tensor, y: Tensor):
    if x.sum() > y.sum():
        return x
    return y


def ternary(x: Tensor):
    scale = 2.0 if x.sum() > 0 else -1.0
    return x * scale


def logic(x: Tensor):
    a = bool(x.sum() > 0)
    b = bool(x.max() > 5)
    if a and not b:
        return x + 1
    if a or b:
        return x + 2
    return x


def bool_of_one_element(x: Tensor):
    if x[:1, 0] > 0:
        return x + 1
    return x - 1


def for_range(x: Tensor, n: int):
    for _ in range(n):
        x = x * 1.5 + 1
    return x


def for_index(x: Tensor, n: int):
    for i in range(n):
        x = x + i
    return x


def for_start_step(x: Tensor, n: int):
    for i in range(2, n, 3):
        x = x + i
    return x


def for_backwards(x: Tensor, n: int):
    for i in range(n, 0, -2):
        x = x * 2 + i
    return x


def for_rows(x: Tensor):
    s = torch.zeros(3)
    for i in range(x.size(0)):
        s = s * 0.5 + x[i]
    return s


def for_each_row(x: Tensor):
    s = torch.zeros(3)
    for row in x:
        s = torch.tanh(s + row)
    return s


def for_columns(x: Tensor):
    s = torch.zeros(x.size(0))
    for i in range(x.size(1)):
        s = s + x[:, i] * i
    return s


def while_sum(x: Tensor):
    while x.abs().sum() < 100:
        x = x * 2 + 1
    return x


def while_counter(x: Tensor, n: int):
    i = 0
    while i < n:
        x = x + i
        i += 2
    return x, i


def while_true_break(x: Tensor):
    i = 0
    while True:
        x = x + 1
        i += 1
        if x.sum() > 20 or i > 5:
            break
    return x


def for_break(x: Tensor, n: int):
    for i in range(n):
        if x.sum() > 50:
            break
        x = x + i + 1
    return x


def for_continue(x: Tensor, n: int):
    y = x
    for i in range(n):
        if i % 2 == 0:
            continue
        y = y + x * i
    return y


def for_else_return(x: Tensor, n: int):
    for i in range(n):
        if x.sum() > 10 * i:
            return x * i
        x = x + 1
    return x - 100


def nested_return(x: Tensor, n: int):
    for i in range(n):
        for j in range(i):
            if x.sum() > 30:
                return x * 10
            x = x + j + 1
    return x


def loop_in_branch(x: Tensor, n: int):
    if x.sum() > 0:
        for i in range(n):
            x = x + i
    else:
        while x.sum() < 0:
            x = x + 1
    return x


def branch_in_loop(x: Tensor, n: int):
    y = x
    for i in range(n):
        if i % 2 == 0:
            y = y * 2
        else:
            y = y - x
        if y.sum() > 50:
            y = y / 2
    return y


def nested_loops(x: Tensor, n: int, m: int):
    s = torch.zeros_like(x)
    for i in range(n):
        for j in range(m + i):
            s = s + x * (i * 10 + j)
    return s


def growing(x: Tensor, n: int):
    y = x
    for _ in range(n):
        y = torch.cat([y, x * 2], 0)
    return y


def doubling(x: Tensor, n: int):
    y = x
    for _ in range(n):
        y = torch.cat([y, y], 1)
    return y


def shrinking(x: Tensor, n: int):
    y = x
    for _ in range(n):
        y = y[1:]
    return y


def swapping(x: Tensor, n: int):
    a, b = x, x * 2
    for _ in range(n):
        a, b = b, a + b
    return a, b


def numbers_carried(x: Tensor, n: int):
    total, factor, even = 0, 1.0, True
    for i in range(n):
        total += i
        factor = factor * 0.5
        even = not even
    if even:
        return x * factor + total
    return x - total


def int_of_tensor(x: Tensor):
    n = int(x.sum())
    y = x
    for i in range(n):
        y = y + i
    return y


def float_of_tensor(x: Tensor):
    f = float(x.sum())
    if f > 1.0:
        return x * f
    return x


def item(x: Tensor):
    s = x.sum().item()
    if s > 1:
        return x * s
    return x


def loop_over_nonzero(x: Tensor):
    s = torch.zeros(2)
    for index in torch.nonzero(x > 0):
        s = s + index.to(torch.float)
    return s


def nonzero_in_branch(x: Tensor):
    if x.sum() > 0:
        found = torch.nonzero(x > 2)
    else:
        found = torch.nonzero(x < -2)[:1]
    return found


def nonzero_in_loop(x: Tensor, n: int):
    y = x
    for i in range(n):
        y = y[y[:, 0] > i]
    return y


def unique_loop(x: Tensor):
    values = torch.unique(x.to(torch.int64))
    s = torch.zeros(1, dtype=torch.int64)
    for i in range(values.size(0)):
        s = s * 2 + values[i]
    return s


def tail_of_loop_size(x: Tensor, n: int):
    y = x
    for _ in range(n):
        y = torch.cat([y, x])
    return y.view(y.size(0) * y.size(1)), y.size(0)


def raising(x: Tensor):
    if x.dim() != 2:
        raise ValueError("two dimensions, please")
    assert x.sum() > -1000, "too small"
    if x.sum() > 1000:
        raise RuntimeError("too large")
    else:
        y = x + 1
    return y


def raising_inside(x: Tensor, n: int):
    for i in range(n):
        if i > 100:
            raise RuntimeError("too many")
        x = x + i
    return x


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)])
        self.scale = 0.5
        self.repeats = 3

    def forward(self, x: Tensor, n: int):
        for i, layer in enumerate(self.layers):
            x = layer(x) + i
        for _ in range(self.repeats):
            x = x * self.scale
        for _ in range(n):
            for again in self.layers:
                x = again(x)
        return x


class Early(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Layers()

    def helper(self, x: Tensor, limit: float):
        if x.sum() > limit:
            return self.inner(x, 1)
        return x

    def forward(self, x: Tensor):
        y = self.helper(x, 1.0)
        z = self.helper(y, -1.0)
        return y + z


def static_loop_of_kernel(x: Tensor):
    y = x.view(1, 1, 2, 3)
    for i in range(2):
        y = torch.nn.functional.max_pool2d(y, i + 1, 1)
    return y


def number_with_small_tensor(x: Tensor, n: int):
    y = x.sum().to(torch.int32)
    for i in range(n):
        y = y * (i + 1)
    return y


def integer_arithmetic(x: Tensor, n: int):
    k, m = 0, 7
    for i in range(n):
        k = k - i * 3
        m = (m + k) // 2 + (k % 5) - (-7 // (i + 1))
    return k, m, k / 3, float(k), int(m / 2), abs(k), max(k, m)


def half_with_number(x: Tensor, n: int):
    h, f = x.half(), 0.5
    for _ in range(n):
        f = f + 0.25
        h = h * f
    return h, f


def best_row(x: Tensor):
    best, score = -1, -1e9
    for r in range(x.size(0)):
        s = float(x[r].sum())
        if s > score:
            best, score = r, s
    return best, score, x[best]


COUNTS = (3, 0, 1, 5)

FLOW: list[Scripted] = [
    Scripted(branch, SIGNS, has=("If",)),
    Scripted(elif_chain, SIGNS, has=("If",)),
    Scripted(branch_nested, [*SIGNS, (POSITIVE / 3,)], has=("If",)),
    Scripted(branch_on_dynamic_size, [(X,), (WIDE,), (WIDE[:1],)], ROWS, has=("If",)),
    Scripted(branch_on_static_size, [(X,), (WIDE,)], ROWS, lacks=("If",)),
    Scripted(branch_of_ranks, SIGNS, rank_varies=True),
    Scripted(branch_of_sizes, SIGNS),
    Scripted(branch_of_dtypes, SIGNS),
    Scripted(branch_of_numbers, SIGNS),
    Scripted(branch_without_else, SIGNS),
    Scripted(branch_of_same, SIGNS, lacks=("If",)),
    Scripted(branch_of_inputs, [(X, POSITIVE), (X, NEGATIVE)]),
    Scripted(ternary, SIGNS),
    Scripted(logic, [*SIGNS, (POSITIVE / 3,)]),
    Scripted(bool_of_one_element, SIGNS),
    Scripted(for_range, [(X, n) for n in COUNTS], has=("Loop",)),
    Scripted(for_index, [(X, n) for n in COUNTS]),
    Scripted(for_start_step, [(X, n) for n in (9, 0, 2, 3, 4, 5, 6, 12)]),
    Scripted(for_backwards, [(X, n) for n in (6, 0, 1, 2, 5)]),
    Scripted(for_rows, [(X,), (WIDE,), (WIDE[:0],)], ROWS),
    Scripted(for_each_row, [(X,), (WIDE,), (WIDE[:0],)], ROWS),
    Scripted(for_columns, [(X,), (X.repeat(1, 2),)], {"x": {1: "columns"}}),
    Scripted(while_sum, [(X,), (X * 100,), (ZERO,)]),
    Scripted(while_counter, [(X, n) for n in COUNTS]),
    Scripted(while_true_break, [(X,), (X * 100,), (NEGATIVE,)]),
    Scripted(for_break, [(X, 3), (X, 100), (X * 100, 3), (X, 0)]),
    Scripted(for_continue, [(X, n) for n in COUNTS]),
    Scripted(for_else_return, [(X, 3), (NEGATIVE, 3), (X, 0), (POSITIVE, 2)]),
    Scripted(nested_return, [(X, 3), (X, 6), (X * 20, 4), (X, 0)]),
    Scripted(loop_in_branch, [(X, 3), (NEGATIVE, 3), (POSITIVE, 0)]),
    Scripted(branch_in_loop, [(X, n) for n in COUNTS]),
    Scripted(nested_loops, [(X, 2, 2), (X, 0, 2), (X, 3, 0), (X, 1, -4)]),
    Scripted(growing, [(X, n) for n in COUNTS]),
    Scripted(doubling, [(X, n) for n in COUNTS]),
    Scripted(shrinking, [(WIDE, n) for n in COUNTS]),
    Scripted(swapping, [(X, n) for n in COUNTS]),
    Scripted(numbers_carried, [(X, n) for n in (*COUNTS, 4)]),
    Scripted(int_of_tensor, [(X,), (POSITIVE,), (NEGATIVE,)]),
    Scripted(float_of_tensor, SIGNS),
    Scripted(item, SIGNS),
    Scripted(loop_over_nonzero, [*SIGNS, (X,)]),
    Scripted(nonzero_in_branch, [*SIGNS, (X,)]),
    Scripted(nonzero_in_loop, [(WIDE, n) for n in COUNTS]),
    Scripted(unique_loop, [(X,), (ZERO,), (WIDE[:2],)]),
    Scripted(tail_of_loop_size, [(X, n) for n in COUNTS]),
    Scripted(raising, SIGNS, lacks=("If",)),
    Scripted(raising_inside, [(X, n) for n in COUNTS], lacks=("If",)),
    Scripted(Layers(), [(X, n) for n in COUNTS]),
    Scripted(Early(), SIGNS),
    Scripted(number_with_small_tensor, [(X, n) for n in COUNTS]),
    Scripted(integer_arithmetic, [(X, n) for n in COUNTS]),
    Scripted(half_with_number, [(X, n) for n in COUNTS]),
    Scripted(best_row, [(X,), (WIDE,), (-WIDE,)], ROWS),
    Scripted(static_loop_of_kernel, [(X,), (NEGATIVE,)], lacks=("Loop",)),
]
