"""One table of tuning methods: same lessons, same machine, same engine, a fresh process for each.

    python benchmarks/tuning.py                                  all methods, hours; docs/results/tuning.md
    python benchmarks/tuning.py --methods zeroth-order,layer-chain
    python benchmarks/tuning.py --quick --methods zeroth-order   a few minutes, to see that it works

Rows are kept in `--rows` as they are measured, and the page is written from all rows there; a method measured
again replaces its row. Seconds and peak memory are those of the method's whole process: imports, reading,
tuning and writing the adapter. The questions are asked afterwards, elsewhere.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.loop import run
from benchmarks.tuning_judge import Judge
from benchmarks.tuning_lessons import chosen_items
from benchmarks.tuning_methods import METHODS
from benchmarks.tuning_page import write_page

HERE = Path(__file__).parent
BASE = "base"


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a run is: items, lessons, and the share of each method's full number of steps."""

    items: str
    facts: int | None
    general: int
    effort: float


FULL = Scale("facts48", None, 200, 1.0)
QUICK = Scale("facts48", 4, 24, 0.02)


def measured(
    method: str, scale: Scale, lessons: Path, judge: Judge, folder: Path, threads: int
) -> dict[str, Any]:
    """The row of one method. Raises RuntimeError when its process fails."""
    if method == BASE:
        return {"method": BASE, **judge.of(None)}
    adapter = folder / f"{method}.gguf"
    done = run(
        [
            str(HERE / "tuning_methods.py"),
            method,
            *("--lessons", str(lessons)),
            *("--adapter", str(adapter)),
            *("--effort", str(scale.effort)),
            *("--threads", str(threads)),
        ],
        home=folder,
    )
    cost = json.loads(done.output.splitlines()[-1])
    return {
        "method": method,
        **judge.of(adapter),
        **cost,
        "process_seconds": round(done.seconds, 1),
        "peak_memory_bytes": done.peak_memory_bytes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", default=",".join([BASE, *METHODS]), help="separated by commas")
    parser.add_argument("--quick", action="store_true", help="four facts and a fiftieth of the steps")
    parser.add_argument("--wordings", type=int, default=3, help="given wordings of each fact")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=Path, help="JSON of all rows; beside the page unless given")
    parser.add_argument("--out", type=Path, default=Path("docs/results/tuning.md"))
    args = parser.parse_args()
    scale = QUICK if args.quick else FULL
    wanted = args.methods.split(",")
    unknown = [each for each in wanted if each not in (BASE, *METHODS)]
    if unknown:
        parser.error(f"no such method: {', '.join(unknown)}; there are {', '.join([BASE, *METHODS])}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    rows_file = args.rows or args.out.with_suffix(".json")
    rows: dict[str, Any] = json.loads(rows_file.read_text()) if rows_file.exists() else {}
    with tempfile.TemporaryDirectory(prefix="assistant-tuning-") as name:
        folder = Path(name)
        lessons = folder / "lessons.json"
        made = run(
            [
                str(HERE / "tuning_lessons.py"),
                *("--items", scale.items),
                *(("--facts", str(scale.facts)) if scale.facts else ()),
                *("--wordings", str(args.wordings)),
                *("--general", str(scale.general)),
                *("--threads", str(args.threads)),
                *("--out", str(lessons)),
            ],
            home=folder,
        )
        judge = Judge(chosen_items(scale.items, scale.facts), threads=args.threads)
        try:
            for method in wanted:
                row = measured(method, scale, lessons, judge, folder, args.threads)
                rows[method] = {
                    **row,
                    "quick": args.quick,
                    "lessons": json.loads(made.output),
                    "wordings": args.wordings,
                    "threads": args.threads,
                    "machine": platform.processor() or platform.machine(),
                }
                rows_file.write_text(json.dumps(rows, indent=1) + "\n")
                print(json.dumps(row), flush=True)
        finally:
            judge.close()
    order = [BASE, *METHODS]
    print(
        write_page(
            [rows[each] for each in order if each in rows], args.out, command=" ".join(["python", *sys.argv])
        )
    )


if __name__ == "__main__":
    main()
