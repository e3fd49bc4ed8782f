"""Chapter 04: one step of full fine-tuning and a whole probe, to be timed, as a table;
what a random and a fitted head do to the features; the recipe in PyTorch.
"""

import numpy as np

from tinyft import backend, optim, tensor, transfer
from tinyft.course.experiment import said
from tinyft.course.lessons.transfer import ch04_linear_probe as lesson
from tinyft.training.pretrained import load_pretrained


def full_step(x, y):
    """A function that takes one AdamW step of the whole network."""
    model = load_pretrained(lesson.SOURCE)[0]
    adam = optim.AdamW(model.parameters(), lr=1e-3)

    def step():
        lesson.cross_entropy(model, tensor(x), tensor(y)).backward()
        adam.step()
        adam.zero_grad()

    return step


def probe_step(model, x, y, penalties=lesson.RELATIVE[3:4], valid=None):
    """A function: features of layer1 once, then a probe for each penalty.

    valid (images, labels): their features too, and each probe is judged on them.
    """

    def read(images):
        return lesson.flat(transfer.features(model, images, "layer1"))

    def step():
        Z = read(x)
        scale, V = transfer.spread(Z), None if valid is None else read(valid[0])
        for relative in penalties:
            probe = transfer.linear_probe(Z, y, relative * scale)
            if valid is not None:
                probe.accuracy(V, valid[1])

    return step


def size(model):
    """Bytes of the arrays of a model."""
    return sum(p.numpy().nbytes for p in model.state_dict().values())


def rows(trained, ms, memory, disk, steps=60):
    """Rows of the table of costs: what, whole network, probe, ratio.

    trained, disk (bytes): {"full", "probe"}; memory: (MiB kept between steps, at the
    peak); ms: {"full" (one step), "probe" (features and one fit), "sweep" (features of
    valid too, and seven fits, each judged on it)}.
    """
    kept, peak = ({k: pair[i] for k, pair in memory.items()} for i in (0, 1))
    full, sweep = steps * ms["full"], len(lesson.RATES[lesson.NEW]) * steps * ms["full"]
    kilo = {name: size / 1000 for name, size in disk.items()}
    return [
        _row("trained numbers", trained["full"], trained["probe"], "{:,}"),
        _row(
            "one step / one fit, with its features",
            ms["full"],
            ms["probe"],
            "{:.1f} ms",
        ),
        _row(f"until trained: {steps} steps / one fit", full, ms["probe"], "{:.1f} ms"),
        _row("with the sweep: 5 rates / 7 penalties", sweep, ms["sweep"], "{:.1f} ms"),
        _row("memory at the peak", peak["full"], peak["probe"], "{:.1f} MiB"),
        ["of it kept between steps", *(f"{kept[k]:.1f} MiB" for k in disk), "–"],
        _row(
            "file (float32; probe: float64)", kilo["full"], kilo["probe"], "{:.0f} kB"
        ),
    ]


def _row(what, full, probe, form):
    return [what, form.format(full), form.format(probe), f"{full / probe:.1f}"]


def averaged(model, view):
    """What `layer1` averaged to 4 × 4 saves for a large network, and what it does here.

    view: the flat features of `layer1`. Memory: images × channels × positions × 4 bytes.
    """
    GiB = 10_000 * 256 * 4 / 2**30
    small, gains = lesson.views(model, "layer1", lesson.grid), []
    for part in ("valid", "test"):
        both = (lesson.over_draws(v, 5, part=part) for v in (small, view))
        gains.append(f"on {part} {lesson.paired(*both)}")
    return (
        f"10,000 images, 256 channels of 56 × 56: {GiB * 56**2:.0f} GiB; averaged to "
        f"4 × 4: {GiB * 16:.2f} GiB. Here 4 × 4 minus flat, in points: {'; '.join(gains)}."
    )


# --- a head's first push --------------------------------------------------------------


def pushes(per_class, lr, seeds, task):
    """Rows of a table, for a random and a fitted head: the mean length of an image's
    error p − y, and of (p − y) V, the gradient of its features, before any step; how far
    the features of the test images then move, in roots of their spread; the accuracy.
    Each is a mean over seeds ± half its interval."""
    rows = {"random": "random", "fitted": "probe"}.items()
    found = {k: [_pushed(s, per_class, lr, n, task) for n in seeds] for k, s in rows}
    return [[k, *(said(v, 3) for v in np.transpose(f))] for k, f in found.items()]


def _pushed(start, per_class, lr, seed, task):
    x, y = lesson.labelled(per_class, seed, task)
    test = lesson.parts(task)["test"][0]
    model = lesson.tuned(start, x, y, lr, seed, steps=0, task=task)
    before, E, V = _read(model, test), _error(model, x, y), model.fc.weight.numpy()
    sizes = (np.linalg.norm(a, axis=1).mean() for a in (E, E @ V))
    model = lesson.tuned(start, x, y, lr, seed, task=task)
    moved = np.mean(np.sum((_read(model, test) - before) ** 2, axis=1))
    return [
        *sizes,
        (moved / transfer.spread(before)) ** 0.5,
        lesson.score(model, task=task),
    ]


def _read(model, x):
    return lesson.pooled(transfer.features(model, x, "layer3"))


def _error(model, x, y):
    """p − y (n, K) of the model's head."""
    S = backend.asnumpy(transfer.features(model, x, "fc")).astype(float)
    P = np.exp(S - S.max(axis=1, keepdims=True))
    return P / P.sum(axis=1, keepdims=True) - np.eye(S.shape[1])[y]


# --- in PyTorch -----------------------------------------------------------------------

PYTORCH = """
The same in PyTorch, for your `model`, labelled images `x` with `y` = 0, 1, …, and new
images `x_new`:

```python
layer, relative = model.layer1, 0.01           # λ in spreads; both as chosen on valid

def features(x, batch=256):
    kept, _ = [], model.eval()
    hook = layer.register_forward_hook(lambda m, i, out: kept.append(out.flatten(1)))
    with torch.no_grad():
        for part in x.split(batch):
            model(part)
    hook.remove()
    return torch.cat(kept).double()            # (n, d)

Z, Y = features(x), torch.nn.functional.one_hot(y).double()
Zc, Yc = Z - Z.mean(0), Y - Y.mean(0)
c = 2 * relative * (Zc**2).sum()               # 2nλ: this sum is n spreads
A = Zc @ Zc.T + c * torch.eye(len(Z)).double()
W = torch.linalg.solve(A, Yc).T @ Zc            # (K, d)
b = Y.mean(0) - W @ Z.mean(0)
classes = (features(x_new) @ W.T + b).argmax(1)
```

To average to 4 × 4, keep `adaptive_avg_pool2d(out, 4).flatten(1)` (it is in
`torch.nn.functional`). In a Transformer cut after each block and average the outputs `h`
(n, tokens, d) over the tokens that are not padding, where `mask` is 1:
`(h * mask[..., None]).sum(1) / mask.sum(1)[:, None]`. Its raw input are the token
embeddings, averaged in the same way.
"""
