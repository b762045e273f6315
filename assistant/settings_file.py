"""Changing one setting in the owner's file: everything else in it, comments too, stays as it is.

The new file is loaded as a whole before it takes the place of the old one; a wrong value changes nothing.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

from assistant.errors import AssistantError, SettingsError
from assistant.paths import Paths
from assistant.settings import Settings, load_settings


def known_name(name: str) -> str:
    """The setting's name as it is written in the file; keys of the screen are `keys.ACTION`.

    Raises SettingsError with the likeliest name for an unknown one.
    """
    from assistant.keys import ACTIONS

    plain = name.strip().casefold().replace("-", "_") if not name.startswith("keys.") else name.strip()
    names = [field for field in Settings.model_fields if field != "keys"]
    names += [f"keys.{action}" for action in ACTIONS]
    if plain in names:
        return plain
    near = difflib.get_close_matches(plain, names, n=1)
    hint = f"Did you mean `{near[0]}`?" if near else "`assistant settings list` shows every setting."
    raise SettingsError(f"There is no setting `{name}`.", hint=hint)


def parse_value(name: str, text: str) -> Any:
    """A value as it is typed on a command line, in the kind that the setting has."""
    if name.startswith("keys."):
        return text
    kind = Settings.model_fields[name].annotation
    if kind is bool:
        if text.casefold() in ("true", "on", "yes", "1"):
            return True
        if text.casefold() in ("false", "off", "no", "0"):
            return False
        raise SettingsError(f"`{name}` is on or off, not {text!r}.", hint="Write on or off.")
    if kind in (int, float) or get_origin(kind) in (int, float):
        with contextlib.suppress(ValueError):
            return int(text) if kind is int else float(text)
        raise SettingsError(f"`{name}` is a number, not {text!r}.", hint="Write a number.")
    return text


def choices(name: str) -> tuple[str, ...]:
    """The values a setting can have, where they can be listed."""
    if name.startswith("keys."):
        return ()
    kind = Settings.model_fields[name].annotation
    return ("true", "false") if kind is bool else tuple(str(choice) for choice in get_args(kind))


def set_value(paths: Paths, name: str, value: Any) -> Settings:
    """Write a setting to the file and return what is in force now; None takes it out of the file.

    Raises:
        SettingsError: the name or the value is wrong, or the file is; it stays as it was.
    """
    name = known_name(name)
    try:
        former = paths.settings.read_text(encoding="utf-8") if paths.settings.exists() else ""
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{paths.settings} cannot be read.") from problem
    text = _with(former, name, value)
    paths.ensure()
    try:
        with tempfile.TemporaryDirectory(dir=paths.home, prefix=".settings-") as scratch:
            trial = Paths(Path(scratch))
            handle = os.open(trial.settings, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            try:
                load_settings(trial)
            except SettingsError as problem:
                told = problem.message.replace(str(trial.settings), str(paths.settings))
                raise SettingsError(told, hint="The file was not changed.") from problem
            trial.settings.replace(paths.settings)
    except OSError as problem:
        raise AssistantError(f"{paths.settings} cannot be written: {problem.strerror}.") from problem
    return load_settings(paths)


def _with(text: str, name: str, value: Any) -> str:
    """The file's text with one assignment changed, added or taken out."""
    lines = text.splitlines()
    place = _find(lines, name)
    new = [] if value is None else [f"{name} = {_toml(value)}"]
    if place is not None:
        start, end, written = place
        # Inside a [table] the last part of the name is the whole of it.
        new = [] if value is None else [f"{written} = {_toml(value)}"]
        lines[start:end] = new
    elif new:
        # Above the first [table], because below it the name would belong to the table.
        spot = next((i for i, line in enumerate(lines) if re.match(r"\s*\[", line)), len(lines))
        commented = re.compile(rf"#\s*{re.escape(name)}\s*=")
        described = next((i + 1 for i in range(spot) if commented.match(lines[i])), spot)
        lines[described:described] = new
    return "\n".join(lines) + ("\n" if lines else "")


def _find(lines: list[str], name: str) -> tuple[int, int, str] | None:
    """The lines of an assignment, and the name as it is written there."""
    table = ""
    for start, line in enumerate(lines):
        if header := re.match(r"\s*\[([^\[\]]+)\]\s*(#.*)?$", line):
            table = header[1].strip().replace('"', "").replace("'", "") + "."
            continue
        if not (found := re.match(r"""\s*([\w.\-"' ]+?)\s*=""", line)):
            continue
        if table + re.sub(r"""["' ]""", "", found[1]) != name:
            continue
        # A value may go over several lines; it ends where what was read is TOML.
        for end in range(start + 1, len(lines) + 1):
            with contextlib.suppress(tomllib.TOMLDecodeError):
                tomllib.loads("\n".join(lines[start:end]))
                return start, end, found[1]
        return None
    return None


def _toml(value: Any) -> str:
    # JSON's strings, numbers and booleans are also TOML's.
    return json.dumps(value, ensure_ascii=False)
