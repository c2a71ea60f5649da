"""The guide's page on axes: its examples run, and print what stands below them."""

from __future__ import annotations

import contextlib
import io
import linecache
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "notebooks" / "guide" / "axes.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]


@pytest.fixture
def kept_sources() -> Any:
    before = set(linecache.cache)
    yield
    for name in set(linecache.cache) - before:
        del linecache.cache[name]


def test_the_page_runs(kept_sources: None) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    checked = 0
    for number, (kind, code) in enumerate(blocks()):
        if kind == "text":
            assert fits(code, printed), f"{code}\n--- was printed as ---\n{printed}"
            checked += 1
            continue
        file = f"<axes.md {number}>"
        # As a notebook does: the source of a cell is at hand, for torch.jit.script and for the audit.
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, file, "exec"), names)
        printed = out.getvalue()
    assert checked == 2


def fits(wanted: str, printed: str) -> bool:
    """Whether each line stands in the output, in this order; ``…`` stands for anything within a line."""
    lines = [re.escape(line.strip()).replace("…", "[^\\n]*") for line in wanted.splitlines() if line.strip()]
    return re.search(r"[\s\S]*?".join(lines), printed) is not None
