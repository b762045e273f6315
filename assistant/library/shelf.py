"""The models on this machine and those of the catalogue, under one kind of name. Never loads one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

from assistant.errors import ModelError, UsageError
from assistant.library import hub
from assistant.library.catalogue import CATALOGUE, CatalogueModel, in_catalogue, memory_bytes
from assistant.models import check_gguf, embedded_model
from assistant.paths import Paths

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A model file that was downloaded or added. `sha256` is that of the download, else empty."""

    path: str
    repository: str = ""
    revision: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class ShelfModel:
    """One model one can have. `path` is None until it is on this machine; `memory_bytes` None if unknown."""

    name: str
    title: str
    path: Path | None
    size_bytes: int
    memory_bytes: int | None
    licence: str
    learns: bool | None
    repository: str = ""

    @property
    def is_here(self) -> bool:
        return self.path is not None


class Shelf:
    """All models by name: the embedded one, the catalogue's, and files the owner added."""

    def __init__(self, paths: Paths, context_tokens: int) -> None:
        self._paths = paths
        self._context_tokens = context_tokens

    def list(self) -> list[ShelfModel]:
        """The embedded one, then added files, then the catalogue by size."""
        known = self._known()
        models = [self._embedded()] if embedded_model() else []
        models += [self._added(name, file) for name, file in known.items() if in_catalogue(name) is None]
        return [*models, *(self._from_catalogue(model, known) for model in CATALOGUE)]

    def get(self, name: str) -> ShelfModel:
        """Raises UsageError for an unknown name."""
        for model in self.list():
            if model.name == name.casefold():
                return model
        raise UsageError(f"There is no model {name}.", hint="`assistant models list` shows them.")

    def find(self, file: Path) -> ShelfModel | None:
        """The model that a file is, if it is one of these."""
        return next((model for model in self.list() if model.path and _same(model.path, file)), None)

    def add(self, file: Path, name: str | None = None) -> ShelfModel:
        """Make a GGUF file known under a name; it stays where it is.

        Raises ModelError when it is no model, UsageError when the name is taken or no name.
        """
        file = file.expanduser().absolute()
        check_gguf(file)
        chosen = _slug(name or file.stem)
        if not chosen:
            raise UsageError("The name must have letters or digits.", hint="Give one with --name.")
        known = self._known()
        taken = known.get(chosen)
        if chosen == EMBEDDED or in_catalogue(chosen) or (taken and not _same(Path(taken.path), file)):
            raise UsageError(f"There is already a model {chosen}.", hint="Give another name with --name.")
        self._remember({**known, chosen: KnownFile(str(file))})
        return self.get(chosen)

    def look_up(self, name: str, *, revision: str = "main", endpoint: str | None = None) -> hub.RemoteFile:
        """What the hub says about a model of the catalogue, or owner/repository/file.gguf.

        Raises NetworkError and UsageError.
        """
        listed = in_catalogue(name)
        repository, file = (listed.repository, listed.file) if listed else hub.parse_place(name)
        return hub.look_up(repository, file, revision=revision, endpoint=endpoint)

    def fetch(
        self,
        name: str,
        remote: hub.RemoteFile,
        *,
        on_progress: hub.OnProgress | None = None,
        cancel: threading.Event | None = None,
        endpoint: str | None = None,
    ) -> ShelfModel:
        """Download a file that was looked up, check it, and make it known. Raises as `hub.download` does."""
        self._paths.ensure()
        listed = in_catalogue(name)
        chosen = listed.name if listed else _slug(Path(remote.file).stem)
        # Of two repositories the files may well have the same name.
        target = self._paths.models / remote.repository.replace("/", "--") / Path(remote.file).name
        sha256 = hub.download(remote, target, on_progress=on_progress, cancel=cancel, endpoint=endpoint)
        try:
            check_gguf(target)
        except ModelError:
            target.unlink(missing_ok=True)
            raise
        known = KnownFile(str(target), remote.repository, remote.revision, sha256)
        self._remember({**self._known(), chosen: known})
        return self.get(chosen)

    def is_whole(self, name: str) -> bool | None:
        """Whether a downloaded file still is what arrived; None where nothing is known to compare with."""
        from assistant.models import model_sha256

        known = self._known().get(self.get(name).name)
        if known is None or not known.sha256:
            return None
        return model_sha256(Path(known.path), self._paths) == known.sha256

    def _embedded(self) -> ShelfModel:
        path = embedded_model()
        assert path is not None
        return self._described(EMBEDDED, path.stem.replace(".", " "), path, licence="Apache-2.0")

    def _added(self, name: str, file: KnownFile) -> ShelfModel:
        path = Path(file.path)
        if not path.is_file():
            return ShelfModel(name, f"{path.name} (gone)", None, 0, None, "", None, file.repository)
        return self._described(name, path.stem, path, repository=file.repository)

    def _from_catalogue(self, model: CatalogueModel, known: Mapping[str, KnownFile]) -> ShelfModel:
        file = known.get(model.name)
        path = Path(file.path) if file and Path(file.path).is_file() else None
        return ShelfModel(
            model.name,
            model.title,
            path,
            path.stat().st_size if path else model.size_bytes,
            model.memory_bytes(self._context_tokens),
            model.licence,
            model.learns,
            model.repository,
        )

    def _described(
        self, name: str, title: str, path: Path, *, licence: str = "", repository: str = ""
    ) -> ShelfModel:
        shape = _shape(path)
        size = path.stat().st_size
        memory = memory_bytes(size, shape[1], shape[2], self._context_tokens) if shape else None
        learns = shape[0] == "llama" if shape else None
        return ShelfModel(name, title, path, size, memory, licence, learns, repository)

    @property
    def _file(self) -> Path:
        return self._paths.models / "known.json"

    def _known(self) -> dict[str, KnownFile]:
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
            return {str(name): KnownFile(**fields) for name, fields in document.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            # A list that cannot be read costs only names: files are added again in a moment.
            return {}

    def _remember(self, known: Mapping[str, KnownFile]) -> None:
        self._paths.ensure()
        partial = self._file.with_suffix(".part")
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
        with os.fdopen(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as stream:
            json.dump({name: asdict(file) for name, file in known.items()}, stream, indent=1)
        partial.replace(self._file)


def _shape(path: Path) -> tuple[str, int, int] | None:
    """Architecture, layers and width of keys, from the file's header; None when it does not say."""
    from tuning.gguf_header import read_header

    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            values = read_header(data).values
        kind = str(values["general.architecture"])
        layers, heads = int(values[f"{kind}.block_count"]), int(values[f"{kind}.attention.head_count"])
        width = int(
            values.get(f"{kind}.attention.key_length", int(values[f"{kind}.embedding_length"]) // heads)
        )
        return kind, layers, int(values.get(f"{kind}.attention.head_count_kv", heads)) * width
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return None


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._]+", "-", text.casefold()).strip("-.")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
