"""Chapter 30, on every rank: `mpiexec -n 2 python -m ... OUT METHOD STEPS`.

Rank 0 writes what training ended with, and one line of JSON: seconds of all steps but
the first, those spent in Allreduce, bytes of the buffers, steps.
"""

import json
import sys
import time

import numpy as np

from tinyft import io, models, nn, optim
from tinyft.course.experiment import race, trained_parameters
from tinyft.course.lessons.scaling import ch30_scaling_out as lesson
from tinyft.optim.clip import clip_grad_norm
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


def times(study, method, ranks):
    """(seconds of a step, of which in the all-reduce): medians of the stored runs."""
    found = study.where(method=method, ranks=ranks)
    seconds = np.median(found.values("seconds")) / (lesson.STEPS - 1)
    return seconds, np.median(found.values("waiting")) / lesson.STEPS


def parts(method):
    """{8: , 15: forward and backward on so many rows, "update": } CPU seconds, here."""
    model, (x, y) = lesson.fresh(method), lesson.batches(1)[0]
    params = trained_parameters(model)
    step, kept = optim.AdamW(params, 0.0), [0 * p.detach() for p in params]

    def update():
        for p, g in zip(params, kept):
            p.grad = g
        clip_grad_norm(params, lesson.CLIP)
        step.step()
        step.zero_grad()

    passes = {
        n: lambda n=n: lesson.slopes(model, (x[:n], y[:n])) for n in (8, lesson.ROWS)
    }
    return race(passes | {"update": update}, clock=time.process_time)


def hashing():
    """A function that takes the hashes of the shipped GPT, as DataParallel does."""
    model = lesson.fresh("full")
    return lambda: world.digests(whole.slots(model))


def main(out, method, steps):
    """Train on this rank."""
    model = lesson.fresh(method)
    ranks = DataParallel(model)
    ends = lesson.train(model, ranks, int(steps))
    if ranks.rank == 0:
        io.save(out, {"values": lesson.values(model)})
        found = {
            "seconds": ends[-1] - ends[0],
            "waiting": ranks.seconds,
            "bytes": ranks.bytes,
            "steps": ranks.steps,
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
