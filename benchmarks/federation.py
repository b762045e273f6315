"""Learning together by seeded scalars, next to published methods: gain, bytes, seconds, attackers, scale.

Simulated on cached activations of the embedded model: self-dialogue users (one user, one device) and Dolly
(Dirichlet 0.5 over its categories). All methods but FedAvg-LoRA train the same 32 × 32 core in the last down
projection, between public directions taken from other users' pairs. The gain is the fall of the loss on
users that no device belongs to, over the whole vocabulary. Ours runs the real messages.

    python benchmarks/federation.py --data FOLDER [--quick] [--corpora self-dialogue dolly]

Prints tables and writes them to docs/results/federation.md, with the numbers in federation.json beside it.
--quick uses fewer users and rounds and takes a few minutes per corpus on two free cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from assistant.models import chosen_model
from benchmarks import federation_page as page
from benchmarks.federation_data import Plan, load
from benchmarks.federation_lab import Lab
from benchmarks.federation_runs import compare, robustness, scale
from federation.task import RuleKind
from tuning.weights import Weights

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"
QUICK = Plan(devices=20, held_out=8, public=8, pairs=6)
FULL = Plan(devices=300, held_out=60, public=30, pairs=10)
RULES: tuple[RuleKind, ...] = ("mean", "median", "trimmed-mean", "krum", "multi-krum")
PARTS = ("methods", "robustness", "scale")


def main() -> None:
    arguments = _arguments()
    quick, out = arguments.quick, Path(arguments.out)
    rounds = arguments.rounds or (120 if quick else 600)
    asked = 8 if quick else 10
    stored = out / "federation.json"
    results: dict[str, Any] = json.loads(stored.read_text()) if stored.exists() else {}
    results |= {"machine": page.machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    model = chosen_model(arguments.model)
    weights = Weights(model)
    for corpus in arguments.corpora:
        plan = QUICK if quick else FULL
        cache = Path(arguments.cache)
        split = load(corpus, Path(arguments.data), model, plan, cache, arguments.threads)
        lab = Lab(split, weights)
        print(
            f"{corpus}: {len(lab.devices)} devices, held-out loss {lab.base:.3f} nats per token", flush=True
        )
        shown: dict[str, Any] = {"plan": dataclasses.asdict(plan), "asked": asked, "base": lab.base}
        results.setdefault(corpus, {}).update(shown)

        def save(name: str, rows: list[Any], corpus: str = corpus) -> None:
            results[corpus][name] = rows
            stored.parent.mkdir(parents=True, exist_ok=True)
            stored.write_text(json.dumps(results, indent=1) + "\n")
            (out / "federation.md").write_text(page.render(results))

        started = time.perf_counter()
        # Rows of an earlier run stay when only some methods are asked for.
        earlier = results[corpus].get("methods", []) if arguments.methods else []
        rows = [row for row in earlier if row["method"] not in arguments.methods]
        if "methods" in arguments.parts:
            for outcome in compare(lab, rounds, asked, tuple(arguments.methods)):
                rows.append(dataclasses.asdict(outcome))
                print(f"  {outcome.method}: gain {outcome.gain:.3f} (rate {outcome.rate})", flush=True)
                save("methods", rows)
        if "robustness" in arguments.parts:
            # Rows of an earlier run stay when only some rules are asked for.
            earlier = results[corpus].get("robustness", [])
            rows = [row for row in earlier if row[1] not in arguments.rules]
            shares = (0.3,) if quick else (0.1, 0.2, 0.3, 0.4)
            for row in robustness(lab, max(40, rounds // 3), 0.01, shares, tuple(arguments.rules)):
                rows.append(row)
                print("  ", *row, flush=True)
                save("robustness", rows)
        if "scale" in arguments.parts:
            rows = []
            for each in scale(lab, 10_000, (10, 20, 40), 5 if quick else 20):
                rows.append(each)
                print("  ", *each, flush=True)
                save("scale", rows)
        print(f"  {time.perf_counter() - started:.0f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--data", required=True, help="folder with self_dialogue.jsonl.gz and dolly15k.jsonl.gz"
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--corpora", nargs="+", default=["self-dialogue", "dolly"])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--methods", nargs="+", default=[], help="only these rows of the table")
    parser.add_argument("--rules", nargs="+", default=list(RULES), choices=RULES)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--model", default="", help="GGUF file (default: the embedded model)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", default="benchmarks/results", help="where activations are kept")
    parser.add_argument("--out", default=str(RESULTS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
