"""What a learning run says about itself."""

from __future__ import annotations

from assistant.learning_report import TimeLeft, memory_bytes, peak_memory_bytes


def test_the_time_left_follows_the_pace_since_the_first_word() -> None:
    clock = iter([0.0, 10.0, 60.0])
    left = TimeLeft(lambda: next(clock))
    assert left(0.5) == ""
    assert left(0.6) == "about 40 s left"
    assert left(0.7) == "about 90 s left"


def test_long_times_are_told_in_minutes() -> None:
    clock = iter([0.0, 60.0])
    left = TimeLeft(lambda: next(clock))
    left(0.0)
    assert left(0.1) == "about 9 min left"


def test_memory_never_exceeds_its_peak() -> None:
    assert 0 < memory_bytes() <= peak_memory_bytes() * 1.05
