"""Proof that selection and synthesis work: learning curves, ablation, sparse annotation, buffer sizes.

    python benchmarks/selection.py --data FOLDER [--quick] [--seed N]

FOLDER holds the data files that benchmarks/streams.py names. Each finished measurement is written to a JSON
Lines file at once; the same command goes on after an interruption, and `--report-only` writes the page anew.
With --seed only that seed is measured, so that one process for each seed can run beside another.
The exchanges that a policy keeps are annotated with their reference answer and tuned into an adapter, with
the same budget for all; then greedy answers to held-out questions are compared with the references by
ROUGE-1 F.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

# First, not just anywhere: this file has the name of the package `selection`.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.selection_plan import FULL, QUICK, Cell, Results, Scale, cost, plan
from benchmarks.selection_report import write_report
from benchmarks.streams import STREAMS, StreamError

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    scale = QUICK if options.quick else FULL
    name = "selection-quick" if options.quick else "selection"
    rows: Path = options.rows or RESULTS / f"{name}.jsonl"
    page: Path = options.out or RESULTS / f"{name}.md"
    try:
        results = Results(rows, scale)
        wanted = [cell for cell in plan(scale) if options.seed in (None, cell.seed)]
        cells = results.missing(wanted)
        if not options.report_only:
            _check_files(options.data, scale)
            _run(cells, results, scale, options)
    except (StreamError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    # Read again, because another process may have added to the file.
    print(write_report(Results(rows, scale).rows, scale, page, command=_command(options)))
    return 0


def _run(cells: list[Cell], results: Results, scale: Scale, options: argparse.Namespace) -> None:
    estimate = cost(cells, scale)
    print(
        f"{scale.name}: {len(cells)} measurements to make, {len(results.rows)} finished; about"
        f" {estimate / 60:.0f} minutes on two idle cores",
        flush=True,
    )
    if not cells or options.plan_only:
        return
    from benchmarks.peft_baseline import embedded_gguf
    from benchmarks.selection_cells import Cells
    from benchmarks.selection_lab import Lab, machine
    from selection.embedding import load_embedder

    began, on = time.perf_counter(), machine()
    model = options.model or embedded_gguf()
    with Lab(model, scale, threads=options.threads) as lab:
        bench = Cells(lab, load_embedder(threads=options.threads), scale, options.data)
        for done, cell in enumerate(cells, start=1):
            started = time.perf_counter()
            found = bench.run(cell)
            seconds = time.perf_counter() - started
            results.add(
                cell, {**found, "seconds": round(seconds, 1), "machine": on, "model": Path(model).name}
            )
            spent = time.perf_counter() - began
            rest = cost(cells[done:], scale) / cost(cells[:done], scale) * spent
            print(
                f"{done}/{len(cells)} {cell.experiment} {cell.stream} {cell.policy} seed {cell.seed}:"
                f" ROUGE-1 {found['rouge1']:.3f} ({seconds:.0f} s; about {rest / 60:.0f} minutes left)",
                flush=True,
            )


def _check_files(folder: Path, scale: Scale) -> None:
    """Say which files are missing before anything is computed."""
    missing = [STREAMS[name].file for name in scale.streams if not (folder / STREAMS[name].file).is_file()]
    if missing:
        raise StreamError(f"The folder {folder} lacks {', '.join(missing)}.")


def _command(options: argparse.Namespace) -> str:
    return "python benchmarks/selection.py --data FOLDER" + (" --quick" if options.quick else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the data files")
    parser.add_argument("--quick", action="store_true", help="two streams, three policies, one seed")
    parser.add_argument("--seed", type=int, help="only this seed of the plan")
    parser.add_argument("--rows", type=Path, help="JSON Lines file of finished measurements")
    parser.add_argument("--out", type=Path, help="the page to write")
    parser.add_argument("--model", type=Path, help="GGUF file instead of the embedded model")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--plan-only", action="store_true", help="only print what it would cost")
    parser.add_argument("--report-only", action="store_true", help="only write the page from the rows")
    return parser


if __name__ == "__main__":
    sys.exit(main())
