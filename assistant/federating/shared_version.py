"""The shared adapter as a version of this device: beside the personal one, and gone when one leaves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from assistant.errors import AdapterError
from assistant.paths import Paths
from assistant.store import Store, Version
from assistant.versions import VersionControl
from federation.log import RoundLog
from federation.subspace import PublicSubspace
from federation.task import Task

KIND = "shared"
METHOD = "federation"


class SharedVersion:
    """Writes the core of a log as an adapter file and puts it in force."""

    def __init__(self, store: Store, paths: Paths, control: VersionControl, architecture: str) -> None:
        self._store = store
        self._paths = paths
        self._control = control
        self._architecture = architecture

    def update(self, task: Task, log: RoundLog, subspace: PublicSubspace, core: np.ndarray) -> None:
        """One file and one version per task, written anew after each round. Raises AdapterError."""
        from assistant.shared_window import write_shared_adapter

        self._paths.ensure()
        name = f"shared-{task.id.hex()[:12]}.gguf"
        write_shared_adapter(
            self._paths.adapters / name, task, subspace, core, architecture=self._architecture, head=log.head
        )
        known = [each for each in self._store.versions.list(KIND) if each.path == name]
        report = {"task": task.digest.hex(), "head": log.head.hex(), "rounds": log.next_round}
        if known:
            version = self._store.versions.update_report(known[0].id, report)
        else:
            fresh = Version(
                self._store.versions.next_id(), None, KIND, "draft", 1.0, METHOD, task.base_model, name
            )
            version = self._store.versions.add(replace(fresh, report=report))
        if known and version.state != "active":
            # The owner switched it off; it is kept up to date, and stays off.
            return
        if version.state == "active":
            self._control.apply()
        else:
            self._control.use(version.id)


def forget_shared(store: Store, *, apply: Callable[[], object] = lambda: None) -> int:
    """Take every shared version and its file away; returns how many there were.

    Personal versions are other files and stay as they are.
    """
    versions = store.versions.list(KIND)
    if versions:
        store.versions.off(KIND)
        with contextlib.suppress(AdapterError):
            apply()
    for version in versions:
        store.versions.delete(version.id)
    return len(versions)
