"""The operators of ``op_db`` that do not pass completely (float32, opset 18), and why.

test_consistency.py keeps the list true.
"""

from __future__ import annotations

REASONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("its result is a Python value, which no ONNX model returns", ("allclose", "broadcast_shapes", "equal", "item")),
    ("its result is a sparse tensor, and ONNX has no operators for those", ("sparse.sampled_addmm", "to_sparse")),
    ("its argument is a sparse tensor, and ONNX has no operators for those", ("sparse.mm.reduce",)),
    ("ONNX has no element type for complex numbers of half precision", ("chalf",)),
    ("torch.jit.trace cannot record the call: a list of tensors and numbers", ("gradient",)),
    (
        "reads memory outside of its argument's own elements (the sample cannot even be cloned), which no ONNX tensor has",
        ("as_strided.partial_views",),
    ),
    ("multiplies with random matrices, so that what it approximates is never the same", ("pca_lowrank", "svd_lowrank")),
)
"""Reason → operators, with their variants."""

KNOWN_FAILURES = {name: reason for reason, names in REASONS for name in names}
"""Operator → why it does not pass."""

UNSTEADY = frozenset({"pca_lowrank", "svd_lowrank"})
"""Those that pass by chance, so that nothing is said when they do."""
