"""Learning from pairs without a reward model: DPO and its family, one function each.

    w = log π(y_w) − log π_ref(y_w),  l likewise for the rejected answer,  h = w − l  (1)

    name     loss of a pair
    dpo      −log σ(βh)
    cdpo     −(1 − ε) log σ(βh) − ε log σ(−βh)                  labels wrong with ε
    robust   [−(1 − ε) log σ(βh) + ε log σ(−βh)] / (1 − 2ε)     unbiased, unbounded
    ipo      (h − 1/(2τ))²
    hinge    max(0, 1 − βh)
    kto      λ_w [1 − σ(β(w − z))] + λ_l [1 − σ(β(z − l))]       z: a KL, no gradient
    simpo    −log σ(βh − γ)                 w, l = log π / tokens, without a reference
    orpo     −w − λ log σ(o(w) − o(l)),  o(w) = w − log(1 − e^w)    likewise

log π(y) is the sum of the log-probabilities of the answer's tokens, its end included; the
prompt's never count. Sources: Rafailov et al. 2023 (dpo), Mitchell 2023 (cdpo), Chowdhury
et al. 2024 (robust), Azar et al. 2023 (ipo), Zhao et al. 2023 (hinge), Ethayarajh et al.
2024 (kto), Meng et al. 2024 (simpo), Hong et al. 2024 (orpo), Pang et al. 2024 (`chosen`).
"""

import inspect

from tinyft import backend, ops
from tinyft.data import IGNORE
from tinyft.objectives.instruction import collate, fitted, shifted, there
from tinyft.objectives.reward import same_pairs
from tinyft.ops.operands import wrap


def pair_batch(pairs, length=None, pad=0):
    """Pairs as one batch: x and y (2B, T) on the host, chosen answers first.

    pairs: B times (prompt, chosen, rejected), lists of ids; write the id that ends an
    answer into it. length: the most inputs of a row; a longer answer loses its end.
    Targets of the prompt and of padding are −100. Raises ValueError for an empty prompt
    or answer, and for two answers that are equal, or are so after the cut.
    """
    if not len(pairs):
        raise ValueError("pair_batch: there is no pair to put into a batch")
    halves = [[], []]
    for i, (prompt, *answers) in enumerate(pairs):
        prompt, answers = list(prompt), [list(answer) for answer in answers]
        _check_pair(i, prompt, answers)
        for half, answer in zip(halves, answers, strict=True):
            learn = [False] * len(prompt) + [True] * len(answer)
            row = shifted(prompt + answer, learn)
            half.append(row if length is None else fitted(row, length, long="cut"))
        if list(halves[0][i].y) == list(halves[1][i].y):
            raise ValueError(
                f"pair_batch: the answers of pair {i} are equal in their first tokens, "
                f"which is all that length={length} leaves; leave the pair out"
            )
    return collate(halves[0] + halves[1], pad)


def _check_pair(i, prompt, answers):
    if len(answers) != 2 or not prompt or not all(answers):
        sizes = [len(prompt), *map(len, answers)]
        raise ValueError(
            f"pair_batch: pair {i} should be (prompt, chosen, rejected), each of one or "
            f"more ids, got {sizes}; a prompt has at least a BOS"
        )
    if answers[0] == answers[1]:
        raise ValueError(
            f"pair_batch: the two answers of pair {i} are equal, so neither is "
            "preferred: its loss is constant and its gradient 0; leave it out"
        )


def answer_logps(model, x, y, mean=False, **inputs):
    """log π of each row's answer (B,): the sum over the targets y (B, T) that count.

    mean: divide by their number, as `simpo` and `orpo` want it. inputs: of the model.
    Raises ValueError for a row without targets.
    """
    y, logits = wrap(y), model(x, **inputs)
    flat = logits.reshape(-1, logits.shape[-1])
    each = ops.cross_entropy(flat, y.reshape(-1), reduction="none")
    counts = (y.data != IGNORE).sum(axis=1)
    if backend.device_of(counts) == "cpu" and not counts.all():
        raise ValueError(
            f"answer_logps: row {int(counts.argmin())} has no target, all are {IGNORE}: "
            "its answer was cut off or masked"
        )
    total = -ops.sum(each.reshape(*y.shape), axis=1)
    return total / wrap(counts.astype(total.dtype)) if mean else total


# --- the family: one pair's loss, a function of w and l ---------------------------------


def dpo(w, l, beta=0.1):
    """−log σ(βh)."""
    return -ops.logsigmoid(beta * (w - l))


def cdpo(w, l, beta=0.1, epsilon=0.1):
    """DPO with a smoothed label: right with 1 − ε."""
    right, wrong = dpo(w, l, beta), dpo(l, w, beta)
    return (1 - epsilon) * right + epsilon * wrong


def robust(w, l, beta=0.1, epsilon=0.1):
    """The mean over flipped labels is the DPO loss of clean ones."""
    right, wrong = dpo(w, l, beta), dpo(l, w, beta)
    return ((1 - epsilon) * right - epsilon * wrong) / (1 - 2 * epsilon)


def ipo(w, l, tau=0.1):
    """A square: h has an optimum, 1/(2τ), even if nobody disagrees."""
    return (w - l - 1 / (2 * tau)) ** 2


def hinge(w, l, beta=0.1):
    """Nothing more to learn once βh reaches 1."""
    return ops.relu(1 - beta * (w - l))


def kto(w, l, beta=0.1, kl=0.0, desirable=1.0, undesirable=1.0):
    """Each answer judged alone, against z = kl = KL(π | π_ref), a number."""
    good = 1 - ops.sigmoid(beta * (w - kl))
    return desirable * good + undesirable * (1 - ops.sigmoid(beta * (kl - l)))


def simpo(w, l, beta=2.0, gamma=0.5):
    """w, l: mean log-probabilities; the margin γ stands outside of β."""
    return -ops.logsigmoid(beta * (w - l) - gamma)


def orpo(w, l, weight=0.1):
    """The chosen answer's mean loss, and the log of the odds ratio."""
    odds_w, odds_l = (v - ops.log(-ops.expm1(v)) for v in (w, l))
    return -w - weight * ops.logsigmoid(odds_w - odds_l)


FAMILY = {f.__name__: f for f in (dpo, cdpo, robust, ipo, hinge, kto, simpo, orpo)}
WITHOUT_REFERENCE = ("simpo", "orpo")


def preference_loss(w, l, kind="dpo", **options):
    """The loss of each pair (B,), a Tensor; nothing is averaged.

    w, l: (B,), log-ratios (1) of the chosen and the rejected answers, sums over tokens;
    for "simpo" and "orpo" mean log-probabilities. options: of the function of that name
    in FAMILY. Raises ValueError for other shapes and for options out of range.
    """
    w, l = wrap(w), wrap(l)
    same_pairs("preference_loss", w, l)
    if kind not in FAMILY:
        raise ValueError(f"preference_loss: kind={kind!r} is none of {tuple(FAMILY)}")
    _check_options(kind, options)
    host = backend.device_of(w.data) == "cpu"
    if kind == "orpo" and host and max(w.data.max(), l.data.max()) >= 0:
        raise ValueError(
            "preference_loss: orpo needs mean log-probabilities, below 0, not ratios"
        )
    return FAMILY[kind](w, l, **options)


def _check_options(kind, options):
    known = list(inspect.signature(FAMILY[kind]).parameters)[2:]
    for name, value in options.items():
        if name not in known:
            raise ValueError(
                f"preference_loss: {kind} has the options {known}, not {name!r}"
            )
        low = 0 <= value if name in ("kl", "epsilon", "gamma", "weight") else 0 < value
        if not (low and value < (0.5 if name == "epsilon" else float("inf"))):
            raise ValueError(
                f"preference_loss: {name}={value!r} of {kind} is out of range: beta, tau, "
                "desirable, undesirable > 0; kl, gamma, weight >= 0; 0 <= epsilon < 1/2"
            )


def pair_loss(model, x, y, reference=None, kind="dpo", chosen=0.0, **options):
    """The mean loss of a batch of `pair_batch`, a scalar Tensor; x, y (2B, T).

    reference: `answer_logps` (2B,) of the frozen model, computed once; "simpo" and "orpo"
    have none. chosen: the weight of the chosen answers' mean loss per token, which keeps
    them likely. Raises ValueError for a missing reference, or one too many.
    """
    y = wrap(y)
    logps = answer_logps(model, x, y, mean=kind in WITHOUT_REFERENCE)
    if (reference is None) != (kind in WITHOUT_REFERENCE):
        what = "no reference" if reference is not None else "the frozen model's log π"
        raise ValueError(f"pair_loss: {kind!r} takes {what} as reference=")
    if reference is not None:
        reference = there(model, getattr(reference, "data", reference))  # detached
    ratios = logps if reference is None else logps - reference
    half = len(logps) // 2
    value = ops.mean(preference_loss(ratios[:half], ratios[half:], kind, **options))
    if not chosen:
        return value
    counts = wrap((y[:half].data != IGNORE).sum(axis=1).astype(logps.dtype))
    sums = logps[:half] * counts if kind in WITHOUT_REFERENCE else logps[:half]
    return value - chosen * ops.sum(sums) / ops.sum(counts)
