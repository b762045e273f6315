"""What each /command does in the line mode, in the order of the table of commands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.commands import COMMANDS
from assistant.errors import UsageError
from assistant.interrupts import interrupt_sets
from assistant.marks import apply_mark, undo_mark
from assistant.saving import save_text

if TYPE_CHECKING:
    from assistant.plain import PlainChat
    from assistant.store import Turn

LISTED_CHATS = 20


def _new(chat: PlainChat, _: str) -> None:
    chat.open(None)
    chat.say("New chat.")


def _private(chat: PlainChat, _: str) -> None:
    chat.open(None, private=True)
    chat.say("Private chat: never stored, never learned from. /new leads back to chats that are kept.")


def _chats(chat: PlainChat, rest: str) -> None:
    store = chat.services.store
    if rest:
        chosen = store.chats.get(_number(rest))
        chat.open(chosen.id)
        chat.say(f"Continuing chat {chosen.id}: {chosen.title or 'untitled'} ({chosen.turns} messages).")
        return
    chats = store.chats.list(limit=LISTED_CHATS)
    for each in chats:
        facts = ", ".join(
            [
                *(["pinned"] if each.pinned else []),
                f"{each.turns} messages",
                each.updated[:10],
                *(f"#{tag}" for tag in each.tags),
            ]
        )
        chat.say(f"{each.id}  {each.title or 'untitled'}  ({facts})")
    chat.say("/chats NUMBER continues one of them." if chats else "No chats yet.")


def _search(chat: PlainChat, rest: str) -> None:
    if not rest:
        raise UsageError("Nothing to search for.", hint="Write the words after /search.")
    hits = chat.services.store.chats.search(rest, limit=LISTED_CHATS)
    for hit in hits:
        role = {"user": "You", "title": "Title"}.get(hit.role, "Assistant")
        chat.say(f"chat {hit.chat_id}, {hit.chat_title or 'untitled'}. {role}: {hit.snippet}")
    chat.say(f"{len(hits)} found. /chats NUMBER opens the chat." if hits else "Nothing found.")


def _rename(chat: PlainChat, rest: str) -> None:
    if not rest:
        raise UsageError("A chat needs a title.", hint="Write it after /rename.")
    chat.services.store.chats.rename(_saved(chat), rest)
    chat.say(f"Renamed to “{rest}”.")


def _pin(chat: PlainChat, _: str) -> None:
    chats, chat_id = chat.services.store.chats, _saved(chat)
    pinned = chats.set_pinned(chat_id, not chats.get(chat_id).pinned).pinned
    chat.say("Pinned: it is listed first." if pinned else "No longer pinned.")


def _tag(chat: PlainChat, rest: str) -> None:
    tags = chat.services.store.chats.set_tags(_saved(chat), rest.split()).tags
    chat.say(f"Tags: {' '.join(f'#{tag}' for tag in tags)}." if tags else "No tags.")


def _fork(chat: PlainChat, _: str) -> None:
    _saved(chat)
    turns = chat.conversation.turns()
    fork = chat.services.store.branches.fork(turns[-1].id)
    chat.open(fork.id)
    chat.say(f"Chat {fork.id}: {fork.title}, with copies of the messages so far.")


def _system(chat: PlainChat, rest: str) -> None:
    if not rest:
        chat.say(chat.conversation.system or "The model is told nothing before this chat.")
        return
    chat.conversation.set_system(rest)
    chat.say("The model is told this from the next answer on.")


def _persona(chat: PlainChat, rest: str) -> None:
    personas = chat.services.store.personas
    if not rest:
        for each in personas.list():
            chat.say(f"{each.name}: {each.prompt}")
        chat.say(f"Now: {chat.conversation.persona or 'no persona'}. /persona NAME TEXT makes one.")
        return
    name, _, prompt = rest.partition(" ")
    persona = personas.set(name, prompt) if prompt.strip() else personas.get(rest)
    chat.conversation.set_system(persona.prompt, persona=persona.name)
    chat.say(f"{persona.name} answers from now on.")


def _again(chat: PlainChat, _: str) -> None:
    asked = _message(chat)
    chat.write_reply(lambda on_piece, cancel: chat.conversation.answer(asked, on_piece, cancel))


def _continue(chat: PlainChat, _: str) -> None:
    told = _answer(chat)
    chat.write_reply(lambda on_piece, cancel: chat.conversation.resume(told, on_piece, cancel))


def _version(chat: PlainChat, rest: str) -> None:
    if rest not in ("", "before", "after"):
        raise UsageError(f"{rest!r} is no direction.", hint="/version before, or /version after.")
    told = _answer(chat)
    versions = chat.conversation.versions().get(told.id, (told.id,))
    position = versions.index(told.id) + (1 if rest == "after" else -1)
    if not 0 <= position < len(versions):
        raise UsageError("There is no further version.", hint="/again writes another.")
    chat.conversation.show_version(versions[position])
    chat.say(f"Version {position + 1} of {len(versions)}: {_answer(chat).content}")


def _resend(chat: PlainChat, rest: str) -> None:
    if not rest:
        raise UsageError("An empty message has nothing to answer.", hint="Write the new text after /resend.")
    asked = chat.conversation.edit_message(_message(chat).id, rest)
    chat.write_reply(lambda on_piece, cancel: chat.conversation.answer(asked, on_piece, cancel))


def _good(chat: PlainChat, _: str) -> None:
    _mark(chat, "good")


def _bad(chat: PlainChat, _: str) -> None:
    _mark(chat, "bad")


def _edit(chat: PlainChat, rest: str) -> None:
    _mark(chat, "edit", rest)


def _skip(chat: PlainChat, _: str) -> None:
    _mark(chat, "skip")


def _undo(chat: PlainChat, _: str) -> None:
    chat_id = chat.conversation.chat_id
    if chat_id is None:
        raise UsageError("Nothing to undo in this chat.", hint="Mark an answer first.")
    services = chat.services
    chat.say(undo_mark(services.store, chat_id, waiting=services.learner.waiting).message)


def _save(chat: PlainChat, rest: str) -> None:
    if not rest:
        raise UsageError("Where to?", hint="Write the name of the file after /save.")
    chat.say(f"Saved to {save_text(_answer(chat).content, Path(rest))}.")


def _delete(chat: PlainChat, rest: str) -> None:
    turns = chat.conversation.turns()
    if not turns:
        raise UsageError("There is no message to delete.")
    going = chat.conversation.going_with(turns[-1].id)
    if rest != "yes":
        what = "1 message" if len(going) == 1 else f"{len(going)} messages"
        chat.say(f"This deletes {what} for good, and what was learned from it. /delete yes does it.")
        return
    gone = chat.conversation.delete(turns[-1].id)
    chat.say(f"{gone.turns} deleted.")
    if gone.versions:
        chat.say(f"These versions had learned from it and still know it: {', '.join(gone.versions)}.")


def _learn(chat: PlainChat, _: str) -> None:
    """Tune now, one line for each stage; Ctrl+C cancels."""
    cancel = threading.Event()
    told = ""

    def on_progress(progress: object) -> None:
        nonlocal told
        message = getattr(progress, "message", "")
        if message and message != told:
            told = message
            chat.say(message)

    with interrupt_sets(cancel):
        report = chat.services.learner.learn_now(None, on_progress, cancel)
    chat.say(report.summary)
    for reason in report.reasons:
        chat.say(f"- {reason}")


def _help(chat: PlainChat, _: str) -> None:
    for command in COMMANDS.values():
        chat.say(f"{command.usage}  {command.does}")


def _quit(chat: PlainChat, _: str) -> None:
    chat.done = True


ACTS: dict[str, Callable[[PlainChat, str], None]] = {
    "new": _new,
    "private": _private,
    "chats": _chats,
    "search": _search,
    "rename": _rename,
    "pin": _pin,
    "tag": _tag,
    "fork": _fork,
    "system": _system,
    "persona": _persona,
    "again": _again,
    "continue": _continue,
    "version": _version,
    "resend": _resend,
    "good": _good,
    "bad": _bad,
    "edit": _edit,
    "skip": _skip,
    "undo": _undo,
    "save": _save,
    "delete": _delete,
    "learn": _learn,
    "help": _help,
    "quit": _quit,
}


def _mark(chat: PlainChat, kind: str, text: str | None = None) -> None:
    services = chat.services
    told = chat.last_answer
    if told is None:
        raise UsageError("There is no answer to mark yet.", hint="Ask something first.")
    result = apply_mark(
        services.store, told.id, kind, text, on_skip=services.on_skip, waiting=services.learner.waiting
    )
    chat.say(result.message)


def _answer(chat: PlainChat) -> Turn:
    told = chat.last_answer
    if told is None:
        raise UsageError("There is no answer yet.", hint="Ask something first.")
    return told


def _message(chat: PlainChat) -> Turn:
    asked = chat.last_message
    if asked is None:
        raise UsageError("There is no message of yours yet.", hint="Ask something first.")
    return asked


def _saved(chat: PlainChat) -> int:
    if chat.conversation.chat_id is None:
        raise UsageError("Only a chat that is kept has this.", hint="Send a first message.")
    return chat.conversation.chat_id


def _number(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"{text!r} is not the number of a chat.", hint="/chats lists them with numbers.")
    return int(text)
