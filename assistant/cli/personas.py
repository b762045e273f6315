"""`assistant personas`: named system prompts to begin chats with."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.cli.output import AsJson, Yes, confirm, document, line, printable, say, table
from assistant.paths import default_paths

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the persona.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="List, read, write and delete named system prompts.", no_args_is_help=True)
    group.command("list")(list_personas)
    group.command()(show)
    group.command("set")(set_persona)
    group.command()(delete)
    app.add_typer(group, name="personas")


def list_personas(as_json: AsJson = False) -> None:
    """List the personas."""
    from assistant.store import Store

    with Store.open(default_paths(), write=False) as store:
        personas = store.personas.list()
    if as_json:
        document(personas)
        return
    rows = [(persona.name, persona.prompt) for persona in personas]
    table(("NAME", "WHAT THE MODEL IS TOLD"), rows, empty="There are no personas yet.")


def show(name: Name, as_json: AsJson = False) -> None:
    """Print what the model is told as this persona."""
    from assistant.store import Store

    with Store.open(default_paths(), write=False) as store:
        persona = store.personas.get(name)
    if as_json:
        document(persona)
    else:
        line(printable(persona.prompt, lines=True))


def set_persona(
    name: Name,
    prompt: Annotated[str, typer.Argument(metavar="TEXT", help="What the model is told.")],
    as_json: AsJson = False,
) -> None:
    """Make a persona, or change its text. Chats that use it keep the text they began with."""
    from assistant.store import Store

    with Store.open(default_paths()) as store:
        persona = store.personas.set(name, prompt)
    if as_json:
        document(persona)
    else:
        say(f"{printable(persona.name)} is kept; `assistant ask --persona` and /persona use it.")


def delete(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a persona for good. Chats that use it keep their text."""
    from assistant.store import Store

    with Store.open(default_paths()) as store:
        persona = store.personas.get(name)
        confirm(f"Delete the persona {printable(persona.name)}?", yes=yes)
        store.personas.delete(persona.name)
    if as_json:
        document({"deleted": persona.name})
    else:
        say(f"Deleted the persona {printable(persona.name)}.")
