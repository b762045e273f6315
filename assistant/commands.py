"""The verbs of a chat: one table for the line mode, the prompt of the screen and its palette.

Knows names and what they do in words; whoever runs them has the code.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """`/name takes`: what it does in words."""

    name: str
    does: str
    takes: str = ""

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.takes}".rstrip()


# In the order in which /help lists them.
COMMANDS = {
    command.name: command
    for command in (
        Command("new", "start a new chat"),
        Command("private", "start a chat that is never stored and never learned from, or go back to it"),
        Command("chats", "list the chats, or continue one", "[NUMBER]"),
        Command("search", "search all chats; #tag looks only in chats with that tag", "WORDS"),
        Command("rename", "give this chat another title", "TITLE"),
        Command("pin", "list this chat first, or no longer"),
        Command("tag", "give this chat these tags, or none", "[TAGS]"),
        Command("fork", "go on in a new chat with copies of the messages so far"),
        Command("system", "what the model is told before this chat; alone, shows it", "[TEXT]"),
        Command(
            "persona", "begin as a named persona; with a text, make one; alone, list them", "[NAME [TEXT]]"
        ),
        Command("again", "answer the last message once more; the former answer is kept"),
        Command("continue", "let the last answer go on"),
        Command("version", "show the version before or after this answer", "[before|after]"),
        Command("resend", "send the last message in other words; the former is kept", "TEXT"),
        Command("good", "the last answer was good"),
        Command("bad", "the last answer was bad"),
        Command("edit", "what the last answer should have been; this is learned", "TEXT"),
        Command("skip", "learn nothing from the last answer"),
        Command("undo", "take back the last mark"),
        Command("save", "write the last answer to a file", "FILE"),
        Command("delete", "delete the last message for good, and what was learned from it"),
        Command("learn", "learn what waits now"),
        Command("help", "list the commands"),
        Command("quit", "end"),
    )
}


def parse(text: str) -> tuple[str, str] | None:
    """The name of the command that a line begins with, known or not, and the rest; None for a message.

    A slash begins a command only before letters, so that a path or a fraction stays a message.
    """
    word, _, rest = text.strip().partition(" ")
    if "\n" in word:
        word, _, more = word.partition("\n")
        rest = f"{more} {rest}"
    if not (word.startswith("/") and word[1:].isalpha()):
        return None
    return word[1:].casefold(), rest.strip()


def begins(text: str) -> list[Command]:
    """The commands that what was typed so far may become; none for a message or once a space was typed."""
    if not text.startswith("/") or any(character.isspace() for character in text):
        return []
    return [command for command in COMMANDS.values() if command.name.startswith(text[1:].casefold())]
