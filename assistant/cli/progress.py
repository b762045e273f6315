"""How a learning run is shown while it runs: one line that changes on a terminal, else a line per stage."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from assistant.cli.output import printable, say

if TYPE_CHECKING:
    from assistant.learning_report import Progress

STAGES = {
    "synthesise": "making other wordings",
    "features": "reading with the model",
    "tune": "tuning",
    "gate": "checking",
    "activate": "done",
}
_ERASE_LINE = "\r\x1b[K"


class ProgressLine:
    """Give it to `learn_now`; call `close` before anything else is written to stderr.

    `indent` goes before every line. With `only_on_terminal` nothing is shown anywhere else.
    """

    def __init__(self, indent: str = "", *, only_on_terminal: bool = False) -> None:
        self._redraws = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._silent = only_on_terminal and not self._redraws
        self._indent = indent
        self._stage = ""
        self._open = False

    def __call__(self, progress: Progress) -> None:
        """Show where the run is."""
        if self._redraws:
            room = shutil.get_terminal_size().columns - 1
            sys.stderr.write(_ERASE_LINE + self._text(progress)[:room])
            sys.stderr.flush()
            self._open = True
        elif not self._silent and progress.stage != self._stage:
            say(self._text(progress))
        self._stage = progress.stage

    def close(self) -> None:
        """Take the changing line away."""
        if self._open:
            sys.stderr.write(_ERASE_LINE)
            sys.stderr.flush()
            self._open = False

    def _text(self, progress: Progress) -> str:
        loss = "" if progress.loss is None else f", loss {progress.loss:.2f}"
        stage = STAGES.get(progress.stage, progress.stage)
        return f"{self._indent}{progress.fraction:4.0%}  {stage}: {printable(progress.message)}{loss}"
