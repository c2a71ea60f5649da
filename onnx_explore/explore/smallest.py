"""Looks for the smallest piece of a finished export that shows what is wrong with it, and writes it.

In: a finished export, and the report on its nodes. Out: a ``Repro``. In order: what ``onnx.checker`` or ONNX Runtime refuses; a
node that differs alone, in a body if it stands in one; nodes that differ only together; the outputs as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
import onnx_ir as ir
import torch

from onnx_explore.capture.captured import feeds_of
from onnx_explore.capture.rerun import make_rerun
from onnx_explore.check.compare import Comparison, compare
from onnx_explore.check.nodes import NodeCheck, NodesReport
from onnx_explore.check.nodes.extract import Extract, without_places
from onnx_explore.check.nodes.interpret import values_of
from onnx_explore.check.nodes.pairs import find_pairs
from onnx_explore.check.nodes.smaller import inside, refused, together
from onnx_explore.check.quantized import is_quantized
from onnx_explore.check.randomness import random_outputs
from onnx_explore.check.runtime import ReferenceSession, RuntimeSession, Session
from onnx_explore.check.structure import check_structure
from onnx_explore.errors import (
    Cancelled,
    CheckerError,
    InvalidArgument,
    NoRuntimeKernel,
    NotAvailable,
    RuntimeMismatch,
    UnsupportedOperatorError,
)
from onnx_explore.explore.repro import Repro, of_mismatch, of_refusal
from onnx_explore.flow import MODES, Flow, Tolerances

_MOST = 8
"""Of how many culprits it is tried whether they show the difference alone."""

_SAID = 60
_DEFAULT = (1e-4, 1e-6)


def refusal_of(path: str, model: ir.Model, cancelled: Callable[[], bool]) -> Repro | None:
    """The fewest nodes that ``onnx.checker`` or ONNX Runtime refuses, written; None if both accept the model."""
    for by, look in (("onnx.checker", _checked), ("ONNX Runtime", _loaded)):
        message = look(model)
        if not message:
            continue

        def said(proto: onnx.ModelProto, look: Callable[[ir.Model | onnx.ModelProto], str] = look) -> str:
            if cancelled():
                raise Cancelled("stopped while the smallest piece was looked for")
            return _short(look(proto))

        found = refused(model, said)
        if found is not None:
            without_places(found)
            return of_refusal(path, found, by, message)
    return None


def _checked(model: ir.Model | onnx.ModelProto) -> str:
    try:
        check_structure(model if isinstance(model, ir.Model) else ir.from_proto(model))
    except CheckerError as error:
        return error.message
    return ""


def _loaded(model: ir.Model | onnx.ModelProto) -> str:
    try:
        RuntimeSession(model)
    except CheckerError as error:
        return error.message
    except (NoRuntimeKernel, NotAvailable):  # not a wrong export
        return ""
    return ""


def _short(message: str) -> str:
    """What is said, without the numbers and names that another piece of the model has."""
    return re.sub(r"[\d\s]+|'[^']*'", "", message)[:_SAID]


@dataclass(slots=True)
class Search:
    """Looks for a piece.

    Args:
        flow: The export.
        model: Its model.
        given: The inputs that the report was made with.
        taken: The subgraph of a row.
        cancelled: Whether to stop.
        asked: The user's tolerances of the outputs.
    """

    flow: Flow
    model: ir.Model
    given: Sequence[torch.Tensor]
    taken: Callable[[NodeCheck], Extract]
    cancelled: Callable[[], bool]
    asked: Tolerances = field(default_factory=Tolerances)
    tolerance: tuple[float, float] = _DEFAULT
    refuses: bool = False
    engine: str = field(default=RuntimeSession.engine)

    def write(self, path: str, report: NodesReport) -> Repro:
        """Write the smallest piece.

        Raises:
            InvalidArgument: If nothing differs, or no piece shows it.
            Cancelled: If it was cancelled.
        """
        for row in report.culprits[:_MOST]:
            found = self._of_culprit(path, row)
            if found is not None:
                return found
        rows = [*report.culprits[:1], *([report.unexplained] if report.unexplained is not None else [])]
        for row in rows:
            found = self._of_row(path, row)
            if found is not None:
                return found
        differs = False
        for output, expected, comparison in self._outputs():
            differs = True
            found = self._of_output(path, output, expected, comparison)
            if found is not None:
                return found
        if differs or report.culprits:
            raise InvalidArgument(
                "the model differs, but no piece of it does alone", action="see check_nodes() and the report"
            )
        raise InvalidArgument(
            "no node introduces a difference: there is nothing to show",
            action="if the model differs at other inputs only, run check_nodes(inputs=…) with these first",
        )

    # -- what is looked at, in order

    def _of_culprit(self, path: str, row: NodeCheck) -> Repro | None:
        """A node that differs alone; a node in its blocks, if it has some."""
        self._judge(row.local, refuses=row.local is None)
        piece = self.taken(row)
        if not self._shows(piece):
            return None
        title = f"{row.target}{f' at {row.where}' if row.where else ''}: {row.cause}"
        smaller = self._inside([row.node])
        if smaller is not None:
            return smaller(path, title)
        return self._written(path, title, row.detail, piece)

    def _of_row(self, path: str, row: NodeCheck) -> Repro | None:
        """Nodes up to a row that differ together."""
        if not row.value:
            return None
        self._judge(row.accumulated or row.local, refuses=False)
        target = next((pair for pair in self._pairs if pair.name == row.value and pair.node.id == row.node), None)
        if target is None or target.alias:
            return None
        try:
            values = values_of(self.flow.graph, self.given)
        except UnsupportedOperatorError:  # of another node: nothing is known of what stands before this one
            return None
        outputs = tuple(values[value.id] for value in target.node.outputs)
        expected = target.of(outputs)
        piece = self._together(target.value, expected, values)
        title = f"{row.target}{f' at {row.where}' if row.where else ''} differs, with what stands before it"
        return None if piece is None else self._written(path, title, row.detail, piece)

    def _of_output(self, path: str, output: ir.Value, expected: Any, found: Comparison | str) -> Repro | None:
        """An output: of a node in a block, or of all that it depends on."""
        refuses = isinstance(found, str)
        self._judge(None if isinstance(found, str) else found, refuses=refuses)
        title = f"output {output.name} differs" if not refuses else f"output {output.name} cannot be computed"
        try:
            smaller = self._inside([node.id for node in self.flow.graph.block.nodes if node.blocks])
            values = values_of(self.flow.graph, self.given)
        except UnsupportedOperatorError:  # sizes are baked into what was captured: PyTorch cannot run that, either
            smaller, values = None, {}
        if smaller is not None:
            return smaller(path, title)
        piece = self._together(output, expected, values)
        return None if piece is None else self._written(path, title, str(found), piece)

    def _inside(self, nodes: Sequence[int]) -> Callable[[str, str], Repro] | None:
        graph = self.flow.graph
        if not any(node.blocks for node in graph.block.nodes if node.id in nodes):
            return None
        try:
            found = inside(self.model, graph, self.flow.lowering.lowered, self.given, self._shows, nodes)
        except UnsupportedOperatorError:  # PyTorch cannot run a node after it: the larger piece stays
            return None
        if found is None:
            return None
        node, piece = found

        def write(path: str, title: str) -> Repro:
            place = f" at {node.origin.where}" if node.origin.where else ""
            return self._written(path, f"{node.target}{place} differs", f"It stands in a block: {title}", piece)

        return write

    def _together(self, target: ir.Value, expected: Any, values: dict[int, Any]) -> Extract | None:
        known: dict[ir.Value, torch.Tensor] = {}
        for pair in self._pairs:
            if not pair.alias and all(value.id in values for value in pair.node.outputs):
                tensor = pair.of(tuple(values[value.id] for value in pair.node.outputs))
                if tensor is not None:
                    known[pair.value] = tensor
        return together(self.model, target, expected, self._feeds(), known, self._shows)

    @property
    def _pairs(self) -> list[Any]:
        return find_pairs(self.flow.graph, self.flow.lowering.lowered, self.model.graph)

    def _feeds(self) -> dict[ir.Value, Any]:
        captured = self.flow.captured
        fed = {name: item.tensor for item in captured.graph.parameters for name in (item.name, *item.aliases)}
        fed |= feeds_of(captured.inputs, list(self.given))
        return {value: fed[value.name or ""] for value in self.model.graph.inputs if value.name in fed}

    def _outputs(self) -> Iterator[tuple[ir.Value, Any, Comparison | str]]:
        """The outputs that differ from the model's, with what is expected of them, and how; or why ONNX cannot run it."""
        captured = self.flow.captured
        rerun = make_rerun(self.flow.model, captured, MODES[self.flow.options.training])
        expected = rerun(tuple(self.given)) if self._is_resized else captured.eager
        rows: list[tuple[str, Any]] = []
        for item, tensor in zip(captured.outputs, expected, strict=True):
            if item.sequence and rows and rows[-1][0] == item.sequence:
                rows[-1][1].append(tensor)
            else:
                rows.append((item.sequence or item.name, [tensor] if item.sequence else tensor))
        feeds = {value.name or "": item for value, item in self._feeds().items()}
        try:
            actual: list[Any] = self._session(self.model).run(feeds)
        except (CheckerError, RuntimeMismatch, NoRuntimeKernel) as error:
            yield from (
                (value, row[1], error.message) for value, row in zip(self.model.graph.outputs, rows, strict=False)
            )
            return
        for value, (_, wanted), given in zip(self.model.graph.outputs, rows, actual, strict=False):
            found = self._compared(wanted, given, value.name or "")
            if found is not None:
                yield value, wanted, found

    @property
    def _is_resized(self) -> bool:
        """Whether the inputs are others than the captured ones."""
        return any(
            item.example is not tensor and (item.example.shape != tensor.shape or not torch.equal(item.example, tensor))
            for item, tensor in zip(self.flow.captured.inputs, self.given, strict=True)
        )

    def _compared(self, wanted: Any, given: Any, name: str) -> Comparison | None:
        """What differs of one output, or None."""
        left: list[torch.Tensor] = wanted if isinstance(wanted, list) else [wanted]
        right: list[Any] = given if isinstance(given, list) else [given]
        left = [torch.view_as_real(item.resolve_conj()) if item.is_complex() else item.detach() for item in left]
        quantized = is_quantized(self.flow.graph)
        rows = compare(
            left,
            right,
            [name] * len(left),
            rtol=self.asked.rtol,
            atol=self.asked.atol,
            quantized=quantized,
            random=random_outputs(self.model),
        )
        return next((row for row in rows if not row.passed), None)

    # -- whether a piece shows it

    def _judge(self, found: Comparison | None, *, refuses: bool) -> None:
        self.refuses = refuses
        given = found is not None and found.reason == "values"
        self.tolerance = (found.rtol, found.atol) if found is not None and given else _DEFAULT

    def _session(self, model: onnx.ModelProto | ir.Model) -> Session:
        try:
            return RuntimeSession(model)
        except NoRuntimeKernel:
            return ReferenceSession(model)

    def _shows(self, piece: Extract) -> bool:
        """Whether the script of a piece would show the difference."""
        if self.cancelled():
            raise Cancelled("stopped while the smallest piece was looked for")
        try:
            session = self._session(piece.model)
            self.engine = session.engine
            actual = session.run(piece.inputs)
        except (CheckerError, RuntimeMismatch, NoRuntimeKernel):
            return self.refuses
        if self.refuses:
            return False
        random = random_outputs(ir.from_proto(piece.model))
        for (name, wanted), given in zip(piece.expected.items(), actual, strict=True):
            left: list[torch.Tensor] = wanted if isinstance(wanted, list) else [wanted]
            right: list[Any] = given if isinstance(given, list) else [given]
            if len(left) != len(right) or any(
                self._apart(*pair, name in random) for pair in zip(left, right, strict=True)
            ):
                return True
        return False

    def _apart(self, wanted: torch.Tensor, given: Any, is_random: bool) -> bool:
        wanted = wanted.int_repr() if wanted.is_quantized else wanted
        rtol, atol = self.tolerance
        (found,) = compare([wanted], [given], ["value"], rtol=rtol, atol=atol, random={"value"} if is_random else set())
        return not found.passed

    def _written(self, path: str, title: str, detail: str, piece: Extract) -> Repro:
        shown = self._shows(piece)  # which says what runs it, too
        assert shown
        return of_mismatch(path, title, detail, piece, self.engine, self.tolerance)
