"""Memory of the check of every node: under twice the weights plus the budget, copies of transposed weights included."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

CHECK = """
import json, sys
import torch
from torch import nn
from onnx_explore import explore

def resident(key):
    with open("/proc/self/status") as rows:
        return next(int(row.split()[1]) * 1024 for row in rows if row.startswith(key))

def network(layers, width):
    return nn.Sequential(*(nn.Linear(width, width) for _ in range(layers))).eval().requires_grad_(False)

layers, width, budget = map(int, sys.argv[1:])
explore(network(1, 64), torch.randn(1, 4, 64), check=False).run().check_nodes()  # imports and caches
before = resident("VmRSS")
model = network(layers, width)
# Three dimensions: MatMul takes each weight transposed, which ONNX Runtime cannot take from where it is.
ex = explore(model, torch.randn(1, 16, width), check=False).run()
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
report = ex.check_nodes(budget=budget)
weights = sum(item.nbytes for item in model.parameters())
peak = resident("VmHWM") - before
print(json.dumps({"weights": weights, "peak": peak, "passed": report.passed, "parts": report.parts}))
"""


def figures(layers: int, width: int, budget: int) -> dict[str, int]:
    command = [sys.executable, "-c", CHECK, str(layers), str(width), str(budget)]
    done = subprocess.run(
        command, capture_output=True, check=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    return json.loads(done.stdout)


needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")


@needs_proc
def test_transposed_weights_are_part_of_the_budget() -> None:
    found = figures(8, 2048, 32 << 20)
    assert found["passed"] and found["parts"] >= 4
    assert found["peak"] < found["weights"] + (32 << 20) + (64 << 20)  # one layer over the budget, and a little


@needs_proc
@pytest.mark.full
def test_one_gigabyte_stays_under_twice_its_weights_and_the_budget() -> None:
    found = figures(16, 4096, 256 << 20)
    assert found["passed"]
    assert found["weights"] > 1 << 30
    assert found["peak"] < 2 * found["weights"] + (256 << 20)
