"""How well an answer is known: its loss under chosen adapters. Knows the engine, not the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from assistant.engine.types import AdapterUse, Message, Scored, TokenisedPair, opening


class MeasuringEngine(Protocol):
    """The part of the engine that is needed here."""

    @property
    def adapters(self) -> tuple[AdapterUse, ...]: ...
    def pair(self, messages: Sequence[Message], answer: str) -> TokenisedPair: ...
    def measure(
        self, pairs: Sequence[TokenisedPair], *, adapters: Sequence[AdapterUse] = ()
    ) -> Iterator[Scored]: ...


def mean_loss(engine: MeasuringEngine, pairs: Sequence[TokenisedPair], uses: Sequence[AdapterUse]) -> float:
    """-log p of the answers' tokens under exactly these adapters, in nats per token.

    Raises ModelError for a pair that is too long to measure, and AdapterError.
    """
    losses = np.concatenate([scored.losses for scored in engine.measure(pairs, adapters=uses)])
    return float(losses.mean())


def tokenised(
    engine: MeasuringEngine, system_prompt: str, pairs: Sequence[tuple[str, str]]
) -> list[TokenisedPair]:
    """Questions with their answers, as they are asked at the beginning of a chat."""
    return [
        engine.pair([*opening(system_prompt), Message("user", question)], answer)
        for question, answer in pairs
    ]
