"""Runs ONNX models: in ONNX Runtime, or, where that has no kernel, in ``onnx.reference``.

In: a model and its inputs. Out: its outputs as numpy arrays (``ml_dtypes`` for bfloat16 and float8). The large weights
of a model in memory are handed to ONNX Runtime as inputs that share the tensors' memory. (Its own ways to share cost a
copy, as ``add_external_initializers`` does, or need a file, as ``add_initializer`` does, of which its optimiser then
reads wrong values.) Such weights are not folded or repacked; everything else is optimised as usual.
"""

from __future__ import annotations

import ctypes
import importlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import onnx
import onnx.reference
import onnx_ir as ir
import torch
from google.protobuf.message import EncodeError

from onnx_explore.check.aten_runtime import ATen
from onnx_explore.check.weights import without_weights
from onnx_explore.errors import CheckerError, InvalidArgument, NoRuntimeKernel, NotAvailable, RuntimeMismatch
from onnx_explore.writing import array_of, contiguous_array

Array = npt.NDArray[Any]
Feeds = Mapping[str, "Array | torch.Tensor | list[Any] | None"]
Runnable = ir.Model | onnx.ModelProto | bytes | str | os.PathLike[str]


_NO_WEIGHTS: Mapping[str, ir.TensorProtocol] = MappingProxyType({})


class Session(Protocol):
    """A model that can be run.

    Attributes:
        engine: Name of what runs it.
        inputs: Names of the inputs that must be fed.
        outputs: Names of the outputs.
    """

    engine: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def run(self, feeds: Feeds) -> list[Array]:
        """All outputs for these inputs; feeds that the model does not have are ignored."""
        ...


class RuntimeSession:
    """A model in ONNX Runtime, with as many threads as PyTorch has.

    Args:
        model: A model in memory, as protobuf or as bytes, or the path of a file.
        providers: Execution providers, first choice first.
        weights: Inputs of the model that are the same in every run. Their memory is shared.
        profile: A folder for ONNX Runtime's profile (see ``end_profiling``) and its optimised graph (``OPTIMIZED``). Runs are
            then optimised as those of a user.
        optimize: Whether ONNX Runtime may rewrite the graph. That takes as long as everything else for a model that runs once.

    Attributes:
        providers: The execution providers that it really has: ONNX Runtime leaves out one that does not start.

    Raises:
        NoRuntimeKernel: If ONNX Runtime has no kernel for a node, or does not know an operator or opset.
        CheckerError: If it rejects the model for another reason.
        NotAvailable: If it is not installed.
    """

    engine = "ONNX Runtime"
    OPTIMIZED = "optimized.onnx"

    def __init__(
        self,
        model: Runnable,
        *,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        weights: Mapping[str, ir.TensorProtocol] = _NO_WEIGHTS,
        profile: Path | None = None,
        optimize: bool = True,
    ) -> None:
        onnxruntime = _onnxruntime()
        source, taken_out = _source(model)
        weights = {**taken_out, **weights}
        self._weights = {name: contiguous_array(tensor) for name, tensor in weights.items()}
        self._errors = _runtime_errors()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = torch.get_num_threads()
        if not optimize:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        if profile is None:
            options.use_deterministic_compute = True
        else:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile / "profile")
            options.optimized_model_filepath = str(profile / self.OPTIMIZED)
            data = "session.optimized_model_external_initializers"
            options.add_session_config_entry(f"{data}_file_name", f"{self.OPTIMIZED}.data")
            options.add_session_config_entry(f"{data}_min_size_in_bytes", "1024")
        try:
            self._session: Any = onnxruntime.InferenceSession(source, options, providers=list(providers))
        except self._errors as error:
            raise _load_error(error) from error
        self.inputs = tuple(each.name for each in self._session.get_inputs() if each.name not in weights)
        self.outputs = tuple(each.name for each in self._session.get_outputs())
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())
        outputs = self._session.get_outputs()
        types = [each.type for each in (*self._session.get_inputs(), *outputs)]
        self._has_bits = any(name in each for each in types for name in _BITS_NAMES)
        self._has_lists = any(not each.type.startswith("tensor") for each in outputs)

    def run(self, feeds: Feeds) -> list[Array]:
        """All outputs for these inputs.

        Args:
            feeds: Arrays or tensors by name. Those that the model does not have are ignored.

        Raises:
            InvalidArgument: If an input is missing.
            NoRuntimeKernel: If ONNX Runtime finds only now that it has no kernel.
            RuntimeMismatch: If it cannot run the model with these inputs.
        """
        _complete(self.inputs, feeds)
        try:
            arrays = {**{name: _fed(feeds[name]) for name in self.inputs}, **self._weights}
            # ONNX Runtime reads the arrays where they are. Its values cannot be lists, and it has no arrays of these types.
            if not self._has_bits or self._has_lists or any(isinstance(item, list | None) for item in arrays.values()):
                return list(self._session.run(None, arrays))
            values = {name: _value(array) for name, array in arrays.items()}
            results: list[Any] = self._session.run_with_ort_values(None, values)
        except self._errors as error:
            if _lacks_kernel(error):
                raise _load_error(error) from error
            raise RuntimeMismatch(f"ONNX Runtime cannot run the model with these inputs: {_short(error)}") from error
        return [_result(value, name) for value, name in zip(results, self.outputs, strict=True)]

    def end_profiling(self) -> str:
        """Close the profile of a session that has one; its path."""
        return str(self._session.end_profiling())


class ReferenceSession:
    """A model in ``onnx.reference``: slow, and copies the weights, but it has (almost) every operator of every opset, and the
    operator ``ATen``, which PyTorch runs.

    Args:
        model: A model in memory, as protobuf or as bytes, or the path of a file.
        weights: Inputs of the model that are the same in every run.

    Raises:
        NoRuntimeKernel: If it lacks an operator, too.
    """

    engine = "onnx.reference"

    def __init__(self, model: Runnable, *, weights: Mapping[str, ir.TensorProtocol] = _NO_WEIGHTS) -> None:
        self._weights = {name: contiguous_array(tensor) for name, tensor in weights.items()}
        if isinstance(model, ir.Model):
            try:
                source: Any = ir.to_proto(model)
            except (ir.serde.SerdeError, EncodeError) as error:
                raise CheckerError(f"the model cannot be serialised: {_short(error)}") from error
        else:
            source = os.fspath(model) if isinstance(model, os.PathLike) else model
        try:
            self._session: Any = onnx.reference.ReferenceEvaluator(source, new_ops=[ATen])
        except NotImplementedError as error:
            raise NoRuntimeKernel(f"onnx.reference lacks an operator of the model: {_short(error)}") from error
        initialized = {each.name for each in self._session.proto_.graph.initializer}
        given = initialized | self._weights.keys()
        self.inputs = tuple(name for name in self._session.input_names if name not in given)
        self.outputs = tuple(self._session.output_names)

    def run(self, feeds: Feeds) -> list[Array]:
        """All outputs for these inputs.

        Args:
            feeds: Arrays or tensors by name. Those that the model does not have are ignored.

        Raises:
            InvalidArgument: If an input is missing.
            NoRuntimeKernel: If it lacks an operator.
            RuntimeMismatch: If it cannot run the model with these inputs.
        """
        _complete(self.inputs, feeds)
        try:
            results: list[Any] = self._session.run(
                None, self._weights | {name: _fed(feeds[name]) for name in self.inputs}
            )
        except NotImplementedError as error:
            raise NoRuntimeKernel(f"onnx.reference lacks an operator of the model: {_short(error)}") from error
        except Exception as error:  # Operators in Python and numpy: any exception may come.
            raise RuntimeMismatch(f"onnx.reference cannot run the model with these inputs: {_short(error)}") from error
        found: list[Any] = [value if isinstance(value, list) else np.asarray(value) for value in results]
        return found


def missing_provider(name: str) -> str:
    """Why an execution provider cannot run anything here, or ``""``.

    Raises:
        NotAvailable: If ONNX Runtime is not installed.
    """
    installed: list[str] = _onnxruntime().get_available_providers()
    return "" if name in installed else f"{name} is not installed; there are {', '.join(installed)}"


def run_onnxruntime(
    model: Runnable, feeds: Feeds, *, providers: Sequence[str] = ("CPUExecutionProvider",)
) -> list[Array]:
    """Run a model once in ONNX Runtime; see ``RuntimeSession`` for arguments and errors."""
    return RuntimeSession(model, providers=providers).run(feeds)


def run_reference(model: Runnable, feeds: Feeds) -> list[Array]:
    """Run a model once in ``onnx.reference``; see ``ReferenceSession`` for arguments and errors."""
    return ReferenceSession(model).run(feeds)


def _source(model: Runnable) -> tuple[str | bytes, dict[str, ir.TensorProtocol]]:
    """What ONNX Runtime loads, and the weights that it does not find there."""
    if isinstance(model, bytes | str):
        return model, {}
    if isinstance(model, os.PathLike):
        return os.fspath(model), {}
    try:
        proto, weights = without_weights(model) if isinstance(model, ir.Model) else (model, {})
        return proto.SerializeToString(), weights
    except (ir.serde.SerdeError, EncodeError) as error:
        raise CheckerError(f"the model cannot be serialised: {_short(error)}") from error


def _complete(names: Sequence[str], feeds: Feeds) -> None:
    missing = [name for name in names if name not in feeds]
    if missing:
        raise InvalidArgument(f"no value for the model's input {', '.join(missing)}", argument="feeds")


def _fed(value: Any) -> Any:
    """An array, a list of arrays for a sequence, or None for an optional."""
    if value is None:
        return None
    return [_array(item) for item in cast("list[Any]", value)] if isinstance(value, list) else _array(value)


def _array(value: Array | torch.Tensor) -> Array:
    if isinstance(value, torch.Tensor):
        return array_of(value.int_repr() if value.is_quantized else value)
    return np.ascontiguousarray(value).reshape(value.shape)


def _value(array: Array) -> Any:
    """An ONNX Runtime value that shares the array's memory (and keeps the array alive)."""
    onnxruntime = _onnxruntime()
    if array.dtype in _NUMPY_BITS:
        code = ir.DataType.from_numpy(array.dtype).value
        bits = array.view(np.uint16 if array.dtype.itemsize == 2 else np.uint8)
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, code)
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


def _result(value: Any, name: str) -> Array:
    if not value.has_value() or not value.is_tensor():
        raise RuntimeMismatch(f"the output '{name}' is not a tensor")
    dtype = ir.DataType(value.element_type())
    if dtype in _BITS:
        # numpy() does not know these types; every version of ONNX Runtime has the address.
        shape, kind = tuple(value.shape()), dtype.numpy()
        data = ctypes.string_at(value.data_ptr(), math.prod(shape) * kind.itemsize)
        return np.frombuffer(data, kind).reshape(shape)
    return value.numpy()


# numpy extensions (ml_dtypes) that ONNX Runtime does not know: the bits are handed over.
_BITS = frozenset(
    {
        ir.DataType.BFLOAT16,
        ir.DataType.FLOAT8E4M3FN,
        ir.DataType.FLOAT8E4M3FNUZ,
        ir.DataType.FLOAT8E5M2,
        ir.DataType.FLOAT8E5M2FNUZ,
    }
)
_BITS_NAMES = frozenset(dtype.name.lower() for dtype in _BITS)
_NUMPY_BITS = frozenset(dtype.numpy() for dtype in _BITS)


def _onnxruntime() -> ModuleType:
    """ONNX Runtime, imported when it is first needed: it is slow to import, optional, and has no types."""
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise NotAvailable("onnxruntime is not installed", action="pip install onnxruntime") from error


def _runtime_errors() -> tuple[type[Exception], ...]:
    """Exceptions of ONNX Runtime; they have no common base of their own."""
    state = _onnxruntime().capi.onnxruntime_pybind11_state
    names = (
        "EPFail",
        "EngineError",
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "ModelLoadCanceled",
        "NoModel",
        "NoSuchFile",
        "NotFound",
        "NotImplemented",
        "RuntimeException",
    )
    return tuple(getattr(state, name) for name in names)


# Could not find an implementation for Swish(24) node with name 'node_1'
_NO_KERNEL = re.compile(
    r"Could not find an implementation for (?P<op>\S+?)\((?P<since>\d+)\) node with name '(?P<node>[^']*)'"
)
# ai.onnx:Foo(99) / mine:Foo(-1) is not a registered function/op
_NO_OPERATOR = re.compile(r"(?P<op>\S+?)\((?P<since>-?\d+)\) is not a registered function/op")
_AT_NODE = re.compile(
    r"Non-zero status code returned while running (?P<op>\S+) node\. "
    r"Name:'(?P<node>[^']*)' Status Message: (?P<reason>.*)"
)
_OTHER = ("NOT_IMPLEMENTED", "Unsupported model IR version", "only *guarantees* support", "No Op registered for")


def _lacks_kernel(error: Exception) -> bool:
    text = str(error)
    return bool(_NO_KERNEL.search(text) or _NO_OPERATOR.search(text)) or any(part in text for part in _OTHER)


def _load_error(error: Exception) -> NoRuntimeKernel | CheckerError:
    if not _lacks_kernel(error):
        return CheckerError(f"ONNX Runtime rejects the model: {_short(error)}")
    found = _NO_KERNEL.search(str(error))
    if found:
        node = f" (node '{found['node']}')" if found["node"] else ""
        return NoRuntimeKernel(
            f"ONNX Runtime has no kernel for {found['op']} of opset {found['since']}{node} with these types",
            target=found["op"],
            action="export with another opset_version, or run the model elsewhere",
        )
    unknown = _NO_OPERATOR.search(str(error))
    if unknown:
        return NoRuntimeKernel(
            f"ONNX Runtime does not know the operator {unknown['op']}",
            target=unknown["op"],
            action="register the custom operator's library, or run the model elsewhere",
        )
    return NoRuntimeKernel(
        f"ONNX Runtime does not support the model: {_short(error)}", action="export with another opset_version"
    )


def _short(error: Exception) -> str:
    """The message in one line: the node and the reason, without ONNX Runtime's prefix and C++ source lines."""
    text = " ".join(str(error).split())
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    running = _AT_NODE.match(text)
    if running:
        reason = running["reason"].rsplit(" was false. ", 1)[-1]
        text = f"{running['op']} node '{running['node']}': {reason}"
    text = re.sub(r"\S+\.(cc|h):\d+ (\w+ )?", "", text)
    return text if len(text) <= 400 else f"{text[:400]}…"
