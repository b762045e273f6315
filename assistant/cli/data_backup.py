"""`assistant data backup|restore`: everything in one file, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.output import AsJson, Yes, confirm, document, say, size
from assistant.paths import default_paths

if TYPE_CHECKING:
    from assistant.backup import Restored

BackupFile = Annotated[Path, typer.Argument(help="The backup, such as assistant-backup.zip.")]


def register(group: typer.Typer) -> None:
    group.command()(backup)
    group.command()(restore)


def backup(
    file: BackupFile,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write chats, what was learned, settings and word lists into one file that only you can read.

    Works while the assistant is open. Downloaded models are left out.
    """
    from assistant.backup import back_up

    manifest = back_up(default_paths(), file, replace=force)
    if as_json:
        document({"file": file, "files": len(manifest.entries), "bytes": file.stat().st_size})
        return
    say(f"Wrote {len(manifest.entries)} files to {file} ({size(file.stat().st_size)}).")
    say("It holds your chats in clear text; what you delete later stays in it.")


def restore(
    file: BackupFile,
    only_check: Annotated[
        bool, typer.Option("--check", help="Only check the backup; nothing is changed.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Replace everything by a backup, which is checked as a whole before anything is touched."""
    from assistant import backup as backups

    paths = default_paths()
    if only_check:
        restored = backups.check(file)
    else:
        if paths.database.exists():
            confirm(f"Replace everything in {paths.home} by {file}?", yes=yes)
        restored = backups.restore(paths, file)
    _tell(restored, only_check=only_check, as_json=as_json)


def _tell(restored: Restored, *, only_check: bool, as_json: bool) -> None:
    manifest = restored.manifest
    if as_json:
        document(
            {
                "created": manifest.created,
                "files": len(manifest.entries),
                "bytes": manifest.size_bytes,
                "chats": restored.chats,
                "versions": restored.versions,
                "missing_adapters": restored.missing_adapters,
                "restored": not only_check,
            }
        )
        return
    verb = "The backup is whole" if only_check else "Restored"
    say(
        f"{verb}: {restored.chats} chats and {restored.versions} versions"
        f" of {manifest.created[:16].replace('T', ' ')} UTC."
    )
    if restored.missing_adapters:
        missing = ", ".join(restored.missing_adapters)
        say(f"It has no file for {missing}; `assistant learn now` makes a new version.")
