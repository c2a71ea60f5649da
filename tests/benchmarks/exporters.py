"""What is measured: the three exporters, and the floors below which none of them can get."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from tests.benchmarks.subjects import Subject

Exporter = Callable[[Subject, Path], None]


def ours(subject: Subject, path: Path) -> None:
    import onnx_explore

    onnx_explore.export(subject.model, subject.args, path, dynamic_axes=subject.axes)


def ours_unrecorded(subject: Subject, path: Path) -> None:
    import onnx_explore

    onnx_explore.export(subject.model, subject.args, path, dynamic_axes=subject.axes, record=False)


def legacy(subject: Subject, path: Path) -> None:
    with quiet():
        torch.onnx.export(
            subject.model,
            subject.args,
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=list(subject.axes),
            dynamic_axes=subject.axes,
        )


def dynamo(subject: Subject, path: Path) -> None:
    with quiet():
        torch.onnx.export(
            subject.model.eval(),
            subject.args,
            str(path),
            dynamo=True,
            verbose=False,
            input_names=list(subject.axes),
            dynamic_shapes=tuple(dict.fromkeys(axes, torch.export.Dim.DYNAMIC) for axes in subject.axes.values()),
        )


def capture(subject: Subject, path: Path) -> None:
    """Floor: the capture alone, with scopes and source lines."""
    from onnx_explore.capture import capture as record

    record(subject.model, subject.args)


def raw_write(subject: Subject, path: Path) -> None:
    """Floor: the weights' bytes into a file."""
    with path.open("wb", buffering=0) as file:
        for tensor in {item.data_ptr(): item for item in subject.model.state_dict().values()}.values():
            view = memoryview(tensor.detach().contiguous().view(-1).view(torch.uint8).numpy())
            while view:
                view = view[file.write(view) :]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The peers talk to the terminal."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


EXPORTERS: dict[str, Exporter] = {
    "ours": ours,
    "unrecorded": ours_unrecorded,
    "legacy": legacy,
    "dynamo": dynamo,
    "capture": capture,
    "raw_write": raw_write,
}


def written(folder: Path) -> int:
    """Bytes on disk."""
    return sum(entry.stat().st_size for entry in os.scandir(folder))
