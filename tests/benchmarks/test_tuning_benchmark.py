"""The comparison of tuning methods: its pure parts, and that methods and page agree about names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.tuning_judge import divergence
from benchmarks.tuning_lessons import chosen_items, load, save
from benchmarks.tuning_lora import gguf_tensors
from benchmarks.tuning_methods import METHODS
from benchmarks.tuning_page import BAR, CHAIN, COLUMNS, OURS, write_page
from tuning.examples import Example


def row(method: str, **more: Any) -> dict[str, Any]:
    found = {
        "method": method,
        **{"recalled": 40, "recalled_indirect": 9, "facts": 48, "wrongly_attributed": 3, "unknown": 48},
        **{"first_word_kept": 38, "general": 40, "kl": 0.0123},
        **{"quick": False, "lessons": {"fact": 400}, "wordings": 3, "threads": 2, "machine": "test"},
        **{
            "process_seconds": 100.0,
            "forward_passes": 1234.5,
            "peak_memory_bytes": 2**30,
            "adapter_bytes": 5000,
        },
    }
    return {**found, **more}


def test_the_page_has_a_line_for_each_row_and_says_what_was_reached(tmp_path: Path) -> None:
    base = {key: value for key, value in row("base").items() if not key.endswith(("bytes", "s"))} | row(
        "base", recalled=0
    )
    for cost in ("process_seconds", "forward_passes", "peak_memory_bytes", "adapter_bytes"):
        del base[cost]
    rows = [base, row(BAR, recalled=44, process_seconds=400.0), row(OURS), row(CHAIN)]
    page = tmp_path / "tuning.md"
    text = write_page(rows, page, command="python benchmarks/tuning.py")
    assert page.read_text() == text
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert table[0] == f"| {' | '.join(COLUMNS)} |"
    assert "| base | 0/48 | 9/48 | 3/48 | 38/40 | 0.012 | – | – | – | – |" in table
    assert f"| {OURS} | 40/48 | 9/48 | 3/48 | 38/40 | 0.012 | 100 | 1,234 | 1024 | 5 |" in table
    assert f"{OURS}: recall 0.91 × of {BAR}" in text
    assert f"{OURS}: time 0.25 × of {BAR}" in text
    assert "quick run" not in text


def test_a_page_of_one_row_leaves_out_what_it_cannot_compare(tmp_path: Path) -> None:
    text = write_page([row(OURS, quick=True)], tmp_path / "tuning.md", command="x")
    assert BAR not in text
    assert "quick run" in text


def test_the_names_on_the_page_are_methods() -> None:
    assert {BAR, OURS, CHAIN} <= METHODS.keys()


def test_lessons_are_read_back_as_they_were_kept(tmp_path: Path) -> None:
    examples = [Example((1, 2), (3,), "fact", 0.5), Example((1,), (2, 3), "general")]
    save(tmp_path / "lessons.json", examples)
    assert load(tmp_path / "lessons.json") == examples


def test_a_quick_run_takes_the_first_facts() -> None:
    few = chosen_items("facts48", 4)
    assert (len(few.facts), len(few.unknown), len(few.general)) == (4, 4, 20)
    assert few.facts == chosen_items("facts48", None).facts[:4]


def test_query_rows_change_places_as_llama_cpp_rotates_pairs() -> None:
    heads, half = 2, 3
    a, b = np.ones((1, 4)), np.arange(heads * 2 * half, dtype=float)[:, None]
    state = {
        f"base_model.model.model.layers.5.{module}.lora_{side}.weight": value
        for module in ("self_attn.q_proj", "mlp.down_proj")
        for side, value in (("A", a), ("B", b))
    }
    tensors = gguf_tensors(state, heads, heads)
    # Transformers rotates row i of a head with row i + half; llama.cpp neighbours.
    assert tensors["blk.5.attn_q.weight"][1][:, 0].tolist() == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
    assert np.array_equal(tensors["blk.5.ffn_down.weight"][1], b)


def test_divergence_is_zero_for_equal_states_and_else_the_textbooks() -> None:
    rng = np.random.default_rng(0)
    one, two, head = rng.normal(size=(70, 4)), rng.normal(size=(70, 4)), rng.normal(size=(9, 4))
    assert divergence(one, one, head) == pytest.approx(0.0, abs=1e-12)
    p, q = (np.exp(each @ head.T) for each in (one, two))
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    assert divergence(one, two, head) == pytest.approx(float((p * np.log(p / q)).sum(axis=1).mean()))
