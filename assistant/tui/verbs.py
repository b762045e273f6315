"""The verbs of the command palette; the same words as the keys, the /commands and the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """A palette entry; `action` is the name of the action a key would run."""

    title: str
    does: str
    action: str


CHAT_VERBS = (
    Verb("New chat", "Start an empty chat (Ctrl+N)", "new_chat"),
    Verb("Search", "Find words in all chats (F3)", "search"),
    Verb("Chats", "Go to the list of chats (F4)", "toggle_chats"),
    Verb("Rename chat", "Give this chat another title (F2)", "rename_chat"),
    Verb("Delete chat", "Delete this chat for good, its pairs too", "delete_chat"),
    Verb("Good", "The answer was good (+)", "mark('good')"),
    Verb("Bad", "The answer was bad (-)", "mark('bad')"),
    Verb("Edit", "Write what the answer should have said (e)", "edit_answer"),
    Verb("Skip", "Don't learn from this answer (x)", "mark('skip')"),
    Verb("Undo", "Take back the last mark (u)", "undo_mark"),
    Verb("Asked: fine", "The answer you are asked about was good (F7)", "answer_question('fine')"),
    Verb("Asked: write", "Write what it should have said (F8)", "answer_question('corrected')"),
    Verb("Asked: never", "Don't ask about this one again (F9)", "answer_question('never')"),
    Verb("Again", "Write the last answer anew (r)", "answer_again"),
    Verb("Copy", "Copy the message to the clipboard (y)", "copy_message"),
    Verb("Stop", "Stop the reply and keep what has arrived (Esc)", "stop"),
)

APP_VERBS = (
    Verb("Learn", "See what waits and start tuning (F5)", "learn"),
    Verb("Review", "Judge ten kept answers with single keys (Ctrl+R)", "review"),
    Verb("Versions", "Use, switch off or roll back what was learned (F6)", "versions"),
    Verb("Theme", "Change the colours", "change_theme"),
    Verb("Help", "All keys (F1)", "keys"),
    Verb("Quit", "Leave the assistant (Ctrl+Q)", "quit"),
)
