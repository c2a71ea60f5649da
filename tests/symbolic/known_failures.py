"""The operators of ``op_db`` that do not pass completely (opset 18), and why: in float32, int64 and bool.

test_consistency.py keeps the lists true.
"""

from __future__ import annotations

import torch

Reasons = tuple[tuple[str, tuple[str, ...]], ...]
"""Reason → operators, with their variants."""

REASONS: Reasons = (
    ("its arguments and its result are shapes: there is no tensor in it", ("broadcast_shapes",)),
    ("its result is a sparse tensor, and ONNX has no operators for those", ("sparse.sampled_addmm", "to_sparse")),
    ("its argument is a sparse tensor, and ONNX has no operators for those", ("sparse.mm.reduce",)),
    (
        "reads memory outside of its argument's own elements (the sample cannot even be cloned), which no ONNX tensor has",
        ("as_strided.partial_views",),
    ),
    ("multiplies with random matrices, so that what it approximates is never the same", ("pca_lowrank", "svd_lowrank")),
)
"""Of any element type that they take."""

OWN_REASONS: dict[torch.dtype, Reasons] = {
    torch.int64: (
        (
            "ONNX Runtime has no kernel of doubles, which are exact; onnx.reference takes the wrong part of a grouped weight",
            ("nn.functional.conv_transpose1d", "nn.functional.conv_transpose2d", "nn.functional.conv_transpose3d"),
        ),
        ("one sample has no result at all: the index into a tensor without dimensions", ("unravel_index",)),
    ),
}
"""Of one element type alone."""


def known_failures(dtype: torch.dtype) -> dict[str, str]:
    """Operator → why it does not pass."""
    reasons = (*REASONS, *OWN_REASONS.get(dtype, ()))
    return {name: reason for reason, names in reasons for name in names}


UNSTEADY = frozenset({"pca_lowrank", "svd_lowrank"})
"""Those that pass by chance, so that nothing is said when they do."""
