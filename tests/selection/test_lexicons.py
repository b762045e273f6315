from __future__ import annotations

from pathlib import Path

import pytest

import selection.lexicons
from selection.lexicons import LexiconError, base_forms, load_lexicons


def test_bundled_lists_cover_a_personal_assistants_topics():
    words = load_lexicons().words
    assert len(words) == 11
    assert all(60 <= len(vocabulary) <= 170 for vocabulary in words.values())
    assert all(word == word.casefold() for vocabulary in words.values() for word in vocabulary)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("My dog is called Biscuit and the puppies bark.", "pets and animals"),
        ("My sister's children are my nephews.", "family and people"),
        ("I baked bread with garlic butter.", "food and cooking"),
        ("The doctor changed my prescription.", "health and body"),
        ("Our flight to Lisbon was delayed at the airport.", "travel and places"),
        ("Which laptop has the best battery and keyboard?", "technology and devices"),
    ],
)
def test_text_is_counted_for_its_topic(text, domain):
    hits, _ = load_lexicons().count(text)
    assert max(hits, key=hits.get) == domain


def test_every_occurrence_counts_and_so_does_every_word():
    hits, words = load_lexicons().count("dog dog, and a DOG's 2 dogs!")
    assert hits["pets and animals"] == 4
    assert words == 6


@pytest.mark.parametrize(
    ("word", "base"),
    [("dogs", "dog"), ("puppies", "puppy"), ("stopping", "stop"), ("baked", "bake"), ("mum's", "mum")],
)
def test_inflected_words_are_recognised(word, base):
    assert base in base_forms(word)


def test_short_words_are_not_cut_to_pieces():
    assert base_forms("bus") == {"bus"}
    assert base_forms("boss") == {"boss"}


def test_owner_can_add_a_list_and_replace_a_bundled_one(tmp_path):
    (tmp_path / "chess.txt").write_text("# domain: chess\ngambit Rook\nendgame\n", encoding="utf-8")
    (tmp_path / "pets.txt").write_text("axolotl", encoding="utf-8")
    words = load_lexicons(tmp_path).words
    assert words["chess"] == {"gambit", "rook", "endgame"}
    assert words["pets"] == {"axolotl"}
    assert "pets and animals" not in words
    assert "food and cooking" in words


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"# domain: nothing\n", r"mine\.txt holds no words"),
        (b"tea\ncaf\xe9", r"mine\.txt, line 2: this is not UTF-8"),
        (b"# domain: tea\n\npu-erh oolong", r"mine\.txt, line 3: “pu-erh” can never match"),
        (b"mp3", r"mine\.txt, line 1: “mp3” can never match"),
        (b"aunt\nmum's", r"mine\.txt, line 2: “mum's” can never match"),
        (b"# domain: tea\noolong\n# domain: coffee\n", r"mine\.txt, line 3: one “# domain:”"),
        (b"# domain:\noolong", r"mine\.txt, line 1: one “# domain:”"),
        (b"# domain: food and cooking\noolong", r"mine\.txt has the topic .* and so has food\.txt"),
    ],
)
def test_unusable_list_is_named_with_its_line(tmp_path, content, complaint):
    (tmp_path / "mine.txt").write_bytes(content)
    with pytest.raises(LexiconError, match=complaint):
        load_lexicons(tmp_path)


def test_list_may_start_with_a_byte_order_mark_and_hold_any_alphabet(tmp_path):
    (tmp_path / "mine.txt").write_bytes("\ufeff# domain: чай\r\nУлун çay\r\n".encode())
    lexicons = load_lexicons(tmp_path)
    assert lexicons.words["чай"] == {"улун", "çay"}
    assert lexicons.count("УЛУН, please")[0]["чай"] == 1


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "notes.md").write_bytes(b"\xff not a list 1-2-3")
    assert len(load_lexicons(tmp_path).words) == 11


def test_word_in_several_lists_counts_for_each(tmp_path):
    (tmp_path / "tea.txt").write_text("dog oolong", encoding="utf-8")
    hits, words = load_lexicons(tmp_path).count("the dog")
    assert (hits["tea"], hits["pets and animals"], words) == (1, 1, 2)


def test_every_bundled_list_says_its_language_and_that_it_may_be_shipped():
    folder = Path(selection.lexicons.__file__).parent / "lexicons"
    for file in folder.glob("*.txt"):
        head = file.read_text(encoding="utf-8").splitlines()[:3]
        assert [line.split(":")[0] for line in head] == ["# domain", "# language", "# licence"], file
        assert "CC0-1.0" in head[2]


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(LexiconError, match="does not exist"):
        load_lexicons(tmp_path / "nowhere")
