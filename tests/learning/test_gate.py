"""When a draft may become active."""

from __future__ import annotations

from assistant.gate import first_word, judge

SAME = ["The"] * 40


def changed(count: int) -> list[str]:
    return ["Your"] * count + ["The"] * (40 - count)


def test_a_draft_that_learned_and_changed_nothing_else_passes() -> None:
    verdict = judge(3.0, 0.2, SAME, SAME)
    assert verdict.passed
    assert verdict.general_change == 0.0


def test_a_draft_that_did_not_learn_stays_a_draft_and_says_why() -> None:
    verdict = judge(3.0, 2.9, SAME, SAME)
    assert not verdict.passed
    assert "had to fall" in verdict.reasons[0]


def test_a_draft_that_spills_over_stays_a_draft_and_says_why() -> None:
    assert judge(3.0, 0.2, SAME, changed(10)).passed
    verdict = judge(3.0, 0.2, SAME, changed(11))
    assert not verdict.passed
    assert "29 of 40" in verdict.reasons[1]
    assert "10 may change" in verdict.reasons[1]


def test_a_draft_that_made_held_out_wordings_worse_fails() -> None:
    assert not judge(1.0, 1.4, SAME, SAME).passed


def test_a_loss_that_is_not_a_number_never_passes() -> None:
    assert not judge(3.0, float("nan"), SAME, SAME).passed


def test_the_first_word_of_an_empty_answer_is_empty() -> None:
    assert first_word("") == ""
    assert first_word("  Two words") == "Two"
