"""The question at a pause, the review at any time, and what an answer does.

Wires the policy to the store and the buffer. Knows no screen; methods may be called from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assistant.annotation import REVIEW_SIZE
from assistant.annotation.policy import Asked, AskPolicy, Budget, Moment, current_rate
from assistant.annotation.survivors import Buffer, survivors
from assistant.annotation.value import Ranked, rank
from assistant.errors import UsageError
from assistant.marks import apply_mark, undo_mark

if TYPE_CHECKING:
    from assistant.settings import Settings
    from assistant.store import Question, Store

MARK_OF = {"fine": "good", "bad": "bad", "corrected": "edit"}


@dataclass(frozen=True, slots=True)
class Subject:
    """A reply the owner is asked about. `question_id` is set when it was put at a pause."""

    turn_id: int
    chat_id: int
    question: str = field(repr=False)
    answer: str = field(repr=False)
    novelty: float
    uncertainty: float
    value: float
    question_id: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer did, as a sentence, and how to take it back."""

    subject: Subject
    question_id: int
    outcome: str
    message: str


@dataclass(frozen=True, slots=True)
class AskingReport:
    """Counts over all time. `ignored` got no reaction; `reviewed` were judged without being asked.

    `rate` is how often is asked compared with the budget; `left_today` is what the budget allows until
    midnight; `open` are kept replies nobody has judged.
    """

    asked: int
    answered: int
    dismissed: int
    never: int
    ignored: int
    reviewed: int
    asked_today: int
    left_today: int
    rate: float
    per_session: int
    per_day: int
    open: int


class Annotation:
    """Asks the owner about kept replies, rarely, and keeps what they say.

    One object is one session of the program. `clock` gives the present moment, aware, in the owner's time
    zone. Errors are those of the store.
    """

    def __init__(
        self,
        store: Store,
        buffer: Buffer,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._store = store
        self._buffer = buffer
        self._clock = clock
        self._is_learning = settings.learn
        self._policy = AskPolicy(
            Budget(settings.questions_per_session, settings.questions_per_day, settings.question_pause_s)
        )
        self._session: int | None = None
        self._lock = threading.Lock()

    def is_pause(self, moment: Moment) -> bool:
        """Whether this moment would do; cheap, so that a screen may ask often."""
        return self._is_learning and self._policy.is_pause(moment)

    def next_subject(self, moment: Moment) -> Subject | None:
        """The reply to ask about now, recorded as asked; None when none should be.

        Each reply is asked about once; without an answer it waits for the review.
        """
        if not self.is_pause(moment):
            return None
        with self._lock:
            if self._session is None:
                self._session = self._store.questions.begin_session()
            past = _past(self._store.questions.history())
            if not self._policy.may_ask(moment, past, now=self._clock(), session=self._session):
                return None
            found = survivors(self._store, self._buffer)
            fresh = [candidate for candidate in found.open if candidate.turn_id not in found.asked]
            best = self._policy.choose(fresh, found.judged)
            if best is None:
                return None
            asked = self._clock().astimezone(UTC).isoformat(timespec="microseconds")
            question = self._store.questions.add(
                best.turn_id, place="pause", session=self._session, asked=asked
            )
            return self._subject(best, question.id)

    def review(self, limit: int = REVIEW_SIZE, *, without: Sequence[int] = ()) -> list[Subject]:
        """The replies most worth judging, best first, also ones that were asked about and not answered.

        `without` are turns to leave out. Nothing is recorded, and no budget is spent: the owner came.
        """
        if not self._is_learning:
            return []
        found = survivors(self._store, self._buffer)
        candidates = [candidate for candidate in found.open if candidate.turn_id not in without]
        return [self._subject(each) for each in rank(candidates, found.judged, limit)]

    def answer(self, subject: Subject, outcome: str, text: str | None = None) -> Judgement:
        """Keep what the owner said: fine, bad, corrected (with `text`, what it should have said) or never.

        The first three are marks on the turn as well, and can be taken back as such. Raises UsageError when
        the turn is gone or the correction is empty; nothing is kept then.
        """
        store = self._store
        if outcome in ("fine", "corrected"):
            # Looked at before the transaction: it may load the embedding model, which takes seconds.
            store.pairs.contradicted(subject.question, text or subject.answer)
        with store.together():
            if outcome == "never":
                message = "You won't be asked about this again. Nothing else changes."
            elif outcome in MARK_OF:
                message = apply_mark(store, subject.turn_id, MARK_OF[outcome], text).message
            else:
                raise UsageError(f"{outcome!r} is no answer.")
            if subject.question_id is None:
                question = store.questions.add(subject.turn_id, place="review", outcome=outcome)
            else:
                question = store.questions.settle(subject.question_id, outcome)
        self._remember(subject.turn_id)
        return Judgement(subject, question.id, outcome, message)

    def dismiss(self, subject: Subject) -> str:
        """The owner does not want to be asked this now; returns a sentence about it."""
        if subject.question_id is None:
            return ""
        questions = self._store.questions
        before = current_rate(_past(questions.history()))
        questions.settle(subject.question_id, "dismissed")
        if current_rate(_past(questions.history())) < before:
            return "Not now. You will be asked half as often until you answer a question."
        return "Not now. It waits in the review."

    def take_back(self, judgement: Judgement) -> str:
        """Undo a judgement made just now; returns a sentence about it."""
        store = self._store
        with store.together():
            message = "Took back “never”."
            if judgement.outcome in MARK_OF:
                message = undo_mark(store, judgement.subject.chat_id).message
            if judgement.subject.question_id is None:
                store.questions.withdraw(judgement.question_id)
            else:
                store.questions.settle(judgement.question_id, "open")
            store.questions.forget_vector(judgement.subject.turn_id)
        return message

    def report(self) -> AskingReport:
        """What was asked, answered and dismissed, and what the budget still allows today."""
        history = self._store.questions.history()
        put = [question for question in history if question.place == "pause"]
        outcomes = [question.outcome for question in put]
        now = self._clock()
        past = _past(history)
        today = sum(
            asked.session is not None and asked.moment.astimezone(now.tzinfo).date() == now.date()
            for asked in past
        )
        budget = self._policy.budget
        return AskingReport(
            asked=len(put),
            answered=sum(outcome in MARK_OF for outcome in outcomes),
            dismissed=outcomes.count("dismissed"),
            never=outcomes.count("never"),
            ignored=outcomes.count("open"),
            reviewed=len(history) - len(put),
            asked_today=today,
            left_today=self._policy.left_today(past, now) if self._is_learning else 0,
            rate=current_rate(past),
            per_session=budget.per_session,
            per_day=budget.per_day,
            open=len(survivors(self._store, self._buffer).open),
        )

    def _subject(self, ranked: Ranked, question_id: int | None = None) -> Subject:
        reply = self._store.chats.turn(ranked.turn_id)
        prompt = self._store.chats.turn(reply.reply_to or 0)
        return Subject(
            turn_id=reply.id,
            chat_id=reply.chat_id,
            question=prompt.content,
            answer=reply.content,
            novelty=ranked.novelty,
            uncertainty=ranked.uncertainty,
            value=ranked.value,
            question_id=question_id,
        )

    def _remember(self, turn_id: int) -> None:
        """Keep the vector of a judged exchange: its like need not be asked about once it left the buffer."""
        for item in self._buffer.items():
            if item.turn_id == turn_id:
                vector = item.embedding.astype("<f4").tobytes()
                self._store.questions.remember_vector(turn_id, item.embedder, vector)


def _past(history: Sequence[Question]) -> list[Asked]:
    """Questions as the policy sees them; a judgement of the review has no session."""
    return [
        Asked(datetime.fromisoformat(question.asked), question.session, question.outcome)
        for question in history
    ]
