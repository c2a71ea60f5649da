"""Tab in the magics' lines: options, their values, variables (models first, then tensors), nodes, graphs.

A matcher of IPython's completer; the same one serves a terminal and a kernel. It answers only inside our magics, and
there it answers alone. It never runs code of the user: dotted names are followed through modules and instance
dictionaries only.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any, cast

import onnx
import torch
from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.explore.exploration import Exploration
from onnx_explore.notebook.options import OPTIONS, Option
from onnx_explore.notebook.session import Session
from onnx_explore.notebook.words import Unfinished, Word, split
from onnx_explore.options import DEFAULT_OPSET, NEWEST_OPSET, OLDEST_OPSET

_LINE = re.compile(r"(?:^|[=\s])%{1,2}(onnx_\w+)[ \t]+(.*)$", re.DOTALL)
_OPENS = re.compile(r"[\w.]*$")


class Completer:
    """Offers completions for the magics of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @context_matcher(identifier="onnx_explore")  # pyright: ignore[reportUntypedFunctionDecorator]
    def matcher(self, context: CompletionContext) -> SimpleMatcherResult:
        """The matcher that IPython asks."""
        found = _LINE.search(context.text_until_cursor)
        if found is None or found[1] not in OPTIONS:
            return _result("", [])
        if found[1] == "onnx_symbolic" and "\n" in found[2]:  # Python: IPython's own completion knows it
            return _result("", [])
        offered = self._offers(found[1], found[2])
        if offered is None:
            return _result("", [])
        fragment, texts = offered
        fitting = [SimpleCompletion(text=text, type=kind) for text, kind in texts if text.startswith(fragment)]
        return _result(fragment, fitting, alone=True)

    def _offers(self, magic: str, typed: str) -> tuple[str, list[tuple[str, str]]] | None:
        """What was typed of the present word, and all that it could become; None to leave it to IPython."""
        before, word = _present_word(typed)
        options = {flag: option for option in OPTIONS[magic] for flag in option.flags}
        if word.startswith("-"):
            return word, _flags(options, before)
        option = options.get(before[-1].text) if before and not before[-1].quoted else None
        if option is not None and option.metavar:
            return self._values(option, before, word)
        words = _positional(before, options)
        if magic == "onnx_export":
            fragment = _fragment(word)
            return fragment, self._variables(fragment, model_first=not words)
        if magic == "onnx_symbolic":
            return word, self._unconverted() + self._targets()
        if magic == "onnx_graph" and not words:
            return word, [("torch", "graph"), ("onnx", "graph")]
        if magic == "onnx_graph":
            return word, self._modules()
        if magic == "onnx_dispatch" and not words:
            return word, [*self._targets(), *self._modules()]
        return word, _flags(options, before)

    def _values(self, option: Option, before: list[Word], word: str) -> tuple[str, list[tuple[str, str]]] | None:
        if option.completes == "file":
            return None
        if option.completes == "opset":
            newest = min(NEWEST_OPSET, onnx.defs.onnx_opset_version())
            numbers = [DEFAULT_OPSET, *(n for n in range(newest, OLDEST_OPSET - 1, -1) if n != DEFAULT_OPSET)]
            return word, [(str(number), "opset") for number in numbers]
        if option.completes == "choice":
            return word, [(choice, "value") for choice in option.choices]
        if option.completes == "exploration":
            names = [name for name, item in self._session.shell.user_ns.items() if isinstance(item, Exploration)]
            return word, [(name, "exploration") for name in names]
        if option.completes == "axes":
            return word, [(f"{name}:", "input") for name in self._parameters(before)]
        if option.completes == "keyword":
            name, equals, start = word.partition("=")
            if equals:
                fragment = _fragment(start)
                return fragment, self._variables(fragment, model_first=False)
            return name, [(f"{parameter}=", "argument") for parameter in self._parameters(before)]
        if option.completes == "names":
            return word, [(",".join(self._parameters(before)), "names")]
        return word, []

    def _parameters(self, before: list[Word]) -> list[str]:
        """The parameters of the model's ``forward``, where the line names the model already."""
        options = {flag: option for option in OPTIONS["onnx_export"] for flag in option.flags}
        words = _positional(before, options)
        model = self._follow(words[0].text) if words else None
        call = model.forward if isinstance(model, torch.nn.Module) else model
        if not callable(call):
            return []
        try:
            return list(inspect.signature(call).parameters)
        except (TypeError, ValueError):  # a builtin or a script function without a signature
            return []

    # -- variables --------------------------------------------------------------------------------------------------

    def _variables(self, fragment: str, *, model_first: bool) -> list[tuple[str, str]]:
        owner, dot, _ = fragment.rpartition(".")
        if dot:
            item = self._follow(owner)
            return [(f"{owner}.{name}", kind) for name, kind in _members(item)]
        names = [
            (name, item)
            for name, item in self._session.shell.user_ns.items()
            if (not name.startswith("_") or fragment.startswith("_")) and name not in self._session.shell.user_ns_hidden
        ]
        groups: list[tuple[type, str]] = [(torch.nn.Module, "module"), (torch.Tensor, "tensor")]
        if not model_first:
            groups.reverse()
        ranked: list[tuple[str, str]] = []
        for kind, label in groups:
            ranked += [(name, label) for name, item in names if isinstance(item, kind)]
        seen = {name for name, _ in ranked}
        others = [(name, type(item).__name__) for name, item in names if name not in seen]
        return ranked + sorted(others)

    def _follow(self, dotted: str) -> Any:
        """The object that a dotted name stands for, without running any code; None if it stands for none."""
        first, *rest = dotted.split(".")
        item: Any = self._session.shell.user_ns.get(first)
        for name in rest:
            item = dict(_items(item)).get(name)
        return item

    # -- the last export --------------------------------------------------------------------------------------------

    def _targets(self) -> list[tuple[str, str]]:
        exploration = self._session.current
        if exploration is None:
            return []
        targets = {node.target for node in exploration.torch_graph.block.nodes}
        return [(target, "operator") for target in sorted(targets, key=lambda item: (item.startswith("prim::"), item))]

    def _unconverted(self) -> list[tuple[str, str]]:
        """The operators that the last export misses."""
        error = self._session.current.error if self._session.current is not None else None
        missing = error.missing if isinstance(error, UnsupportedOperatorError) else ()
        return [(target, "operator") for target in dict.fromkeys(target for target, _ in missing)]

    def _modules(self) -> list[tuple[str, str]]:
        exploration = self._session.current
        if exploration is None:
            return []
        scopes = dict.fromkeys(node.origin.scope for node in exploration.torch_graph.block.nodes)
        return [(scope, "module") for scope in scopes if scope]


def _result(fragment: str, completions: list[SimpleCompletion], *, alone: bool = False) -> SimpleMatcherResult:
    result: dict[str, Any] = {"completions": completions}
    if alone:
        result |= {"suppress": True, "ordered": True, "matched_fragment": fragment}
    return cast("SimpleMatcherResult", result)


def _flags(options: dict[str, Option], before: Iterable[Word]) -> list[tuple[str, str]]:
    given = {word.text for word in before if not word.quoted}
    return [
        (flag, "option") for flag, option in options.items() if option.repeats or not given.intersection(option.flags)
    ]


def _present_word(typed: str) -> tuple[list[Word], str]:
    """The words before the cursor's one, and what is typed of that one."""
    try:
        words = list(split(typed))
    except Unfinished as error:
        return list(error.words), typed[error.start :]
    if not words or typed[-1:].isspace():
        return words, ""
    return words[:-1], typed[words[-1].start :]


def _positional(before: list[Word], options: dict[str, Option]) -> list[Word]:
    """The words that are neither options nor their values."""
    result: list[Word] = []
    takes_value = False
    for word in before:
        if takes_value:
            takes_value = False
        elif not word.quoted and word.text.partition("=")[0] in options:
            takes_value = bool(options[word.text.partition("=")[0]].metavar) and "=" not in word.text
        else:
            result.append(word)
    return result


def _fragment(word: str) -> str:
    """The name being typed at the end of an expression: ``enc`` in ``(x, model.enc`` is ``model.enc``."""
    found = _OPENS.search(word)
    return found[0] if found is not None else ""


def _items(item: Any) -> list[tuple[str, Any]]:
    """Named parts of an object that can be read without running code."""
    if isinstance(item, torch.nn.Module):
        own = {name: value for name, value in vars(item).items() if not name.startswith("_") and name != "training"}
        tensors = [*item.named_parameters(recurse=False), *item.named_buffers(recurse=False)]
        return [*item.named_children(), *tensors, *own.items()]
    namespace: dict[str, Any] = getattr(item, "__dict__", {}) if item is not None else {}
    return list(namespace.items())


def _members(item: Any) -> list[tuple[str, str]]:
    if item is None:
        return []
    parts = [(name, value) for name, value in _items(item) if name.isidentifier() and not name.startswith("_")]
    ranked = sorted(
        parts, key=lambda pair: (not isinstance(pair[1], torch.nn.Module), not isinstance(pair[1], torch.Tensor))
    )
    named = {name for name, _ in ranked}
    more = [name for name in dir(type(item)) if not name.startswith("_") and name not in named]
    kinds = [(name, "module" if isinstance(value, torch.nn.Module) else "attribute") for name, value in ranked]
    return kinds + [(name, "attribute") for name in more]
