"""The widget in a real JupyterLab: what a person sees and does."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import shoot
from tests.browser.lab import CELL, Flag, Lab, Notebook, crowding
from tests.browser.models import BAKED, BERT, CONVNET, EXPORT, HOSTILE, LAYERS, MANY, REGISTER, UNSUPPORTED

OpenNotebook = Callable[..., Notebook]


def test_exported_and_linked(open_notebook: OpenNotebook, page: Page) -> None:
    """The verdict is there; hovering a line lights up its relatives in every pane, and scrolls nothing."""
    notebook = open_notebook(CONVNET, EXPORT, "print([node.target for node in ex.selected])", run=2)
    explorer = notebook.explorer
    explorer.wait_for_state("Exported")
    expect(explorer.root.locator(".oe-verdict")).to_contain_text("agrees with PyTorch")
    expect(explorer.line("source", "torch.flatten(y, 1)")).to_be_visible()
    explorer.root.scroll_into_view_if_needed()

    explorer.line("source", "torch.flatten(y, 1)").hover()
    expect(explorer.pane("onnx").locator(".oe-lit")).to_have_count(1)
    assert "Flatten" in explorer.lit("onnx")[0]
    assert "aten::flatten" in explorer.lit("torch")[0]
    assert any("aten::flatten" in line for line in explorer.lit("dispatch"))

    explorer.line("onnx", "Relu(").hover()
    expect(explorer.pane("source").locator(".oe-lit")).to_contain_text(["self.features(x)"])
    assert "aten::relu" in explorer.lit("torch")[0]

    explorer.line("onnx", "Softmax(").click()
    expect(explorer.root.locator(".oe-detail")).to_contain_text("aten::softmax")
    expect(explorer.root.locator(".oe-detail-right")).to_contain_text("def softmax")
    explorer.root.get_by_role("button", name="ONNX documentation").click()
    expect(explorer.root.locator(".oe-detail-right")).to_contain_text("since opset")
    shoot(page, "linked")

    notebook.run(2)
    assert "['aten::softmax']" in notebook.output(2)


def test_same_colour_in_every_pane(open_notebook: OpenNotebook) -> None:
    """A line has a colour if it produced output, and the same one everywhere."""
    explorer = open_notebook(CONVNET, EXPORT, run=2).explorer
    explorer.wait_for_state("Exported")
    hues = [
        explorer.line(pane, text).evaluate("line => line.style.getPropertyValue('--oe-hue')")
        for pane, text in (
            ("source", "torch.flatten(y, 1)"),
            ("torch", "aten::flatten"),
            ("dispatch", "aten::flatten"),
            ("onnx", "Flatten("),
        )
    ]
    assert len(set(hues)) == 1 and hues[0].startswith("var(--oe-hue-")
    plain = explorer.line("source", "def forward")
    assert plain.evaluate("line => line.style.getPropertyValue('--oe-hue')") == "transparent"


def test_slider_looks_at_the_past(open_notebook: OpenNotebook, page: Page) -> None:
    """Back and the slider dim what was not lowered yet; Now returns."""
    explorer = open_notebook(CONVNET, EXPORT, run=2).explorer
    explorer.wait_for_state("Exported")
    expect(explorer.root.locator(".oe-step-count")).to_contain_text(" / ")
    explorer.root.locator(".oe-slider").fill("2")
    expect(explorer.root.locator(".oe-step-count")).to_contain_text("looking at 2 /")
    expect(explorer.line("onnx", "Softmax(")).to_have_class(re.compile("oe-later"))
    expect(explorer.line("onnx", "Relu(")).to_have_class(re.compile("oe-now"))
    explorer.root.get_by_role("button", name="Back: look at the step before").click()
    expect(explorer.root.locator(".oe-step-count")).to_contain_text("looking at 1 /")
    shoot(page, "slider")
    explorer.root.get_by_role("button", name="Now", exact=True).click()
    expect(explorer.line("onnx", "Softmax(")).not_to_have_class(re.compile("oe-later"))


def test_stepping(open_notebook: OpenNotebook) -> None:
    """Step, run to, continue drive the very exploration that Python drives."""
    paused = "ex = onnx_explore.explore(model, x)\nex"
    notebook = open_notebook(CONVNET, paused, "print(ex.position, ex.state)", "ex.step_operator();", run=2)
    explorer = notebook.explorer
    explorer.wait_for_state("Paused")
    count = explorer.root.locator(".oe-step-count")
    expect(count).to_contain_text("0 /")
    expect(explorer.pane("source").locator(".oe-next")).to_contain_text(["self.features(x)"])
    expect(explorer.pane("source").locator(".oe-heading").first).to_contain_text("In[1]")
    explorer.root.get_by_role("button", name="Step", exact=True).click()
    expect(count).to_contain_text("1 /")
    expect(explorer.line("onnx", "Conv(")).to_be_visible()
    notebook.run(3)
    expect(count).to_contain_text("2 /")
    box = explorer.root.get_by_label("Run to an operator, a module or a source line")
    box.fill("aten::flatten")
    box.press("Enter")
    expect(explorer.pane("torch").locator(".oe-next")).to_contain_text("aten::flatten")
    explorer.root.get_by_role("button", name="Continue").click()
    explorer.wait_for_state("Exported")
    notebook.run(2)
    assert "exported" in notebook.output(2)


def test_failure_symbolic_continue(open_notebook: OpenNotebook, page: Page) -> None:
    """It stands still at the failing node, says what to do, and goes on after a cell registered a symbolic function."""
    notebook = open_notebook(UNSUPPORTED, REGISTER, run=1)
    explorer = notebook.explorer
    explorer.wait_for_state("Failed")
    banner = explorer.root.locator(".oe-failure")
    expect(banner).to_contain_text("browser::halve")
    expect(banner).to_contain_text("In[1]:")
    expect(banner).to_contain_text("Next:")
    expect(explorer.pane("source").locator(".oe-next")).to_contain_text(["torch.ops.browser.halve(y, 2.0)"])
    banner.get_by_text("How to go on from here").click()
    expect(banner).to_contain_text('@onnx_explore.symbolic("browser::halve")')
    banner.get_by_role("button", name="Show the node").click()
    expect(explorer.pane("torch").locator(".oe-chosen")).to_contain_text("browser::halve")
    shoot(page, "failure")
    notebook.run(1)
    expect(banner).to_contain_text("A symbolic function was registered since")
    banner.get_by_role("button", name="Continue").click()
    explorer.wait_for_state("Exported")
    expect(banner).to_be_hidden()
    expect(explorer.line("onnx", "Div(")).to_be_visible()


def test_axes(open_notebook: OpenNotebook, page: Page) -> None:
    """Toggling and naming a dimension exports again; the shapes of all panes follow, and the check says what is proven."""
    notebook = open_notebook(CONVNET, EXPORT, "print(ex.options.dynamic_axes['images'])", run=2)
    explorer = notebook.explorer
    explorer.wait_for_state("Exported")
    explorer.tab("axes").click()
    table = explorer.root.get_by_role("table", name="Axes")
    expect(table).to_contain_text("proven")
    expect(explorer.line("onnx", "Softmax(")).to_contain_text("FLOAT[batch, 10]")
    table.get_by_label("images, axis 0: dynamic").uncheck()
    expect(explorer.line("onnx", "Softmax(")).to_contain_text("FLOAT[2, 10]")
    table.get_by_label("images, axis 0: dynamic").check()
    expect(explorer.line("onnx", "Softmax(")).to_contain_text("FLOAT[batch, 10]")
    name = table.get_by_label("images, axis 0: name")
    name.fill("N")
    name.press("Enter")
    expect(explorer.line("onnx", "Softmax(")).to_contain_text("FLOAT[N, 10]")
    expect(table).to_contain_text("proven")
    shoot(page, "axes")
    notebook.run(2)
    assert "{0: 'N'}" in notebook.output(2)


def test_audit(open_notebook: OpenNotebook, page: Page) -> None:
    """The audit names the line; its link lights the nodes up; the repair proves the axis; the line can be copied."""
    notebook = open_notebook(BAKED, "print(ex.audit)", run=1)
    explorer = notebook.explorer
    explorer.tab("axes").click()
    root = explorer.root
    root.get_by_role("button", name="Audit", exact=True).click()
    problem = root.locator(".oe-problem")
    expect(problem).to_contain_text("int() is baked: 5 → 6 = 2*length", timeout=CELL)
    expect(problem).to_contain_text("length = int(x.shape[1])")
    expect(root.get_by_role("table", name="Audit")).to_contain_text("broken")
    problem.get_by_role("button").first.click()
    expect(explorer.pane("torch").locator(".oe-chosen, .oe-lit, .oe-selected").first).to_contain_text("reshape")
    shoot(page, "audit")
    root.get_by_role("button", name="Repair").click()
    expect(problem).to_contain_text("repaired", timeout=CELL)
    expect(root.get_by_role("table", name="Audit")).not_to_contain_text("broken")
    expect(root.get_by_role("table", name="Axes")).to_contain_text("proven")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    root.get_by_role("button", name="Copy %onnx_export line").click()
    expect(root.get_by_role("button", name="Copy %onnx_export line")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "%onnx_export model x --dynamic x:0=batch,1=length"
    shoot(page, "repaired")
    notebook.run(1)
    assert "length: proven" in notebook.output(1)


def test_graph(open_notebook: OpenNotebook, page: Page) -> None:
    """The module hierarchy as a drawing: by keyboard into a module and out again; hover links it with the text."""
    explorer = open_notebook(CONVNET, EXPORT, run=2).explorer
    explorer.wait_for_state("Exported")
    pane = explorer.pane("onnx")
    pane.get_by_role("button", name="Graph").click()
    canvas = pane.locator("canvas.oe-canvas")
    expect(canvas).to_have_attribute("data-engine", "dagre")
    expect(canvas).to_have_attribute("data-scope", "")
    canvas.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(pane.locator(".oe-spoken")).to_contain_text("module features")
    expect(explorer.pane("source").locator(".oe-lit")).to_contain_text(["self.features(x)"])
    page.keyboard.press("Enter")
    expect(canvas).to_have_attribute("data-scope", "features")
    expect(pane.locator(".oe-crumbs")).to_contain_text("features")
    explorer.pane("torch").get_by_role("button", name="Graph").click()
    page.wait_for_timeout(500)
    shoot(page, "graph")
    page.keyboard.press("Tab")
    canvas.focus()
    page.keyboard.press("Backspace")
    expect(canvas).to_have_attribute("data-scope", "")


def test_python_selects(open_notebook: OpenNotebook) -> None:
    """What Python chooses shows in the widget."""
    notebook = open_notebook(CONVNET, EXPORT, "ex.select('Flatten');", run=3)
    expect(notebook.explorer.pane("torch").locator(".oe-chosen")).to_contain_text("aten::flatten")


def test_keyboard_and_search(open_notebook: OpenNotebook, page: Page) -> None:
    """Roving focus in a pane; Enter reveals everywhere; / searches; Escape lets go."""
    explorer = open_notebook(CONVNET, EXPORT, run=2).explorer
    explorer.wait_for_state("Exported")
    lines = explorer.pane("onnx").get_by_role("listbox")
    lines.focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(explorer.pane("torch").locator(".oe-chosen").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(explorer.pane("torch").locator(".oe-chosen")).to_have_count(0)
    page.keyboard.press("/")
    page.keyboard.type("softmax")
    expect(explorer.pane("onnx").locator(".oe-found").first).to_contain_text("Softmax")


def test_hostile_names_stay_text(open_notebook: OpenNotebook, page: Page) -> None:
    """Markup in names, paths and source is shown, not run."""
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    explorer = open_notebook(HOSTILE, run=1).explorer
    explorer.root.wait_for()
    expect(explorer.root.locator(".oe-state")).not_to_have_text("")
    expect(explorer.pane("source")).to_contain_text("<i>italic</i>")
    expect(explorer.pane("torch")).to_contain_text("<img src=x onerror=alert(1)>")
    for kind in ("img", "script", "b:has-text('bold')", "i", "u"):
        expect(explorer.root.locator(f".oe-textpane {kind}")).to_have_count(0)
    explorer.tab("interface").click()
    expect(explorer.root.locator(".oe-drawer-body")).to_contain_text("<u>out</u>")
    explorer.tab("checks").click()
    explorer.root.get_by_role("button", name="Check every node").click()
    rows = explorer.root.get_by_role("table", name="Nodes").locator("tbody tr")
    expect(rows.first).to_contain_text("inner.<b>bold<")
    rows.first.click()
    expect(explorer.root.locator(".oe-values")).to_contain_text("<u>out</u>")
    explorer.tab("costs").click()
    explorer.root.get_by_role("button", name="Measure").click()
    expect(explorer.root.get_by_role("table", name="Costs")).to_contain_text("inner.<b>bold<")
    for kind in ("img", "script", "b:has-text('bold')", "i", "u"):
        expect(explorer.root.locator(f".oe-drawer-body {kind}")).to_have_count(0)
    assert not dialogs


def test_kernel_restart(open_notebook: OpenNotebook, page: Page) -> None:
    """Without its kernel the widget says so, and what was loaded can still be looked at."""
    explorer = open_notebook(CONVNET, EXPORT, run=2).explorer
    explorer.wait_for_state("Exported")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(explorer.root.locator(".oe-notice")).to_contain_text("The kernel is gone", timeout=60_000)
    explorer.line("onnx", "Flatten(").hover()
    expect(explorer.pane("torch").locator(".oe-lit")).to_contain_text(["aten::flatten"])
    shoot(page, "restarted")


def test_first_paint(open_notebook: OpenNotebook, page: Page) -> None:
    """From the display of an export of BERT-base's size to the verdict and the first lines of every pane on the screen.

    In seconds of a processor of one's own: time by the page's clock, divided by how much longer than alone a process takes
    at that moment. The best of four: every other disturbance only adds.
    """
    notebook = open_notebook(BERT, *(f"exports[{index}]" for index in range(4)), run=1)
    seconds: list[float] = []
    for index in range(4):
        before = crowding()
        page.evaluate(
            """panes => {
                const shown = document.querySelectorAll('.oe-root').length;
                const begun = performance.now();
                window.painted = new Promise(resolve => {
                    const look = () => {
                        const root = [...document.querySelectorAll('.oe-root')][shown];
                        const there = root && root.querySelector('.oe-state')?.textContent.startsWith('Exported')
                            && panes.every(pane => root.querySelector(`.oe-pane[data-pane=${pane}] .oe-line`));
                        requestAnimationFrame(there ? () => resolve(performance.now() - begun) : look);
                    };
                    look();
                });
            }""",
            ["source", "torch", "dispatch", "onnx"],
        )
        notebook.start(index + 1)
        expect(page.locator(".oe-root").nth(index).locator(".oe-pane[data-pane='onnx'] .oe-line").first).to_be_visible()
        took = page.evaluate("() => window.painted") / 1000
        seconds.append(2 * took / (before + crowding()))
        expect(page.locator(".oe-root").nth(index)).to_have_attribute("aria-busy", "false")
    assert min(seconds) < 0.5, seconds


@pytest.mark.parametrize("depth", [20, pytest.param(100, marks=pytest.mark.full)])
def test_big_graph_keeps_the_page_alive(depth: int, open_notebook: OpenNotebook, page: Page, browser: Browser) -> None:
    """2,000 nodes (with ``full`` 10,000) open, as text and collapsed as a graph, and no task keeps the page busy for 200 ms.

    In processor time, as Chromium's own trace has it: a crowded machine does not count. The better of two openings: the
    first one compiles the scripts.
    """
    notebook = open_notebook(MANY.replace("DEPTH", str(depth)), "ex", "ex", run=1)
    assert int(notebook.output(0)) >= depth * 100
    longest: list[float] = []
    for index in range(2):
        browser.start_tracing(page=page, categories=["toplevel", "disabled-by-default-devtools.timeline"])
        notebook.start(index + 1)
        root = page.locator(".oe-root").nth(index)
        pane = root.locator(".oe-pane[data-pane='onnx']")
        expect(pane.locator(".oe-line").first).to_be_visible(timeout=CELL)
        pane.get_by_role("button", name="Graph").click()
        expect(pane.locator(".oe-canvas")).to_have_attribute("data-nodes", re.compile(r"\d{2,}"), timeout=CELL)
        expect(root).to_have_attribute("aria-busy", "false", timeout=CELL)
        longest.append(longest_task(browser.stop_tracing()))
    shoot(page, "big")
    assert 0 < min(longest) < 200, longest


def longest_task(trace: bytes) -> float:
    """Processor time of the longest task of the pages' main threads, in milliseconds."""
    events = json.loads(trace)["traceEvents"]
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [event for event in events if (event["pid"], event["tid"]) in mains and event["ph"] == "X"]
    return max((event.get("tdur", 0) for event in tasks), default=0) / 1000


@pytest.mark.parametrize("subshells", ["perCommTarget", "disabled"])
def test_cancel(open_notebook: OpenNotebook, page: Page, subshells: str) -> None:
    """Cancel stops a long export at a node, with comm messages on a subshell's thread and on the main thread."""
    cells = (LAYERS, "ex = onnx_explore.explore(Deep(2000), torch.randn(2, 8), check=False)\nex")
    notebook = open_notebook(*cells, run=1)
    page.evaluate(
        "mode => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.commsOverSubshells = mode; }",
        subshells,
    )
    notebook.run(1)
    explorer = notebook.explorer
    explorer.wait_for_state("Paused")
    explorer.root.get_by_role("button", name="Continue").click()
    explorer.root.get_by_role("button", name="Cancel").click()
    explorer.wait_for_state("Paused")
    expect(explorer.root.locator(".oe-running")).to_be_hidden()
    count = explorer.root.locator(".oe-step-count").inner_text().split(" / ")
    assert 0 < int(count[0]) < int(count[1])
    explorer.root.get_by_role("button", name="Continue").click()
    explorer.wait_for_state("Exported")


def test_busy(open_notebook: OpenNotebook, page: Page, lab: Lab) -> None:
    """While a cell steps the exploration, a step from the widget is refused with a sentence, and nothing is queued."""
    flag = Flag(lab, "busy")
    hold = "with ex._owned():\n" + textwrap.indent(flag.wait_in_cell, "    ")
    notebook = open_notebook(CONVNET, "ex = onnx_explore.explore(model, x)\nex", hold, run=2)
    explorer = notebook.explorer
    explorer.wait_for_state("Paused")
    page.wait_for_function(
        "() => [...window.jupyterapp.shell.currentWidget.sessionContext.session.kernel._comms.values()]"
        ".some(comm => comm.subshellId !== null)"
    )
    expect(explorer.root).to_have_attribute("aria-busy", "false")
    notebook.start(2)
    flag.wait_until_held(page)
    explorer.root.get_by_role("button", name="Step", exact=True).click()
    expect(explorer.root.locator(".oe-notice")).to_contain_text("Busy")
    expect(explorer.root.locator(".oe-running")).to_contain_text("A cell is going on")
    expect(explorer.root.get_by_role("button", name="Step", exact=True)).to_be_disabled()
    shoot(page, "busy")
    flag.release()
    notebook.wait(2)
    expect(explorer.root.locator(".oe-notice")).to_be_hidden()
    expect(explorer.root.locator(".oe-step-count")).to_contain_text("0 /")


def test_slow_kernel(open_notebook: OpenNotebook, page: Page, lab: Lab) -> None:
    """A kernel that serves one thing at a time answers late: the widget says so, and the step is done in the end."""
    flag = Flag(lab, "slow")
    notebook = open_notebook(CONVNET, "ex = onnx_explore.explore(model, x)\nex", flag.wait_in_cell, run=1)
    page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.commsOverSubshells = 'disabled'; }"
    )
    notebook.run(1)
    explorer = notebook.explorer
    explorer.wait_for_state("Paused")
    expect(explorer.root).to_have_attribute("aria-busy", "false")
    notebook.start(2)
    flag.wait_until_held(page)
    explorer.root.get_by_role("button", name="Step", exact=True).click()
    expect(explorer.root.locator(".oe-notice")).to_contain_text("No answer yet")
    expect(explorer.root.locator(".oe-step-count")).to_contain_text("0 /")
    flag.release()
    expect(explorer.root.locator(".oe-step-count")).to_contain_text("1 /")
    expect(explorer.root.locator(".oe-notice")).to_be_hidden()


def test_dark_theme(open_notebook: OpenNotebook, page: Page) -> None:
    """Colours follow JupyterLab's theme, in the drawings, too."""
    explorer = open_notebook(CONVNET, EXPORT, run=2).explorer
    explorer.wait_for_state("Exported")
    explorer.pane("torch").get_by_role("button", name="Graph").click()
    explorer.line("onnx", "Flatten(").click()
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    expect(explorer.root).to_have_attribute("data-theme", "dark")
    page.wait_for_timeout(800)
    background = explorer.root.evaluate("root => getComputedStyle(root).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", background)[:3]) < 60
    explorer.root.scroll_into_view_if_needed()
    shoot(page, "dark")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })")
    expect(explorer.root).to_have_attribute("data-theme", "light")


def test_narrow(open_notebook: OpenNotebook, page: Page) -> None:
    """Where it is narrow, panes stand one below the other, nothing is cut off, and a drawing stays in sight."""
    explorer = open_notebook(CONVNET, EXPORT, run=2).explorer
    explorer.wait_for_state("Exported")
    pane = explorer.pane("onnx")
    pane.get_by_role("button", name="Graph").click()
    expect(pane.locator(".oe-canvas")).to_have_attribute("data-scope", "")
    page.set_viewport_size({"width": 620, "height": 1500})
    expect(explorer.pane("torch")).to_have_css("height", "230px")
    bounds = explorer.root.bounding_box()
    assert bounds is not None
    for part in (".oe-tools", ".oe-pane", ".oe-switch", ".oe-stepbar"):
        for box in [item.bounding_box() for item in explorer.root.locator(part).all()]:
            assert box is not None and bounds["x"] <= box["x"]
            assert box["x"] + box["width"] <= bounds["x"] + bounds["width"] + 1
    expect(pane.locator(".oe-canvas")).to_have_js_property("width", round(bounds["width"]) - 2)
    shoot(page, "narrow")
    drawn = """canvas => {
        const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const middle = Array.from({ length: data.length / 4 / width }, (_, y) => 4 * (y * width + (width >> 1)));
        return new Set(middle.map(at => `${data[at]},${data[at + 1]},${data[at + 2]},${data[at + 3]}`)).size;
    }"""
    assert pane.locator(".oe-canvas").evaluate(drawn) > 2


def test_notebook_7(open_notebook: OpenNotebook, page: Page) -> None:
    """The same widget in Notebook 7."""
    explorer = open_notebook(CONVNET, EXPORT, run=2, app="notebooks").explorer
    explorer.wait_for_state("Exported")
    explorer.line("onnx", "Flatten(").hover()
    expect(explorer.pane("source").locator(".oe-lit")).to_contain_text(["torch.flatten(y, 1)"])
    shoot(page, "notebook7")


def test_saved_output_without_a_kernel(open_notebook: OpenNotebook, page: Page) -> None:
    """A saved notebook, opened without its kernel, shows what was stored, and says what it is."""
    notebook = open_notebook(CONVNET, EXPORT, run=2)
    notebook.explorer.wait_for_state("Exported")
    page.evaluate(
        """async () => {
            const panel = window.jupyterapp.shell.currentWidget;
            await panel.context.save();
            await panel.sessionContext.shutdown();
        }"""
    )
    page.reload()
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    explorer = notebook.explorer
    explorer.wait_for_state("Exported")
    expect(explorer.root.locator(".oe-notice")).to_contain_text("Saved output")
    explorer.line("onnx", "Flatten(").hover()
    expect(explorer.pane("torch").locator(".oe-lit")).to_contain_text(["aten::flatten"])
    explorer.pane("onnx").get_by_role("button", name="Graph").click()
    expect(explorer.pane("onnx").locator(".oe-canvas")).to_have_attribute("data-scope", "")
    shoot(page, "saved")
