"""A scripted model in the widget: the bodies of If and Loop as blocks, in text and as graphs."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.browser.lab import Notebook

pytestmark = pytest.mark.full

DECODER = textwrap.dedent("""
    import torch, onnx_explore
    %load_ext onnx_explore

    class Decoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = torch.nn.Linear(4, 4)

        def forward(self, x: torch.Tensor, steps: int) -> torch.Tensor:
            for i in range(steps):
                if x.sum() > 0:
                    x = self.cell(x)
                else:
                    x = x + i
            return x

    model = torch.jit.script(Decoder())
    ex = onnx_explore.explore(model, (torch.ones(2, 4), 3))
    ex.run()
    ex
""")


def test_blocks_are_nested(open_notebook: Callable[..., Notebook], page: Page) -> None:
    explorer = open_notebook(DECODER, run=1).explorer
    explorer.wait_for_state("Exported")
    expect(explorer.pane("torch")).to_contain_text("block0")
    expect(explorer.pane("onnx")).to_contain_text("Loop")
    expect(explorer.pane("onnx")).to_contain_text("then_branch")
    shoot(page, "blocks_text")
    for name in ("torch", "onnx"):
        explorer.pane(name).get_by_role("button", name="Graph").click()
    page.wait_for_timeout(800)
    shoot(page, "blocks_graph")
