from __future__ import annotations

import numpy as np
import pytest

from selection.pool import Pool
from selection.records import Item
from tests.selection.test_policies import stream
from tests.selection.turns import unit


def test_items_are_in_the_order_of_their_numbers_however_they_come_and_go():
    pool = Pool(50)
    rng = np.random.Generator(np.random.Philox(key=2))
    items = {item.turn_id: item for item in stream(40)}
    held: set[int] = set()
    for _ in range(400):
        turn_id = int(rng.integers(1, 41))
        if turn_id in held:
            assert pool.remove(turn_id) is items[turn_id]
            held.remove(turn_id)
        else:
            pool.add(items[turn_id], since=turn_id * 10, topic=turn_id % 3)
            held.add(turn_id)
        order = sorted(held)
        assert [item.turn_id for item in pool] == pool.ids.tolist() == order
        assert pool.since.tolist() == [turn_id * 10 for turn_id in order]
        assert pool.topics.tolist() == [turn_id % 3 for turn_id in order]
        assert np.array_equal(pool.vectors, [items[turn_id].embedding for turn_id in order] or pool.vectors)
        assert pool.meanings.tolist() == [items[turn_id].meanings for turn_id in order]


def mean_distance(item: Item, pool: Pool) -> float:
    distances = [
        1.0 - float(item.embedding @ other.embedding)
        for other in pool
        if other is not item and other.domain == item.domain
    ]
    return min(1.0, float(np.mean(distances))) if distances else 1.0


def test_dissimilarity_follows_its_definition_after_every_change():
    pool = Pool(30)
    for item in stream(30):
        assert pool.idd_of(item) == pytest.approx(mean_distance(item, pool), abs=1e-6)
        pool.add(item)
    for gone in (3, 17, 30):
        pool.remove(gone)
        expected = [mean_distance(item, pool) for item in pool]
        assert pool.idd().tolist() == pytest.approx(expected, abs=1e-6)


def test_nearest_is_the_most_similar_other_item():
    pool = Pool(9)
    assert pool.nearest()[0].tolist() == []
    pool.add(Item(1, unit(1.0)))
    assert pool.nearest()[0].tolist() == [0.0]
    pool.add(Item(2, unit(0.0, 1.0)))
    pool.add(Item(3, unit(1.0, 1.0)))
    cosines, places = pool.nearest()
    assert cosines.tolist() == pytest.approx([2**-0.5] * 3)
    assert places.tolist()[:2] == [2, 2]


def test_meanings_do_not_favour_short_texts():
    two_words, page = Item(1, unit(1.0), eoe=1.0, tokens=2), Item(2, unit(1.0), eoe=0.8, tokens=200)
    assert two_words.eoe > page.eoe
    assert two_words.meanings < page.meanings
    assert Item(3, unit(1.0), eoe=0.0, tokens=1).meanings == 0.0


def test_wrong_use_is_an_error():
    with pytest.raises(ValueError, match="capacity"):
        Pool(0)
    pool = Pool(4)
    pool.add(Item(1, unit(1.0)))
    with pytest.raises(ValueError, match="held already"):
        pool.add(Item(1, unit(1.0)))
    with pytest.raises(ValueError, match="16 dimensions, not 3"):
        pool.add(Item(2, np.eye(3, dtype=np.float32)[0]))
    with pytest.raises(KeyError):
        pool.remove(9)
    with pytest.raises(KeyError):
        pool.set_learnability(9, 1.0)


def test_an_emptied_pool_takes_embeddings_of_another_length():
    pool = Pool(4)
    pool.add(Item(1, unit(1.0)))
    pool.remove(1)
    pool.add(Item(2, np.eye(3, dtype=np.float32)[0]))
    assert pool.vectors.shape == (1, 3)
