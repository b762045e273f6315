"""Prompts that learning must leave alone, and the word groups that turn a question into a near miss.

Reads the data files beside this module; knows nothing about any owner.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

Member = tuple[str, ...]
"""Words for the same thing, e.g. ("film", "movie"); the first one is written when it is swapped in."""


@cache
def general_prompts() -> tuple[str, ...]:
    """Prompts as people give them to any assistant, none about the owner."""
    return _lines("general_prompts.txt")


@cache
def personal_questions() -> tuple[str, ...]:
    """Questions owners ask about themselves, for facts that were never told."""
    return _lines("personal_questions.txt")


@cache
def swap_groups() -> tuple[tuple[Member, ...], ...]:
    """Groups of things of the same kind; swapping members asks for something else in the same shape."""
    return tuple(
        tuple(tuple(word.strip() for word in member.split("/")) for member in line.split("|"))
        for line in _lines("swaps.txt")
    )


def _lines(name: str) -> tuple[str, ...]:
    text = resources.files("synthesis").joinpath("data", name).read_text(encoding="utf-8")
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
