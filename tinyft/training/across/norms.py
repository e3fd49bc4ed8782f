"""BatchNorm over the rows of all ranks: its statistics are sums, and sums can be joined.

    n = sum_r n_r,   m = sum_r sum x / n,   v = sum_r sum (x - m)² / n

The sum over ranks is an operation on the tape whose backward is the same sum: rank r's
rows act on every rank's loss through m and v. Deviations are taken from the joint mean
before they are squared, so a large mean costs no digits.
"""

from tinyft import backend
from tinyft.autograd import Function, Tensor, no_grad
from tinyft.nn import BatchNorm2d
from tinyft.ops.neural.batchnorm import move


class SumOverRanks(Function):
    """y = sum over ranks of x; gx = sum over ranks of gy."""

    second_order = False

    @staticmethod
    def forward(ctx, x, comm=None):
        ctx.comm = comm
        return summed(x, comm)

    @staticmethod
    def backward(ctx, gy):
        return (summed(gy, ctx.comm),)


def summed(array, comm):
    """The sum of an array over all ranks, where the array is."""
    mine = backend.asnumpy(array)
    total = backend.HOST.empty_like(mine)
    comm.Allreduce(backend.HOST.ascontiguousarray(mine), total)
    return backend.to(total, backend.device_of(array))


def synchronise(model, comm):
    """[BatchNorm layers whose statistics come from the batch], now from all ranks'."""
    layers = [
        module
        for _, module in model.named_modules()
        if isinstance(module, BatchNorm2d) and module.statistics != "frozen"
    ]
    if comm.Get_size() == 1:
        return []
    for layer in layers:
        layer.batch_norm = _Joint(comm)
    return layers


class _Joint:
    """`ops.batch_norm` with the statistics of all ranks; see there for the arguments."""

    def __init__(self, comm):
        self.comm = comm

    def __call__(self, x, mean, var, weight, bias, training, momentum, eps):
        axes = (0, *range(2, x.ndim))
        shape = (1, x.shape[1], *[1] * (x.ndim - 2))

        def wide(row):
            return row.reshape(shape)

        if mean is not None and not training:
            m, v = Tensor(mean.data), Tensor(var.data)
        else:
            n = summed(backend.HOST.asarray(float(x.size // x.shape[1])), self.comm)
            m = SumOverRanks.apply(x.sum(axis=axes), comm=self.comm) / float(n)
            d = x - wide(m)
            v = SumOverRanks.apply((d * d).sum(axis=axes), comm=self.comm) / float(n)
            if mean is not None:
                with no_grad():
                    move(mean.data, var.data, m.data, v.data, float(n), momentum)
        y = (x - wide(m)) / wide((v + eps).sqrt())
        y = y if weight is None else y * wide(weight)
        return y if bias is None else y + wide(bias)
