"""Names of ONNX nodes and values: made from the module path and the operator, unique, and the same in every run."""

from __future__ import annotations


class Names:
    """Hands out unique names; can be set back to an earlier state.

    ``encoder.layers.0/MatMul``, ``encoder.layers.0/MatMul_1`` …; the value behind output *i* of node ``n`` is ``n:i``,
    plain ``n`` names no value.
    """

    __slots__ = ("_counts", "_log", "_taken")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set()
        self._log: list[tuple[str, str]] = []

    def reserve(self, name: str) -> None:
        """Mark a name as taken (graph inputs, outputs, parameters)."""
        self._taken.add(name)

    def unique(self, stem: str) -> str:
        """A name that was not given out yet, ``stem`` itself if free."""
        count = self._counts.get(stem, 0)
        name = f"{stem}_{count}" if count else stem
        count += 1
        while name in self._taken:
            name = f"{stem}_{count}"
            count += 1
        self._counts[stem] = count
        self._taken.add(name)
        self._log.append((stem, name))
        return name

    def mark(self) -> int:
        """The present state, for ``reset``."""
        return len(self._log)

    def reset(self, mark: int) -> None:
        """Give back every name handed out since ``mark``, so that a retried step gets the same ones."""
        for stem, name in reversed(self._log[mark:]):
            self._taken.discard(name)
            suffix = name[len(stem) + 1 :]
            self._counts[stem] = int(suffix) if suffix else 0
        del self._log[mark:]
