"""Bindings of the actions that the owner can put on other keys. Knows the table of keys."""

from __future__ import annotations

from textual.binding import Binding

from assistant.keys import ACTIONS


def bound(name: str, action: str, *, show: bool = True, priority: bool = False) -> Binding:
    """The binding of `name` in the table of keys; `action` is what Textual runs.

    The name is also the binding's id, by which the owner's own keys reach it.
    """
    known = ACTIONS[name]
    return Binding(known.keys, action, known.does, show=show, priority=priority, id=name)
