"""The whole loop and its cost, next to plain PEFT LoRA on the same pairs in the same run.

    python benchmarks/loop.py --items test_b --out docs/results/loop.json

Everything runs in fresh processes, one after the other, through the commands people use: teach, learn with
each method, ask. Seconds per stage come from `learn now --json`, peak memory from the system (`wait4`).
The chat that memory is compared with keeps its turns, so it holds the embedding model as the app does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.items import Items, judge, load_items, recalls

HERE = Path(__file__).parent
ANSWER_TOKENS = 24
CHAT = "Hello, who are you?\nTell me three facts about bees.\nThank you!\n"
# Stages that are the tuning itself; the rest prepares the lessons or checks the result.
TUNING_STAGES = ("features", "tune")


@dataclass(frozen=True, slots=True)
class Run:
    """A finished process: its output, wall seconds and peak resident memory in bytes."""

    output: str
    seconds: float
    peak_memory_bytes: int


def run(arguments: Sequence[str], *, home: Path, stdin: str = "", accept: tuple[int, ...] = (0,)) -> Run:
    """Run one process to its end. Raises RuntimeError with its error stream when it fails."""
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as source,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        source.write(stdin)
        source.seek(0)
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=source,
            stdout=out,
            stderr=err,
            env={**os.environ, "ASSISTANT_HOME": str(home)},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode not in accept:
            raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}: {err.read()[-2000:]}")
        scale = 1 if sys.platform == "darwin" else 1024
        return Run(out.read(), time.perf_counter() - started, usage.ru_maxrss * scale)


def ask(home: Path, prompts: Sequence[str], *options: str) -> list[str]:
    lines = run(
        ["-m", "assistant", "ask", "--stdin", "--json", "--max-tokens", str(ANSWER_TOKENS), *options],
        home=home,
        stdin="\n".join(prompts),
    ).output.splitlines()
    return [json.loads(line)["answer"] for line in lines]


def learn(items: Items, wordings: int, method: str, before: Sequence[str]) -> dict[str, Any]:
    """Teach and learn in a fresh home, then ask. Times, memory, the gate's numbers and the verdict."""
    with tempfile.TemporaryDirectory(prefix="assistant-loop-") as folder:
        home = Path(folder)
        pairs = home / "pairs.jsonl"
        rows = [{"question": question, "answer": answer} for question, answer in items.pairs(wordings)]
        pairs.write_text("\n".join(json.dumps(row) for row in rows))
        run(["-m", "assistant", "learn", "add", "--file", str(pairs)], home=home)
        # Exit code 8 is a draft that did not pass; it is measured all the same.
        learned = run(
            ["-m", "assistant", "learn", "now", "--method", method, "--json"], home=home, accept=(0, 8)
        )
        report = json.loads(learned.output)
        report.pop("losses", None)
        run(["-m", "assistant", "adapters", "use", report["version_id"]], home=home)
        verdict = judge(
            items,
            held_out=ask(home, items.held_out()),
            unknown=ask(home, items.unknown),
            general=ask(home, items.general),
            general_before=before,
        )
        hard = ask(home, [fact.held_out_hard for fact in items.facts])
        off = ask(home, items.held_out(), "--no-adapters")
        return {
            "method": method,
            "wordings_given": wordings,
            "verdict": verdict.as_dict(),
            "recalled_indirect": sum(map(recalls, items.facts, hard)),
            "recalled_with_adapters_off": sum(map(recalls, items.facts, off)),
            "tuning_seconds": round(sum(report["seconds"][stage] for stage in TUNING_STAGES), 1),
            "total_seconds": round(sum(report["seconds"].values()), 1),
            "process_seconds": round(learned.seconds, 1),
            "peak_memory_bytes": learned.peak_memory_bytes,
            "report": report,
        }


def peft(items_name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="assistant-peft-") as folder:
        done = run(
            [str(HERE / "peft_baseline.py"), "--pairs", items_name, "--evaluate", items_name],
            home=Path(folder),
        )
        return json.loads(done.output) | {"peak_memory_of_process_bytes": done.peak_memory_bytes}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", default="test_b", help="dev_a, dev_b, dev_c, test or test_b")
    parser.add_argument("--methods", default="layer-chain,zeroth-order")
    parser.add_argument("--wordings", default="1,3", help="given wordings of each fact")
    parser.add_argument("--no-peft", action="store_true", help="leave out the slow reference")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    items = load_items(arguments.items)
    with tempfile.TemporaryDirectory(prefix="assistant-chat-") as folder:
        chat = run(["-m", "assistant", "--plain"], home=Path(folder), stdin=CHAT)
        engine_only = run(["-m", "assistant", "ask", "Tell me three facts about bees."], home=Path(folder))
        before = ask(Path(folder), items.general)
    result: dict[str, Any] = {
        "items": arguments.items,
        "chat_peak_memory_bytes": chat.peak_memory_bytes,
        "ask_peak_memory_bytes": engine_only.peak_memory_bytes,
        "runs": [],
    }
    for method in arguments.methods.split(","):
        for wordings in map(int, arguments.wordings.split(",")):
            result["runs"].append(learn(items, wordings, method, before))
            _print_run(result["runs"][-1], chat.peak_memory_bytes)
    if not arguments.no_peft:
        result["peft"] = peft(arguments.items)
        _print_ratios(result)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1))


def _print_run(entry: dict[str, Any], chat_memory: int) -> None:
    verdict = entry["verdict"]
    print(
        f"{entry['method']}, {entry['wordings_given']} given:"
        f" recalled {verdict['recalled']}/{verdict['facts']}"
        f" (indirect {entry['recalled_indirect']}, off {entry['recalled_with_adapters_off']}),"
        f" wrong {verdict['wrongly_attributed']}/{verdict['unknown']},"
        f" first word kept {verdict['first_word_kept']}/{verdict['general']},"
        f" gate {entry['report']['state']}",
        flush=True,
    )
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in entry["report"]["seconds"].items())
    memory = entry["peak_memory_bytes"]
    print(
        f"  tuning {entry['tuning_seconds']} s of {entry['total_seconds']} s ({stages});"
        f" peak memory {memory / 2**20:.0f} MiB = {memory / chat_memory:.2f} x chatting",
        flush=True,
    )


def _print_ratios(result: dict[str, Any]) -> None:
    reference = result["peft"]
    seconds, memory = reference["total_s"], reference["peak_memory_bytes"]
    print(
        f"PEFT LoRA, {reference['pairs']} pairs: {seconds:.1f} s"
        f" (of it training {reference['train_s']:.1f} s),"
        f" {memory / 2**20:.0f} MiB, {reference['evaluation']}"
    )
    for entry in result["runs"]:
        print(
            f"  {entry['method']}, {entry['wordings_given']} given:"
            f" tuning {entry['tuning_seconds'] / seconds:.2f} x,"
            f" everything {entry['total_seconds'] / seconds:.2f} x of PEFT's time,"
            f" {entry['peak_memory_bytes'] / memory:.2f} x its memory"
        )


if __name__ == "__main__":
    main()
