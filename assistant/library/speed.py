"""How fast this machine writes, measured once with the model that is installed along.

Writing a token reads every weight once, so on one machine the speed goes down as the file grows: tokens per
second times bytes is about the same for all models (the roofline of memory bandwidth; Williams et al., 2009).
It is a hint, not a promise.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.paths import Paths

if TYPE_CHECKING:
    from assistant.engine.engine import Engine

TOKENS = 32
_QUESTION = "Count from one to fifty in words."


@dataclass(frozen=True, slots=True)
class MachineSpeed:
    """What was measured: the speed with a model of `size_bytes`, on `threads` threads."""

    tokens_per_s: float
    size_bytes: int
    threads: int

    def estimate(self, size_bytes: int) -> float:
        """Tokens per second of a model of that size, roughly."""
        return self.tokens_per_s * self.size_bytes / max(1, size_bytes)


def known_speed(paths: Paths) -> MachineSpeed | None:
    """What was measured earlier, if anything was."""
    try:
        return MachineSpeed(**json.loads(_file(paths).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def measure(paths: Paths, open_engine: Callable[[], Engine]) -> MachineSpeed:
    """Write a few tokens, which takes a second or two, and remember how fast that was. Raises ModelError."""
    from assistant.engine.types import Message, Sampling

    with closing(open_engine()) as engine:
        engine.load()
        asked = [Message("user", _QUESTION)]
        # The first tokens pay for reading the file; what counts is how it goes on.
        engine.chat(asked, Sampling(max_tokens=4))
        reply = engine.chat(asked, Sampling(max_tokens=TOKENS))
        speed = MachineSpeed(reply.tokens_per_s, engine.model_path.stat().st_size, engine.threads)
    paths.ensure()
    handle = os.open(_file(paths), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(asdict(speed), stream)
    return speed


def _file(paths: Paths) -> Path:
    return paths.home / "speed.json"
