"""The bounded buffer of representative turns, filled in one pass. Does not know chats, pairs or the model.

SQLite is the truth; memory holds a copy of the at most `capacity` rows, and the FAISS file is a cache of
their vectors. Every decision depends only on the rows, the seed and the number of turns before it, so a
restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from selection import index
from selection.embedding import Embedder
from selection.lexicons import Lexicons, load_lexicons
from selection.measure import TEXT_LIMIT_CHARACTERS, measure
from selection.mirror import Allowed, moment
from selection.policies import Policy
from selection.records import NO_TOPIC, Action, BufferItem, Candidate, Decision, Item, Scores, Sweep
from selection.scores import entropy_of_embedding
from selection.view import BufferView

if TYPE_CHECKING:
    from sqlite_utils import Database

_NOT_ALLOWED = "Taken out: this turn is gone or may not be learned from any more."
_NO_SCORES = Scores(0.0, 0.0, 0.0)


class EmbedderChanged(ValueError):
    """The candidate was embedded by another model than the kept turns; call `reembed` first."""


class SelectionBuffer(BufferView):
    """At most `capacity` turns, each chosen when it came by and explained by a recorded decision.

    Methods may be called from any thread. They raise sqlite3.Error when SQLite fails (a full disk, for
    one); the change then did not happen. Another connection may delete rows of the `selection_*` tables
    meanwhile. A turn that `allowed` does not give back any more leaves the tables as soon as this is noticed.

    Args:
        lexicons: topic word lists; by default the bundled ones, read when the first turn comes.

    The others are those of `BufferView`.
    """

    def __init__(
        self,
        db: Database,
        index_path: Path,
        *,
        capacity: int = 128,
        seed: int = 0,
        lexicons: Lexicons | None = None,
        policy: Policy | None = None,
        allowed: Allowed | None = None,
    ) -> None:
        super().__init__(db, index_path, capacity=capacity, seed=seed, policy=policy, allowed=allowed)
        self._lexicons = lexicons

    def consider(self, candidate: Candidate) -> Decision:
        """Keep, exchange or drop a finished turn, and record why.

        Raises:
            EmbedderChanged: the kept turns were embedded by another model.
            ValueError: the embedding is not a finite unit vector.
        """
        with self._lock:
            self._refresh()
            item = self._measured(candidate)
            self._shrink()
            decision = self._decide(item, candidate, skipped=self.is_skipped(item.turn_id))
            self._mirror.save([decision])
            return decision

    def sweep(self, candidates: Collection[Candidate], *, mark: int | None = None) -> Sweep:
        """Consider a batch in one transaction, for logs of any length: what is dropped is only counted.

        Turns that are held or must not be kept are passed over. `mark` is remembered as how far this came, in
        the same transaction, so that after a crash the next sweep can go on exactly there.

        Raises:
            EmbedderChanged, ValueError: as `consider`; then nothing of the batch was done.
        """
        with self._lock:
            self._refresh()
            self._shrink()
            before = self._mirror.number
            skipped = self._tables.skipped([candidate.turn_id for candidate in candidates])
            counts = {"keep": 0, "replace": 0, "drop": 0}
            decisions: list[Decision] = []
            try:
                for candidate in candidates:
                    if candidate.turn_id in skipped or candidate.turn_id in self._mirror.selector.pool:
                        continue
                    decision = self._decide(self._measured(candidate), candidate)
                    counts[decision.action] += 1
                    if decision.action != "drop":
                        decisions.append(replace(decision, number=before + len(decisions) + 1))
            except BaseException:
                self._mirror.forget_copy()
                raise
            self._mirror.swept += counts["drop"]
            self._mirror.mark = self._mirror.mark if mark is None else mark
            self._mirror.save(decisions)
            return Sweep(counts["keep"], counts["replace"], counts["drop"])

    def remove(self, turn_id: int) -> None:
        """Take a turn out, now and for good: it is put on the skip list whether it was kept or not."""
        with self._lock:
            expelled = {item.turn_id: item for item in self._mirror.refresh()}
            held = expelled.pop(turn_id, None) or self._mirror.item(turn_id)
            turns: list[tuple[int, BufferItem | None, str]] = [
                (item.turn_id, item, _NOT_ALLOWED) for item in expelled.values()
            ]
            if not self.is_skipped(turn_id):
                state = "was kept until now" if held else "was not kept"
                turns.append((turn_id, held, f"Taken out on request: it {state} and will not come back."))
            if turns:
                self._take_out(turns, skip=turn_id)

    def forget(self, turn_ids: Iterable[int]) -> None:
        """Like `remove`, and erase what was decided about these turns, as if they had never been."""
        with self._lock:
            for turn_id in turn_ids:
                self.remove(turn_id)
                with self._tables.db.atomic():
                    self._tables.erase_decisions(turn_id)

    def allow(self, turn_id: int) -> None:
        """Undo the lasting part of `remove`: the turn may be considered again."""
        with self._lock:
            self._tables.create()
            with self._tables.db.atomic():
                self._tables.unskip(turn_id)

    def set_learnability(self, values: Mapping[int, float | None]) -> None:
        """Say for kept turns how much tuning on them would change the model; others are passed over."""
        with self._lock:
            self._refresh()
            self._mirror.set_learnability(values)
            self._mirror.save([])

    def reembed(self, embedder: Embedder) -> None:
        """Bring the kept turns into the space of another embedding model, from their texts."""
        with self._lock:
            self._refresh()
            anew = []
            for item in self._mirror.items():
                made = embedder.embed(item.text)
                scores = replace(item.scores, eoe=entropy_of_embedding(made.tokens))
                anew.append(
                    replace(
                        item,
                        embedding=made.sentence,
                        embedder=embedder.name,
                        scores=scores,
                        tokens=len(made.tokens),
                        topic=NO_TOPIC,
                    )
                )
            self._mirror.substitute(anew)
            self._mirror.save([])

    def flush(self) -> None:
        """Write the FAISS file if it is not what SQLite says. Raises OSError; nothing is lost then.

        Writing takes longer than deciding about a turn, so do it when nothing else is to come.
        """
        with self._lock:
            self._refresh()
            held = self._mirror.items()
            if not held:
                index.discard(self._index_path)
            elif not index.is_current(self._index_path, index.fingerprint(held)):
                index.save(self._index_path, self._loaded_index(), index.fingerprint(held))

    def _decide(self, item: Item, candidate: Candidate, *, skipped: bool = False) -> Decision:
        """Offer an item to the selector and put its answer into words."""
        selector = self._mirror.selector
        held = self._mirror.item(item.turn_id)
        scores = held.scores if held else Scores(item.eoe, item.dss, selector.pool.idd_of(item))
        action: Action = "drop"
        displaced, topic = None, NO_TOPIC
        if skipped:
            reason = "Dropped: this turn is marked as not to be learned from."
        elif held:
            reason = "Dropped: this turn is kept already."
        else:
            choice = selector.offer(item)
            action, displaced, topic = choice.action, choice.displaced, choice.topic
            if action == "drop":
                reason = f"Dropped: {choice.reason}."
            else:
                self._mirror.hold(item, candidate, scores.idd, topic, TEXT_LIMIT_CHARACTERS)
                instead = f" in place of turn {displaced}" if displaced is not None else ""
                words = "" if instead else f" ({scores.in_words()})"
                reason = f"Kept{instead}: {choice.reason}{words}."
        return self._decision(action, item.turn_id, reason, scores, item.domain, displaced, topic)

    def _decision(
        self,
        action: Action,
        turn_id: int,
        reason: str,
        scores: Scores,
        domain: str,
        replaced: int | None = None,
        topic: int = NO_TOPIC,
    ) -> Decision:
        number = self._mirror.number + 1
        return Decision(
            action, turn_id, replaced, reason, scores, domain, number, self.policy, topic, moment()
        )

    def _measured(self, candidate: Candidate) -> Item:
        self._lexicons = self._lexicons or load_lexicons()
        item = measure(candidate, self._lexicons)
        kept = self._mirror.embedder()
        if kept not in (None, (candidate.embedder, len(item.embedding))):
            raise EmbedderChanged(
                f"kept turns were embedded by {kept[0] or 'an unnamed model'} ({kept[1]} dimensions), not by "
                f"{candidate.embedder or 'an unnamed model'}"
            )
        return item

    def _shrink(self) -> None:
        """Let the weakest go when the buffer was made smaller since they came in."""
        if len(self._mirror.selector.pool) <= self.capacity:
            return
        items = {item.turn_id: item for item in self._mirror.items()}
        reason = (
            f"Dropped: the buffer now has only {self.capacity} places, and of {len(items)} turns this one "
            "would have been the first to go."
        )
        gone = self._mirror.selector.shrink()
        self._take_out([(turn_id, items[turn_id], reason) for turn_id in gone], action="drop")

    def _take_out(
        self,
        turns: Iterable[tuple[int, BufferItem | None, str]],
        *,
        action: Action = "remove",
        skip: int | None = None,
    ) -> None:
        """Take turns out of memory and tables, with the reason for each on record."""
        decisions = []
        for number, (turn_id, held, reason) in enumerate(turns):
            self._mirror.selector.remove(turn_id)
            scores, domain = (held.scores, held.domain) if held else (_NO_SCORES, "")
            decision = self._decision(action, turn_id, reason, scores, domain)
            decisions.append(replace(decision, number=decision.number + number))
        self._mirror.save(decisions, skip=skip)
        # The vectors in the file would still tell what the turns were about.
        index.discard(self._index_path)

    def _refresh(self) -> None:
        """Bring memory up to date, and take out at once what may not be held any more."""
        expelled = self._mirror.refresh()
        if expelled and self._tables.writable():
            self._take_out([(item.turn_id, item, _NOT_ALLOWED) for item in expelled])
