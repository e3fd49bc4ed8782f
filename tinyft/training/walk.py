"""The order in which a run sees its batches: epochs, groups, and where it goes on."""

import itertools
import math
import warnings

from tinyft.training.arguments import check_batch
from tinyft.training.metrics import counted

EPOCH_END = None  # stands between the groups of two epochs


def groups(batches, epochs, steps, start, accumulate, checkpoint=None):
    """Yield (list of `accumulate` batches, (epoch, batch)), and EPOCH_END after an epoch.

    Epochs and batches are counted from 1. Never draws a batch ahead: a stream saved
    between two steps stands where it should.
    """
    left = math.inf if steps is None else steps - start
    epoch, behind = 0, start
    while left > 0 and (epochs is None or epoch < epochs):
        walked = batches() if callable(batches) else batches
        iterator, index = iter(walked), 0
        if behind:
            skipped, index = position(walked, behind, accumulate, checkpoint)
            epoch, behind = epoch + skipped, 0
            if epochs is not None and epoch >= epochs:
                return
            next(itertools.islice(iterator, index, index), None)
        first = index
        while left > 0 and (group := list(itertools.islice(iterator, accumulate))):
            for batch in group:
                check_batch("fit()", batch)
            left -= 1
            yield group, (epoch + 1, index + 1)
            index += len(group)
        if left > 0:
            if index == first:
                raise ValueError(_none(walked, iterator, epoch))
            yield EPOCH_END, None
        epoch += 1


def position(walked, start, accumulate, checkpoint):
    """(whole epochs, batches of the next one) that `start` steps have used.

    Known for batches that have a length; a stream knows it itself.
    """
    if hasattr(walked, "__len__") and len(walked):
        per_epoch = math.ceil(len(walked) / accumulate)
        return start // per_epoch, start % per_epoch * accumulate
    parts = getattr(checkpoint, "parts", None)
    saved = parts and (parts.get("stream") is not None or parts.get("rng") is not None)
    if parts and not (saved or hasattr(walked, "load_state_dict")):
        warnings.warn(
            f"fit(start={start}): the checkpoint does not hold the position in the data, "
            "so this run sees other batches than one that was never stopped. Use a "
            "data.BatchStream, and give it to the Checkpoint as stream=",
            stacklevel=4,
        )
    return 0, 0


def _none(walked, iterator, epoch):
    if walked is iterator:
        return (
            "fit(): the batches have run out; an iterator can be walked only once, so "
            "pass a list, or a function that returns a new iterator"
        )
    return (
        f"fit(): epoch {epoch + 1} has no batch: the data set is empty, or "
        "drop_last leaves out its only batch"
    )


def length(batches, steps, epochs, accumulate):
    """How many steps there will be, None if that is not known."""
    if steps is None and hasattr(batches, "__len__"):
        return epochs * math.ceil(len(batches) / accumulate)
    return steps


def shares_of(group, step):
    """[n_i / Σ n] of a group's batches, n_i the targets of batch i that count."""
    if len(group) == 1:
        return [1]
    counts = [counted(batch[-1]) for batch in group]
    if not sum(counts):
        raise ValueError(
            f"fit(): no target of step {step} counts: all of them are -100"
        )
    return [n / sum(counts) for n in counts]
