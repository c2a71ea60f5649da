"""Symbolic functions of the user: ``@onnx_explore.symbolic("aten::elu")`` in a cell, typed or positional.

With annotations, parameters are bound to the ATen schema's by name and converted, as for the built-in functions::

    @onnx_explore.symbolic("aten::elu")
    def elu(g, self: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0):
        return g.op("Elu", self, alpha=alpha)

Without any (or with ``Any``), the values come by position: tensors as ONNX values, what is known at export as plain Python::

    @onnx_explore.symbolic("mylib::twice")
    def twice(g, x):
        return g.op("Add", x, x)

They go before the built-in ones. Running the cell again replaces the registration; ``elu.remove()`` takes it back,
and so does leaving a ``with`` block that it heads.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any

from onnx_explore.emit import Emitter
from onnx_explore.errors import InvalidArgument, UnsupportedOperatorError
from onnx_explore.options import NEWEST_OPSET, OLDEST_OPSET
from onnx_explore.symbolic.binding import SILENT, materialize
from onnx_explore.symbolic.lowered import Constant, Lowered
from onnx_explore.symbolic.registry import REGISTRY, Function, Variant
from onnx_explore.torch_ir import TorchNode

SAYS_NOTHING = (inspect.Parameter.empty, Any, "Any", "typing.Any")


MakeVariant = Callable[[str, int, Function], Variant]
"""From operator, opset and function to what is registered."""


class CustomSymbolic:
    """A registration of the user, and its function.

    Attributes:
        targets: The operators that it lowers.
        function: The function.
        opset: The opset from which on it holds.
    """

    def __init__(self, targets: tuple[str, ...], function: Function, opset: int, make: MakeVariant) -> None:
        self.targets = targets
        self.function = function
        self.opset = opset
        self._make = make
        self._registered: dict[tuple[str, int], Variant] = {}
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", "symbolic")
        self._register(opset, function)

    def _register(self, opset: int, function: Function) -> None:
        made = {target: self._make(target, opset, function) for target in self.targets}
        for target, variant in made.items():
            REGISTRY.register_custom(target, variant)
            self._registered[target, opset] = variant

    def since(self, opset: int) -> Callable[[Function], CustomSymbolic]:
        """Decorator: another function from ``opset`` on."""
        _check_opset(opset)

        def register(function: Function) -> CustomSymbolic:
            self._register(opset, function)
            return self

        return register

    def remove(self) -> None:
        """Take the registration back. What has been replaced meanwhile by another registration stays."""
        for (target, opset), variant in self._registered.items():
            if any(item is variant for item in REGISTRY.custom_variants(target)):
                REGISTRY.unregister_custom(target, opset)
        self._registered.clear()

    def __call__(self, g: Emitter, *args: Any, **kwargs: Any) -> Any:
        """Call the function as it is, from another symbolic function."""
        return self.function(g, *args, **kwargs)

    def __enter__(self) -> CustomSymbolic:  # noqa: PYI034  (Self needs Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def __repr__(self) -> str:
        state = f"from opset {self.opset} on" if self._registered else "removed"
        return f"<symbolic function {self.__name__} for {', '.join(self.targets)}, {state}>"


def make_variant(_target: str, opset: int, function: Function) -> Variant:
    """The variant of a function of ours: typed, or positional."""
    return own_variant(opset, function)


def symbolic(
    *targets: str, opset: int = OLDEST_OPSET, make: MakeVariant = make_variant
) -> Callable[[Function], CustomSymbolic]:
    """Decorator: register a symbolic function of the user.

    Args:
        *targets: Operators, such as ``aten::elu`` or, for one overload only, ``aten::add.Tensor``.
        opset: The first opset that it holds for; ``.since(opset)`` adds a function for newer ones.
        make: Makes the variant of a function; decides by that which style it is of.

    Returns:
        The decorator. What it gives can be called like the function, and has ``.remove()``.

    Raises:
        InvalidArgument: If a target is no operator name, or nothing is named.
    """
    if not targets or not all(isinstance(item, str) for item in targets):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgument(
            "no operator is named", argument="targets", action='write @onnx_explore.symbolic("aten::elu")'
        )
    _check_opset(opset)
    return lambda function: CustomSymbolic(targets, function, opset, make)


def _check_opset(opset: int) -> None:
    if isinstance(opset, bool) or not isinstance(opset, int) or not OLDEST_OPSET <= opset <= NEWEST_OPSET:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgument(f"opset {opset!r} is not one of {OLDEST_OPSET} … {NEWEST_OPSET}", argument="opset")


def own_variant(opset: int, function: Function) -> Variant:
    """Typed functions are bound to the schema; the others (``Any`` is no type) get values by position."""
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise InvalidArgument(
            f"{getattr(function, '__name__', 'the function')}() takes no argument",
            argument="function",
            action="its first parameter is g, the emitter: g.op(…) makes a node",
        )
    if any(item.annotation not in SAYS_NOTHING for item in parameters[1:]):
        return Variant(opset, function, custom=True)
    return Variant(opset, _by_position(function), custom=True, style="raw")


def _by_position(function: Function) -> Function:
    most, names = _positions(function)

    @wraps(function)
    def raw(g: Emitter, node: TorchNode, inputs: tuple[Lowered, ...]) -> Any:
        check_left_out(node, inputs, most, names)
        return function(g, *[plain(g, item) for item in inputs[:most]])

    return raw


def _positions(function: Function) -> tuple[int, str]:
    """How many values a function takes behind ``g``, and its name."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    if any(item.kind is inspect.Parameter.VAR_POSITIONAL for item in parameters):
        return 1 << 30, function.__name__
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(item.kind in kinds for item in parameters), getattr(function, "__name__", "the function")


def check_left_out(node: TorchNode, inputs: tuple[Lowered, ...], most: int, name: str) -> None:
    """Inputs behind the last one that a function takes must hold their schema's default: nothing is ignored in silence.

    Raises:
        UnsupportedOperatorError: If one of them says something else.
    """
    arguments = node.schema.arguments if node.schema is not None else ()
    for index in range(most, len(inputs)):
        argument = arguments[index] if index < len(arguments) else None
        if argument is not None and argument.name in SILENT:
            continue
        item = inputs[index]
        default = argument.default if argument is not None and argument.has_default else None
        as_list = list(item) if isinstance(item, tuple) else item
        if isinstance(item, Constant) or as_list != default:
            raise UnsupportedOperatorError(
                f"{name}() takes {most} values, and the operator has {len(inputs)}; this one is not its default",
                target=node.target,
                argument=argument.name if argument is not None else f"number {index + 1}",
                action="give the symbolic function a parameter for it",
            )


def plain(g: Emitter, item: Lowered) -> Any:
    """Tensors as ONNX values, everything else as Python has it."""
    if isinstance(item, Constant):
        return materialize(g, item)
    if isinstance(item, tuple):
        return [plain(g, entry) for entry in item]
    return item
