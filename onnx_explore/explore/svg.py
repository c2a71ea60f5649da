"""A layered drawing as SVG, in pure Python: for where no Graphviz is. The same method as the widget's layout.

In: boxes and edges. Out: SVG text. Ranks by longest path, a few barycentre sweeps, and boxes as near to their neighbours'
middle as the order allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_CHAR, _HEIGHT, _GAP, _STEP, _MARGIN = 6.6, 38, 20, 78, 12
_LONGEST = 36
_FILL = {"operator": "#e3f0fa", "module": "#f3f4f6"}


@dataclass(frozen=True, slots=True)
class Box:
    """One node: two lines of text and what kind it is."""

    title: str
    subtitle: str
    kind: str

    @property
    def width(self) -> float:
        """Pixels."""
        return max(60.0, min(_LONGEST, max(len(self.title), len(self.subtitle))) * _CHAR + 20)


def svg(boxes: Sequence[Box], edges: Sequence[tuple[int, int, str]]) -> str:
    """The drawing."""
    ranks = _ranks(len(boxes), edges)
    x = _place(boxes, ranks, edges)
    y = {node: _MARGIN + _HEIGHT / 2 + level * _STEP for level, row in enumerate(ranks) for node in row}
    left = min((x[node] - box.width / 2 for node, box in enumerate(boxes)), default=0) - _MARGIN
    right = max((x[node] + box.width / 2 for node, box in enumerate(boxes)), default=0) + _MARGIN
    height = max(len(ranks) - 1, 0) * _STEP + _HEIGHT + 2 * _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{right - left:.0f}" height="{height}" '
        f'viewBox="{left:.0f} 0 {right - left:.0f} {height}" font-family="Helvetica, Arial, sans-serif">\n'
        '<defs><marker id="a" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
        '<path d="M0 0 7 3 0 6z" fill="#59636e"/></marker></defs>'
    )
    parts = [head]
    parts += [_edge(x[a], y[a], x[b], y[b], label) for a, b, label in edges]
    parts += [_box(box, x[node], y[node]) for node, box in enumerate(boxes)]
    return "\n".join([*parts, "</svg>"])


def _edge(x1: float, y1: float, x2: float, y2: float, label: str) -> str:
    top, bottom = y1 + _HEIGHT / 2, y2 - _HEIGHT / 2
    middle = (top + bottom) / 2
    return (
        f'<path d="M{x1:.1f} {top:.1f}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {bottom:.1f}" fill="none" '
        f'stroke="#59636e" marker-end="url(#a)"><title>{escape(label)}</title></path>'
    )


def _box(box: Box, x: float, y: float) -> str:
    width = box.width
    rows = [(box.title, 12, "#1f2328", 600), (box.subtitle, 10, "#59636e", 400)]
    rows = [row for row in rows if row[0]]
    radius = 5 if box.kind in _FILL else _HEIGHT / 2
    fill = _FILL.get(box.kind, "#ffffff")
    shape = (
        f'<rect x="{x - width / 2:.1f}" y="{y - _HEIGHT / 2:.1f}" width="{width:.1f}" height="{_HEIGHT}" rx="{radius}" '
        f'fill="{fill}" stroke="#c9ced6"/>'
    )
    offsets = [4.0] if len(rows) == 1 else [-2.0, 12.0]
    lines = [
        f'<text x="{x:.1f}" y="{y + offset:.1f}" text-anchor="middle" font-size="{size}" font-weight="{weight}" '
        f'fill="{color}">{escape(_cut(text))}</text>'
        for offset, (text, size, color, weight) in zip(offsets, rows, strict=True)
    ]
    return "".join([f"<g><title>{escape(box.title)}\n{escape(box.subtitle)}</title>", shape, *lines, "</g>"])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 + 1 :]}"


def _ranks(count: int, edges: Sequence[tuple[int, int, str]]) -> list[list[int]]:
    """Nodes by longest path from the sources; what closes a circle is put below."""
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target, _ in edges:
        after[source].append(target)
        waiting[target] += 1
    level = [0] * count
    done = [False] * count
    ready = [node for node in range(count) if not waiting[node]]
    order: list[int] = []
    while len(order) < count:
        if not ready:
            ready.append(next(node for node in range(count) if not done[node]))
        node = ready.pop(0)
        if done[node]:
            continue
        done[node] = True
        order.append(node)
        for target in after[node]:
            if not done[target]:
                level[target] = max(level[target], level[node] + 1)
                waiting[target] -= 1
                if not waiting[target]:
                    ready.append(target)
    read = {target for _, target, _ in edges}
    for node in order:  # a source stands just above its first reader
        if after[node] and node not in read:
            level[node] = max(0, min(level[target] for target in after[node]) - 1)
    rows: list[list[int]] = [[] for _ in range(max(level, default=-1) + 1)]
    for node in range(count):
        rows[level[node]].append(node)
    return rows


def _place(boxes: Sequence[Box], ranks: list[list[int]], edges: Sequence[tuple[int, int, str]]) -> list[float]:
    near: list[list[int]] = [[] for _ in boxes]
    for source, target, _ in edges:
        near[source].append(target)
        near[target].append(source)
    x = [0.0] * len(boxes)
    for row in ranks:
        _spread(row, {node: float(index * 100) for index, node in enumerate(row)}, boxes, x)
    for sweep in range(8):
        for row in ranks if sweep % 2 == 0 else reversed(ranks):
            wanted = {
                node: sum(x[other] for other in near[node]) / len(near[node]) if near[node] else x[node] for node in row
            }
            row.sort(key=lambda node: wanted[node])
            _spread(row, wanted, boxes, x)
    return x


def _spread(row: Sequence[int], wanted: dict[int, float], boxes: Sequence[Box], x: list[float]) -> None:
    """The order kept and no overlap, as near as possible to what is wanted (pooled adjacent violators)."""
    offsets: list[float] = []
    blocks: list[tuple[float, int]] = []
    offset = 0.0
    for index, node in enumerate(row):
        if index:
            offset += (boxes[row[index - 1]].width + boxes[node].width) / 2 + _GAP
        offsets.append(offset)
        total, count = wanted[node] - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            earlier, size = blocks.pop()
            total, count = total + earlier, count + size
        blocks.append((total, count))
    index = 0
    for total, count in blocks:
        for _ in range(count):
            x[row[index]] = total / count + offsets[index]
            index += 1
