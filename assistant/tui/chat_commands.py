"""The code behind each /command of the prompt: the same methods that the keys and the palette run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assistant.tui.chat_dialogs import ChatDialogs
from assistant.tui.chat_pane import ChatPane
from assistant.tui.details import Details
from assistant.tui.marking import Marking
from assistant.tui.rewriting import Rewriting
from assistant.tui.slash import Act
from assistant.tui.taking import Taking

if TYPE_CHECKING:
    from assistant.tui.chat_screen import ChatScreen


def chat_commands(
    screen: ChatScreen,
    pane: ChatPane,
    *,
    details: Details,
    dialogs: ChatDialogs,
    marking: Marking,
    rewriting: Rewriting,
    taking: Taking,
) -> dict[str, Act]:
    """Every command of the table by name; each is given what was typed behind it."""

    def chat_id() -> int | None:
        return pane.conversation.chat_id

    def plain(act: Callable[[], Any]) -> Act:
        return lambda _: act()

    async def chats(rest: str) -> None:
        if rest.isdecimal():
            await screen.open_chat(int(rest))
        else:
            screen.action_toggle_chats()

    return {
        "new": plain(screen.action_new_chat),
        "private": plain(screen.action_private_chat),
        "chats": chats,
        "search": dialogs.search,
        "rename": lambda rest: details.title(chat_id(), rest) if rest else dialogs.rename(chat_id()),
        "pin": plain(lambda: details.pin(chat_id())),
        "tag": lambda rest: details.tag(chat_id(), rest or None),
        "fork": plain(rewriting.fork),
        "system": details.system,
        "persona": details.persona,
        "again": plain(screen.action_answer_again),
        "continue": plain(screen.action_continue_answer),
        "version": lambda rest: rewriting.show_version(1 if rest == "after" else -1),
        "resend": rewriting.resend,
        "good": plain(lambda: marking.mark("good")),
        "bad": plain(lambda: marking.mark("bad")),
        "edit": marking.correct_with,
        "skip": plain(lambda: marking.mark("skip")),
        "undo": plain(marking.undo),
        "save": taking.save,
        "delete": plain(rewriting.delete),
        "learn": plain(lambda: screen.app.run_action("learn")),
        "help": plain(lambda: screen.app.run_action("keys")),
        "quit": plain(lambda: screen.app.run_action("quit")),
    }
