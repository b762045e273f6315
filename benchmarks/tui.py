"""How the screen feels: opening and searching a large home, and how soon a key is seen while a reply streams.

    python -m benchmarks.tui                       everything, with a home of 10,000 chats and 1,000,000 turns
    python -m benchmarks.tui --chats 100 --turns 5000     a quick look

The home is synthetic and made once in `--home`. Opening is measured in fresh processes, the first of which
finds the file in the cache only if the machine has it there. Keys are typed into a real pseudo-terminal while
a scripted engine streams Markdown; a key is seen when the program has written its character to the terminal.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.homes import build, word

ROOT = Path(__file__).resolve().parent.parent
COLUMNS, ROWS = 120, 40
PATIENCE_S = 20.0
# Each is typed once and no word of the stream has one, so an echo can't be mistaken for anything else.
LETTERS = [chr(code) for code in (*range(0xE0, 0x250), *range(0x400, 0x482)) if chr(code).isalpha()]
KEYS_PER_REPLY = 25
"""What is typed during about four seconds of one answer: no answer streams for ever."""
PARAGRAPH = (
    f"Some **bold** words and `code`, then {'quite a few plain words that fill the lines ' * 6}.\n\n"
    "* one\n* two\n* three\n\n```python\nfor n in range(3):\n    print(n)\n```\n\n"
)

OPEN = """
import sys, time
from pathlib import Path
from assistant.paths import Paths
from assistant.store import Store
started = time.perf_counter()
store = Store.open(Paths(Path(sys.argv[1])))
chats = store.chats.list(100)
turns = store.chats.turns(chats[0].id)
print(time.perf_counter() - started)
store.close()
"""


def open_home(home: Path, times: int) -> list[float]:
    """Seconds from nothing open to the list and the last chat read, each in a process of its own."""
    taken = []
    for _ in range(times):
        done = subprocess.run(
            [sys.executable, "-c", OPEN, str(home)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        taken.append(float(done.stdout))
    return taken


def search_home(home: Path, times: int, seed: int) -> dict[str, list[float]]:
    """Seconds per search, for words everywhere, now and then, nearly nowhere, together, and as typed."""
    from assistant.paths import Paths
    from assistant.store import Store

    rng = np.random.Generator(np.random.Philox(seed))

    def drawn(low: int, high: int) -> str:
        return word(int(rng.integers(low, high)))

    kinds = {
        "everywhere": lambda: drawn(0, 5),
        "now and then": lambda: drawn(100, 1000),
        "nearly nowhere": lambda: drawn(10_000, 20_000),
        "two everywhere": lambda: f"{drawn(0, 5)} {drawn(0, 5)}",
        "everywhere and rare": lambda: f"{drawn(0, 5)} {drawn(10_000, 20_000)}",
        "one letter": lambda: drawn(0, 15)[:1],
        "three letters": lambda: drawn(1000, 20_000)[:3],
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    with Store.open(Paths(home), write=False) as store:
        for _ in range(times):
            for kind, make in kinds.items():
                query = make()
                started = time.perf_counter()
                store.chats.search(query)
                taken[kind].append(time.perf_counter() - started)
    return taken


def serve(home: Path, tokens_per_s: float) -> None:
    """The app over this home with an engine that streams Markdown without end; the body of the child."""
    from assistant.paths import Paths
    from assistant.settings import Settings
    from assistant.store import Store
    from assistant.tui.app import AssistantApp
    from tests.doubles import ScriptedEngine, ScriptedLearner, ScriptedServices

    engine = ScriptedEngine([PARAGRAPH * 100], delay_s=1 / tokens_per_s)
    with Store.open(Paths(home)) as store:
        services = ScriptedServices(store, engine, Settings(), ScriptedLearner(store))
        AssistantApp(services, private=True).run()  # type: ignore[arg-type]


def type_while_streaming(home: Path, keys: int, tokens_per_s: float) -> dict[str, list[float]]:
    """Seconds until each key is seen: first while nothing happens, then while a reply streams."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", PYTHONPATH=str(ROOT))
        command = [sys.executable, "-m", "benchmarks.tui", "--child", "--home", str(home)]
        os.execv(sys.executable, [*command, "--tokens-per-s", str(tokens_per_s)])
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        _wait_for(terminal, "private chat")
        _drain(terminal, 1.0)
        letters = iter(LETTERS)
        idle = _type(terminal, letters, min(keys, 100))
        streaming: list[float] = []
        while len(streaming) < min(keys, len(LETTERS) - 150):
            os.write(terminal, b"\r")
            _wait_for(terminal, "bold")
            streaming += _type(terminal, letters, KEYS_PER_REPLY)
            os.write(terminal, b"\x1b")
            _drain(terminal, 1.0)
        return {"idle": idle, "streaming": streaming}
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def _type(terminal: int, letters: Iterator[str], keys: int) -> list[float]:
    taken = []
    for _ in range(keys):
        letter = next(letters)
        _drain(terminal, 0.12)
        started = time.perf_counter()
        os.write(terminal, letter.encode())
        _wait_for(terminal, letter)
        taken.append(time.perf_counter() - started)
    return taken


def _wait_for(terminal: int, text: str) -> None:
    seen, wanted = b"", text.encode()
    deadline = time.monotonic() + PATIENCE_S
    while wanted not in seen:
        if not select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise SystemExit(f"The program did not show {text!r} within {PATIENCE_S:.0f} s.")
        seen = seen[-64:] + os.read(terminal, 65536)


def _drain(terminal: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            os.read(terminal, 65536)


def _milliseconds(taken: list[float]) -> dict[str, float]:
    ordered = np.sort(np.array(taken)) * 1000
    return {
        "median_ms": round(float(np.median(ordered)), 2),
        "p99_ms": round(float(np.quantile(ordered, 0.99, method="higher")), 2),
        "max_ms": round(float(ordered[-1]), 2),
        "n": len(taken),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--home", type=Path, default=ROOT / "benchmarks" / "results" / "large-home")
    parser.add_argument("--chats", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--tokens-per-s", type=float, default=100.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        serve(options.home, options.tokens_per_s)
        return
    from assistant.paths import Paths

    paths = Paths(options.home)
    if not paths.database.exists():
        print(f"making {options.chats} chats with {options.turns} turns in {options.home} …")
        build(paths, chats=options.chats, turns=options.turns, seed=options.seed)
    open_home(options.home, 1)  # a home that was not closed in order is checked as a whole
    time.sleep(3)  # and so is one that was closed just now
    opened = open_home(options.home, 5)
    searched = search_home(options.home, options.times, options.seed)
    typed = type_while_streaming(options.home, options.keys, options.tokens_per_s)
    rows = {
        "home": {"chats": options.chats, "turns": options.turns, "bytes": paths.database.stat().st_size},
        "open": {**_milliseconds(opened), "first_ms": round(opened[0] * 1000, 1)},
        "search": {kind: _milliseconds(taken) for kind, taken in searched.items()},
        "search_all": _milliseconds([each for taken in searched.values() for each in taken]),
        "key_to_echo": {kind: _milliseconds(taken) for kind, taken in typed.items()},
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
    }
    text = json.dumps(rows, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
