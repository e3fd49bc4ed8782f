"""EWC: a spring on every weight, as stiff as the old tasks need it.

    Ω(θ) = (λ/2) Σ_i F_i (θ_i − θ*_i)²,   F = Σ_old tasks F^(task)                    (1)

θ* is the solution after the LAST finished task, F^(task) the diagonal Fisher there
(fisher.py). If every loss were quadratic and F its full Hessian, λ = 1 would give exactly
the minimum of the sum of all losses: one anchor is enough, because the last solution
already stands where the springs of all earlier tasks and the last loss balance. A second
spring to an earlier solution counts that task twice (Huszár 2018). The diagonal, and a
curvature taken at one point, are approximations: λ is tuned. Source: Kirkpatrick et al.
2017, with ½; L2SP has no ½, so its strength is λ/2.
"""

from tinyft.transfer.fisher import fisher_diagonal
from tinyft.transfer.l2sp import L2SP


class EWC:
    """(1) over a sequence of tasks.

        ewc = EWC(strength=100.0)
        for task in tasks:
            ... train on loss + ewc.penalty() ...
            ewc.finish(model, batches)

    strength λ >= 0; kind: the Fisher, as for `fisher_diagonal`.  importance: {name: F},
    summed over the finished tasks.  Raises ValueError for a negative strength.
    """

    def __init__(self, strength, kind="true"):
        if not 0 <= strength < float("inf"):
            raise ValueError(f"EWC: strength={strength} should be finite and >= 0")
        self.strength, self.kind = float(strength), kind
        self.importance, self.spring = {}, None

    def finish(self, model, batches, rng=None):
        """A task is learned: add its Fisher, and move the anchor to the model as it is.

        batches: the task's examples, pairs (x, y), as for `fisher_diagonal`, which
        raises ValueError where there are none.
        """
        new = fisher_diagonal(model, batches, self.kind, rng)
        old = self.importance
        self.importance = {name: F + old.get(name, 0) for name, F in new.items()}
        self.spring = L2SP(model, self.strength / 2, importance=self.importance)

    def penalty(self):
        """Ω, a scalar Tensor to add to each step's loss; 0.0 before the first task ends."""
        return self.spring.penalty() if self.spring else 0.0
