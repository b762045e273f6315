"""The objects of a JSON file one after the other: an array of them, or one behind the other.

Never holds more than one object and a piece of the file, so an export of any size can be read.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any

READ_BYTES = 1 << 20
LONGEST_OBJECT = 64 << 20
_BETWEEN = " \t\r\n,[]\ufeff"


class DamagedJson(Exception):
    """The file is not JSON from here on; `done` is about where, in bytes."""

    def __init__(self, done: int) -> None:
        super().__init__(f"not JSON near byte {done}")
        self.done = done


def objects(stream: IO[bytes], *, longest: int = LONGEST_OBJECT) -> Iterator[tuple[dict[str, Any], int]]:
    """Each object with the number of bytes read so far.

    Raises DamagedJson at the first thing that is no object, an object that is cut short, or one of more than
    `longest` characters. What came before it was handed over.
    """
    decoder = json.JSONDecoder()
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    buffer, start, done = "", 0, 0
    is_whole = False
    while True:
        start = _skip(buffer, start)
        if start < len(buffer):
            if buffer[start] != "{":
                raise DamagedJson(done)
            try:
                value, start = decoder.raw_decode(buffer, start)
            except RecursionError as problem:
                raise DamagedJson(done) from problem
            except json.JSONDecodeError as problem:
                if is_whole or len(buffer) - start > longest:
                    raise DamagedJson(done) from problem
            else:
                yield value, done
                continue
        elif is_whole:
            return
        # Twice as much each time: an object is tried at most a few times, however long it is.
        piece = stream.read(max(READ_BYTES, len(buffer) - start))
        done += len(piece)
        is_whole = not piece
        buffer = buffer[start:] + decode(piece, final=is_whole)
        start = 0


def _skip(buffer: str, start: int) -> int:
    while start < len(buffer) and buffer[start] in _BETWEEN:
        start += 1
    return start
