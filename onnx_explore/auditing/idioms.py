"""What the source line did, in the words of Python, and what to write instead.

In: a file, a line, a column, and the kind of conversion that was seen there. Out: an ``Idiom``. The source is parsed, never run;
where it is not at hand, the kind alone must do.
"""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass
from functools import lru_cache

from onnx_explore.torch_ir import Frame, TorchNode

_SCRIPT = "a loop that must follow the size has to be scripted: move it into a function under @torch.jit.script"


@dataclass(frozen=True, slots=True)
class Idiom:
    """A way of losing a size.

    Attributes:
        name: Such as ``int()``.
        suggestion: What to write instead.
    """

    name: str
    suggestion: str


INT = Idiom("int()", "drop int(): while tracing, x.shape[i] is traced, and so are +, -, * and // of it")
FLOAT = Idiom("float()", "compute with the traced size itself, or with torch.as_tensor(x.shape[i]).float()")
LEN = Idiom("len()", "use x.shape[0] (or x.size(0)) instead of len(x)")
ITEM = Idiom(".item()", "leave out .item(): a 0-d tensor can stand where the number stands")
RANGE = Idiom("range()", f"use a tensor operator over the whole axis, or torch.arange(x.shape[i]); {_SCRIPT}")
ITERATION = Idiom("a Python loop over a tensor", f"use a tensor operator over the whole axis; {_SCRIPT}")
IF = Idiom(
    "a branch (if)",
    "compute both and choose with torch.where, or script the branch with @torch.jit.script",
)
WHILE = Idiom("a loop (while)", _SCRIPT)
EXTREME = Idiom(
    "min() or max()",
    "use torch.minimum or torch.maximum of tensors, or slice: x[:, :limit] cuts by itself",
)
TENSOR = Idiom("torch.tensor([...])", "use torch.tensor([...]) with the traced sizes in it: that stays traced")
NUMPY = Idiom("NumPy", "compute with torch instead of NumPy: what NumPy gives is a constant")
FORMAT = Idiom("a formatted string", "do not make a string of the size, or a number of the string")
STRIDE = Idiom("stride()", "use the sizes instead: of a contiguous tensor, stride(0) is x[0].numel()")
NBYTES = Idiom("nbytes", "use x.numel() * x.element_size()")
STORAGE = Idiom("a tensor's storage", "use x.numel(): the storage is not traced")
LOOKUP = Idiom("a Python index", "index a tensor (torch.stack(items)[n]) instead of a Python list or dict")
INDEX = Idiom("__index__", "pass the traced size to a torch function: Python's own functions take its value")
TOLIST = Idiom(".tolist()", "leave it a tensor")
PARTS = Idiom(
    "unpacking into parts", f"the number of parts is fixed in the graph: use reshape or indexing instead; {_SCRIPT}"
)
COMPARED = Idiom("a comparison as a Python bool", "compare with tensors and choose with torch.where")
CONSTANT = Idiom("a Python value", "compute it from x.shape with torch operators")
BRANCHED = Idiom(
    "Python code that depends on a size",
    "make it a tensor operator, or script it with @torch.jit.script",
)

_KINDS: dict[str, Idiom] = {
    "int": INT,
    "float": FLOAT,
    "complex": FLOAT,
    "len": LEN,
    "item": ITEM,
    "index": INDEX,
    "iter": ITERATION,
    "bool": COMPARED,
    "contains": COMPARED,
    "equal": COMPARED,
    "allclose": COMPARED,
    "tensor": TENSOR,
    "numpy": NUMPY,
    "dlpack": NUMPY,
    "format": FORMAT,
    "stride": STRIDE,
    "storage_offset": STRIDE,
    "nbytes": NBYTES,
    "storage": STORAGE,
    "data_ptr": STORAGE,
    "tolist": TOLIST,
}

_PARTS = frozenset(
    f"aten::{name}"
    for name in ("unbind", "split", "split_with_sizes", "chunk", "tensor_split", "unsafe_split", "unsafe_chunk")
)


def idiom_at(kind: str, frame: Frame) -> Idiom:
    """What a conversion of this kind at this place is called."""
    found = _KINDS.get(kind, CONSTANT)
    expressions = expressions_at(frame)
    calls = {_called(item) for item in expressions if isinstance(item, ast.Call)}
    if kind in ("index", "len") and "range" in calls:
        return RANGE
    if kind == "len" and "len" not in calls and calls:
        return INDEX
    if kind == "index" and any(isinstance(item, ast.Subscript) for item in expressions) and not calls:
        return LOOKUP
    if kind == "index":
        numpy = next((name for name in calls if name.startswith(("np.", "numpy."))), None)
        named = next((name for name in calls if name), None)
        if numpy:
            return Idiom(f"{numpy}()", NUMPY.suggestion)
        return Idiom(f"{named}()", INDEX.suggestion) if named else found
    if kind in ("int", "numpy", "float", "bool", "item"):
        name = next((name for name in calls if name.startswith(("np.", "numpy.", "math."))), None)
        if name is not None:
            advice = NUMPY if not name.startswith("math.") else FLOAT
            return Idiom(f"{name}()", advice.suggestion)
    if kind == "bool":
        return _decision(frame, expressions) or found
    if kind == "tensor":
        name = next((name for name in calls if name), "")
        return Idiom(f"{name}([...])", TENSOR.suggestion) if name else found
    if kind == "format" and any(isinstance(item, ast.JoinedStr) for item in expressions):
        return Idiom("an f-string", FORMAT.suggestion)
    if kind == "format":
        name = next((name for name in calls if name in ("str", "repr", "format")), None)
        return Idiom(f"{name}()", FORMAT.suggestion) if name else found
    return found


def idiom_of(node: TorchNode, maker: TorchNode | None) -> Idiom:
    """What is to be said of a difference that no conversion explains."""
    target = maker.target if maker is not None else node.target
    if target in _PARTS:
        return Idiom(f"{target.rpartition('::')[2]}()", PARTS.suggestion)
    if node.target == "prim::ListUnpack":
        return PARTS
    return CONSTANT if node.target == "prim::Constant" else BRANCHED


def expressions_at(frame: Frame) -> list[ast.AST]:
    """The expressions that begin at a frame's place, the largest first; all of its line if the column is not known."""
    tree = _parsed(frame.file)
    if tree is None:
        return []
    if frame.column is None:
        found = [node for node in ast.walk(tree) if getattr(node, "lineno", 0) == frame.line]
    else:
        # Python counts columns of its byte code in bytes, as ast does.
        found = [
            node
            for node in ast.walk(tree)
            if getattr(node, "lineno", 0) == frame.line and getattr(node, "col_offset", -1) == frame.column - 1
        ]
    return sorted(
        found, key=lambda node: -(getattr(node, "end_lineno", 0) * 10_000 + getattr(node, "end_col_offset", 0))
    )


def _decision(frame: Frame, expressions: list[ast.AST]) -> Idiom | None:
    """What a truth value decided: the statement or expression whose test stands at this place."""
    calls = {_called(item) for item in expressions if isinstance(item, ast.Call)}
    if calls & {"min", "max"}:
        return EXTREME
    tree = _parsed(frame.file)
    if tree is None:
        return None
    for node in ast.walk(tree):
        test = getattr(node, "test", None)
        if not isinstance(test, ast.expr) or not test.lineno <= frame.line <= (test.end_lineno or test.lineno):
            continue
        if frame.column is not None and not _covers(test, frame.line, frame.column - 1):
            continue
        if isinstance(node, ast.While):
            return WHILE
        if isinstance(node, ast.If | ast.IfExp):
            return IF
        if isinstance(node, ast.Assert):
            return Idiom("assert", "an assert is not in the ONNX model")
    return None


def _covers(node: ast.expr, line: int, column: int) -> bool:
    start, end = (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0)
    return start <= (line, column) < end


def _called(call: ast.Call) -> str:
    """``int``, ``math.sqrt``; the last two parts of a longer name."""
    parts: list[str] = []
    item: ast.expr = call.func
    while isinstance(item, ast.Attribute):
        parts.append(item.attr)
        item = item.value
    if isinstance(item, ast.Name):
        parts.append(item.id)
    return ".".join(reversed(parts[-2:] if len(parts) > 2 else parts))


@lru_cache(maxsize=64)
def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):  # a notebook cell with a magic in it
        return None


def _parsed(file: str) -> ast.Module | None:
    lines = linecache.getlines(file)
    return _parse("".join(lines)) if lines else None
