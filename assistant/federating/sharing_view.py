"""What the screen shows of a federation, as plain values: where one stands, what was sent, what is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.errors import UsageError
from assistant.paths import Paths

if TYPE_CHECKING:
    from assistant.federating.starting import Part


@dataclass(frozen=True, slots=True)
class Sent:
    """One entry of the ledger; `payload` are the bytes that left."""

    number: int
    time: str
    round: int
    payload: bytes
    consent: str
    sha256: str


class SharingView:
    """Reads files each time it is asked; changes only the consent. Methods raise AssistantError."""

    def __init__(self, paths: Paths, part: Part | None) -> None:
        """`part` is this process's own part in the federation, if it has one."""
        self._paths = paths
        self._part = part

    @property
    def is_joined(self) -> bool:
        from assistant.federating.places import Places

        return Places(self._paths).is_joined

    def lines(self) -> list[str]:
        """Where this device stands, a sentence each."""
        from assistant.federating.places import plain_errors

        with plain_errors():
            from assistant.federating.joining import standing

            found = standing(self._paths)
        limits = found.limits
        node = found.node.get("state", "not running") if self._part is not None else "not running here"
        told = [
            f"{found.task['name']} at {found.coordinator}. Taking part: {found.mode}. Node: {node}.",
            f"{found.rounds} rounds in the shared log; for {found.sent_rounds} this device sent something.",
            f"Today {found.sent_today} of {limits.rounds_per_day} rounds and {found.bytes_today} of"
            f" {limits.bytes_per_day} bytes.",
        ]
        if found.epsilon_spent is not None:
            told.append(f"Privacy spent in all: epsilon {found.epsilon_spent:.2f} of {limits.epsilon:g}.")
        else:
            told.append("What is sent carries no noise: nothing bounds what it may tell about your pairs.")
        return [*told, found.trouble] if found.trouble else told

    def sent(self, most: int = 200) -> list[Sent]:
        """The newest entries of the ledger, the newest first."""
        from assistant.federating.places import membership, plain_errors

        with plain_errors():
            entries = [each for each in membership(self._paths).ledger().entries() if each.kind == "sent"]
        return [
            Sent(each.number, each.time, each.round, each.payload, each.consent, each.sha256)
            for each in entries[: -most - 1 : -1]
        ]

    def verify(self) -> str:
        """The chain of the ledger in one sentence."""
        from assistant.federating.places import plain_errors

        with plain_errors():
            from assistant.federating.joining import verified

            found = verified(self._paths)
        if found.holds:
            return f"The chain of {found.entries} entries holds."
        return f"The ledger does not hold at entry {found.broken}: {found.reason}."

    @property
    def asked(self) -> bytes | None:
        """The report that waits for the owner's word, byte by byte as it would leave."""
        pending = None if self._part is None else self._part.pending
        return None if pending is None else pending.report

    def explain(self, report: bytes) -> list[str]:
        """The report that is asked about: its bytes, what they are for, what they may tell."""
        from assistant.federating.explaining import explained
        from assistant.federating.places import plain_errors

        if self._part is None:
            return []
        with plain_errors():
            return list(explained(report, self._part.task, epsilon_after=self._part.epsilon_after()))

    def answer(self, report: bytes, word: bool) -> bool:
        """The owner's word on this very report; False when the round does not wait for it any more."""
        pending = None if self._part is None else self._part.pending
        return pending is not None and pending.answer(report, word)

    def choose(self, mode: str) -> str:
        """Take part by "ask", "automatic", "pause", "resume" or "off"; returns the mode in words."""
        from assistant.federating.places import membership, plain_errors

        if mode not in ("ask", "automatic", "pause", "resume", "off"):
            raise UsageError(f"There is no way of taking part called {mode!r}.")
        with plain_errors():
            from assistant.federating.joining import set_mode
            from federation.consent import Mode

            if mode == "resume":
                file = membership(self._paths).consent()
                chosen = file.load().resumed()
                file.save(chosen)
            else:
                modes = {"ask": Mode.ASK, "automatic": Mode.AUTOMATIC, "pause": Mode.PAUSED, "off": Mode.OFF}
                chosen = set_mode(self._paths, modes[mode])
        return str(chosen.mode)
