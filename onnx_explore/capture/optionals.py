"""Arguments of a scripted model that may be None, and which of them the ONNX model takes either way.

In: a capture and ``optional_inputs``. Out: notes on those that are only taken as they were given, or what is wrong with the
names.
"""

from __future__ import annotations

from collections.abc import Sequence

from onnx_explore.capture.captured import Capture, CaptureNote, GraphInput
from onnx_explore.errors import InvalidArgument
from onnx_explore.torch_ir import TorchGraph, TorchValue, walk

_ASKS = ("aten::__is__", "aten::__isnot__")
_HAND_ON = (
    "prim::unchecked_cast",
    "prim::TupleConstruct",
    "prim::NamedTupleConstruct",
    "prim::ListConstruct",
    "prim::DictConstruct",
    "prim::TupleUnpack",
    "prim::TupleIndex",
    "prim::ListUnpack",
    "aten::__getitem__",
)
"""What gives its inputs, or parts of them, on."""
_STORE = ("aten::append", "aten::insert", "aten::_set_item", "aten::extend")
"""What puts its inputs into the first one."""


def chosen_optionals(captured: Capture, chosen: Sequence[str]) -> list[CaptureNote]:
    """Check ``optional_inputs`` against the captured model.

    Args:
        captured: The model.
        chosen: Names of the inputs that may be None when the ONNX model runs.

    Returns:
        A note for each input that the model compares with None and that was not chosen.

    Raises:
        InvalidArgument: For a name that is no input which may be None.
    """
    asked = _asked(captured.graph)
    possible = {item.name: item for item in captured.inputs if item.optional and item.value.id in asked}
    for name in chosen:
        if name not in possible:
            raise _wrong(captured, name, list(possible))
        if possible[name].example.is_quantized or possible[name].example.is_complex():
            raise InvalidArgument(
                f"'{name}' is {possible[name].example.dtype}, of which there is no ONNX optional",
                argument="optional_inputs",
                action="leave it out, or pass its integers (torch.view_as_real of it)",
            )
    return [
        CaptureNote(
            "info",
            "OptionalInput",
            f"'{name}' may be None in the scripted model, and the ONNX model always takes a tensor for it: "
            f'with optional_inputs=["{name}"] it takes either',
        )
        for name in possible
        if name not in chosen
    ]


def _asked(graph: TorchGraph) -> set[int]:
    """Ids of the values of which something asks whether they are None: a comparison, or an operator that takes either.

    There, or after a branch, a loop or a container has handed them on.
    """
    sources: dict[int, set[int]] = {}

    def handed_on(receivers: Sequence[TorchValue], givers: Sequence[TorchValue]) -> None:
        for receiver, giver in zip(receivers, givers, strict=True):
            sources.setdefault(receiver.id, set()).add(giver.id)

    pending: list[int] = []
    for node in walk(graph.block):
        if node.target in _ASKS:
            pending += [value.id for value in node.inputs]
        elif node.target == "prim::If":
            for block in node.blocks:
                handed_on(node.outputs, block.returns)
        elif node.target == "prim::Loop":
            body = node.blocks[0]
            for receivers in (body.params[1:], node.outputs):
                handed_on(receivers, node.inputs[2:])
                handed_on(receivers, body.returns[1:])
        elif node.target in _HAND_ON or node.target in _STORE:
            receivers = node.inputs[:1] if node.target in _STORE else node.outputs
            for receiver in receivers:
                handed_on([receiver] * len(node.inputs), node.inputs)
        elif node.schema is not None:
            arguments = zip(node.inputs, node.schema.arguments, strict=False)
            pending += [value.id for value, argument in arguments if argument.type in ("Tensor?", "Tensor?[]")]
    asked: set[int] = set()
    while pending:
        value = pending.pop()
        if value not in asked:
            asked.add(value)
            pending += sources.get(value, ())
    return asked


def _wrong(captured: Capture, name: str, possible: Sequence[str]) -> InvalidArgument:
    argument = "optional_inputs"
    if captured.mode == "trace":
        return InvalidArgument(
            f"'{name}' cannot be None: a trace has only one of the two ways",
            argument=argument,
            action="script the model (torch.jit.script) with the argument declared as Optional[Tensor]",
        )
    found: GraphInput | None = next((item for item in captured.inputs if item.onnx_name == name), None)
    if found is None:
        return InvalidArgument(
            f"'{name}' is no input of the model",
            argument=argument,
            action="pass a tensor for it, whose dtype and shape the input gets"
            + (f", or use one of {', '.join(possible)}" if possible else ""),
        )
    if not found.optional:
        return InvalidArgument(
            f"the scripted model does not declare '{name}' as Optional[Tensor]",
            argument=argument,
            action="declare it so, and ask whether it is None",
        )
    return InvalidArgument(
        f"the scripted model never asks whether '{name}' is None",
        argument=argument,
        action=f"write 'if {name} is not None: …' in the model",
    )
