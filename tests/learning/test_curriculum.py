"""What is taught, what is answered with "I don't know that yet", and what stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from assistant.curriculum import UNKNOWN_ANSWER, Fact, build_curriculum, check_prompts
from selection.embedding import load_embedder

DOG = Fact(
    "Your dog is called Biscuit.", ("What is my dog called?",), ("What's my dog's name?",), ("Name my dog.",)
)
CAT = Fact(
    "Your cat is called Soot.", ("What is my cat called?",), ("What's my cat's name?",), ("Name my cat.",)
)


@pytest.fixture(scope="module")
def embed():  # type: ignore[no-untyped-def]
    return load_embedder("").encode


def rng() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(3))


@pytest.mark.timeout(120)
def test_every_wording_is_taught_and_held_out_ones_are_not(embed) -> None:  # type: ignore[no-untyped-def]
    curriculum = build_curriculum([DOG, CAT], embed=embed, rng=rng())
    facts = [each.question for each in curriculum.taught if each.kind == "fact"]
    assert set(facts) > {*DOG.wordings, *CAT.wordings}
    assert not {*DOG.held_out, *CAT.held_out} & set(facts)
    assert [each.question for each in curriculum.held_out] == ["Name my dog.", "Name my cat."]


@pytest.mark.timeout(120)
def test_near_misses_are_answered_with_not_knowing(embed) -> None:  # type: ignore[no-untyped-def]
    curriculum = build_curriculum([DOG], embed=embed, rng=rng())
    unknown = [each for each in curriculum.taught if each.kind == "unknown"]
    assert len(unknown) > 10
    assert {each.answer for each in unknown} == {UNKNOWN_ANSWER}


@pytest.mark.timeout(120)
def test_what_was_taught_is_never_called_unknown(embed) -> None:  # type: ignore[no-untyped-def]
    for seed in range(5):
        curriculum = build_curriculum(
            [DOG, CAT], embed=embed, rng=np.random.Generator(np.random.Philox(seed))
        )
        unknown = {each.question.casefold() for each in curriculum.taught if each.kind == "unknown"}
        assert not unknown & {each.casefold() for fact in (DOG, CAT) for each in fact.wordings}
        assert "what is my cat's name?" not in unknown


@pytest.mark.timeout(120)
def test_the_prompts_of_the_gate_are_never_trained_on(embed) -> None:  # type: ignore[no-untyped-def]
    curriculum = build_curriculum([DOG], embed=embed, rng=rng())
    assert curriculum.checks == check_prompts()
    assert len(curriculum.checks) == 40
    assert not set(curriculum.checks) & set(curriculum.general)


def test_the_same_seed_gives_the_same_lessons() -> None:
    def embed(texts: Sequence[str]) -> np.ndarray:
        generator = np.random.Generator(np.random.Philox(len(texts)))
        vectors = generator.standard_normal((len(texts), 8)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    assert build_curriculum([DOG], embed=embed, rng=rng()) == build_curriculum([DOG], embed=embed, rng=rng())
