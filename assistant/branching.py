"""What learning does when another path through a chat is shown: it follows.

What was made from turns that are no longer shown is switched off and leaves the selection; what is shown
again comes back. Knows the store; whoever looks at finished turns is told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from assistant.store.records import Turn

if TYPE_CHECKING:
    from assistant.store import Store

OnShown = Callable[[Turn, Turn], None]
"""Is told of each message with its finished answer that came back into view."""


@contextlib.contextmanager
def following(
    store: Store, chat_id: int, on_shown: OnShown | None = None, *, together: bool = True
) -> Iterator[None]:
    """Let pairs and selection follow what the block does to the path of a chat.

    The block and what it hides are one change on disk; only deleting, which writes the file anew, has to do
    without (`together` False). Raises what the block raises, and StoreError.
    """
    before = set(store.branches.path(chat_id))
    with store.together() if together else contextlib.nullcontext():
        yield
        after = set(store.branches.path(chat_id))
        store.pairs.hide_of(before - after)
    # Not in the transaction: looking for contradictions may load the embedding model.
    shown = sorted(after - before)
    store.pairs.show_of(shown)
    if on_shown is None or not shown or not store.chats.get(chat_id).learn:
        return
    for turn in (store.chats.turn(turn_id) for turn_id in shown):
        if turn.role == "assistant" and turn.state == "done" and turn.reply_to is not None:
            on_shown(store.chats.turn(turn.reply_to), turn)
