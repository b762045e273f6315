"""The scale run at a size that takes no time; its numbers are the benchmark's business."""

from __future__ import annotations

import pytest

from benchmarks.selection_cost import run_scale


@pytest.mark.parametrize("policy", ["dac24", "diverse"])
def test_a_made_up_log_is_imported_and_scanned_whole(policy: str) -> None:
    result = run_scale(600, policy)
    assert (result["turns"], result["considered"], result["held"]) == (600, 300, 128)
    assert result["peak_rss_mib"] > 0
