"""One base fine-tuned by many methods on the same batches: the tables of 14.

    study = Study(fresh, loss, batches, scores, valid, steps)
    study.choose(rates, method, target)    {rate: mean validation loss}
    study.add(name, lr, method, target)    trains with every seed, keeps the runs
    study.mean(name, score, minus=other)   (mean, s.e.) over seeds, paired if `minus`

All randomness comes from the seed, so a seed gives every method the same batches, and
differences between methods are paired. Rates are chosen on other seeds and other data.
"""

from dataclasses import dataclass

import numpy as np

from tinyft import optim, peft
from tinyft.nn import Module
from tinyft.training import mean_and_error
from tinyft.training.metrics import on_device

SEEDS, CHOOSING = (0, 1, 2), (100, 101)  # of the tables, of the choices
RATES = (2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5)


@dataclass
class Run:
    """One fine-tuned model, its scores, and what it costs to train and to store."""

    model: Module
    scores: dict
    trained: int
    bytes: int


class Study:
    """A base, a task and a budget of Adam steps; `runs` is {name: [Run of each seed]}.

    fresh() -> the base, in the mode it is to be trained in.  loss(model, *batch) -> a
    scalar.  batches(rng) -> batches without end.  scores(model) -> {name: float}.
    valid(model) -> what `choose` makes small, on data that `scores` does not use.
    """

    def __init__(self, fresh, loss, batches, scores, valid, steps=20):
        self.fresh, self.loss, self.batches = fresh, loss, batches
        self.scores, self.valid, self.steps = scores, valid, steps
        self.runs = {}

    def tune(self, seed, lr, method=None, target=None, ratio=None):
        """A fresh base after `steps` steps: (model, trained numbers, bytes to store).

        method: a Delta for `target` (ratio: LoRA+'s), None for all parameters, or a
        function that picks some of them: model -> list.
        """
        model = self.fresh()
        params, trained, stored = parameters(model, seed, method, target)
        if ratio:
            params = peft.loraplus_groups(peft.attached(model)["default"], lr, ratio)
        step = optim.Adam(params, lr)
        for _, batch in zip(
            range(self.steps), self.batches(np.random.default_rng(seed))
        ):
            self.loss(model, *on_device(model, batch)).backward()
            step.step()
            step.zero_grad()
        return model, trained, stored

    def choose(self, rates, *plan):
        """{rate: mean of `valid` over seeds that no table uses}."""
        return {
            lr: np.mean(
                [self.valid(self.tune(seed, lr, *plan)[0]) for seed in CHOOSING]
            )
            for lr in rates
        }

    def add(self, name, lr, *plan):
        """Train with every seed and keep the runs under `name`."""
        self.runs[name] = []
        for seed in SEEDS:
            model, trained, stored = self.tune(seed, lr, *plan)
            self.runs[name].append(Run(model, self.scores(model), trained, stored))

    def mean(self, name, score, minus=None):
        """(mean, standard error) of a score; of the paired differences from `minus`."""
        values = np.array([run.scores[score] for run in self.runs[name]])
        if minus is not None:
            values = values - [run.scores[score] for run in self.runs[minus]]
        return mean_and_error(values)

    def said(self, name, score, minus=None, digits=3):
        """mean ± s.e. as text, with a sign where it is a difference."""
        value, error = self.mean(name, score, minus)
        sign = "" if minus is None else "+"
        return f"{value:{sign}.{digits}f} ± {error:.{digits}f}"

    def rows(self, base, *columns):
        """[name, share trained, bytes, mean ± s.e. of every column] of each method.

        base: the base, untouched; the first row is its own. A column is a score, or a
        pair of a score and the method that it is compared with.
        """
        pairs = [(c, None) if isinstance(c, str) else c for c in columns]
        own, total = self.scores(base), base.count()
        rows = [["frozen", "0 %", "0"]]
        rows[0] += ["" if minus else f"{own[score]:.3f}" for score, minus in pairs]
        for name, (run, *_) in self.runs.items():
            row = [name, f"{run.trained / total:.2%}", f"{run.bytes:,}"]
            row += ["" if name == m else self.said(name, s, m) for s, m in pairs]
            rows.append(row)
        return rows


def parameters(model, seed, method, target):
    """(parameters to train, how many numbers, bytes to store) of a method on a model."""
    if isinstance(method, peft.Delta):
        adapter = peft.attach(model, method, target, rng=seed)
        report = peft.report(model)
        return adapter.parameters(), report.trainable, report.bytes
    params = list(model.parameters() if method is None else method(model))
    return params, sum(p.size for p in params), sum(p.nbytes for p in params)
