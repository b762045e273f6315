"""Nothing leaves before the owner opts in, and nothing past the owner's limits."""

from __future__ import annotations

import math
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.consent import (
    Answer,
    Consent,
    ConsentFile,
    Limits,
    Mode,
    Request,
    Usage,
    decide,
    usage_on,
)
from federation.ledger import Ledger

SMALL = Request(size=300, epsilon_after=1.0)


def test_off_by_default() -> None:
    assert Consent().mode is Mode.OFF
    assert decide(Consent(), SMALL, Usage()).answer is Answer.REFUSE
    assert not Consent().allows_chat(1)


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        (Mode.ASK, Answer.ASK),
        (Mode.AUTOMATIC, Answer.SEND),
        (Mode.PAUSED, Answer.REFUSE),
        (Mode.OFF, Answer.REFUSE),
    ],
)
def test_each_mode_answers_in_its_way(mode: Mode, answer: Answer) -> None:
    assert decide(Consent(mode=mode), SMALL, Usage()).answer is answer


LIMITS = Limits(rounds_per_day=10, bytes_per_day=3000, epsilon=4.0)


@pytest.mark.parametrize("mode", [Mode.ASK, Mode.AUTOMATIC])
@pytest.mark.parametrize(
    ("request_", "today", "word"),
    [
        (SMALL, Usage(rounds=10), "10 rounds"),
        (SMALL, Usage(sent_bytes=2701), "3000 bytes"),
        (Request(300, 4.01), Usage(), "epsilon 4"),
        (Request(300, math.inf), Usage(), "epsilon 4"),
        (Request(300, math.nan), Usage(), "epsilon 4"),
    ],
)
def test_limits_hold_in_every_mode_and_say_which(
    mode: Mode, request_: Request, today: Usage, word: str
) -> None:
    verdict = decide(Consent(mode=mode, limits=LIMITS), request_, today)
    assert verdict.answer is Answer.REFUSE
    assert word in verdict.reason


def test_the_last_round_within_the_limits_still_goes() -> None:
    consent = Consent(mode=Mode.AUTOMATIC, limits=LIMITS)
    assert decide(consent, Request(300, 4.0), Usage(9, 2700)).answer is Answer.SEND


@given(
    st.builds(
        Consent,
        mode=st.sampled_from(Mode),
        limits=st.builds(
            Limits, st.integers(-1, 9), st.integers(-1, 999), st.floats(allow_nan=True, allow_infinity=True)
        ),
    ),
    st.builds(Request, st.integers(0, 2000), st.floats(allow_nan=True)),
    st.builds(Usage, st.integers(0, 20), st.integers(0, 2000)),
)
def test_nothing_is_sent_unasked_unless_everything_allows_it(
    consent: Consent, request_: Request, today: Usage
) -> None:
    if decide(consent, request_, today).answer is not Answer.REFUSE:
        assert consent.mode in (Mode.ASK, Mode.AUTOMATIC)
        assert request_.epsilon_after <= consent.limits.epsilon
        assert today.rounds < consent.limits.rounds_per_day
        assert today.sent_bytes + request_.size <= consent.limits.bytes_per_day
    if decide(consent, request_, today).answer is Answer.SEND:
        assert consent.mode is Mode.AUTOMATIC


def test_a_pause_ends_where_it_began() -> None:
    for mode in (Mode.ASK, Mode.AUTOMATIC):
        assert Consent(mode=mode).paused().paused().resumed().mode is mode
    assert Consent().paused().resumed().mode is Mode.OFF
    assert Consent(mode=Mode.ASK).paused().given(Mode.OFF).resumed().mode is Mode.OFF


def test_a_vetoed_chat_takes_no_part_until_the_veto_is_lifted() -> None:
    consent = Consent(mode=Mode.ASK).vetoing(7)
    assert not consent.allows_chat(7)
    assert consent.allows_chat(8)
    assert consent.vetoing(7, veto=False).allows_chat(7)


def test_the_choice_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "federation" / "consent.json"
    chosen = Consent(Mode.AUTOMATIC, LIMITS, frozenset({3, 5})).paused()
    ConsentFile(path).save(chosen)
    assert ConsentFile(path).load() == chosen
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["consent.json"]


def test_no_file_is_no_consent(tmp_path: Path) -> None:
    file = ConsentFile(tmp_path / "consent.json")
    assert file.load() == Consent()
    assert file.trouble == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b"[1, 2]",
        b'{"mode": "automatic"}',
        b'{"mode": "always", "limits": {"rounds_per_day": 1, "bytes_per_day": 1, "epsilon": 1},'
        b' "vetoed": [], "paused_from": "off"}',
        b'{"mode": "automatic", "limits": {"rounds_per_day": "many", "bytes_per_day": 1, "epsilon": 1},'
        b' "vetoed": [], "paused_from": "off"}',
        b'{"mode": "automatic", "limits": {"rounds_per_day": 1, "bytes_per_day": 1, "epsilon": 1},'
        b' "vetoed": ["1"], "paused_from": "off"}',
    ],
)
def test_an_unreadable_choice_is_no_consent_and_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "consent.json"
    path.write_bytes(content)
    file = ConsentFile(path)
    assert file.load().mode is Mode.OFF
    assert "opt in again" in file.trouble
    assert path.read_bytes() == content


def test_what_went_out_today_is_read_from_the_ledger(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    home = timezone(timedelta(hours=2))
    noon = datetime(2026, 3, 2, 12, 0, tzinfo=home)
    # 23:30 UTC of the day before is 01:30 of today here; 21:30 is yesterday.
    for hour, round_number in ((21, 1), (23, 2)):
        at = datetime(2026, 3, 1, hour, 30, tzinfo=UTC)
        ledger.record(b"x" * 100, task="t", round_number=round_number, consent="automatic", now=at)
    ledger.record(b"x" * 50, task="t", round_number=3, consent="automatic", now=noon)
    ledger.record(b"x" * 50, task="t", round_number=3, consent="automatic", now=noon)
    assert usage_on(noon, list(ledger.entries())) == Usage(rounds=2, sent_bytes=200)
