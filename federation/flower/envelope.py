"""How a payload travels in a Flower message: one record with one entry of bytes, and nothing else."""

from __future__ import annotations

from flwr.app import ConfigRecord, RecordDict

from federation.flower.bundle import PAYLOAD_LIMIT
from federation.flower.errors import Malformed

RECORD = "assistant"
ENTRY = "payload"
# The only type of message that is spoken; Flower wants one of its own words before the dot.
ROUND = "query.assistant_round"


def pack(payload: bytes) -> RecordDict:
    """Raises Malformed when the payload has more than PAYLOAD_LIMIT bytes."""
    if len(payload) > PAYLOAD_LIMIT:
        raise Malformed(f"a payload may have {PAYLOAD_LIMIT} bytes, this one has {len(payload)}")
    return RecordDict({RECORD: ConfigRecord({ENTRY: payload})})


def unpack(content: RecordDict) -> bytes:
    """The payload. Raises Malformed when there is anything else in it, or anything missing."""
    record = content.get(RECORD)
    if list(content) != [RECORD] or not isinstance(record, ConfigRecord) or list(record) != [ENTRY]:
        raise Malformed("the message does not hold one payload")
    payload = record[ENTRY]
    if not isinstance(payload, bytes) or len(payload) > PAYLOAD_LIMIT:
        raise Malformed("the payload is not bytes, or too large")
    return payload
