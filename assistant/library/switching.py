"""What choosing another model means: versions belong to a model, pairs belong to the owner."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.store import Store


@dataclass(frozen=True, slots=True)
class Switch:
    """Versions learned on the chosen model, the active ones of other models, and how many pairs there are."""

    own: tuple[str, ...]
    resting: tuple[str, ...]
    active_own: tuple[str, ...]
    pairs: int

    def notes(self) -> list[str]:
        """What the owner should know, as sentences; empty when nothing was learned yet."""
        notes = []
        if self.resting:
            is_or_are = "rests" if len(self.resting) == 1 else "rest"
            names = ", ".join(self.resting)
            notes.append(f"{names} was learned on another model and {is_or_are} until you switch back.")
        if self.active_own:
            notes.append(f"{', '.join(self.active_own)} was learned on this model and is in force.")
        elif self.own:
            notes.append(
                f"Learned on this model: {', '.join(self.own)}. `assistant adapters use {self.own[-1]}`"
            )
        if self.pairs and not self.active_own:
            notes.append(
                f"Your {self.pairs} pairs are kept; `assistant learn now` teaches them to this model."
            )
        return notes


def switch_to(store: Store, model_sha256: str) -> Switch:
    """What is there for a model with this hash. Changes nothing."""
    versions = store.versions.list()
    own = [version for version in versions if version.base_sha256 == model_sha256]
    return Switch(
        own=tuple(version.id for version in own),
        resting=tuple(v.id for v in versions if v.state == "active" and v.base_sha256 != model_sha256),
        active_own=tuple(version.id for version in own if version.state == "active"),
        pairs=len(store.pairs.list("active")),
    )
