"""Distillation: a student's outputs are pulled to a teacher's.

    p = softmax(teacher/T),  q = softmax(student/T)
    forward   KL(p‖q) = Σ p log(p/q)          ∂/∂student = (q − p)/T                  (1)
    reverse   KL(q‖p) = Σ q log(q/p)          ∂/∂student = q ∘ (log(q/p) − KL)/T      (2)
    jsd       b KL(p‖m) + (1 − b) KL(q‖m),    m = b p + (1 − b) q                     (3)

All are multiplied by T²: at high temperature both (1) and (2) then tend to (z̃ − ṽ)/K, the
difference of the centred logits, whatever T (Hinton, Vinyals, Dean 2015). "Learning
without forgetting" (Li and Hoiem 2016) takes the model before the new task as the teacher,
on the new task's inputs. On sequences the prefixes matter as much as the direction:

    KL(p‖q) of sequences = E_{x∼p} Σ_t KL(p‖q)_t      prefixes of the teacher         (4)
    KL(q‖p) of sequences = E_{x∼q} Σ_t KL(q‖p)_t      prefixes of the student         (5)

(5) has q in its expectation: its gradient is the mean over x∼q of
Σ_t [∇KL_t + (Σ_{s>t} KL_s) ∇log q(x_t)]. Agarwal et al. 2024 (GKD) keep the first term
alone, which is discount 0 below.
"""

import copy

from tinyft import backend, ops
from tinyft.autograd import Tensor, no_grad

KINDS = ("forward", "reverse", "jsd")


def divergence(student, teacher, kind="forward", temperature=1.0, mix=0.5):
    """T² times (1), (2) or (3), row by row: a Tensor of the logits' shape but the last.

    student, teacher: logits (..., K) of one shape; no gradient goes to the teacher.
    temperature T > 0; mix: b of (3), inside (0, 1). Take `.mean()` for a loss.
    """
    if kind not in KINDS or not temperature > 0 or not 0 < mix < 1:
        raise ValueError(
            f"divergence: kind={kind!r} should be one of {', '.join(KINDS)}, "
            f"temperature={temperature} > 0 and mix={mix} inside (0, 1)"
        )
    teacher = beside(student, teacher).detach()
    if student.shape != teacher.shape:
        raise ValueError(
            f"divergence: the student's logits have shape {student.shape}, the teacher's "
            f"{teacher.shape}; both need the same classes in the same order"
        )
    logq = ops.log_softmax(student / temperature)
    logp = ops.log_softmax(teacher / temperature)
    if kind == "jsd":
        q, p = ops.exp(logq), ops.exp(logp)
        logm = ops.log(mix * p + (1 - mix) * q)
        rows = mix * p * (logp - logm) + (1 - mix) * q * (logq - logm)
    elif kind == "forward":
        rows = ops.exp(logp) * (logp - logq)
    else:
        rows = ops.exp(logq) * (logq - logp)
    return rows.sum(axis=-1) * temperature**2


class LwF:
    """Learning without forgetting: λ · mean over x of T² KL(p_old‖q), on the new inputs.

        lwf = LwF(model, strength=0.3)        # a copy of the model, before the new task
        ... loss(logits, y) + lwf.penalty(logits, x) ...

    strength λ >= 0; temperature T; outputs: the old classes, indices into the logits
    (left out: all of them). Raises ValueError for a negative strength.
    """

    def __init__(self, model, strength, temperature=2.0, outputs=None):
        if not 0 <= strength < float("inf"):
            raise ValueError(f"LwF: strength={strength} should be finite and >= 0")
        if outputs is not None and not len(outputs):
            raise ValueError("LwF: outputs is empty; name the old task's classes")
        self.old = copy.deepcopy(model).requires_grad_(False)
        self.strength, self.temperature = float(strength), float(temperature)
        self.outputs = outputs

    def penalty(self, logits, x):
        """The penalty, a scalar Tensor: logits (n, K) are the model's now, of inputs x."""
        with no_grad(), self.old.evaluating():
            before = self.old(x)
        if self.outputs is not None:
            logits, before = logits[:, self.outputs], before[:, self.outputs]
        rows = divergence(logits, before, "forward", self.temperature)
        return self.strength * rows.mean()


def on_policy_loss(student, teacher, ids, counts=None, discount=0.0):
    """KL(q‖p) of sequences that the student drew: a scalar Tensor, their mean.

    student, teacher: logits (B, L, V) at the positions where ids (B, L) were drawn;
    counts (B, L): 1 where a token counts, 0 for padding behind the end.  discount γ: how
    much a token answers for what follows it: the value is Σ_t KL_t for every γ, the
    gradient ∇KL_t + (Σ_{s>t} γ^{s−t} KL_s) ∇log q(x_t): complete for γ = 1, GKD's for 0.
    """
    if not 0 <= discount <= 1:
        raise ValueError(f"on_policy_loss: discount={discount} should be in [0, 1]")
    costs = divergence(student, teacher, "reverse")  # (B, L)
    costs = costs if counts is None else costs * beside(student, counts)
    total = costs.sum(axis=1)
    if discount:
        at = beside(student, ids)[..., None]
        logq = ops.take_along_axis(ops.log_softmax(student), at, axis=-1)[..., 0]
        score = (Tensor(to_come(costs.data, discount)) * logq).sum(axis=1)
        total = total + (score - score.detach())
    return total.mean()


def beside(logits, values):
    """An array as a Tensor where the logits are; a Tensor stays."""
    if isinstance(values, Tensor):
        return values
    return Tensor(backend.to(values, logits.device))


def to_come(costs, discount):
    """Σ_{s>t} γ^{s−t} c_s for an array c (B, L), of its shape."""
    after, found = 0 * costs[:, 0], 0 * costs
    for t in range(costs.shape[1] - 1, -1, -1):
        found[:, t] = after
        after = discount * (costs[:, t] + after)
    return found
