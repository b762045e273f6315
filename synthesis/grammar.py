"""GBNF grammars that keep a reworded question to one line of sensible length."""

from __future__ import annotations

# Letters of Latin script with accents, digits, and the punctuation a question needs; no quotes around the
# whole, no brackets, no line breaks, no emoji.
_BODY = r"[a-zA-ZÀ-ɏ0-9 ',:/.&%€$£-]"


def one_question(original: str, beginning: str = "") -> str:
    """A grammar for one line that ends as `original` does, between a third and three times its length.

    With a `beginning` (letters and apostrophes) the line starts with that word.
    """
    shortest, longest = length_bounds(original)
    end = '"?"' if original.rstrip().endswith("?") else "[.?!]"
    if beginning:
        rest = f"{_BODY}{{{max(1, shortest - len(beginning))},{longest}}}"
        return f'root ::= "{beginning} " {rest} [a-zA-ZÀ-ɏ0-9] {end}\n'
    return f"root ::= [A-ZÀ-Þ] {_BODY}{{{shortest},{longest}}} [a-zA-ZÀ-ɏ0-9] {end}\n"


def length_bounds(original: str) -> tuple[int, int]:
    """Characters a rewording may have: (fewest, most)."""
    size = len(original.strip())
    return max(4, size // 3), min(240, 3 * size + 20)
