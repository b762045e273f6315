"""Chats as JSON Lines in the OpenAI message shape. Knows the format, not the database."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assistant.store.records import Chat, Turn


@dataclass(frozen=True, slots=True)
class ChatDraft:
    """A chat that was read but not stored; `created` is empty when the line did not say."""

    title: str
    created: str
    messages: tuple[tuple[str, str], ...]


def as_document(chat: Chat, turns: Sequence[Turn]) -> dict[str, object]:
    return {
        "messages": [{"role": turn.role, "content": turn.content} for turn in turns],
        "title": chat.title,
        "created": chat.created,
    }


def parse(line: str, roles: Collection[str]) -> ChatDraft | None:
    """The chat of one line, or None if there is none or one of its messages cannot be kept as it is."""
    try:
        document = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        return None
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
        title if isinstance(title, str) else "", _moment(document.get("created")), tuple(messages)
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


def _moment(value: Any) -> str:
    """ISO 8601 in UTC, from such a text or from seconds since 1970; empty if it is neither."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value, UTC)
        else:
            return ""
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.isoformat(timespec="microseconds")
