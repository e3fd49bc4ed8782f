"""Batches from host arrays, each drawn from an explicit `numpy.random.Generator`.

`batches` walks once over the examples, `BatchStream` (stream.py) for ever; `lm_batch`
cuts windows out of one long row of token ids, and masking.py hides tokens in them. Ids
and labels are checked against their range here, on the host: on a GPU an index out of
range is not an error.
"""

import numpy as np

from tinyft.data.files import DataError

IGNORE = -100  # a target that does not count (PyTorch's ignore_index)


def check_range(values, count, what="token ids", ignore_index=IGNORE):
    """Return `values` as int64 if each is in 0 .. count-1, or is `ignore_index`."""
    values = np.asarray(values)
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{what} should be integers, got dtype {values.dtype}.")
    bad = (values < 0) | (values >= count)
    if ignore_index is not None:
        bad &= values != ignore_index
    if bad.any():
        where = tuple(map(int, np.argwhere(bad)[0]))
        raise DataError(
            f"{what}: value {int(values[where])} at {where} is outside 0..{count - 1}. "
            "Is it from another tokenizer or another set of classes?"
        )
    return values.astype(np.int64, copy=False)


def batches(rng, *arrays, batch_size, drop_last=False, shuffle=True):
    """Yield tuples of slices (batch_size, ...) that cover `arrays` once.

    arrays     one or more of equal length N along axis 0; rows stay together.
    drop_last  leave out the last, smaller batch.
    rng        may be None with shuffle=False.

    Raises DataError at the call, not at the first batch, when nothing would come.
    """
    arrays = tuple(map(np.asarray, arrays))
    count = check_arrays(arrays, batch_size, drop_last)
    order = order_of(rng, count, shuffle)
    stop = count - count % batch_size if drop_last else count
    starts = range(0, stop, batch_size)
    return (take(arrays, order[i : i + batch_size]) for i in starts)


def order_of(rng, count, shuffle):
    """The order of `count` examples in one epoch: 0, 1, ... or a permutation."""
    if not shuffle:
        return np.arange(count)
    if not isinstance(rng, np.random.Generator):
        raise DataError(
            f"batches: shuffle=True needs a generator, got rng={rng!r}. "
            "Pass numpy.random.default_rng(seed), or shuffle=False."
        )
    return rng.permutation(count)


def take(arrays, index):
    """The rows `index` of each array."""
    return tuple(array[index] for array in arrays)


def check_arrays(arrays, batch_size, drop_last):
    """Return the common length N of `arrays` or say what is wrong with them."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)):
        raise DataError(f"batches: batch_size={batch_size!r} should be an integer.")
    if not arrays or any(array.ndim == 0 for array in arrays):
        raise DataError("batches: pass at least one array of one dimension or more.")
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise DataError(
            f"batches: the arrays have different lengths {lengths}; "
            "each needs one row an example."
        )
    if batch_size < 1:
        raise DataError(f"batches: batch_size={batch_size} should be 1 or more.")
    if lengths[0] == 0:
        raise DataError("batches: the arrays are empty, so there is no batch to give.")
    if drop_last and batch_size > lengths[0]:
        raise DataError(
            f"batches: batch_size={batch_size} is more than the {lengths[0]} examples "
            "and drop_last=True, so every batch would be dropped. Lower batch_size."
        )
    return lengths[0]


def cut_windows(rng, ids, batch, length):
    """Return (batch, length) windows of `ids` (N,) at random starts."""
    ids = np.asarray(ids)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise DataError(
            f"ids should be one row of integers (N,), got {ids.dtype} {ids.shape}."
        )
    if batch < 1 or length < 1 or len(ids) < length:
        raise DataError(
            f"{len(ids)} token ids cannot give {batch} windows of {length}: both "
            "numbers should be 1 or more and the text at least one window long."
        )
    starts = rng.integers(0, len(ids) - length + 1, size=batch)
    return ids[starts[:, None] + np.arange(length)].astype(np.int64)


def lm_batch(rng, ids, batch, length):
    """Return inputs and targets, (batch, length) int64: targets[:, t] = inputs[:, t+1].

    Windows of length + 1 at uniform random starts in `ids` (N,): the last target of a
    row is the token after its last input.
    """
    rows = cut_windows(rng, ids, batch, length + 1)
    return rows[:, :-1].copy(), rows[:, 1:].copy()


def few_shot(rng, x, y, per_class):
    """Return `per_class` examples of each label in `y` (N,), in mixed order."""
    x, y = np.asarray(x), np.asarray(y)
    check_arrays((x, y), 1, False)
    classes, counts = np.unique(y, return_counts=True)
    if per_class < 1 or counts.min() < per_class:
        raise DataError(
            f"few_shot: per_class={per_class} should be between 1 and {counts.min()}, "
            f"the examples that label {classes[counts.argmin()]} has."
        )
    parts = [rng.choice(np.flatnonzero(y == c), per_class, False) for c in classes]
    index = rng.permutation(np.concatenate(parts))
    return x[index], y[index]


def rng_state(rng):
    """Return the complete state of a `default_rng` generator as six uint64 numbers."""
    if not isinstance(rng, np.random.Generator):
        raise DataError(
            f"rng_state: expected a generator, numpy.random.default_rng(seed), got {rng!r}."
        )
    state = rng.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise DataError(
            f"rng_state: the generator is {state['bit_generator']}, expected PCG64. "
            "Make it with numpy.random.default_rng(seed)."
        )
    low = 2**64 - 1
    big = (state["state"]["state"], state["state"]["inc"])  # 128 bits each
    words = [part for n in big for part in (n >> 64, n & low)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def check_rng_state(words):
    """DataError unless these are six whole numbers, as `rng_state` returns them."""
    words = np.asarray(words)
    if words.shape != (6,) or words.dtype.kind not in "iu" or words[4] > 1:
        raise DataError(
            "set_rng_state: expected 6 numbers, whole ones, as rng_state() gives, got "
            f"{words.dtype} {words.shape}."
        )


def set_rng_state(rng, words):
    """Put a generator into a state that `rng_state` returned."""
    check_rng_state(words)
    a, b, c, d, has, uinteger = (int(word) for word in words)
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": a << 64 | b, "inc": c << 64 | d},
        "has_uint32": has,
        "uinteger": uinteger,
    }
