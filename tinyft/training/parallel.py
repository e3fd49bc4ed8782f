"""Data parallel over MPI: each rank computes on its part of a batch, one sum joins them.

    g = sum_r n_r g_r / sum_r n_r                                                   (1)

g_r is the gradient of rank r's mean loss over its n_r targets, so (1) is the gradient of
the whole batch, whatever the parts. The buffer [sums of gradients, loss, count] goes
through one Allreduce and is divided once; only what trains is in it, so an adapter sends
little. A ring sends 2 (p - 1) / p of it per rank (Patarasu and Yuan 2009).

    ranks = DataParallel(model)                  # mpiexec -n 4 python script.py
    fit(model, loss_fn, batches, optimizer, parallel=ranks, epochs=3)
"""

import time

from tinyft import backend
from tinyft.training.across import buffer, norms, world
from tinyft.training.checks import whole
from tinyft.training.metrics import counted, on_device


class DataParallel:
    """One model on `size` ranks, each with the same values; this process is `rank`.

    comm   an mpi4py communicator; the default is all ranks of `mpiexec`
    every  steps between two comparisons of all ranks' values (0: never)

    Build model and optimizer alike on every rank, and draw the same batches. Rank 0's
    values and generator states go to all; rank r's generators then jump r times, so that
    dropout masks are independent. BatchNorm takes the statistics of all ranks' rows.
    `bytes` and `seconds` add up what went through Allreduce and how long that took.
    Arrays on a GPU are copied to the host for it: the MPI of the extra cannot read them.

    Raises ModuleNotFoundError without mpi4py, ValueError if the ranks train different
    parameters. An error on one rank ends all, as does sys.exit inside `fit`. Passes in
    training mode through BatchNorm are joint from now on: make them on all ranks.
    """

    def __init__(self, model, comm=None, every=100):
        self.comm = world.join(comm)
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self.model, self.every = model, every
        self.steps = self.bytes = self.seen = 0
        self.seconds = 0.0
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

        May have no row, if n < size. Raises ValueError for arrays of different lengths.
        """
        self.seen = world.batch_digest(batch, self.seen)
        rows = world.rows(batch, self.rank, self.size)
        return tuple(x[rows] if backend.is_array(x) and x.ndim else x for x in batch)

    def counts(self, parts):
        """Targets in each of this rank's parts of a step's batches.

        Raises ValueError for 0 where BatchNorm would wait for this rank's rows.
        """
        found = [counted(part[-1]) for part in parts]
        if self.norms and not all(found):
            raise ValueError(
                f"DataParallel: rank {self.rank} has no target in a batch, and BatchNorm "
                "needs all ranks'; use larger ones, or transfer.batchnorm(model, 'freeze')"
            )
        return found

    def average(self, loss, count):
        """Join every gradient, in place; the mean loss of the whole batch, a float.

        loss    the sum of losses over this rank's `count` targets, after its backward();
                0 and 0 on a rank that had none
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

        Every rank computes the gradient of all rows of `batch`, and joins that of its
        part as `fit` does; about 1e-6 and 1 in float32 if loss_fn is the mean over the
        targets that `fit` counts (rows, or whole-number targets other than -100).
        Call it on all ranks, with parts that differ in their targets; in evaluation
        mode, so it does not see dropout and BatchNorm. Leaves no gradients.
        """
        part = world.rows(batch, self.rank, self.size)
        mine = tuple(x[part] if backend.is_array(x) and x.ndim else x for x in batch)
        with self.model.evaluating():
            exact = _sums(self.model, self.params, loss_fn, batch)
            joint = _sums(self.model, self.params, loss_fn, mine)
        total = backend.HOST.empty_like(joint)
        self.comm.Allreduce(joint, total)
        return buffer.compare(total, exact, sum(p.size for p in self.params))

    def check(self):
        """Compare all ranks' values and batches; ValueError names the first to differ."""
        mine = [
            ("the batches drawn", self.seen),
            *world.digests(whole.slots(self.model)),
        ]
        world.same(self.comm, mine, "DataParallel: the ranks have drifted apart")


def _sums(model, params, loss_fn, batch):
    """The buffer of a batch on this rank alone; leaves no gradients."""
    for p in params:
        p.grad = None
    count, loss = counted(batch[-1]), 0.0
    if count:
        total = loss_fn(model, *on_device(model, batch)) * count
        total.backward()
        loss = total.item()
    found = buffer.pack(params, loss, count)
    for p in params:
        p.grad = None
    return found
