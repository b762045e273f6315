"""The pages of docs/ name what there is: commands.md is made from the commands, the others name real ones."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import typer

from assistant.cli.app import app
from assistant.cli.reference import reference

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("getting-started.md", "how-learning-works.md", "privacy.md")


def test_commands_md_says_what_help_says() -> None:
    made = reference()
    written = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert written == made, "run: python -m assistant.cli.reference > docs/commands.md"


def test_every_command_and_every_option_is_named() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")

    def look(command: click.Command, words: list[str]) -> None:
        assert f"`{' '.join(words)}" in page
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name != "help":
                assert all(f"`{name}`" in page for name in parameter.opts)
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                child = command.get_command(click.Context(command), name)
                assert child is not None
                assert child.help, f"{name} says nothing about itself"
                look(child, [*words, name])

    look(typer.main.get_command(app), ["assistant"])


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_other_pages_exist(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    named = re.findall(r"`assistant ([a-z][^`]*)`", text) + re.findall(
        r"^assistant (\S.*)$", text, re.MULTILINE
    )
    assert named
    for words in named:
        command: click.Command = typer.main.get_command(app)
        for word in words.split("#")[0].split():
            if not isinstance(command, click.Group):
                break
            child = command.get_command(click.Context(command), word)
            assert child is not None, f"{page} names `assistant {words}`"
            command = child


@pytest.mark.parametrize("page", [*PAGES, "commands.md"])
def test_links_between_the_pages_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (DOCS / page).read_text(encoding="utf-8")):
        assert (DOCS / target).exists(), target
