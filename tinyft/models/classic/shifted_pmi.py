"""Where skip-gram goes if its vectors are wide enough: a matrix known in closed form.

    L = −(1/#) Σ_wc [P_wc ln σ(S_wc) + N_wc ln σ(−S_wc)],      S_wc = v_w·u_c          (1)
    ∂L/∂S_wc = 0:     S*_wc = ln P_wc − ln N_wc                                        (2)

P_wc = #(w,c) positives, N_wc negatives on average, # = ΣP. With #(w) = Σ_c P_wc,

    keep    N = k #(w) q(c)                                 S* = PMI − ln k for q = #(c)/#
    skip    N = k (#(w) − #(w,c)) q(c)
    redraw  N = k Σ_{c'≠c} #(w,c') q(c)/(1 − q(c'))

PMI = ln #(w,c) #/(#(w) #(c)). With q ∝ #(c)^¾, a frequent context is a negative less often
than its share, so it scores above PMI − ln k, and a rare one below.
Source: Levy, Goldberg 2014 (keep); the other two follow from (1).
"""

from tinyft import backend, ops
from tinyft.models.classic.sampling import EQUAL


def expected_negatives(positives, q, k, equal="keep"):
    """N (V, V): how often c is a negative of w, for the pair counts P (V, V).

    Raises ValueError for another name of `equal`.
    """
    if equal not in EQUAL:
        raise ValueError(f"expected_negatives: equal={equal!r} is not one of {EQUAL}")
    P, xp = positives, backend.xp_of(positives)
    every = P.sum(axis=1, keepdims=True)
    if equal == "keep":
        return k * every * q
    if equal == "skip":
        return k * (every - P) * q
    share = P / xp.maximum(1 - q, 1e-300)  # q(c)/(1 − q(c⁺)) for every other c⁺
    return k * (share.sum(axis=1, keepdims=True) - share) * q


def optimum(positives, q, k, equal="keep"):
    """S* (V, V) of (2); −∞ for a pair never seen, NaN for one neither seen nor drawn.

    positives (V, V), q (V,): arrays, q of the contexts; k, equal as in `negatives`.
    """
    xp, N = backend.xp_of(positives), expected_negatives(positives, q, k, equal)
    with backend.errstate(positives, divide="ignore", invalid="ignore"):
        return xp.log(positives) - xp.log(N)


def expected_loss(scores, positives, noise):
    """(1) over all pairs, the mean per positive: scores, P and N (V, V).

    A scalar Tensor; derivatives of every order.
    """
    lost = positives * ops.logsigmoid(scores) + noise * ops.logsigmoid(-scores)
    return -ops.sum(lost) / float(positives.sum())
