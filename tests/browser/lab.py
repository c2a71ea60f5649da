"""A real JupyterLab server in a folder of its own, and notebooks in a real browser: see design/packaging.md."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "onnx_explore" / "labextension"
BASE = "/user/x/"
START = 90.0
CELL = 120_000
"""Milliseconds that a cell may take: torch is slow to import on a busy machine."""


@dataclass(frozen=True)
class Lab:
    """A running server.

    Attributes:
        url: With the base path, such as ``http://127.0.0.1:4321/user/x/``.
        token: Of this run.
        folder: What it serves.
    """

    url: str
    token: str
    folder: Path

    def notebook(self, name: str, cells: Sequence[str]) -> str:
        """Write a notebook.

        Returns:
            Its path below the served folder.
        """
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, self.folder / name)
        return name

    def address(self, path: str, app: str = "doc") -> str:
        """Where JupyterLab (``doc``) or Notebook 7 (``notebooks``) opens a file."""
        if app == "doc":
            return f"{self.url}doc/tree/{path}?token={self.token}&reset"
        return f"{self.url}{app}/{path}?token={self.token}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(home: Path) -> dict[str, str]:
    own = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    own |= {
        name: str(home / name.lower())
        for name in ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
    }
    for folder in own.values():
        Path(folder).mkdir(parents=True, exist_ok=True)
    settings = Path(own["JUPYTERLAB_SETTINGS_DIR"]) / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        json.dumps({"fetchNews": "false", "checkForUpdates": False})
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "JPY_", "IPYTHON"))}
    paths = [str(ROOT), kept.get("PYTHONPATH", "")]
    return {
        **kept,
        **own,
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@contextmanager
def running_lab(home: Path, options: Sequence[str] = ()) -> Iterator[Lab]:
    """Start a server, and stop it at the end."""
    folder = home / "work"
    folder.mkdir(parents=True)
    port, token = _free_port(), secrets.token_hex(16)
    lab = Lab(f"http://127.0.0.1:{port}{BASE}", token, folder)
    extensions = home / "labextensions"
    extensions.mkdir()
    (extensions / "onnx-explore").symlink_to(BUILT)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}",
        f"--ServerApp.base_url={BASE}", "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly",
        f"--LabApp.extra_labextensions_path={extensions}", "--JupyterNotebookApp.expose_app_in_browser=True",
        f"--JupyterNotebookApp.extra_labextensions_path={extensions}", "--ServerApp.jpserver_extensions=onnx_explore_server=True",
        *options,
    ]  # fmt: skip
    log = (home / "server.log").open("wb")
    server = subprocess.Popen(command, env=_environment(home), cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(lab, server, home / "server.log")
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


def _wait_for(lab: Lab, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{lab.url}api", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")


class Notebook:
    """An open notebook in a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, address: str) -> Notebook:
        """Go there, and wait for its kernel."""
        self.page.goto(address)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=CELL)
        self.page.evaluate(
            """async () => {
                const app = window.jupyterapp ?? window.jupyterlab;
                const panel = app.shell.currentWidget;
                await panel.context.ready; await panel.revealed; await panel.sessionContext.ready;
                await panel.sessionContext.session.kernel.info;
            }"""
        )
        return self

    def run(self, index: int) -> None:
        """Run one cell to its end."""
        self.start(index)
        self.wait(index)

    def start(self, index: int) -> None:
        """Run one cell, without waiting."""
        self.page.evaluate(
            """async (index) => {
                const app = window.jupyterapp ?? window.jupyterlab;
                const content = app.shell.currentWidget.content;
                content.activeCellIndex = index;
                content.deselectAll();
                window.cellRuns ??= {};
                window.cellRuns[index] = app.commands.execute('notebook:run-cell');
            }""",
            index,
        )

    def wait(self, index: int) -> None:
        """Wait until a cell that was started has ended."""
        self.page.evaluate("async (index) => { await window.cellRuns[index]; }", index)

    def type_into(self, index: int, source: str) -> None:
        """Replace a cell's source."""
        self.page.evaluate(
            """([index, source]) => {
                const app = window.jupyterapp ?? window.jupyterlab;
                app.shell.currentWidget.content.model.cells.get(index).sharedModel.setSource(source);
            }""",
            [index, source],
        )

    def output(self, index: int) -> str:
        """Text of a cell's outputs."""
        return self.cell(index).locator(".jp-Cell-outputWrapper").inner_text()

    def cell(self, index: int) -> Locator:
        """A cell."""
        return self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{index}']")

    @property
    def explorer(self) -> Explorer:
        """The first widget in the page."""
        return Explorer(self.page.locator(".oe-root").first)


class Explorer:
    """The widget as a person finds it: by what is written on it."""

    def __init__(self, root: Locator) -> None:
        self.root = root

    def pane(self, name: str) -> Locator:
        """A pane by the name that the protocol gives it."""
        return self.root.locator(f".oe-pane[data-pane='{name}']").first

    def line(self, pane: str, text: str) -> Locator:
        """The first line in sight that holds a text."""
        return self.pane(pane).locator(".oe-line", has_text=text).first

    def lit(self, pane: str) -> list[str]:
        """Lines of a pane that light up."""
        return self.pane(pane).locator(".oe-line.oe-lit").all_inner_texts()

    def tab(self, name: str) -> Locator:
        """A drawer's tab."""
        return self.root.locator(f".oe-tab[data-tab='{name}']")

    @property
    def state(self) -> str:
        """The first word of the verdict."""
        return self.root.locator(".oe-state").inner_text()

    def wait_for_state(self, word: str, timeout: float = CELL) -> None:
        """Wait for the first word of the verdict."""
        self.root.locator(".oe-state", has_text=word).wait_for(timeout=timeout)


class Flag:
    """Holds a cell until the test lets it go on: nothing depends on how fast the machine is.

    Args:
        lab: Whose folder the kernel works in.
        name: Of this flag.
    """

    def __init__(self, lab: Lab, name: str) -> None:
        self._reached, self._released = lab.folder / f"{name}.reached", lab.folder / f"{name}.released"
        self.wait_in_cell = (
            f"import pathlib, time; pathlib.Path({str(self._reached)!r}).touch()\n"
            f"while not pathlib.Path({str(self._released)!r}).exists(): time.sleep(0.02)"
        )

    def wait_until_held(self, page: Page) -> None:
        """Until the cell stands there."""
        deadline = time.monotonic() + CELL / 1000
        while not self._reached.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no cell reached {self._reached.name}")
            page.wait_for_timeout(20)

    def release(self) -> None:
        """Let the cell go on."""
        self._released.touch()


def crowding() -> float:
    """How many times longer than alone a process takes now, because others want the processors, too: 1 on a calm machine."""
    wall, processor = time.perf_counter(), time.process_time()
    while time.process_time() - processor < 0.1:
        pass
    return max(1.0, (time.perf_counter() - wall) / 0.1)


def settled(page: Page) -> dict[str, Any]:
    """Two animation frames later."""
    return dict(
        page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r({}))))")
    )
