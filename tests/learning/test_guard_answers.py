"""What the base model says by itself is computed once per model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from assistant.guard_answers import GuardAnswers


class Completer:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, prompts: Sequence[str]) -> Iterator[list[list[int]]]:
        self.asked += prompts
        for prompt in prompts:
            yield [[len(prompt), 2]]


def test_an_answer_is_computed_once_and_kept(tmp_path: Path) -> None:
    complete = Completer()
    assert GuardAnswers(tmp_path, "a" * 64, "Be kind.").of(["one", "three"], complete) == [[3, 2], [5, 2]]
    assert GuardAnswers(tmp_path, "a" * 64, "Be kind.").of(["three", "fifteen"], complete) == [[5, 2], [7, 2]]
    assert complete.asked == ["one", "three", "fifteen"]


def test_another_model_or_system_prompt_starts_afresh(tmp_path: Path) -> None:
    complete = Completer()
    for sha, system in (("a" * 64, "Be kind."), ("b" * 64, "Be kind."), ("a" * 64, "Be brief.")):
        GuardAnswers(tmp_path, sha, system).of(["one"], complete)
    assert complete.asked == ["one"] * 3


def test_a_damaged_file_is_ignored(tmp_path: Path) -> None:
    complete = Completer()
    GuardAnswers(tmp_path, "a" * 64, "").of(["one"], complete)
    (file,) = tmp_path.iterdir()
    file.write_text("{broken")
    assert GuardAnswers(tmp_path, "a" * 64, "").of(["one"], complete) == [[3, 2]]
    assert file.stat().st_mode & 0o777 == 0o600
