"""When tuning starts by itself: pure rules over a situation. Knows no clock, screen or battery."""

from __future__ import annotations

from dataclasses import dataclass

# After a reply or a key the owner may still be at it.
QUIET_S = 30.0


@dataclass(frozen=True, slots=True)
class TuningRule:
    """What the owner chose. `when` is by-hand, after-pairs or idle."""

    when: str = "by-hand"
    after_pairs: int = 10
    idle_s: float = 600.0
    on_battery: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """How things stand. Times in seconds.

    Attributes:
        new_pairs: active pairs that no version was trained on, drafts included; so a run that failed its
            checks is not tried again before there is something new.
        quiet_s: since the last key or finished reply.
        on_mains: None where there is no battery, or nothing is known about it.
    """

    is_learning_on: bool
    is_replying: bool
    is_tuning: bool
    new_pairs: int
    quiet_s: float
    on_mains: bool | None


def wait_for(rule: TuningRule, now: Situation) -> str:
    """What tuning still waits for, in words; empty when it should start now."""
    if not now.is_learning_on:
        return "learning is off"
    if rule.when == "by-hand":
        return "you start it"
    if now.is_tuning:
        return "a run is going on"
    if now.is_replying:
        return "a reply is being written"
    needed = rule.after_pairs if rule.when == "after-pairs" else 1
    if now.new_pairs < needed:
        missing = needed - now.new_pairs
        return f"{missing} more new pair{'' if missing == 1 else 's'}"
    if now.on_mains is False and not rule.on_battery:
        return "the machine runs on its battery"
    quiet_s = QUIET_S if rule.when == "after-pairs" else rule.idle_s
    if now.quiet_s < quiet_s:
        return f"{quiet_s:.0f} s without typing"
    return ""
