"""The drawers of checks and costs in a real JupyterLab: heat, rows, values, and one state with Python."""

from __future__ import annotations

import re
import textwrap

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.browser.lab import CELL, Explorer, Flag, Lab, crowding
from tests.browser.models import CONVNET, EXPORT, MANY, WRONG_RELU
from tests.browser.test_widget import OpenNotebook


def check_every_node(explorer: Explorer) -> None:
    """Press the button, and wait for the rows."""
    explorer.tab("checks").click()
    explorer.root.get_by_role("button", name="Check every node").click()
    expect(explorer.root.get_by_role("table", name="Nodes")).to_be_visible()


def test_the_culprit_is_hot_in_every_pane(open_notebook: OpenNotebook, page: Page) -> None:
    """A wrong symbolic function: its row is the first, it is hot everywhere, its values are there, and all of that is stored."""
    notebook = open_notebook(CONVNET + WRONG_RELU, EXPORT, "print(ex.nodes_report.culprits[0].target)", run=2)
    explorer = notebook.explorer
    explorer.wait_for_state("Not as PyTorch")
    explorer.root.scroll_into_view_if_needed()
    check_every_node(explorer)
    notebook.run(2)
    assert "aten::relu" in notebook.output(2)
    rows = explorer.root.get_by_role("table", name="Nodes").locator("tbody tr")
    expect(rows.first).to_contain_text("introduces")
    expect(rows.first).to_contain_text("wrong symbolic function")
    expect(rows.nth(2)).to_contain_text("passes on")

    explorer.root.get_by_role("button", name="Local error").click()
    expect(explorer.root.locator(".oe-heatbar")).to_contain_text("times what is allowed")
    for pane, text in (
        ("source", "torch.relu(y)"),
        ("torch", "aten::relu"),
        ("dispatch", "aten::relu"),
        ("onnx", "Abs("),
    ):
        heat = explorer.line(pane, text).locator(".oe-heat")
        expect(heat).to_have_attribute("data-level", "5")
        expect(heat).to_have_text(re.compile(r"^✕\d"))
        expect(heat).to_have_attribute("title", re.compile("introduces; local error"))
    expect(explorer.line("torch", "aten::flatten").locator(".oe-heat")).to_have_attribute("data-level", "0")
    explorer.root.get_by_role("button", name="Accumulated error").click()
    expect(explorer.line("torch", "aten::flatten").locator(".oe-heat")).to_have_text(re.compile(r"^↓\d"))

    explorer.root.get_by_role("button", name="Find first difference").click()
    expect(explorer.pane("onnx").locator(".oe-chosen").first).to_contain_text("Abs(")
    values = explorer.root.locator(".oe-values")
    expect(values).to_contain_text("Largest difference")
    expect(values.get_by_role("table", name="Values")).to_contain_text("difference")
    expect(values.locator("svg.oe-plot")).to_have_count(2)
    assert values.locator("circle").count() > 100
    explorer.pane("onnx").get_by_role("button", name="Graph").click()
    expect(explorer.pane("onnx").locator(".oe-canvas")).to_have_attribute("data-scope", "")
    shoot(page, "checks")

    page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget.context.model.toJSON().cells[1].outputs
            .some(output => output.data['application/vnd.onnx-explore.v1+json']?.checks?.length === 1)"""
    )
    page.evaluate(
        """async () => {
            const panel = window.jupyterapp.shell.currentWidget;
            await panel.context.save();
            await panel.sessionContext.shutdown();
        }"""
    )
    page.reload()
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    explorer.wait_for_state("Not as PyTorch")
    explorer.tab("checks").click()
    expect(rows.first).to_contain_text("introduces")
    explorer.root.get_by_role("button", name="Accumulated error").click()
    expect(explorer.line("onnx", "Abs(").locator(".oe-heat")).to_have_attribute("data-level", "5")
    rows.first.click()
    expect(values).to_contain_text("need the kernel")
    shoot(page, "checks_saved")


def test_python_checks_and_the_widget_shows_it(open_notebook: OpenNotebook, page: Page, lab: Lab) -> None:
    """Work that a cell does shows while it goes on; what it found stands in the drawers; an edit makes it void."""
    flag = Flag(lab, "checking")
    hold = f"def held(done, total):\n{textwrap.indent(flag.wait_in_cell, '    ')}\nex.check_nodes(progress=held);"
    notebook = open_notebook(CONVNET, EXPORT, hold, "ex.cost(runs=2);", run=2)
    explorer = notebook.explorer
    explorer.wait_for_state("Exported")
    explorer.tab("checks").click()
    expect(explorer.root.locator(".oe-checks")).to_contain_text("Not checked yet")
    notebook.start(2)
    flag.wait_until_held(page)
    expect(explorer.root.locator(".oe-stepbar .oe-running")).to_contain_text(re.compile(r", \d+ of \d+"))
    expect(explorer.root.get_by_role("button", name="Check every node")).to_be_disabled()
    flag.release()
    notebook.wait(2)
    expect(explorer.root.locator(".oe-check-verdict")).to_contain_text("Every compared node agrees")
    expect(explorer.root.get_by_role("button", name="Find first difference")).to_be_disabled()
    explorer.root.get_by_role("button", name="Local", exact=True).click()
    expect(explorer.root.get_by_role("columnheader", name="Local")).to_have_attribute("aria-sort", "descending")
    notebook.run(3)
    explorer.tab("costs").click()
    costs = explorer.root.get_by_role("table", name="Costs")
    expect(costs.locator("tbody tr").first).to_contain_text("(model)")
    explorer.root.locator("[data-heat='time']").click()
    expect(explorer.line("onnx", "Conv(").locator(".oe-heat")).to_contain_text("%")
    costs.locator("tr", has_text="classifier").click()
    expect(explorer.pane("torch").locator(".oe-chosen").first).to_contain_text("aten::linear")
    shoot(page, "costs")
    explorer.tab("axes").click()
    explorer.root.get_by_label("images, axis 0: dynamic").click()
    expect(explorer.root.locator(".oe-heatbar")).to_be_hidden()
    explorer.tab("costs").click()
    expect(explorer.root.locator(".oe-costs")).to_contain_text("Not measured yet")


@pytest.mark.parametrize("subshells", ["perCommTarget", pytest.param("disabled", marks=pytest.mark.full)])
def test_cancel_of_a_check(open_notebook: OpenNotebook, page: Page, subshells: str) -> None:
    """Something is said within 0.2 s; a cancel leaves everything usable, wherever the kernel serves the widget's messages."""
    slow = (
        "import time\nfrom onnx_explore.check.nodes.interpret import Interpreter\nstep = Interpreter.step\n"
        "def slowly(self, node):\n    time.sleep(delay)\n    return step(self, node)\n"
        "Interpreter.step, delay = slowly, 1.0"
    )
    notebook = open_notebook(CONVNET, EXPORT, slow, "delay = 0", run=1)
    page.evaluate(
        "mode => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.commsOverSubshells = mode; }",
        subshells,
    )
    notebook.run(1)
    notebook.run(2)
    explorer = notebook.explorer
    explorer.wait_for_state("Exported")
    explorer.tab("checks").click()
    took = page.evaluate(
        """() => new Promise(resolve => {
            const begun = performance.now();
            const look = () => document.querySelector('.oe-checks .oe-spinner') === null
                ? requestAnimationFrame(look) : resolve(performance.now() - begun);
            [...document.querySelectorAll('.oe-checks button')].find(b => b.textContent === 'Check every node').click();
            look();
        })"""
    )
    assert took < 200, took
    explorer.root.locator(".oe-checks").get_by_role("button", name="Cancel").click()
    expect(explorer.root.locator(".oe-refused")).to_contain_text("Stopped")
    notebook.run(3)
    explorer.root.get_by_role("button", name="Check every node").click()
    expect(explorer.root.locator(".oe-check-verdict")).to_contain_text("Every compared node agrees")
    expect(explorer.root.locator(".oe-refused")).to_have_count(0)


@pytest.mark.full
def test_heat_on_10_000_nodes(open_notebook: OpenNotebook, page: Page) -> None:
    """Heat goes on in less than 0.15 s of a processor of one's own, however many lines there are, and rows come in portions."""
    check = "ex.check_nodes(budget=64 << 20).passed"
    notebook = open_notebook(MANY.replace("DEPTH", "100"), check, "ex", run=3)
    assert "True" in notebook.output(1)
    explorer = notebook.explorer
    expect(explorer.root).to_have_attribute("aria-busy", "false", timeout=CELL)
    explorer.tab("checks").click()
    rows = explorer.root.get_by_role("table", name="Nodes").locator("tbody tr")
    expect(rows).to_have_count(100)
    explorer.root.get_by_role("button", name="Show 500 more").click()
    expect(rows).to_have_count(600)
    seconds: list[float] = []
    for _ in range(3):
        before = crowding()
        took = page.evaluate(
            """() => Math.max(...['local', 'accumulated', 'off'].map(mode => {
                const begun = performance.now();
                document.querySelector(`.oe-checks [data-heat=${mode}]`).click();
                return performance.now() - begun;
            }))"""
        )
        seconds.append(2 * took / 1000 / (before + crowding()))
    assert min(seconds) < 0.15, seconds
