"""The operators of ``op_db`` that do not pass completely (float32, opset 18), and why.

test_consistency.py keeps the list true.
"""

from __future__ import annotations

REASONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("its result is no tensor, but a Python value", ("allclose", "broadcast_shapes", "equal", "item")),
    ("its result is a sparse tensor, and ONNX has no operators for those", ("sparse.sampled_addmm", "to_sparse")),
    ("its argument is a sparse tensor, and ONNX has no operators for those", ("sparse.mm.reduce",)),
    ("ONNX has no element type for complex numbers of half precision", ("chalf",)),
    ("torch.jit.trace cannot record the call: a list of tensors and numbers", ("gradient",)),
    (
        "reads memory outside of its argument's own elements, which an ONNX tensor does not have",
        ("as_strided.partial_views",),
    ),
    (
        "its eigenvalues are complex, and their algorithm iterates with shifts until it converges",
        ("linalg.eig", "linalg.eigvals"),
    ),
    ("multiplies with random matrices, so that what it approximates is never the same", ("pca_lowrank", "svd_lowrank")),
    (
        "factors with pivots of one or two rows, which LAPACK packs by a rule of its own",
        ("linalg.ldl_factor", "linalg.ldl_factor_ex", "linalg.ldl_solve"),
    ),
)
"""Reason → operators, with their variants."""

KNOWN_FAILURES = {name: reason for reason, names in REASONS for name in names}
"""Operator → why it does not pass."""

UNSTEADY = frozenset({"pca_lowrank", "svd_lowrank"})
"""Those that pass by chance, so that nothing is said when they do."""
