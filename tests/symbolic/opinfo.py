"""PyTorch's own operator samples (``op_db``), exported and compared: what the consistency test and its table are made of.

``python -m tests.symbolic.opinfo [NAME ...] [--dtype float32] [--opset 18] [--samples 5]`` prints a line per operator that
does not pass, and the totals.
"""

from __future__ import annotations

import argparse
import logging
import random
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

import onnx_explore
from onnx_explore.errors import NoRuntimeKernel
from tests.symbolic.cases import Case
from tests.symbolic.running import compare_outputs, run_exported

RANDOM = frozenset(
    {
        "bernoulli",
        "cauchy",
        "empty",
        "empty_like",
        "empty_permuted",
        "empty_strided",
        "exponential",
        "geometric",
        "log_normal",
        "multinomial",
        "new_empty",
        "new_empty_strided",
        "nn.functional.alpha_dropout",
        "nn.functional.dropout",
        "nn.functional.dropout2d",
        "nn.functional.dropout3d",
        "nn.functional.feature_alpha_dropout",
        "nn.functional.fractional_max_pool2d",
        "nn.functional.fractional_max_pool3d",
        "nn.functional.rrelu",
        "normal",
        "rand_like",
        "randint",
        "randint_like",
        "randn",
        "randn_like",
        "uniform",
    }
)
"""Operators whose output is random or uninitialized: left out."""

NO_CPU = "jiterator_"
"""Operators compiled for a GPU when they run: on a CPU, PyTorch itself cannot run them. Left out."""


SIGNS_FREE = frozenset({"linalg.eig", "linalg.eigh", "linalg.svd", "svd"})
"""Operators whose vectors are unique up to their signs (or phases): of them, what the sample itself says can be compared (such
as ``U.abs()``).
"""

ORDER_FREE = frozenset({"linalg.eig", "linalg.eigvals"})
"""Operators that find eigenvalues in an order that PyTorch leaves open: ours are put into PyTorch's order before they are
compared, each beside the nearest one, and their vectors with them. That ``A V = V diag(L)`` is in cases/eigen.py.
"""

TIES = frozenset({"argsort", "kthvalue", "mode", "sort", "topk"})
"""Operators that say where they found a value, of which there may be several: PyTorch leaves open which of them is meant. Where
ours is another one, the value that it points to must be the same (``argsort``: it must point to every element once, too).
"""

NUMBERS = {
    "allclose": "def run(x: Tensor, y: Tensor) -> bool:\n    return torch.allclose(x, y, {rtol!r}, {atol!r})\n",
    "equal": "def run(x: Tensor, y: Tensor) -> bool:\n    return torch.equal(x, y)\n",
    "item": "def run(x: Tensor):\n    return x.item()\n",
}
"""Operators whose result is a Python number, which a trace does not see: scripted, they are nodes like others, and the ONNX model
gives a 0-d tensor. The number is compared with what PyTorch's own function returns.
"""


INEXACT = frozenset({"matrix_exp"})
"""Operators whose float32 result in PyTorch is itself off by more than the tolerance (squared again and again, its rounding
errors grow): the truth is then what PyTorch makes of the same numbers in double precision.
"""


def operators() -> list[Any]:
    """All OpInfos with a deterministic result on a CPU: 642 of those that support float32."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

    return [op for op in op_db if op.name not in RANDOM and not op.name.startswith(NO_CPU)]


def full_name(op: Any) -> str:
    """With its variant."""
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


def drops_out(op: Any, sample: Any) -> bool:
    """Whether a sample of an operator that is otherwise deterministic asks for dropout, and so for a random result."""
    if op.name == "nn.functional.multi_head_attention_forward":
        return sample.args[9] > 0 and sample.kwargs["training"]
    return sample.kwargs.get("dropout_p", 0.0) > 0


def samples(op: Any, dtype: torch.dtype, count: int) -> list[Any]:
    """``count`` samples spread over the operator's own list, of which those with dropout are left out."""
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(0)
    every = [item for item in op.sample_inputs("cpu", dtype, requires_grad=False) if not drops_out(op, item)]
    if len(every) <= count:
        return every
    return [every[round(index * (len(every) - 1) / (count - 1))] for index in range(count)]


@dataclass
class Outcome:
    """Of one operator.

    Attributes:
        name: With its variant.
        passed: Samples that pass.
        total: Samples tried.
        failures: One line per failing sample.
    """

    name: str
    passed: int = 0
    total: int = 0
    failures: list[str] = field(default_factory=list)


def try_sample(op: Any, sample: Any, opset: int) -> None:
    """Export one sample, run it, compare. A complex result is compared as its real and imaginary parts, as ONNX has them.

    Raises:
        Exception: Whatever goes wrong.
    """
    leaves, spec = pytree.tree_flatten(((sample.input, *sample.args), sample.kwargs))
    places = [index for index, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]

    def run(*tensors: torch.Tensor) -> Any:
        filled = list(leaves)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        args, kwargs = pytree.tree_unflatten(filled, spec)
        result = op.op(*args, **kwargs)
        if op.name in SIGNS_FREE:
            result = sample.output_process_fn_grad(result)
        return pytree.tree_map_only(torch.Tensor, _as_real, result)

    tensors = tuple(leaves[place].detach().clone() for place in places)
    with torch.no_grad():
        if op.name in INEXACT:
            made = pytree.tree_map_only(
                torch.Tensor, lambda item: item.to(tensors[0].dtype), run(*[x.double() for x in tensors])
            )
        else:
            made = run(*[item.clone() for item in tensors])
        made = torch.tensor(made) if op.name in NUMBERS else made
        expected = [leaf for leaf in pytree.tree_leaves(made) if isinstance(leaf, torch.Tensor)]
    model = run
    if op.name in NUMBERS:
        model = torch.jit.CompilationUnit(NUMBERS[op.name].format(**sample.kwargs)).run
    exported = onnx_explore.export(model, tensors, opset_version=opset)
    case = Case(
        op.name,
        op.name,
        run,
        lambda: tensors,
        rtol=1e-3 if expected[0].dtype == torch.float32 else None,
        atol=1e-4 if expected[0].dtype == torch.float32 else None,
    )
    actual = run_exported(exported, tensors)
    if op.name in ORDER_FREE:
        actual = in_order(expected, actual)
    if op.name in TIES:
        actual = at_ties(expected, actual, tensors[0], _dimension(op.name, sample))
    compare_outputs(case, expected, actual)


def _dimension(name: str, sample: Any) -> int:
    """Along which a sample looks for values."""
    place = 1 if name in ("kthvalue", "topk") else 0  # k comes first
    return int(sample.kwargs.get("dim", sample.args[place] if len(sample.args) > place else -1))


def at_ties(expected: list[torch.Tensor], actual: list[np.ndarray], x: torch.Tensor, dim: int) -> list[np.ndarray]:
    """Indices (the last output) that point to the same values as those expected, replaced by them."""
    wanted, found = expected[-1], torch.from_numpy(np.array(actual[-1]))
    if found.shape != wanted.shape or found.dtype != wanted.dtype or not x.dim():
        return actual
    kept = found.dim() == x.dim()  # else the dimension was taken away, and one index is left in it
    values, others = (
        x.gather(dim, index if kept else index.unsqueeze(dim))
        if bool(((index >= 0) & (index < x.size(dim))).all())
        else None
        for index in (found, wanted)
    )
    if values is None or others is None or not torch.equal(values, others):
        return actual
    if kept and not found.sort(dim).values.diff(dim=dim).all():
        return actual  # one element twice
    return [*actual[:-1], wanted.numpy()]


def in_order(expected: list[torch.Tensor], actual: list[np.ndarray]) -> list[np.ndarray]:
    """Eigenvalues (…, n, 2), and vectors (…, n, n) if there are such, in the order of those expected."""
    if expected[0].shape != actual[0].shape or not actual[0].size:
        return actual
    n = actual[0].shape[-2]
    values, *vectors = (np.array(item).reshape(-1, n, item.shape[-1]) for item in actual)
    for batch, wanted in enumerate(expected[0].reshape(-1, n, 2).numpy()):
        left = list(range(n))
        order: list[int] = []
        for value in wanted:
            order.append(min(left, key=lambda place: np.abs(values[batch, place] - value).sum()))
            left.remove(order[-1])
        values[batch] = values[batch, order]
        for matrices in vectors:
            matrices[batch] = matrices[batch][:, order]
    return [made.reshape(item.shape) for made, item in zip((values, *vectors), actual, strict=True)]


def _as_real(tensor: torch.Tensor) -> torch.Tensor:
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def try_operator(op: Any, dtype: torch.dtype, opset: int, count: int) -> Outcome:
    """All chosen samples of one operator."""
    outcome = Outcome(full_name(op))
    for sample in samples(op, dtype, count):
        outcome.total += 1
        try:
            try_sample(op, sample, opset)
            outcome.passed += 1
        except NoRuntimeKernel as error:
            outcome.failures.append(f"NoRuntimeKernel: {str(error).splitlines()[0][:200]}")
        except Exception as error:  # noqa: BLE001  (every failure is listed)
            outcome.failures.append(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    return outcome


def run(names: list[str], dtype: torch.dtype, opset: int, count: int) -> Iterator[Outcome]:
    """Outcomes of the operators named (all if none), by name, prefix ``name*`` or name with variant."""
    for op in operators():
        full = full_name(op)
        wanted = not names or any(
            name in (op.name, full) or (name.endswith("*") and op.name.startswith(name[:-1])) for name in names
        )
        if wanted and dtype in op.supported_dtypes("cpu"):
            yield try_operator(op, dtype, opset, count)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--opset", type=int, default=18)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--first", action="store_true", help="only the first failure of each operator")
    parser.add_argument("--trace", action="store_true", help="let the first failure raise")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    dtype = getattr(torch, options.dtype)
    if options.trace:
        for op in operators():
            if op.name in options.names:
                for sample in samples(op, dtype, options.samples):
                    try:
                        try_sample(op, sample, options.opset)
                    except Exception:  # noqa: BLE001
                        traceback.print_exc()
                        return
        return
    passed = total = 0
    for outcome in run(options.names, dtype, options.opset, options.samples):
        total += 1
        passed += outcome.passed == outcome.total
        if outcome.failures:
            print(f"{outcome.name}: {outcome.passed}/{outcome.total}", flush=True)
            for failure in dict.fromkeys(outcome.failures[:1] if options.first else outcome.failures):
                print(f"    {failure}", flush=True)
    print(f"{passed} of {total} operators pass completely ({options.dtype}, opset {options.opset})")


if __name__ == "__main__":
    main()
