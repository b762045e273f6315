"""A device in a federation, as a handler of payloads: catch up with the log, answer the request.

Knows no transport. Whatever is wrong with a payload changes nothing and is answered with where the device
stands, so that the coordinator can send what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from federation.device import Device
from federation.flower.bundle import FromDevice, ToDevice
from federation.log import RoundLog
from federation.refusal import Refusals, Refused
from federation.wire import Checkpoint, parse_as


class NothingToMeasure(Exception):
    """A device's measure raises it when the owner's pairs are too few; the round goes on without it."""


class Participant:
    """Give `handle` to a node. `on_round` is called after the log has grown."""

    def __init__(
        self,
        log: RoundLog,
        device: Device,
        *,
        refusals: Refusals | None = None,
        on_round: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`device` answers from `log`."""
        self._log = log
        self._device = device
        self._on_round = on_round
        self._now = now
        self.refusals = Refusals() if refusals is None else refusals

    def handle(self, payload: bytes) -> bytes:
        """The answer to one payload. Raises Malformed for bytes that are no bundle."""
        bundle = ToDevice.from_bytes(payload)
        before = self._log.head
        try:
            self._catch_up(bundle)
        except Refused as problem:
            self.refusals.add(problem)
        if self._log.head != before:
            self._on_round()
        return FromDevice(self._log.head, self._report(bundle.request)).to_bytes()

    def _catch_up(self, bundle: ToDevice) -> None:
        if bundle.checkpoint is not None and len(self._log) == 0 and self._log.base is None:
            self._log.adopt(parse_as(Checkpoint, bundle.checkpoint))
        self._log.extend(bundle.records)

    def _report(self, request: bytes | None) -> bytes | None:
        if request is None:
            return None
        try:
            return self._device.answer(request, now=self._now())
        except NothingToMeasure:
            return None
        except Refused as problem:
            self.refusals.add(problem)
            return None
