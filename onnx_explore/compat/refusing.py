"""How symbolic functions of the reference say that they cannot convert something: each is one of our errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from onnx_explore.errors import OpsetTooLow, UnsupportedOperatorError


def unimplemented(op: str, msg: str, value: Any = None) -> NoReturn:
    """Some case of an operator has no conversion.

    Raises:
        UnsupportedOperatorError: Always.
    """
    del value
    raise UnsupportedOperatorError(f"its symbolic function gives up on {op}: {msg}")


def unsupported(op_name: str, value: Any = None) -> NoReturn:
    """An operator has no conversion.

    Raises:
        UnsupportedOperatorError: Always.
    """
    del value
    raise UnsupportedOperatorError(f"its symbolic function cannot convert {op_name}")


def opset_unsupported(op_name: str, current_opset: int, supported_opset: int, value: Any = None) -> NoReturn:
    """An operator has a conversion at another opset.

    Raises:
        OpsetTooLow: If that one is newer.
        UnsupportedOperatorError: If it is older.
    """
    opset_unsupported_because(op_name, current_opset, supported_opset, "", value)


def opset_unsupported_because(
    op_name: str, current_opset: int, supported_opset: int, reason: str, value: Any = None
) -> NoReturn:
    """The same, with a reason.

    Raises:
        OpsetTooLow: If the other opset is newer.
        UnsupportedOperatorError: If it is older.
    """
    del value
    why = f" ({reason})" if reason else ""
    message = f"its symbolic function cannot convert {op_name} at opset {current_opset}{why}"
    if supported_opset > current_opset:
        raise OpsetTooLow(message, first=supported_opset)
    raise UnsupportedOperatorError(message, action=f"export with opset_version={supported_opset}")


def blocked(name: str) -> Callable[..., Any]:
    """A symbolic function that converts nothing: for an operator that an opset does not have."""

    def refuse(g: Any, *_: Any, **__: Any) -> NoReturn:
        raise UnsupportedOperatorError(f"{name} cannot be converted at opset {g.opset}", action="use another opset")

    return refuse
