"""BatchStream: batches for ever, in a position that can be saved and found again."""

import numpy as np

from tinyft.data.batches import (
    check_arrays,
    check_rng_state,
    order_of,
    rng_state,
    set_rng_state,
    take,
)
from tinyft.data.files import DataError

KEPT = ("epoch", "position", "count", "rng")


class BatchStream:
    """Batches for ever, epoch after epoch, resumable to the bit at any batch.

    `rng` belongs to the stream alone (`rng.spawn(1)[0]` makes one), and may be None with
    shuffle=False. The state holds the generator as it was when the epoch began; loading
    it draws the same order again.
    """

    def __init__(self, rng, *arrays, batch_size, drop_last=False, shuffle=True):
        self.arrays = tuple(map(np.asarray, arrays))
        self.count = check_arrays(self.arrays, batch_size, drop_last)
        self.rng, self.batch_size, self.shuffle = rng, batch_size, shuffle
        self.stop = self.count - self.count % batch_size if drop_last else self.count
        self.epoch = 0
        self._begin()

    def _begin(self):
        self._rng_at_start = np.zeros(6, np.uint64)  # nothing is drawn from it
        if self.shuffle and self.rng is not None:
            self._rng_at_start = rng_state(self.rng)
        self._order = order_of(self.rng, self.count, self.shuffle)
        self.position = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.position >= self.stop:
            self.epoch += 1
            self._begin()
        index = self._order[self.position : self.position + self.batch_size]
        self.position += len(index)
        return take(self.arrays, index)

    def state_dict(self):
        """Return {epoch, position, count, batch_size, stop, shuffle, rng}, as arrays."""
        return {
            "epoch": self.epoch,
            "position": self.position,
            "rng": self._rng_at_start.copy(),
            **self._made_with(),
        }

    def _made_with(self):
        return {
            "count": self.count,
            "batch_size": self.batch_size,
            "stop": self.stop,
            "shuffle": int(self.shuffle),
        }

    def check_state(self, state):
        """DataError unless `state` is of a stream over as much data, cut the same way."""
        missing = sorted(set(KEPT) - set(state))
        if missing:
            raise DataError(f"BatchStream: the state lacks {missing}.")
        if int(state["count"]) != self.count:
            raise DataError(
                f"BatchStream: the state is of a stream over {int(state['count'])} "
                f"examples, this one has {self.count}. Load the same data first."
            )
        for name, own in self._made_with().items():
            if int(state.get(name, own)) != own:
                raise DataError(
                    f"BatchStream: the state is of a stream with {name} = "
                    f"{int(state[name])}, this one has {own}, so other batches would "
                    "come. Give it the same batch_size, drop_last and shuffle."
                )
        position = int(state["position"])
        if not 0 <= position <= self.stop or int(state["epoch"]) < 0:
            raise DataError(
                f"BatchStream: position {position} of epoch {int(state['epoch'])} does "
                f"not lie in the {self.stop} examples of an epoch."
            )
        if self.shuffle:
            check_rng_state(state["rng"])

    def load_state_dict(self, state):
        """Continue where `state` was taken; raises DataError, and nothing is changed."""
        self.check_state(state)
        if self.shuffle:
            set_rng_state(self.rng, state["rng"])
        self._begin()
        self.epoch, self.position = int(state["epoch"]), int(state["position"])
