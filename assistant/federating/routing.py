"""Which pairs may count in a shared round, by the rules of `federation.routing` and the owner's veto."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.federating.measuring import Shareable
from assistant.store import Pair, Store
from federation.flower.membership import Membership
from federation.routing import Route, route


def routes(store: Store, member: Membership, pairs: Sequence[Pair]) -> list[tuple[Pair, Route]]:
    """Each pair and why it stays, if it does, by the consent as it is now."""
    consent = member.consent().load()

    def vetoed(pair: Pair) -> bool:
        return pair.turn_id is not None and not consent.allows_chat(store.chats.turn(pair.turn_id).chat_id)

    return [(pair, route(pair.question, pair.answer, vetoed=vetoed(pair))) for pair in pairs]


def shareable(store: Store, member: Membership) -> Shareable:
    """Picks the pairs that may be shared at the moment it is asked."""

    def choose(pairs: Sequence[Pair]) -> list[Pair]:
        return [pair for pair, way in routes(store, member, pairs) if way.shareable]

    return choose
