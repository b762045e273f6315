"""Every path in one place. `ASSISTANT_HOME` relocates all of them; folders are 0700."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """Where everything lives. Nothing is created until `ensure` is called."""

    home: Path

    @property
    def database(self) -> Path:
        return self.home / "assistant.db"

    @property
    def lock(self) -> Path:
        return self.home / "assistant.lock"

    @property
    def settings(self) -> Path:
        return self.home / "settings.toml"

    @property
    def adapters(self) -> Path:
        return self.home / "adapters"

    @property
    def index(self) -> Path:
        return self.home / "buffer.faiss"

    @property
    def lexicons(self) -> Path:
        """The owner's word lists, if they made any; the folder is theirs to create."""
        return self.home / "lexicons"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def tuning_checkpoint(self) -> Path:
        """Where a learning run that was cut off goes on; gone once a run has ended."""
        return self.home / "tuning.checkpoint"

    @property
    def receipts(self) -> Path:
        """What was forgotten and when, in numbers."""
        return self.home / "receipts"

    @property
    def log(self) -> Path:
        return self.home / "assistant.log"

    def ensure(self) -> Paths:
        """Create the folders, private to the owner (mode 0700)."""
        for folder in (self.home, self.adapters, self.models):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
        return self

    def as_dict(self) -> dict[str, str]:
        names = ("home", "database", "settings", "adapters", "index", "lexicons", "models", "receipts", "log")
        return {name: str(getattr(self, name)) for name in names}


def run_log(adapter: Path) -> Path:
    """The log of the tuning run that made an adapter file, beside it; not every method keeps one."""
    return adapter.with_suffix(".run")


def default_paths() -> Paths:
    """The owner's folders: `ASSISTANT_HOME`, or the platform's data folder."""
    override = os.environ.get("ASSISTANT_HOME")
    if override:
        return Paths(Path(override).expanduser())
    from platformdirs import user_data_path

    return Paths(user_data_path("assistant", appauthor=False))
