"""``binder/``: what repo2docker builds from it is what the tests pass with."""

from __future__ import annotations

import os
import re
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no reader of TOML")

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def lines(path: Path) -> list[str]:
    rows = (line.partition(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [row for row in rows if row and not row.startswith("#")]


def pins() -> dict[str, Version]:
    made = [Requirement(line) for line in lines(ROOT / "constraints.txt")]
    return {item.name: Version(str(item.specifier).removeprefix("==")) for item in made}


def test_python() -> None:
    """The Python that the constraints are for, and one that the package takes."""
    (runtime,) = lines(BINDER / "runtime.txt")
    found = re.fullmatch(r"python-(\d+\.\d+)", runtime)
    assert found is not None
    assert f"(Python {found[1]}," in (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert Version(found[1]) in SpecifierSet(project()["project"]["requires-python"])


def test_requirements() -> None:
    """Names only: versions come from the constraints, and each is a dependency of the package."""
    options = [line.split() for line in lines(BINDER / "requirements.txt") if line.startswith("-")]
    (constraints,) = [words[1] for words in options if words[0] == "-c"]
    assert (BINDER / constraints).resolve() == ROOT / "constraints.txt"
    assert ["--extra-index-url", "https://download.pytorch.org/whl/cpu"] in options
    needed = {Requirement(text).name for text in project()["project"]["dependencies"]}
    named = [Requirement(line) for line in lines(BINDER / "requirements.txt") if not line.startswith("-")]
    assert all(not item.specifier for item in named)
    assert "torch" in {item.name for item in named} <= needed & pins().keys()


def test_constraints_fit_the_project() -> None:
    """Each pin is of something that is asked for, in a version that is allowed."""
    made = project()
    asked: dict[str, SpecifierSet] = {}
    lists = [made["project"]["dependencies"], made["build-system"]["requires"]]
    for text in chain(*lists, *made["project"]["optional-dependencies"].values()):
        item = Requirement(text)
        asked[item.name] = asked.get(item.name, SpecifierSet()) & item.specifier
    wrong = {name: str(pin) for name, pin in pins().items() if name not in asked or pin not in asked[name]}
    assert not wrong


def test_post_build() -> None:
    """repo2docker runs it in the checkout's folder: an executable script that installs this package below the same pins."""
    script = BINDER / "postBuild"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    assert "pip install --no-cache-dir -c constraints.txt ." in script.read_text(encoding="utf-8")


def test_link() -> None:
    """The link of the README opens the first notebook."""
    link = re.search(
        r"https://mybinder\.org/v2/gh/\S+\?urlpath=lab/tree/(\S+\.ipynb)", (ROOT / "README.md").read_text("utf-8")
    )
    assert link is not None and (ROOT / link[1]).is_file()
