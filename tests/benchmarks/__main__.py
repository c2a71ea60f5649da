"""``python -m tests.benchmarks [--only PART …] [--json FILE]``: a table, and the same as JSON.

Each sample is one process. Exporters take turns, so that a busy moment of the machine hits all of them; medians are
compared. The peers need the extra ``benchmark``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PEERS = ("ours", "legacy", "dynamo")
FLOORS = ("capture", "raw_write")
TARGETS = {"resnet50": 0.7, "bert_base": 0.7, "linear_2000": 0.4}
SIZES = (100, 300, 1000, 3000, 10000)
RECORDING_TARGET = 0.05
MEMORY_TARGET = 0.10
MISMATCH_TARGETS = {"right": 1.0, "wrong": 0.1}
"""``find_mismatch`` over the search that exports every half with ``torch.onnx``, whose tool it was."""
GROWTH_TARGET = 1.3
"""CPU seconds per node at the largest size, over those at a tenth of it: 1 is linear, 10 quadratic."""

# One thread: on a busy machine, threads that wait for each other are what one would measure.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``met`` is None where there is no target."""

    part: str
    subject: str
    what: str
    value: float
    unit: str
    target: float | None = None

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.value <= self.target


def worker(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.worker", *map(str, arguments)]
    print("  …", *arguments, file=sys.stderr, flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def median(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def times(repeat: int) -> list[Row]:
    """Wall time and peak memory against the peers, and the floors."""
    rows: list[Row] = []
    for subject, target in TARGETS.items():
        samples: dict[str, list[dict[str, float]]] = {name: [] for name in (*PEERS, *FLOORS)}
        for turn in range(repeat):
            names = list(samples)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                samples[name].append(worker("once", subject, name))
        medians = {name: median(runs) for name, runs in samples.items()}
        seconds = {name: medians[name]["seconds"] for name in medians}
        rows += [Row("time", subject, name, value, "s") for name, value in seconds.items()]
        rows += [Row("CPU time", subject, name, medians[name]["cpu"], "s") for name in PEERS]
        rows.append(Row("time", subject, "ours / legacy", seconds["ours"] / seconds["legacy"], "x", target))
        rows.append(Row("time", subject, "ours / dynamo", seconds["ours"] / seconds["dynamo"], "x"))
        floor = seconds["capture"] + seconds["raw_write"]
        rows.append(Row("time", subject, "ours / (capture + raw_write)", seconds["ours"] / floor, "x"))
        rows += [Row("memory", subject, name, medians[name]["bytes"] / 1e6, "MB") for name in PEERS]
    return rows


def memory(repeat: int) -> list[Row]:
    """Peak over the loaded model, at 1 GiB of weights."""
    rows: list[Row] = []
    for name in ("ours", "legacy"):
        runs = [worker("once", "gigabyte", name) for _ in range(min(repeat, 3) if name == "ours" else 1)]
        share = statistics.median(run["bytes"] / run["weights"] for run in runs)
        target = MEMORY_TARGET if name == "ours" else None
        rows.append(Row("memory", "gigabyte", f"{name} / weights", share, "x", target))
        rows.append(Row("time", "gigabyte", name, statistics.median(run["seconds"] for run in runs), "s"))
    rows.append(Row("time", "gigabyte", "raw_write", worker("once", "gigabyte", "raw_write")["seconds"], "s"))
    return rows


def growth(repeat: int) -> list[Row]:
    """CPU time by number of nodes: a chain, one weight for all, every value an output."""
    rows: list[Row] = []
    for chain in ("chain", "one_weight", "many_outputs"):
        found = worker("growth", chain, "ours", min(repeat, 3), *SIZES)
        each = {size: found[str(size)]["cpu"] / size for size in SIZES}
        rows += [Row("growth", chain, f"{size} nodes", 1e6 * value, "µs/node") for size, value in each.items()]
        small, large = SIZES[-3], SIZES[-1]
        rows.append(Row("growth", chain, f"{large} / {small}", each[large] / each[small], "x", GROWTH_TARGET))
    return rows


def recording(repeat: int) -> list[Row]:
    """What the recording costs."""
    rows: list[Row] = []
    for subject in TARGETS:
        found = worker("recording", subject, max(2 * repeat, 6))
        cost = found["ours"] / found["unrecorded"] - 1
        rows.append(Row("recording", subject, "recorded / not - 1", cost, "x", RECORDING_TARGET))
    return rows


def mismatch(repeat: int) -> list[Row]:
    """A model of 200 operators: nothing wrong, and five of them wrong, against a search over halves."""
    rows: list[Row] = []
    for state, target in MISMATCH_TARGETS.items():
        names = ("find_mismatch", "check_nodes", "legacy", "ours", "lowered")
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for turn in range(repeat):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                runs[name].append(worker("mismatch", state, name))
        medians = {name: median(each) for name, each in runs.items()}
        subject = f"mismatch, {state}"
        for key, part in (("seconds", "time"), ("cpu", "CPU time")):
            rows += [Row(part, subject, name, each[key], "s") for name, each in medians.items()]
            for name in ("legacy", "ours", "lowered"):
                wanted = target if name == "legacy" else None
                share = medians["find_mismatch"][key] / medians[name][key]
                rows.append(Row(part, subject, f"find_mismatch / {name}", share, "x", wanted))
        rows += [Row("found", subject, name, each["found"], "nodes") for name, each in medians.items()]
    return rows


PARTS = {"times": times, "memory": memory, "growth": growth, "recording": recording, "mismatch": mismatch}


def table(rows: Sequence[Row]) -> str:
    lines: list[str] = []
    widths = [max(len(getattr(row, name)) for row in rows) for name in ("part", "subject", "what")]
    for row in rows:
        words = (f"{word:<{width}}" for word, width in zip((row.part, row.subject, row.what), widths, strict=True))
        target = "" if row.target is None else f"≤ {row.target:g}  {'ok' if row.met else 'MISSED'}"
        lines.append(f"{'  '.join(words)}  {row.value:10.3f} {row.unit:<8} {target}".rstrip())
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser("tests.benchmarks", description="Time and memory of an export.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="some parts only")
    parser.add_argument("--repeat", type=int, default=5, help="samples (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the rows there, too")
    chosen = parser.parse_args()
    rows = [row for part in chosen.only for row in PARTS[part](chosen.repeat)]
    print(table(rows))
    if chosen.json:
        about = {"python": platform.python_version(), "machine": platform.machine(), "repeat": chosen.repeat}
        found = [{**asdict(row), "met": row.met} for row in rows]
        chosen.json.write_text(json.dumps({**about, "rows": found}, indent=1))
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
