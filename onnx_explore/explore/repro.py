"""A failure that can be handed on: a ZIP with the smallest subgraph that shows it, its inputs, a script, the versions.

In: an exploration that failed, or whose check found a culprit. Out: ``repro.py`` and what it reads, with relative names only and
without weights that it does not need::

    bug/repro.py  bug/model.onnx  bug/values.npz  bug/versions.json       ONNX gives something else than PyTorch
    bug/repro.py  bug/model.onnx  bug/versions.json                       onnx.checker or ONNX Runtime refuses the model
    bug/repro.py  bug/values.npz  bug/versions.json                       a piece of TorchScript cannot be exported

Nothing in it is a pickle. ``own.py`` holds code of the user's own that the failure needs, ``piece.txt`` a long piece.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import os
import platform
import re
import runpy
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx_ir.tensor_adapters import TorchTensor

from onnx_explore.check.nodes.extract import Extract
from onnx_explore.errors import NotAvailable, OnnxExporterError
from onnx_explore.explore.failing import export_options, pieces, same_failure
from onnx_explore.flow import Flow
from onnx_explore.symbolic.registry import REGISTRY
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
expected = {{name[4:]: [values[name]] for name in values.files if name.startswith("out/")}}
{lists}try:
    {session}
    given = {{name: session.run([name], inputs)[0] for name in expected}}
except Exception as error:
    sys.exit(f"REFUSED: {{error}}")
failed = False
for name, rows in expected.items():
    got = given[name] if isinstance(given[name], list) else [given[name]]
    failed |= len(got) != len(rows)
    for array, wanted in zip(got, rows):
        print(f"{{name}}: ONNX {{array.dtype}} {{list(array.shape)}}, PyTorch {{wanted.dtype}} {{list(wanted.shape)}}")
        if array.dtype != wanted.dtype or array.shape != wanted.shape:
            failed = True
            continue
        wrong = ~np.isclose(array, wanted, rtol={rtol!r}, atol={atol!r}, equal_nan=True)
        failed |= bool(wrong.any())
        with np.errstate(invalid="ignore"):
            difference = np.abs(array.astype(np.float64) - wanted.astype(np.float64)).max(initial=0.0)
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
_REFUSED = '''"""{title}

{detail}

Exits with 1 if the model is refused. Versions: versions.json.
"""

import pathlib
import sys

{imports}

file = pathlib.Path(__file__).parent / "model.onnx"
try:
    {call}
except Exception as error:
    sys.exit(f"REFUSED: {{error}}")
print("accepted")
'''
_REFUSERS = {
    "onnx.checker": ("import onnx.checker", "onnx.checker.check_model(str(file), full_check=True)"),
    "ONNX Runtime": (
        "import onnxruntime",
        'onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])',
    ),
}
_EXPORT = '''"""{title}

{detail}

Exits with 1 if it cannot be exported. Versions: versions.json.{note}
"""

import pathlib
import sys

import numpy as np
import torch

import onnx_explore

values = np.load(pathlib.Path(__file__).parent / "values.npz")
t = {{name: torch.from_numpy(values[name]) for name in values.files}}

{piece}

try:
    onnx_explore.export(model, arguments, None, {options})
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


def of_mismatch(
    path: str, title: str, detail: str, taken: Extract, engine: str, tolerance: tuple[float, float]
) -> Repro:
    """Of a subgraph that gives something else than PyTorch.

    Args:
        path: The ZIP to write.
        title: One line.
        detail: One more.
        taken: The subgraph.
        engine: What runs it.
        tolerance: Relative and absolute.
    """
    model = onnx.ModelProto()
    model.CopyFrom(taken.model)
    _only_types_of_numpy(model)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    lists: list[str] = []
    for kind, prefix, items in (("inputs", "in", taken.inputs), ("expected", "out", taken.expected)):
        for name, item in items.items():
            if isinstance(item, torch.Tensor):
                arrays[f"{prefix}/{name}"] = _array(item)
                continue
            names = [f"list/{prefix}/{name}/{index}" for index in range(len(item or []))]
            arrays.update((each, _array(entry)) for each, entry in zip(names, item or [], strict=True))
            text = "None" if item is None else f"[{', '.join(f'values[{each!r}]' for each in names)}]"
            lists.append(f"{kind}[{name!r}] = {text}\n")
    imports, session = _ENGINES[engine]
    script = _COMPARE.format(
        title=_plain(title),
        detail=_plain(detail),
        imports=imports,
        session=session,
        lists="".join(lists),
        rtol=tolerance[0],
        atol=tolerance[1],
    )
    return _written(
        path, title, {"repro.py": script.encode(), "model.onnx": model.SerializeToString(), "values.npz": _npz(arrays)}
    )


def of_refusal(path: str, model: onnx.ModelProto, by: str, message: str) -> Repro:
    """Of a model that is refused.

    Args:
        path: The ZIP to write.
        model: The fewest nodes that are.
        by: ``onnx.checker`` or ``ONNX Runtime``.
        message: What it says.
    """
    imports, call = _REFUSERS[by]
    title = f"{by} refuses the model: {', '.join(dict.fromkeys(node.op_type for node in model.graph.node))}"
    script = _REFUSED.format(title=_plain(title), detail=_plain(message), imports=imports, call=call)
    return _written(path, title, {"repro.py": script.encode(), "model.onnx": model.SerializeToString()})


def of_failure(
    path: str, flow: Flow, node: TorchNode, inputs: Sequence[torch.Tensor], error: OnnxExporterError
) -> Repro:
    """Of a piece that cannot be exported: the smallest that fails as the model does when its script is run.

    Args:
        path: The ZIP to write.
        flow: Stands still at the node.
        node: It.
        inputs: Of the graph.
        error: What the export said.

    Raises:
        NotAvailable: If no piece that can be written down fails so.
        UnsupportedOperatorError: If PyTorch cannot run what stands before the node.
    """
    title = f"{node.target}{f' at {node.origin.where}' if node.origin.where else ''} cannot be exported"
    tried = 0
    for piece in pieces(flow, node, inputs):
        tried += 1
        script = _EXPORT.format(
            title=_plain(title),
            detail=_plain(error.message),
            note=f" {_plain(piece.note)}" if piece.note else "",
            piece=piece.script,
            options=export_options(flow.options),
        )
        files = {"repro.py": script.encode(), "values.npz": _npz(piece.arrays)}
        files |= {name: text.encode() for name, text in piece.files.items()}
        if same_failure(_shown(files), error, piece):
            return _written(path, f"{title}. {piece.note}" if piece.note else title, files)
    raise NotAvailable(
        f"none of the {tried} pieces around {node.target} that can be written as a script fails as the model does",
        where=node.origin.where,
        action="hand on the model itself",
    )


def _shown(files: Mapping[str, bytes]) -> str:
    """What the script of a failure says, run here."""
    own = sys.modules.pop("own", None)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        sys.path.insert(0, folder)
        try:
            with REGISTRY.taken_back(), contextlib.redirect_stdout(io.StringIO()) as shown:
                runpy.run_path(os.path.join(folder, "repro.py"), run_name="__repro__")
            return shown.getvalue()
        except SystemExit as end:
            return str(end.code)
        except Exception as error:  # noqa: BLE001 (PyTorch refuses the piece: it is not one)
            return f"{type(error).__name__}: {error}"
        finally:
            sys.path.remove(folder)
            sys.modules.pop("own", None)
            if own is not None:
                sys.modules["own"] = own


def _npz(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)  # pyright: ignore[reportArgumentType]  (arrays by name)
    return content.getvalue()


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


_FOLDERS = re.compile(r"""(?<![\w.])(?:~[\w.-]*|[A-Za-z]:)?[\\/](?:[^\s\\/'"()<>:,]+[\\/])*""")


def _plain(text: str) -> str:
    """One line that can stand in a docstring: without quotes, backslashes and folders."""
    return _FOLDERS.sub("", " ".join(text.split())).replace("\\", "/").replace('"', "'")


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
