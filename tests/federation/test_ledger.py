"""Every byte sent is on record, changes are found, crashes are survived."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.ledger import FIRST, MENDED, Head, Ledger, LedgerBroken

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "federation" / "ledger.jsonl")


def fill(ledger: Ledger, count: int = 5) -> None:
    for number in range(count):
        ledger.record(bytes([number]) * 128, task="t" * 64, round_number=number, consent="automatic", now=NOW)


def rewritten(ledger: Ledger, nth: int, **changes: object) -> None:
    lines = ledger.path.read_text().splitlines()
    lines[nth - 1] = json.dumps(
        {**json.loads(lines[nth - 1]), **changes}, sort_keys=True, separators=(",", ":")
    )
    ledger.path.write_text("\n".join(lines) + "\n")


def test_the_exact_bytes_and_who_allowed_them_are_on_record(ledger: Ledger) -> None:
    entry = ledger.record(b"\x01\xff", task="abc", round_number=3, consent="ask-each-round", now=NOW)
    assert list(ledger.entries()) == [entry]
    assert (entry.payload, entry.task, entry.round, entry.consent) == (
        b"\x01\xff",
        "abc",
        3,
        "ask-each-round",
    )
    assert entry.time == "2026-03-01T12:00:00+00:00"
    assert entry.previous == FIRST


def test_a_whole_ledger_holds(ledger: Ledger) -> None:
    assert ledger.verify().holds
    fill(ledger)
    found = ledger.verify()
    assert (found.holds, found.entries, found.torn) == (True, 5, 0)
    assert found.head == Head(5, list(ledger.entries())[-1].hash)


@pytest.mark.parametrize(
    "changes",
    [
        {"bytes": "00"},
        {"round": 99},
        {"task": "other"},
        {"time": "2020-01-01T00:00:00+00:00"},
        {"consent": "ask-each-round"},
        {"kind": "mended"},
        {"number": 7},
        {"previous": FIRST},
        {"hash": FIRST},
        {"round": True},
        {"extra": 1},
    ],
)
def test_the_first_changed_entry_is_named(ledger: Ledger, changes: dict[str, object]) -> None:
    fill(ledger)
    rewritten(ledger, 3, **changes)
    found = ledger.verify()
    assert found.broken == 3
    assert found.reason
    assert found.entries == 2


def test_an_entry_taken_out_is_noticed(ledger: Ledger) -> None:
    fill(ledger)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(lines[:2] + lines[3:]))
    assert ledger.verify().broken == 3


def test_an_entry_changed_with_its_hashes_breaks_the_next_one(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger)
    forged = Ledger(tmp_path / "forged.jsonl")
    for entry in list(ledger.entries())[:2]:
        forged.record(entry.payload, task=entry.task, round_number=entry.round, consent="automatic", now=NOW)
    forged.record(b"less", task="t" * 64, round_number=2, consent="automatic", now=NOW)
    rest = ledger.path.read_bytes().splitlines(keepends=True)[3:]
    ledger.path.write_bytes(forged.path.read_bytes() + b"".join(rest))
    assert ledger.verify().broken == 4


def test_a_ledger_cut_short_is_noticed_by_who_remembers_its_head(ledger: Ledger) -> None:
    fill(ledger)
    head = ledger.head()
    fill(ledger, 1)
    assert ledger.verify(head).holds
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(lines[:3]))
    assert ledger.verify().holds
    assert ledger.verify(head).broken == 4


def test_a_ledger_begun_anew_is_noticed_by_who_remembers_its_head(ledger: Ledger) -> None:
    fill(ledger, 2)
    head = ledger.head()
    ledger.path.unlink()
    for number in range(3):
        ledger.record(b"other", task="t", round_number=number, consent="automatic", now=NOW)
    assert ledger.verify(head).broken == 2


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_byte_is_found(ledger: Ledger, data: st.DataObject) -> None:
    ledger.path.unlink(missing_ok=True)
    fill(ledger, 3)
    whole = ledger.path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))
    ledger.path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
    found = ledger.verify()
    assert found.broken == whole[:place].count(b"\n") + 1


def test_a_torn_entry_is_mended_and_told(ledger: Ledger) -> None:
    fill(ledger, 3)
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole[:-40])
    torn = whole.splitlines()[2][:-39]
    found = ledger.verify()
    assert (found.holds, found.entries, found.torn) == (True, 2, len(torn))
    fill(ledger, 1)
    entries = list(ledger.entries())
    assert [entry.kind for entry in entries] == ["sent", "sent", MENDED, "sent"]
    assert entries[2].payload == torn
    assert ledger.verify().holds


def test_every_place_a_crash_may_tear_is_mended(ledger: Ledger) -> None:
    fill(ledger, 2)
    whole = ledger.path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(1, len(whole), 37):
        ledger.path.write_bytes(whole[:length])
        fill(ledger, 1)
        assert ledger.verify().holds
        assert sum(entry.kind == "sent" for entry in ledger.entries()) == 1 + (length >= first)


def test_entries_survive_kill_9(ledger: Ledger) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import UTC, datetime;"
        "from federation.ledger import Ledger; ledger = Ledger(Path(sys.argv[1])); number = 0\n"
        "while True:\n"
        "    number += 1\n"
        "    now = datetime.now(UTC)\n"
        "    ledger.record(b'x' * 300, task='t', round_number=number, consent='automatic', now=now)\n"
        "    print(number, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(ledger.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while int(process.stdout.readline()) < 20:
        time.sleep(0)
    os.kill(process.pid, signal.SIGKILL)
    told = [int(line) for line in process.stdout.read().splitlines() if line.strip()]
    process.wait()
    process.stdout.close()
    assert ledger.verify().holds
    assert ledger.verify().entries >= max([20, *told])
    fill(ledger, 1)
    assert ledger.verify().holds


def test_two_writers_share_one_chain(ledger: Ledger) -> None:
    other = Ledger(ledger.path)
    for number in range(6):
        (ledger, other)[number % 2].record(b"x", task="t", round_number=number, consent="automatic", now=NOW)
    assert ledger.verify().entries == 6


def test_what_was_sent_in_a_round_can_be_sent_again(ledger: Ledger) -> None:
    fill(ledger)
    entry = ledger.sent("t" * 64, 2)
    assert entry is not None
    assert entry.payload == bytes([2]) * 128
    assert ledger.sent("t" * 64, 99) is None


def test_nothing_is_added_behind_an_unreadable_entry(ledger: Ledger) -> None:
    fill(ledger, 2)
    with ledger.path.open("ab") as file:
        file.write(b"not an entry\n")
    with pytest.raises(LedgerBroken):
        fill(ledger, 1)
    with pytest.raises(LedgerBroken, match="entry 3"):
        list(ledger.entries())
    assert ledger.verify().broken == 3


def test_the_ledger_is_private(ledger: Ledger) -> None:
    fill(ledger, 1)
    ledger.path.chmod(0o644)
    fill(ledger, 1)
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700


def test_a_time_without_its_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="zone"):
        ledger.record(b"x", task="t", round_number=1, consent="automatic", now=datetime(2026, 1, 1))
