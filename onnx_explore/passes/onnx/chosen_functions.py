"""Which module calls ``export_modules_as_functions`` means, and what a person should know of those that became no function.

In: the calls that the capture saw, and the option. Out: the calls that are wanted, and, after the ONNX passes, notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import onnx_ir as ir
import torch

from onnx_explore.capture.captured import CaptureNote
from onnx_explore.capture.classes import CalledModule
from onnx_explore.passes.onnx.local_functions import LEFT, Left, annotated_names

_SHOWN = 10


def chosen_calls(called: Mapping[str, CalledModule], chosen: bool | frozenset[type]) -> dict[str, CalledModule]:
    """The calls that are to become functions, by their path."""
    if isinstance(chosen, bool):
        return dict(called) if chosen else {}
    return {
        scope: replace(module, kind=kind)
        for scope, module in called.items()
        for kind in [module.one_of(chosen)]
        if kind is not None
    }


def function_notes(
    model: ir.Model, wanted: Mapping[str, CalledModule], chosen: bool | frozenset[type]
) -> Iterator[CaptureNote]:
    """What of the wish did not come true.

    Args:
        model: After the ONNX passes.
        wanted: The calls that were to become functions.
        chosen: What the user asked for.
    """
    if not chosen:
        return
    yield from _never_called(wanted, chosen)
    left: Left | None = model.meta.get(LEFT)
    if left is not None and left.shared:
        yield CaptureNote(
            "warning",
            "NoModuleFunction",
            f"no function could be made of {_listed(left.shared)}: another module's call has a part of what it computes, "
            "so its nodes stand in that one's function",
        )
    if left is not None and left.empty:
        yield CaptureNote(
            "info",
            "EmptyModule",
            f"no function was made of {_listed(left.empty)}, where nothing is left to compute (it had no operators, or "
            "another module computed the same before)",
        )
    unknown = sorted({f"{module.domain}.{module.name}" for module in wanted.values() if module.kind is None})
    if unknown:
        yield CaptureNote(
            "info",
            "ClassUnknown",
            f"the functions of {_listed(unknown)} have no annotated attributes: the script keeps the name of the class "
            "only, and Python has not imported it; import it before the export, or name the class in the set",
        )
    lost = sorted({f"{module.domain}.{module.name}.{name}" for module in wanted.values() for name in _lost(module)})
    if lost:
        yield CaptureNote(
            "info",
            "AttributeLost",
            f"the annotated attributes {_listed(lost)} are left out: torch.jit.trace does not keep them; script the module, "
            "or export it as it is",
        )


def _lost(called: CalledModule) -> list[str]:
    """The annotated attributes of the class that a scripted module does not have any more."""
    if not isinstance(called.module, torch.jit.ScriptModule):
        return []
    return [name for name in annotated_names(called.kind) if not hasattr(called.module, name)]


def _never_called(wanted: Mapping[str, CalledModule], chosen: bool | frozenset[type]) -> Iterator[CaptureNote]:
    kinds: Iterable[type] = () if isinstance(chosen, bool) else chosen
    missing = sorted(
        f"{kind.__module__}.{kind.__name__}"
        for kind in kinds
        if not any(module.kind is kind for module in wanted.values())
    )
    if missing or not wanted:
        what = f"no module of {_listed(missing)} is called" if missing else "no module is called"
        yield CaptureNote(
            "warning",
            "NoModuleFunction",
            f"{what}, so there is nothing to make a function of (a subclass is another class; functions have no modules, "
            "and torch.jit.freeze leaves none)",
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name or "the model" for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
