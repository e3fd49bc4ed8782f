"""RankAllocator: which triplets of an AdaLoRA are kept (Zhang et al. 2023, PEFT's form).

    I = |p ∂L/∂p|,   Ī ← β₁ Ī + (1 − β₁) I,   U ← β₂ U + (1 − β₂) |I − Ī|,   s(p) = Ī U
    score of triplet k:   s(λ_k) + mean s(P_·k) + mean s(Q_k·)
    b(t) = b₀ for t <= t_i;   b_T + (b₀ − b_T) (1 − (t − t_i)/(T − t_i − t_f))³;
           b_T from T − t_f on, where the choice is final

The b(t) best triplets of all layers together keep their λ, the others get λ = 0; until the
choice is final one can come back. At a stationary point every λ ∂L/∂λ is 0: no ranking.
"""

from tinyft import backend
from tinyft.nn.shape import positive
from tinyft.peft.methods.adalora import AdaLoRA


class RankAllocator:
    """Call `step()` after every optimizer.step(), before zero_grad().

    adapter: of AdaLoRA. budget: b_T, how many triplets all sites keep together. steps: T
    of the training; warmup, final: t_i, t_f. betas: of the averages (in no checkpoint).
    """

    def __init__(self, adapter, budget, steps, warmup=0, final=0, betas=(0.85, 0.85)):
        every = adapter.deltas.items()
        self.deltas = {path: d for path, d in every if isinstance(d, AdaLoRA)}
        self.full = sum(d.r for d in self.deltas.values())
        positive("RankAllocator", budget=budget, steps=steps)
        if budget > self.full or not 0 <= warmup < steps - final <= steps:
            raise ValueError(
                f"RankAllocator: expected an AdaLoRA with budget <= {self.full}, its "
                f"triplets now, and warmup + final < steps; got budget={budget}, "
                f"warmup={warmup}, final={final}, steps={steps}"
            )
        self.budget, self.warmup, self.end = budget, warmup, steps - final
        self.betas, self.t, self.averages, self.kept = betas, 0, {}, None

    def budget_at(self, t):
        """b(t): how many triplets are kept after step t, t = 0, 1, ..."""
        done = (t - self.warmup) / (self.end - self.warmup)
        left = 1 - min(max(done, 0.0), 1.0)
        return int(self.budget + (self.full - self.budget) * left**3)

    def step(self):
        """Update the scores by this step's gradients and keep b(t) triplets."""
        if self.t <= self.end:
            scores = self.scores()
            place = scores.argsort()[::-1].argsort()  # 0 is the best: no host sync
            self.kept = place < self.budget_at(self.t)
        start = 0
        for delta in self.deltas.values():
            keep = self.kept[start : start + delta.r].reshape((-1, 1))
            delta.E.data = delta.E.data * keep.astype(delta.E.dtype)
            delta.unseen, start = 0, start + delta.r
        self.t += 1

    def scores(self):
        """(Σ r,) scores of all triplets, site after site; updates their averages."""
        parts = []
        for path, d in self.deltas.items():
            E, B, A = (self._score(path, name, d.slots()[name]) for name in "EBA")
            parts.append(E[:, 0] + B.mean(axis=0) + A.mean(axis=1))
        return backend.xp_of(parts[0]).concatenate(parts)

    def _score(self, path, name, p):
        if p.grad is None:
            raise ValueError(
                f"RankAllocator.step(): {path}.{name} has no gradient; call it after "
                "loss.backward() and optimizer.step(), before optimizer.zero_grad()"
            )
        now, (b1, b2) = abs(p.data * p.grad.data), self.betas
        mean, spread = self.averages.get((path, name), (0 * now, 0 * now))
        mean = b1 * mean + (1 - b1) * now
        spread = b2 * spread + (1 - b2) * abs(now - mean)
        self.averages[path, name] = mean, spread
        return mean * spread

    def ranks(self):
        """{path: how many λ are not zero}."""
        return {path: int((d.E.data != 0).sum()) for path, d in self.deltas.items()}
