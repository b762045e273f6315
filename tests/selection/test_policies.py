"""What every policy promises, and what each is for. Streams are made from a seed, nothing is timed."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from selection.policies import DEFAULT_POLICY, POLICIES, make_policy
from selection.policies.diverse import Diverse
from selection.records import NO_TOPIC, Item
from selection.selector import Selector
from tests.selection.turns import DIM, unit

ALL = sorted(POLICIES)


def stream(count: int, seed: int = 3, *, groups: int = 6, first: int = 1, dim: int = DIM) -> Iterator[Item]:
    """Items around a few directions, of changing entropy, length, topic words and domain."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    centres = rng.standard_normal((groups, dim))
    for turn_id in range(first, first + count):
        vector = 2 * centres[rng.integers(groups)] + rng.standard_normal(dim)
        yield Item(
            turn_id,
            (vector / np.linalg.norm(vector)).astype(np.float32),
            eoe=float(rng.uniform(0.6, 1.0)),
            tokens=int(rng.integers(2, 200)),
            dss=float(rng.uniform(0.0, 0.2)),
            domain=f"domain {rng.integers(4)}",
            learnability=float(rng.standard_normal()) if rng.random() < 0.3 else None,
        )


def selector(name: str, capacity: int = 16, seed: int = 0) -> Selector:
    return Selector(make_policy(name), capacity=capacity, seed=seed)


def run(chosen: Selector, items) -> list[tuple]:
    return [(choice.action, choice.displaced) for choice in map(chosen.offer, items)]


def kept(chosen: Selector) -> list[int]:
    return [item.turn_id for item in chosen.pool]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("capacity", [1, 2, 7, 16])
def test_pool_fills_and_never_exceeds_its_capacity(name, seed, capacity):
    chosen = selector(name, capacity, seed)
    for number, item in enumerate(stream(120, seed), start=1):
        choice = chosen.offer(item)
        assert len(chosen.pool) == min(number, capacity)
        assert (choice.action == "keep") == (number <= capacity)
        assert (choice.action == "replace") == (choice.displaced is not None)
        assert (item.turn_id in chosen.pool) == (choice.action != "drop")
        assert choice.displaced not in kept(chosen)
        assert choice.reason


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", range(5))
def test_equal_streams_give_equal_decisions_in_equal_order(name, seed):
    one, other = selector(name, seed=seed), selector(name, seed=seed)
    assert run(one, stream(300, seed)) == run(other, stream(300, seed))
    assert kept(one) == kept(other) == sorted(kept(one))
    assert one.ranks() == other.ranks()


@pytest.mark.parametrize("name", ["dac24", "eoe", "dss", "idd", "random"])
def test_what_is_left_to_chance_depends_on_the_seed(name):
    assert run(selector(name, seed=1), stream(300)) != run(selector(name, seed=2), stream(300))


@pytest.mark.parametrize("name", ALL)
def test_restart_at_any_moment_changes_nothing(name):
    untroubled = selector(name)
    expected = run(untroubled, stream(200))
    chosen, decisions = selector(name), []
    for item in stream(200):
        pool = chosen.pool
        held = list(zip(pool, pool.since.tolist(), pool.topics.tolist(), strict=True))
        memory = json.loads(json.dumps(chosen.policy.memory()))
        seen, chosen = chosen.seen, selector(name)
        chosen.restore(held, seen=seen, memory=memory)
        decisions += run(chosen, [item])
    assert decisions == expected
    assert chosen.ranks() == untroubled.ranks()


@pytest.mark.parametrize("name", ALL)
def test_memory_does_not_grow_with_the_stream(name):
    chosen = selector(name)
    # Ever new domains and directions: nothing of what was dropped may stay behind.
    items = (Item(n, unit(*each.embedding), domain=f"domain {n}") for n, each in enumerate(stream(4000)))
    run(chosen, [next(items) for _ in range(1000)])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run(chosen, items)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    # The decisions that `run` collects are the test's own: some 3,000 tuples.
    assert grown < 3000 * 200
    assert len(json.dumps(chosen.policy.memory())) < 2000


@pytest.mark.parametrize("name", ALL)
def test_what_was_taken_out_leaves_a_place_for_whoever_comes_next(name):
    chosen = selector(name)
    run(chosen, stream(60))
    gone = kept(chosen)[3]
    assert chosen.remove(gone) is not None
    assert chosen.remove(gone) is None
    assert gone not in kept(chosen)
    assert run(chosen, stream(1, first=900)) == [("keep", None)]


@pytest.mark.parametrize("name", ALL)
def test_every_kept_item_has_a_rank_and_shrinking_starts_at_the_bottom(name):
    chosen = selector(name)
    run(chosen, stream(100))
    ranks = chosen.ranks()
    assert sorted(ranks) == kept(chosen)
    assert min(ranks.values()) == 1 and max(ranks.values()) <= 16
    chosen.pool.capacity = 10
    gone = chosen.shrink()
    assert len(gone) == 6 and len(chosen.pool) == 10
    assert min(ranks[turn_id] for turn_id in gone) >= max(ranks[turn_id] for turn_id in kept(chosen))
    assert chosen.shrink() == []


def test_an_item_is_held_once():
    chosen = selector("random")
    run(chosen, stream(5))
    with pytest.raises(ValueError, match="turn 2 is held already"):
        chosen.offer(next(stream(1, first=2)))
    assert chosen.seen == 5


def test_unknown_policy_is_an_error_that_names_the_choices():
    with pytest.raises(ValueError, match="dac24, eoe"):
        make_policy("magic")
    assert make_policy().name == DEFAULT_POLICY


def test_reservoir_keeps_early_and_late_items_alike():
    counts = Counter(
        turn_id
        for seed in range(400)
        for chosen in [selector("random", 10, seed)]
        if run(chosen, stream(50))
        for turn_id in kept(chosen)
    )
    # Each of 50 items is kept with probability 0.2: 80 of 400 times, with a standard deviation of 8.
    assert len(counts) == 50
    assert all(abs(count - 80) < 5 * 8 for count in counts.values())
    assert abs(sum(counts[turn_id] for turn_id in range(1, 26)) - 2000) < 200


def test_fifo_keeps_the_last_to_come_whatever_their_numbers():
    chosen = selector("fifo", 3)
    items = {item.turn_id: item for item in stream(6)}
    run(chosen, [items[number] for number in (4, 6, 1, 5, 2)])
    assert kept(chosen) == [1, 2, 5]


def test_single_score_needs_only_that_score_to_rise():
    low = Item(1, unit(1.0), eoe=0.5, dss=0.5, domain="a")
    for name, better in (("eoe", {"eoe": 0.6, "dss": 0.0}), ("dss", {"eoe": 0.0, "dss": 0.6})):
        chosen = selector(name, 1)
        run(chosen, [low])
        assert run(chosen, [Item(2, unit(1.0), domain="a", **better)]) == [("replace", 1)]
        assert run(chosen, [Item(3, unit(0.0, 1.0), domain="a", eoe=0.1, dss=0.1)]) == [("drop", None)]


def test_dissimilarity_alone_prefers_what_is_new_in_its_domain():
    chosen = selector("idd", 3)
    run(chosen, [Item(1, unit(1.0)), Item(2, unit(1.0, 0.1)), Item(3, unit(1.0, -0.1))])
    assert run(chosen, [Item(4, unit(1.0, 0.05))]) == [("drop", None)]
    assert run(chosen, [Item(5, unit(0.0, 1.0))])[0][0] == "replace"


def test_k_center_keeps_a_point_of_every_group():
    chosen = selector("k-center", 6)
    rng = np.random.Generator(np.random.Philox(key=1))
    for turn_id in range(300):
        vector = np.eye(6, DIM)[min(5, int(rng.exponential(1.0)))] + 0.05 * rng.standard_normal(DIM)
        chosen.offer(Item(turn_id, unit(*vector)))
    assert sorted(chosen.pool.vectors.argmax(axis=1).tolist()) == [0, 1, 2, 3, 4, 5]


def test_k_center_never_brings_its_points_closer_together():
    chosen = selector("k-center", 8)
    items = list(stream(200))
    run(chosen, items[:8])
    closest = chosen.pool.nearest()[0].max()
    for item in items[8:]:
        chosen.offer(item)
        assert chosen.pool.nearest()[0].max() <= closest + 1e-6
        closest = chosen.pool.nearest()[0].max()


def test_k_center_drops_what_is_there_already():
    chosen = selector("k-center", 4)
    items = list(stream(4))
    run(chosen, items)
    again = [Item(100 + item.turn_id, item.embedding) for item in items]
    assert run(chosen, again) == [("drop", None)] * 4


def near(direction: int, turn_id: int, rng: np.random.Generator, **numbers) -> Item:
    vector = np.eye(DIM)[direction] + 0.15 * rng.standard_normal(DIM)
    return Item(turn_id, unit(*vector), **{"eoe": 0.9, "tokens": 40, **numbers})


def fill(chosen: Selector, directions, count: int, *, first: int = 1, seed: int = 4) -> None:
    rng = np.random.Generator(np.random.Philox(key=seed))
    for turn_id in range(first, first + count):
        chosen.offer(near(int(rng.choice(directions)), turn_id, rng, eoe=float(rng.uniform(0.7, 0.95))))


def of_direction(chosen: Selector, direction: int) -> int:
    return int((chosen.pool.vectors.argmax(axis=1) == direction).sum())


def test_diverse_gives_each_topic_a_share_and_frequent_ones_more():
    chosen = selector("diverse", 24)
    fill(chosen, [0] * 16 + [1] * 4 + [2], 600)
    shares = [of_direction(chosen, direction) for direction in range(3)]
    assert sum(shares) == 24
    assert shares[0] > shares[1] > shares[2] >= 2
    # In proportion to the stream the first would have 18 places of 24.
    assert shares[0] < 17


@pytest.mark.parametrize("before", [300, 3000])
def test_diverse_lets_a_new_interest_in_however_long_the_old_one_was(before):
    chosen = selector("diverse", 24)
    fill(chosen, [0, 1], before)
    fill(chosen, [5], 60, first=before + 1)
    # 60 of 3,060 turns, and three of 24 places.
    assert of_direction(chosen, 5) >= 3


def test_dac24_locks_the_late_interest_out_that_diverse_lets_in():
    late = {}
    for name in ("dac24", "diverse"):
        chosen = selector(name, 24)
        fill(chosen, [0, 1], 2000)
        fill(chosen, [5], 60, first=2001)
        late[name] = of_direction(chosen, 5)
    assert late["diverse"] > late["dac24"]


def test_diverse_goes_on_accepting_because_worth_ages():
    replaced = {}
    for half_life in (100.0, 1e9):
        chosen = Selector(Diverse(half_life=half_life), capacity=16)
        fill(chosen, [0, 1, 2], 1500)
        rng = np.random.Generator(np.random.Philox(key=9))
        late = [near(n % 3, 5000 + n, rng) for n in range(300)]
        replaced[half_life] = sum(action == "replace" for action, _ in run(chosen, late))
    assert replaced[100.0] > 2 * replaced[1e9]


def test_diverse_keeps_the_richer_of_two_wordings():
    chosen = selector("diverse", 4)
    for turn_id, direction in enumerate((0, 1, 2), start=1):
        chosen.offer(Item(turn_id, unit(*np.eye(DIM)[direction]), eoe=0.9, tokens=50))
    poor, rich = (
        Item(10, unit(*np.eye(DIM)[3]), eoe=0.5, tokens=10),
        Item(11, unit(*(np.eye(DIM)[3] + 0.01)), eoe=0.9, tokens=60),
    )
    assert run(chosen, [poor, rich]) == [("keep", None), ("replace", 10)]
    chosen.remove(11)
    assert run(chosen, [rich, poor]) == [("keep", None), ("drop", None)]


def test_diverse_lets_go_what_there_is_nothing_to_learn_from():
    chosen = selector("diverse", 8)
    fill(chosen, [0], 8)
    learned = sorted(kept(chosen), key=chosen.ranks().get)[4]
    for number, turn_id in enumerate(kept(chosen)):
        chosen.pool.set_learnability(turn_id, 0.1 if turn_id == learned else 2.0 + number)
    rank = chosen.ranks()[learned]
    chosen.pool.set_learnability(learned, 90.0)
    assert chosen.ranks()[learned] < rank
    chosen.pool.set_learnability(learned, None)
    assert np.isnan(chosen.pool.learnability).sum() == 1


def test_diverse_bounds_its_topics_and_sorts_everything_into_one():
    chosen = selector("diverse", 16)
    run(chosen, stream(500, groups=200))
    topics = set(chosen.pool.topics.tolist())
    assert NO_TOPIC not in topics
    assert len(topics) <= 4
    assert len(chosen.policy.memory()["met"]) <= 5


def test_diverse_forgets_a_topic_nobody_came_back_to_when_a_new_one_needs_its_place():
    chosen = Selector(Diverse(half_life=20.0), capacity=16)
    fill(chosen, [0, 1, 2, 3], 40)
    fill(chosen, [0, 1, 2], 200, first=41)
    topics = set(chosen.pool.topics.tolist())
    fill(chosen, [7], 1, first=900)
    assert max(chosen.pool.topics) > max(topics)
    assert len(set(chosen.pool.topics.tolist())) <= 4


def test_diverse_takes_over_what_another_policy_kept():
    former = selector("dac24")
    run(former, stream(100))
    held = [(item, since, NO_TOPIC) for item, since in zip(former.pool, former.pool.since, strict=True)]
    chosen = selector("diverse")
    chosen.restore(held, seen=100, memory={})
    run(chosen, stream(50, first=101))
    assert NO_TOPIC not in chosen.pool.topics
    assert len(chosen.pool) == 16
