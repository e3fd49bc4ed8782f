"""What test_ranks.py has every rank do: `mpiexec -n p python ranks.py CASE...`.

A case is a function of this file that returns plain data; rank 0 prints the results of
the cases as one line of JSON. What a case compares with is computed by one process
without DataParallel.
"""

import json
import sys
from pathlib import Path

import numpy as np

from tinyft import backend, models, nn, ops, optim, peft
from tinyft.training import Checkpoint, fit, load_checkpoint
from tinyft.training.parallel import DataParallel

ROWS = 37  # a prime: no number of ranks divides it


class Net(nn.Module):
    def __init__(self, norm=False, drop=0.0, dtype=backend.float64):
        rng = np.random.default_rng(1)
        self.a = nn.Linear(12, 8, rng=rng, dtype=dtype)
        self.norm = nn.BatchNorm1d(8, dtype=dtype) if norm else None
        self.drop = nn.Dropout(drop, rng=3) if drop else None
        self.b = nn.Linear(8, 3, rng=rng, dtype=dtype)

    def forward(self, x):
        h = self.a(x)
        h = h if self.norm is None else self.norm(h)
        h = ops.relu(h)
        return self.b(h if self.drop is None else self.drop(h))


def loss(model, x, y):
    return ops.cross_entropy(model(x), y)


def data(rows=ROWS, seed=5, ignored=()):
    """Two unequal batches; the targets `ignored` are -100."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(rows, 12)), rng.integers(0, 3, rows)
    y[list(ignored)] = -100
    cut = rows // 3
    return [(X[:cut], y[:cut]), (X[cut:], y[cut:])]


def train(model, parallel=None, batches=None, steps=5, step=None, **options):
    step = step or optim.SGD(model.parameters(), 0.1)
    options = {"every": 1, "progress": False} | options
    return fit(
        model, loss, batches or data(), step, steps=steps, parallel=parallel, **options
    )


def apart(one, many):
    """The largest difference of two models' parameters and buffers."""
    a, b = one.state_dict(), many.state_dict()
    return max(float(np.abs(np.asarray(a[k]) - np.asarray(b[k])).max()) for k in a)


def against_one(make, **options):
    """{"values", "losses"}: largest differences to one process on whole batches."""
    one, many = make(), make()
    want = train(one, **options)["loss"]
    got = train(many, DataParallel(many, every=2), **options)["loss"]
    return {
        "values": apart(one, many),
        "losses": float(np.abs(np.subtract(want, got)).max()),
    }


def full_batch():
    return against_one(Net)


def accumulated():
    return against_one(Net, accumulate=2)


def clipped():
    return against_one(Net, clip=0.05)


def batchnorm():
    return against_one(lambda: Net(norm=True))


def exact_running_mean():
    def make():
        net = Net(norm=True)
        net.norm.momentum = None
        return net

    return against_one(make)


def frozen_norms():
    """Statistics that do not move need no other rank: a rank without a row may wait."""

    def make():
        net = Net(norm=True)
        net.norm.statistics = "frozen"
        return net

    return against_one(make, batches=[(np.ones((1, 12)), np.array([2]))])


def ignored_targets():
    """Nearly all of the first batch, so that a rank has no target at all."""
    return against_one(Net, batches=data(ignored=range(11)), accumulate=2)


def audited():
    """DataParallel.audit of a right loss, and of one that is a mean over rows."""
    model, (_, (X, y)) = Net(), data(ignored=range(13, 22))
    ranks = DataParallel(model)

    def by_row(model, x, y):  # its sum does not count what `fit` counts
        return loss(model, x, y) * (int((y.data != -100).sum()) / len(y))

    found = {"right": ranks.audit(loss, (X, y)), "by row": ranks.audit(by_row, (X, y))}
    assert all(p.grad is None for p in model.parameters()) and model.training
    return found | {"steps": ranks.steps, "bytes": ranks.bytes}


def fewer_rows_than_ranks():
    return against_one(Net, batches=[(np.ones((1, 12)), np.array([2]))])


def lora():
    """A GPT with an adapter: differences, and what was sent."""

    def make():
        config = models.TransformerConfig(vocab=11, dim=8, layers=2, heads=2, length=6)
        gpt = models.Transformer(config, rng=0)
        peft.attach(gpt, peft.LoRA(2, 4), r"attn\.(q|v)", rng=0)
        return gpt

    one, many = make(), make()
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 11, (5, 7))
    batches = [(ids[:, :-1], ids[:, 1:])]
    for model, ranks in ((one, None), (many, DataParallel(many))):
        step = optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2)
        fit(
            model,
            lambda m, x, y: ops.cross_entropy(m(x).reshape(-1, 11), y.reshape(-1)),
            batches,
            step,
            steps=4,
            parallel=ranks,
            progress=False,
        )
    mine = dict(one.named_parameters())
    gap = max(
        float(np.abs(p.numpy() - mine[n].numpy()).max())
        for n, p in many.named_parameters()
    )
    trained = [p for p in many.parameters() if p.requires_grad]
    sent = 4 * (sum(p.size for p in trained) + len(trained) + 2)
    return {"values": gap, "bytes": ranks.bytes, "expected bytes": 4 * sent}


def dropout():
    """The masks of all ranks on equal rows, and rank 0's against one process alone."""
    many = Net(drop=0.5)
    ranks, x = DataParallel(many), np.ones((4, 12))
    alone = Net(drop=0.5)
    masks = ranks.comm.allgather(many(x).numpy().tolist())
    return {"masks": masks, "alone": alone(x).numpy().tolist()}


def starts_alike():
    """Rank 1 begins elsewhere: it gets rank 0's values, optimiser state is still new."""
    net = Net()
    ranks = DataParallel(net)
    if ranks.rank:
        net.a.weight.data[...] += 1.0
    ranks.start()
    return {"values": apart(Net(), net), "all": ranks.comm.allgather(apart(Net(), net))}


def resumed(folder):
    """Three steps on these ranks, saved by rank 0, then three more from the file."""
    path = Path(folder) / "run.safetensors"

    def build():
        net = Net(drop=0.25)
        return net, optim.AdamW(net.parameters(), 1e-2)

    net, step = build()
    train(
        net,
        DataParallel(net),
        steps=3,
        step=step,
        checkpoint=Checkpoint(path, net, step),
    )
    return {"saved": path.exists()}


def goes_on(folder):
    """Three more steps; on one rank, without dropout, they are those of a whole run."""
    path = Path(folder) / "run.safetensors"
    net = Net(drop=0.25)
    step = optim.AdamW(net.parameters(), 1e-2)
    found = load_checkpoint(path, net, step)
    ranks = DataParallel(net)
    train(net, ranks, steps=6, step=step, start=found["step"])
    return {"step": found["step"], "taken": ranks.steps}


def saved(folder):
    net = Net()
    step = optim.AdamW(net.parameters(), 1e-2)
    path = Path(folder) / "plain.safetensors"
    train(
        net,
        DataParallel(net),
        steps=3,
        step=step,
        checkpoint=Checkpoint(path, net, step),
    )
    return {}


def went_on(folder):
    one, many = Net(), Net()
    step = optim.AdamW(many.parameters(), 1e-2)
    start = load_checkpoint(Path(folder) / "plain.safetensors", many, step)["step"]
    train(many, DataParallel(many), steps=6, step=step, start=start)
    train(one, steps=6, step=optim.AdamW(one.parameters(), 1e-2))
    return {"values": apart(one, many)}


def unused():
    """A parameter used on rank 0 alone, and one used nowhere."""
    net = Net()
    net.extra, net.never = (
        nn.Linear(12, 3, rng=0, dtype=backend.float64),
        nn.Linear(2, 2, rng=0),
    )
    ranks = DataParallel(net)
    x, y = ranks.part(data()[0])
    logits = net(x) if ranks.rank else net(x) + net.extra(x)
    value = ops.cross_entropy(logits, y)
    (value * len(y)).backward()
    ranks.average(value * len(y), len(y))
    norms = ranks.comm.allgather(float(np.abs(net.extra.weight.grad.numpy()).sum()))
    return {"never": net.never.weight.grad is None, "extra": norms}


def refused():
    """The sentences of what every rank refuses, on this rank."""
    found = {}

    def said(name, call):
        try:
            call()
        except ValueError as error:
            found[name] = str(error)

    net = Net()
    ranks = DataParallel(net, every=1)
    if ranks.rank == 1:
        net.b.bias.data[...] += 1e-3
    said("drifted", ranks.check)
    ranks.start()
    ranks.part(data(seed=ranks.rank)[0])
    said("own shuffle", ranks.check)
    ranks.seen = 0
    said("no target", lambda: ranks.average(0.0, 0))
    net.a.weight.requires_grad = ranks.rank == 0
    said("other parameters", ranks.start)
    return found


def dies():
    ranks = DataParallel(Net())
    if ranks.rank == 1:
        raise RuntimeError("the disk of this machine is full")
    ranks.comm.Barrier()  # would wait forever


def leaves():
    """sys.exit in the middle of a run: Python calls no hook for it."""
    net = Net()
    ranks = DataParallel(net)

    def on_step(step, loss):
        if step == 2 and ranks.rank == 1:
            sys.exit("enough")

    train(net, ranks, on_step=on_step)


def too_few_for_norms():
    net = Net(norm=True)
    train(net, DataParallel(net), batches=[(np.ones((1, 12)), np.array([2]))])


def main(folder, *names):
    results = {}
    for name in names:
        case = globals()[name]
        takes = case.__code__.co_argcount
        results[name] = case(folder) if takes else case()
    from mpi4py import MPI

    if MPI.COMM_WORLD.Get_rank() == 0:
        print("results", json.dumps(results), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
