"""The example of the page on quantized models runs as it stands there, and does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "notebooks" / "guide" / "quantized.md"


@pytest.mark.filterwarnings("ignore")
def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    exact, fast = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    namespace: dict[str, Any] = {"__name__": "quantized_page"}
    for seed in range(3):
        exec(compile(exact.replace("manual_seed(0)", f"manual_seed({seed})"), str(PAGE), "exec"), namespace)
        report = namespace["exported"].report
        assert all(item.status == "passed" for item in report.items), str(report)
        shown = capsys.readouterr().out
        assert "'Conv', 'Add', 'Mul', 'Relu', 'QuantizeLinear'" in shown
    exec(compile(fast, str(PAGE), "exec"), namespace)
    assert "'Conv', 'Relu', 'QuantizeLinear'" in capsys.readouterr().out
