"""The cell of ``%%onnx_symbolic``: what it defines, registered.

In: a cell that defines a function (helper functions, imports and constants may stand before it). Out: its last function, and the
registration under its name in the user's namespace.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from onnx_explore.compat.styles import Style, is_torch_style, symbolic
from onnx_explore.explore.exploration import Exploration
from onnx_explore.notebook.line import WrongWord
from onnx_explore.notebook.session import Session
from onnx_explore.options import OLDEST_OPSET
from onnx_explore.symbolic.custom import CustomSymbolic


def define(session: Session, cell: str, targets: Sequence[str], *, opset: int | None, style: Style) -> CustomSymbolic:
    """Run the cell in the user's namespace, and register the last function that it defines.

    Args:
        session: Its namespace, and its cell's number.
        cell: Python.
        targets: The operators.
        opset: The first opset that it holds for, or None for all.
        style: How the function is written.

    Returns:
        The registration; the user's name of the function now stands for it.

    Raises:
        WrongWord: If the cell is not Python, or defines no function.
    """
    source = f"\n{cell}"  # the magic's own line: what is reported has the line numbers that the notebook shows
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise WrongWord(f"line {error.lineno} of the cell: {error.msg}") from error
    names = [item.name for item in tree.body if isinstance(item, ast.FunctionDef)]
    if not names:
        raise WrongWord("the cell defines no function; write def elu(g, self, alpha): … in it")
    name = names[-1]
    shell = session.shell
    file = shell.compile.cache(source, session.cell_number)
    space: dict[str, Any] = shell.user_ns
    exec(shell.compile(source, file, "exec"), space)
    function: Any = space[name]
    if isinstance(function, CustomSymbolic):
        raise WrongWord(f"{name} is registered in the cell itself; leave @onnx_explore.symbolic out")
    made = symbolic(*targets, opset=OLDEST_OPSET if opset is None else opset, style=style)(function)
    space[name] = made
    return made


def registered_text(made: CustomSymbolic, style: Style) -> str:
    """One line: what lowers what from now on."""
    of_torch = style == "torch" or (style == "auto" and is_torch_style(made.function))
    how = "as written for torch.onnx" if of_torch else "of onnx_explore's own style"
    since = f" from opset {made.opset} on" if made.opset > OLDEST_OPSET else ""
    return (
        f"{', '.join(made.targets)}: lowered by {made.__name__}{since} ({how}); {made.__name__}.remove() takes it back"
    )


def concerns(exploration: Exploration, made: CustomSymbolic) -> bool:
    """Whether an export has a node of one of the operators."""
    wanted = {target.split(".")[0] for target in made.targets}
    return any(node.target in wanted for node in exploration.captured.graph.block.nodes) or any(
        node.target in wanted for node in exploration.torch_graph.block.nodes
    )
