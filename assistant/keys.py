"""What can be done with a key on the screen, the keys each action has, and what the owner made of them.

Plain data with its checks, so that a wrong key is found when the settings are read. Knows no Textual.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assistant.errors import SettingsError
from assistant.key_names import UnknownKey, key_name, types_text


@dataclass(frozen=True, slots=True)
class Action:
    """`name` is `<place>.<verb>`; `keys` are its default keys, separated by commas."""

    name: str
    keys: str
    does: str


# In the order in which the settings file lists them.
ACTIONS = {
    action.name: action
    for action in (
        Action("app.learn", "f5", "Learn"),
        Action("app.versions", "f6", "Versions"),
        Action("app.review", "ctrl+r", "Review"),
        Action("app.forget", "ctrl+o", "Forget for good"),
        Action("app.keys", "f1", "Keys"),
        Action("app.palette", "ctrl+p", "All commands"),
        Action("app.quit", "ctrl+q", "Quit"),
        Action("app.help-quit", "ctrl+c", "Say how to quit"),
        Action("prompt.send", "enter", "Send"),
        Action("prompt.newline", "ctrl+j", "New line"),
        Action("prompt.older", "alt+up", "Your message before"),
        Action("prompt.newer", "alt+down", "Your message after"),
        Action("prompt.complete", "tab", "Complete a /command"),
        Action("chat.stop", "escape", "Stop, put a question off, or go to the prompt"),
        Action("chat.new", "ctrl+n", "New chat"),
        Action("chat.private", "ctrl+l", "Private chat"),
        Action("chat.rename", "f2", "Rename chat"),
        Action("chat.search", "f3,ctrl+f", "Search"),
        Action("chat.list", "f4", "Chats"),
        Action("chat.messages", "ctrl+up", "Go to the messages"),
        Action("chat.prompt", "ctrl+down", "Go to the prompt"),
        Action("asked.fine", "f7", "Asked: it's fine"),
        Action("asked.write", "f8", "Asked: write what it should say"),
        Action("asked.never", "f9", "Asked: never about this"),
        Action("message.copy", "y", "Copy"),
        Action("message.code", "Y", "Copy next code block"),
        Action("message.save", "s", "Save to a file"),
        Action("message.fork", "f", "Fork: go on in a new chat"),
        Action("message.delete", "delete", "Delete message"),
        Action("message.older", "left", "Version before"),
        Action("message.newer", "right", "Version after"),
        Action("message.previous", "up,ctrl+up", "Previous"),
        Action("message.next", "down,ctrl+down", "Next"),
        Action("message.prompt", "enter", "Write"),
        Action("own.edit", "e", "Edit and send again"),
        Action("own.again", "r", "Answer again"),
        Action("answer.good", "+", "Good"),
        Action("answer.bad", "-", "Bad"),
        Action("answer.edit", "e", "Edit"),
        Action("answer.skip", "x", "Don't learn"),
        Action("answer.undo", "u", "Undo"),
        Action("answer.again", "r", "Again"),
        Action("answer.why", "w", "Why?"),
        Action("answer.continue", "c", "Go on"),
        Action("edit.save", "ctrl+s", "Save"),
        Action("edit.cancel", "escape", "Cancel"),
        Action("chats.open", "enter", "Open"),
        Action("chats.delete", "delete,ctrl+d", "Delete chat"),
        Action("chats.pin", "p", "Pin"),
        Action("chats.tag", "t", "Tags"),
        Action("chats.new", "n", "New chat"),
        Action("rename.cancel", "escape", "Cancel"),
        Action("confirm.no", "escape,n", "No"),
        Action("confirm.yes", "y", "Yes"),
        Action("confirm.move", "left,right,up,down", "Other button"),
        Action("search.next", "down", "Next"),
        Action("search.previous", "up", "Previous"),
        Action("search.close", "escape", "Close"),
        Action("learn.start", "enter,s", "Start tuning"),
        Action("learn.cancel", "c", "Cancel the run"),
        Action("learn.drop", "delete", "Drop pair"),
        Action("learn.edit", "e", "Edit pair"),
        Action("learn.delete", "ctrl+d", "Delete pair"),
        Action("learn.behind", "b", "What is behind it"),
        Action("learn.close", "escape", "Back"),
        Action("versions.use", "enter", "Use"),
        Action("versions.off", "o", "Off"),
        Action("versions.rollback", "b", "Roll back"),
        Action("versions.stronger", "+", "Stronger"),
        Action("versions.weaker", "-", "Weaker"),
        Action("versions.compare", "c", "Compare"),
        Action("versions.delete", "delete", "Delete"),
        Action("versions.close", "escape", "Back"),
        Action("compare.close", "escape", "Back"),
        Action("why.close", "escape", "Back"),
        Action("behind.close", "escape", "Back"),
        Action("pair.cancel", "escape", "Cancel"),
        Action("forget.go", "f", "Forget it"),
        Action("forget.close", "escape", "Back"),
        Action("sharing.send", "y", "Send it"),
        Action("sharing.keep", "n", "Keep it"),
        Action("sharing.ask", "a", "Ask each round"),
        Action("sharing.automatic", "m", "Within limits"),
        Action("sharing.pause", "p", "Pause"),
        Action("sharing.resume", "r", "Go on"),
        Action("sharing.off", "o", "Off"),
        Action("sharing.verify", "v", "Check the ledger"),
        Action("sharing.close", "escape", "Back"),
        Action("review.fine", "+", "It's fine"),
        Action("review.write", "e", "Write it"),
        Action("review.bad", "-", "Bad"),
        Action("review.never", "n", "Never"),
        Action("review.undo", "u", "Undo"),
        Action("review.more", "m", "Next ten"),
        Action("review.close", "escape", "Back"),
        Action("models.use", "enter", "Use or download"),
        Action("models.measure", "m", "Measure the speed"),
        Action("models.cancel", "c", "Stop the download"),
        Action("models.close", "escape", "Back"),
        Action("settings.change", "enter", "Change"),
        Action("settings.default", "delete,d", "Default"),
        Action("settings.close", "escape", "Back"),
        Action("value.cancel", "escape", "Cancel"),
        Action("welcome.next", "enter", "Next"),
        Action("welcome.back", "left", "Back"),
        Action("welcome.models", "m", "Models"),
        Action("welcome.skip", "escape", "Skip"),
        Action("help.close", "escape,q", "Close"),
    )
}

# Where text is typed, a letter can't be a key as well; the keys of the app work everywhere.
_TYPING = ("app", "prompt", "chat", "asked", "edit", "rename", "search", "pair", "compare", "value")
# Places on the screen at the same time, apart from the app's own keys.
_TOGETHER = (
    {"chat", "prompt"},
    {"chat", "asked"},
    {"prompt", "asked"},
    {"chat", "message"},
    {"chat", "answer"},
    {"chat", "own"},
    {"chat", "chats"},
    {"message", "answer"},
    {"message", "own"},
    {"edit", "prompt"},
)
_EXAMPLE = 'Write for example: keys.chat.new = "ctrl+t,f10"'


def default_keys() -> dict[str, str]:
    """Every action with its keys, separated by commas."""
    return {action.name: action.keys for action in ACTIONS.values()}


def changed_keys(keys: Mapping[str, str]) -> dict[str, str]:
    """Only the actions whose keys are not the default ones."""
    return {name: written for name, written in keys.items() if written != ACTIONS[name].keys}


def effective_keys(chosen: object) -> dict[str, str]:
    """Every action with the keys in force, when the owner chose these.

    `chosen` maps actions to keys, flat ("chat.new") or by place ({"chat": {"new": …}}), as TOML reads it.

    Raises:
        SettingsError: an action or a key does not exist, a letter is a key where text is typed, or two
            actions in one place have the same key.
    """
    if not isinstance(chosen, Mapping):
        raise SettingsError("The setting `keys` should be a table of actions.", hint=_EXAMPLE)
    keys = default_keys()
    for name, written in _flat(chosen):
        if name not in ACTIONS:
            raise SettingsError(f"The setting `keys` has no action `{name}`.", hint=_suggest(name))
        keys[name] = ",".join(dict.fromkeys(_read(name, written)))
    for name in changed_keys(keys):
        _reject_clash(name, keys)
    return keys


def _flat(chosen: Mapping[object, object], place: str = "") -> Iterator[tuple[str, object]]:
    for name, value in chosen.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", value


def _suggest(name: str) -> str:
    alone = [known for known in ACTIONS if known.partition(".")[2] == name.casefold()]
    near = alone or difflib.get_close_matches(name.casefold(), ACTIONS, n=1, cutoff=0.5)
    return f"Did you mean `{near[0]}`?" if near else "`assistant data settings` lists the actions."


def _read(name: str, written: object) -> Iterator[str]:
    """The keys of one action, as Textual names them."""
    if not isinstance(written, str) or not written.strip():
        raise SettingsError(f"The setting `keys.{name}` should be the name of a key.", hint=_EXAMPLE)
    for part in written.split(","):
        try:
            key = key_name(part.strip())
        except UnknownKey as problem:
            raise SettingsError(
                f"The setting `keys.{name}` names a key that there is not: `{part.strip()}`.",
                hint=f"Did you mean `{problem.meant}`?" if problem.meant else _EXAMPLE,
            ) from problem
        if types_text(key) and _place(name) in _TYPING:
            raise SettingsError(
                f"The setting `keys.{name}` can't be `{key}`, because text is typed there.",
                hint="Take a function key, or a letter together with ctrl or alt.",
            )
        yield key


def _reject_clash(name: str, keys: Mapping[str, str]) -> None:
    fresh = set(keys[name].split(",")) - set(ACTIONS[name].keys.split(","))
    for other, others in keys.items():
        shared = sorted(fresh & set(others.split(",")))
        if other != name and shared and _meet(_place(name), _place(other)):
            raise SettingsError(
                f"The setting `keys` gives `{shared[0]}` to `{name}` and to `{other}`.",
                hint="Give one of them another key.",
            )


def _meet(place: str, other: str) -> bool:
    return place == other or "app" in (place, other) or {place, other} in _TOGETHER


def _place(name: str) -> str:
    return name.partition(".")[0]
