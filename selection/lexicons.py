"""Topic word lists and counting how often a text touches each. Knows words; knows no embeddings, no buffer.

A list is a UTF-8 text file `<name>.txt`. Lines that start with `#` are comments; of these `# domain: ...`
gives the topic's name (else the file's name is used). `# language:` and `# licence:` are for readers. All
other lines hold words separated by white space, lower case, one word each (no phrases), in their base form:
plurals, -ing, -ed and possessive forms of a text's words are recognised. List irregular forms ("children",
"bought") yourself.

The bundled lists live in the folder `lexicons` beside this file. People add a folder of their own; a file
there with the name of a bundled one takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_DOMAIN = re.compile(r"#\s*domain:\s*(\S.*)", re.IGNORECASE)
_SHORTEST_STEM = 3


class LexiconError(ValueError):
    """A word list cannot be read or holds no words; the message names the file."""


@dataclass(frozen=True, slots=True)
class Lexicons:
    """Words of each topic, in a fixed order (by file name), so that ties fall the same way everywhere."""

    words: Mapping[str, frozenset[str]]

    def count(self, text: str) -> tuple[dict[str, int], int]:
        """Occurrences of each topic's words in the text, zeros included, and the text's number of words."""
        hits = dict.fromkeys(self.words, 0)
        total = 0
        for match in _WORD.finditer(text.casefold()):
            total += 1
            forms = base_forms(match.group())
            for domain, vocabulary in self.words.items():
                if not vocabulary.isdisjoint(forms):
                    hits[domain] += 1
        return hits, total


def load_lexicons(folder: Path | None = None) -> Lexicons:
    """The bundled lists, extended and overridden by the `*.txt` files of a folder.

    Raises:
        LexiconError: the folder does not exist, or a file is not UTF-8 or holds no words.
    """
    sources = _lists_in(files(__package__) / "lexicons")
    if folder is not None:
        if not folder.is_dir():
            raise LexiconError(f"The folder of word lists does not exist: {folder}")
        sources.update(_lists_in(folder))
    if not sources:
        raise LexiconError("The bundled word lists are missing from the installation.")
    return Lexicons(dict(_read(sources[name]) for name in sorted(sources)))


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
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LexiconError(f"The word list {source.name} cannot be read as UTF-8 text.") from error
    domain = next((found.group(1).strip() for line in lines if (found := _DOMAIN.match(line))), "")
    words = frozenset(_words(lines))
    if not words:
        raise LexiconError(f"The word list {source.name} holds no words.")
    return domain or source.name.removesuffix(".txt"), words


def _words(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        if not line.lstrip().startswith("#"):
            yield from line.casefold().split()
