"""A magic's line, split into words, as Python brackets and quotes have it.

In: ``model.encoder (x, y) --dynamic x:0=batch "x + 1"``. Out: ``model.encoder``, ``(x, y)``, ``--dynamic``,
``x:0=batch``, ``x + 1``. A word ends at a blank outside brackets and quotes; a word that is quoted as a whole loses
its quotes; ``#`` starts a comment.
"""

from __future__ import annotations

from dataclasses import dataclass

_CLOSES = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Word:
    """One word.

    Attributes:
        text: Without the quotes around it.
        quoted: Whether it was quoted as a whole, and so is never an option.
        start: Where it begins in the line.
    """

    text: str
    quoted: bool
    start: int


class Unfinished(ValueError):
    """A bracket or a quote is not closed.

    Attributes:
        opened: The character that is not closed, or that closes nothing.
        start: Where the word that it belongs to begins.
        words: The finished words before it.
    """

    def __init__(self, message: str, opened: str, start: int, words: tuple[Word, ...]) -> None:
        self.opened = opened
        self.start = start
        self.words = words
        super().__init__(message)


def split(line: str) -> tuple[Word, ...]:
    """Split a line.

    Raises:
        Unfinished: If a bracket or a quote is not closed, or a bracket closes nothing.
    """
    words: list[Word] = []
    position, end = 0, len(line)
    while position < end:
        if line[position].isspace():
            position += 1
        elif line[position] == "#":
            break
        else:
            start = position
            position = _end_of_word(line, start, tuple(words))
            words.append(_word(line[start:position], start))
    return tuple(words)


def _end_of_word(line: str, start: int, words: tuple[Word, ...]) -> int:
    open_brackets: list[str] = []
    position = start
    while position < len(line):
        letter = line[position]
        if letter in "'\"":
            position = _end_of_quote(line, position, start, words)
            continue
        if letter in _CLOSES:
            open_brackets.append(letter)
        elif letter in ")]}":
            if not open_brackets or _CLOSES[open_brackets[-1]] != letter:
                raise Unfinished(f"the bracket '{letter}' closes nothing", letter, start, words)
            open_brackets.pop()
        elif letter.isspace() and not open_brackets:
            break
        position += 1
    if open_brackets:
        raise Unfinished(f"the bracket '{open_brackets[-1]}' is not closed", open_brackets[-1], start, words)
    return position


def _end_of_quote(line: str, position: int, start: int, words: tuple[Word, ...]) -> int:
    quote = line[position]
    inner = position + 1
    while inner < len(line):
        if line[inner] == "\\":
            inner += 2
        elif line[inner] == quote:
            return inner + 1
        else:
            inner += 1
    raise Unfinished(f"the quote {quote} is not closed", quote, start, words)


def _word(text: str, start: int) -> Word:
    """``"x + 1"`` loses its quotes; ``"a" + "b"`` is no single quoted word and keeps them."""
    quote = text[0]
    if quote in "'\"" and len(text) >= 2 and _end_of_quote(text, 0, 0, ()) == len(text):
        return Word(text[1:-1].replace(f"\\{quote}", quote), True, start)
    return Word(text, False, start)
