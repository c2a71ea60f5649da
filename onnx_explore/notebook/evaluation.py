"""The words of a line as Python: expressions of the user's namespace, and what is said when one cannot be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from onnx_explore.notebook.line import KEYWORD, WrongWord, suggestion
from onnx_explore.notebook.words import Word


class Namespace:
    """The user's variables.

    Args:
        names: Global ones.
        local: Those of the function that the magic stands in, if any.
    """

    def __init__(self, names: dict[str, Any], local: Mapping[str, Any] | None = None) -> None:
        self._names = names if local is None or local is names else {**names, **local}

    def evaluate(self, expression: str) -> Any:
        """The value of an expression.

        Raises:
            WrongWord: If it is no expression, names what is not there, or raises.
        """
        try:
            code = compile(expression.strip(), "<magic>", "eval")
        except SyntaxError as error:
            raise WrongWord(f"'{expression}' is not a Python expression: {error.msg}") from error
        try:
            return eval(code, self._names)
        except NameError as error:
            name = error.name or ""
            raise WrongWord(f"name '{name}' is not defined{suggestion(name, self._names)}") from error
        except AttributeError as error:
            raise WrongWord(f"'{expression}': {error}{_attributes_like(error)}") from error
        except Exception as error:
            raise WrongWord(f"'{expression}' raised {type(error).__name__}: {error}") from error


def _attributes_like(error: AttributeError) -> str:
    return suggestion(error.name or "", dir(error.obj)) if error.obj is not None else ""


def call_arguments(words: list[Word], keywords: list[tuple[str, str]], space: Namespace) -> tuple[Any, dict[str, Any]]:
    """The arguments of the model's call.

    A single word is passed on as ``export`` takes it: a tensor, or a tuple of arguments that may end with a dict of
    keyword arguments. Several words are the positional arguments; ``name=x`` and ``**mapping`` are keyword arguments,
    ``*items`` stands for several.

    Returns:
        ``args`` and ``kwargs`` of ``export``.
    """
    positional: list[Any] = []
    named: dict[str, Any] = {}
    alone = False
    for word in words:
        match = None if word.quoted else KEYWORD.fullmatch(word.text)
        if match is not None:
            _add(named, match[1], space.evaluate(match[2]))
        elif word.text.startswith("**"):
            mapping = space.evaluate(word.text[2:])
            if not isinstance(mapping, Mapping):
                raise WrongWord(f"'{word.text[2:]}' is a {type(mapping).__name__}, not a mapping of keyword arguments")
            for name, value in mapping.items():  # pyright: ignore[reportUnknownVariableType]
                _add(named, str(name), value)  # pyright: ignore[reportUnknownArgumentType]
        elif word.text.startswith("*"):
            items = space.evaluate(word.text[1:])
            if not isinstance(items, list | tuple):
                raise WrongWord(f"'{word.text[1:]}' is a {type(items).__name__}, not a list or tuple of arguments")
            positional.extend(items)  # pyright: ignore[reportUnknownArgumentType]
            alone = False
        else:
            positional.append(space.evaluate(word.text))
            alone = len(positional) == 1
    for name, expression in keywords:
        _add(named, name, space.evaluate(expression))
    if alone and isinstance(positional[0], tuple):
        return positional[0], named  # pyright: ignore[reportUnknownVariableType]
    if positional and isinstance(positional[-1], dict):
        positional.append({})  # the dict is an argument here, not the keyword arguments
    return tuple(positional), named


def _add(named: dict[str, Any], name: str, value: Any) -> None:
    if name in named:
        raise WrongWord(f"the keyword argument '{name}' is given twice")
    named[name] = value


def model_of(word: Word, space: Namespace) -> Any:
    """The model that the first word names.

    Raises:
        WrongWord: If it is a tensor, or cannot be called.
    """
    model = space.evaluate(word.text)
    if isinstance(model, torch.Tensor):
        raise WrongWord(f"'{word.text}' is a tensor; the model comes first: %onnx_export model x")
    if isinstance(model, type):
        raise WrongWord(f"'{word.text}' is a class; pass a model made of it: %onnx_export {word.text}() x")
    if not callable(model):
        raise WrongWord(f"'{word.text}' is a {type(model).__name__}, which is not a model")
    return model
