from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from mm1.data.mix import Order, Schedule

weights = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 100), min_size=1)
weights = weights.filter(lambda mix: sum(mix.values()) > 0)


def test_mm1_mix_is_exact_in_every_twenty():
    schedule = Schedule({"captions": 45, "interleaved": 45, "text": 10}, seed=3)
    assert schedule.block == 20
    for block in range(5):
        counts = Counter(schedule.source(20 * block + i) for i in range(20))
        assert counts == {"captions": 9, "interleaved": 9, "text": 2}


@given(weights, st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_shares_are_kept_over_a_block(mix, seed):
    schedule = Schedule(mix, seed)
    counts = Counter(schedule.source(i) for i in range(schedule.block))
    total = sum(mix.values())
    for name, weight in mix.items():
        assert abs(counts[name] - schedule.block * weight / total) < 1


@given(st.integers(1, 500), st.integers(0, 10_000), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_epoch_shows_every_row_once(rows, seed, epoch):
    order = Order("captions", rows, seed)
    assert sorted(order.row(epoch * rows + i) for i in range(rows)) == list(range(rows))


def test_order_is_a_function_of_seed_source_and_draw():
    assert [Order("a", 50, 1).row(i) for i in range(100)] == [Order("a", 50, 1).row(i) for i in range(100)]
    assert [Order("a", 50, 1).row(i) for i in range(50)] != [Order("a", 50, 2).row(i) for i in range(50)]
    assert [Order("a", 50, 1).row(i) for i in range(50)] != [Order("b", 50, 1).row(i) for i in range(50)]
    first = Order("a", 50, 1)
    assert [first.row(i) for i in range(50)] != [first.row(50 + i) for i in range(50)]
