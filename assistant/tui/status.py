"""The two lines under the chat: what just happened, and the standing facts in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

NEARLY_FULL = 0.75


@dataclass(frozen=True, slots=True)
class Facts:
    """What the status line shows. `model_state` is set while the model is not ready."""

    model: str
    context_tokens: int
    model_state: str = ""
    tokens: int | None = None
    tokens_per_s: float | None = None
    context_used: int | None = None
    learned: str = "nothing yet"
    is_learning: bool = True
    is_sharing: bool = False
    is_saving: bool = True
    is_private: bool = False
    persona: str = ""
    tuning: str = ""

    def sentence(self) -> str:
        """All facts in one line; the ones that are normal and unmeasured are left out."""
        speed = "– tok/s" if self.tokens_per_s is None else f"{self.tokens_per_s:.0f} tok/s"
        if self.tokens is not None:
            speed = f"{self.tokens} tokens, {speed}"
        parts = [
            "private chat" if self.is_private else "",
            self.model_state or self.model,
            "" if self.model_state else speed,
            self._context(),
            f"as {self.persona}" if self.persona else "",
            f"learned: {self.learned}",
            self.tuning,
            "" if self.is_private else "saving on" if self.is_saving else "saving off",
            "learning on" if self.is_learning and not self.is_private else "learning off",
            "sharing on" if self.is_sharing else "sharing off",
        ]
        return " · ".join(part for part in parts if part)

    def _context(self) -> str:
        if self.context_used is None:
            return f"context –/{self.context_tokens}"
        meter = f"context {self.context_used}/{self.context_tokens}"
        if self.context_used > self.context_tokens:
            return f"{meter} full, the oldest messages are not seen"
        share = self.context_used / max(1, self.context_tokens)
        return f"{meter} ({share:.0%} full)" if share >= NEARLY_FULL else meter


class StatusLine(Static):
    """Standing facts; wraps on narrow screens."""

    DEFAULT_CSS = """
    StatusLine { height: auto; padding: 0 1; color: $text-muted; }
    """

    facts: reactive[Facts] = reactive(Facts("", 0))

    def change(self, **changes: Any) -> None:
        """Replace some facts, by field name."""
        self.facts = replace(self.facts, **changes)

    def watch_facts(self, facts: Facts) -> None:
        self.update(Content(facts.sentence()))


class Notice(Static):
    """The last thing that happened, in one sentence; stays until the next one."""

    DEFAULT_CSS = """
    Notice { height: auto; padding: 0 2; color: $text-accent; display: none; }
    Notice.-shown { display: block; }
    """

    def say(self, text: str) -> None:
        """Show a sentence; an empty one hides the line."""
        self.update(Content(text))
        self.set_class(bool(text), "-shown")
