"""Topic word lists and counting how often a text touches each. Knows words; knows no embeddings, no buffer.

The format of a list is described in docs/lexicons.md. The bundled lists live in the folder `lexicons` beside
this file. People add a folder of their own; a file there with the name of a bundled one takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_DOMAIN = re.compile(r"#\s*domain:(.*)", re.IGNORECASE)
_SHORTEST_STEM = 3


class LexiconError(ValueError):
    """A word list cannot be used; the message names the file and, where there is one, the line."""


@dataclass(frozen=True, slots=True)
class Lexicons:
    """Words of each topic, in a fixed order (by file name), so that ties fall the same way everywhere."""

    words: Mapping[str, frozenset[str]]
    _topics: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        topics: dict[str, tuple[str, ...]] = {}
        for domain, vocabulary in self.words.items():
            for word in vocabulary:
                topics[word] = (*topics.get(word, ()), domain)
        object.__setattr__(self, "_topics", topics)

    def count(self, text: str) -> tuple[dict[str, int], int]:
        """Occurrences of each topic's words in the text, zeros included, and the text's number of words."""
        hits = dict.fromkeys(self.words, 0)
        total = 0
        for match in _WORD.finditer(text.casefold()):
            total += 1
            touched = {domain for form in base_forms(match.group()) for domain in self._topics.get(form, ())}
            for domain in touched:
                hits[domain] += 1
        return hits, total


def load_lexicons(folder: Path | None = None) -> Lexicons:
    """The bundled lists, extended and overridden by the `*.txt` files of a folder.

    Raises:
        LexiconError: the folder does not exist, or a file is not UTF-8, holds no words, holds something that
            can never match, or names a topic that another file has.
    """
    sources = _lists_in(files(__package__) / "lexicons")
    if folder is not None:
        if not folder.is_dir():
            raise LexiconError(f"The folder of word lists does not exist: {folder}.")
        sources.update(_lists_in(folder))
    if not sources:
        raise LexiconError("The bundled word lists are missing from the installation.")
    words: dict[str, frozenset[str]] = {}
    owners: dict[str, Traversable] = {}
    for name in sorted(sources):
        domain, vocabulary = _read(sources[name])
        if domain in words:
            raise LexiconError(
                f"{sources[name]} has the topic “{domain}”, and so has {owners[domain].name}; "
                f"a list that takes another's place must have its file name."
            )
        words[domain], owners[domain] = vocabulary, sources[name]
    return Lexicons(words)


@lru_cache(maxsize=1 << 14)  # people use the same few thousand words over and over
def base_forms(word: str) -> frozenset[str]:
    """The word and what it may be an English inflection of: "dogs" gives "dog", "stopping" gives "stop".

    Wrong guesses ("sing" from "singed") are harmless as long as they are not in a list. `word` is lower case.
    """
    word = re.sub(r"['’]s?$", "", word)
    stems = [word]
    if word.endswith("ies"):
        stems.append(word[:-3] + "y")
    if word.endswith("es"):
        stems.append(word[:-2])
    if word.endswith("s") and not word.endswith("ss"):
        stems.append(word[:-1])
    for ending in ("ing", "ed"):
        if word.endswith(ending):
            stem = word[: -len(ending)]
            stems += [stem, stem + "e"]
            if len(stem) > 1 and stem[-1] == stem[-2]:
                stems.append(stem[:-1])
    return frozenset(stem for stem in stems if stem == word or len(stem) >= _SHORTEST_STEM)


def _lists_in(folder: Traversable) -> dict[str, Traversable]:
    return {
        entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".txt") and entry.is_file()
    }


def _read(source: Traversable) -> tuple[str, frozenset[str]]:
    """The topic and the words of one file."""
    domain = ""
    words: set[str] = set()
    for number, line in enumerate(_lines(source), start=1):
        if line.lstrip().startswith("#"):
            if found := _DOMAIN.match(line.strip()):
                if domain or not found.group(1).strip():
                    raise LexiconError(f"{source}, line {number}: one “# domain:” with a name is allowed.")
                domain = found.group(1).strip()
            continue
        for word in line.casefold().split():
            if not _WORD.fullmatch(word) or word not in base_forms(word):
                raise LexiconError(
                    f"{source}, line {number}: “{word}” can never match, because texts are split into words "
                    "of letters, without ’s."
                )
            words.add(word)
    if not words:
        raise LexiconError(f"{source} holds no words.")
    return domain or source.name.removesuffix(".txt"), frozenset(words)


def _lines(source: Traversable) -> list[str]:
    try:
        content = source.read_bytes()
    except OSError as error:
        raise LexiconError(f"{source} cannot be read: {error.strerror}.") from error
    # Some programs start UTF-8 files with a byte order mark.
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise LexiconError(f"{source}, line {number}: this is not UTF-8 text.") from error
    return [line.decode("utf-8") for line in lines]
