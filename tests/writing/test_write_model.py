"""The files that ``write_model`` writes: content, atomicity, errors."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import resource
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from onnx_explore.errors import Cancelled, InvalidArgument, WriteError
from onnx_explore.writing import WriteResult, write_model
from onnx_explore.writing.payload import contiguous_array, pieces

MODEL = """
<ir_version: 8, opset_import: ["" : 17, "mine" : 1], producer_name: "test", metadata_props: ["key": "value"]>
agraph (float[batch, 4] x) => (float[batch, 4] y)
<float[4] bias = {0, 1, 2, 3}>
{
    scale = Constant <value = float[1] {2.0}> ()
    scaled = Mul(x, scale)
    y = mine.shift(scaled, bias)
}
<domain: "mine", opset_import: ["" : 17]>
shift (a, b) => (c) { c = Add(a, b) }
"""


def model_with(**tensors: torch.Tensor | ir.TensorProtocol) -> ir.Model:
    """A model with these initializers, and a function, a constant and metadata."""
    model = ir.from_onnx_text(MODEL)
    model.graph.initializers["bias"].const_value = ir.tensor_adapters.TorchTensor(torch.arange(4.0))
    for name, tensor in tensors.items():
        if isinstance(tensor, torch.Tensor):
            tensor = ir.tensor_adapters.TorchTensor(tensor, name=name)
        value = ir.Value(name=name, type=ir.TensorType(tensor.dtype), shape=ir.Shape(tensor.shape.numpy()))
        value.const_value = tensor
        model.graph.register_initializer(value)
    return model


def normal(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with every initializer as raw data."""
    for tensor in proto.graph.initializer:
        if not tensor.HasField("raw_data") and tensor.data_type != onnx.TensorProto.STRING:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), tensor.name))
    return proto


base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
TENSORS: dict[str, torch.Tensor] = {
    "float32": base,
    "parameter": torch.nn.Parameter(base.clone()),
    "transposed": base.T,
    "strided": base[::2, 1::2],
    "expanded": base[:1].expand(5, 6),
    "offset": base[2:],
    "channels_last": torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "bfloat16": base.to(torch.bfloat16),
    "bfloat16_transposed": base.to(torch.bfloat16).T,
    "float16": base.half(),
    "float64": base.double(),
    "bool": base > 3,
    "bool_scalar": torch.tensor(True),
    "int64_scalar": torch.tensor(7),
    "uint8": base.to(torch.uint8),
    "uint16": base.to(torch.uint16),
    "complex64": torch.complex(base, -base),
    "conjugate": torch.complex(base, -base).conj(),
    "negative": torch.complex(base, -base).conj().imag,
    "float8": base.to(torch.float8_e4m3fn),
    "empty": torch.empty(0, 3),
    "empty_transposed": torch.empty(3, 0).T,
}


@pytest.mark.parametrize("name", TENSORS)
def test_file_equals_serialised_model(name: str, tmp_path: Path) -> None:
    model = model_with(weight=TENSORS[name])
    result = write_model(model, tmp_path / "m.onnx")
    written = onnx.load(tmp_path / "m.onnx")
    # The adapter's own tobytes() ignores the lazy conjugate and negative bits.
    expected = ir.to_proto(model_with(weight=TENSORS[name].resolve_conj().resolve_neg()))
    assert written == expected
    assert result == WriteResult(str(tmp_path / "m.onnx"), os.path.getsize(tmp_path / "m.onnx"))
    assert os.listdir(tmp_path) == ["m.onnx"]


def test_every_tensor_class(tmp_path: Path) -> None:
    four_bits = np.array([[1, -2, 3], [4, 5, -6]], dtype=ir.DataType.INT4.numpy())
    (tmp_path / "old.data").write_bytes(np.arange(6, dtype=np.float32).tobytes())
    tensors: dict[str, ir.TensorProtocol] = {
        "array": ir.Tensor(np.arange(6, dtype=np.float32).reshape(2, 3).T, doc_string="doc", metadata_props={"a": "b"}),
        "four_bits": ir.Tensor(four_bits),
        "packed": ir.PackedTensor(np.array([0x21, 0x43], dtype=np.uint8), ir.DataType.UINT4, shape=ir.Shape([3])),
        "strings": ir.StringTensor([b"a", b"bc"], shape=ir.Shape([2])),
        "lazy": ir.LazyTensor(lambda: ir.Tensor(np.ones(3)), dtype=ir.DataType.DOUBLE, shape=ir.Shape([3])),
        "proto": ir.serde.deserialize_tensor(onnx.helper.make_tensor("proto", onnx.TensorProto.INT64, [2], [1, -2])),
        "raw": ir.Tensor(torch.arange(6).reshape(2, 3).T, dtype=ir.DataType.INT64),
        "last": ir.Tensor(np.float32(3).reshape(())),
    }
    model = model_with(**tensors)
    assert normal(write_and_load(model, tmp_path)) == normal(ir.to_proto(model))

    external = ir.ExternalTensor("old.data", 4, 8, ir.DataType.FLOAT, shape=ir.Shape([2]), name="e", base_dir=tmp_path)
    loaded = write_and_load(model_with(e=external), tmp_path)
    (tensor,) = (t for t in loaded.graph.initializer if t.name == "e")
    assert not tensor.external_data
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), [1, 2])


def write_and_load(model: ir.Model, folder: Path) -> onnx.ModelProto:
    write_model(model, folder / "m.onnx")
    return onnx.load(folder / "m.onnx")


def test_the_model_is_untouched(tmp_path: Path) -> None:
    model = model_with(weight=torch.ones(600))
    tensor = model.graph.initializers["weight"].const_value
    before = ir.to_proto(model)
    write_model(model, tmp_path / "m.onnx", external_data=True)
    assert model.graph.initializers["weight"].const_value is tensor
    assert ir.to_proto(model) == before


def test_weights_are_live(tmp_path: Path) -> None:
    weight = torch.zeros(3)
    model = model_with(weight=weight)
    weight.add_(5)
    (tensor,) = (t for t in write_and_load(model, tmp_path).graph.initializer if t.name == "weight")
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), [5, 5, 5])


@pytest.mark.parametrize("name", TENSORS)
def test_small_pieces(name: str) -> None:
    tensor = TENSORS[name]
    whole = b"".join(pieces(ir.tensor_adapters.TorchTensor(tensor)))
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous()
    assert whole == ir.tensor_adapters.TorchTensor(plain).tobytes()
    for chunk in (1, 16, 40):
        parts = [bytes(part) for part in pieces(ir.tensor_adapters.TorchTensor(tensor), chunk=chunk)]
        assert b"".join(parts) == whole
        assert all(0 < len(part) <= chunk for part in parts)
    array = contiguous_array(ir.tensor_adapters.TorchTensor(tensor))
    assert array.shape == tuple(tensor.shape)
    assert array.tobytes() == whole


def test_contiguous_weights_are_not_copied() -> None:
    weight = torch.arange(6.0)
    (part,) = pieces(ir.tensor_adapters.TorchTensor(weight))
    weight[0] = 41
    assert np.frombuffer(part, np.float32)[0] == 41


@pytest.mark.parametrize("dtype", [torch.int16, torch.bfloat16, torch.complex64, torch.float64, torch.bool])
def test_big_endian_machines(dtype: torch.dtype) -> None:
    tensor = ir.tensor_adapters.TorchTensor(torch.tensor([1, 2, 0]).to(dtype))
    swapped = b"".join(pieces(tensor, byteorder="big"))
    array = tensor.numpy()
    expected = array.view(np.uint16) if dtype == torch.bfloat16 else array
    assert swapped == expected.byteswap().tobytes()


# External data


def test_external_data(tmp_path: Path) -> None:
    weight = torch.arange(2000.0).reshape(40, 50)
    model = model_with(small=torch.arange(3), big=weight.T, big2=weight.half(), flag=torch.tensor(True))
    result = write_model(model, tmp_path / "m.onnx", external_data=True)
    assert result.external_files == (str(tmp_path / "m.onnx.data"),)
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "m.onnx.data"]
    bare = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    places = {t.name: {e.key: e.value for e in t.external_data} for t in bare.graph.initializer}
    assert places["small"] == places["bias"] == {}
    assert places["big"] == {"location": "m.onnx.data", "offset": "0", "length": "8000"}
    assert places["big2"] == {"location": "m.onnx.data", "offset": "8192", "length": "4000"}
    onnx.checker.check_model(tmp_path / "m.onnx")
    full = onnx.load(tmp_path / "m.onnx")
    for tensor in full.graph.initializer:
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    assert full == ir.to_proto(model)


def test_no_data_file_without_large_weights(tmp_path: Path) -> None:
    result = write_model(model_with(), tmp_path / "m.onnx", external_data=True)
    assert result.external_files == ()
    assert os.listdir(tmp_path) == ["m.onnx"]


def test_a_model_over_its_own_data_file(tmp_path: Path) -> None:
    write_model(model_with(weight=torch.arange(1000.0)), tmp_path / "m.onnx", external_data=True)
    model = ir.load(tmp_path / "m.onnx")
    write_model(model, tmp_path / "m.onnx", external_data=True)
    loaded = onnx.load(tmp_path / "m.onnx")
    (tensor,) = (t for t in loaded.graph.initializer if t.name == "weight")
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), np.arange(1000.0))


def test_too_large_for_one_file(tmp_path: Path) -> None:
    # Expanded tensors take no memory; planning is enough to see that they do not fit.
    huge = torch.zeros(1).expand(3 << 28)
    with pytest.raises(WriteError, match=r"3\.00 GiB.*external_data"):
        write_model(model_with(huge=huge), tmp_path / "m.onnx", external_data=False)
    for external_data in (None, True):
        with pytest.raises(WriteError, match="give a path"):
            write_model(model_with(huge=huge), io.BytesIO(), external_data=external_data)
    assert os.listdir(tmp_path) == []


# Atomicity


class Fails(ir.Tensor[np.ndarray]):
    """A tensor whose values cannot be had."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(np.ones(1000, np.float32))
        self.error = error

    def numpy(self) -> np.ndarray:
        raise self.error


FAILURES = [KeyboardInterrupt(), MemoryError(), WriteError("x"), RuntimeError("no values"), OSError(errno.EIO, "disk")]


@pytest.mark.parametrize("error", FAILURES, ids=repr)
@pytest.mark.parametrize("external_data", [None, True])
def test_failure_leaves_the_earlier_model(error: BaseException, external_data: bool | None, tmp_path: Path) -> None:
    write_model(model_with(weight=torch.arange(1000.0)), tmp_path / "m.onnx", external_data=external_data)
    before = contents(tmp_path)
    expected = type(error) if isinstance(error, KeyboardInterrupt | MemoryError) else WriteError
    with pytest.raises(expected):
        write_model(
            model_with(first=torch.ones(3000), weight=Fails(error)), tmp_path / "m.onnx", external_data=external_data
        )
    assert contents(tmp_path) == before


@pytest.mark.parametrize("call", range(1, 5))
@pytest.mark.parametrize("name", ["replace", "link", "unlink"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fresh", [True, False])
def test_interrupt_at_every_point_of_the_exchange(
    call: int, name: str, when: str, fresh: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = model_with(weight=torch.arange(1000.0)), model_with(weight=torch.arange(2000.0) + 1)
    if not fresh:
        write_model(old, tmp_path / "m.onnx", external_data=True)
    before = contents(tmp_path)
    write_model(new, tmp_path / "m2.onnx", external_data=True)
    size = len(contents(tmp_path).pop("m2.onnx"))
    for file in ("m2.onnx", "m2.onnx.data"):
        (tmp_path / file).unlink()

    calls = 0
    original = getattr(os, name)

    def interrupted(*args: object, **kwargs: object) -> None:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            raise KeyboardInterrupt
        original(*args, **kwargs)
        if calls == call:
            raise KeyboardInterrupt

    in_commit = name != "unlink"  # Interrupting the clean-up itself may leave a temporary file, never a broken model.
    with monkeypatch.context() as patch:
        patch.setattr(os, name, interrupted)
        with contextlib.suppress(KeyboardInterrupt):
            write_model(new, tmp_path / "m.onnx", external_data=True)
    after = {file: data for file, data in contents(tmp_path).items() if in_commit or not file.endswith(".tmp")}
    if after != before:
        assert set(after) == {"m.onnx", "m.onnx.data"}
        assert abs(len(after["m.onnx"]) - size) < 10
        loaded = onnx.load(tmp_path / "m.onnx")
        (tensor,) = (t for t in loaded.graph.initializer if t.name == "weight")
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), np.arange(2000.0) + 1)


def test_data_file_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(model_with(weight=torch.arange(1000.0)), tmp_path / "m.onnx", external_data=True)
    before = contents(tmp_path)

    def unsupported(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", unsupported)
    replace, calls = os.replace, 0

    def fails_last(source: str, target: str) -> None:
        nonlocal calls
        calls += 1
        if target.endswith("m.onnx"):
            raise OSError(errno.EIO, "disk")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fails_last)
        with pytest.raises(WriteError):
            write_model(model_with(weight=torch.zeros(1000)), tmp_path / "m.onnx", external_data=True)
    assert contents(tmp_path) == before
    write_model(model_with(weight=torch.zeros(1000)), tmp_path / "m.onnx", external_data=True)
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "m.onnx.data"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_cancel(tmp_path: Path) -> None:
    write_model(model_with(), tmp_path / "m.onnx")
    before = contents(tmp_path)
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        write_model(model_with(weight=torch.ones(100)), tmp_path / "m.onnx", cancelled=lambda: next(answers))
    assert contents(tmp_path) == before


def test_real_interrupt(tmp_path: Path) -> None:
    fired = threading.Event()

    def cancelled() -> bool:
        if not fired.is_set():
            fired.set()
            signal.raise_signal(signal.SIGINT)
        return False

    with pytest.raises(KeyboardInterrupt):
        write_model(model_with(weight=torch.ones(1000)), tmp_path / "m.onnx", external_data=True, cancelled=cancelled)
    assert os.listdir(tmp_path) == []


# Paths


def test_permissions_follow_the_umask_and_the_earlier_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_model(model_with(), tmp_path / "m.onnx")
        assert stat.S_IMODE((tmp_path / "m.onnx").stat().st_mode) == 0o640
        (tmp_path / "m.onnx").chmod(0o604)
        write_model(model_with(), tmp_path / "m.onnx")
        assert stat.S_IMODE((tmp_path / "m.onnx").stat().st_mode) == 0o604
    finally:
        os.umask(before)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.onnx").symlink_to(tmp_path / "real" / "m.onnx")
    write_model(model_with(), tmp_path / "link.onnx")
    assert (tmp_path / "link.onnx").is_symlink()
    assert os.listdir(tmp_path / "real") == ["m.onnx"]
    write_model(model_with(weight=torch.ones(1000)), tmp_path / "link.onnx", external_data=True)
    assert not (tmp_path / "link.onnx").is_symlink()
    onnx.load(tmp_path / "link.onnx")


@pytest.mark.parametrize(
    ("path", "external_data", "message"),
    [
        ("missing/m.onnx", None, "create the folder first"),
        ("missing/m.onnx", True, "create the folder first"),
        ("folder", None, "give the path of a file"),
        ("file/m.onnx", None, "is not a folder"),
        ("folder/", None, "give the path of a file"),
        ("x" * 300, None, "choose a shorter name"),
    ],
)
def test_bad_paths(path: str, external_data: bool | None, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=message) as caught:
        write_model(model_with(weight=torch.ones(1000)), f"{tmp_path}/{path}", external_data=external_data)
    assert path in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(model_with(), tmp_path / "m.onnx")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # Tests may run as root, who may write everywhere.
    with pytest.raises(WriteError, match="you may write to"):
        write_model(model_with(), tmp_path / "m.onnx")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_disk_full_device() -> None:
    with pytest.raises(WriteError, match=r"/dev/full.*free some space"):
        write_model(model_with(weight=torch.ones(1000)), "/dev/full")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    with pytest.raises(WriteError, match="not a regular file"):
        write_model(model_with(weight=torch.ones(1000)), "/dev/full", external_data=True)
    with open("/dev/full", "wb", buffering=0) as file, pytest.raises(WriteError, match="free some space"):
        write_model(model_with(weight=torch.ones(100_000)), file)


@pytest.fixture
def small_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("external_data", [None, True])
def test_disk_limit_in_the_middle(external_data: bool | None, tmp_path: Path) -> None:
    write_model(model_with(), tmp_path / "m.onnx")
    before = contents(tmp_path)
    with pytest.raises(WriteError, match="limits the size of files"):
        write_model(model_with(weight=torch.ones(1 << 19)), tmp_path / "m.onnx", external_data=external_data)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "tensor",
    [
        torch.empty(3, device="meta"),
        torch.ones(3).to_sparse(),
        FakeTensorMode().from_tensor(torch.ones(3)),
    ],
    ids=["meta", "sparse", "fake"],
)
def test_tensors_without_values(tensor: torch.Tensor, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="'weight'"):
        write_model(model_with(weight=tensor), tmp_path / "m.onnx")
    assert os.listdir(tmp_path) == []


# File objects


def test_file_objects(tmp_path: Path) -> None:
    model = model_with(weight=torch.arange(1000.0))
    memory = io.BytesIO(b"head")
    memory.seek(4)
    result = write_model(model, memory)
    assert result == WriteResult(None, memory.tell() - 4)
    assert onnx.load_from_string(memory.getvalue()[4:]) == ir.to_proto(model)
    with open(tmp_path / "m.onnx", "wb", buffering=0) as file:
        write_model(model, file)
    assert (tmp_path / "m.onnx").read_bytes() == memory.getvalue()[4:]


def test_writer_that_takes_portions_or_returns_nothing() -> None:
    class Portions(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def write(self, data: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
            self.data += data[:100]
            return min(100, len(data))

    class Only:
        def __init__(self) -> None:
            self.data = bytearray()

        def write(self, data: memoryview) -> None:
            self.data += data

    model = model_with(weight=torch.arange(1000.0))
    portions, only = Portions(), Only()
    write_model(model, portions)  # pyright: ignore[reportArgumentType]
    write_model(model, only)  # pyright: ignore[reportArgumentType]
    assert portions.data == only.data
    assert onnx.load_from_string(bytes(only.data)) == ir.to_proto(model)


def test_failed_file_object_is_cut_back() -> None:
    memory = io.BytesIO(b"head")
    memory.seek(4)
    with pytest.raises(KeyboardInterrupt):
        write_model(model_with(first=torch.ones(100), weight=Fails(KeyboardInterrupt())), memory)
    assert memory.getvalue() == b"head"
    assert memory.tell() == 4


def test_bad_file_objects(tmp_path: Path) -> None:
    model = model_with()
    closed = io.BytesIO()
    closed.close()
    (tmp_path / "t").touch()
    with pytest.raises(WriteError, match="closed"):
        write_model(model, closed)
    with pytest.raises(WriteError, match="mode 'wb'"):
        write_model(model, io.StringIO())  # pyright: ignore[reportArgumentType]
    with open(tmp_path / "t", "w") as text, pytest.raises(WriteError, match="mode 'wb'"):
        write_model(model, text)  # pyright: ignore[reportArgumentType]
    with open(tmp_path / "t", "rb") as reader, pytest.raises(WriteError, match="mode 'wb'"):
        write_model(model, reader)
    with pytest.raises(InvalidArgument, match="neither a path nor a file object"):
        write_model(model, 3)  # pyright: ignore[reportArgumentType]
