"""What the assistant costs on top of bare llama-cpp-python: tokens per second, and time until ready to type.

Both sides answer the same prompts in the same run, in turn, greedily, with the same threads; the assistant's
side streams and saves to a real database as in the chat. Start-up is measured from outside, through a
pseudo-terminal: from starting the process until typed characters show on the screen.

    python benchmarks/chat_overhead.py [--rounds 3] [--skip-startup]

The result goes to stdout as one JSON document, progress to stderr.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import multiprocessing
import os
import pty
import re
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.peft_baseline import embedded_gguf

PROMPTS = (
    "Explain why the seasons change.",
    "Give three tips for better sleep.",
    "Write a short story about a lighthouse keeper and a lost gull.",
    "How is paper made?",
    "What is the difference between a lake and a sea?",
    "List the steps of making bread at home.",
)
CONTEXT_TOKENS = 4096
REPEAT_PENALTY = 1.1
MARKER = "zqz"  # typed to see whether typing works; no part of any label on the screen
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x1b\\|\x07)|[@-Z\\-_=>])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Timing:
    """One answer: tokens generated and wall seconds from asking to the end, prompt included."""

    tokens: int
    seconds: float

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.seconds


def bare_side(model: Path, threads: int, max_tokens: int, system_prompt: str) -> Callable[[str], Timing]:
    """llama-cpp-python used as its documentation shows, without streaming."""
    import llama_cpp

    llama = llama_cpp.Llama(
        str(model), n_ctx=CONTEXT_TOKENS, n_threads=threads, n_threads_batch=threads, verbose=False
    )

    def answer(prompt: str) -> Timing:
        messages: list[Any] = [
            {"role": "system", "content": system_prompt},
            {"role": "user", "content": prompt},
        ]
        started = time.perf_counter()
        reply: Any = llama.create_chat_completion(
            messages, temperature=0.0, repeat_penalty=REPEAT_PENALTY, max_tokens=max_tokens
        )
        return Timing(reply["usage"]["completion_tokens"], time.perf_counter() - started)

    return answer


def app_side(
    model: Path, threads: int, max_tokens: int, system_prompt: str, home: Path
) -> Callable[[str], Timing]:
    """The assistant's engine and conversation, saving under `home`; each prompt is a new chat."""
    from assistant.conversation import Conversation
    from assistant.engine.engine import Engine
    from assistant.paths import Paths
    from assistant.settings import Settings
    from assistant.store import Store

    paths = Paths(home).ensure()
    store = Store.open(paths)
    engine = Engine(model, context_tokens=CONTEXT_TOKENS, threads=threads, gpu_layers=0)
    engine.load()
    settings = Settings(
        temperature=0.0, repeat_penalty=REPEAT_PENALTY, max_tokens=max_tokens, system_prompt=system_prompt
    )

    def answer(prompt: str) -> Timing:
        pieces: list[str] = []
        conversation = Conversation(store, engine, settings, None)
        started = time.perf_counter()
        turn = conversation.send(prompt, pieces.append)
        seconds = time.perf_counter() - started
        return Timing(turn.tokens or 0, seconds)

    return answer


class Side:
    """One side in a process of its own, so that neither sets the other's threading."""

    def __init__(self, start: Callable[..., Callable[[str], Timing]], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child = context.Pipe()
        self._process = context.Process(target=_serve, args=(child, start, arguments), daemon=True)
        self._process.start()

    def __call__(self, prompt: str) -> Timing:
        self._pipe.send(prompt)
        return self._pipe.recv()

    def close(self) -> None:
        self._pipe.close()
        self._process.join(timeout=10)


def _serve(pipe: Any, start: Callable[..., Callable[[str], Timing]], arguments: tuple[Any, ...]) -> None:
    answer = start(*arguments)
    while True:
        try:
            prompt = pipe.recv()
        except EOFError:
            return
        pipe.send(answer(prompt))


def compare_speed(args: argparse.Namespace) -> dict[str, Any]:
    """Both sides in turn on every prompt; which one goes first alternates."""
    model = embedded_gguf()
    system_prompt = "You are a helpful assistant."
    with tempfile.TemporaryDirectory() as home:
        sides = {
            "bare": Side(bare_side, model, args.threads, args.max_tokens, system_prompt),
            "app": Side(app_side, model, args.threads, args.max_tokens, system_prompt, Path(home)),
        }
        for answer in sides.values():
            answer("Hello!")  # the first evaluation pays for page faults
        timings: dict[str, list[Timing]] = {"bare": [], "app": []}
        for round_ in range(args.rounds):
            for number, prompt in enumerate(PROMPTS):
                order = ("bare", "app") if (round_ + number) % 2 else ("app", "bare")
                for side in order:
                    timings[side].append(sides[side](prompt))
                bare, app = timings["bare"][-1], timings["app"][-1]
                print(
                    f"round {round_ + 1}  bare {bare.tokens_per_s:6.1f} tokens/s ({bare.tokens})"
                    f"  app {app.tokens_per_s:6.1f} tokens/s ({app.tokens})",
                    file=sys.stderr,
                )
        for side in sides.values():
            side.close()
    ratios = [
        app.tokens_per_s / bare.tokens_per_s
        for app, bare in zip(timings["app"], timings["bare"], strict=True)
    ]
    overall = {
        side: sum(t.tokens for t in found) / sum(t.seconds for t in found) for side, found in timings.items()
    }
    return {
        "bare_tokens_per_s": round(overall["bare"], 1),
        "app_tokens_per_s": round(overall["app"], 1),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_of_totals": round(overall["app"] / overall["bare"], 3),
        "answers": len(ratios),
        "max_tokens": args.max_tokens,
        "threads": args.threads,
    }


def seconds_until_typed(command: list[str], home: Path, limit_s: float = 60.0) -> float:
    """Start `command` on a pseudo-terminal, type, and return the seconds until the typing is on the screen.

    Raises:
        RuntimeError: nothing typed appeared within `limit_s`; the message has the end of the screen's text.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    modes = termios.tcgetattr(slave)
    modes[3] &= ~(termios.ECHO | termios.ICANON)  # the terminal itself must not echo what is typed too early
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    environment = {**os.environ, "ASSISTANT_HOME": str(home), "TERM": "xterm-256color"}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    screen, last_typed = "", 0.0
    try:
        while (elapsed := time.perf_counter() - started) < limit_s:
            ready, _, _ = select.select([master], [], [], 0.01)
            if ready:
                try:
                    screen += os.read(master, 65536).decode("utf-8", "replace")
                except OSError:  # Linux reports the closed other end as an I/O error
                    break
                if MARKER in ESCAPES.sub("", screen):
                    return time.perf_counter() - started
            # Typing before the screen is up may be thrown away, so type again until it shows.
            if screen and elapsed - last_typed > 0.1:
                os.write(master, MARKER.encode())
                last_typed = elapsed
        raise RuntimeError(f"typing never showed on the screen: {ESCAPES.sub('', screen)[-500:]!r}")
    finally:
        process.kill()
        process.wait()
        os.close(master)


def measure_startup(runs: int) -> dict[str, Any]:
    """Start-up with a warm disk cache: one run that is not counted, then `runs` that are, on one home."""
    command = [sys.executable, "-c", "from assistant.cli.app import main; main()"]
    with tempfile.TemporaryDirectory() as home:
        # A home without settings opens the first steps instead of the chat.
        (Path(home) / "settings.toml").touch(mode=0o600)
        found = [seconds_until_typed(command, Path(home)) for _ in range(runs + 1)]
    print("ready to type after", ", ".join(f"{s:.2f} s" for s in found), file=sys.stderr)
    return {"ready_s": round(statistics.median(found[1:]), 2), "runs_s": [round(s, 2) for s in found[1:]]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Tokens per second and start-up against bare llama-cpp-python."
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--startup-runs", type=int, default=5)
    parser.add_argument("--skip-startup", action="store_true")
    parser.add_argument("--skip-speed", action="store_true")
    parser.add_argument("--out", type=Path, help="write the JSON to this file as well")
    args = parser.parse_args()

    result: dict[str, Any] = {}
    if not args.skip_speed:
        result["speed"] = compare_speed(args)
    if not args.skip_startup:
        result["startup"] = measure_startup(args.startup_runs)
    text = json.dumps(result, indent=1)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
