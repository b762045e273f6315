"""How an adapter answers, in the serving engine: recall, spill-over, and how far general answers moved."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from assistant.engine.types import AdapterUse, Message, TokenisedPair, opening
from assistant.services import open_engine
from assistant.settings import Settings
from benchmarks.items import Items, judge, recalls
from tuning.weights import Weights

ANSWER_TOKENS = 24
GENERAL_TOKENS = 16


class Judge:
    """Knows what the base model says, and measures adapters against it."""

    def __init__(self, items: Items, *, threads: int) -> None:
        self._items = items
        self._settings = Settings().model_copy(update={"threads": threads})
        self._engine = open_engine(self._settings)
        self._uses: tuple[AdapterUse, ...] = ()
        self._general = self._answers(items.general, GENERAL_TOKENS)
        prompts = [self._engine.prompt(self._messages(prompt)) for prompt in items.general]
        self._pairs = [
            TokenisedPair(prompt, tuple(answer))
            for prompt, answer in zip(prompts, self._general, strict=True)
            if answer
        ]
        weights = Weights(self._engine.model_path)
        self._head = weights.tensor(weights.head)
        self._states = self._hidden()

    def of(self, adapter: Path | None) -> dict[str, Any]:
        """Counts as in `items.Verdict`, indirect questions recalled, and the divergence on general prompts.

        `kl` is the mean over the base model's own answer tokens of KL(base ‖ adapted), in nats.
        """
        # A name of its own each time, because the engine tells adapters apart by it.
        self._uses = () if adapter is None else (AdapterUse(str(adapter), adapter),)
        items = self._items
        hard = self._texts([fact.held_out_hard for fact in items.facts], ANSWER_TOKENS)
        verdict = judge(
            items,
            held_out=self._texts(items.held_out(), ANSWER_TOKENS),
            unknown=self._texts(items.unknown, ANSWER_TOKENS),
            general=self._texts(items.general, GENERAL_TOKENS),
            general_before=[self._engine.text(answer) for answer in self._general],
        )
        kl = divergence(self._states, self._hidden(), self._head)
        indirect = sum(map(recalls, items.facts, hard))
        return {**verdict.as_dict(), "recalled_indirect": indirect, "kl": round(kl, 4)}

    def close(self) -> None:
        self._engine.close()

    def _messages(self, prompt: str) -> list[Message]:
        return [*opening(self._settings.system_prompt), Message("user", prompt)]

    def _answers(self, prompts: Sequence[str], tokens: int) -> list[list[int]]:
        asked = [self._engine.prompt(self._messages(prompt)) for prompt in prompts]
        groups = self._engine.complete(
            asked, tokens=tokens, adapters=self._uses, repeat_penalty=self._settings.repeat_penalty
        )
        return [answer for group in groups for answer in group]

    def _texts(self, prompts: Sequence[str], tokens: int) -> list[str]:
        return [self._engine.text(answer) for answer in self._answers(prompts, tokens)]

    def _hidden(self) -> np.ndarray:
        """What enters the head at the base model's answers to general prompts, float32 [tokens, width]."""
        node = "result_norm"
        groups = self._engine.measure(self._pairs, (node,), adapters=self._uses)
        return np.concatenate([scored.features[node] for scored in groups])


def divergence(before: np.ndarray, after: np.ndarray, head: np.ndarray) -> float:
    """Mean KL(before ‖ after) in nats of the distributions that `head` [vocabulary, width] makes of rows."""
    total = 0.0
    for start in range(0, len(before), 64):
        one = _log_softmax(before[start : start + 64] @ head.T)
        two = _log_softmax(after[start : start + 64] @ head.T)
        total += float((np.exp(one) * (one - two)).sum())
    return total / len(before)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
