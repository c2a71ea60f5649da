"""One JupyterLab server and one Chromium for all browser tests of a session; pictures go to ``artifacts/``."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need Playwright: pip install -e '.[test]'"
)

from playwright.sync_api import Browser, Page  # noqa: E402

from tests.browser.lab import BUILT, Lab, Notebook, running_lab  # noqa: E402

ARTIFACTS = Path(__file__).parent / "artifacts"
NO_BROWSER = (
    "the browser tests need Chromium: apt-get install -y chromium (or put chromium, or google-chrome, on the PATH)"
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, headless."""
    executable = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if executable is None:
        pytest.skip(NO_BROWSER)
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield made
        made.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The server."""
    if not (BUILT / "package.json").is_file():
        pytest.skip("the front end is not built: pip install -e . (or npm ci && npm run build in labextension/)")
    with running_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page; a picture of its end is kept, and an uncaught error in it fails the test."""
    context = browser.new_context(viewport={"width": 1500, "height": 1250})
    made = context.new_page()
    made.set_default_timeout(30_000)
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    shoot(made, re.sub(r"\W+", "_", request.node.name))
    context.close()
    ours = [error for error in errors if "oe-" in error or "onnx" in error.lower()]
    assert not ours, ours


@pytest.fixture
def open_notebook(lab: Lab, page: Page, request: pytest.FixtureRequest) -> Callable[..., Notebook]:
    """Write a notebook of some cells, open it, run those that are asked for."""

    def open_it(*cells: str, run: int = 0, app: str = "doc") -> Notebook:
        name = lab.notebook(re.sub(r"\W+", "_", request.node.name) + ".ipynb", cells)
        notebook = Notebook(page).open(lab.address(name, app))
        for index in range(run):
            notebook.run(index)
        return notebook

    return open_it


def shoot(page: Page, name: str, **options: Any) -> Path:
    """Keep a picture."""
    ARTIFACTS.mkdir(exist_ok=True)
    path = ARTIFACTS / f"{name}.png"
    page.screenshot(path=path, **options)
    return path
