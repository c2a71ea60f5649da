"""What the model returned: from any nesting to a flat row of tensors with names.

In: the returned object. Out: ``Returned``: its tensors, a name and a path each, and notes on what was flattened or
dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from onnx_explore.capture.captured import CaptureNote
from onnx_explore.capture.containers import Leaf, Path, flatten, holds_tensors, path_name, path_text
from onnx_explore.capture.inputs import Names
from onnx_explore.errors import CaptureError, InvalidArgument


@dataclass(frozen=True, slots=True)
class Returned:
    """The model's result, taken apart.

    Attributes:
        tensors: The tensors, in order.
        paths: Where each stands, such as ``out['logits']``.
        keys: What its path says of its name; ``""`` for positions only.
        locations: The paths as keys.
        notes: What was flattened or dropped.
    """

    tensors: tuple[torch.Tensor, ...]
    paths: tuple[str, ...]
    keys: tuple[str, ...]
    locations: tuple[Path, ...]
    notes: tuple[CaptureNote, ...]

    def ordered(self, order: Sequence[int]) -> Returned:
        """The same in another order."""
        return Returned(
            tuple(self.tensors[index] for index in order),
            tuple(self.paths[index] for index in order),
            tuple(self.keys[index] for index in order),
            tuple(self.locations[index] for index in order),
            self.notes,
        )


_NUMBER = (
    ", or script the model (torch.jit.script): a trace holds the number of this one run, a scripted model computes it"
)


def open_result(result: Any, *, numbers: bool = False) -> Returned:
    """Takes a result apart.

    Args:
        result: What the model returned.
        numbers: Whether Python numbers are outputs, too, as 0-d tensors: a scripted model computes them when it runs.

    Raises:
        CaptureError: If it is (or holds) a container that nobody registered, or there is no tensor in it.
    """
    leaves, _ = flatten(result)
    kept: list[Leaf] = []
    notes: list[CaptureNote] = []
    for leaf in leaves:
        text = path_text("out", leaf.path)
        if leaf.is_tensor:
            kept.append(leaf)
        elif numbers and isinstance(leaf.value, bool | int | float):
            kept.append(Leaf(leaf.path, torch.tensor(leaf.value)))
            notes.append(CaptureNote("info", "NumberOutput", f"{text} is a number: the ONNX model gives a 0-d tensor"))
        elif holds_tensors(leaf.value):
            raise CaptureError(
                f"the model returned a {type(leaf.value).__qualname__} ({text}), which holds tensors, "
                "but is no registered container",
                argument=text,
                action="return its tensors in a tuple, list, dict or dataclass, "
                "or register it with torch.utils._pytree.register_pytree_node",
            )
        elif leaf.value is not None:
            message = f"{text} = {leaf.value!r:.60} is no tensor and is dropped from the outputs"
            notes.append(CaptureNote("warning", "OutputDropped", message))
        else:
            notes.append(CaptureNote("info", "OutputDropped", f"{text} is None and is dropped from the outputs"))
    notes += [_dropped(path) for path in _empty_lists(result, ())]
    if not kept:
        raise CaptureError(
            f"the model returned no tensor, but {type(result).__qualname__}",
            action="return the tensors that the ONNX model shall give"
            + ("" if numbers or not isinstance(result, bool | int | float) else _NUMBER),
        )
    nested = any(len(leaf.path) > 1 for leaf in kept)
    if nested or isinstance(result, Mapping):
        kind = type(cast(object, result)).__qualname__
        message = f"the returned {kind} was flattened to {len(kept)} outputs"
        notes.append(CaptureNote("info", "OutputFlattened", message))
    return Returned(
        tuple(leaf.value for leaf in kept),
        tuple(path_text("out", leaf.path) for leaf in kept),
        tuple(_key_name(leaf.path) for leaf in kept),
        tuple(leaf.path for leaf in kept),
        tuple(notes),
    )


def _empty_lists(item: Any, path: Path) -> Iterator[Path]:
    """Where empty lists stand: what they would hold is not known."""
    if isinstance(item, list) and not item:
        yield path
    elif isinstance(item, dict):
        for key, entry in cast("dict[Any, Any]", item).items():
            yield from _empty_lists(entry, (*path, key))
    elif isinstance(item, list | tuple):
        for index, entry in enumerate(cast("Sequence[Any]", item)):
            yield from _empty_lists(entry, (*path, index))


def _dropped(path: Path) -> CaptureNote:
    return CaptureNote(
        "warning",
        "OutputDropped",
        f"{path_text('out', path)} is an empty list in the captured run and is dropped from the outputs: "
        "pass an example for which it holds something",
    )


def column_of(path: Path, lists: Collection[Path]) -> Path | None:
    """The path of a tensor in a list of structures without the index in that list: which output it belongs to."""
    for size in range(len(path)):
        if path[:size] in lists:
            return (*path[:size], *path[size + 1 :])
    return None


def by_column(locations: Sequence[Path], lists: Collection[Path]) -> list[int]:
    """The order of a result's tensors in which those of one output stand together.

    Args:
        locations: Where they stand in the result.
        lists: Paths of the lists of structures, each of which is one output for each part of an element.
    """
    places: dict[Path, int] = {}
    ranks = [places.setdefault(column_of(path, lists) or path, index) for index, path in enumerate(locations)]
    return sorted(range(len(locations)), key=lambda index: (ranks[index], index))


def _key_name(path: Path) -> str:
    """The path from its first name on: ``out[0]['boxes'][1]`` is ``boxes_1``."""
    first = next((index for index, key in enumerate(path) if isinstance(key, str)), len(path))
    return path_name(path[first:])


def name_outputs(
    returned: Returned,
    given: Sequence[str] | None,
    inputs: Sequence[str],
    sequences: Sequence[Path | None] = (),
) -> tuple[tuple[str, str], ...]:
    """A unique name for each output, different from the inputs' names, and the name of the list that it is an element of.

    The user's names first, then keys, then ``output`` or ``output_0``, ``output_1``, …. Elements of a list that is one output
    (``sequences`` has its path) are named after it.

    Raises:
        InvalidArgument: If there are more names than outputs, or a name is taken by an input.
    """
    lists = sequences or (None,) * len(returned.tensors)
    count = len({path if path is not None else index for index, path in enumerate(lists)})
    if given is not None and len(given) > count:
        raise InvalidArgument(
            f"{len(given)} names for {count} outputs", argument="output_names", action="give one name an output"
        )
    for name in given or ():
        if name in inputs:
            raise InvalidArgument(f"{name!r} is the name of an input", argument="output_names", action="rename it")
    names = Names(given or ())
    for name in inputs:
        names.unique(name)
    rows: list[tuple[str, str]] = []
    taken: dict[Path, str] = {}
    position = 0
    for key, path in zip(returned.keys, lists, strict=True):
        fallback = "output" if count == 1 else f"output_{position}"
        if path is None:
            rows.append((names.take(key or fallback), ""))
            position += 1
            continue
        if path not in taken:
            taken[path] = names.take(_key_name(path) or fallback)
            position += 1
        rows.append((names.unique(f"{taken[path]}_{sum(1 for _, name in rows if name == taken[path])}"), taken[path]))
    return tuple(rows)
