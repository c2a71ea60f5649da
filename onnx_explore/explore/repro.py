"""A failure that can be handed on: a ZIP with the smallest subgraph that shows it, its inputs, a script, the versions.

In: an exploration that failed, or whose check found a culprit. Out: ``repro.py`` and what it reads, with relative names only and
without weights that it does not need::

    bug/repro.py  bug/model.onnx  bug/values.npz  bug/versions.json       ONNX gives something else than PyTorch
    bug/repro.py  bug/arguments.pt  bug/versions.json                     an operator cannot be lowered
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import platform
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from onnx_ir.tensor_adapters import TorchTensor

from onnx_explore.check.nodes.extract import Extract
from onnx_explore.check.nodes.report import NodeCheck
from onnx_explore.errors import NotAvailable
from onnx_explore.torch_ir import TorchNode
from onnx_explore.writing import contiguous_array

_COMPARE = '''"""{title}

{detail}

Exits with 1 if ONNX gives something else than PyTorch. Versions: versions.json.
"""

import pathlib
import sys

import numpy as np
{imports}

here = pathlib.Path(__file__).parent
values = np.load(here / "values.npz")
inputs = {{name[3:]: values[name] for name in values.files if name.startswith("in/")}}
expected = {{name[4:]: values[name] for name in values.files if name.startswith("out/")}}
{session}
failed = False
for name, wanted in expected.items():
    (given,) = session.run([name], inputs)
    print(f"{{name}}: ONNX {{given.dtype}} {{list(given.shape)}}, PyTorch {{wanted.dtype}} {{list(wanted.shape)}}")
    if given.dtype != wanted.dtype or given.shape != wanted.shape:
        failed = True
        continue
    wrong = ~np.isclose(given, wanted, rtol={rtol!r}, atol={atol!r}, equal_nan=True)
    failed |= bool(wrong.any())
    difference = np.abs(given.astype(np.float64) - wanted.astype(np.float64)).max(initial=0.0)
    print(f"{{wrong.sum()}} of {{wrong.size}} values differ, by {{difference:.3g}} at most")
print("MISMATCH" if failed else "agrees")
sys.exit(failed)
'''
_ENGINES = {
    "ONNX Runtime": (
        "import onnxruntime",
        'session = onnxruntime.InferenceSession(here / "model.onnx", providers=["CPUExecutionProvider"])',
    ),
    "onnx.reference": (
        "from onnx.reference import ReferenceEvaluator",
        'session = ReferenceEvaluator(str(here / "model.onnx"))',
    ),
}
_LOWER = '''"""{title}

{detail}

Exits with 1 if the operator cannot be exported. Versions: versions.json.
A symbolic function or an operator of your own has to be registered here first.
"""

import io
import pathlib
import sys

import torch

import onnx_explore

arguments = torch.load(pathlib.Path(__file__).parent / "arguments.pt", weights_only=True)
tensors = tuple(item for item in arguments["items"] if isinstance(item, torch.Tensor))


class Node(torch.nn.Module):
    def forward(self, *given):
        left = list(given)
        items = [left.pop(0) if isinstance(item, torch.Tensor) else item for item in arguments["items"]]
        named = {{name: items.pop() for name in reversed(arguments["keywords"])}}
        return torch.ops.{operator}(*items, **named)


try:
    onnx_explore.export(Node(), tensors, io.BytesIO(), opset_version={opset})
except onnx_explore.errors.OnnxExporterError as error:
    sys.exit(f"FAILED: {{error}}")
print("exported")
'''


@dataclass(frozen=True, slots=True)
class Repro:
    """What was written.

    Attributes:
        path: The ZIP.
        title: What it shows, in one line.
        files: Name → bytes.
    """

    path: str
    title: str
    files: Mapping[str, int]

    def __str__(self) -> str:
        size = sum(self.files.values())
        return f"{self.path}: {self.title} ({', '.join(self.files)}; {size} bytes; run: python repro.py)"


def of_mismatch(path: str, row: NodeCheck, taken: Extract, engine: str, tolerance: tuple[float, float]) -> Repro:
    """Of a node that gives something else than PyTorch.

    Args:
        path: The ZIP to write.
        row: The culprit.
        taken: Its subgraph.
        engine: What runs it.
        tolerance: Relative and absolute.
    """
    title = f"{row.target}{f' at {row.where}' if row.where else ''}: {row.cause}"
    model = onnx.ModelProto()
    model.CopyFrom(taken.model)
    _only_types_of_numpy(model)
    arrays = {f"in/{name}": _array(tensor) for name, tensor in taken.inputs.items()}
    arrays |= {f"out/{name}": _array(tensor) for name, tensor in taken.expected.items()}
    values = io.BytesIO()
    np.savez(values, **arrays)  # pyright: ignore[reportArgumentType]  (arrays by name)
    imports, session = _ENGINES[engine]
    script = _COMPARE.format(
        title=_plain(title),
        detail=_plain(row.detail),
        imports=imports,
        session=session,
        rtol=tolerance[0],
        atol=tolerance[1],
    )
    files = {"repro.py": script.encode(), "model.onnx": model.SerializeToString(), "values.npz": values.getvalue()}
    return _written(path, title, files)


def of_failure(path: str, node: TorchNode, inputs: list[Any], message: str, opset: int) -> Repro:
    """Of an operator that cannot be lowered.

    Args:
        path: The ZIP to write.
        node: It.
        inputs: What PyTorch feeds it with.
        message: What the export said.
        opset: Of the export.

    Raises:
        NotAvailable: If it is not an operator of PyTorch alone, but a block or a Python function.
    """
    schema = node.schema
    if schema is None or node.blocks:
        raise NotAvailable(
            f"{node.target} is not an operator that can be called alone", action="hand on the model itself"
        )
    namespace, _, name = schema.name.partition("::")
    keywords = [argument.name for argument in schema.arguments if argument.kwarg_only][: len(inputs)]
    kept = io.BytesIO()
    items = [_own(item) for item in inputs]
    torch.save({"items": items, "keywords": keywords}, kept)
    title = f"{node.target}{f' at {node.origin.where}' if node.origin.where else ''} cannot be exported"
    operator = f"{namespace}.{name}.{schema.overload or 'default'}"
    script = _LOWER.format(title=_plain(title), detail=_plain(message), operator=operator, opset=opset)
    return _written(path, title, {"repro.py": script.encode(), "arguments.pt": kept.getvalue()})


def _own(item: Any) -> Any:
    """A tensor with its own elements only: what it is a view of is not written."""
    return item.detach().clone() if isinstance(item, torch.Tensor) else item


def _array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    plain = tensor.resolve_conj().resolve_neg().cpu()
    if plain.dtype in _NOT_OF_NUMPY:
        plain = plain.to(torch.float32)
    return contiguous_array(TorchTensor(plain))


_NOT_OF_NUMPY = {
    torch.bfloat16: onnx.TensorProto.BFLOAT16,
    torch.float8_e4m3fn: onnx.TensorProto.FLOAT8E4M3FN,
    torch.float8_e5m2: onnx.TensorProto.FLOAT8E5M2,
}


def _only_types_of_numpy(model: onnx.ModelProto) -> None:
    """Casts at inputs and outputs of types that NumPy lacks: they are handed over as float32."""
    lacking = set(_NOT_OF_NUMPY.values())
    casts: list[onnx.NodeProto] = []
    for item in model.graph.input:
        if item.type.tensor_type.elem_type in lacking:
            casts.append(onnx.helper.make_node("Cast", [item.name], [inner := f"{item.name}::cast"],
                                               to=item.type.tensor_type.elem_type))  # fmt: skip
            for node in model.graph.node:
                node.input[:] = [inner if name == item.name else name for name in node.input]
            item.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    nodes = [*casts, *model.graph.node]
    for item in model.graph.output:
        if item.type.tensor_type.elem_type in lacking:
            for node in nodes:
                node.output[:] = [f"{name}::cast" if name == item.name else name for name in node.output]
            nodes.append(onnx.helper.make_node("Cast", [f"{item.name}::cast"], [item.name], to=onnx.TensorProto.FLOAT))
            item.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    copied = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copied)


def _plain(text: str) -> str:
    """One line that can stand in a docstring: without quotes, backslashes and folders."""
    words = [os.path.basename(word) if word.startswith(("/", "~")) else word for word in text.split()]
    return " ".join(words).replace("\\", "/").replace('"', "'")


def _written(path: str, title: str, files: dict[str, bytes]) -> Repro:
    packages = ("numpy", "onnx", "onnxruntime", "onnx-ir", "torch", "onnx-explore")
    versions = {name: found for name in packages if (found := _version(name))}
    about = {"python": platform.python_version(), **versions}
    files["versions.json"] = json.dumps(about, indent=1).encode()
    part = f"{path}.part"
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)
    return Repro(path, title, {name: len(content) for name, content in files.items()})


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
