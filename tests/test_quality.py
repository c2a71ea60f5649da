"""The tools' verdict on the whole tree, and what no tool looks at."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {
    "pyproject.toml", "onnx_explore", "labextension", "notebooks", "tests", "binder", "README.md",
    "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "constraints.txt",
}  # fmt: skip
BUILT = {"__pycache__", "node_modules", "static", "lib"}
# A registry's or a mirror's host, or a path of a developer's machine.
PRIVATE = re.compile(
    r"""https?://(registry|files|deb|mirror|pypi)\.|resolved"?:? "?https?://|(^|[^.\w-])/(work|opt|farm|root|home)/[a-z.]+/"""
)


def tracked() -> list[Path]:
    """Files of the repository, those that are new and not ignored included; all of them outside of a git checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        tops = [ROOT / name for name in TOP_LEVEL]
        found = [path for top in tops for path in [top, *top.rglob("*")] if not BUILT & {*path.parts}]
    return [path for path in found if path.is_file()]


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff() -> None:
    run("ruff", "check", "--no-cache", "--output-format=concise", "--quiet")


def test_pyright_strict() -> None:
    run("pyright", "--pythonpath", sys.executable)


def test_top_level() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_sizes() -> None:
    """A file that long is more than one idea; what is that big was built, not written."""
    for path in tracked():
        assert path.stat().st_size < 1 << 20, path
        if path.suffix == ".py":
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 600, path


@pytest.mark.parametrize("suffix", [".py", ".toml", ".md", ".txt", ".json", ".ipynb", ".ts", ".yml", ""])
def test_no_hosts_and_no_paths_of_a_machine(suffix: str) -> None:
    for path in tracked():
        if path.suffix == suffix and path != Path(__file__):
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
                assert not PRIVATE.search(line), f"{path.relative_to(ROOT)}:{number}: {line[:120]}"


def test_ci_runs_the_readme() -> None:
    commands = re.findall(r"^python3 -m venv .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 2
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == commands[1]
