"""Data parallel over MPI: each rank computes on its part of a batch, one sum joins them.

    g = sum_r n_r g_r / sum_r n_r                                                   (1)

g_r is the gradient of rank r's mean loss over its n_r targets, so (1) is the gradient of
the whole batch, whatever the parts. The buffer [sums of gradients, loss, count] goes
through one Allreduce and is divided once; only what trains is in it: an adapter sends
little. A ring sends 2 (p - 1) / p of it per rank (Patarasu and Yuan 2009).

    ranks = DataParallel(model)                  # mpiexec -n 4 python script.py
    fit(model, loss_fn, batches, optimizer, parallel=ranks, epochs=3)
"""

import time

from tinyft import backend
from tinyft.training import audit
from tinyft.training.across import buffer, norms, world
from tinyft.training.checks import whole
from tinyft.training.metrics import counted


class DataParallel:
    """One model on `size` ranks, each with the same values; this process is `rank`.

    comm   an mpi4py communicator; the default is all ranks of `mpiexec`
    every  steps between two comparisons of all ranks' values (0: never)

    Build model and optimizer alike on every rank, and draw the same batches. Rank 0's
    values and generator states go to all; rank r's generators then jump r times: dropout
    masks are independent. BatchNorm takes the statistics of all ranks' rows.
    `bytes` and `seconds` add up what went through Allreduce, and its time; arrays on a
    GPU are copied to the host for it: the MPI of the extra cannot read them.

    Raises ModuleNotFoundError without mpi4py, ValueError if the ranks train different
    parameters. An error on one rank ends all, as does sys.exit inside `fit`. Passes through
    BatchNorm in training mode are joint from now on: make them on all ranks.
    """

    def __init__(self, model, comm=None, every=100):
        self.comm = world.join(comm)
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self.model, self.every = model, every
        self.steps = self.bytes = self.seconds = self.seen = 0
        self.start()

    def start(self):
        """Send rank 0's values and generators to all; `fit` does it, after a resume too."""
        self.params = world.trained(self.comm, self.model)
        self.norms = norms.synchronise(self.model, self.comm)
        for slot in whole.slots(self.model).values():
            value = self.comm.bcast(backend.asnumpy(slot.data))
            slot.data[...] = backend.to(value, backend.device_of(slot.data))
        world.spread_generators(self.comm, whole.generators(self.model))

    def lead(self, run):
        """Begin a run of `fit`: only rank 0 saves and shows progress."""
        self.start()
        if self.rank:
            run.checkpoint, run.progress = None, False

    def __enter__(self):  # `with ranks:` around a loop of one's own, as `fit` does it
        return self

    def __exit__(self, kind, value, trace):
        if kind is SystemExit and self.size > 1:  # Python calls no hook for it
            world.end(self.comm, kind, value, trace)

    def part(self, batch):
        """This rank's rows of a batch of arrays (n, ...), each row on one rank only.

        None, if n < size. Raises ValueError for arrays of different lengths.
        """
        self.seen = world.batch_digest(batch, self.seen)
        rows = world.rows(batch, self.rank, self.size)
        return tuple(x[rows] if backend.is_array(x) and x.ndim else x for x in batch)

    def counts(self, parts):
        """Targets in each of this rank's parts; ValueError for 0 if BatchNorm waits."""
        found = [counted(part[-1]) for part in parts]
        if self.norms and not all(found):
            raise ValueError(
                f"DataParallel: rank {self.rank} has no target in a batch, and BatchNorm "
                "needs all ranks'; use larger ones, or transfer.batchnorm(model, 'freeze')"
            )
        return found

    def average(self, loss, count):
        """Join every gradient, in place; the mean loss of the whole batch, a float.

        loss    the sum over this rank's `count` targets, after its backward(), or 0 and 0
        Raises ValueError, on every rank, if no rank had a target.
        """
        mine = buffer.pack(self.params, float(loss), count)
        total = backend.HOST.empty_like(mine)
        began = time.perf_counter()
        self.comm.Allreduce(mine, total)
        self.seconds += time.perf_counter() - began
        self.bytes += mine.nbytes
        mean, _ = buffer.unpack(total, self.params)  # divides by the count of all ranks
        self.steps += 1
        if self.every and self.steps % self.every == 0:
            self.check()
        return mean

    def audit(self, loss_fn, batch):
        """(relative difference, factor): the joint gradient beside one process's.

        About 1e-6 and 1 in float32 if loss_fn is the mean over the targets that `fit`
        counts. Call it on all ranks, with parts of unequal targets; model.eval() is used.
        """
        return audit.compared(self, loss_fn, batch)

    def check(self):
        """Compare all ranks' values and batches; ValueError names the first to differ."""
        seen, values = self.seen, world.digests(whole.slots(self.model))
        what = "DataParallel: the ranks have drifted apart"
        world.same(self.comm, [("the batches drawn", seen), *values], what)
