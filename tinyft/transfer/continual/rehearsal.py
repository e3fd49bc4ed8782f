"""Rehearsal: keep a few examples of every finished task, and train on them again.

    J(θ) = L_new(θ) + w · L_kept(θ)                                                   (1)

L_kept is the mean loss over what was kept, of all old tasks together; w = their number
gives every task the weight 1. Keeping is random within each class, so that no class of a
task is missing while there is room. More examples do not help every time: for least
squares the forgetting can rise from B to B + 1 examples, though the distance to the true
weights never does (linear.py). Sources: Robins 1995; Rebuffi et al. 2017 (iCaRL);
Chaudhry et al. 2019 ("tiny episodic memories").
"""

from tinyft import backend


class Rehearsal:
    """Examples of finished tasks: host arrays, as `keep` was given them.

        kept = Rehearsal(per_task=10)
        ... train on the first task ...
        kept.keep(x, y, rng)                  # 10 of its examples
        ... loss(model, *batch) + len(kept.tasks) * loss(model, *kept.draw(rng, 32)) ...

    per_task: how many examples of each task, >= 1.  tasks: [(x, y)], one per task.
    """

    def __init__(self, per_task):
        if not (isinstance(per_task, int) and per_task >= 1):
            raise ValueError(
                f"Rehearsal: per_task={per_task!r} should be a whole number >= 1; to "
                "keep nothing, leave rehearsal out"
            )
        self.per_task, self.tasks = per_task, []

    @property
    def size(self):
        """How many examples are kept, of all tasks together."""
        return sum(len(y) for _, y in self.tasks)

    def keep(self, x, y, rng):
        """Keep `per_task` of a finished task's examples x (n, ...), y (n,).

        Raises ValueError for a task without examples, with fewer than per_task, or with
        x and y of different lengths.
        """
        n = len(y)
        if len(x) != n or n < max(self.per_task, 1):
            raise ValueError(
                f"Rehearsal.keep: the task has {len(x)} inputs and {n} labels; expected "
                f"as many of both, and at least per_task={self.per_task} (a buffer "
                "cannot be larger than its task)"
            )
        rows = balanced(y, self.per_task, rng)
        self.tasks.append((x[rows], y[rows]))

    def draw(self, rng, size):
        """(x, y): `size` kept examples, without replacement; all if there are fewer.

        Raises ValueError while nothing is kept.
        """
        if not self.tasks:
            raise ValueError(
                "Rehearsal.draw: nothing is kept yet; call keep(x, y, rng) when the "
                "first task is finished"
            )
        xp = backend.host()
        x, y = (xp.concatenate(arrays) for arrays in zip(*self.tasks))
        rows = rng.permutation(len(y))[:size]
        return x[rows], y[rows]


def balanced(y, count, rng):
    """`count` indices into labels y (n,): classes in turn, at random within each."""
    xp = backend.host()
    order = rng.permutation(len(y))
    turn = xp.zeros(len(y), int)
    for c in xp.unique(y):
        of_class = xp.flatnonzero(y[order] == c)
        turn[of_class] = xp.arange(len(of_class))
    return order[xp.argsort(turn, kind="stable")[:count]]
