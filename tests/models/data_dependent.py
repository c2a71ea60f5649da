"""Models with sizes that depend on the data, and what comes after; the data give several counts, zero among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Data = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class DataCase:
    """One model.

    Attributes:
        name: Test id.
        run: The model.
        data: Inputs that give different counts: the first has some, the last has none, one in between has exactly one.
        since: The first opset that can express it.
        axes: ``dynamic_axes`` of the inputs, where the data differ in shape.
    """

    name: str
    run: Callable[..., Any]
    data: Sequence[Data]
    since: int = 11
    axes: dict[str, dict[int, str]] | None = None


MATRIX: tuple[Data, ...] = tuple(
    (torch.tensor(rows),)
    for rows in (
        [[1.0, -2.0, 0.5], [-1.0, 3.0, -0.5], [0.0, -4.0, 2.0], [-3.0, -1.0, -2.0]],
        [[1.0, 2.0, 0.5], [1.0, 3.0, 0.5], [4.0, 4.0, 2.0], [3.0, -1.0, 2.0]],
        [[-1.0, -2.0, -0.5], [-1.0, 3.0, -0.5], [0.0, -4.0, -2.0], [-3.0, -1.0, -2.0]],
        [[-1.0, -2.0, -0.5], [-1.0, -3.0, -0.5], [0.0, -4.0, -2.0], [-3.0, -1.0, -2.0]],
    )
)
"""Positive elements: 4, 11, 1, none."""

INTEGERS: tuple[Data, ...] = tuple(
    (torch.tensor(rows),) for rows in ([2, 0, 3, 1, 2], [1, 1, 5, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0])
)
"""Repeats: their sum is 8, 7, 1, none."""

RAGGED: tuple[Data, ...] = tuple(
    (torch.tensor(rows, dtype=torch.int64),) for rows in ([3, 1, 3, 2], [5, 5, 5, 5, 5, 1], [7], [])
)
"""Distinct values: 3, 2, 1, none."""

BOXES: tuple[Data, ...] = tuple(
    (
        torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [21, 21, 31, 31], [50, 50, 60, 60]]),
        torch.tensor(scores),
    )
    for scores in (
        [0.9, 0.8, 0.7, 0.6, 0.95],
        [0.9, 0.1, 0.8, 0.1, 0.2],
        [0.1, 0.9, 0.2, 0.1, 0.3],
        [0.1, 0.2, 0.3, 0.2, 0.1],
    )
)

CASES: list[DataCase] = []


def case(
    data: Sequence[Data], since: int = 11, axes: dict[str, dict[int, str]] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds a function as a case under its name."""

    def add(run: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(DataCase(run.__name__, run, data, since, axes))
        return run

    return add


LENGTH = {"x": {0: "length"}}


@case(MATRIX, since=9)
def nonzero_rows(x: Tensor) -> Any:
    return (x > 0).nonzero()


@case(MATRIX)
def nonzero_then_view(x: Tensor) -> Any:
    rows = (x > 0).nonzero()
    flat = rows.reshape(-1)
    return (
        flat.view(rows.shape[0], 2),
        flat.view(2, -1),
        rows.reshape(2, rows.shape[0]),
        rows.view(rows.size(0), 2, 1),
        rows.view(-1, 2),
    )


@case(MATRIX)
def nonzero_then_arange(x: Tensor) -> Any:
    rows = (x > 0).nonzero()
    n = rows.shape[0]
    return torch.arange(n), torch.arange(1, n + 1), torch.arange(0, 2 * n, 2), torch.arange(n, dtype=torch.float32) / 2


@case(MATRIX)
def nonzero_then_creation(x: Tensor) -> Any:
    n = (x > 0).nonzero().shape[0]
    return torch.zeros(n, 3), torch.ones(2, n), torch.full((n,), 7), x.new_zeros(n, n), torch.eye(n)


@case(MATRIX)
def size_arithmetic(x: Tensor) -> Any:
    n = (x > 0).nonzero().shape[0]
    k = (x < -1).nonzero().shape[0]
    return (
        torch.zeros(n + k),
        torch.zeros(n * 2 + 1, k),
        torch.arange(n + k) * n,
        x.sum() * n,
        torch.zeros(max(n, 0) // 1 + 1),
    )


@case(MATRIX)
def two_sizes(x: Tensor) -> Any:
    a, b = x[x > 0], x[x < -1.5]
    return a[:, None] * b, torch.cat([a, b]), torch.outer(a, b).sum(0), torch.cdist(a[:, None], b[:, None])


@case(MATRIX)
def three_sizes(x: Tensor) -> Any:
    a, b, c = x[x > 0], x[x < 0], x[x.abs() > 1]
    return (a[:, None, None] + b[:, None] * c).sum((0, 1)), torch.cat([a, b, c]).view(1, -1), torch.outer(a, c)


@case(MATRIX, since=9)
def masked_select(x: Tensor) -> Any:
    return torch.masked_select(x, x > 0), torch.masked_select(x, x[:, :1] > 0)


@case(MATRIX)
def masked_rows(x: Tensor) -> Any:
    rows = x[x[:, 0] > 0]
    return rows, rows @ x.t(), rows @ rows.t(), rows.sum(0), rows.sum(1), rows.t().contiguous().view(3, -1)


@case(MATRIX)
def masked_rows_linear(x: Tensor, layer: nn.Module = nn.Linear(3, 4)) -> Any:
    rows = x[x[:, 0] > 0]
    return layer(rows), torch.softmax(layer(rows), -1), nn.functional.layer_norm(rows, [3])


@case(MATRIX)
def gather_by_nonzero(x: Tensor) -> Any:
    i, j = (x > 0).nonzero(as_tuple=True)
    return x[i, j], x[i], x[:, j], x.t()[j, i] * 2, x.flatten()[i * 3 + j]


@case(MATRIX)
def expand_to_count(x: Tensor) -> Any:
    n = (x > 0).nonzero().shape[0]
    return x[0].expand(n, 3), x[:1].expand(n, -1), x[0].repeat(n, 2), x[None].expand(n, 4, 3).reshape(-1, 3)


@case(MATRIX)
def broadcast_with_count(x: Tensor) -> Any:
    values = x[x > 0]
    return values + torch.arange(values.shape[0]), values[:, None] + x[0], values[:, None] * values, values + 1


@case(MATRIX)
def reductions(x: Tensor) -> Any:
    values = x[x > 0]
    return (
        values.sum(),
        values.prod(),
        values.numel() + x.sum(),
        (values > 1).any(),
        (values > 1).all(),
        values.sum() / 4,
    )


@case(MATRIX)
def concatenated_with_static(x: Tensor) -> Any:
    values = x[x > 0]
    return (
        torch.cat([values, x[0], values]),
        torch.cat([torch.zeros(1), values]).cumsum(0),
        torch.stack([values, -values]),
    )


@case(MATRIX)
def slices(x: Tensor) -> Any:
    values = x[x > 0]
    n = values.shape[0]
    return values[:2], values[1:], values[-2:], values[: n // 2], x.flatten()[:n], x.flatten()[n:], values.flip(0)


@case(MATRIX, since=16)
def written_rows(x: Tensor) -> Any:
    y = x.clone()
    y[x > 0] = x[x > 0] * 2
    z = torch.zeros(4, 3)
    rows = (x[:, 0] > 0).nonzero().squeeze(1)
    z[rows] = x[rows] + 1
    z.index_add_(0, rows, x[rows])
    return y, z


@case(MATRIX)
def written_prefix(x: Tensor) -> Any:
    values = x[x > 0]
    result = torch.zeros(12)
    result[: values.shape[0]] = values
    return result


@case(MATRIX)
def written_broadcast(x: Tensor) -> Any:
    n = (x > 0).nonzero().shape[0]
    a, b, c, y = torch.zeros(12, 3), torch.zeros(12, 3), torch.zeros(12), x.clone()
    a[:n] = x[0]
    b[:n] = x[:1][None]
    c[:n] = 3.0
    y[x[:, 0] > 0] = x[1]
    y[x[:, 1] > 0, 1] = -x[2:3, 2]
    return a, b, c, y


@case(MATRIX, since=16)
def scattered(x: Tensor) -> Any:
    i, j = (x > 0).nonzero(as_tuple=True)
    return torch.zeros(4).scatter_add(0, i, x[i, j]), torch.zeros(4, 3).index_put((i, j), x[i, j], accumulate=True)


@case(MATRIX)
def padded(x: Tensor) -> Any:
    values = x[x > 0]
    return nn.functional.pad(values, (1, 12 - values.shape[0])), nn.functional.pad(values[None], (0, 2), value=1.0)


@case(MATRIX)
def sorted_values(x: Tensor) -> Any:
    values = x[x > 0]
    return values.sort()[0], values.sort(descending=True)[0], values.argsort(), values.cumsum(0), values.unique()


@case(MATRIX)
def unbind_static_of_dynamic(x: Tensor) -> Any:
    i, j = (x > 0).nonzero().unbind(1)
    a, b = (x > 0).nonzero().split(1, dim=1)
    return i, j, a, b, (x > 0).nonzero().chunk(2, 1)[1]


@case(MATRIX)
def attention_over_selected(x: Tensor) -> Any:
    rows = x[x[:, 0] > 0]
    keys = rows[None, None]
    return nn.functional.scaled_dot_product_attention(
        x[None, None], torch.cat([keys, x[None, None]], 2), torch.cat([keys, x[None, None]], 2)
    )


@case(MATRIX)
def convolution_over_selected(x: Tensor, layer: nn.Module = nn.Conv1d(1, 2, 3, padding=2)) -> Any:
    values = x[x > 0]
    return layer(torch.cat([values, x[0]])[None, None]), nn.functional.max_pool1d(
        torch.cat([values, x[0]])[None, None], 2
    )


@case(MATRIX)
def selected_of_selected(x: Tensor) -> Any:
    values = x[x > 0]
    more = values[values > 1]
    return more, torch.cat([more, values]), (values > 1).nonzero(), torch.arange(more.shape[0] + values.shape[0])


@case(MATRIX)
def where_indices(x: Tensor) -> Any:
    i, j = torch.where(x > 0)
    return torch.stack([i, j], 1), i.float().sum(), torch.where(i > 1, i, j)


@case(MATRIX)
def argwhere_and_count(x: Tensor) -> Any:
    return torch.argwhere(x > 0), torch.count_nonzero(x), torch.count_nonzero(x > 0, 1)


@case(MATRIX)
def one_hot_of_selected(x: Tensor) -> Any:
    j = (x > 0).nonzero()[:, 1]
    return (
        nn.functional.one_hot(j, 3),
        nn.functional.embedding(j, x.t()),
        torch.zeros(j.shape[0], 3).scatter(1, j[:, None], 1.0),
    )


@case(MATRIX)
def triangles(x: Tensor) -> Any:
    n = x[x > 0].shape[0]
    return torch.ones(n, n).tril(), torch.ones(n, n).triu(1), torch.arange(n)[None] <= torch.arange(n)[:, None]


@case(MATRIX)
def meshgrid(x: Tensor) -> Any:
    values = x[x > 0]
    a, b = torch.meshgrid(values, torch.arange(values.shape[0]) / 2, indexing="ij")
    return a, b, torch.cartesian_prod(values, x[0])


@case(MATRIX)
def einsum(x: Tensor) -> Any:
    rows = x[x[:, 0] > 0]
    return (
        torch.einsum("ni,mi->nm", rows, x),
        torch.einsum("ni,nj->ij", rows, rows),
        torch.bmm(rows[:, None], rows[..., None]),
    )


@case(MATRIX)
def statistics(x: Tensor) -> Any:
    rows = torch.cat([x[x[:, 0] > 0], x[:2]])
    return rows.mean(0), rows.var(0), rows.max(0), rows.argmin(0), rows.std(), rows.norm(dim=1), rows.median(0)[0]


@case(MATRIX)
def top_of_selected(x: Tensor) -> Any:
    values = torch.cat([x[x > 0], x[0]]) + torch.arange(x[x > 0].shape[0] + 3) / 100
    return values.topk(2), values.max(), values.topk(k=min(3, values.shape[0]))[0]


@case(MATRIX)
def sizes_as_numbers(x: Tensor) -> Any:
    values = x[x > 0]
    return (
        torch.as_tensor(values.shape[0]) + x,
        values.numel() * x,
        values.shape[0] / x.shape[0] * x,
        values.shape[0] ** 2 - x,
    )


@case(INTEGERS)
def repeat_interleave(x: Tensor) -> Any:
    return (
        torch.repeat_interleave(x),
        torch.repeat_interleave(torch.arange(5), x),
        torch.arange(10.0).view(5, 2).repeat_interleave(x, 0),
    )


@case(INTEGERS)
def ragged_positions(x: Tensor) -> Any:
    """Positions inside of segments: the usual way from lengths to a flat batch."""
    total = torch.repeat_interleave(x)
    starts = (x.cumsum(0) - x).repeat_interleave(x)
    return torch.arange(total.shape[0]) - starts, total


@case(INTEGERS)
def mask_from_lengths(x: Tensor) -> Any:
    longest = x.max()
    mask = torch.arange(longest)[None] < x[:, None]
    return mask, mask.nonzero(), mask.sum(), torch.zeros(5, longest).masked_fill(mask, 1.0)


@case(INTEGERS)
def item_as_size(x: Tensor) -> Any:
    n = x.sum()
    return torch.zeros(n), torch.arange(n), torch.ones(n, 2), x.repeat(n)[: x[0]]


@case(INTEGERS)
def slices_by_value(x: Tensor) -> Any:
    values = torch.arange(10.0)
    return values[: x[0]], values[x[2] :], values[x[0] : x[0] + x[2]], values.narrow(0, 0, 3)


@case(INTEGERS)
def bincount(x: Tensor) -> Any:
    return torch.bincount(x, minlength=2), torch.bincount(x)


@case(RAGGED, axes=LENGTH)
def unique(x: Tensor) -> Any:
    return torch.unique(x), torch.unique(x, return_inverse=True, return_counts=True), torch.unique_consecutive(x)


@case(RAGGED, since=16, axes=LENGTH)
def unique_then_sizes(x: Tensor) -> Any:
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    sums = torch.zeros(values.shape[0], dtype=torch.int64).scatter_add(0, inverse, x)
    return (
        sums,
        sums / counts,
        torch.arange(values.shape[0])[inverse],
        values[inverse],
        torch.zeros(values.shape[0], x.shape[0]),
    )


@case(RAGGED, axes=LENGTH)
def groups(x: Tensor) -> Any:
    """Mean of each group: unique, one-hot, product."""
    values, inverse = torch.unique(x, return_inverse=True)
    member = (inverse[None] == torch.arange(values.shape[0])[:, None]).float()
    return member @ x.float(), member.sum(1), (member.t() @ member).view(-1)


def selected(x: Tensor) -> Tensor:
    """The rows whose first element is positive."""
    return x[x[:, 0] > 0]


@case(MATRIX)
def heads(x: Tensor) -> Any:
    rows = torch.cat([x, -x, x * 2, x - 1], 1)[x[:, 0] > 0]
    n = rows.shape[0]
    split = rows.view(n, 3, 4).transpose(0, 1)
    scores = split @ split.transpose(1, 2)
    return (
        (scores.softmax(-1) @ split).transpose(0, 1).reshape(n, 12),
        split.flatten(1),
        rows.unflatten(1, (3, 4)).unbind(1),
    )


@case(MATRIX)
def recurrent(x: Tensor, cell: nn.Module = nn.GRU(3, 2), other: nn.Module = nn.LSTM(3, 2, bidirectional=True)) -> Any:
    """Selected rows as a batch, and as time steps (PyTorch wants one at least)."""
    rows = selected(x)
    steps = torch.cat([rows, x[:1]])
    return cell(steps[:, None]), cell(steps), other(steps[:, None]), other(torch.stack([rows, rows]))


@case(MATRIX)
def encoder_layer(x: Tensor, layer: nn.Module = nn.TransformerEncoderLayer(3, 3, 4, batch_first=True).eval()) -> Any:
    rows = torch.cat([selected(x), x[:1]])
    return layer(rows[None])


@case(MATRIX)
def crops(
    x: Tensor,
    model: nn.Module = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2)
    ).eval(),
) -> Any:
    """A network over as many images as were found."""
    images = selected(x).repeat(1, 12).view(-1, 1, 6, 6)
    features = model(images)
    sized = nn.functional.interpolate(images, size=(4, 4), mode="bilinear")
    return features, features.mean((2, 3)), nn.functional.adaptive_avg_pool2d(features, 1).flatten(1), sized


@case(MATRIX)
def resized_to_count(x: Tensor) -> Any:
    n = x[x > 0].shape[0] + 2
    image = x[None, None]
    near = nn.functional.interpolate(image, size=(n, 2 * n), mode="nearest")
    return (
        near,
        nn.functional.interpolate(image, size=(n, 3), mode="bilinear"),
        nn.functional.adaptive_avg_pool2d(near, 2),
    )


@case(MATRIX)
def ranges(x: Tensor) -> Any:
    n = x[x > 0].shape[0]
    return torch.linspace(0, 1, n), torch.arange(n, 0, -1), torch.arange(n - 12, 0), torch.arange(0, n / 2, 0.5)


@case(MATRIX)
def index_select_and_take(x: Tensor) -> Any:
    rows = (x[:, 0] > 0).nonzero().squeeze(1)
    flat = (x > 0).flatten().nonzero().flatten()
    return (
        x.index_select(0, rows),
        x.take(flat),
        x.gather(0, rows[:, None].expand(-1, 3)),
        x.flatten().gather(0, flat),
        x.index_fill(0, rows, 9.0),
        x.index_copy(0, rows, x[rows] * 2),
    )


@case(MATRIX)
def split_by_count(x: Tensor) -> Any:
    n = (x[:, 0] > 0).sum()
    k = selected(x).shape[0]
    return (
        x[:k],
        x[k:],
        x.narrow(0, 0, k),
        torch.split(x, [k, 4 - k]),
        x.roll(k, 0),
        x.roll(shifts=(k, 1), dims=(0, 1)),
        x[: n + 0],
    )


@case(MATRIX)
def empty_sums(x: Tensor) -> Any:
    rows = selected(x)
    return (
        rows.t() @ rows,
        rows.logsumexp(0),
        rows.softmax(0),
        rows.log_softmax(1),
        rows.cumprod(0),
        rows.any(),
        rows.all(0),
    )


@case(MATRIX)
def masks_of_counts(x: Tensor) -> Any:
    n, k = x[x > 0].shape[0], x[x < 0].shape[0]
    mask = torch.arange(n)[:, None] > torch.arange(k)[None]
    return mask, mask.float().masked_fill(mask, -1.0), torch.where(mask, x.sum(), x.mean()), mask.sum(0), mask.any(1)


@case(MATRIX)
def stacked_products(x: Tensor) -> Any:
    a, b = selected(x), x[x[:, 1] > 0]
    return (
        torch.cat([a, b], 0) @ torch.cat([a, b], 0).t(),
        torch.baddbmm(x.sum(), a[None], b.t()[None]),
        torch.addmm(x.mean(), a, b.t()),
    )


@case(MATRIX)
def compare_all_pairs(x: Tensor) -> Any:
    """Overlap of everything with everything, as detectors do."""
    boxes = torch.stack([x[x > 0] - 1, x[x > 0] + 1], 1)
    low = torch.maximum(boxes[:, None, 0], boxes[None, :, 0])
    high = torch.minimum(boxes[:, None, 1], boxes[None, :, 1])
    common = (high - low).clamp(min=0)
    sizes = boxes[:, 1] - boxes[:, 0]
    return common / (sizes[:, None] + sizes[None] - common), common.triu(1).sum(0)


@case(MATRIX, since=18)
def scatter_reduced(x: Tensor) -> Any:
    i, j = (x > 0).nonzero(as_tuple=True)
    values = x[i, j]
    return (
        torch.zeros(4).index_add(0, i, values),
        torch.ones(3).scatter_reduce(0, j, values, "amax"),
        torch.bincount(i, minlength=4),
    )


@case(MATRIX)
def searched(x: Tensor) -> Any:
    values = x[x > 0].sort()[0]
    return (
        torch.searchsorted(values, x),
        torch.bucketize(x, values),
        torch.isin(x, values),
        torch.diff(values, prepend=x[0, :1]),
    )


@case(BOXES)
def suppressed(boxes: Tensor, scores: Tensor) -> Any:
    """A detector's last steps: threshold, suppression, the best ones."""
    found = (scores > 0.5).nonzero().squeeze(1)
    kept = found[torch.ops.torchvision.nms(boxes[found], scores[found], 0.5)]
    best = kept[:2]
    return kept, boxes[kept], scores[kept], boxes[best] / 10, torch.zeros(kept.shape[0], 2), kept.shape[0] + scores


@case(BOXES)
def suppressed_by_class(boxes: Tensor, scores: Tensor) -> Any:
    found = (scores > 0.5).nonzero().squeeze(1)
    labels = found % 2
    moved = boxes[found] + (labels * 100)[:, None].float()
    kept = torch.ops.torchvision.nms(moved, scores[found], 0.3)
    return boxes[found][kept], labels[kept], torch.cat([boxes[found][kept], scores[found][kept, None]], 1)
