"""The guide is complete: every code has its section, every parameter and option its row, every link its file."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import onnx_explore
import onnx_explore.notebook.widgets
from onnx_explore.errors import OnnxExporterError
from onnx_explore.notebook.options import OPTIONS

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "notebooks" / "guide"


def sections() -> set[str]:
    return set(re.findall(r"^### ([\w-]+)$", (GUIDE / "errors.md").read_text(encoding="utf-8"), re.MULTILINE))


def error_codes(kind: type[OnnxExporterError] = OnnxExporterError) -> Iterator[str]:
    yield kind.code
    for inner in kind.__subclasses__():
        if inner.__module__.startswith("onnx_explore."):
            yield from error_codes(inner)


@cache
def note_codes() -> set[str]:
    """What is passed as the code of a note, anywhere in the package."""
    found: set[str] = set()
    for file in (ROOT / "onnx_explore").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            place = {"note": 1, "CaptureNote": 1, "Noted": 1, "problem": 0}.get(name)
            if place is not None and len(node.args) >= place + 2:
                code = node.args[place]
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    found.add(code.value)
    return found


def test_every_error_and_note_has_its_section() -> None:
    codes = set(error_codes()) | note_codes()
    assert len(note_codes()) > 10
    assert codes - sections() == set()
    assert sections() - codes == set(), "sections about codes that nothing has"


def test_every_parameter_and_option_has_its_row() -> None:
    text = (GUIDE / "export.md").read_text(encoding="utf-8")
    for name in inspect.signature(onnx_explore.export).parameters:
        assert f"`{name}`" in text, name
    for magic, options in OPTIONS.items():
        assert f"%{magic}" in text
        for option in options:
            assert any(f"`{flag}" in text for flag in option.flags) or option.field == "wide", option.flags


def test_links_lead_somewhere() -> None:
    for file in GUIDE.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8")):
            assert (GUIDE / target).exists(), (file.name, target)
