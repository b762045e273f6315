"""The proof goes on where it stopped, and its page says what the rows say; no model is needed for that."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.selection import main
from benchmarks.selection_cells import keep
from benchmarks.selection_plan import ALL_POLICIES, FULL, QUICK, Cell, Results, cost, plan
from benchmarks.selection_report import write_report
from benchmarks.selection_tables import curve_table, ratio_lines, shares_line, spread, winner
from selection.policies import POLICIES
from selection.records import Item

SMALL = replace(
    QUICK, streams=("dolly",), policies=("random", "fifo", "diverse"), seeds=(1, 2), stream=100, sizes=(8, 48)
)
MADE_WITH = {"machine": "a machine", "model": "a.gguf", "seconds": 30.0}


def finished(scores: dict[str, float], path: Path) -> Results:
    """Every cell of SMALL; a policy scores its number with seed 1 and 0.1 more with seed 2."""
    results = Results(path, SMALL)
    for cell in plan(SMALL):
        score = scores.get(cell.policy, 0.1) + 0.1 * (cell.seed - 1) + 0.01 * cell.rephrasings
        found = {"rouge1": score, "recall": score, "forgetting": 0.0, "old_still_kept": 3, "old_asked": 6}
        results.add(cell, {**found, **MADE_WITH})
    return results


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


def test_the_full_plan_has_every_policy_on_every_stream_and_fits_into_two_hours() -> None:
    cells = plan(FULL)
    curves = {(cell.stream, cell.policy) for cell in cells if cell.experiment == "curve"}

    assert set(ALL_POLICIES) == set(POLICIES)
    assert len(curves) == 5 * len(POLICIES)
    assert len({cell.key for cell in cells}) == len(cells)
    assert cost(cells, FULL) < 2 * 3600
    assert cost(plan(QUICK), QUICK) < 10 * 60


def test_cells_of_one_stream_and_seed_stand_together() -> None:
    blocks = [(cell.stream, cell.seed) for cell in plan(FULL)]
    changes = sum(before != after for before, after in pairwise(blocks))
    assert changes == len(set(blocks)) - 1


def test_a_run_goes_on_after_the_finished_cells(rows: Path) -> None:
    cells = plan(SMALL)
    first = Results(rows, SMALL)
    for cell in cells[:3]:
        first.add(cell, {"rouge1": 0.2})

    assert Results(rows, SMALL).missing(cells) == cells[3:]


def test_a_line_cut_by_an_interruption_is_measured_again(rows: Path) -> None:
    cells = plan(SMALL)
    for cell in cells[:2]:
        Results(rows, SMALL).add(cell, {"rouge1": 0.2})
    rows.write_bytes(rows.read_bytes()[:-20])

    again = Results(rows, SMALL)
    assert again.missing(cells) == cells[1:]
    again.add(cells[1], {"rouge1": 0.3})
    assert [row["rouge1"] for row in Results(rows, SMALL).rows] == [0.2, 0.3]


def test_results_of_other_settings_are_refused(rows: Path) -> None:
    Results(rows, SMALL).add(Cell("base", "dolly", 1), {"rouge1": 0.2})
    with pytest.raises(ValueError, match="other settings"):
        Results(rows, replace(SMALL, steps=SMALL.steps + 1))


def test_missing_data_is_named_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path), "--quick", "--rows", str(tmp_path / "rows.jsonl")]) == 2
    assert "lacks dolly15k.jsonl.gz, medquad.jsonl.gz" in capsys.readouterr().err


def test_spread_is_the_standard_deviation_over_seeds() -> None:
    assert spread([0.2, 0.4]) == "0.300 ± 0.141"
    assert spread([0.2]) == "0.200"
    assert spread([]) == "–"


def test_tables_hold_mean_and_spread_and_gaps_where_nothing_is_finished(rows: Path) -> None:
    results = finished({"random": 0.2, "fifo": 0.15, "diverse": 0.25}, rows)
    table = curve_table(results.rows, "dolly", replace(SMALL, policies=("random", "eoe")))

    assert table.splitlines()[2:] == [
        "| base model | 0.150 ± 0.071 |",
        "| `random` | 0.250 ± 0.071 |",
        "| `eoe` | – |",
    ]


def test_ratios_are_told_as_they_are(rows: Path) -> None:
    results = finished({"random": 0.35, "fifo": 0.15, "diverse": 0.25}, rows)

    assert ratio_lines(results.rows, SMALL) == [
        "* dolly: `diverse` 0.75 × (not above) the best of `random`, `fifo`, which is `random` (0.400);"
        " base model 0.150 ± 0.071."
    ]
    assert winner(results.rows, SMALL) == "random"


def test_selection_and_synthesis_are_told_apart(rows: Path) -> None:
    results = finished({"random": 0.2, "diverse": 0.25}, rows)
    assert (
        shares_line(results.rows, "dolly", "rouge1", SMALL) == "From `random` without rephrasings (0.250),"
        " selection with `diverse` alone changes +0.050, 3 rephrasings alone +0.030, both +0.080."
    )


def test_the_page_tells_how_it_was_made_and_plots_in_plain_characters(rows: Path, tmp_path: Path) -> None:
    results = finished({"random": 0.2, "diverse": 0.25}, rows)
    page = tmp_path / "results" / "page.md"
    text = write_report(results.rows, SMALL, page, command="python benchmarks/selection.py --data FOLDER")

    assert page.read_text(encoding="utf-8") == text
    sections = ("## Sparse annotation", "## Buffer sizes")
    for told in ("--data FOLDER", "a machine", "Seeds: 1 (16 of 16", *sections):
        assert told in text
    assert "\x1b" not in text
    assert "exchanges seen" in text


def test_an_unfinished_run_has_a_page_too(rows: Path, tmp_path: Path) -> None:
    results = Results(rows, SMALL)
    assert "no page was written" in write_report([], SMALL, tmp_path / "page.md", command="x")
    results.add(Cell("base", "dolly", 1), {"rouge1": 0.2, **MADE_WITH})
    assert "Not finished." in write_report(results.rows, SMALL, tmp_path / "page.md", command="x")


@pytest.mark.parametrize("policy", ["random", "diverse"])
def test_what_is_kept_is_fixed_by_the_seed(policy: str) -> None:
    rng = np.random.Generator(np.random.Philox(5))
    vectors = rng.standard_normal((60, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    items = [Item(i, vector, eoe=float(rng.random()), tokens=20) for i, vector in enumerate(vectors)]

    kept = keep(items, policy, 12, seed=1)
    assert kept == keep(items, policy, 12, seed=1)
    assert len(set(kept)) == 12
    assert keep(items, policy, 12, seed=2) != kept or policy == "diverse"
