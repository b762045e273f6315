"""Invites and bundles: what is read back is what was written, and damage is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.flower.bundle import FromDevice, ToDevice
from federation.flower.errors import BadInvite, Malformed
from federation.flower.invite import Invite, read_invite

INVITE = Invite("192.168.1.20:9443", bytes(range(32)), bytes(range(100, 132)), bytes(range(16)))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "assistant.local:65535", "[::1]:443"])
def test_an_invite_survives_its_text(address: str) -> None:
    invite = Invite(address, INVITE.authority, INVITE.task, INVITE.secret)
    assert read_invite(f"  {invite.text()}\n") == invite
    assert not set(invite.host) & set("[]")


def test_an_invite_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "invite.txt"
    file.write_text(INVITE.text() + "\n")
    assert read_invite(str(file)) == INVITE


def test_a_pass_is_not_shown_by_accident() -> None:
    assert "secret" not in repr(INVITE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no-such-file",
        "assistant-federation:",
        INVITE.text()[:-1],
        INVITE.text() + "/more",
        INVITE.text().replace("9443", "99999"),
        INVITE.text().replace("192.168.1.20", "ho%2fst"),
    ],
)
def test_a_damaged_invite_is_refused(text: str) -> None:
    with pytest.raises(BadInvite):
        read_invite(text)


PARTS = st.binary(max_size=50)


@given(st.lists(PARTS, max_size=4), st.none() | PARTS, st.none() | PARTS)
def test_a_bundle_survives_its_bytes(
    records: list[bytes], request: bytes | None, checkpoint: bytes | None
) -> None:
    bundle = ToDevice(tuple(records), request, checkpoint)
    assert ToDevice.from_bytes(bundle.to_bytes()) == bundle


@given(st.binary(min_size=32, max_size=32), st.none() | PARTS)
def test_an_answer_survives_its_bytes(head: bytes, report: bytes | None) -> None:
    answer = FromDevice(head, report)
    assert FromDevice.from_bytes(answer.to_bytes()) == answer


@given(st.binary(max_size=100))
def test_any_bytes_are_a_bundle_or_malformed(data: bytes) -> None:
    for kind in (ToDevice, FromDevice):
        for each in (data, b"AFB1" + data):
            try:
                assert kind.from_bytes(each).to_bytes()
            except Malformed:
                pass
