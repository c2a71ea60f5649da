"""The first thing to see: AlexNet, exported, checked, and JupyterLab on the first notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from onnx_explore.export import export
from onnx_explore.exported import Exported

NOTEBOOK = Path("notebooks", "01_first_export.ipynb")


class AlexNet(nn.Module):
    """AlexNet as torchvision has it ("One weird trick for parallelizing convolutional neural networks")."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Class scores ``[N, num_classes]`` of images ``[N, 3, 224, 224]``."""
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


def export_alexnet(path: str | os.PathLike[str]) -> Exported:
    """Export AlexNet with random weights and a dynamic batch, checked against ONNX Runtime.

    Raises:
        OnnxExporterError: If the export or the check fails.
    """
    torch.manual_seed(0)
    return export(
        AlexNet(),
        torch.randn(2, 3, 224, 224),
        path,
        input_names=["images"],
        output_names=["scores"],
        dynamic_axes={"images": {0: "batch"}, "scores": {0: "batch"}},
        check=True,
    )


def open_lab(notebook: Path, options: Sequence[str] = ()) -> None:
    """Replace this process by JupyterLab in the current folder, on one notebook.

    Args:
        notebook: What it opens: a relative path.
        options: Further options of ``jupyter lab``.
    """
    # As the default address, not as an argument: the address that the server prints leads to the notebook, too.
    address = f"--LabApp.default_url=/lab/tree/{notebook.as_posix()}"
    command = [sys.executable, "-m", "jupyterlab", address, *options]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # a container: JupyterLab would refuse to start
        command.append("--allow-root")
    os.execv(sys.executable, command)
