"""Open WebUI's "Export chats": each chat with its history as a tree, of which the current branch is read."""

from __future__ import annotations

from typing import Any

from assistant.store.foreign.reading import NO_CHAT, Collector, Reading, path_to


def is_open_webui(document: dict[str, Any]) -> bool:
    chat = document.get("chat")
    return isinstance(chat, dict) and ("history" in chat or "messages" in chat)


def read_conversation(document: dict[str, Any]) -> Reading:
    """One chat; other branches and messages without text are left out and counted."""
    chat = document.get("chat")
    if not isinstance(chat, dict):
        return Reading(None, NO_CHAT)
    history = chat.get("history")
    nodes = history.get("messages") if isinstance(history, dict) else None
    if isinstance(history, dict) and isinstance(nodes, dict) and nodes:
        rows = path_to(nodes, history.get("currentId"), "parentId")
        other = len(nodes) - len(rows)
    else:
        rows, other = [], 0
    if not rows:
        listed = chat.get("messages")
        rows, other = (listed if isinstance(listed, list) else []), 0
    gathered = Collector()
    for row in rows:
        if isinstance(row, dict):
            content = row.get("content")
            gathered.add(row.get("role"), content if isinstance(content, str) else "")
    if other > 0:
        gathered.left_out["in other branches"] += other
    number = document.get("id") or chat.get("id")
    return gathered.reading(
        title=document.get("title") or chat.get("title"),
        created=_seconds(document.get("created_at") or chat.get("timestamp")),
        key=f"open-webui:{number}" if isinstance(number, str) and number else "",
    )


def _seconds(value: object) -> object:
    """The chat's own time stamp is in milliseconds, the export's in seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 1e11:
        return value / 1000
    return value
