"""What deleting a version would mean for the others, and doing it. Knows the store's records only."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.store import Store


@dataclass(frozen=True, slots=True)
class Effects:
    """What hangs on a version.

    `children` name it as their parent; they stay usable, because every version stands for itself. `waiting`
    are active pairs that no other version in use has learned: they wait to be learned again.
    """

    version_id: str
    in_force: bool
    children: tuple[str, ...]
    waiting: tuple[int, ...]
    bytes: int | None

    def sentences(self) -> list[str]:
        """For the owner, before the question."""
        told = []
        if self.in_force:
            told.append(f"{self.version_id} is in force; it is switched off first.")
        if self.children:
            told.append(f"{', '.join(self.children)} came after it and stay as they are.")
        if self.waiting:
            count = len(self.waiting)
            told.append(f"{count} pair{'' if count == 1 else 's'} known to no other version will wait again.")
        return told or ["Nothing else depends on it."]


def effects_of_deleting(store: Store, version_id: str) -> Effects:
    """What would change. Raises UsageError for an unknown version."""
    version = store.versions.get(version_id)
    file = store.paths.adapters / version.path
    return Effects(
        version_id,
        version.state == "active",
        tuple(other.id for other in store.versions.list() if other.parent == version_id),
        tuple(pair.id for pair in store.pairs.list("active") if pair.learned_in == (version_id,)),
        file.stat().st_size if file.is_file() else None,
    )
