"""`assistant settings`: list, read and change what is in the owner's settings file."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assistant.cli.output import AsJson, document, line, say, table
from assistant.paths import default_paths

Name = Annotated[str, typer.Argument(metavar="NAME", help="As in `settings list`; keys are keys.ACTION.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="List, read and change settings.", no_args_is_help=True)
    group.command("list")(list_settings)
    group.command()(get)
    group.command("set")(set_setting)
    group.command()(unset)
    group.command()(path)
    app.add_typer(group, name="settings")


def list_settings(
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the default.")] = False,
    as_json: AsJson = False,
) -> None:
    """List every setting with its value in force and what it does."""
    from assistant.settings import Settings, load_settings

    settings, defaults = load_settings(default_paths()), Settings.model_construct()
    rows = [row for row in _rows(settings) if not changed or row[1] != dict(_rows(defaults)).get(row[0])]
    if as_json:
        document(dict(rows))
        return
    table(
        ("SETTING", "VALUE", "WHAT IT DOES"),
        [(name, _short(value), _does(name)) for name, value in rows],
        empty="Everything is at its default.",
    )


def get(name: Name, as_json: AsJson = False) -> None:
    """Print one setting's value in force."""
    from assistant.settings import load_settings
    from assistant.settings_file import known_name

    known = known_name(name)
    value = dict(_rows(load_settings(default_paths())))[known]
    if as_json:
        document({known: value})
    else:
        line(_words(value))


def set_setting(
    name: Name,
    value: Annotated[str, typer.Argument(help="The new value; on or off for switches.")],
    as_json: AsJson = False,
) -> None:
    """Change a setting in the file; the rest of the file, comments too, stays."""
    from assistant.settings_file import known_name, parse_value, set_value

    known = known_name(name)
    settings = set_value(default_paths(), known, parse_value(known, value))
    _tell(known, settings, as_json)


def unset(name: Name, as_json: AsJson = False) -> None:
    """Take a setting out of the file, so that its default holds again."""
    from assistant.settings_file import known_name, set_value

    known = known_name(name)
    _tell(known, set_value(default_paths(), known, None), as_json)


def path(as_json: AsJson = False) -> None:
    """Print where the settings file is, whether it exists or not."""
    file = default_paths().settings
    if as_json:
        document({"path": file, "exists": file.exists()})
    else:
        line(str(file))


def _tell(name: str, settings: Any, as_json: bool) -> None:
    value = dict(_rows(settings))[name]
    if as_json:
        document({name: value})
    else:
        say(f"{name} is {_words(value)} now; an open chat takes it up when it is opened anew.")


def _rows(settings: Any) -> list[tuple[str, Any]]:
    """Every setting by its name in the file; those of keys one by one."""
    from assistant.keys import default_keys

    values = settings.model_dump()
    keys = values.pop("keys", None) or default_keys()
    return [*values.items(), *((f"keys.{action}", chosen) for action, chosen in keys.items())]


def _does(name: str) -> str:
    from assistant.keys import ACTIONS
    from assistant.settings import Settings

    if name.startswith("keys."):
        return ACTIONS[name.removeprefix("keys.")].does
    return Settings.model_fields[name].description or ""


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if value != "" else "(empty)"


def _short(value: Any) -> str:
    words = _words(value)
    return words if len(words) <= 32 else words[:31] + "…"
