"""A scripted case: exporting it, running it on several inputs in ONNX Runtime, comparing with TorchScript."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import torch

import onnx_explore
from onnx_explore.check.runtime import RuntimeSession
from onnx_explore.emit.regions import nodes_of

Args = tuple[Any, ...]


@dataclass(frozen=True)
class Scripted:
    """One small model.

    Attributes:
        model: A function or a module, scripted here.
        runs: Arguments; the first are those that the export sees, all are run.
        dynamic: Input name → axis → symbol.
        since: First opset that can express it.
        has: ONNX operators that the model must have.
        lacks: ONNX operators that it must not have.
        traced: It is traced; what is scripted is a part of it.
        rank_varies: How many dimensions an output has depends on the run.
    """

    model: Callable[..., Any]
    runs: Sequence[Args]
    dynamic: dict[str, dict[int, str]] = field(default_factory=dict)
    since: int = 11
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    rank_varies: bool = False
    traced: bool = False

    @property
    def name(self) -> str:
        return getattr(self.model, "__name__", type(self.model).__name__)


def scripted(model: Callable[..., Any]) -> Any:
    if isinstance(model, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        return model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(model)


def check(case: Scripted, opset: int) -> onnx_explore.Exported:
    """Export, and compare on all runs."""
    model = case.model if case.traced else scripted(case.model)
    torch.manual_seed(0)
    exported = onnx_explore.export(
        model, copied(case.runs[0]), kwargs={}, dynamic_axes=case.dynamic or None, opset_version=opset
    )
    onnx.checker.check_model(exported.to_proto(), full_check=True)
    found = {node.op_type for node in nodes_of(exported.model.graph)}
    assert set(case.has) <= found, f"{set(case.has) - found} is missing among {found}"
    assert not found & set(case.lacks), f"{found & set(case.lacks)} is there"
    session = RuntimeSession(exported.model)
    for number, args in enumerate(case.runs):
        with torch.no_grad():
            expected = flat(model(*copied(args)))
        rows = [leaf for item in args for leaf in ([item] if is_sequence(item) else flat(item))]
        feeds = {value.name or "": item for value, item in zip(exported.model.graph.inputs, rows, strict=True)}
        outputs = () if case.rank_varies else exported.model.graph.outputs
        compare(expected, session.run(feeds), outputs, f"run {number}")
    return exported


def is_sequence(item: Any) -> bool:
    return isinstance(item, list) and all(isinstance(entry, torch.Tensor) for entry in item)


def copied(args: Any) -> Any:
    if isinstance(args, torch.Tensor):
        return args.clone()
    if isinstance(args, tuple) and hasattr(args, "_fields"):
        return type(args)(*[copied(item) for item in args])
    if isinstance(args, tuple | list):
        return type(args)(copied(item) for item in args)
    return {key: copied(item) for key, item in args.items()} if isinstance(args, dict) else args


def flat(item: Any) -> list[torch.Tensor]:
    """The tensors and numbers in a structure, in order, as tensors."""
    if isinstance(item, torch.Tensor):
        return [item]
    if isinstance(item, bool | int | float):
        return [torch.tensor(item)]
    if isinstance(item, dict):
        item = list(item.values())
    return [leaf for entry in item for leaf in flat(entry)] if isinstance(item, tuple | list) else []


def compare(expected: list[torch.Tensor], actual: list[Any], outputs: Sequence[ir.Value], where: str) -> None:
    flattened: list[Any] = [
        entry for item in actual if item is not None for entry in (item if isinstance(item, list) else [item])
    ]
    assert len(expected) == len(flattened), f"{where}: {len(flattened)} outputs, PyTorch has {len(expected)}"
    for number, (want, array) in enumerate(zip(expected, flattened, strict=True)):
        have = torch.from_numpy(np.array(array))
        label = f"{where}, output {number}"
        assert have.dtype == want.dtype, f"{label}: {have.dtype}, PyTorch has {want.dtype}"
        assert have.shape == want.shape, f"{label}: {tuple(have.shape)}, PyTorch has {tuple(want.shape)}"
        torch.testing.assert_close(
            have, want.detach(), rtol=1e-4, atol=1e-5, equal_nan=True, msg=lambda m, label=label: f"{label}: {m}"
        )
    for value, array in zip(outputs, actual, strict=False):
        if isinstance(array, np.ndarray) and value.shape is not None:
            assert len(value.shape) == array.ndim, f"{where}: '{value.name}' declares {value.shape}, is {array.shape}"
            for dim, size in zip(value.shape, array.shape, strict=True):
                assert not isinstance(dim, int) or dim == size, (
                    f"{where}: '{value.name}' is {array.shape}, not {value.shape}"
                )
