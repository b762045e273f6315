"""`assistant adapters`: list what was learned, put a version in force, switch it off, go back, rebuild."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli import adapters_compare
from assistant.cli.adapters_export import export
from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, document, line, say, size, table
from assistant.paths import Paths, default_paths

if TYPE_CHECKING:
    from assistant.store import Store, Version
    from assistant.versions import VersionControl

VersionId = Annotated[str, typer.Argument(metavar="VERSION", help="Such as v0001, as in `adapters list`.")]
KINDS = ("personal", "shared")


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Choose which learned version answers, or none.", no_args_is_help=True)
    group.command("list")(list_versions)
    group.command()(show)
    group.command()(use)
    group.command()(off)
    group.command()(rollback)
    group.command()(strength)
    group.command()(rebuild)
    group.command()(export)
    adapters_compare.register(group)
    app.add_typer(group, name="adapters")


def list_versions(as_json: AsJson = False) -> None:
    """List all versions, the oldest first."""
    from assistant.store import Store

    with Store.open(default_paths(), write=False) as store:
        versions = store.versions.list()
    if as_json:
        document(versions)
        return
    rows = [
        (
            version.id,
            version.state,
            version.kind,
            f"{version.strength:g}",
            len(version.pair_ids),
            version.created[:16].replace("T", " "),
            version.method,
        )
        for version in versions
    ]
    headings = ("VERSION", "STATE", "KIND", "STRENGTH", "PAIRS", "CREATED (UTC)", "METHOD")
    table(headings, rows, empty="Nothing was learned yet.")


def show(version_id: VersionId, as_json: AsJson = False) -> None:
    """Show one version: where it comes from, what it cost, and what its checks said."""
    from assistant.store import Store

    paths = default_paths()
    with Store.open(paths, write=False) as store:
        version = store.versions.get(version_id)
    file = paths.adapters / version.path
    length = file.stat().st_size if file.is_file() else None
    if as_json:
        document({"version": version, "file": file, "bytes": length})
        return
    line(f"version    {version.id}, {version.kind}, {version.state}")
    line(f"parent     {version.parent or 'none'}")
    line(f"strength   {version.strength:g}")
    line(f"method     {version.method}")
    line(f"created    {version.created}")
    line(f"pairs      {', '.join(map(str, version.pair_ids)) or 'none'}")
    line(f"model      SHA-256 {version.base_sha256}")
    line(f"file       {file} ({'missing' if length is None else size(length)})")
    _tell_report(version.report)


def use(version_id: VersionId, model: ModelFile = None, as_json: AsJson = False) -> None:
    """Put a version in force, whatever its checks said; its file is tried first."""
    with _control(model) as (store, control):
        version = control.use(version_id)
        _tell_active(store, as_json, f"{version.id} is in force.")


def off(as_json: AsJson = False) -> None:
    """Answer as the base model; nothing is deleted. Works without the model and with damaged files."""
    from assistant.store import Store

    with Store.open(default_paths()) as store:
        former = [version.id for version in store.versions.list() if version.state == "active"]
        for kind in KINDS:
            store.versions.off(kind)
        told = f"{', '.join(former)} is off" if former else "Nothing was in force"
        _tell_active(store, as_json, f"{told}; the base model answers.")


def rollback(model: ModelFile = None, as_json: AsJson = False) -> None:
    """Go back to what was in force before; its file is tried."""
    with _control(model) as (store, control):
        version = control.rollback()
        told = "Nothing is in force; the base model answers."
        if version is not None:
            told = f"{version.id} is in force."
            _note_if_foreign(version, control)
        _tell_active(store, as_json, told)


def strength(
    version_id: VersionId,
    value: Annotated[
        float, typer.Argument(metavar="X", help="1 as it was trained, 0 not at all, up to 1.5.")
    ],
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Set how strongly a version acts."""
    with _control(model) as (_, control):
        version = control.set_strength(version_id, value)
    if as_json:
        document(version)
    else:
        say(f"{version.id} acts with strength {version.strength:g}.")


def rebuild(version_id: VersionId, as_json: AsJson = False) -> None:
    """Make the adapter file anew from the log of its run, byte for byte. Works without the model.

    Only zeroth-order keeps such a log; a layer-chain version is tuned again from its pairs instead.
    """
    from assistant.rebuilding import rebuild as rebuild_file
    from assistant.store import Store

    paths = default_paths()
    with Store.open(paths, write=False) as store:
        version = store.versions.get(version_id)
    rebuilt = rebuild_file(version, paths.adapters)
    if as_json:
        document(rebuilt)
    else:
        say(f"{version.id} was rebuilt from {rebuilt.scalars:,} scalars: the very bytes that were learned.")


@contextlib.contextmanager
def _control(model: Path | None) -> Iterator[tuple[Store, VersionControl]]:
    """The versions together with an engine, which loads the model only to try a file."""
    from assistant.services import open_engine
    from assistant.store import Store
    from assistant.versions import VersionControl

    paths: Paths = default_paths()
    settings = settings_with(paths, model)
    with (
        Store.open(paths) as store,
        contextlib.closing(open_engine(settings)) as engine,
    ):
        yield store, VersionControl(store, engine, paths)


def _note_if_foreign(version: Version, control: VersionControl) -> None:
    """`apply` leaves versions of another model out, and says which those are."""
    if version.id in control.apply():
        say(f"{version.id} was learned on another model and is not used with this one.")


def _tell_active(store: Store, as_json: bool, told: str) -> None:
    if as_json:
        active = [version for version in store.versions.list() if version.state == "active"]
        document({"active": [version.id for version in active]})
    else:
        say(told)


def _tell_report(report: dict[str, Any]) -> None:
    if report.get("held_out_before") is not None:
        line(f"held out   loss {report['held_out_before']:.2f} → {report['held_out_after']:.2f}")
    if report.get("general_checked"):
        line(f"general    {report['general_kept']} of {report['general_checked']} answers start as before")
    if report.get("seconds"):
        line(f"cost       {sum(report['seconds'].values()):.0f} s")
    for reason in report.get("reasons", ()):
        line(f"check      {reason}")
