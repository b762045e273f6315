"""Carries a reply from its thread into a view, up to every 30 ms, and says in words what it is doing.

Knows one job and at most one view; the view may be missing while the owner reads another chat.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from assistant.tui.reply_job import ReplyJob
from assistant.tui.turn_view import AnswerView

PUMP_EVERY_S = 0.03
UNSLOWED_CHARACTERS = 1500
SLOWEST_S = 0.15
"""Laying out a long answer takes long, so it is done less often: typing must never wait for it."""


class ReplyPump:
    """One reply on its way to the screen. `loading` says how the model's load goes, empty when ready."""

    def __init__(self, job: ReplyJob, loading: Callable[[], str]) -> None:
        self.job = job
        self._loading = loading
        self._view: AnswerView | None = None
        self._said = ""
        self._shown = 0
        self._due = 0.0

    @property
    def view(self) -> AnswerView | None:
        return self._view

    def attach(self, view: AnswerView | None) -> None:
        """Show the reply in this view from its start, or nowhere for now."""
        self._view = view
        self._said = ""
        self._shown, self._due = len(self.job.begun), 0.0
        self.job.rewind()

    async def tick(self) -> bool:
        """Move what arrived; returns whether the reply is complete and fully shown."""
        is_finished = self.job.finished
        if self._view is not None:
            if is_finished or time.monotonic() >= self._due:
                await self._move(self._view)
            if is_finished:
                await self._view.finish(self.job.turn, self._versions())
            else:
                self._say(self._activity())
        return is_finished

    async def _move(self, view: AnswerView) -> None:
        piece = self.job.take()
        if piece:
            await view.write(piece)
            self._shown += len(piece)
            pause = min(SLOWEST_S, PUMP_EVERY_S * self._shown / UNSLOWED_CHARACTERS)
            self._due = time.monotonic() + pause

    def _versions(self) -> tuple[int, ...]:
        turn = self.job.turn
        return () if turn is None else self.job.conversation.versions().get(turn.id, ())

    def _activity(self) -> str:
        if self.job.cancel.is_set():
            return "stopping…"
        if self.job.has_text:
            return f"writing… {self.job.elapsed_s} s, Esc stops"
        return self._loading() or f"thinking… {self.job.elapsed_s} s, Esc stops"

    def _say(self, activity: str) -> None:
        if self._view is not None and activity != self._said:
            self._said = activity
            self._view.say(activity)
