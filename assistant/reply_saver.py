"""Keeps a reply that is being written safe, so that neither disk nor a stalled model costs text."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from assistant.errors import StoreError

SAVE_EVERY_S = 0.5

OnPiece = Callable[[str], None]


class ReplySaver:
    """Saves a growing reply from its own thread.

    Pieces arrive on the engine thread; every `SAVE_EVERY_S` seconds the text so far is handed to `save` if it
    grew. A StoreError stops further saving and is left to the final save, which meets the same disk.
    """

    def __init__(self, save: Callable[[str], None]) -> None:
        self._save = save
        self._pieces: list[str] = []
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reply-saver", daemon=True)

    @property
    def text(self) -> str:
        """What has arrived so far."""
        return "".join(self._pieces)

    def add(self, piece: str) -> None:
        """Take the next piece of text; returns at once."""
        self._pieces.append(piece)

    def __enter__(self) -> ReplySaver:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finished.set()
        self._thread.join()

    def _run(self) -> None:
        saved = 0
        while not self._finished.wait(SAVE_EVERY_S):
            count = len(self._pieces)
            if count == saved:
                continue
            try:
                self._save("".join(self._pieces[:count]))
            except StoreError:
                return
            saved = count


def both(first: OnPiece, second: OnPiece | None) -> OnPiece:
    """Gives each piece to both."""
    if second is None:
        return first

    def on_piece(piece: str) -> None:
        first(piece)
        second(piece)

    return on_piece
