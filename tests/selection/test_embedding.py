from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from selection.embedding import EmbedderMissing, load_embedder
from selection.scores import entropy_of_embedding

pytestmark = pytest.mark.timeout(300)


def test_sentences_become_unit_vectors_that_tell_meanings_apart(embedder):
    dog, puppy, tax = embedder.encode(
        ["My dog is called Biscuit.", "The puppy's name is Biscuit.", "I paid my taxes."]
    )
    assert dog.dtype == np.float32 and dog.shape == (384,)
    assert np.linalg.norm(dog) == pytest.approx(1.0, abs=1e-5)
    assert dog @ puppy > 0.6 > 0.3 > dog @ tax


def test_one_pass_gives_the_same_vectors_as_two(embedder):
    text = "We walked along the river."
    both = embedder.embed(text)
    assert both.sentence == pytest.approx(embedder.encode([text])[0], abs=1e-5)
    assert both.tokens == pytest.approx(embedder.token_embeddings(text), abs=1e-5)


def test_many_texts_at_once_give_what_each_gives_alone(embedder):
    texts = ["We walked along the river for hours and hours.", "Yes.", "Why is the sky blue?"]
    for together, text in zip(embedder.embed_many(texts), texts, strict=True):
        alone = embedder.embed(text)
        assert together.sentence == pytest.approx(alone.sentence, abs=1e-5)
        assert together.tokens == pytest.approx(alone.tokens, abs=1e-4)
    assert embedder.embed_many([]) == []


def test_token_embeddings_leave_out_the_marks_around_a_text(embedder):
    assert embedder.token_embeddings("hello dog").shape == (2, 384)
    assert embedder.token_embeddings("").shape == (0, 384)
    assert embedder.encode([]).shape == (0, 384)


def test_varied_text_has_more_entropy_than_a_repetitive_one(embedder):
    repetitive = "yes yes yes yes yes yes yes yes yes yes yes yes"
    varied = "my sister teaches chemistry in Oslo and bakes rye bread"
    rambling = "it is what it is and it is what it is and that is what it is"
    scores = [
        entropy_of_embedding(embedder.token_embeddings(text)) for text in (repetitive, rambling, varied)
    ]
    assert scores == sorted(scores)
    assert scores[2] > scores[0] + 0.2


def test_caller_keeps_its_own_number_of_threads(embedder):
    import torch

    before = torch.get_num_threads()
    embedder.encode(["hello"])
    assert torch.get_num_threads() == before


def test_model_that_is_not_here_is_a_clear_error(tmp_path):
    with pytest.raises(EmbedderMissing, match="cannot be loaded"):
        load_embedder(str(tmp_path))
    with pytest.raises(EmbedderMissing, match="no-such/model"):
        load_embedder("no-such/model")
    with pytest.raises(ValueError, match="threads"):
        load_embedder(threads=0)


def test_loading_is_silent():
    code = "from selection.embedding import load_embedder; load_embedder().encode(['hello'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
