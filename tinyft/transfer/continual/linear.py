"""Sequences of least-squares tasks, in closed form: what each method ends at.

    next        w₂ = w₁ + X₂⁺ (y₂ − X₂ w₁)                   descent from w₁, n₂ < d    (1)
    rehearsal   (ρ/B X_BᵀX_B + (1−ρ)/n X₂ᵀX₂)⁻¹ (ρ/B X_Bᵀy_B + (1−ρ)/n X₂ᵀy₂)          (2)
    EWC         (H₂ + λH₁)⁻¹ (X₂ᵀy₂/n + λH₁ w₁),  H = XᵀX/n                             (3)
    LwF         w₁ + (ŵ₂ − w₁)/(1 + λ),  ŵ₂ least squares on the new task               (4)

The loss is |Xw − y|²/2n. In (3) H₁ is the full Hessian of the old loss at its minimum;
with λ = 1 it is the minimum of both losses' sum. In (4) the penalty is λ times the same
loss to the old model's outputs, on the NEW inputs: a straight line between two solutions.
With a common teacher w* and start 0, P_i the projector on the rows of X_i,

    w₂ − w* = −(I − P₂)(I − P₁) w*,    forgetting = |X₁ P₂ (I − P₁) w*|²/n₁             (5)
    two tasks of one example each, at an angle a:  ∝ sin²a cos²a, largest at 45°       (6)

and for random tasks of rank k:  E|P₁P₂(I − P₁)w*|² = |w*|²(1 − k/d)k²(d − k)/(d(d−1)(d+2)).
Sources: Evron et al. 2022 for (5) and (6); Kirkpatrick et al. 2017, Li and Hoiem 2016.
"""

from tinyft import backend


def next_solution(w, X, y):
    """(1): where gradient descent on |Xw − y|² ends that starts at w (d,)."""
    linalg = backend.linalg_of("next_solution", X)
    return w + linalg.pinv(X) @ (y - X @ w)


def rehearsed(X, y, X_kept, y_kept, share):
    """(2): the minimiser of (1 − ρ) · new task's mean loss + ρ · kept examples' mean loss.

    X (n, d), X_kept (B, d); share ρ in [0, 1]: B/(B + n) is what joining the data gives.
    Raises ValueError for another share, for nothing kept, and where the sum is singular.
    """
    if not 0 <= share <= 1 or not len(X_kept) or not len(X):
        raise ValueError(
            f"rehearsed: share={share} should be in [0, 1] (a negative weight would "
            f"reward forgetting), with examples of both tasks; got {len(X)} new and "
            f"{len(X_kept)} kept"
        )
    a, b = (1 - share) / len(X), share / len(X_kept)
    H = a * X.T @ X + b * X_kept.T @ X_kept
    return _solve("rehearsed", H, a * X.T @ y + b * X_kept.T @ y_kept)


def ewc_solution(X, y, anchor, H, strength=1.0):
    """(3): the minimiser of |Xw − y|²/2n + (λ/2)(w − anchor)ᵀH(w − anchor)."""
    if strength < 0:
        raise ValueError(f"ewc_solution: strength={strength} should be >= 0")
    own, pull = X.T @ X / len(X), strength * H
    return _solve("ewc_solution", own + pull, X.T @ y / len(X) + pull @ anchor)


def lwf_solution(X, y, anchor, strength):
    """(4): the minimiser of |Xw − y|²/2n + λ|Xw − X anchor|²/2n."""
    if strength < 0:
        raise ValueError(f"lwf_solution: strength={strength} should be >= 0")
    target = (y + strength * (X @ anchor)) / (1 + strength)
    return _solve("lwf_solution", X.T @ X, X.T @ target)


def expected_overlap(d, k):
    """E|P₁P₂(I − P₁)w*|² / |w*|² for random rank-k tasks in d dimensions, a float."""
    if not 0 < k <= d or d < 2:
        raise ValueError(f"expected_overlap: 0 < k <= d and d >= 2, got k={k}, d={d}")
    return (1 - k / d) * k**2 * (d - k) / (d * (d - 1) * (d + 2))


def _solve(caller, H, right):
    linalg = backend.linalg_of(caller, H)
    s = linalg.svd(H, compute_uv=False)
    if float(s[-1]) <= float(s[0]) * len(H) * 2.3e-16:
        raise ValueError(
            f"{caller}: the minimiser is not unique, {len(H)} weights and fewer "
            "independent examples; start descent from the old solution and use "
            "next_solution on both tasks' rows"
        )
    return linalg.solve(H, right)
