"""AdaLoRA: ranks shared out among the layers while training (Zhang et al. 2023).

    W' = W + s P diag(λ) Q,   s = α/(r + 1e-5),   λ = 0 at the start

P (out × r) and Q (r × in) stay near orthogonal columns and rows by a penalty, so that |λ|
are near to singular values; `RankAllocator` (steps/rank_allocator.py) then sets the least
important λ of all layers to zero until a budget is met. The parameters have PEFT's names:
A is Q, B is P, E is λ; so is the constant 1e-5 PEFT's.
"""

from tinyft import backend, nn, ops
from tinyft.autograd import is_grad_enabled
from tinyft.nn import init
from tinyft.nn.shape import zeros
from tinyft.peft.methods.lora import LoRA

UNSEEN = 2  # changes of λ without the allocator: loading a file, and one step


class AdaLoRA(LoRA, kind="ADALORA"):
    """W' = W + s P diag(λ) Q. Sites: Linear.

    orthogonal: γ of `adapter.penalty()`, γ Σ ‖PᵀP − I‖² + ‖QQᵀ − I‖², to be added to the
    loss. r: of every site at the start, about 1.5 times the mean rank to keep.
    Raises ValueError in training if `RankAllocator.step()` is not called after each
    step: the ranks would stay as they are, a LoRA with one more factor.
    """

    formula, where = "W' = W + α/(r + 1e-5) P diag(λ) Q", "Linear"
    counts, chapter = "r (in + out + 1)", "15_lora"
    lora_bias = rslora = False

    def __init__(self, r=12, alpha=8, dropout=0.0, orthogonal=0.1):
        super().__init__(r, alpha, dropout)
        self.scale = self.alpha / (r + 1e-5)
        if not orthogonal >= 0:
            raise ValueError(f"AdaLoRA: orthogonal must be >= 0, got {orthogonal!r}")

    def fits(self, module):
        return isinstance(module, nn.Linear)

    def start(self, module, rng):
        for p in (self.A, self.B):
            init.normal_(p, std=0.02, rng=rng)
        self.E = zeros((self.r, 1), self.layout.dtype)
        self.allocated = self.E._version[0]

    def weight(self, W):
        return W + self.scale * self.layout.change(self.triplets(), self.B)

    def output(self, x, y):
        A = self.triplets()
        return y + self.scale * self.layout.low(self.drop(x), A, self.B)

    def triplets(self):
        """diag(λ) Q. Raises ValueError if training goes on without the allocator."""
        changes = self.E._version[0] - self.allocated
        if self.training and is_grad_enabled() and changes > UNSEEN:
            raise ValueError(
                f"AdaLoRA at {self.path!r}: λ has changed {changes} times since a "
                "RankAllocator last saw it, so no rank is being shared out; make "
                "allocator = peft.RankAllocator(adapter, budget, steps) and call "
                "allocator.step() after every optimizer.step(), before zero_grad()"
            )
        return self.E * self.A

    def penalty(self):
        """γ (‖PᵀP − I‖² + ‖QQᵀ − I‖²), squared Frobenius norms."""
        eye = backend.xp_of(self.A.data).eye(self.r, dtype=self.A.dtype)
        grams = (self.B.T @ self.B, self.A @ self.A.T)
        return self.orthogonal * sum(ops.sum((gram - eye) ** 2) for gram in grams)

    def factors(self):
        return self.E * self.A, self.scale * self.B
