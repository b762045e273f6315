"""The pictures of the documentation can be made anew, and their texts say what they are to show."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from benchmarks.screenshots import take

WORDS = {
    "correction": ("What should it have said?", "Your dog is called Biscuit.", "What is my dog called?"),
    "chat": ("version 1 of 2 ← →", "pinned · #home", "How do I print today's date?"),
    "learn": ("What is my dog called?",),
    "versions": ("v0002", "v0001"),
}


def texts(file: Path) -> str:
    found = re.findall(r"<text[^>]*>(.*?)</text>", file.read_text(encoding="utf-8"))
    return html.unescape("\n".join(found)).replace("\xa0", " ")


@pytest.mark.timeout(60)
async def test_the_pictures_show_what_they_are_for(tmp_path: Path) -> None:
    await take(tmp_path)
    pictures = sorted(Path(__file__).parents[2].glob("docs/screenshots/*.svg"))
    assert [file.stem for file in pictures] == sorted(WORDS)
    for name, words in WORDS.items():
        for file in (tmp_path / f"{name}.svg", *(each for each in pictures if each.stem == name)):
            assert all(word in texts(file) for word in words), (file, texts(file))
            assert "@font-face" not in file.read_text(encoding="utf-8")
