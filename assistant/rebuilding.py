"""Rebuild the adapter file of a version from the log of its run. Needs no model; changes no other file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import AdapterError, CheckFailed, DiskFull, UsageError
from assistant.paths import run_log
from assistant.store.records import Version

# Methods whose runs are a log of seeds and scalars.
REPLAYED = ("zeroth-order",)
LEARN_AGAIN = "Learn again: `assistant learn now` makes a new version of the pairs."


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A rebuilt file; `scalars` is how many numbers its run consisted of."""

    version_id: str
    file: Path
    sha256: str
    scalars: int


def fingerprint(file: Path) -> str:
    """SHA-256 of a file's bytes. Raises OSError."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def rebuild(version: Version, adapters: Path) -> Rebuilt:
    """Write the adapter of `version` anew from its log; it appears whole and checked, or nothing changes.

    Raises UsageError for a version whose method keeps no log, AdapterError when the log is missing, damaged
    or of another version, CheckFailed when the bytes are not those the store remembers, and DiskFull.
    """
    from tuning.examples import TuningError
    from tuning.run_log import read_run_log

    if version.method not in REPLAYED:
        raise UsageError(
            f"{version.id} was tuned with {version.method}, which keeps no log that could be replayed.",
            hint="Such a version is re-tuned from its pairs: `assistant learn now` makes a new one of them.",
        )
    remembered = version.report.get("adapter_sha256")
    if not remembered:
        raise AdapterError(
            f"The store does not say which bytes the file of {version.id} had.", hint=LEARN_AGAIN
        )
    file = adapters / version.path
    source = run_log(file)
    try:
        log = read_run_log(source)
    except FileNotFoundError as error:
        raise AdapterError(f"The log of {version.id} is missing: {source}.", hint=LEARN_AGAIN) from error
    except (OSError, TuningError) as error:
        raise AdapterError(f"The log of {version.id} can't be used: {error}.", hint=LEARN_AGAIN) from error
    if log.metadata.get("version") != version.id or log.metadata.get("base.sha256") != version.base_sha256:
        raise AdapterError(f"{source.name} is the log of another version.", hint=LEARN_AGAIN)
    fresh = file.with_name(file.name + ".rebuilt")
    try:
        log.write_adapter(fresh)
        sha256 = fingerprint(fresh)
        if sha256 != remembered:
            raise CheckFailed(
                f"What the log of {version.id} gives is not the file that was learned.",
                hint="The file was left as it is. " + LEARN_AGAIN,
            )
        fresh.replace(file)
    except TuningError as error:
        raise AdapterError(
            f"The log of {version.id} can't be replayed: {error}.", hint=LEARN_AGAIN
        ) from error
    except OSError as error:
        raise DiskFull(f"The adapter can't be written: {error.strerror}.") from error
    finally:
        fresh.unlink(missing_ok=True)
    scalars = sum(len(move.scalars) for window in log.windows for move in window.scalars.moves)
    return Rebuilt(version.id, file, sha256, scalars)
