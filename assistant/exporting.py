"""Versions out of the home folder: as the GGUF file they are, or as a PEFT checkpoint."""

from __future__ import annotations

import os
from pathlib import Path

from assistant.errors import AdapterError, DiskFull, UsageError
from assistant.models import model_sha256
from assistant.paths import Paths
from assistant.store.records import Version

FORMATS = ("peft", "gguf")


def export_version(version: Version, form: str, folder: Path, model: Path, paths: Paths) -> list[Path]:
    """Write `version` into `folder`, which is made where it is missing; the files written.

    It is exported as it was trained: a strength is no part of it. A PEFT checkpoint needs the header of the
    `model` the version was learned on, because transformers orders some rows otherwise.

    Raises:
        UsageError: an unknown format, or files of these names are there already; nothing was written.
        AdapterError: the file is missing or damaged, or the model is another one.
        DiskFull: the files cannot be written.
    """
    if form not in FORMATS:
        raise UsageError(f"There is no format {form!r}; choose one of {', '.join(FORMATS)}.")
    source = paths.adapters / version.path
    if not source.is_file():
        raise AdapterError(f"The adapter file {version.path} is missing.")
    if form == "peft" and version.base_sha256 != model_sha256(model, paths):
        raise AdapterError(
            f"{version.id} was learned on another model.", hint="Name that model's file with --model."
        )
    try:
        return _peft(source, folder, model) if form == "peft" else _gguf(source, folder, version)
    except OSError as problem:
        raise DiskFull(f"{folder} cannot be written: {problem.strerror}.") from problem


def _gguf(source: Path, folder: Path, version: Version) -> list[Path]:
    target = folder / f"{version.id}.gguf"
    _make(folder, [target])
    content = source.read_bytes()
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    return [target]


def _peft(source: Path, folder: Path, model: Path) -> list[Path]:
    from tuning.adapter_file import read_adapter
    from tuning.examples import TuningError
    from tuning.peft_checkpoint import FILES, write_peft
    from tuning.weights import Weights

    targets = [folder / name for name in FILES]
    try:
        tensors, alpha, _ = read_adapter(source)
        weights = Weights(model)
        _make(folder, targets)
        write_peft(folder, tensors, alpha=alpha, weights=weights)
    except TuningError as problem:
        raise AdapterError(f"This version can't be written for PEFT: {problem}.") from problem
    return targets


def _make(folder: Path, targets: list[Path]) -> None:
    for target in targets:
        if target.exists():
            raise UsageError(
                f"{target} is there already.", hint="Choose another folder; nothing was written."
            )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
