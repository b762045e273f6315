"""Joining and leaving a federation, and what there is to tell about it."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import UsageError
from assistant.federating.places import Places, membership
from assistant.federating.shared_version import forget_shared
from assistant.paths import Paths
from assistant.store import Store
from federation.consent import Consent, Limits, Mode
from federation.flower.gate import reports_in, used_on
from federation.flower.invite import read_invite
from federation.flower.membership import Membership
from federation.ledger import Verification
from federation.refusal import FederationError
from federation.task import SignedTask, Task
from federation.wire import RoundRecord

if TYPE_CHECKING:
    from federation.flower.join import Offer


@dataclass(frozen=True, slots=True)
class Standing:
    """Where this device stands in its federation; `node` is what its node last told, in any process."""

    task: dict[str, object]
    coordinator: str
    mode: str
    limits: Limits
    rounds: int
    head: str
    sent_today: int
    bytes_today: int
    sent_rounds: int
    epsilon_spent: float | None
    node: dict[str, Any]
    trouble: str = ""


def offered(text: str) -> Offer:
    """What an invite leads to; nothing about this device is told. Raises BadInvite and Unreachable."""
    from federation.flower.join import look_at

    return look_at(read_invite(text))


def task_of(folder: str) -> SignedTask:
    """The task in a shared folder. Raises UsageError and Refused."""
    from assistant.federating.peering import task_in

    return task_in(Path(folder))


def check(paths: Paths, task: Task, *, without_noise: bool) -> None:
    """Raises UsageError when this device can't or shouldn't join.

    A federation that adds no noise is joined only with `without_noise`, because no privacy limit holds there.
    """
    known = Membership(Places(paths).joined)
    if known.is_joined and known.signed_task().task.digest != task.digest:
        raise UsageError(
            "This device takes part in another federation.", hint="`assistant federation leave` leaves it."
        )
    if not task.privacy.noise_multiplier and not without_noise:
        raise UsageError(
            "This federation adds no noise to what devices send; nothing bounds what that tells about you.",
            hint="Add --without-noise if that is what you want.",
        )
    if task.privacy.secure_aggregation:
        raise UsageError("This federation needs secure aggregation, which this release can't carry yet.")


def first_consent(mode: Mode, *, without_noise: bool) -> Consent:
    """What joining agrees to; without noise there is no limit on epsilon that could hold."""
    consent = Consent(mode)
    if without_noise:
        consent = replace(consent, limits=replace(consent.limits, epsilon=math.inf))
    return consent


def take_up(paths: Paths, place: Offer | Path, signed: SignedTask, consent: Consent) -> bytes:
    """Become a member of what an invite or a shared folder leads to; returns this device's public key.

    Raises NotAccepted and Unreachable.
    """
    places = Places(paths)
    places.ensure()
    if isinstance(place, Path):
        from assistant.federating.peering import join_folder

        return join_folder(paths, place, signed, consent)
    from federation.flower.join import join

    member = join(place, places.joined)
    member.consent().save(consent)
    return member.signer().public


def leave(paths: Paths, *, apply: Callable[[], object] = lambda: None) -> int:
    """Leave: the shared adapter, keys, log and consent go, the ledger stays. Returns versions taken away.

    Raises UsageError when there is nothing to leave.
    """
    member = membership(paths)
    with Store.open(paths) as store:
        gone = forget_shared(store, apply=apply)
    keep_ledger(member.folder, Places(paths).left / member.signed_task().task.id.hex())
    shutil.rmtree(member.folder)
    return gone


def keep_ledger(folder: Path, target: Path) -> None:
    """Move the ledger and the account of privacy out of a membership; a former one is continued beside it."""
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("ledger", "privacy"):
        file = folder / name
        if file.exists():
            number = sum(1 for _ in target.glob(f"{name}*"))
            file.replace(target / (f"{name}-{number}" if number else name))


def standing(paths: Paths) -> Standing:
    """Read everything; nothing is changed and nobody is asked. Raises UsageError when not a member."""
    from federation.privacy.budget import PrivacyBudget
    from federation.privacy.errors import FileDamaged

    member = membership(paths)
    signed, log = member.signed_task(), member.peek()
    consent_file = member.consent()
    consent = consent_file.load()
    trouble = consent_file.trouble
    try:
        entries = list(member.ledger().entries())
    except FederationError as problem:
        entries, trouble = [], str(problem)
    today = used_on(datetime.now().astimezone(), entries)
    spent: float | None = None
    if signed.task.privacy.noise_multiplier:
        try:
            spent = PrivacyBudget(
                member.budget_file, limit=consent.limits.epsilon, delta=signed.task.privacy.delta
            ).spent()
        except FileDamaged as problem:
            trouble = str(problem)
    from assistant.federating.hosting import describe

    return Standing(
        task=describe(signed.task),
        coordinator=member.address,
        mode=str(consent.mode),
        limits=consent.limits,
        rounds=sum(isinstance(entry, RoundRecord) for entry in log),
        head=log.head.hex(),
        sent_today=today.rounds,
        bytes_today=today.sent_bytes,
        sent_rounds=len({entry.round for entry in reports_in(entries)}),
        epsilon_spent=spent,
        node=_node(member.standing_file),
        trouble=trouble,
    )


def set_mode(paths: Paths, mode: Mode) -> Consent:
    """Change how this device takes part; the node heeds it with its next look."""
    file = membership(paths).consent()
    consent = file.load()
    chosen = consent.paused() if mode is Mode.PAUSED else consent.given(mode)
    file.save(chosen)
    return chosen


def verified(paths: Paths) -> Verification:
    """Check the ledger of this membership."""
    return membership(paths).ledger().verify()


def _node(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
