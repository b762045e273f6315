"""How a key is written: modifiers and a key, such as ctrl+t. Knows names only, no action."""

from __future__ import annotations

import difflib

MODIFIERS = ("alt", "ctrl", "shift", "super")
NAMED = (
    *"enter escape tab space backspace delete insert home end pageup pagedown".split(),
    *"up down left right comma".split(),
    *(f"f{number}" for number in range(1, 25)),
)
# What other programs call them.
_OTHER_NAMES = {
    "control": "ctrl",
    "option": "alt",
    "cmd": "super",
    "esc": "escape",
    "return": "enter",
    "del": "delete",
    "pgup": "pageup",
    "pgdn": "pagedown",
}
# A terminal sends the same for these.
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+h": "backspace", "ctrl+[": "escape"}


class UnknownKey(ValueError):
    """There is no such key, or a terminal can't send it; `meant` is the likeliest other one, or empty."""

    def __init__(self, meant: str) -> None:
        super().__init__(meant)
        self.meant = meant


def key_name(written: str) -> str:
    """The key as Textual knows it: small letters, modifiers in alphabetical order. Raises UnknownKey."""
    *modifiers, key = [written] if len(written) == 1 else written.split("+")
    modifiers = sorted(modifier.casefold() for modifier in modifiers)
    if len(key) == 1 and modifiers == ["shift"] and key.isalpha():
        # What a terminal sends then is the capital letter.
        return key.upper()
    if len(key) != 1 or modifiers:
        key = key.casefold()
    name = "+".join([*modifiers, key])
    if name in _SAME or not set(modifiers) <= set(MODIFIERS) or not _exists(modifiers, key):
        raise UnknownKey(_meant(modifiers, key))
    return name


def types_text(name: str) -> bool:
    """Whether this key puts a character into a text."""
    return len(name) == 1 or name in ("space", "comma")


def _exists(modifiers: list[str], key: str) -> bool:
    if len(key) != 1:
        return key in NAMED
    if modifiers:
        return key.isascii() and key.isalnum() and "shift" not in modifiers
    return key.isprintable() and not key.isspace()


def _meant(modifiers: list[str], key: str) -> str:
    same = _SAME.get("+".join([*modifiers, key]))
    if same:
        return same
    parts = [_near(modifier, MODIFIERS) for modifier in modifiers]
    parts.append(key if len(key) == 1 and key.isalnum() else _near(key, NAMED))
    meant = "+".join(parts)
    return meant if all(parts) and parts != [*modifiers, key] else ""


def _near(written: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(written, known, n=1)
    return _OTHER_NAMES.get(written) or (near[0] if near else "")
