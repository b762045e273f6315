"""What selection costs: the share of a reply's time that adding a turn takes, and logs of a million turns.

Cost: a full buffer of 128 turns on disk, filled from texts made of the word lists. Each further turn is
written to the store as the chat does it, then embedded with the real model, then considered. A reply is 60
tokens of the engine with the embedded model; turns and replies alternate, so that both meet the same machine.

Scale: a made-up log is imported and scanned, each size in a fresh process. The embeddings of this part are
synthetic (random directions around 40 topics, 8 tokens each): it measures the import, the tables and the
policy, not the embedding model. A turn is one message; every second one is an answer, and answers are what is
considered.

    python benchmarks/selection_cost.py [--skip-scale] [--sizes 10000 100000 1000000] [--policy diverse]

The result goes to stdout as one JSON document, progress to stderr.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.peft_baseline import embedded_gguf

REPLY_TOKENS = 60
TURNS_PER_REPLY = 12
PROMPTS = (
    "Explain why the seasons change.",
    "Write a short story about a lighthouse keeper and a lost gull.",
    "How is paper made?",
    "What is the difference between a lake and a sea?",
    "List the steps of making bread at home.",
)
FUNCTION_WORDS = "the a my your we I it is was and but with for in on to of so then about".split()
DIM = 384
TOPICS = 40
TOKENS_PER_TEXT = 8
CHAT_TURNS = 10


class Replies:
    """Answers of 60 tokens with the embedded model, timed with the prompt included."""

    def __init__(self, threads: int) -> None:
        from assistant.engine.engine import Engine
        from assistant.engine.types import Sampling

        self._engine = Engine(embedded_gguf(), threads=threads, gpu_layers=0)
        self._sampling = Sampling(temperature=0.0, max_tokens=REPLY_TOKENS)
        self._prompts = itertools.cycle(PROMPTS)
        self.seconds: list[float] = []
        self._engine.load()
        self.measure()
        self.seconds.clear()  # the first evaluation pays for page faults

    def measure(self) -> None:
        from assistant.engine.types import Message

        started = time.perf_counter()
        reply = self._engine.chat([Message("user", next(self._prompts))], self._sampling)
        # An answer that ended early is stretched to the length that all are compared at.
        self.seconds.append((time.perf_counter() - started) * REPLY_TOKENS / max(1, reply.tokens))

    def close(self) -> None:
        self._engine.close()


def made_up_texts(count: int, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """A prompt and an answer of about 60 tokens, on one or two topics of the bundled word lists."""
    from selection.lexicons import load_lexicons

    lists = [sorted(words) for words in load_lexicons().words.values()]
    for _ in range(count):
        topics = [lists[place] for place in rng.integers(len(lists), size=2)]
        words = [
            str(rng.choice(topics[int(rng.integers(2))] if rng.random() < 0.4 else FUNCTION_WORDS))
            for _ in range(int(rng.integers(45, 65)))
        ]
        yield " ".join(words[:12]) + "?", " ".join(words[12:]) + "."


def measure_cost(policy: str, embedder: Any, turns: int, replies: Replies) -> dict[str, float]:
    """Milliseconds for one turn on a full buffer, medians over `turns`: embedding, and all the rest.

    `add_cpu_ms` leaves out waiting for the disk and for other programs.
    """
    from assistant.paths import Paths
    from assistant.selecting import open_buffer
    from assistant.settings import Settings
    from assistant.store import Store
    from selection.records import Candidate

    rng = np.random.Generator(np.random.Philox(key=11))
    settings = Settings(selection_policy=policy)
    embed_ms, add_ms, cpu_ms, replaced = [], [], [], 0
    replies.seconds.clear()
    with tempfile.TemporaryDirectory() as home, Store.open(Paths(Path(home) / "home")) as store:
        buffer = open_buffer(store, settings)
        chat = store.chats.create("cost")
        for number, (asked, told) in enumerate(made_up_texts(settings.buffer_size + turns, rng)):
            prompt = store.chats.add_turn(chat.id, "user", asked)
            reply = store.chats.add_turn(chat.id, "assistant", told, reply_to=prompt.id)
            started = time.perf_counter()
            text = f"{asked}\n{told}"
            vectors = embedder.embed(text)
            embedded, cpu = time.perf_counter(), time.thread_time()
            decision = buffer.consider(
                Candidate(reply.id, text, vectors.sentence, vectors.tokens, embedder.name)
            )
            done = time.perf_counter()
            if number >= settings.buffer_size:
                embed_ms.append((embedded - started) * 1000)
                add_ms.append((done - embedded) * 1000)
                cpu_ms.append((time.thread_time() - cpu) * 1000)
                replaced += decision.action == "replace"
                if len(add_ms) % TURNS_PER_REPLY == 0:
                    replies.measure()
    reply_ms = statistics.median(replies.seconds) * 1000
    return {
        "reply_ms": reply_ms,
        "embed_ms": statistics.median(embed_ms),
        "add_ms": statistics.median(add_ms),
        "add_p95_ms": sorted(add_ms)[int(0.95 * len(add_ms))],
        "add_cpu_ms": statistics.median(cpu_ms),
        "replaced_of": replaced / turns,
        "share_of_reply": statistics.median(add_ms) / reply_ms,
        "share_with_embedding": (statistics.median(add_ms) + statistics.median(embed_ms)) / reply_ms,
    }


class SyntheticEmbedder:
    """Random directions around a few topics instead of a model's; the text is not looked at."""

    name = "synthetic"

    def __init__(self) -> None:
        self._rng = np.random.Generator(np.random.Philox(key=12))
        self._centres = self._rng.standard_normal((TOPICS, DIM), dtype=np.float32)

    def embed_many(self, texts: Sequence[str]) -> list[Any]:
        from selection.embedding import Embedded

        topics = self._centres[self._rng.integers(TOPICS, size=len(texts))]
        tokens = self._rng.standard_normal((len(texts), TOKENS_PER_TEXT, DIM), dtype=np.float32)
        tokens += topics[:, None, :]
        sentences = tokens.mean(axis=1)
        sentences /= np.linalg.norm(sentences, axis=1, keepdims=True)
        return [Embedded(sentence, each) for sentence, each in zip(sentences, tokens, strict=True)]


def write_log(file: Path, turns: int) -> None:
    """Chats of ten turns each, written as they are made up."""
    rng = np.random.Generator(np.random.Philox(key=13))
    texts = list(made_up_texts(500, rng))
    with file.open("w", encoding="utf-8") as stream:
        for chat in range(turns // CHAT_TURNS):
            messages = []
            for exchange in range(CHAT_TURNS // 2):
                asked, told = texts[int(rng.integers(len(texts)))]
                messages.append({"role": "user", "content": f"{asked} ({chat}.{exchange})"})
                messages.append({"role": "assistant", "content": told})
            stream.write(json.dumps({"title": f"Chat {chat}", "messages": messages}) + "\n")


def run_scale(turns: int, policy: str) -> dict[str, Any]:
    """Import and scan a log of so many turns in this process."""
    from assistant.paths import Paths
    from assistant.scanning import scan
    from assistant.selecting import open_buffer
    from assistant.settings import Settings
    from assistant.store import Store

    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        write_log(log, turns)
        with Store.open(Paths(Path(folder) / "home")) as store:
            started = time.perf_counter()
            tell = Teller("import", turns)
            summary = store.imports.run(log, on_progress=lambda progress: tell(progress.turns))
            imported = time.perf_counter()
            after_import = _peak_mib()
            buffer = open_buffer(store, Settings(selection_policy=policy))
            told = Teller("scan", turns // 2)
            embedder: Any = SyntheticEmbedder()
            report = scan(store, buffer, embedder, on_progress=lambda progress: told(progress.done))
            scanned = time.perf_counter()
            database_mib = store.paths.database.stat().st_size / 2**20
    return {
        "turns": summary.turns,
        "considered": report.considered,
        "replaced": report.replaced,
        "held": report.held,
        "import_s": round(imported - started, 1),
        "scan_s": round(scanned - imported, 1),
        "import_turns_per_s": round(summary.turns / (imported - started)),
        "scan_considered_per_s": round(report.considered / (scanned - imported)),
        "turns_per_s": round(summary.turns / (scanned - started)),
        "peak_rss_import_mib": round(after_import),
        "peak_rss_mib": round(_peak_mib()),
        "database_mib": round(database_mib),
    }


class Teller:
    """A line to stderr for every tenth of `total`."""

    def __init__(self, stage: str, total: int) -> None:
        self._stage, self._total, self._told = stage, total, 0

    def __call__(self, done: int) -> None:
        if done * 10 // self._total > self._told:
            self._told = done * 10 // self._total
            print(f"{self._stage} {done} of {self._total}, peak {_peak_mib():.0f} MiB", file=sys.stderr)


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def in_fresh_process(turns: int, policy: str) -> dict[str, Any]:
    """`run_scale` where nothing else has used memory before."""
    command = [sys.executable, __file__, "--scale-one", str(turns), "--policy", policy]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    from selection.policies import POLICIES

    parser = argparse.ArgumentParser(description="Cost of selection per reply, and its scale.")
    parser.add_argument("--policies", nargs="*", default=list(POLICIES), help="policies to cost")
    parser.add_argument("--turns", type=int, default=60, help="turns timed per policy")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of the engine")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--policy", default="diverse", help="policy of the scale run")
    parser.add_argument("--skip-cost", action="store_true")
    parser.add_argument("--skip-scale", action="store_true")
    parser.add_argument("--scale-one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="write the JSON to this file as well")
    args = parser.parse_args()
    if args.scale_one:
        print(json.dumps(run_scale(args.scale_one, args.policy)))
        return

    result: dict[str, Any] = {}
    if not args.skip_cost:
        from selection.embedding import load_embedder

        embedder = load_embedder()
        embedder.embed("the first call pays for loading")
        replies = Replies(args.threads)
        result["cost"] = {}
        for policy in args.policies:
            cost = measure_cost(policy, embedder, args.turns, replies)
            print(f"{policy}: {cost['add_ms']:.2f} ms", file=sys.stderr)
            result["cost"][policy] = {name: float(f"{value:.4g}") for name, value in cost.items()}
        replies.close()
        result["reply"] = {"tokens": REPLY_TOKENS, "threads": args.threads}
    if not args.skip_scale:
        result["scale"] = {
            "embeddings": f"synthetic, {DIM} dimensions, {TOKENS_PER_TEXT} tokens",
            "policy": args.policy,
            "runs": [in_fresh_process(turns, args.policy) for turns in args.sizes],
        }
    text = json.dumps(result, indent=1)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
