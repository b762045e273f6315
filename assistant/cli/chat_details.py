"""`assistant chats pin|tag|fork|system`: what a chat is like, by the same words as in the chat itself."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.cli.output import AsJson, document, line, printable, say
from assistant.errors import UsageError
from assistant.paths import default_paths

ChatId = Annotated[int, typer.Argument(metavar="CHAT", help="Number of the chat, as in `chats list`.")]


def register(group: typer.Typer) -> None:
    """Add these verbs to the group of chats."""
    group.command()(pin)
    group.command()(tag)
    group.command()(fork)
    group.command()(system)


def pin(
    chat_id: ChatId,
    off: Annotated[bool, typer.Option("--off", help="List it by its date again.")] = False,
    as_json: AsJson = False,
) -> None:
    """List a chat before all others."""
    from assistant.store import Store

    with Store.open(default_paths()) as store:
        chat = store.chats.set_pinned(chat_id, not off)
    if as_json:
        document(chat)
    else:
        say(f"Chat {chat.id} is {'pinned' if chat.pinned else 'no longer pinned'}.")


def tag(
    chat_id: ChatId,
    tags: Annotated[
        list[str] | None, typer.Argument(metavar="[TAG]...", help="The tags; none clears.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a chat exactly these tags; without one it has none."""
    from assistant.store import Store

    with Store.open(default_paths()) as store:
        chat = store.chats.set_tags(chat_id, tags or [])
    if as_json:
        document(chat)
    else:
        say(f"Chat {chat.id} has {'the tags ' + ', '.join(chat.tags) if chat.tags else 'no tags'}.")


def fork(
    chat_id: ChatId,
    at: Annotated[
        int | None, typer.Option("--at", metavar="TURN", help="The last turn to copy; all if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy what is shown of a chat into a new one, to go on there."""
    from assistant.store import Store

    with Store.open(default_paths()) as store:
        turns = [turn.id for turn in store.chats.turns(chat_id)]
        if not turns:
            raise UsageError(f"Chat {chat_id} has no messages.")
        if at is not None and at not in turns:
            raise UsageError(
                f"Turn {at} is not shown in chat {chat_id}.", hint="`chats show --json` has the ids."
            )
        chat = store.branches.fork(turns[-1] if at is None else at)
    if as_json:
        document(chat)
    else:
        say(f"Chat {chat.id} is called {printable(chat.title)} and has {chat.turns} messages.")


def system(
    chat_id: ChatId,
    text: Annotated[str | None, typer.Argument(help="What the model is told before this chat.")] = None,
    persona: Annotated[
        str | None, typer.Option("--persona", metavar="NAME", help="Take the text of this persona.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="Take what the settings say again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show or change what the model is told before a chat."""
    from assistant.store import Store

    chosen = [choice for choice in (text, persona, default or None) if choice is not None]
    if len(chosen) > 1:
        raise UsageError("Give a text, or --persona, or --default.")
    with Store.open(default_paths(), write=bool(chosen)) as store:
        chat = store.chats.get(chat_id)
        if persona is not None:
            found = store.personas.get(persona)
            chat = store.chats.set_system(chat_id, found.prompt, persona=found.name)
        elif text is not None or default:
            chat = store.chats.set_system(chat_id, text)
    if as_json:
        document(chat)
    elif chat.system is None:
        say("The model is told what the setting `system_prompt` says.")
    else:
        line(printable(chat.system, lines=True))
