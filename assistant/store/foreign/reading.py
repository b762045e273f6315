"""What a reader hands over, and the parts that formats share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from assistant.store.transfer import ChatDraft, moment

ROLES = ("system", "user", "assistant")

NO_CHAT = "not a chat of this format"
EMPTY = "no message with text"


@dataclass(frozen=True, slots=True)
class Reading:
    """One conversation of a file: a draft, or the reason why there is none.

    `left_out` counts messages by the reason why they are not part of the draft. `done` of `total` is how far
    the reader is, in units of its own.
    """

    draft: ChatDraft | None
    reason: str = ""
    left_out: Counter[str] = field(default_factory=Counter)
    done: int = 0
    total: int = 0


@dataclass(slots=True)
class Collector:
    """Gathers the messages of one conversation and why others were left out."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, role: object, text: str) -> None:
        if role not in ROLES:
            self.left_out["by tools"] += 1
        elif not text.strip():
            # An empty system message is how several programs begin; nothing is lost with it.
            if role != "system":
                self.left_out["without text"] += 1
        else:
            self.messages.append((str(role), text))

    def reading(self, *, title: object, created: object, key: str) -> Reading:
        """The conversation as far as it was gathered. `key` tells it apart from all others of its program."""
        if not any(role != "system" for role, _ in self.messages):
            return Reading(None, EMPTY, self.left_out)
        name = title if isinstance(title, str) else ""
        return Reading(ChatDraft(name, moment(created), tuple(self.messages), key), left_out=self.left_out)


def path_to(nodes: dict[str, Any], leaf: object, parent: str) -> list[Any]:
    """The nodes from the root to `leaf`, by the name of each node's parent; rings are cut."""
    path: list[Any] = []
    seen: set[str] = set()
    while isinstance(leaf, str) and leaf not in seen and isinstance(node := nodes.get(leaf), dict):
        seen.add(leaf)
        path.append(node)
        leaf = node.get(parent)
    path.reverse()
    return path
