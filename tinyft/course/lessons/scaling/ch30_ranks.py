"""Chapter 30, on every rank: `mpiexec -n 2 python -m ... OUT METHOD STEPS`.

Rank 0 writes what training ended with, and one line of JSON: seconds of all steps but
the first, which of them went into Allreduce and into the update behind it, bytes of the
buffers, steps.
"""

import json
import sys
import time

import numpy as np

from tinyft import io, models, nn
from tinyft.course.lessons.scaling import ch30_scaling_out as lesson
from tinyft.training.across import world
from tinyft.training.checks import whole
from tinyft.training.metrics import on_device
from tinyft.training.parallel import DataParallel
from tinyft.training.recipes import lm_loss


def deep(on):
    """A small Transformer of 8 blocks, each computed again in backward if `on`."""
    config = models.TransformerConfig(vocab=64, dim=32, layers=8, heads=2, length=64)
    model = models.Transformer(config, rng=0)
    for block in model.blocks:
        nn.recompute(block, on)
    return model


class Alone:
    """What DataParallel uses of mpi4py, for one rank and without MPI."""

    def Get_rank(self):
        return 0

    def Get_size(self):
        return 1

    def allgather(self, value):
        return [value]

    def bcast(self, value):
        return value

    def Allreduce(self, mine, total):
        total[...] = mine


class Two(Alone):
    """Two ranks, the other of which we play: `theirs` is what it tells."""

    def __init__(self, theirs):
        self.theirs = theirs

    def allgather(self, mine):
        return [mine, self.theirs]


def mistakes(net):
    """Five calls that are refused: see their messages. net: an nn.Linear."""

    def without_targets():
        DataParallel(net, Alone()).average(0.0, 0)

    def nothing_trains():
        frozen = nn.Linear(3, 2, rng=0)
        frozen.weight.requires_grad = frozen.bias.requires_grad = False
        DataParallel(frozen, Alone())

    def unequal_arrays():
        DataParallel(net, Alone()).part((np.ones((4, 3)), np.ones(3)))

    def drifted():
        other = nn.Linear(3, 2, rng=0)
        other.bias.data[0] += 1e-7
        two = Two([("the batches drawn", 0), *world.digests(whole.slots(other))])
        ranks = DataParallel(net, Alone())
        ranks.comm = two
        ranks.check()

    def other_types():
        world.trained(Two([("weight", (2, 3), "float64")]), net)

    return [without_targets, nothing_trains, unequal_arrays, drifted, other_types]


def forward(net, batch):
    """A function that makes a forward pass with its tape."""
    x, y = on_device(net, batch)
    return lambda: lm_loss(net, x, y)


class Clocked:
    """A communicator that notes when each Allreduce began and ended."""

    def __init__(self, comm):
        self.comm, self.spans = comm, []

    def __getattr__(self, name):
        return getattr(self.comm, name)

    def Allreduce(self, mine, total):
        began = time.perf_counter()
        self.comm.Allreduce(mine, total)
        self.spans.append((began, time.perf_counter()))


def main(out, method, steps):
    """Train on this rank."""
    comm = Clocked(world.join())
    model = lesson.fresh(method)
    ranks = DataParallel(model, comm)
    ends = lesson.train(model, ranks, int(steps))
    if ranks.rank == 0:
        io.save(out, {"values": lesson.values(model)})
        spans = comm.spans[1:]  # the first step warms up
        found = {
            "seconds": ends[-1] - ends[0],
            "waiting": sum(end - began for began, end in spans),
            "update": sum(end - joined for end, (_, joined) in zip(ends[1:], spans)),
            "bytes": ranks.bytes,
            "steps": ranks.steps,
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
