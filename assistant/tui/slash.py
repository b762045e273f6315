"""/commands typed into the prompt: the same verbs as in the palette and in the line mode.

Knows the table of commands and the screen's actions; shows what may be meant while one is typed.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from typing import Any

from assistant.commands import COMMANDS, begins, parse
from assistant.tui.chat_pane import ChatPane

Act = Callable[[str], Awaitable[Any] | Any]
LISTED = 6


class Slash:
    """`acts` run the commands by name, each with what was typed behind it."""

    def __init__(self, pane: ChatPane, acts: dict[str, Act]) -> None:
        self._pane = pane
        self._acts = acts
        self._is_hinting = False

    async def run(self, text: str) -> bool:
        """Obey a text that is a command; False when it is a message."""
        parsed = parse(text)
        if parsed is None:
            return False
        name, rest = parsed
        act = self._acts.get(name)
        if act is None:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            meant = f" Did you mean /{near[0]}?" if near else " /help lists them."
            self._pane.say(f"There is no command /{name}.{meant} A text that begins otherwise is sent.")
            return True
        self._pane.prompt.take(text)
        self._pane.say("")
        self._is_hinting = False
        result = act(rest)
        if isinstance(result, Awaitable):
            await result
        return True

    def hint(self, text: str) -> None:
        """Say which commands what is typed may become."""
        found = begins(text)
        if not found:
            if self._is_hinting:
                self._is_hinting = False
                self._pane.say("")
            return
        self._is_hinting = True
        if len(found) == 1:
            self._pane.say(f"{found[0].usage}: {found[0].does}")
            return
        names = "  ".join(f"/{command.name}" for command in found[:LISTED])
        more = f"  and {len(found) - LISTED} more" if len(found) > LISTED else ""
        self._pane.say(f"{names}{more} · Tab completes")

    def complete(self, text: str) -> str | None:
        """What Tab makes of the text: as much as all possible commands share; None when it is no command."""
        found = begins(text)
        if not found:
            return None
        if len(found) == 1:
            return f"/{found[0].name}" + (" " if found[0].takes else "")
        shared = found[0].name
        for command in found[1:]:
            while not command.name.startswith(shared):
                shared = shared[:-1]
        return f"/{shared}"
