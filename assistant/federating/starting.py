"""Taking part beside a chat: by a coordinator or through a folder, whichever this device joined."""

from __future__ import annotations

from assistant.engine.engine import Engine
from assistant.federating.peering import PeerPart
from assistant.federating.places import membership
from assistant.federating.routing import shareable
from assistant.federating.taking_part import Pending, TakingPart
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store

Part = TakingPart | PeerPart


def start_taking_part(paths: Paths, settings: Settings, store: Store, engine: Engine) -> Part:
    """Begin in the background. Raises UsageError, FederationError and Refused."""
    member, pending = membership(paths), Pending()
    kind: type[TakingPart] | type[PeerPart] = TakingPart if member.shared_folder is None else PeerPart
    part = kind(
        member,
        store,
        engine,
        settings,
        paths,
        shareable=shareable(store, member),
        ask=pending.ask,
        pending=pending,
    )
    part.start()
    return part
