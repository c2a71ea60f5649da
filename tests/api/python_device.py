"""A device that is written in Python: its tensors stand for tensors of the CPU, its operators run there. Names itself ``npy``.

Run as a program: exports a model that lives on it, and says what it found as JSON. In a process of its own, because PyTorch knows
one such device in a process.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.utils import backend_registration
from torch.utils._pytree import tree_map

RAW: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
"""Storage → the tensor of the CPU, and the tensor that stands for it (so that the storage lives on)."""


def is_ours(item: Any) -> bool:
    return isinstance(item, torch.Tensor) and item.device.type == "npy"


def wrap(item: Any) -> Any:
    if not isinstance(item, torch.Tensor):
        return item
    made = torch._C._acc.create_empty_tensor(tuple(item.shape), item.dtype)
    RAW[made.untyped_storage()._cdata] = (item, made)
    return made


def unwrap(item: Any) -> Any:
    if is_ours(item):
        return RAW[item.untyped_storage()._cdata][0]
    return torch.device("cpu") if isinstance(item, torch.device) and item.type == "npy" else item


def run(overload: Any, *args: Any, **kwargs: Any) -> Any:
    """Any operator."""
    if overload is torch.ops.aten._copy_from.default:
        unwrap(args[1]).copy_(unwrap(args[0]))
        return args[1]
    result = overload(*tree_map(unwrap, args), **tree_map(unwrap, kwargs))
    for argument, given in zip(overload._schema.arguments, args, strict=False):
        if argument.alias_info is not None and argument.alias_info.is_write:
            return given
    return tree_map(wrap, result)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.drop = nn.Dropout()
        self.norm = nn.LayerNorm(4)
        self.register_buffer("scale", torch.full((4,), 2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.drop(self.linear(x).relu())) * (self.scale + 1)


def main() -> None:
    import onnx_explore

    backend_registration._setup_privateuseone_for_python_backend("npy")
    library = torch.library.Library("_", "IMPL")
    library.fallback(run, dispatch_key="PrivateUse1")
    model = Net().to("npy").train()
    x = torch.randn(2, 3).to("npy")
    before = [(tensor.data_ptr(), tensor.device.type) for tensor in model.state_dict(keep_vars=True).values()]
    checked = onnx_explore.export(model, x, check=True)
    buffer = io.BytesIO()
    onnx_explore.export(model, x, buffer, input_names=["x"], dynamic_axes={"x": [0]})
    more = torch.randn(4, 3)
    (got,) = onnxruntime.InferenceSession(buffer.getvalue()).run(None, {"x": more.numpy()})
    found = {
        "device": x.device.type,
        "verdict": checked.report.verdict if checked.report is not None else "",
        "passed": checked.report is not None and checked.report.passed,
        "stayed": before == [(t.data_ptr(), t.device.type) for t in model.state_dict(keep_vars=True).values()],
        "training": model.training,
        "close": bool(np.allclose(got, model.eval()(more.to("npy")).detach().cpu().numpy(), rtol=1e-4, atol=1e-5)),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
