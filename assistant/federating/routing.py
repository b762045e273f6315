"""Which pairs may count in a shared round. Facts about the owner stay here; the owner's veto is above all."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.federating.measuring import Shareable
from assistant.store import Pair, Store
from federation.flower.membership import Membership

# Answers the owner praised say how to answer. Corrections, statements and added pairs say what is so.
SHARED_SOURCES = frozenset({"good"})


def shareable(store: Store, member: Membership) -> Shareable:
    """The pairs that may be shared by the consent as it is when it is asked."""

    def choose(pairs: Sequence[Pair]) -> list[Pair]:
        consent = member.consent().load()
        return [
            pair
            for pair in pairs
            if pair.source in SHARED_SOURCES
            and pair.turn_id is not None
            and consent.allows_chat(store.chats.turn(pair.turn_id).chat_id)
        ]

    return choose
