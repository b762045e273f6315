"""`assistant federation`: learn together with others, from one's own machine, with one's own consent."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import federation_peers, federation_views
from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, Yes, document, line, printable, say
from assistant.errors import Cancelled, ConsentMissing, UsageError
from assistant.paths import Paths, default_paths

if TYPE_CHECKING:
    from assistant.settings import Settings
    from federation.consent import Verdict
    from federation.task import Task

MODES = ("ask", "automatic", "pause", "resume", "off")


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Improve a shared adapter together; only a few numbers ever leave.", no_args_is_help=True
    )
    group.command()(host)
    group.command()(join)
    group.command()(run)
    group.command()(consent)
    group.command()(leave)
    federation_peers.register(group)
    federation_views.register(group)
    app.add_typer(group, name="federation")


def host(
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS", help="Where devices come in; loopback by default.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Their port; 0 is the last one, or any free one.")
    ] = 0,
    names: Annotated[
        list[str] | None,
        typer.Option("--known-as", metavar="NAME", help="A name or address that invites should use."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name of a new federation.")] = "style",
    told: Annotated[str, typer.Option("--told", help="What owners read before joining.")] = "",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds in all.")] = 100,
    directions: Annotated[
        int, typer.Option("--directions", min=2, max=4096, help="Numbers a device sends per round.")
    ] = 64,
    rank: Annotated[int, typer.Option("--rank", min=1, max=64, help="rank² numbers are trained.")] = 16,
    quorum: Annotated[int, typer.Option("--quorum", min=1, help="Fewest devices per round.")] = 3,
    noise: Annotated[
        float, typer.Option("--noise", min=0, max=100, help="Noise on each report; 0 protects nobody.")
    ] = 1.0,
    attackers: Annotated[
        float, typer.Option("--attackers", min=0, max=0.49, help="Share of hostile devices to withstand.")
    ] = 0.0,
    deadline: Annotated[
        float, typer.Option("--deadline", min=1, help="Seconds a round waits for its quorum.")
    ] = 120.0,
    grace: Annotated[
        float, typer.Option("--grace", min=0, help="Seconds it waits for others after the quorum.")
    ] = 20.0,
    pause: Annotated[float, typer.Option("--pause", min=0, help="Seconds between rounds.")] = 1.0,
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="Devices asked per round, drawn anew; 0 asks all.")
    ] = 0,
    hold: Annotated[
        bool, typer.Option("--hold", help="Measure a state again while devices disagree about it.")
    ] = False,
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Coordinate a federation until Ctrl+C; prints an invite. Run again, it goes on where it ended."""
    from assistant.federating.places import plain_errors
    from assistant.interrupts import interrupt_sets
    from assistant.services import open_engine

    if listen in ("0.0.0.0", "::") and not names:
        raise UsageError(
            "Devices need to know where to go.", hint="Name this machine's address: --known-as ADDRESS."
        )
    paths = default_paths()
    settings = settings_with(paths, model)
    with plain_errors():
        from assistant.federating import hosting

        wish = hosting.Wish(name, told, rounds, directions, rank, quorum, noise, attackers, settings.seed)
        with contextlib.closing(open_engine(settings)) as engine:
            signed, is_new = hosting.prepare(paths, engine, wish)
        if not is_new:
            say(f"Going on with the federation {printable(signed.task.name)}; its task stays as it was made.")

        def on_invite(invite: str) -> None:
            if as_json:
                document({"invite": invite, "task": hosting.describe(signed.task)})
            else:
                line(invite)
                say("Give this invite to those who should take part. Ctrl+C ends; run again to go on.")

        stop = threading.Event()
        with interrupt_sets(stop):
            hosting.run(
                paths,
                signed,
                rounds=rounds,
                deadline_s=deadline,
                grace_s=grace,
                pause_s=pause,
                sample=sample,
                hold=hold,
                listen=listen,
                port=port,
                names=names or (),
                stop=stop,
                on_invite=on_invite,
            )


def join(
    invite: Annotated[str, typer.Argument(help="The invite, a file that holds it, or a shared folder.")],
    automatic: Annotated[
        bool, typer.Option("--automatic", help="Send within your limits, without asking each round.")
    ] = False,
    without_noise: Annotated[
        bool, typer.Option("--without-noise", help="Join even if what is sent is not protected by noise.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Show what an invite leads to and, if you agree, become a member. Nothing is sent yet."""
    from assistant.federating.places import plain_errors

    paths = default_paths()
    _require_setting(settings_with(paths))
    with plain_errors():
        from assistant.federating import hosting, joining
        from federation.consent import Mode

        offer = None if Path(invite).is_dir() else joining.offered(invite)
        signed = joining.task_of(invite) if offer is None else offer.signed
        federation_views.tell_task(hosting.describe(signed.task))
        joining.check(paths, signed.task, without_noise=without_noise)
        if not yes:
            _agree()
        chosen = joining.first_consent(Mode.AUTOMATIC if automatic else Mode.ASK, without_noise=without_noise)
        key = joining.take_up(paths, offer or Path(invite), signed, chosen)
    if as_json:
        document({"joined": signed.task.digest.hex(), "mode": str(chosen.mode), "key": key.hex()})
    elif offer is None:
        say(f"The founder lets you in with: assistant federation admit FOLDER {key.hex()}")
    else:
        say("You are a member. `assistant federation run` takes part, and so does the chat while it is open.")


def run(
    rounds: Annotated[
        int | None, typer.Option("--rounds", min=1, help="End after this many rounds of the federation.")
    ] = None,
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Take part without the chat, until Ctrl+C."""
    from assistant.federating.places import membership, plain_errors
    from assistant.interrupts import interrupt_sets
    from assistant.services import open_engine
    from assistant.store import Store
    from assistant.versions import uses_in_force

    paths = default_paths()
    settings = settings_with(paths, model)
    _require_setting(settings)
    _require_sharing(paths)
    with plain_errors():
        from assistant.federating.peering import PeerPart
        from assistant.federating.routing import shareable
        from assistant.federating.taking_part import TakingPart
        from assistant.models import model_sha256

        member = membership(paths)
        with Store.open(paths) as store, contextlib.closing(open_engine(settings)) as engine:
            engine.load()
            uses, _ = uses_in_force(store, paths, model_sha256(engine.model_path, paths))
            engine.set_adapters(uses)
            kind: type[TakingPart] | type[PeerPart]
            kind = TakingPart if member.shared_folder is None else PeerPart

            def ask(report: bytes, verdict: Verdict) -> bool:
                return _ask(report, part.task, part.epsilon_after())

            def tell(what: str, why: str) -> None:
                say(f"{what}{': ' + why if why else ''}")

            allowed = shareable(store, member)
            part = kind(member, store, engine, settings, paths, shareable=allowed, ask=ask, on_event=tell)
            stop = threading.Event()
            with interrupt_sets(stop):
                part.start()
                # A device that was closed must not be counted as there for the rest of its lease.
                while part.is_running and not stop.wait(0.2):
                    if rounds is not None and part.rounds >= rounds:
                        break
            part.close()
            found = {"rounds": part.rounds, "head": part.log.head.hex(), "ended": part.ended}
    if as_json:
        document(found)
    else:
        say(f"{found['rounds']} rounds so far.")


def consent(
    mode: Annotated[str, typer.Argument(help="ask, automatic, pause, resume or off.")],
    as_json: AsJson = False,
) -> None:
    """Choose how this device takes part; it counts at once."""
    from assistant.federating.places import membership, plain_errors

    if mode not in MODES:
        raise UsageError(f"{mode!r} is none of {', '.join(MODES)}.")
    paths = default_paths()
    with plain_errors():
        from assistant.federating import joining
        from federation.consent import Mode

        file = membership(paths).consent()
        if mode == "resume":
            chosen = file.load().resumed()
            file.save(chosen)
        else:
            wanted = {"ask": Mode.ASK, "automatic": Mode.AUTOMATIC, "pause": Mode.PAUSED, "off": Mode.OFF}
            chosen = joining.set_mode(paths, wanted[mode])
    if as_json:
        document({"mode": str(chosen.mode)})
    else:
        say(f"Taking part: {chosen.mode}.")


def leave(yes: Yes = False, as_json: AsJson = False) -> None:
    """Leave: the shared adapter, keys and log are deleted. The ledger of what was sent stays."""
    from assistant.cli.output import confirm
    from assistant.federating.places import membership, plain_errors

    paths = default_paths()
    membership(paths)
    confirm("Leave the federation and delete the shared adapter?", yes=yes)
    with plain_errors():
        from assistant.federating import joining

        gone = joining.leave(paths)
    if as_json:
        document({"left": True, "versions_deleted": gone})
    else:
        say("You left. Answers are as if you had never been there.")


def _require_setting(settings: Settings) -> None:
    if not settings.share:
        raise ConsentMissing(
            "Sharing is off in the settings.",
            hint="Nothing was sent. Put `share = true` into settings.toml (`assistant data paths`) first.",
        )


def _require_sharing(paths: Paths) -> None:
    from assistant.federating.places import membership
    from federation.consent import Mode

    if membership(paths).consent().load().mode in (Mode.OFF, Mode.PAUSED):
        raise ConsentMissing(
            "You have not agreed to take part.", hint="`assistant federation consent ask` opts in."
        )


def _agree() -> None:
    import sys

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("Joining needs your word and there is no terminal.", hint="Add --yes to agree.")
    if not typer.confirm("Take part?", err=True):
        raise Cancelled("Nothing was sent.")


def _ask(report: bytes, task: Task, epsilon_after: float) -> bool:
    """Ask on the terminal about one report."""
    import sys

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    federation_views.tell_report(report, task, epsilon_after)
    return bool(typer.confirm("Send this?", err=True))
