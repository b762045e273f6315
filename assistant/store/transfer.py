"""Chats as JSON Lines in the OpenAI message shape. Knows the format, not the database."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assistant.store.records import Chat, Turn

UNUSABLE = "no chat in the OpenAI shape with text only"


@dataclass(frozen=True, slots=True)
class ChatDraft:
    """A chat that was read but not stored; `created` is empty when the line did not say.

    `key` names it in the program that wrote it, so that it is known again when it has grown; empty without.
    """

    title: str
    created: str
    messages: tuple[tuple[str, str], ...]
    key: str = ""


def as_document(chat: Chat, turns: Sequence[Turn]) -> dict[str, object]:
    return {
        "messages": [{"role": turn.role, "content": turn.content} for turn in turns],
        "title": chat.title,
        "created": chat.created,
    }


_NAMES = {"system": "System", "user": "You", "assistant": "Assistant"}


def as_markdown(document: Mapping[str, Any]) -> str:
    """A chat of `as_document` to read: its title, its day, and each message under its role."""
    lines = [f"# {' '.join(document['title'].split()) or 'Untitled'}", "", f"*{document['created'][:10]}*"]
    for message in document["messages"]:
        lines += ["", f"**{_NAMES[message['role']]}:**", "", message["content"].strip()]
    return "\n".join([*lines, ""])


def parse(line: str, roles: Collection[str]) -> ChatDraft | None:
    """The chat of one line, or None if there is none or one of its messages cannot be kept as it is."""
    try:
        document = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        return None
    return draft_from(document, roles)


def draft_from(document: Any, roles: Collection[str]) -> ChatDraft | None:
    """The chat of a document, or None as for `parse`."""
    if not isinstance(document, dict) or not isinstance(document.get("messages"), list):
        return None
    messages = []
    for message in document["messages"]:
        if not isinstance(message, dict) or message.get("role") not in roles:
            return None
        content = _text(message.get("content"))
        if content is None:
            return None
        messages.append((message["role"], content))
    if not messages:
        return None
    title = document.get("title")
    return ChatDraft(
        title if isinstance(title, str) else "", moment(document.get("created")), tuple(messages)
    )


def _text(content: Any) -> str | None:
    """Plain text, or the text parts of a list of parts; None if anything else is in it."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = []
    for part in content:
        if not isinstance(part, dict) or not isinstance(part.get("text"), str):
            return None
        parts.append(part["text"])
    return "\n".join(parts)


def moment(value: Any) -> str:
    """ISO 8601 in UTC, from such a text or from seconds since 1970; empty if it is neither."""
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            time = datetime.fromtimestamp(value, UTC)
        else:
            return ""
    except (ValueError, OverflowError, OSError):
        return ""
    return time.isoformat(timespec="microseconds")
