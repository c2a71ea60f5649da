"""``.onnx`` files in JupyterLab, and Netron through the server's own address and login."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable

import onnx
import pytest
from onnx import TensorProto, helper
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.browser.lab import CELL, Lab, Notebook


def model() -> onnx.ModelProto:
    """Two modules and markup in the names."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="/stem/Conv", strides=[1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="/stem/Relu"),
        helper.make_node("Sigmoid", ["b"], ["c"], name="/head/<b>Sigmoid</b>", doc_string="<script>alert(1)</script>"),
        helper.make_node("Mul", ["b", "c"], ["y"], name="/head/Mul"),
    ]
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4, 3, 1, 1], [0.5] * 12)
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [value("y", TensorProto.FLOAT, ["batch", 4, 8, 8])],
        [weight],
        value_info=[value("b", TensorProto.FLOAT, ["batch", 4, 8, 8])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="tests")
    onnx.checker.check_model(made)
    return made


def open_file(page: Page, lab: Lab, name: str, app: str = "doc") -> None:
    """Open a file by its default viewer."""
    page.goto(f"{lab.url}lab/tree/{name}?token={lab.token}&reset")
    page.wait_for_selector(".oe-document", timeout=CELL)


def test_onnx_document(lab: Lab, page: Page) -> None:
    """A double click shows the graph and the text, linked; a module opens; nothing can be changed."""
    onnx.save(model(), lab.folder / "model.onnx")
    page.goto(f"{lab.url}lab?token={lab.token}&reset")
    item = page.locator(".jp-DirListing-item", has_text="model.onnx")
    item.wait_for(timeout=CELL)
    item.dblclick()
    root = page.locator(".oe-document .oe-root")
    expect(root.locator(".oe-verdict")).to_contain_text("opset 17, 4 nodes, 1 weights")
    canvas = root.locator(".oe-canvas")
    expect(canvas).to_have_attribute("data-nodes", "4")
    canvas.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(root.locator(".oe-spoken")).to_contain_text("module stem")
    page.keyboard.press("Enter")
    expect(canvas).to_have_attribute("data-scope", "stem")
    text = root.locator(".oe-textpane:visible")
    text.locator(".oe-line", has_text="Sigmoid(").click()
    expect(root.locator(".oe-detail")).to_contain_text("<script>alert(1)</script>")
    expect(text.locator(".oe-line", has_text="%a = Conv(")).to_contain_text("strides=[1, 1]")
    shoot(page, "document")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.onnx", b"", "empty"),
        ("text.onnx", b"this is no model at all, only text\n" * 20, "not an ONNX model"),
        ("cut.onnx", None, "ends in the middle"),
    ],
)
def test_broken_document(lab: Lab, page: Page, name: str, data: bytes | None, message: str) -> None:
    """A file that is broken gets a sentence."""
    whole = model().SerializeToString()
    (lab.folder / name).write_bytes(whole[: len(whole) // 2] if data is None else data)
    open_file(page, lab, name)
    expect(page.locator(".oe-document-message[role=alert]")).to_contain_text(message)


def test_netron(lab: Lab, open_notebook: Callable[..., Notebook], page: Page) -> None:
    """Netron draws a model inside a notebook, from below the server's own address, and asks for nothing elsewhere."""
    onnx.save(model(), lab.folder / "netron.onnx")
    elsewhere: list[str] = []
    page.on(
        "request", lambda request: elsewhere.append(request.url) if not request.url.startswith(lab.url[:20]) else None
    )
    cell = "%load_ext onnx_explore\n%onnx_netron netron.onnx"
    open_notebook(cell, run=1)
    frame = page.frame_locator("iframe[title^='Netron']")
    expect(frame.locator("body.default")).to_be_visible(timeout=CELL)
    expect(frame.locator("#target").get_by_text("Sigmoid").first).to_be_visible()
    shoot(page, "netron")
    assert not [url for url in elsewhere if url.startswith("http")]


def test_netron_from_the_file_browser(lab: Lab, page: Page) -> None:
    """The files' context menu opens Netron in a tab."""
    onnx.save(model(), lab.folder / "menu.onnx")
    page.goto(f"{lab.url}lab?token={lab.token}&reset")
    item = page.locator(".jp-DirListing-item", has_text="menu.onnx")
    item.wait_for(timeout=CELL)
    item.click(button="right")
    page.locator(".lm-Menu-itemLabel", has_text="Open in Netron").click()
    frame = page.frame_locator(".jp-IFrame iframe")
    expect(frame.locator("body.default")).to_be_visible(timeout=CELL)
    expect(frame.locator("#target").get_by_text("Sigmoid").first).to_be_visible()


@pytest.mark.parametrize("path", ["netron/index.html", "netron/view.js", "model/model.onnx"])
def test_netron_needs_the_login(lab: Lab, path: str) -> None:
    """Without the token everything leads to the login or is refused."""
    request = urllib.request.Request(f"{lab.url}onnx-explore/{path}")
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            led_to = response.url
    except urllib.error.HTTPError as error:
        led_to = f"/login, refused with {error.code}" if error.code in (401, 403) else str(error)
    assert "/login" in led_to


@pytest.mark.parametrize(
    "path", ["model/x?file=/etc/passwd", "netron/../__init__.py", "netron/server.py", "model/missing.onnx"]
)
def test_netron_serves_nothing_else(lab: Lab, path: str) -> None:
    """Only Netron's pages, and only files below the served folder."""
    request = urllib.request.Request(f"{lab.url}onnx-explore/{path}", headers={"Authorization": f"token {lab.token}"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    assert caught.value.code in (403, 404)
