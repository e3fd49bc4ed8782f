"""Chapter 04: one step of full fine-tuning and a whole probe, to be timed, as a table;
what a random and a fitted head do to the features; the recipe in PyTorch.
"""

import numpy as np

from tinyft import backend, optim, tensor, transfer
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


def probe_step(model, x, y, penalties=lesson.RELATIVE[3:4]):
    """A function: features of layer1 once, then a probe for each penalty."""

    def step():
        Z = lesson.flat(transfer.features(model, x, "layer1"))
        scale = transfer.spread(Z)
        for relative in penalties:
            transfer.linear_probe(Z, y, relative * scale)

    return step


def size(model):
    """Bytes of the arrays of a model."""
    return sum(p.numpy().nbytes for p in model.state_dict().values())


def rows(trained, ms, peak, disk, steps=60):
    """Rows of the table of costs: what, whole network, probe, ratio.

    trained, peak (MiB), disk (bytes): {"full", "probe"}; ms: {"full" (one step), "probe"
    (features and one fit), "sweep" (features and seven fits)}.
    """
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
        _row(f"until trained: {steps} steps / one fit", full, ms["probe"], "{:.0f} ms"),
        _row("with the sweep: 5 rates / 7 penalties", sweep, ms["sweep"], "{:.0f} ms"),
        _row("memory", peak["full"], peak["probe"], "{:.1f} MiB"),
        _row("file", kilo["full"], kilo["probe"], "{:.0f} kB"),
    ]


def _row(what, full, probe, form):
    return [what, form.format(full), form.format(probe), f"{full / probe:.1f}"]


# --- a head's first push --------------------------------------------------------------


def pushes(per_class, lr, seed, task):
    """Rows of a table, for a random and a fitted head: the mean length of an image's
    error p − y, and of (p − y) V, the gradient of its features, before any step; how far
    the features of the test images then move, in roots of their spread; the accuracy."""
    rows = {"random": "random", "fitted": "probe"}.items()
    found = {k: _pushed(start, per_class, lr, seed, task) for k, start in rows}
    return [[k, *(f"{value:.3f}" for value in row)] for k, row in found.items()]


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
The same in PyTorch, for your `model`, images `x` and labels `y` = 0, 1, …:

```python
kept, relative = [], 0.01                      # λ in spreads, as chosen on valid
model.eval()
model.layer1.register_forward_hook(lambda m, i, out: kept.append(out.flatten(1)))
with torch.no_grad():
    model(x)
Z, Y = kept[0].double(), torch.nn.functional.one_hot(y).double()
Zc, Yc = Z - Z.mean(0), Y - Y.mean(0)
c = 2 * relative * (Zc**2).sum()               # 2nλ: this sum is n spreads
W = Zc.T @ torch.linalg.solve(Zc @ Zc.T + c * torch.eye(len(Z)), Yc)  # (d, K)
b = Y.mean(0) - Z.mean(0) @ W                  # scores: Z @ W + b
```
"""
