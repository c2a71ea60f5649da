"""Resolution: which symbolic function lowers a node, which others were considered, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from onnx_explore.errors import OpsetTooLow, UnsupportedOperatorError
from onnx_explore.recording import Candidate
from onnx_explore.symbolic.registry import REGISTRY, Variant
from onnx_explore.torch_ir import TorchNode


@dataclass(frozen=True, slots=True)
class Resolution:
    """The outcome.

    Attributes:
        variant: What to call, or None.
        function: Its name, for people.
        since: The opset from which on it holds.
        candidates: All registrations considered, the chosen one marked.
        reason: Why this one, or why none.
    """

    variant: Variant | None
    function: str
    since: int
    candidates: tuple[Candidate, ...]
    reason: str

    def failure(self, node: TorchNode) -> UnsupportedOperatorError:
        """The error for a node that nothing can lower."""
        newer = [item.since for item in self.candidates]
        if newer:
            return OpsetTooLow(f"its symbolic function needs opset {min(newer)}", first=min(newer), target=node.target)
        if node.target == "prim::PythonOp":
            return UnsupportedOperatorError(
                f"the autograd.Function {node.attributes.get('name', '')} has no symbolic function, and was not inlined",
                target=node.target,
                action="give its class a static method symbolic(g, …), or export with autograd_inlining=True",
            )
        if node.target.startswith("aten::") and "sparse" in node.target:
            return UnsupportedOperatorError(
                "it takes or makes a sparse tensor, and ONNX has no operators for those",
                target=node.target,
                action="work on dense tensors in the model",
            )
        overload = f" (overload {node.overload})" if node.overload else ""
        return UnsupportedOperatorError(
            f"no symbolic function is registered for it{overload}",
            target=node.target,
            action=f'register one with @onnx_explore.symbolic("{node.target}"), or change the model at this line',
        )


def resolve(
    node: TorchNode, opset: int, *, of_complex: bool = False, of_quantized: bool = False, foreign: bool = True
) -> Resolution:
    """Find the symbolic function of a node: a user's before a built-in one, an overload's own before the target's.

    One that the node itself carries (``symbolic`` of an ``autograd.Function``) goes before all.

    Args:
        node: The node.
        opset: Of the export.
        of_complex: Whether a complex tensor goes in: then ``complex::abs`` is asked for in place of ``aten::abs``.
        of_quantized: Whether a quantized tensor goes in: ``quantized_tensor::relu`` in place of ``aten::relu``.
        foreign: Whether what others registered with PyTorch counts.
    """
    target = f"complex::{node.target.partition('::')[2]}" if of_complex else node.target
    if of_quantized and node.target.startswith("aten::"):
        target = f"quantized_tensor::{node.target.partition('::')[2]}"
    found = _resolve(target, node.overload, node.schema is not None, opset, foreign, REGISTRY.version)
    carries = REGISTRY.carried.get(node.target)
    variant = carries(node) if carries is not None else None
    if variant is None:
        return found
    others = tuple(
        Candidate(item.function, item.since, False, "what the function itself carries goes before it")
        for item in found.candidates
    )
    reason = variant.source
    own = Candidate(variant.name, variant.since, True, reason)
    return Resolution(variant, variant.name, variant.since, (own, *others), reason)


@lru_cache(maxsize=16384)
def _resolve(target: str, overload: str, has_schema: bool, opset: int, foreign: bool, version: int) -> Resolution:
    del version  # only a part of the cache's key
    candidates: list[Candidate] = []
    chosen: Variant | None = None
    why = ""
    for entry in REGISTRY.lookup(target, overload, foreign=foreign):
        best = entry.at(opset)
        for variant in reversed(entry.variants):
            if variant.since > opset:
                candidates.append(Candidate(variant.name, variant.since, False, f"needs opset {variant.since}"))
            elif variant.style == "bound" and not has_schema:
                candidates.append(Candidate(variant.name, variant.since, False, "the node has no schema to bind to"))
            elif variant is best and chosen is None:
                chosen = variant
                why = _why(variant, entry.target, target, opset)
                candidates.append(Candidate(variant.name, variant.since, True, why))
            elif variant is best:
                candidates.append(Candidate(variant.name, variant.since, False, "another registration goes before it"))
            else:
                candidates.append(Candidate(variant.name, variant.since, False, "a newer variant holds at this opset"))
    if chosen is None:
        return Resolution(None, "", 0, tuple(candidates), "no symbolic function can lower it")
    return Resolution(chosen, chosen.name, chosen.since, tuple(candidates), why)


def _why(variant: Variant, registered: str, target: str, opset: int) -> str:
    whose = variant.source or ("registered by the user" if variant.custom else "built in")
    scope = f" for the overload {registered}" if registered != target else ""
    return f"{whose}{scope}, newest variant up to opset {opset}"
