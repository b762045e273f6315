"""Whether a draft may become active: it must have learned, and must have left everything else alone.

Knows losses and first words, nothing of how the draft was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The stated margin: on the fixed general set at most this share of first words may change.
GENERAL_MARGIN = 0.25
# Held-out wordings must get clearly likelier, not just by a hair.
LEAST_GAIN = 0.10


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's decision with its numbers; losses in nats per answer token."""

    passed: bool
    held_out_before: float
    held_out_after: float
    general_kept: int
    general_checked: int
    reasons: tuple[str, ...]

    @property
    def general_change(self) -> float:
        """Share of the general prompts whose answer starts with another word."""
        return 1.0 - self.general_kept / self.general_checked if self.general_checked else 0.0


def judge(
    held_out_before: float, held_out_after: float, first_before: Sequence[str], first_after: Sequence[str]
) -> Verdict:
    """Compare a draft with the model before it.

    `first_*` are the first words of the greedy answers to the fixed general set, in the same order.
    """
    kept = sum(before == after for before, after in zip(first_before, first_after, strict=True))
    checked = len(first_before)
    learned = held_out_after <= held_out_before * (1.0 - LEAST_GAIN)
    allowed = int(checked * GENERAL_MARGIN)
    contained = checked - kept <= allowed
    reasons = (
        f"Held-out wordings: loss {held_out_before:.2f} → {held_out_after:.2f}"
        + ("." if learned else f"; it had to fall by {LEAST_GAIN:.0%}."),
        f"General prompts: {kept} of {checked} answers start as before"
        + (f" (at most {allowed} may change)." if contained else f"; at most {allowed} may change."),
    )
    return Verdict(learned and contained, held_out_before, held_out_after, kept, checked, reasons)


def first_word(answer: str) -> str:
    """What the gate compares; empty for an empty answer."""
    words = answer.split(maxsplit=1)
    return words[0] if words else ""
