"""``python -m onnx_explore demo``: exports AlexNet, prints the verdict, opens JupyterLab on the first notebook."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from onnx_explore import __version__
from onnx_explore.demo import NOTEBOOK, export_alexnet, open_lab
from onnx_explore.errors import OnnxExporterError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Those of the command line, if None.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser("onnx_explore", description="PyTorch to ONNX, step by step.")
    parser.add_argument("--version", action="version", version=f"onnx_explore {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="export AlexNet, check it, and open JupyterLab on the first notebook",
        epilog="Other options, such as --port=9999, are passed on to JupyterLab.",
    )
    demo.add_argument("-o", "--output", type=Path, default=Path("alexnet.onnx"), help="the file (default: %(default)s)")
    demo.add_argument("--no-browser", action="store_true", help="start JupyterLab without a browser")
    demo.add_argument("--no-lab", action="store_true", help="export only")
    chosen, rest = parser.parse_known_args(arguments)
    if rest and (chosen.no_lab or any(not option.startswith("--") for option in rest)):
        parser.error(f"unknown: {' '.join(rest)}")
    return _demo(chosen.output, lab=not chosen.no_lab, options=[*["--no-browser"] * chosen.no_browser, *rest])


def _demo(path: Path, *, lab: bool, options: Sequence[str]) -> int:
    try:
        print(export_alexnet(path), flush=True)
    except OnnxExporterError as error:
        print(error, file=sys.stderr)
        return 1
    if not lab:
        return 0
    if not NOTEBOOK.is_file():
        print(f"There is no {NOTEBOOK} here: run this in a checkout, or with --no-lab.", file=sys.stderr)
        return 1
    open_lab(NOTEBOOK, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
