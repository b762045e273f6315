"""Selection over turns that were never looked at, such as an imported log: one pass, batch by batch.

Knows the store and the buffer; shows nothing. How far it came is kept with the buffer in the same transaction
as what was chosen, so a scan that was stopped, or killed, goes on exactly there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from assistant.errors import Cancelled

if TYPE_CHECKING:
    from assistant.store import Exchange, Store
    from selection.buffer import SelectionBuffer
    from selection.embedding import Embedder
    from selection.records import Sweep

BATCH_EXCHANGES = 256


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How many exchanges were looked at, of how many there were at the start."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan did.

    considered: exchanges looked at: those kept in a free place, kept instead of another, and dropped.
    known:      exchanges that had been looked at before, when they were written in a chat.
    mark:       number of the last turn looked at; the next scan starts behind it.
    """

    considered: int
    kept: int
    replaced: int
    dropped: int
    known: int
    held: int
    mark: int
    seconds: float


def scan(
    store: Store,
    buffer: SelectionBuffer,
    embedder: Embedder,
    *,
    on_progress: Callable[[ScanProgress], None] | None = None,
    cancel: threading.Event | None = None,
    batch_exchanges: int = BATCH_EXCHANGES,
) -> ScanReport:
    """Offer every exchange behind the mark to the buffer, in order. Memory does not grow with their number.

    Raises:
        Cancelled: `cancel` was set; what was chosen stays, and the next scan goes on there.
    """
    started = perf_counter()
    if buffer.embedders() - {embedder.name}:
        buffer.reembed(embedder)
    total = store.exchanges.count_after(buffer.mark)
    done = kept = replaced = dropped = known = 0
    while batch := store.exchanges.after(buffer.mark, limit=batch_exchanges):
        if cancel is not None and cancel.is_set():
            raise Cancelled(
                f"Stopped after {done} of {total} turns; what was chosen stays.",
                hint="`assistant learn scan` goes on from there.",
            )
        result = _sweep(buffer, embedder, batch)
        done += len(batch)
        known += len(batch) - result.considered
        kept += result.kept
        replaced += result.replaced
        dropped += result.dropped
        if on_progress is not None:
            on_progress(ScanProgress(done, total))
    buffer.flush()
    seconds = perf_counter() - started
    return ScanReport(
        kept + replaced + dropped, kept, replaced, dropped, known, len(buffer.items()), buffer.mark, seconds
    )


def _sweep(buffer: SelectionBuffer, embedder: Embedder, batch: Sequence[Exchange]) -> Sweep:
    from selection.records import Candidate

    decided = buffer.decided([exchange.reply_id for exchange in batch])
    fresh = [exchange for exchange in batch if exchange.reply_id not in decided]
    texts = [f"{exchange.prompt}\n{exchange.reply}" for exchange in fresh]
    candidates = [
        Candidate(exchange.reply_id, text, vectors.sentence, vectors.tokens, embedder.name)
        for exchange, text, vectors in zip(fresh, texts, embedder.embed_many(texts), strict=True)
    ]
    return buffer.sweep(candidates, mark=batch[-1].reply_id)
