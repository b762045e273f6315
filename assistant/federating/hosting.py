"""Coordinating a federation from this machine: the task, made once, and the processes around it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from threading import Event

import numpy as np

from assistant.engine.engine import Engine
from assistant.engine.types import Message
from assistant.errors import UsageError
from assistant.federating.places import Places
from assistant.methods import read_answer_features
from assistant.models import model_sha256
from assistant.paths import Paths
from federation.flower.certificates import write_private
from federation.flower.steward import Members, StewardFiles
from federation.task import Optimiser, Privacy, Rule, SignedTask, Subspace, Task, Window, range_for
from synthesis.guards import general_prompts
from tuning.answer_features import AnswerFeatures
from tuning.examples import Example
from tuning.weights import Weights

# Public texts on which the model's scales are measured, so that numbers around 1 in the core matter.
_PROMPTS = 12
_ANSWER = "Yes, of course."


@dataclass(frozen=True, slots=True)
class Wish:
    """What a coordinator chooses for a new federation; see `federation.task.Task`.

    `owner_text` is what everybody reads before joining. `noise` is the noise multiplier of a report, `rank`
    gives rank² trained numbers, `attackers` the share of hostile devices that the rule is prepared for.
    """

    name: str = "style"
    owner_text: str = ""
    rounds: int = 100
    directions: int = 64
    rank: int = 16
    quorum: int = 3
    noise: float = 1.0
    attackers: float = 0.0
    seed: int = 0

    @property
    def told(self) -> str:
        """The paragraph for owners."""
        if self.owner_text:
            return self.owner_text
        noise = f"with noise of {self.noise:g} times a report's length" if self.noise else "WITHOUT noise"
        return (
            f"Devices improve one small adapter together. In each of about {self.rounds} rounds a device"
            f" sends {self.directions} numbers that say how well its shareable pairs fare when the adapter is"
            f" nudged, {noise}. The coordinator sees each device's numbers."
        )


def hosted_files(paths: Paths) -> StewardFiles:
    """The coordinator's files. Raises UsageError when this machine coordinates nothing."""
    files = StewardFiles(Places(paths).hosted)
    if not files.task.exists():
        raise UsageError(
            "This machine coordinates no federation.", hint="`assistant federation host` starts one."
        )
    return files


def prepare(paths: Paths, engine: Engine, wish: Wish) -> tuple[SignedTask, bool]:
    """The signed task of this machine's federation, and whether it was made now; it never changes after.

    Raises FederationError for a wish out of bounds, Refused for a damaged file.
    """
    places = Places(paths)
    places.ensure()
    files = StewardFiles(places.hosted)
    if files.task.exists():
        return files.signed_task(), False
    places.hosted.mkdir(exist_ok=True, mode=0o700)
    weights = Weights(engine.model_path)
    tensor = f"blk.{int(weights.number('block_count')) - 1}.ffn_down.weight"
    residual, key = _scales(engine)
    signer = files.signer()
    task = Task(
        name=wish.name,
        owner_text=wish.told,
        coordinator=signer.public.hex(),
        base_model=model_sha256(engine.model_path, paths),
        window=Window((tensor,), wish.rank, Subspace("seed", str(wish.seed), residual, key)),
        directions=wish.directions,
        scalar_range=range_for(wish.directions, wish.noise),
        rounds=wish.rounds,
        min_clients=wish.quorum,
        optimiser=Optimiser(),
        privacy=Privacy(noise_multiplier=wish.noise),
        rule=Rule("trimmed-mean", wish.attackers) if wish.attackers else Rule(),
    )
    signed = SignedTask.sign(task, signer)
    write_private(files.task, signed.to_bytes())
    return signed, True


def run(
    paths: Paths,
    signed: SignedTask,
    *,
    rounds: int,
    deadline_s: float,
    grace_s: float,
    pause_s: float,
    sample: int,
    hold: bool,
    listen: str,
    port: int,
    names: Sequence[str],
    stop: Event,
    on_invite: Callable[[str], None],
    on_event: Callable[[str], None] = lambda what: None,
) -> None:
    """Coordinate until `stop`; port 0 is the one of the last time, or any free one.

    `on_invite` is called once devices can come. Raises CarrierError.
    """
    from federation.flower.host import Host, HostFiles
    from federation.flower.rounds import Rule as RoundRule
    from federation.flower.server_app import app_files

    files = StewardFiles(Places(paths).hosted)
    rule = RoundRule(
        rounds,
        quorum=signed.task.min_clients,
        deadline=deadline_s,
        grace=min(grace_s, deadline_s),
        pause=pause_s,
        sample=sample,
        hold=hold and signed.task.window.blocks == 1,
    )

    # Members know the address they joined at.
    port_file = files.folder / "port"
    if not port and port_file.exists():
        port = int(port_file.read_text(encoding="ascii"))

    def tell(what: str) -> None:
        if what == "open":
            write_private(port_file, str(host.invite.port).encode("ascii"))
            invite = host.invite.text()
            write_private(files.folder / "invite", invite.encode("ascii"))
            on_invite(invite)
        on_event(what)

    host = Host(
        HostFiles(files.folder),
        app_files(files.folder, rule),
        signed.to_bytes(),
        signed.task.digest,
        host=listen,
        port=port,
        names=tuple(names),
        register=Members(files.members).admit,
        on_event=tell,
    )
    host.run(stop)


def _scales(engine: Engine) -> tuple[float, float]:
    """Root mean square of the residual stream, and 1 / that of the length of a key, on public texts.

    With them U's columns are as long as what they are added to, and keys Vᵀa have about unit variance.
    """
    examples = []
    for prompt in general_prompts()[:_PROMPTS]:
        pair = engine.pair([Message("user", prompt)], _ANSWER)
        examples.append(Example(pair.prompt, pair.answer, "fact"))
    features: AnswerFeatures | None = None
    for item in read_answer_features(engine, examples):
        if not isinstance(item, float):
            features = item
    assert features is not None
    residual = math.sqrt(float(np.mean(features.h.astype(np.float64) ** 2)))
    key = 1.0 / math.sqrt(float((features.a.astype(np.float64) ** 2).sum(axis=1).mean()))
    # Few digits: the manifest is read by people too.
    return float(f"{residual:.4g}"), float(f"{key:.4g}")


def describe(task: Task) -> dict[str, object]:
    """A task in plain numbers, for the terminal and for JSON."""
    return {
        "name": task.name,
        "told": task.owner_text,
        "digest": task.digest.hex(),
        "base_model": task.base_model,
        "numbers_trained": task.d,
        "numbers_sent_per_round": task.directions,
        "bytes_sent_per_round": 28 + 26 + 2 * task.directions + 68,
        "rounds": task.rounds,
        "quorum": task.min_clients,
        "rule": asdict(task.rule),
        "privacy": asdict(task.privacy),
    }
