"""Notebook 1 of the course, run whole in JupyterLab, with the widget in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.browser.lab import Explorer, Lab, Notebook

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_first_export.ipynb"
FAILS = "%onnx_export Denoise()"
REGISTERS = "import onnx_explore\n\n\n@onnx_explore.symbolic"


def test_first_notebook(lab: Lab, page: Page) -> None:
    """Every cell; the first export is linked, the failing one goes on from its own button."""
    shutil.copy(NOTEBOOK, lab.folder / NOTEBOOK.name)
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    notebook = Notebook(page).open(lab.address(NOTEBOOK.name))
    for index, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        notebook.run(index)
        if cell.source.startswith("%%onnx_export"):
            explorer = Explorer(notebook.cell(index).locator(".oe-root"))
            explorer.wait_for_state("Exported")
            explorer.root.scroll_into_view_if_needed()
            explorer.line("source", "self.features(").hover()
            expect(explorer.pane("onnx").locator(".oe-lit").first).to_be_attached()
            explorer.line("onnx", "MaxPool(").click()
            expect(explorer.root.locator(".oe-detail")).to_contain_text("aten::max_pool2d")
            shoot(page, "first_notebook")
        elif cell.source.startswith(FAILS):
            failing = Explorer(notebook.cell(index).locator(".oe-root"))
            failing.wait_for_state("Failed")
            expect(failing.root.locator(".oe-failure")).to_contain_text("course::shrink")
        elif cell.source.startswith(REGISTERS):
            page.evaluate("index => window.jupyterapp.shell.currentWidget.content.scrollToItem(index)", index - 2)
            banner = failing.root.locator(".oe-failure")
            expect(banner).to_contain_text("A symbolic function was registered since")
            banner.get_by_role("button", name="Continue").click()
            failing.wait_for_state("Exported")
            shoot(page, "first_notebook_mended")
