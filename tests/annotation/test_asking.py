"""Which replies the owner is asked about, and what each answer does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from assistant.annotation.asking import Annotation, Subject
from assistant.errors import UsageError
from assistant.marks import apply_mark
from assistant.settings import Settings
from assistant.store import Store
from selection.buffer import SelectionBuffer
from tests.annotation.conftest import PAUSE, Clock, Keep
from tests.selection.turns import unit

Begin = Callable[..., Annotation]


@pytest.fixture
def begin(store: Store, buffer: SelectionBuffer, clock: Clock) -> Begin:
    """Begin a session of the program."""
    return lambda **settings: Annotation(store, buffer, Settings(**settings), clock=clock)


def ask(annotation: Annotation) -> Subject:
    subject = annotation.next_subject(PAUSE)
    assert subject is not None
    return subject


def test_the_least_certain_survivor_is_asked_about(keep: Keep, begin: Begin, store: Store) -> None:
    keep("What is a fjord?", "A bay.", loss=0.3)
    unsure = keep("Who am I?", "You are Bob.", loss=2.5)
    subject = ask(begin())
    assert (subject.turn_id, subject.question, subject.answer) == (unsure.id, "Who am I?", "You are Bob.")
    (question,) = store.questions.history()
    assert (question.turn_id, question.place, question.outcome) == (unsure.id, "pause", "open")


def test_turns_outside_the_buffer_are_not_asked_about(store: Store, begin: Begin) -> None:
    chat = store.chats.create("talk")
    asked = store.chats.add_turn(chat.id, "user", "Who am I?")
    store.chats.add_turn(chat.id, "assistant", "Bob.", reply_to=asked.id)
    assert begin().next_subject(PAUSE) is None


def test_only_within_the_budget(keep: Keep, begin: Begin, clock: Clock) -> None:
    for number in range(6):
        keep(f"Question {number}?")
    first = begin()
    ask(first)
    assert first.next_subject(PAUSE) is None
    for _ in range(2):
        ask(begin())
    assert begin().next_subject(PAUSE) is None
    assert begin().report().left_today == 0
    clock.wait(days=1)
    ask(begin())


@pytest.mark.parametrize("off", [{"questions_per_day": 0}, {"questions_per_session": 0}, {"learn": False}])
def test_switched_off_nothing_is_asked(keep: Keep, begin: Begin, off: dict[str, object]) -> None:
    keep("Who am I?")
    annotation = begin(**off)
    assert annotation.next_subject(PAUSE) is None
    assert annotation.report().left_today == 0


def test_a_session_without_a_pause_writes_nothing(keep: Keep, begin: Begin, store: Store) -> None:
    keep("Who am I?")
    assert begin().next_subject(replace(PAUSE, is_typing=True)) is None
    assert store.questions.begin_session() == 1


def test_nothing_of_a_private_chat_or_a_skipped_turn(
    keep: Keep, begin: Begin, store: Store, buffer: SelectionBuffer
) -> None:
    private, skipped = keep("My salary?"), keep("My illness?")
    store.chats.set_learn(private.chat_id, False)
    apply_mark(store, skipped.id, "skip", on_skip=buffer.remove)
    assert begin().next_subject(PAUSE) is None
    assert begin().review() == []


@pytest.mark.parametrize("kind", ["good", "bad", "edit"])
def test_a_judged_reply_and_its_like_are_left_alone(
    keep: Keep, begin: Begin, store: Store, kind: str
) -> None:
    judged = keep("Who am I?", vector=unit(1, 0))
    keep("Who am I really?", vector=unit(1, 0.05))
    apply_mark(store, judged.id, kind, "You are Ada." if kind == "edit" else None)
    assert begin().next_subject(PAUSE) is None


def test_a_question_whose_answer_was_taught_is_left_alone(keep: Keep, begin: Begin, store: Store) -> None:
    keep("Who am I?")
    store.pairs.add("who am i?", "You are Ada.", source="added")
    assert begin().review() == []


def test_the_like_of_a_judged_turn_stays_judged_after_it_left_the_buffer(
    keep: Keep, begin: Begin, store: Store, buffer: SelectionBuffer
) -> None:
    keep("Who am I?", vector=unit(1, 0))
    annotation = begin()
    annotation.answer(ask(annotation), "fine")
    store.db["selection_items"].delete_where()
    keep("Who am I really?", vector=unit(1, 0.05))
    assert begin().review() == []


def test_deleting_the_chat_deletes_the_vector_but_not_what_was_spent(
    keep: Keep, begin: Begin, store: Store
) -> None:
    reply = keep("Who am I?", vector=unit(1, 0))
    annotation = begin()
    annotation.answer(ask(annotation), "fine")
    assert list(store.questions.vectors("test")) == [reply.id]
    store.chats.delete(reply.chat_id)
    assert store.questions.vectors("test") == {}
    assert (annotation.report().asked, annotation.report().left_today) == (1, 2)
    assert store.check() == []


def test_dont_learn_takes_the_vector_away(keep: Keep, begin: Begin, store: Store) -> None:
    reply = keep("Who am I?")
    annotation = begin()
    annotation.answer(ask(annotation), "fine")
    apply_mark(store, reply.id, "skip")
    assert store.questions.vectors("test") == {}


def test_fine_keeps_the_reply_at_half_weight(keep: Keep, begin: Begin, store: Store) -> None:
    keep("What is a fjord?", "A bay.")
    annotation = begin()
    judgement = annotation.answer(ask(annotation), "fine")
    (pair,) = store.pairs.list()
    assert (pair.answer, pair.source, pair.weight) == ("A bay.", "good", 0.5)
    assert "good answer" in judgement.message


def test_a_correction_becomes_a_pair(keep: Keep, begin: Begin, store: Store) -> None:
    keep("Who am I?")
    annotation = begin()
    annotation.answer(ask(annotation), "corrected", "You are Ada.")
    (pair,) = store.pairs.list()
    assert (pair.answer, pair.source) == ("You are Ada.", "edit")


def test_an_empty_correction_is_refused_and_the_question_stays(
    keep: Keep, begin: Begin, store: Store
) -> None:
    keep("Who am I?")
    annotation = begin()
    subject = ask(annotation)
    with pytest.raises(UsageError):
        annotation.answer(subject, "corrected", " ")
    assert [question.outcome for question in store.questions.history()] == ["open"]
    with pytest.raises(UsageError):
        annotation.answer(subject, "perhaps")


def test_never_is_final_and_teaches_nothing(keep: Keep, begin: Begin, store: Store) -> None:
    keep("Who am I?")
    annotation = begin()
    annotation.answer(ask(annotation), "never")
    assert store.pairs.list() == [] and annotation.review() == []


def test_a_question_is_put_once_and_then_waits_in_the_review(keep: Keep, begin: Begin) -> None:
    reply = keep("Who am I?")
    annotation = begin()
    annotation.dismiss(ask(annotation))
    assert begin().next_subject(PAUSE) is None
    assert [subject.turn_id for subject in begin().review()] == [reply.id]


def test_the_second_dismissal_in_a_row_says_that_questions_get_rarer(keep: Keep, begin: Begin) -> None:
    keep("One?"), keep("Two?")
    first, second = begin(), begin()
    assert "review" in first.dismiss(ask(first))
    assert "half as often" in second.dismiss(ask(second))
    assert begin().report().rate == 0.5
    assert begin().next_subject(PAUSE) is None


def test_the_review_offers_ten_at_a_time_best_first(keep: Keep, begin: Begin) -> None:
    for number in range(12):
        keep(f"Question {number}?", loss=float(number + 1))
    annotation = begin()
    first = annotation.review()
    assert [subject.question for subject in first] == [f"Question {n}?" for n in range(11, 1, -1)]
    rest = annotation.review(without=[subject.turn_id for subject in first])
    assert [subject.question for subject in rest] == ["Question 1?", "Question 0?"]


@pytest.mark.parametrize("outcome", ["fine", "bad", "corrected", "never"])
def test_a_judgement_of_the_review_can_be_taken_back(
    keep: Keep, begin: Begin, store: Store, outcome: str
) -> None:
    reply = keep("Who am I?")
    annotation = begin()
    (subject,) = annotation.review()
    judgement = annotation.answer(subject, outcome, "You are Ada.")
    assert annotation.review() == []
    assert "Took back" in annotation.take_back(judgement)
    assert store.marks.for_turn(reply.id) == [] and store.pairs.list() == []
    assert [again.turn_id for again in annotation.review()] == [reply.id]
    assert store.questions.vectors("test") == {}


def test_the_report_counts_what_was_asked_answered_and_dismissed(keep: Keep, begin: Begin) -> None:
    for number in range(6):
        keep(f"Question {number}?")
    settings = {"questions_per_session": 9, "questions_per_day": 9}
    annotation = begin(**settings)
    annotation.answer(ask(annotation), "fine")
    annotation.dismiss(ask(annotation))
    annotation.answer(ask(annotation), "never")
    ask(annotation)
    annotation.answer(annotation.review(without=[ask(annotation).turn_id])[0], "bad")
    report = begin(**settings).report()
    assert (report.asked, report.answered, report.dismissed, report.never, report.ignored) == (5, 1, 1, 1, 2)
    assert (report.reviewed, report.asked_today, report.left_today, report.rate) == (1, 5, 4, 1.0)
    assert report.open == 3


def test_a_turn_deleted_meanwhile_cannot_be_answered(keep: Keep, begin: Begin, store: Store) -> None:
    reply = keep("Who am I?")
    annotation = begin()
    subject = ask(annotation)
    store.chats.delete(reply.chat_id)
    for outcome in ("fine", "never"):
        with pytest.raises(UsageError) as caught:
            annotation.answer(replace(subject, question_id=None), outcome)
        assert "no turn" in caught.value.message
