"""Words, options, and the body of a cell."""

from __future__ import annotations

import pytest

from onnx_explore.notebook.line import WrongWord, cell_keywords, merge_axes, parse_line
from onnx_explore.notebook.options import EXPORT_OPTIONS, OPTIONS
from onnx_explore.notebook.words import Unfinished, split


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("model x", ["model", "x"]),
        ("model.encoder (x, y)  z[:, 0]", ["model.encoder", "(x, y)", "z[:, 0]"]),
        ("model \"x + 1\" 'y'", ["model", "x + 1", "y"]),
        ('d["a b"] {"k": [1, 2]}', ['d["a b"]', '{"k": [1, 2]}']),
        ('"a" + "b"', ["a", "+", "b"]),
        ("model x  # a remark", ["model", "x"]),
        (r'"say \"hi\""', ['say "hi"']),
        ("f(')') x", ["f(')')", "x"]),
        ("", []),
    ],
)
def test_split(line: str, words: list[str]) -> None:
    assert [word.text for word in split(line)] == words


@pytest.mark.parametrize(("line", "opened"), [("model (x", "("), ("model 'x", "'"), ("model x)", ")"), ("[1)", ")")])
def test_unfinished(line: str, opened: str) -> None:
    with pytest.raises(Unfinished) as found:
        split(line)
    assert found.value.opened == opened


def test_options() -> None:
    parsed = parse_line(
        "model x -o 'my model.onnx' --opset=13 --dynamic x:0=batch,-1=seq --dynamic y:0,1;z:0 --no-check --kw m=f(1, 2);",
        EXPORT_OPTIONS,
    )
    assert [word.text for word in parsed.words] == ["model", "x"]
    assert parsed.get("output") == "my model.onnx"
    assert parsed.get("opset") == 13
    assert parsed.get("no_check") is True
    assert parsed.get("kw") == [("m", "f(1, 2)")]
    assert merge_axes(parsed.get("dynamic")) == {"x": {0: "batch", -1: "seq"}, "y": [0, 1], "z": [0]}


def test_two_dashes_end_the_options_and_negative_expressions_are_no_options() -> None:
    assert [word.text for word in parse_line("model -1 -- -x", EXPORT_OPTIONS).words] == ["model", "-1", "-x"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("m x --opsat 3", "unknown option --opsat; did you mean --opset?"),
        ("m -x", "unknown option -x; to pass the expression, write (-x)"),
        ("m x --opset", "--opset needs N"),
        ("m x --opset --step", "--opset needs N"),
        ("m x --opset seven", "--opset: 'seven' is not a number; opsets are 7 … 28"),
        ("m x --opset 9 --opset 10", "--opset is given twice"),
        ("m x --step=1", "--step takes no value"),
        ("m x --dynamic x", "--dynamic: 'x' is not NAME:AXIS=SYMBOL; write x:0=batch,1=seq or x:0,1"),
        ("m x --dynamic x:batch", "--dynamic: axis 'batch' of 'x' is not a number; write x:0=batch"),
        ("m x --as 1a", "--as: '1a' is not a variable name"),
        ("m x --rtol -1", "--rtol: -1 is negative"),
        ("m x --names a,,b", "--names: 'a,,b' has an empty name; write a,b without blanks"),
        ("m x --training evil", "--training: 'evil' is not one of eval, preserve, training"),
        ("m (x", "the bracket '(' is not closed"),
    ],
)
def test_wrong_words(line: str, message: str) -> None:
    with pytest.raises(WrongWord) as found:
        parse_line(line, EXPORT_OPTIONS)
    assert str(found.value) == message


KNOWN = ["dynamic_axes", "opset_version", "input_names"]


@pytest.mark.parametrize(
    "body",
    [
        'dynamic_axes={"x": {0: "b"}}\nopset_version=13\n',
        'dynamic_axes={"x": {0: "b"}}, opset_version=13',
        'dynamic_axes={\n    "x": {0: "b"},\n},\nopset_version=13,\n',
        '# a remark\ndynamic_axes = {"x": {0: "b"}},\nopset_version = 13\n',
    ],
)
def test_cell(body: str) -> None:
    assert cell_keywords(body, KNOWN) == {"dynamic_axes": "{'x': {0: 'b'}}", "opset_version": "13"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("opset_vrsion=13", "line 1 of the cell: export has no argument 'opset_vrsion'; did you mean opset_version?"),
        ("13", "line 1 of the cell: '13' has no name; write name=value"),
        ("opset_version=13\nprint(1)", "line 2 of the cell is not name=value: print(1)"),
        ("opset_version=13\nopset_version=14", "line 2 of the cell: 'opset_version' is given twice"),
        ("opset_version=(", "line 1 of the cell: '(' was never closed"),
    ],
)
def test_wrong_cell(body: str, message: str) -> None:
    with pytest.raises(WrongWord) as found:
        cell_keywords(body, KNOWN)
    assert str(found.value) == message


def test_help_pages_name_every_option() -> None:
    from onnx_explore.notebook.magics import OnnxMagics

    for magic, options in OPTIONS.items():
        page = getattr(OnnxMagics, magic).__doc__ or ""
        for option in options:
            assert any(flag in page for flag in option.flags), (magic, option.flags)
        assert f"%{magic}" in page
