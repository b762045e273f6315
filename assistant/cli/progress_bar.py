"""A bar for work of known length: redrawn in place on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import time

from assistant.cli.output import say

_ERASE_LINE = "\r\x1b[K"
_BAR_COLUMNS = 24
_REDRAW_S = 0.1
_SAY_S = 30.0


class ProgressBar:
    """Shows how much of `what` is done. Call `close` before anything else is written to stderr.

    With `only_on_terminal` nothing is shown anywhere else.
    """

    def __init__(self, what: str, *, only_on_terminal: bool = False) -> None:
        self._what = what
        self._redraws = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._silent = only_on_terminal and not self._redraws
        self._started = self._shown = time.monotonic()
        self._open = False

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """`done` of `total` in any unit; `note` is shown behind the numbers."""
        moment = time.monotonic()
        if self._silent or moment - self._shown < (_REDRAW_S if self._redraws else _SAY_S):
            return
        self._shown = moment
        text = self._text(done, total, note, moment - self._started)
        if not self._redraws:
            say(text)
            return
        filled = _BAR_COLUMNS * min(done, total) // max(1, total)
        line = f"[{'#' * filled}{'.' * (_BAR_COLUMNS - filled)}] {text}"
        sys.stderr.write(_ERASE_LINE + line[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()
        self._open = True

    def close(self) -> None:
        """Take the changing line away."""
        if self._open:
            sys.stderr.write(_ERASE_LINE)
            sys.stderr.flush()
            self._open = False

    def _text(self, done: int, total: int, note: str, seconds: float) -> str:
        left = seconds * (total - done) / done if done else 0.0
        return f"{done / max(1, total):4.0%}  {self._what}{note}, {_duration(left)} left"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 60 else f"{minutes / 60:.1f} h"
