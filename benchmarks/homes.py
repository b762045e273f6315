"""Synthetic homes of any size: chats of made-up words whose frequencies follow Zipf's law."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from assistant.paths import Paths
from assistant.store import Store

VOCABULARY = 20_000
WORDS_PER_TURN = 24
_SYLLABLES = ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "zu")


def word(number: int) -> str:
    """The made-up word of this rank; no two are the same."""
    syllables = []
    number += 1
    while number:
        number, digit = divmod(number - 1, len(_SYLLABLES))
        syllables.append(_SYLLABLES[digit])
    return "".join(reversed(syllables))


def chat_lines(chats: int, turns: int, seed: int) -> Iterator[str]:
    """Chats as JSON Lines, with `turns` messages in all."""
    rng = np.random.Generator(np.random.Philox(seed))
    words = np.array([word(rank) for rank in range(VOCABULARY)], dtype=object)
    weights = 1.0 / np.arange(1, VOCABULARY + 1)
    weights /= weights.sum()
    for chat in range(chats):
        count = turns * (chat + 1) // chats - turns * chat // chats
        drawn = rng.choice(VOCABULARY, size=(count, WORDS_PER_TURN), p=weights)
        messages = [
            {"role": "assistant" if n % 2 else "user", "content": " ".join(words[row])}
            for n, row in enumerate(drawn)
        ]
        yield json.dumps({"title": f"Chat {chat} about {words[drawn[0][0]]}", "messages": messages})


def build(paths: Paths, *, chats: int, turns: int, seed: int = 0) -> None:
    """Fill a new home through the same import that owners use."""
    with Store.open(paths) as store:
        store.chats.import_jsonl(chat_lines(chats, turns, seed))
