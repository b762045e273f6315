"""The owner sees the very bytes, what they mean and what could be inferred."""

from __future__ import annotations

import math

import numpy as np
import pytest

from federation.keys import Signer
from federation.preview import measured, preview
from federation.refusal import Refused
from federation.task import Privacy
from federation.wire import Encoding, Report
from tests.federation.conftest import make_task


def report(*, masked: bool = False) -> bytes:
    numbers = np.arange(16)
    return (
        Report(
            task=b"t" * 16,
            round=7,
            state=b"s" * 8,
            device=b"d" * 16,
            encoding=Encoding.MASKED if masked else Encoding.CLEAR,
            payload=numbers.astype("<u4" if masked else "<i2").tobytes(),
        )
        .signed(Signer(bytes(32)))
        .to_bytes()
    )


@pytest.mark.parametrize("masked", [False, True])
def test_every_byte_is_shown_and_named_once(masked: bool) -> None:
    data = report(masked=masked)
    shown = preview(data, make_task().task, epsilon_after=math.inf)
    assert bytes.fromhex("".join(line[6:] for line in shown.hex_lines())) == data
    starts = [sum(part.size for part in shown.parts[:number]) for number in range(len(shown.parts))]
    assert [part.start for part in shown.parts] == starts
    assert sum(part.size for part in shown.parts) == len(data)
    named = {part.name: data[part.start : part.start + part.size] for part in shown.parts}
    assert named["device"] == b"d" * 16
    assert named["task"] == b"t" * 16
    assert named["round"] == (7).to_bytes(4, "little")
    assert len(named["numbers"]) == 16 * (4 if masked else 2)


def test_it_says_when_nothing_protects_the_numbers() -> None:
    shown = preview(report(), make_task().task, epsilon_after=math.inf)
    assert any("No noise" in line for line in shown.meaning)
    assert any("sees these numbers" in line for line in shown.meaning)
    assert any("no limit" in line for line in shown.inference)


def test_it_says_what_noise_and_masks_do() -> None:
    privacy = Privacy(noise_multiplier=6.0, secure_aggregation=True, group_size=10)
    shown = preview(report(masked=True), make_task(privacy=privacy).task, epsilon_after=2.0)
    assert any("23 times" in line for line in shown.meaning)
    assert any("about 10 devices" in line for line in shown.meaning)
    assert any("epsilon 2.00" in line and "7.4 times" in line for line in shown.inference)


@pytest.mark.parametrize(("spent", "told"), [(5.0, 8.0), (8.0, 8.0), (0.5, 1.0), (30.0, None)])
def test_inference_tells_what_was_measured_and_never_a_better_case(spent: float, told: float | None) -> None:
    (row,) = [row for row in measured() if not row["secure"] and row["epsilon"] == told]
    privacy = Privacy(noise_multiplier=3.0)
    shown = preview(report(), make_task(privacy=privacy).task, epsilon_after=spent)
    assert any(f"{100 * row['auc']:.0f} times in 100" in line for line in shown.inference)


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(Refused):
        preview(b"hello", make_task().task, epsilon_after=1.0)
