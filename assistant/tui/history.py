"""The owner's earlier messages, walked through in the prompt. Knows texts only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

LONGEST = 200


class PromptHistory:
    """`read` gives the texts, the newest first; it is asked anew whenever a walk begins."""

    def __init__(self, read: Callable[[int], Sequence[str]]) -> None:
        self._read = read
        self._texts: Sequence[str] = ()
        self._position = -1
        self._draft = ""

    def older(self, current: str) -> str | None:
        """The message before the one that is shown; None at the end. `current` comes back on the way down."""
        if not self._is_walking(current):
            self._texts, self._position, self._draft = self._read(LONGEST), -1, current
        if self._position + 1 >= len(self._texts):
            return None
        self._position += 1
        return self._texts[self._position]

    def newer(self, current: str) -> str | None:
        """The message after the one that is shown, at last what had been typed; None below that."""
        if not self._is_walking(current):
            return None
        self._position -= 1
        return self._texts[self._position] if self._position >= 0 else self._draft

    def _is_walking(self, current: str) -> bool:
        """Whether the prompt still shows what the last step brought."""
        return self._position >= 0 and current == self._texts[self._position]
