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
    Verb(
        "Private chat", "A chat that is never stored and never learned from", "private_chat", "chat.private"
    ),
    Verb("Search", "Find words in all chats", "search", "chat.search"),
    Verb("Chats", "Go to the list of chats", "toggle_chats", "chat.list"),
    Verb("Rename chat", "Give this chat another title", "rename_chat", "chat.rename"),
    Verb("Delete chat", "Delete this chat for good, its pairs too", "delete_chat"),
    Verb("Pin", "List this chat first, or no longer", "pin_chat", "chats.pin"),
    Verb("Tag", "Give this chat tags", "tag_chat", "chats.tag"),
    Verb("Fork", "Go on from here in a new chat", "fork", "message.fork"),
    Verb("System", "Change what the model is told before this chat", "system"),
    Verb("Persona", "Choose a named system prompt for this chat", "persona"),
    Verb("Good", "The answer was good", "mark('good')", "answer.good"),
    Verb("Bad", "The answer was bad", "mark('bad')", "answer.bad"),
    Verb("Edit", "Write what the answer should have said", "edit_answer", "answer.edit"),
    Verb("Skip", "Don't learn from this answer", "mark('skip')", "answer.skip"),
    Verb("Undo", "Take back the last mark", "undo_mark", "answer.undo"),
    Verb("Asked: fine", "The answer you are asked about was good", "answer_question('fine')", "asked.fine"),
    Verb("Asked: write", "Write what it should have said", "answer_question('corrected')", "asked.write"),
    Verb("Asked: never", "Don't ask about this one again", "answer_question('never')", "asked.never"),
    Verb("Again", "Answer once more; the former answer is kept", "answer_again", "answer.again"),
    Verb("Why?", "Evidence for where the answer comes from", "why", "answer.why"),
    Verb("Continue", "Let the last answer go on", "continue_answer", "answer.continue"),
    Verb("Version before", "Show the version before this one", "show_version(-1)", "message.older"),
    Verb("Version after", "Show the version after this one", "show_version(1)", "message.newer"),
    Verb("Resend", "Send your last message in other words", "edit_message", "own.edit"),
    Verb(
        "Delete message",
        "Delete it for good, and what was learned from it",
        "delete_message",
        "message.delete",
    ),
    Verb("Copy", "Copy the message to the clipboard", "copy_message", "message.copy"),
    Verb("Copy code", "Copy the next code block of the message", "copy_code", "message.code"),
    Verb("Save", "Write the message to a file", "save_message", "message.save"),
    Verb("Stop", "Stop the reply and keep what has arrived", "stop", "chat.stop"),
)

APP_VERBS = (
    Verb("Learn", "See what waits and start tuning", "learn", "app.learn"),
    Verb("Review", "Judge ten kept answers with single keys", "review", "app.review"),
    Verb("Versions", "Use, switch off or roll back what was learned", "versions", "app.versions"),
    Verb("Forget", "Forget a message, a chat, a word or days for good", "forget", "app.forget"),
    Verb("Sharing", "Consent, and every byte that left", "sharing"),
    Verb("Models", "See what each model needs, get one, choose one", "models"),
    Verb("Settings", "See and change every setting", "settings"),
    Verb("Theme", "Change the colours", "change_theme"),
    Verb("Help", "All keys", "keys", "app.keys"),
    Verb("Quit", "Leave the assistant", "quit", "app.quit"),
)
