"""ChatGPT's data export: conversations as trees of messages, of which the branch last shown is read."""

from __future__ import annotations

from typing import Any

from assistant.store.foreign.reading import NO_CHAT, Collector, Reading, path_to

_TEXT_TYPES = ("text", "multimodal_text")


def is_chatgpt(document: dict[str, Any]) -> bool:
    return isinstance(document.get("mapping"), dict)


def read_conversation(document: dict[str, Any]) -> Reading:
    """One conversation; other branches, hidden messages, tools and pictures are left out and counted."""
    nodes = document.get("mapping")
    if not isinstance(nodes, dict):
        return Reading(None, NO_CHAT)
    leaf = document.get("current_node")
    path = path_to(nodes, leaf if leaf in nodes else _latest_leaf(nodes), "parent")
    chat = Collector()
    for node in path:
        if isinstance(message := node.get("message"), dict):
            _take(chat, message)
    other = _spoken(nodes.values()) - _spoken(path)
    if other > 0:
        chat.left_out["in other branches"] += other
    number = document.get("conversation_id") or document.get("id")
    return chat.reading(
        title=document.get("title"),
        created=document.get("create_time"),
        key=f"chatgpt:{number}" if isinstance(number, str) else "",
    )


def _take(chat: Collector, message: dict[str, Any]) -> None:
    role = _role(message)
    content = message.get("content")
    metadata = message.get("metadata")
    if isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation"):
        if role != "system":
            chat.left_out["hidden"] += 1
        return
    kind = content.get("content_type") if isinstance(content, dict) else None
    if kind not in _TEXT_TYPES:
        if role != "system":
            chat.left_out["by tools" if role == "tool" else "of other kinds (reasoning, code)"] += 1
        return
    # What an assistant sends to a tool is addressed to it, not to the person.
    if message.get("recipient", "all") != "all":
        chat.left_out["by tools"] += 1
        return
    parts = content.get("parts") if isinstance(content, dict) else None
    parts = parts if isinstance(parts, list) else []
    texts = [text for part in parts if (text := _part_text(part))]
    if len(texts) < sum(1 for part in parts if part not in ("", None)):
        chat.left_out["pictures and files in messages"] += 1
    if texts or not parts or kind == "text":
        chat.add(role, "\n".join(texts))


def _part_text(part: object) -> str:
    if isinstance(part, dict):
        part = part.get("text")
    return part if isinstance(part, str) else ""


def _role(message: dict[str, Any]) -> object:
    author = message.get("author")
    return author.get("role") if isinstance(author, dict) else None


def _spoken(nodes: Any) -> int:
    """How many messages people would see as theirs or as answers."""
    messages = (node.get("message") for node in nodes if isinstance(node, dict))
    return sum(
        1 for message in messages if isinstance(message, dict) and _role(message) in ("user", "assistant")
    )


def _latest_leaf(nodes: dict[str, Any]) -> str | None:
    """Where nothing says which branch was shown: the youngest end of one."""
    youngest: tuple[float, str] | None = None
    for name, node in nodes.items():
        if not isinstance(node, dict) or node.get("children"):
            continue
        message = node.get("message")
        time = message.get("create_time") if isinstance(message, dict) else None
        age = (float(time) if isinstance(time, int | float) else 0.0, name)
        youngest = age if youngest is None else max(youngest, age)
    return None if youngest is None else youngest[1]
