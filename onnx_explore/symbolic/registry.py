"""The registry: which symbolic functions there are for a target, from which opset on each variant holds.

``@symbolic("aten::gelu")`` registers; ``@gelu.since(20)`` adds a variant right below; ``gelu(g, x)`` called from another
symbolic function picks the variant of ``g.opset``, so nobody can pin an old one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from onnx_explore.emit import Emitter
from onnx_explore.errors import InvalidArgument, OpsetTooLow
from onnx_explore.options import OLDEST_OPSET
from onnx_explore.torch_ir import TorchNode

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Variant:
    """One implementation, valid from an opset on.

    Attributes:
        since: First opset.
        function: The Python function ``(g, ...)``.
        custom: Whether a user registered it.
        style: ``"bound"``: arguments are bound to the ATen schema's names and converted by annotation.
            ``"raw"``: ``function(g, node, inputs)`` with the lowered inputs as they are; what ``compat`` and positional
            functions of the user are made of.
        source: How it came to be registered, for people; ``""`` for a built-in one.
    """

    since: int
    function: Function
    custom: bool = False
    style: str = "bound"
    source: str = ""

    @property
    def name(self) -> str:
        """Module and name, such as ``aten.activation.gelu``."""
        module = self.function.__module__.removeprefix("onnx_explore.symbolic.")
        return f"{module}.{getattr(self.function, '__qualname__', repr(self.function))}"


class SymbolicFunction:
    """A target's variants; callable from other symbolic functions.

    Attributes:
        target: Such as ``aten::gelu`` or, for one overload only, ``aten::add.Tensor``.
        variants: Ordered by ``since``.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.variants: tuple[Variant, ...] = ()

    def add(self, variant: Variant) -> None:
        """Add a variant; one with the same ``since`` is replaced."""
        others = [item for item in self.variants if item.since != variant.since]
        self.variants = tuple(sorted([*others, variant], key=lambda item: item.since))

    def at(self, opset: int) -> Variant | None:
        """The variant that holds at an opset, or None if all are newer."""
        found = None
        for variant in self.variants:
            if variant.since <= opset:
                found = variant
        return found

    def since(self, opset: int) -> Callable[[Function], SymbolicFunction]:
        """Decorator: a variant from ``opset`` on."""

        def register(function: Function) -> SymbolicFunction:
            if function.__name__ == "_" and self.variants:  # the dispatch view names it like the first variant
                function.__qualname__ = function.__name__ = self.variants[0].function.__name__
            self.add(Variant(opset, function))
            return self

        return register

    def __call__(self, g: Emitter, *args: Any, **kwargs: Any) -> Any:
        """Emit by the variant of ``g.opset``."""
        variant = self.at(g.opset)
        if variant is None:
            raise OpsetTooLow(
                f"{self.target} can be exported from opset {self.variants[0].since} on",
                first=self.variants[0].since,
                target=self.target,
            )
        return variant.function(g, *args, **kwargs)


class Registry:
    """Symbolic functions by target.

    A lookup asks for ``aten::add.Tensor`` first, then for ``aten::add``.
    """

    def __init__(self) -> None:
        self._functions: dict[str, SymbolicFunction] = {}
        self._custom: dict[str, SymbolicFunction] = {}
        self._foreign: dict[str, SymbolicFunction] = {}
        self.carried: dict[str, Callable[[TorchNode], Variant | None]] = {}
        """Targets whose nodes may carry a symbolic function of their own: the one that holds for a node, or None."""
        self.version = 0
        """Counts registrations, so that a paused export notices one."""
        self.changes: list[tuple[int, str]] = []
        """Version and target of each registration by a user."""

    def function(self, target: str) -> SymbolicFunction:
        """The built-in entry of a target, made if there is none."""
        found = self._functions.get(target)
        if found is None:
            found = self._functions[target] = SymbolicFunction(target)
        return found

    def lookup(self, target: str, overload: str, *, foreign: bool = True) -> tuple[SymbolicFunction, ...]:
        """All entries for an operator, the one to prefer first.

        The user's, then (with ``foreign``) what others registered with PyTorch, then the built-in ones; of each, the
        overload's own first.
        """
        exact = f"{target}.{overload}" if overload else target
        names = (exact, target) if overload else (target,)
        tables = (self._custom, self._foreign, self._functions) if foreign else (self._custom, self._functions)
        return tuple(table[name] for table in tables for name in names if name in table)

    def register_custom(self, target: str, variant: Variant) -> None:
        """Add a user's variant. It goes before the built-in ones from its opset on."""
        if "::" not in target or not all(target.split("::", 1)):
            raise InvalidArgument(
                f"'{target}' is not an operator name", argument="symbolic_name", action='write it as "namespace::name"'
            )
        self._custom.setdefault(target, SymbolicFunction(target)).add(variant)
        self._changed(target)

    def unregister_custom(self, target: str, opset: int | None = None) -> None:
        """Take a user's variants back: those at ``opset``, or all.

        Raises:
            InvalidArgument: If there is none.
        """
        entry = self._custom.get(target)
        kept = [] if entry is None or opset is None else [item for item in entry.variants if item.since != opset]
        if entry is None or len(kept) == len(entry.variants):
            raise InvalidArgument(f"no custom symbolic function is registered for {target}", argument="symbolic_name")
        entry.variants = tuple(kept)
        if not kept:
            del self._custom[target]
        self._changed(target)

    def custom_variants(self, target: str) -> tuple[Variant, ...]:
        """The user's variants for exactly this target, by opset."""
        entry = self._custom.get(target)
        return entry.variants if entry is not None else ()

    def replace_foreign(self, variants: Mapping[str, Sequence[Variant]]) -> None:
        """State anew what others registered with PyTorch; a paused export notices what is different."""
        table: dict[str, SymbolicFunction] = {}
        for target, items in variants.items():
            entry = table[target] = SymbolicFunction(target)
            for item in items:
                entry.add(item)
        before, self._foreign = self._foreign, table
        for target in sorted({*before, *table}):
            if _variants(before, target) != _variants(table, target):
                self._changed(target)

    def is_taken(self, target: str, overload: str) -> bool:
        """Whether somebody else than this package registered a symbolic function for an operator."""
        names = (target, f"{target}.{overload}")
        return any(name in table for table in (self._custom, self._foreign) for name in names)

    def targets(self) -> list[str]:
        """All targets with a symbolic function, sorted."""
        return sorted({*self._functions, *self._foreign, *self._custom})

    @contextmanager
    def taken_back(self) -> Generator[None]:
        """Take the user's registrations made inside back at the end; no paused export notices them."""
        before = {target: entry.variants for target, entry in self._custom.items()}
        changes = len(self.changes)
        try:
            yield
        finally:
            self._custom = {target: SymbolicFunction(target) for target in before}
            for target, variants in before.items():
                self._custom[target].variants = variants
            if len(self.changes) > changes:
                del self.changes[changes:]
                self.version += 1  # what was looked up meanwhile does not hold any more

    def _changed(self, target: str) -> None:
        self.version += 1
        self.changes.append((self.version, target))


def _variants(table: Mapping[str, SymbolicFunction], target: str) -> tuple[Variant, ...]:
    entry = table.get(target)
    return entry.variants if entry is not None else ()


REGISTRY = Registry()
"""The process-wide registry: filled by importing ``symbolic.aten``, and by users."""


def symbolic(*targets: str, since: int = OLDEST_OPSET) -> Callable[[Function], SymbolicFunction]:
    """Decorator: register a built-in symbolic function for one or more targets.

    Args:
        *targets: Such as ``aten::gelu``.
        since: The first opset that can express it.

    Returns:
        The entry of the first target, callable, with ``.since(opset)`` for variants.
    """

    def register(function: Function) -> SymbolicFunction:
        entries = [REGISTRY.function(target) for target in targets]
        first = entries[0]
        for entry in entries:
            entry.add(Variant(since, function))
        for target in targets[1:]:  # variants added later by `.since` must hold for every target
            REGISTRY._functions[target] = first  # pyright: ignore[reportPrivateUsage]
        first.__doc__ = function.__doc__
        return first

    return register


def alias(target: str, *others: str) -> None:
    """Let more targets have the entry of one that is registered: PyTorch has several names for one operator.

    Its tracer and its compiler write the first of them in a graph, whichever the model calls.
    """
    for other in others:
        REGISTRY._functions[other] = REGISTRY.function(target)  # pyright: ignore[reportPrivateUsage]


def table(rows: dict[str, str], make: Callable[[str], Function], *, since: int = OLDEST_OPSET) -> None:
    """Register operators that differ in the ONNX operator alone.

    Args:
        rows: Target → ONNX operator.
        make: Gives the symbolic function for an ONNX operator.
        since: The first opset that can express them.
    """
    for target, op_type in rows.items():
        function = make(op_type)
        function.__qualname__ = function.__name__ = target.split("::")[-1]
        REGISTRY.function(target).add(Variant(since, function))
