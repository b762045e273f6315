from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("content", [b"# domain: nothing\n", b"caf\xe9"])
def test_unusable_list_is_named(tmp_path, content):
    (tmp_path / "mine.txt").write_bytes(content)
    with pytest.raises(LexiconError, match=r"mine\.txt"):
        load_lexicons(tmp_path)


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(LexiconError, match="does not exist"):
        load_lexicons(tmp_path / "nowhere")
