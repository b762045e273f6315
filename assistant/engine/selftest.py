"""Whether adapters really act on this build and this model. Run as a program of its own, because one that
does not work can end the process: `python -m assistant.engine.selftest MODEL [ADAPTER ...]`.

Writes one line of JSON: {"problem": ""}, or what did not work. Importing this module loads nothing.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from mmap import ACCESS_READ, mmap
from pathlib import Path

from assistant.errors import AssistantError

CONTEXT_TOKENS = 256
SEED = 7


def check(model: Path, adapters: list[Path]) -> str:
    """What does not work, in one sentence; empty when a random adapter and each of `adapters` act."""
    from assistant.engine.engine import Engine
    from assistant.engine.types import AdapterUse

    with tempfile.TemporaryDirectory() as folder:
        random = Path(folder) / "random.gguf"
        try:
            _write_random(model, random)
        except (ValueError, KeyError) as problem:
            return f"no adapter can be made for this model: {problem}"
        with contextlib.closing(Engine(model, context_tokens=CONTEXT_TOKENS)) as engine:
            for file in (random, *adapters):
                try:
                    engine.set_adapters([AdapterUse(file.stem, file)])
                except AssistantError as problem:
                    return problem.message
    return ""


def _write_random(model: Path, target: Path) -> None:
    """A rank-1 adapter on the last down projection. Raises ValueError and KeyError."""
    import numpy as np

    from tuning.adapter_file import write_adapter
    from tuning.gguf_header import read_header

    with model.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        header = read_header(data)
    kind = str(header.values["general.architecture"])
    name = f"blk.{int(header.values[f'{kind}.block_count']) - 1}.ffn_down.weight"
    rows, columns = header.tensors[name].shape
    random = np.random.Generator(np.random.Philox(SEED))
    a = random.standard_normal((1, columns)).astype(np.float32)
    b = random.standard_normal((rows, 1)).astype(np.float32)
    write_adapter(target, {name: (a, b)}, architecture=kind, alpha=1.0, metadata={})


if __name__ == "__main__":
    told = check(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
    sys.stdout.write(json.dumps({"problem": told}) + "\n")
