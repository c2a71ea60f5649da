"""Random scripted programs: branches, loops, lists and writes, nested; each a function in a file of its own.

In: a seed. Out: the source of ``program(x, n, k)``, which TorchScript compiles and which always ends.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

_HEAD = """import torch
from typing import List, Optional
from torch import Tensor


def program(x: Tensor, n: int, k: int):
    a, b, c = x * 1.0, x + 1.0, x[0]
    i, j, f, flag = 0, 1, 0.5, True
    items: List[Tensor] = [x]
    other: List[Tensor] = []
    sizes: List[int] = [n]
    maybe: Optional[Tensor] = None
"""
_TAIL = """    total = torch.zeros(3)
    for item in items:
        total = total + item.sum(0)
    for item in other:
        total = total * 0.5 + item.sum(0)
    for size in sizes:
        total = total + size
    if maybe is not None:
        total = total + maybe.sum(0)
    return a, b, c, total, i, j, f, len(items), flag
"""


class Program:
    """Writes one.

    Args:
        seed: Of the random choices. One in three programs writes to tensors.
        statements: How many, at the top.
    """

    def __init__(self, seed: int, statements: int = 6) -> None:
        self._random = random.Random(seed)
        self._writes = seed % 3 == 0
        self._lines: list[str] = []
        self._loops = 0
        self._block(statements, 1, 3)

    @property
    def source(self) -> str:
        """The program."""
        return _HEAD + "".join(f"{line}\n" for line in self._lines) + _TAIL

    def _pick(self, *options: str) -> str:
        return self._random.choice(options)

    def _add(self, depth: int, text: str) -> None:
        self._lines.append("    " * depth + text)

    def _block(self, count: int, depth: int, left: int) -> None:
        for _ in range(count):
            if left and self._random.random() < 0.45:
                self._pick_nested(depth, left)
            else:
                self._add(depth, self._simple())

    def _pick_nested(self, depth: int, left: int) -> None:
        count = self._random.randint(1, 3)
        if self._random.random() < 0.5:
            self._add(depth, f"if {self._condition()}:")
            self._block(count, depth + 1, left - 1)
            if self._random.random() < 0.6:
                self._add(depth, "else:")
                self._block(self._random.randint(1, 2), depth + 1, left - 1)
            return
        self._loops += 1
        name = f"t{self._loops}"
        kind = self._random.random()
        if kind < 0.6:
            self._add(depth, f"for {name} in range({self._pick('n', 'k', '2', 'x.size(0)', 'n - k')}):")
        else:
            self._add(depth, f"{name} = 0")
            self._add(depth, f"while {name} < {self._pick('n', 'k', '3')}:")
            self._add(depth + 1, f"{name} += 1")
        self._block(count, depth + 1, left - 1)
        if self._random.random() < 0.35:
            self._add(depth + 1, f"if {self._condition()}:")
            self._add(depth + 2, self._pick("break", "continue"))
            self._block(1, depth + 1, 0)
        self._add(depth + 1, f"j = (j + {name}) % 7")

    def _condition(self) -> str:
        return self._pick(
            "a.sum() > 0",
            "b.mean() < 1.0",
            "i > k",
            "j % 2 == 0",
            "flag",
            "not flag and n > 1",
            "len(items) > 2",
            "x.size(0) > 2",
            "maybe is None",
            "f > 1.0",
            "bool(c.sum() > 1) or i == 2",
            "sizes[-1] > 2",
        )

    def _simple(self) -> str:
        if self._writes and self._random.random() < 0.3:
            return self._pick("a[0] = 0.25", "a[:, 1] += 1", "b += 0.5", "b[0].mul_(2)", "c[1] = f")
        return self._pick(
            "a = torch.tanh(a + b)",
            "b = b * 0.5 + a",
            "a, b = b, a",
            "c = c * 0.5 + a[0]",
            "c = a.sum(0)",
            "i += 1",
            "i = i * 2 + j",
            "j = len(items) + i % 3",
            "f = f * 0.5 + 1.0",
            "f = float(c.mean())",
            "flag = not flag",
            "flag = bool(c.sum() > 0)",
            "i = int(torch.clamp(c.sum(), -5, 5))",
            "items.append(a)",
            "items.append(b * 2)",
            "items[0] = b",
            "items[-1] = items[0] + 1",
            "items = items + [b]",
            "items = [a, b]",
            "other.append(items[-1])",
            "other = [b, a]",
            "sizes.append(j)",
            "sizes[0] = i",
            "maybe = a",
            "maybe = None",
            "maybe = b if flag else None",
            "b = b.clone()",
            "c = c + f * i",
            "a = a * f",
        )


def load(seed: int, folder: Path) -> tuple[Callable[..., Any], str]:
    """The compiled module's function, and its source."""
    source = Program(seed).source
    path = folder / f"program_{seed}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.program, source
