"""`assistant federation status`, `preview`, `log`, `rounds`: what would leave and what has left."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, document, line, printable, say, table
from assistant.errors import CheckFailed
from assistant.paths import Paths, default_paths

if TYPE_CHECKING:
    from federation.task import Task


def register(group: typer.Typer) -> None:
    group.command()(status)
    group.command()(preview)
    group.command()(log)
    group.command()(rounds)


def status(as_json: AsJson = False) -> None:
    """Membership, consent, and what was sent; on a coordinator also how its rounds go."""
    from assistant.federating.places import Places, plain_errors

    paths = default_paths()
    found: dict[str, Any] = {"member": None, "host": None}
    with plain_errors():
        from assistant.federating import joining
        from federation.flower.membership import Membership

        if Membership(Places(paths).joined).is_joined:
            found["member"] = asdict(joining.standing(paths))
        found["host"] = _hosted(paths)
    if as_json:
        document(found)
        return
    if found["member"]:
        _tell_member(found["member"])
    if found["host"]:
        _tell_host(found["host"])
    if not (found["member"] or found["host"]):
        say("This device takes part in no federation.")


def preview(model: ModelFile = None, as_json: AsJson = False) -> None:
    """The next report as it would be, byte by byte, and what it may tell. Sends nothing."""
    from assistant.federating.places import membership, plain_errors

    paths = default_paths()
    settings = settings_with(paths, model)
    with plain_errors():
        from assistant.federating.previewing import preview_report
        from assistant.services import open_engine
        from assistant.store import Store

        member = membership(paths)
        with (
            Store.open(paths, write=False) as store,
            contextlib.closing(open_engine(settings)) as engine,
        ):
            shown = preview_report(member, store, engine, settings, paths)
    if as_json:
        document(asdict(shown))
        return
    line(f"pairs      {len(shown.pair_ids)}: {', '.join(map(str, shown.pair_ids)) or 'none'}")
    if shown.report is None:
        say("Nothing would be sent: there are no pairs that may be shared.")
        return
    line(f"round      {shown.round}")
    line(f"noise      {shown.noise:g} times a report's length" if shown.noise else "noise      none")
    tell_report(bytes.fromhex(shown.report), member.signed_task().task, shown.epsilon_after)


def log(
    verify: Annotated[bool, typer.Option("--verify", help="Check the chain of hashes.")] = False,
    as_json: AsJson = False,
) -> None:
    """The ledger: everything that left this device, oldest first."""
    from assistant.federating.places import membership, plain_errors

    with plain_errors():
        ledger = membership(default_paths()).ledger()
        checked = ledger.verify() if verify else None
        entries = [] if checked is not None and not checked.holds else list(ledger.entries())
    if as_json:
        shown = [{**asdict(entry), "payload": entry.payload.hex()} for entry in entries]
        document({"entries": shown, "verified": None if checked is None else asdict(checked)})
    else:
        rows = [
            (each.number, each.time, each.kind, each.round, len(each.payload), each.consent, each.sha256[:16])
            for each in entries
        ]
        headings = ("NUMBER", "TIME", "KIND", "ROUND", "BYTES", "CONSENT", "SHA-256")
        table(headings, rows, empty="Nothing was sent yet.")
        if checked is not None and checked.holds:
            say(f"The chain of {checked.entries} entries holds.")
    if checked is not None and not checked.holds:
        raise CheckFailed(
            f"The ledger does not hold at entry {checked.broken}: {checked.reason}.",
            hint="Somebody changed the file, or the disk did; nothing more is sent from it.",
        )


def rounds(as_json: AsJson = False) -> None:
    """The public log of rounds that this device follows."""
    from assistant.federating.places import membership, plain_errors

    with plain_errors():
        from federation.wire import RoundRecord

        record_log = membership(default_paths()).peek()
        force = {entry.hash for entry in record_log.in_force()}
        found = [
            {
                "round": entry.round,
                "kind": "round" if isinstance(entry, RoundRecord) else "withdrawal",
                "devices": entry.clients if isinstance(entry, RoundRecord) else None,
                "in_force": entry.hash in force,
                "hash": entry.hash.hex(),
            }
            for entry in record_log
        ]
    if as_json:
        document(found)
        return
    rows = [
        (
            each["round"],
            each["kind"],
            each["devices"] or "",
            "yes" if each["in_force"] else "no",
            each["hash"],
        )
        for each in found
    ]
    table(("ROUND", "KIND", "DEVICES", "IN FORCE", "HASH"), rows, empty="There was no round yet.")


def tell_task(found: Mapping[str, Any]) -> None:
    """A task for its owner-to-be, on stderr."""
    privacy = found["privacy"]
    say(printable(found["told"]))
    say(f"  task       {printable(found['name'])}, SHA-256 {found['digest']}")
    numbers, size = found["numbers_sent_per_round"], found["bytes_sent_per_round"]
    say(f"  sends      {numbers} numbers, {size} bytes a round")
    say(f"  trains     {found['numbers_trained']} numbers that all members share")
    say(f"  noise      {privacy['noise_multiplier']:g} times a report's length")


def tell_report(report: bytes, task: Task, epsilon_after: float) -> None:
    """The bytes of a report and what can be inferred from them."""
    from assistant.federating.explaining import explained

    for sentence in explained(report, task, epsilon_after=epsilon_after):
        line(sentence)


def _hosted(paths: Paths) -> dict[str, Any] | None:
    import json

    from assistant.federating.hosting import describe
    from assistant.federating.places import Places
    from federation.flower.steward import Members, StewardFiles

    files = StewardFiles(Places(paths).hosted)
    if not files.task.exists():
        return None
    try:
        progress = json.loads((files.folder / "progress.json").read_text(encoding="ascii"))
    except (OSError, ValueError):
        progress = None
    invite = files.folder / "invite"
    return {
        "task": describe(files.signed_task().task),
        "members": len(Members(files.members).all()),
        "progress": progress,
        "invite": invite.read_text(encoding="ascii") if invite.exists() else None,
    }


def _tell_member(found: Mapping[str, Any]) -> None:
    limits, node = found["limits"], found["node"]
    line(f"federation {printable(str(found['task']['name']))} at {found['coordinator']}")
    line(f"consent    {found['mode']}")
    line(
        f"limits     {limits['rounds_per_day']} rounds and {limits['bytes_per_day']} bytes a day,"
        f" epsilon {limits['epsilon']:g}"
    )
    line(f"rounds     {found['rounds']} in the log, this device sent to {found['sent_rounds']}")
    line(f"today      {found['sent_today']} rounds, {found['bytes_today']} bytes")
    if found["epsilon_spent"] is not None:
        line(f"privacy    epsilon {found['epsilon_spent']:.2f} spent")
    line(f"node       {node.get('state', 'not running')}")
    if found["trouble"]:
        say(found["trouble"])


def _tell_host(found: Mapping[str, Any]) -> None:
    progress = found["progress"] or {}
    line(f"coordinates {printable(str(found['task']['name']))}, {found['members']} members")
    line(f"finished   {progress.get('finished', 0)} rounds, {progress.get('online', 0)} devices are there")
    refused = ", ".join(f"{reason} {count}" for reason, count in progress.get("refused", {}).items())
    line(f"refused    {refused or 'nothing'}")
