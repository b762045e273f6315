"""Other wordings for the pairs that wait, made once and kept in the store.

Pairs with the same answer are one fact asked in several given ways. Two made wordings of each fact are held
out: training never sees them, and the gate asks them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from assistant.curriculum import Fact
from assistant.engine.engine import Engine
from assistant.engine.types import Message, Sampling
from assistant.settings import Settings
from assistant.store import Store
from assistant.store.records import NewWording, Pair, Wording
from synthesis.rephrase import rephrase

HELD_OUT = 2
# Tries of the model per fact, shared by its given wordings; the rules fill up what it does not deliver (see
# docs/log.md for the rates).
MODEL_TRIES = 4


class Wordings:
    """Makes, stores and groups wordings."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        embed: Callable[[Sequence[str]], np.ndarray],
        settings: Settings,
    ) -> None:
        self._store = store
        self._engine = engine
        self._embed = embed
        self._settings = settings

    def of(self, pairs: Sequence[Pair], tell: Callable[[float, str], None]) -> tuple[list[Fact], int]:
        """The facts in these pairs with all their wordings, and how often the model was asked for some.

        `tell(share, message)` is called after each pair. Raises ModelError and StoreError.
        """
        groups: dict[str, list[Pair]] = {}
        for pair in pairs:
            groups.setdefault(" ".join(pair.answer.casefold().split()), []).append(pair)
        facts, calls, done = [], 0, 0
        for group in groups.values():
            given = tuple(pair.question for pair in group)
            made: list[Wording] = []
            for number, pair in enumerate(group):
                known = self._store.pairs.wordings(pair.id)
                if not known:
                    calls += self._make(pair, given, number, len(group))
                    known = self._store.pairs.wordings(pair.id)
                made += known
                done += 1
                tell(done / len(pairs), f"wordings for {done} of {len(pairs)} questions")
            facts.append(
                Fact(
                    answer=group[0].answer,
                    given=given,
                    made=tuple(each.question for each in made if each.split == "train"),
                    held_out=tuple(each.question for each in made if each.split == "held-out"),
                    weight=max(pair.weight for pair in group),
                )
            )
        return facts, calls

    def _make(self, pair: Pair, given: Sequence[str], number: int, of: int) -> int:
        """Store the wordings of one pair; returns how often the model was called."""
        wanted = -(-self._settings.wordings // of)
        held_out = HELD_OUT if number == 0 else 0
        result = rephrase(
            pair.question,
            pair.answer,
            generate=self._generate,
            embed=self._embed,
            count=wanted + held_out,
            budget=-(-MODEL_TRIES // of),
            seed=self._settings.seed + pair.id,
            given=given,
        )
        # The list is spread at every beginning; the ones held out are taken from its end.
        training = max(len(result.wordings) - held_out, min(len(result.wordings), 1))
        self._store.pairs.replace_wordings(
            pair.id,
            [
                NewWording(
                    each.question,
                    each.origin,
                    "train" if i < training else "held-out",
                    each.rouge1,
                    each.similarity,
                )
                for i, each in enumerate(result.wordings)
            ],
        )
        for reject in result.rejected:
            self._store.pairs.add_reject(pair.id, reject.text, reject.reason)
        return result.calls

    def _generate(
        self,
        messages: Sequence[tuple[str, str]],
        grammar: str | None,
        temperature: float,
        seed: int,
        max_tokens: int,
    ) -> str:
        reply = self._engine.chat(
            [Message(role, content) for role, content in messages],
            Sampling(temperature=temperature, seed=seed, max_tokens=max_tokens, repeat_penalty=1.0),
            grammar=grammar,
            background=True,
            adapters=False,
        )
        return reply.text
