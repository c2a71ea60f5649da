"""`pip install .` in a fresh copy, on a machine without Node: what lands in the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.test_quality import ROOT, tracked

TOOLS = ("bash", "sh", "env", "uname", "dirname", "basename", "sed", "cat", "git")


@pytest.mark.full
def test_wheel_without_a_system_node(tmp_path: Path) -> None:
    source, tools, wheels = tmp_path / "source", tmp_path / "bin", tmp_path / "wheels"
    for path in tracked():
        copy = source / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    tools.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        if found is not None:
            (tools / name).symlink_to(found)
    environment = {**os.environ, "PATH": str(tools)}
    environment.pop("PYTHONPATH", None)
    assert shutil.which("node", path=environment["PATH"]) is None
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(wheels), str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = wheels.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("widget.js", "widget-style.css", "layout.js", "third-party-licenses.txt"):
        assert f"onnx_explore/static/{name}" in names
    shared = [name.split(".data/data/")[1] for name in names if ".data/data/" in name]
    assert "share/jupyter/labextensions/onnx-explore/package.json" in shared
    assert "share/jupyter/labextensions/onnx-explore/install.json" in shared
    assert "etc/jupyter/jupyter_server_config.d/onnx_explore.json" in shared
    assert any("remoteEntry" in name for name in shared)
    outside = ("tests", "labextension", "onnx_explore/labextension")
    assert not [name for name in names if "node_modules" in name or name.startswith(outside)]
    assert wheel.stat().st_size < 2 << 20
    lock = (source / "labextension" / "package-lock.json").read_text(encoding="utf-8")
    assert lock == (ROOT / "labextension" / "package-lock.json").read_text(encoding="utf-8"), (
        "the build changed the lock file"
    )
