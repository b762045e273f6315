"""Streams are fixed by their seed, and nothing that is asked in the end was ever taught."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.streams import StreamError, beginning, exchanges, load_stream


def dialogue(*texts: str) -> dict[str, list[dict[str, str]]]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        dialogue(
            f"What is thing {number}?", f"Thing {number} is a thing.",
            f"Where is thing {number}?", f"It is in place {number}.",
        )
        for number in range(40)
    ]  # fmt: skip
    # Asked by everybody: must not end up both in the stream and in the held-out part.
    rows += [
        dialogue("How are you today?", "I am very well."),
        dialogue("how are  you today?", "Not so well."),
    ]
    with gzip.open(tmp_path / "dolly15k.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return tmp_path


def test_a_seed_gives_the_same_stream_and_another_seed_another(data: Path) -> None:
    first = load_stream("dolly", data, seed=3, length=40, held_out=12)

    assert load_stream("dolly", data, seed=3, length=40, held_out=12) == first
    assert load_stream("dolly", data, seed=4, length=40, held_out=12).held_out != first.held_out


def test_held_out_part_does_not_depend_on_the_length(data: Path) -> None:
    short = load_stream("dolly", data, seed=3, length=10, held_out=12)
    long = load_stream("dolly", data, seed=3, length=60, held_out=12)

    assert short.held_out == long.held_out
    assert short.taught == long.taught[:10]


@pytest.mark.parametrize("seed", range(6))
def test_no_question_and_no_dialogue_is_in_both_parts(data: Path, seed: int) -> None:
    stream = load_stream("dolly", data, seed=seed, length=60, held_out=11)

    def things(part: tuple) -> set[str]:
        return {each.question.casefold().split("thing ")[-1] for each in part}

    assert not things(stream.taught) & things(stream.held_out)
    assert len({each.question.casefold() for each in stream.taught}) == 60


def test_answers_are_cut_after_whole_sentences() -> None:
    assert beginning("It is so. " + "word " * 29 + "end.") == "It is so."
    assert beginning("word " * 40 + "end.") == ""
    assert beginning("Yes.") == ""


def test_only_user_messages_with_a_fitting_answer_count() -> None:
    row = dialogue("Hello there, my friend", "Hello to you too.", "why " * 41, "Because it is so.")

    assert [each.question for each in exchanges(row["messages"])] == ["Hello there, my friend"]


def test_missing_file_and_small_file_are_named(data: Path) -> None:
    with pytest.raises(StreamError, match=r"alpaca52k\.jsonl\.gz is missing"):
        load_stream("alpaca", data, seed=1, length=5, held_out=5)
    with pytest.raises(StreamError, match="only 80 usable"):
        load_stream("dolly", data, seed=1, length=500, held_out=5)
    with pytest.raises(StreamError, match="There is no stream 'orca'"):
        load_stream("orca", data, seed=1, length=5, held_out=5)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "medquad.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(StreamError, match=r"medquad\.jsonl\.gz can't be read"):
        load_stream("medquad", tmp_path, seed=1, length=5, held_out=5)
