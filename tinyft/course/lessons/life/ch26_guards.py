"""What each method of chapter 26 does before, in and after a task.

begin(model, i, kind, rng) -> (extra, after) for `learn`: a term of the loss, a call after
each step.  end(model, x, y, rng): the task is learned.
"""

import numpy as np

from tinyft import ops, tensor, transfer
from tinyft.training.metrics import on_device
from tinyft.transfer import continual

FISHER_IMAGES, FISHER_BATCH, SPAN_IMAGES, KEPT_BATCH = 60, 10, 300, 32


class Nothing:
    """Plain fine-tuning, one task after the other."""

    def __init__(self, strength):
        self.strength = strength

    def begin(self, model, i, kind, rng):
        """The first task is learned freely by every method."""
        return self.hold(model, i, kind, rng) if i else (None, None)

    def hold(self, model, i, kind, rng):
        return None, None

    def end(self, model, x, y, rng):
        return None


class L2SP(Nothing):
    """λ|θ − θ*|², θ* the solution of the last task."""

    def hold(self, model, i, kind, rng):
        spring = transfer.L2SP(model, self.strength)
        return lambda logits, x: spring.penalty(), None


class EWC(Nothing):
    """The Fisher of 60 training images; "batch" squares the means of six batches."""

    def __init__(self, strength, kind):
        self.ewc = continual.EWC(strength, kind)

    def hold(self, model, i, kind, rng):
        return lambda logits, x: self.ewc.penalty(), None

    def end(self, model, x, y, rng):
        rows = rng.permutation(len(y))[:FISHER_IMAGES]
        size = FISHER_BATCH if self.ewc.kind == "batch" else FISHER_IMAGES
        cut = [rows[k : k + size] for k in range(0, FISHER_IMAGES, size)]
        self.ewc.finish(model, [(x[k], y[k]) for k in cut], rng)


class LwF(Nothing):
    """T = 2; in the sequence of digits the old digits' outputs alone."""

    def hold(self, model, i, kind, rng):
        outputs = list(range(2 * i)) if kind == "digits" else None
        lwf = continual.LwF(model, self.strength, 2.0, outputs)
        return lwf.penalty, None


class Rehearsal(Nothing):
    """`strength` images of each task; 32 of them join every batch."""

    def __init__(self, strength):
        self.kept = continual.Rehearsal(int(strength))

    def hold(self, model, i, kind, rng):
        def extra(logits, x):
            old, labels = on_device(model, self.kept.draw(rng, KEPT_BATCH))
            return i * ops.cross_entropy(model(old), labels)

        return extra, None

    def end(self, model, x, y, rng):
        self.kept.keep(x, y, rng)


class Bare(Nothing):
    """Plain fine-tuning with frozen biases."""

    def begin(self, model, i, kind, rng):
        transfer.freeze(model, "bias")
        return super().begin(model, i, kind, rng)


class OSF(Bare):
    """`strength`: the share of singular directions that stay; biases are frozen."""

    def hold(self, model, i, kind, rng):
        spaces = continual.top_subspaces(model, self.strength)
        return None, continual.Complement(model, spaces).hold


class GPM(Bare):
    """`strength`: the share of energy of 300 images per task; biases are frozen."""

    spaces = held = None

    def hold(self, model, i, kind, rng):
        self.held = self.spaces
        return None, continual.Complement(model, self.held).hold

    def end(self, model, x, y, rng):
        x = x[:SPAN_IMAGES]
        self.spaces = continual.input_subspaces(model, x, self.strength, self.spaces)


class RandomGPM(GPM):
    """As many directions as GPM would hold, but random ones."""

    def hold(self, model, i, kind, rng):
        spaces = {}
        for name, (_, V) in self.spaces.items():
            Q = self.bases[name][:, : V.shape[1]].astype(np.float32)
            spaces[name] = None, tensor(Q).data
        return None, continual.Complement(model, spaces).hold

    def end(self, model, x, y, rng):
        if self.spaces is None:
            own = rng.spawn(1)[0]  # the batches stay those of the other methods
            named = dict(model.named_parameters())
            sizes = {n: p.shape[1] for n, p in named.items() if "weight" in n}
            self.bases = {
                n: np.linalg.qr(own.normal(size=(k, k)))[0] for n, k in sizes.items()
            }
        super().end(model, x, y, rng)


def make(method, strength):
    """The guard of a method's name, "EWC, true" among them."""
    if method.startswith("EWC, "):
        return EWC(strength, method.removeprefix("EWC, "))
    plain = {"nothing": Nothing, "L2-SP": L2SP, "LwF": LwF, "rehearsal": Rehearsal}
    plain |= {"biases frozen": Bare, "OSF": OSF, "GPM": GPM, "GPM, random": RandomGPM}
    return plain[method](strength)
