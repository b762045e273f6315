"""The verbs of the command palette; the same words as the keys, the /commands and the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """A palette entry; `action` is what Textual runs, `key` its name in the table of keys, if it has one."""

    title: str
    does: str
    action: str
    key: str = ""


CHAT_VERBS = (
    Verb("New chat", "Start an empty chat", "new_chat", "chat.new"),
    Verb("Search", "Find words in all chats", "search", "chat.search"),
    Verb("Chats", "Go to the list of chats", "toggle_chats", "chat.list"),
    Verb("Rename chat", "Give this chat another title", "rename_chat", "chat.rename"),
    Verb("Delete chat", "Delete this chat for good, its pairs too", "delete_chat"),
    Verb("Good", "The answer was good", "mark('good')", "answer.good"),
    Verb("Bad", "The answer was bad", "mark('bad')", "answer.bad"),
    Verb("Edit", "Write what the answer should have said", "edit_answer", "answer.edit"),
    Verb("Skip", "Don't learn from this answer", "mark('skip')", "answer.skip"),
    Verb("Undo", "Take back the last mark", "undo_mark", "answer.undo"),
    Verb("Asked: fine", "The answer you are asked about was good", "answer_question('fine')", "asked.fine"),
    Verb("Asked: write", "Write what it should have said", "answer_question('corrected')", "asked.write"),
    Verb("Asked: never", "Don't ask about this one again", "answer_question('never')", "asked.never"),
    Verb("Again", "Write the last answer anew", "answer_again", "answer.again"),
    Verb("Why?", "Evidence for where the answer comes from", "why", "answer.why"),
    Verb("Copy", "Copy the message to the clipboard", "copy_message", "message.copy"),
    Verb("Stop", "Stop the reply and keep what has arrived", "stop", "chat.stop"),
)

APP_VERBS = (
    Verb("Learn", "See what waits and start tuning", "learn", "app.learn"),
    Verb("Review", "Judge ten kept answers with single keys", "review", "app.review"),
    Verb("Versions", "Use, switch off or roll back what was learned", "versions", "app.versions"),
    Verb("Forget", "Forget a message, a chat, a word or days for good", "forget", "app.forget"),
    Verb("Sharing", "Consent, and every byte that left", "sharing"),
    Verb("Theme", "Change the colours", "change_theme"),
    Verb("Help", "All keys", "keys", "app.keys"),
    Verb("Quit", "Leave the assistant", "quit", "app.quit"),
)
