"""Which versions are in force: the store remembers it, the engine obeys it."""

from __future__ import annotations

from assistant.engine.engine import Engine
from assistant.engine.types import AdapterUse
from assistant.errors import AdapterError, UsageError
from assistant.models import model_sha256
from assistant.paths import Paths
from assistant.store import Store
from assistant.store.records import Version

STRONGEST = 1.5


def uses_in_force(store: Store, paths: Paths, base_sha256: str) -> tuple[list[AdapterUse], list[str]]:
    """The active versions that belong to this base model, and the ids of those that do not."""
    uses, foreign = [], []
    for kind in ("shared", "personal"):
        version = store.versions.active(kind)
        if version is None:
            continue
        if version.base_sha256 == base_sha256:
            uses.append(AdapterUse(version.id, paths.adapters / version.path, version.strength))
        else:
            foreign.append(version.id)
    return uses, foreign


class VersionControl:
    """Switches versions on the running engine and in the store.

    When the engine refuses an adapter, the store says what it said before.
    """

    def __init__(self, store: Store, engine: Engine, paths: Paths) -> None:
        self._store = store
        self._engine = engine
        self._paths = paths

    def apply(self) -> list[str]:
        """Make the engine answer with what the store says is active; ids of versions of another model.

        Raises AdapterError.
        """
        uses, foreign = uses_in_force(self._store, self._paths, self._base())
        self._engine.set_adapters(uses)
        return foreign

    def use(self, version_id: str) -> Version:
        """Put a version in force. Raises UsageError, and AdapterError when its file can't be used."""
        version = self._store.versions.get(version_id)
        if version.base_sha256 != self._base():
            raise AdapterError(
                f"{version.id} was learned on another model.",
                hint="Switch back to that model, or learn again.",
            )
        others = [use for use in self._engine.adapters if self._kind(use.version) != version.kind]
        self._engine.set_adapters(
            [*others, AdapterUse(version.id, self._paths.adapters / version.path, version.strength)]
        )
        return self._store.versions.activate(version.id)

    def off(self, kind: str = "personal") -> None:
        """Take the active version of `kind` out of force."""
        self._store.versions.off(kind)
        self.apply()

    def delete(self, version_id: str) -> None:
        """Remove a version and its file; one that is in force is switched off first. Raises UsageError."""
        version = self._store.versions.get(version_id)
        if version.state == "active":
            self.off(version.kind)
        self._store.versions.delete(version_id)

    def rollback(self, kind: str = "personal") -> Version | None:
        """Back to what was in force before; None when that was the base model.

        Raises AdapterError when that file can't be used any more; then nothing changes.
        """
        former = self._store.versions.active(kind)
        version = self._store.versions.rollback(kind)
        try:
            self.apply()
        except AdapterError:
            if former is not None:
                self._store.versions.activate(former.id)
            else:
                self._store.versions.off(kind)
            raise
        return version

    def set_strength(self, version_id: str, strength: float) -> Version:
        """How strongly a version acts: 0 is off, 1 as trained.

        Raises UsageError outside 0 to 1.5, AdapterError when the file can't be used (nothing changes then).
        """
        former = self._store.versions.get(version_id)
        if not 0.0 <= strength <= STRONGEST:
            raise UsageError(f"The strength must be between 0 and {STRONGEST}.")
        version = self._store.versions.set_strength(version_id, strength)
        if version.state == "active":
            try:
                self.apply()
            except AdapterError:
                self._store.versions.set_strength(version_id, former.strength)
                raise
        return version

    def _kind(self, version_id: str) -> str:
        return self._store.versions.get(version_id).kind

    def _base(self) -> str:
        return model_sha256(self._engine.model_path, self._paths)
