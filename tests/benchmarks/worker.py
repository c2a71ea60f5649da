"""One measurement in a process of its own: ``python -m tests.benchmarks.worker KIND …`` prints one line of JSON."""

from __future__ import annotations

import gc
import io
import json
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import torch
from torch import nn

from tests.benchmarks.bisection import Long, broken, search
from tests.benchmarks.bisection import subject as subject_of_mismatch
from tests.benchmarks.exporters import EXPORTERS, Exporter, written
from tests.benchmarks.subjects import CHAINS, SUBJECTS, Subject


def resident() -> tuple[int, int]:
    """Bytes of this process now, and at most since ``forget_peak``."""
    rows = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    now, peak = (int(rows[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
    return now, peak


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def timed(exporter: Exporter, subject: Subject) -> dict[str, float]:
    """One export into a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        gc.collect()
        forget_peak()
        before, _ = resident()
        start, cpu = time.perf_counter(), time.process_time()
        exporter(subject, Path(folder, "model.onnx"))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        _, peak = resident()
        return {"seconds": seconds, "cpu": cpu, "bytes": max(0, peak - before), "written": written(Path(folder))}


def ready(subject: Subject) -> Subject:
    """In eval mode, and run once: kernels that PyTorch compiles at first use are not what is measured."""
    subject.model.eval()
    with torch.no_grad():
        subject.model(*subject.args)
    return subject


def warm(exporter: Exporter) -> None:
    """Imports and first uses are not what is measured."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, 4)).eval()
    timed(exporter, Subject(model, (torch.randn(2, 3, 4, 4),), {"input": {0: "batch"}}))


def once(subject: str, exporter: str) -> dict[str, float]:
    """Time and memory of one export."""
    warm(EXPORTERS[exporter])
    made = ready(SUBJECTS[subject]())
    weights = sum(item.nbytes for item in made.model.state_dict().values())
    return {**timed(EXPORTERS[exporter], made), "weights": weights}


def growth(chain: str, exporter: str, repeat: str, *sizes: str) -> dict[str, dict[str, float]]:
    """Median time and memory by number of nodes."""
    warm(EXPORTERS[exporter])
    result: dict[str, dict[str, float]] = {}
    for size in sizes:
        made = ready(CHAINS[chain](int(size)))
        runs = [timed(EXPORTERS[exporter], made) for _ in range(int(repeat))]
        result[size] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    return result


def recording(subject: str, repeat: str) -> dict[str, float]:
    """CPU time with and without the recording, in turns, in one process."""
    made = ready(SUBJECTS[subject]())
    names = ("ours", "unrecorded")
    for name in names:
        warm(EXPORTERS[name])
        timed(EXPORTERS[name], made)
    runs: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(int(repeat)):
        for name in names if turn % 2 else reversed(names):
            runs[name].append(timed(EXPORTERS[name], made)["cpu"])
    return {name: statistics.median(cpu) for name, cpu in runs.items()}


def mismatch(state: str, how: str) -> dict[str, float]:
    """Time to find what is wrong in a model of 200 operators, and how many were found."""
    with broken() if state == "wrong" else nullcontext():
        model, x = subject_of_mismatch()
        with redirect_stdout(io.StringIO()):
            search(Long(8, (3,)).eval(), x, how)  # imports and first uses
            start, cpu = time.perf_counter(), time.process_time()
            found = search(model, x, how)
            return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "found": found}


if __name__ == "__main__":
    torch.manual_seed(0)
    kind, *rest = sys.argv[1:]
    print(json.dumps({"once": once, "growth": growth, "recording": recording, "mismatch": mismatch}[kind](*rest)))
