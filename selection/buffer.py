"""The bounded buffer of representative turns, filled in one pass. Does not know chats, pairs or the model.

SQLite is the truth; memory holds a copy of the at most `capacity` rows, and the FAISS file is a cache of
their vectors. Every decision depends only on the rows, the seed and the number of decisions before it, so a
restart changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selection import index
from selection.embedding import Embedder
from selection.lexicons import Lexicons, load_lexicons
from selection.policy import AllThreeHigher, Policy
from selection.records import Action, BufferItem, Candidate, Decision, Scores
from selection.scores import (
    domain_specific_score,
    dominant_domain,
    entropy_of_embedding,
    in_domain_dissimilarity,
)
from selection.tables import Tables

if TYPE_CHECKING:
    from sqlite_utils import Database

# A bin of Qin et al. holds up to 1024 tokens of text, which is about this many characters of English.
TEXT_LIMIT_CHARACTERS = 4096


class EmbedderChanged(ValueError):
    """The candidate was embedded by another model than the kept turns; call `reembed` first."""


class SelectionBuffer:
    """At most `capacity` turns, each chosen when it came by and explained by a recorded decision.

    Methods may be called from any thread. They raise sqlite3.Error when SQLite fails (a full disk, for
    one); the change then did not happen. Another connection may delete rows of the `selection_*` tables
    meanwhile.

    Args:
        db: where the tables live; they are made by the first write, so a read-only file is fine for looking.
        index_path: the FAISS cache file; may be missing.
        seed: decides which of several qualifying turns makes room.
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
    ) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        if seed < 0:
            raise ValueError(f"seed must not be negative, got {seed}")
        self.capacity = capacity
        self._seed = seed
        self._tables = Tables(db)
        self._index_path = index_path
        self._index: Any | None = None
        self._lexicons = lexicons or load_lexicons()
        self._policy = policy or AllThreeHigher()
        self._lock = threading.RLock()
        self._items: dict[int, BufferItem] = {}
        self._number = 0
        self._version: int | None = None

    def consider(self, item: Candidate) -> Decision:
        """Keep, exchange or drop a finished turn, and record why.

        Raises:
            EmbedderChanged: the kept turns were embedded by another model.
            ValueError: the embedding is not a finite unit vector.
        """
        with self._lock:
            self._refresh()
            self._check_embedding(item)
            newcomer = self._score(item)
            self._shrink()
            if self._tables.is_skipped(item.turn_id):
                return self._record(
                    "drop", newcomer, "Dropped: this turn is marked as not to be learned from."
                )
            if item.turn_id in self._items:
                return self._record("drop", newcomer, "Dropped: this turn is kept already.")
            held = self._ordered()
            if len(held) < self.capacity:
                reason = (
                    f"Kept: {len(held)} of {self.capacity} places were taken, so there was room "
                    f"({newcomer.scores.in_words()})."
                )
                return self._record("keep", newcomer, reason)
            verdict = self._policy.displace(newcomer, held, seen=self._number, rng=self._generator())
            if verdict.displaced is None:
                return self._record("drop", newcomer, f"Dropped: {verdict.reason}.")
            reason = f"Kept in place of turn {verdict.displaced}: {verdict.reason}."
            return self._record("replace", newcomer, reason, verdict.displaced)

    def items(self) -> list[BufferItem]:
        """Kept turns with their current scores, ordered by turn number."""
        with self._lock:
            self._refresh()
            return self._ordered()

    def why(self, turn_id: int) -> list[Decision]:
        """Everything decided about a turn, oldest first, including when and for which turn it had to go."""
        with self._lock:
            return self._tables.decisions(turn_id)

    def remove(self, turn_id: int) -> None:
        """Take a turn out, now and for good: it is put on the skip list whether it was kept or not."""
        with self._lock:
            self._refresh()
            if self._tables.is_skipped(turn_id):
                return
            held = self._items.get(turn_id)
            nothing = BufferItem(turn_id, "", "", Scores(0.0, 0.0, 0.0), np.zeros(0, np.float32))
            state = "was kept until now" if held else "was not kept"
            self._record(
                "remove", held or nothing, f"Taken out on request: it {state} and will not come back."
            )
            # The vectors in the file would still tell what the turn was about.
            index.discard(self._index_path)

    def forget(self, turn_ids: Iterable[int]) -> None:
        """Like `remove`, and erase what was decided about these turns, as if they had never been."""
        with self._lock:
            for turn_id in turn_ids:
                self.remove(turn_id)
                with self._tables.db.atomic():
                    self._tables.erase_decisions(turn_id)
            self._version = None

    def allow(self, turn_id: int) -> None:
        """Undo the lasting part of `remove`: the turn may be considered again."""
        with self._lock:
            self._tables.create()
            with self._tables.db.atomic():
                self._tables.unskip(turn_id)

    def is_skipped(self, turn_id: int) -> bool:
        with self._lock:
            return self._tables.is_skipped(turn_id)

    def nearest(self, embedding: np.ndarray, k: int) -> list[tuple[int, float]]:
        """The k kept turns most like a unit vector, as (turn, cosine), best first."""
        with self._lock:
            self._refresh()
            if not self._items or k < 1:
                return []
            found = self._loaded_index().search(
                np.ascontiguousarray(embedding, dtype=np.float32)[None, :], min(k, len(self._items))
            )
            return [(int(turn), float(cosine)) for cosine, turn in zip(found[0][0], found[1][0], strict=True)]

    def counts(self) -> dict[str, int]:
        """Numbers for a status line: held, capacity, and how many decisions of each kind are on record."""
        with self._lock:
            self._refresh()
            actions = self._tables.counts()
            recorded = {action: actions.get(action, 0) for action in ("keep", "replace", "drop", "remove")}
            return {"held": len(self._items), "capacity": self.capacity, **recorded}

    def embedders(self) -> set[str]:
        """Names of the models that made the kept embeddings; more than one never happens."""
        return {item.embedder for item in self.items()}

    def reembed(self, embedder: Embedder) -> None:
        """Bring the kept turns into the space of another embedding model, from their texts."""
        with self._lock:
            self._refresh()
            for turn_id, item in self._items.items():
                made = embedder.embed(item.text)
                scores = replace(item.scores, eoe=entropy_of_embedding(made.tokens))
                self._items[turn_id] = replace(
                    item, embedding=made.sentence, embedder=embedder.name, scores=scores
                )
            self._refresh_idd({item.domain for item in self._items.values()})
            self._index = None
            try:
                with self._tables.db.atomic():
                    for item in self._items.values():
                        self._tables.put_item(item)
            except BaseException:
                self._version = None
                raise

    def flush(self) -> None:
        """Write the FAISS file if it is not what SQLite says. Raises OSError; nothing is lost then."""
        with self._lock:
            self._refresh()
            held = self._ordered()
            if not held:
                index.discard(self._index_path)
            elif not index.is_current(self._index_path, index.fingerprint(held)):
                index.save(self._index_path, self._loaded_index(), index.fingerprint(held))

    def _record(
        self, action: Action, item: BufferItem, reason: str, displaced: int | None = None
    ) -> Decision:
        """Carry a decision out: rows first, in one transaction, then the copy in memory."""
        decision = Decision(
            action, item.turn_id, displaced, reason, item.scores, item.domain, self._number + 1
        )
        self._tables.create()
        domains: set[str] = set()
        try:
            with self._tables.db.atomic():
                self._tables.add_decision(decision)
                gone = item.turn_id if action == "remove" else displaced
                if gone is not None and (former := self._items.pop(gone, None)):
                    self._tables.drop_item(gone)
                    domains.add(former.domain)
                if action == "remove":
                    self._tables.skip(item.turn_id)
                if action in ("keep", "replace"):
                    self._items[item.turn_id] = item
                    self._tables.put_item(item)
                    domains.add(item.domain)
                # A stored dissimilarity is to a set that has just changed; comparing newcomers with it
                # would mix different reference sets.
                self._tables.put_idd(self._refresh_idd(domains))
        except BaseException:
            self._version = None
            raise
        self._number = decision.number
        if domains:
            self._index = None
        return decision

    def _refresh_idd(self, domains: set[str]) -> list[tuple[int, float]]:
        changed = []
        for domain in domains:
            # In turn order, so that rounding is the same before and after a restart.
            members = [item for item in self._ordered() if item.domain == domain]
            vectors = np.array([item.embedding for item in members])
            for position, item in enumerate(members):
                idd = in_domain_dissimilarity(item.embedding, np.delete(vectors, position, axis=0))
                self._items[item.turn_id] = replace(item, scores=replace(item.scores, idd=idd))
                changed.append((item.turn_id, idd))
        return changed

    def _score(self, item: Candidate) -> BufferItem:
        hits, words = self._lexicons.count(item.text)
        domain = dominant_domain(hits)
        held = [
            other for other in self._ordered() if other.domain == domain and other.turn_id != item.turn_id
        ]
        scores = Scores(
            eoe=entropy_of_embedding(item.token_embeddings),
            dss=domain_specific_score(hits, words),
            idd=in_domain_dissimilarity(item.embedding, [other.embedding for other in held]),
        )
        text = item.text[:TEXT_LIMIT_CHARACTERS]
        embedding = np.array(item.embedding, dtype=np.float32)
        return BufferItem(item.turn_id, text, domain, scores, embedding, item.embedder)

    def _check_embedding(self, item: Candidate) -> None:
        if item.embedding.ndim != 1 or not abs(float(np.linalg.norm(item.embedding)) - 1.0) < 1e-3:
            raise ValueError("the embedding of a turn must be a finite vector of length 1")
        for held in self._items.values():
            if held.embedder != item.embedder or held.embedding.shape != item.embedding.shape:
                raise EmbedderChanged(
                    f"kept turns were embedded by {held.embedder or 'an unnamed model'} "
                    f"({len(held.embedding)} dimensions), not by {item.embedder or 'an unnamed model'}"
                )
            break

    def _shrink(self) -> None:
        """Let the oldest go when the buffer was made smaller since they came in."""
        for item in self._ordered()[: max(0, len(self._items) - self.capacity)]:
            decision = Decision(
                "drop",
                item.turn_id,
                None,
                f"Dropped: the buffer now has only {self.capacity} places, and this turn was the oldest.",
                item.scores,
                item.domain,
                self._number + 1,
            )
            with self._tables.db.atomic():
                self._tables.add_decision(decision)
                self._tables.drop_item(item.turn_id)
            self._version = None
            self._refresh()

    def _refresh(self) -> None:
        """Read the rows again if they are not known yet or another connection wrote to the file."""
        version = self._tables.version()
        if version == self._version:
            return
        former = index.fingerprint(self._ordered())
        self._items = {item.turn_id: item for item in self._tables.items()}
        self._refresh_idd({item.domain for item in self._items.values()})
        self._number = self._tables.last_number()
        if index.fingerprint(self._ordered()) != former:
            self._index = None
        self._version = version

    def _ordered(self) -> list[BufferItem]:
        return [self._items[turn_id] for turn_id in sorted(self._items)]

    def _generator(self) -> np.random.Generator:
        # The counter is the decision's number, far enough apart that no two decisions share random numbers.
        return np.random.Generator(np.random.Philox(key=self._seed, counter=self._number << 64))

    def _loaded_index(self) -> Any:
        if self._index is None:
            held = self._ordered()
            self._index = index.load(self._index_path, index.fingerprint(held)) or index.build(held)
        return self._index
