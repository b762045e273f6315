"""The pieces of the endpoint that need no server: stop texts, turns, the key."""

from __future__ import annotations

import asyncio
import stat

import pytest

from assistant.errors import AssistantError
from assistant.paths import Paths
from assistant.serving.api_key import api_key, key_file
from assistant.serving.stops import StopFilter
from assistant.serving.turns import FairQueue
from assistant.serving.wire import Refusal


@pytest.mark.parametrize(
    ("pieces", "stops", "shown", "found"),
    [
        (["ab", "cd"], [], "abcd", False),
        (["ab", "cd"], ["bc"], "a", True),
        (["ab", "ab", "c"], ["abc"], "ab", True),
        (["ab", "ab"], ["abc"], "abab", False),
        (["x\n", "\nUser: y"], ["\n\nUser:"], "x", True),
        (["one two"], ["two", "one"], "", True),
        (["aaab"], ["aab"], "a", True),
    ],
)
def test_nothing_of_a_stop_text_is_shown(
    pieces: list[str], stops: list[str], shown: str, found: bool
) -> None:
    stop = StopFilter(stops)
    text = "".join([*(stop.feed(piece) for piece in pieces), stop.rest()])
    assert (text, stop.found) == (shown, found)


def test_text_that_cannot_become_a_stop_text_is_not_held_back() -> None:
    stop = StopFilter(["END"])
    assert [stop.feed("wEN"), stop.feed("d"), stop.feed("E")] == ["w", "ENd", ""]
    assert stop.rest() == "E"


async def test_lanes_take_turns_however_many_wait_in_one() -> None:
    queue, served = FairQueue(), list[str]()

    async def ask(lane: str) -> None:
        async with queue.turn(lane):
            served.append(lane)
            await asyncio.sleep(0)

    async with queue.turn("first"):
        waiting = [asyncio.create_task(ask(lane)) for lane in ("a", "a", "a", "b", "b", "c")]
        await asyncio.sleep(0)
        assert queue.waiting == 6
    await asyncio.gather(*waiting)
    assert served == ["a", "b", "c", "a", "b", "a"]


async def test_whoever_gives_up_waiting_holds_nobody_up() -> None:
    queue, served = FairQueue(), list[str]()

    async def ask(lane: str) -> None:
        async with queue.turn(lane):
            served.append(lane)

    async with queue.turn("first"):
        gone, stays = asyncio.create_task(ask("a")), asyncio.create_task(ask("b"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
    await stays
    async with queue.turn("last"):
        assert served == ["b"]


async def test_a_turn_that_was_handed_to_somebody_who_just_left_goes_on() -> None:
    queue = FairQueue()

    async def ask() -> None:
        async with queue.turn("a"):
            pass

    async with queue.turn("first"):
        gone = asyncio.create_task(ask())
        await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    async with asyncio.timeout(5), queue.turn("last"):
        pass


async def test_too_many_waiting_are_refused() -> None:
    queue = FairQueue(most_waiting=1)
    async with queue.turn("a"):
        waits = asyncio.create_task(queue.turn("a").__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as caught:
            await queue.turn("b").__aenter__()
        assert caught.value.status == 429
        waits.cancel()
        await asyncio.gather(waits, return_exceptions=True)


def test_the_key_is_made_once_and_only_the_owner_can_read_it(paths: Paths) -> None:
    key, is_new = api_key(paths)
    assert is_new and key.startswith("sk-local-") and len(key) > 40
    assert api_key(paths) == (key, False)
    assert stat.S_IMODE(key_file(paths).stat().st_mode) == 0o600
    assert api_key(paths, fresh=True)[0] != key


def test_a_key_that_others_can_read_is_not_used(paths: Paths) -> None:
    api_key(paths)
    key_file(paths).chmod(0o644)
    with pytest.raises(AssistantError, match="Others can read"):
        api_key(paths)
    assert api_key(paths, fresh=True)[1]
