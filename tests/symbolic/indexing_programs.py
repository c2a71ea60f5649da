"""Programs that read and write through indices and views, each the shortest one that may go wrong in its own way.

What the documentation of ``torch.onnx`` lists as unsupported is marked with its section.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Program = Callable[[Tensor, Tensor], Any]
"""Of ``x`` (rows, 4, 5) with at least 5 rows, and ``i`` (rows): integers from -3 to 2."""

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    PROGRAMS[function.__name__] = function
    return function


# -- reads ---------------------------------------------------------------------------------------------------------------------


@program
def read_negative_indices(x: Tensor, i: Tensor) -> Tensor:  # Reads / Gets
    return x[torch.tensor([[1, 2], [2, -3]]), torch.tensor([-2, 3])]


@program
def read_negative_from_the_end_of_a_dynamic_axis(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    return x[-1], x[-2:, -1], x[torch.tensor([-1, 0])], x[i]


@program
def read_indices_that_are_not_adjacent(x: Tensor, i: Tensor) -> Tensor:
    return x[i, :, torch.tensor(-1)] + x[i[:, None], :, torch.tensor([[0]])].squeeze(1)


@program
def read_new_axes_and_ellipsis(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    return x[None, ..., i.clamp(0, 4), None], x[..., None, 1::2], x[i, None, ..., 2]


@program
def read_mask_and_index(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    mask = x[:, 0, 0] > 0
    return x[mask, 1], x[mask][:, torch.tensor([True, False, True, False])], x[:, x[0, :, 0] < 9, 2]


@program
def read_mask_beside_integers(x: Tensor, i: Tensor) -> Tensor:
    return x[i > 0, torch.tensor(-1), :]


@program
def read_steps(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    return x[1::2, ::3], x[:-2:2], x[-4:-1, 1:-1:2], x[3:1], x[10:]


@program
def read_with_traced_bounds(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    n = x.size(0)
    return x[n // 2 :], x[: n - 3], x[n // 3 : n : 2], x[n - 1], x[-(n // 2) :]


@program
def read_bool_scalar(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    return x[True], x[x.new_tensor(0) > 1]


@program
def read_nothing(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    return x[torch.zeros(0, dtype=torch.int64)], x[x > 1e9], x[:0]


@program
def take_and_gather(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    return torch.take(x, i), x.index_select(0, i.abs()), torch.take_along_dim(x, i.abs()[:, None, None], 0)


# -- writes ----------------------------------------------------------------------------------------------------------------------


@program
def write_several_indices_of_rank_two(x: Tensor, i: Tensor) -> Tensor:  # Writes / Sets, 1
    y = x.clone()
    y[torch.tensor([[1, 2], [2, 3]]), torch.tensor([2, 3])] = x[:2, :2] * 2
    return y


@program
def write_indices_that_are_not_adjacent(x: Tensor, i: Tensor) -> Tensor:  # Writes / Sets, 2
    y = x.clone()
    y[torch.tensor([2, 3]), :, torch.tensor([1, 2])] = x[0, :2, :4] + 1
    return y


@program
def write_negative_indices(x: Tensor, i: Tensor) -> Tensor:  # Writes / Sets, 3
    y = x.clone()
    y[torch.tensor([1, -2]), torch.tensor([-2, 3])] = x[:2, 0] - 3
    return y


@program
def write_with_broadcasting(x: Tensor, i: Tensor) -> Tensor:  # Writes / Sets, 4
    y = x.clone()
    y[torch.tensor([[0, 2], [1, 1]]), 1:3] = x[0, 0]
    return y


@program
def write_a_number_by_rows_of_an_input(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[i, torch.tensor(-1)] = 7
    y[i.abs(), ..., 0] += 1
    return y


@program
def write_masks(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x.clone()
    y[x > 0.5] = 0
    y[i > 0] = x[0]
    y[:, torch.tensor([True, False, False, True])] *= 2
    z = x.clone()
    z[x < 0] = -x[x < 0]
    return y, z


@program
def write_masked_rows_of_a_column(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[i > 0, 1] = x[i > 0, 2] * 10
    return y


@program
def write_slices_with_steps(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[::2, 1:-1, ::3] = 5
    y[1::2] = x[1::2].flip(0)
    y[-2:, :, -1] -= 4
    return y


@program
def write_with_traced_bounds(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    n = x.size(0)
    y[n // 2 :] = 0
    y[: n - 3, 0] += x[3:, 1]
    y[n - 1, 2] = 9
    return y


@program
def write_nothing(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[3:3] = 1
    y[x > 1e9] = 2
    y[torch.zeros(0, dtype=torch.int64)] = 3
    return y


@program
def write_through_view_of_view(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x.clone()
    part = y[1:].transpose(1, 2)[:, ::2]
    inner = part.select(1, 1).unsqueeze(0)
    inner.mul_(3)
    part[0] = -1
    return y, part, inner


@program
def write_through_two_views_in_turn(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x.clone()
    a, b = y[:, :3], y[:, 1:]
    a.add_(1)
    b.mul_(2)
    a.sub_(b)
    return y, a, b


@program
def write_to_the_base_and_read_the_view(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x.clone()
    view = y.view(y.size(0), -1)
    flat = view.flatten()[::3]
    y.neg_()
    y[0] = 1
    return view, flat


@program
def write_pieces(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    first, second = y.chunk(2, dim=1)
    first.copy_(second * 2)
    second.zero_()
    for row in y.unbind(2)[1:3]:
        row.fill_(4)
    return y


@program
def write_a_diagonal(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y.diagonal(1, 1, 2).fill_(8)
    y[:, :, :4].diagonal(dim1=1, dim2=2).add_(x[:, :, 0])
    y[0].fill_diagonal_(3)
    return y


@program
def write_expanded_source(x: Tensor, i: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:] = x[0]
    y[:, 1] = x[:, 1, :1]
    y[..., 2] = i[:, None]
    return y


@program
def write_itself_shifted(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[1:] = y[:-1].clone()
    y[:, 1:] = y[:, :-1] * 2
    return y


@program
def write_in_another_dtype(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = i.clone()
    y[1:3] = 2.75
    y += x[:, 0, 0] > 0
    z = torch.zeros(x.size(0), dtype=torch.bool)
    z[x[:, 0, 0] > 0] = True
    z |= i > 0
    return y, z


@program
def write_out_arguments(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = torch.empty_like(x)
    torch.add(x, 1, out=y)
    torch.mul(y[:, 0], 2, out=y[:, 1])
    values, places = torch.empty(0), torch.empty(0, dtype=torch.int64)
    torch.max(x, 1, out=(values, places))
    return y, values, places


@program
def write_scatters(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y.scatter_(1, i.abs()[:, None, None].expand(-1, 1, 5), 0)
    y.index_fill_(2, torch.tensor([0, -1]), 6)
    y.index_copy_(1, torch.tensor([2, 0]), x[:, 1:3])
    y.select(2, 1).masked_fill_(i[:, None] > 0, -5)
    return y


@program
def write_masked_scatter(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y.masked_scatter_(x > 0, x.flip(0).abs())
    y[:, 0].masked_fill_(y[:, 0] > 1, 0)
    return y


@program
def add_to_a_shape(x: Tensor, i: Tensor) -> Tensor:  # Pitfalls: in-place on sizes
    n = x.size(0)
    n += 2
    m = x.shape[1]
    m *= n
    return torch.zeros(n, m) + x.sum()


@program
def accumulate_in_a_loop(x: Tensor, i: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    for column in range(x.size(2)):
        y[..., column] = (y[..., column - 1] if column else 0) + x[..., column]
    total = y[:, 0].clone()
    for row in range(1, 4):
        total += y[:, row]
    return total


@program
def write_after_reshape(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x.clone()
    view = y.reshape(-1, 5)  # a view
    copy = y.transpose(1, 2).reshape(-1, 5)  # a copy
    view[0] = 1
    copy[0] = 2
    return y, view, copy


@program
def write_squeezed_in_place(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x.clone()
    part = y[:, 1:2]
    part.squeeze_(1)
    part.t_()
    part[0] = 3
    return y, part


@program
def swap_rows(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[[0, 1]] = y[[1, 0]]
    y[:, 0], y[:, 3] = y[:, 3].clone(), y[:, 0].clone()
    return y


@program
def put_and_accumulate(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y, z = x.clone(), x.clone()
    y.index_put_((i,), x, accumulate=True)
    z.index_add_(1, torch.tensor([0, 0, 2]), x[:, :3], alpha=2)
    return y, z


# -- the same again, less usual ------------------------------------------------------------------------------------------------


@program
def write_the_input_itself(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    x[0] += 1
    x.data[1] = 2
    x.detach()[2].zero_()
    return x, x[:3].sum()


@program
def write_by_zero_dimensional_indices(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[i[0].abs()] = 1
    y[i[1], :, i[2]] = 2
    y[1, i.max().clamp(0, 3)] *= 3
    return y


@program
def slice_by_zero_dimensional_bounds(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    n = i.abs().max()
    y = x.clone()
    y[n:] = 0
    y[:, : n + 1] += 1
    return x[n:], x[: n + 1, 1], y


@program
def write_new_axes(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[:, None, 1] = x[:, 2:3]
    y[None, ..., None, 0] = 4
    return y


@program
def write_a_mask_of_rank_two(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y, z = x.clone(), x.clone()
    mask = x[..., 0] > 0
    y[mask] = x[0, 0]
    z[mask, 1] = -1
    z[:, x[0] > 0] = 0
    return y, z, y[mask], z[:, x[0] > 0]


@program
def write_values_of_a_mask_in_the_middle(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    mask = x[0, :, 0] > -9
    y[:, mask] = x[:, mask].flip(1)
    y[:, mask, 1:3] = y[:, mask, 3:5] * 2
    return y


@program
def write_a_mask_that_is_computed_of_what_is_written(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    for _ in range(2):
        y[y > 0.3] -= 0.5
        y[y < 0] = y[y < 0] ** 2
    return y


@program
def add_to_duplicates(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[torch.tensor([1, 1, 3])] += 1  # once for each row, not for each index
    return y


@program
def write_through_every_order(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x.clone()
    y.movedim(0, -1)[1] += 1
    y.permute(2, 0, 1)[0, 1:] = 5
    y.mT[:, 0] *= 2
    y.flatten(1)[:, ::7] = -3
    y.unflatten(1, (2, 2))[:, 1, 0] = 9
    y.swapaxes(1, 2)[..., -1] -= y[:, 0]
    return y, y.mT


@program
def write_through_narrow_and_split_sizes(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y.narrow(0, 1, 3).narrow(1, 2, 2).mul_(4)
    left, right = y.split([2, 3], dim=2)
    left.add_(1)
    right[:, 1] = left[:, 2, :1]
    y.tensor_split([1, 3], dim=1)[1].neg_()
    return y


@program
def write_in_a_list(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x.clone()
    parts = [y[:, k] for k in range(4)]
    for k, part in enumerate(parts):
        part += k
    parts[0], parts[1] = parts[1] * 2, parts[0]
    parts[1][0] = 7
    return y, torch.stack(parts)


@program
def write_a_broadcast_row_into_a_dynamic_part(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y[1:, :, 0] = x[0, :, 1]
    y[:-1] = y[-1]
    y[i.size(0) // 2 :, 1] = x[0, 2, None]
    return y


@program
def write_what_an_alias_shows(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x * 1
    alias = y.contiguous().view_as(x).detach()
    again = torch.nn.functional.dropout(alias, 0.5, training=False).to(x.dtype)
    again[:, 0] = 3
    y[:, 1] = alias[:, 0]
    return y, alias, again


@program
def write_unlike_copies(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x * 1
    copies = [y.clone(), y.to(torch.float64), y[torch.tensor([0, 1])], y.repeat(1, 1, 1), y + 0, torch.cat([y, y])]
    y.zero_()
    for copy in copies:
        copy[0] += 1
    return y, *copies


@program
def compare_and_write_bools(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    mask = torch.ones(x.shape[:2], dtype=torch.bool)
    mask[i > 0] = False
    mask[:, 2] &= x[:, 2, 0] > 0
    mask[0, :] ^= True
    mask.logical_not_()
    return mask, x.masked_fill(mask[..., None], 0)


@program
def fill_a_triangle(x: Tensor, i: Tensor) -> Tensor:
    n = x.size(0)
    mask = torch.full((n, n), float("-inf"))
    mask.triu_(1)
    mask[:, 0] = 0
    mask[i <= 0] += 1
    return mask


@program
def write_a_cache(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    cache = torch.zeros(x.size(0), 8, 5)
    cache[:, 2:6] = x
    cache[:, 6:] = x[:, :2]
    cache.index_copy_(1, torch.tensor([0]), x[:, 3:])
    return cache, cache[:, : x.size(1)]


@program
def write_flat_places(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    y.view(-1)[:: y.size(2) + 1] = 0
    y.put_(torch.tensor([3, -1]), torch.tensor([1.5, 2.5]))
    y.view(y.size(0), -1).scatter_(1, i.abs()[:, None], 11.0)
    return y


@program
def reduce_into_a_part(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    y = x.clone()
    torch.sum(x, dim=1, out=y[:, 0])
    torch.cat([x[:1], x[:-1]], out=y[:])
    y[:, 3].clamp_(-0.5, 0.5).add_(y[:, 2], alpha=2)
    y[0, 0].copy_(x.amax((0, 1)))
    return y, y[:, 3]


@program
def unpack_and_write_along_the_dynamic_axis(x: Tensor, i: Tensor) -> Tensor:
    y = x.clone()
    head, tail = y[:2], y[2:]
    tail += head.mean(0)
    head[i[:2] > 5] = 0
    tail[tail.size(0) - 1] = head[1]
    return y
