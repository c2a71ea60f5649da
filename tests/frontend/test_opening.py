"""What travels with the widget, so that it paints before it asks; and the functions that the source pane shows."""

from __future__ import annotations

import ast
import json
import textwrap

import pytest
import torch
from torch import nn
from torch.nn import functional

import onnx_explore
from onnx_explore.explore import opening as module
from onnx_explore.explore import project
from onnx_explore.explore.columns import numbers
from onnx_explore.explore.functions import sections
from onnx_explore.explore.service import Service
from onnx_explore.notebook.widgets import ExplorerWidget, FrontEndMissing


class Chain(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(60):
            x = torch.relu(x + 1)
        return x


def exploration() -> onnx_explore.Exploration:
    return onnx_explore.explore(Chain(), torch.zeros(2), check=False)


def test_first_lines_are_those_of_the_panes() -> None:
    held = Service(exploration().run())
    made = held.opening()
    assert made is not None and made.summary.state == "exported"
    assert json.loads(json.dumps(project.to_message(made)))["summary"]["revision"] == held.revision
    for first in made.panes:
        pane, buffers = held.pane(first.text.pane)
        count = len(first.text.lines)
        assert first.text.lines == pane.lines[:count] and first.whole == (count == len(pane.lines))
        starts, ids, *columns = numbers(buffers)
        assert first.numbers == [starts[: count + 1], ids[: starts[count]], *(column[:count] for column in columns)]
    assert {first.text.pane: first.whole for first in made.panes}["onnx"] is False


def test_of_a_large_graph_the_verdict_comes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NODES", 100)
    made = Service(exploration().run()).opening()
    assert made is not None and made.panes == [] and made.summary.state == "exported"


def test_out_of_date_is_taken_back() -> None:
    ex = exploration()
    try:
        widget = ExplorerWidget(ex)
    except FrontEndMissing:
        pytest.skip("the front end is not built: pip install -e . (or npm ci && npm run build in labextension/)")
    assert widget.opening["summary"]["position"] == 0
    ex.step_operator()
    assert widget.opening == {}
    assert widget.view
    assert widget.opening["summary"]["position"] == 1
    assert widget.opening["summary"]["revision"] == widget.revision


@pytest.mark.parametrize("file", [functional.__file__, nn.modules.module.__file__])
def test_functions_as_the_parser_has_them(file: str) -> None:
    """Found around their own lines alone, without parsing the file."""
    with open(file, encoding="utf-8") as stream:
        text = stream.readlines()
    functions = [
        item
        for item in ast.walk(ast.parse("".join(text)))
        if isinstance(item, ast.FunctionDef) and not isinstance(item.body[0], ast.FunctionDef)
    ]
    ends = {item.end_lineno or 0: (item.lineno, item.end_lineno or 0) for item in functions}
    innermost = {end: max(span for span in ends.values() if span[0] <= end <= span[1]) for end in ends}
    assert sections(text, innermost) == sorted(set(innermost.values()))


def test_functions_with_strings_and_brackets_at_the_margin() -> None:
    source = textwrap.dedent('''
        import torch
        class Model:
            def forward(
                self,
            ):
                text = """
        def not_a_function(): no
        """
                def inner(): return 1
                return (
            1
                )

            y = 2
    ''').splitlines(keepends=True)
    lines = {text.strip(): number for number, text in enumerate(source, start=1)}
    whole = (lines["def forward("], lines["return ("] + 2)
    assert sections(source, [lines["return ("]]) == [whole]
    assert sections(source, [lines['text = """']]) == [whole]
    inner = lines["def inner(): return 1"]
    assert sections(source, [inner]) == [(inner, inner)]
    assert sections(source, [lines["y = 2"]]) == [(lines["y = 2"],) * 2]
    assert sections([], []) == []
