"""Batches: coverage, shifts by one, BERT's proportions, bit-exact resumption."""

import numpy as np
import pytest

from tinyft import data

X = np.arange(20).reshape(10, 2)
Y = np.arange(10)


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("drop_last, sizes", [(False, [4, 4, 2]), (True, [4, 4])])
def test_batches_cover_the_rows_once(drop_last, sizes):
    got = list(data.batches(generator(), X, Y, batch_size=4, drop_last=drop_last))
    assert [len(y) for _, y in got] == sizes
    seen = np.concatenate([y for _, y in got])
    assert len(set(seen.tolist())) == sum(sizes)
    assert all((x == X[y]).all() for x, y in got)  # rows stay together
    if not drop_last:
        assert sorted(seen) == list(range(10)) and list(seen) != list(range(10))


def test_batches_in_order_and_repeatable():
    (one,), (two,) = data.batches(None, Y, batch_size=5, shuffle=False)
    assert np.concatenate([one, two]).tolist() == list(range(10))
    a = [y.tolist() for (y,) in data.batches(generator(7), Y, batch_size=3)]
    b = [y.tolist() for (y,) in data.batches(generator(7), Y, batch_size=3)]
    assert a == b


@pytest.mark.parametrize(
    "arrays, options, words",
    [
        ((X, Y[:3]), {}, r"different lengths \[10, 3\]"),
        ((Y[:0],), {}, "empty"),
        ((Y,), {"batch_size": 11, "drop_last": True}, "every batch would be dropped"),
        ((Y,), {"batch_size": 0}, "batch_size=0 should be 1 or more"),
        ((), {}, "at least one array"),
        ((np.float32(1),), {}, "at least one array"),
    ],
)
def test_wrong_batches_fail_at_the_call(arrays, options, words):
    options = {"batch_size": 2, **options}
    with pytest.raises(data.DataError, match=words):
        data.batches(generator(), *arrays, **options)
    with pytest.raises(data.DataError, match=words):
        data.BatchStream(generator(), *arrays, **options)


def test_shuffle_without_generator():
    with pytest.raises(data.DataError, match="shuffle=True needs a generator"):
        data.batches(None, Y, batch_size=2)


def test_lm_targets_are_inputs_shifted_by_one():
    ids = generator().integers(0, 50, 300)
    x, y = data.lm_batch(generator(1), ids, batch=8, length=16)
    assert x.shape == y.shape == (8, 16) and x.dtype == y.dtype == np.int64
    assert (x[:, 1:] == y[:, :-1]).all()
    text = ids.tolist()
    for row, last in zip(x.tolist(), y[:, -1].tolist(), strict=True):
        places = [i for i in range(284) if text[i : i + 16] == row]
        assert any(text[i + 16] == last for i in places)


def test_lm_batch_reaches_both_ends_and_needs_one_token_more():
    starts = {data.lm_batch(generator(s), Y, 1, 7)[0][0, 0] for s in range(60)}
    assert starts == {0, 1, 2}  # 10 tokens hold three windows of 8
    x, y = data.lm_batch(generator(), Y, 1, 9)
    assert x.tolist() == [list(range(9))] and y.tolist() == [list(range(1, 10))]
    with pytest.raises(data.DataError, match=r"10 token ids .* 1 windows of 11"):
        data.lm_batch(generator(), Y, 1, 10)
    with pytest.raises(data.DataError, match="one row of integers"):
        data.lm_batch(generator(), X, 1, 2)
    with pytest.raises(data.DataError, match="0 token ids"):
        data.lm_batch(generator(), Y[:0], 1, 2)


def test_mlm_proportions():
    vocab, mask, n = 1000, 999, 200_000
    ids = generator().integers(0, 900, n)
    x, y = data.mlm_batch(generator(1), ids, n // 100, 100, mask, vocab)
    chosen = y != data.IGNORE
    masked, same = x == mask, x == y
    # Binomial proportions; six standard errors each. A random word equals the true one
    # (or the mask) once in `vocab`, far below the bound.
    for got, want, count in [
        (chosen.mean(), 0.15, n),
        (masked[chosen].mean(), 0.8, 0.15 * n),
        (same[chosen].mean(), 0.1, 0.15 * n),
    ]:
        assert abs(got - want) < 6 * np.sqrt(want * (1 - want) / count)
    words = x[chosen & ~masked & ~same]
    assert words.min() >= 0 and words.max() > 990  # the whole vocabulary
    assert (y[chosen] < 900).all() and not masked[~chosen].any()


def test_mlm_leaves_other_positions_alone_and_keeps_out_of_never():
    ids = np.tile([7, 8, 9, 3], 50)  # 3 plays the separator
    x, y = data.mlm_batch(generator(), ids, 32, 12, 1, 10, p=0.5, never=(3,))
    # A row without its changes is a window of `ids`: it repeats with period four.
    rows = np.where(y == data.IGNORE, x, y)
    assert (rows[:, 4:] == rows[:, :-4]).all()
    assert not (y == 3).any() and (rows == 3).sum() == 32 * 3


def test_mlm_chooses_at_least_one():
    for seed in range(20):
        _, y = data.mlm_batch(generator(seed), Y, 1, 3, 10, 11, p=1e-9)
        assert (y != data.IGNORE).sum() == 1
    _, y = data.mlm_batch(generator(), Y, 4, 5, 10, 11, p=1.0)
    assert (y != data.IGNORE).all()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"vocab": 9}, "value 9 at .* is outside 0..8"),
        ({"mask_id": 11}, r"mask_id: value 11 at \(0,\) is outside 0..10"),
        ({"p": 0}, "p=0 should be in"),
        ({"never": range(10)}, "0 of 10 are outside `never`"),
    ],
)
def test_wrong_mlm_calls(options, words):
    options = {"mask_id": 8, "vocab": 11, **options}
    with pytest.raises(data.DataError, match=words):
        data.mlm_batch(generator(), Y, 1, 10, **options)


def test_few_shot():
    y = np.repeat([3, 5, 9], [10, 20, 30])
    x = np.arange(60)
    a, b = data.few_shot(generator(), x, y, per_class=4)
    assert np.unique(b, return_counts=True)[1].tolist() == [4, 4, 4]
    assert len(set(a.tolist())) == 12 and (y[a] == b).all()
    assert b.tolist() != sorted(b.tolist())  # mixed, not class after class
    with pytest.raises(data.DataError, match=r"between 1 and 10, .* label 3 has"):
        data.few_shot(generator(), x, y, per_class=11)


def test_check_range():
    assert data.check_range([0, 2, -100], 3, "labels").dtype == np.int64
    with pytest.raises(data.DataError, match=r"labels: value 3 at \(1, 0\) is outside"):
        data.check_range([[0], [3]], 3, "labels")
    with pytest.raises(data.DataError, match="value -1 at"):
        data.check_range([-1], 3)
    with pytest.raises(data.DataError, match="should be integers, got dtype float64"):
        data.check_range([0.5], 3)


def test_rng_state_round_trip():
    rng = generator(5)
    rng.integers(0, 9, 3, dtype=np.uint32)  # leaves half a word in the generator
    words = data.rng_state(rng)
    assert words.shape == (6,) and words.dtype == np.uint64 and words[4] == 1
    want = rng.integers(0, 2**32, 5, dtype=np.uint32)
    other = generator(99)
    data.set_rng_state(other, words)
    assert (other.integers(0, 2**32, 5, dtype=np.uint32) == want).all()
    with pytest.raises(data.DataError, match="is MT19937, expected PCG64"):
        data.rng_state(np.random.Generator(np.random.MT19937(0)))
    with pytest.raises(data.DataError, match="expected 6 numbers"):
        data.set_rng_state(other, words[:3])


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("stop_after", range(8))
def test_stream_resumes_bit_exactly(stop_after, drop_last):
    options = {"batch_size": 4, "drop_last": drop_last}
    stream = data.BatchStream(generator(1), X, Y, **options)
    for _ in range(stop_after):
        next(stream)
    state = {k: np.array(v) for k, v in stream.state_dict().items()}  # as from a file
    want = [next(stream)[1].tolist() for _ in range(9)]
    fresh = data.BatchStream(generator(1234), X, Y, **options)
    fresh.load_state_dict(state)
    assert [next(fresh)[1].tolist() for _ in range(9)] == want
    assert fresh.epoch == stream.epoch


def test_stream_epochs():
    stream = data.BatchStream(generator(), X, Y, batch_size=4)
    rows = [[next(stream)[1] for _ in range(3)] for _ in range(2)]
    first, second = (np.concatenate(epoch).tolist() for epoch in rows)
    assert sorted(first) == sorted(second) == list(range(10)) and first != second
    assert stream.epoch == 1
    assert iter(stream) is stream


def test_stream_refuses_another_data_set():
    state = data.BatchStream(generator(), Y, batch_size=4).state_dict()
    other = data.BatchStream(generator(), Y[:9], batch_size=4)
    with pytest.raises(data.DataError, match="over 10 examples, this one has 9"):
        other.load_state_dict(state)
    with pytest.raises(data.DataError, match=r"lacks \['rng'\]"):
        other.load_state_dict({k: v for k, v in state.items() if k != "rng"})


# --- streams at their edges ----------------------------------------------------------


def test_an_unshuffled_stream_needs_no_generator():
    stream = data.BatchStream(None, np.arange(5), batch_size=2, shuffle=False)
    seen = [next(stream)[0].tolist() for _ in range(4)]
    assert seen == [[0, 1], [2, 3], [4], [0, 1]]
    again = data.BatchStream(None, np.arange(5), batch_size=2, shuffle=False)
    again.load_state_dict(stream.state_dict())
    assert next(again)[0].tolist() == [2, 3] and again.epoch == 1
    with pytest.raises(
        data.DataError, match="shuffle=True needs a generator, got rng=None"
    ):
        data.BatchStream(None, np.arange(5), batch_size=2)
    with pytest.raises(data.DataError, match="batch_size='2' should be an integer"):
        data.BatchStream(None, np.arange(5), batch_size="2", shuffle=False)


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("taken", range(9))
def test_a_stream_goes_on_from_every_position(taken, drop_last):
    """The end of an epoch and the first batch of the next are among them."""
    options = {"batch_size": 3, "drop_last": drop_last}
    stream = data.BatchStream(np.random.default_rng(0), np.arange(10), **options)
    for _ in range(taken):
        next(stream)
    other = data.BatchStream(np.random.default_rng(9), np.arange(10), **options)
    other.load_state_dict(stream.state_dict())
    for _ in range(9):
        np.testing.assert_array_equal(next(stream)[0], next(other)[0])
    assert other.epoch == stream.epoch


@pytest.mark.parametrize(
    "change, words",
    [
        ({"position": 11}, "position 11 of epoch 0 does not lie in the 10 examples"),
        ({"position": -1}, "position -1"),
        ({"epoch": -1}, "of epoch -1"),
        ({"batch_size": 4}, "batch_size = 4, this one has 3"),
        ({"stop": 9}, "stop = 9, this one has 10"),
        ({"rng": np.ones(5)}, "expected 6 numbers"),
        ({"rng": np.full(6, 2**40)}, "expected 6 numbers"),
    ],
)
def test_a_state_that_does_not_fit_leaves_the_stream_as_it_was(change, words):
    stream = data.BatchStream(np.random.default_rng(0), np.arange(10), batch_size=3)
    next(stream)
    before = repr(stream.state_dict()), stream.rng.bit_generator.state
    with pytest.raises(data.DataError, match=words):
        stream.load_state_dict({**stream.state_dict(), "position": 6, **change})
    assert (repr(stream.state_dict()), stream.rng.bit_generator.state) == before
