"""Named wrong answers: small edits of the solutions, to be caught and named."""

LAST = "r = weight @ (Y - F) / np.sum(weight)\n    return b0"
HIDDEN = "r = weight @ (Y - F) / np.sum(weight)\n    delta"
MEAN = "weight @ (Y - F) / np.sum(weight)"
HADAMARD = "np.linalg.solve((W.T @ W) * S, np.diag(W.T @ M))"
GAMMA = "w @ (x * y) / (w @ (x * x))"
ROWS = "w = weight / np.sum(weight)"
S_AND_M = "S, M = Xhat.T @ (weight[:, None] * Xhat), Y.T @ (weight[:, None] * Xhat)"
MOVE = "b = b + np.log(target) - np.log(w @ softmax(Z + b))"
LOG = "b = T * np.log(target / source)"
P = "softmax((Z + b) / T)"


def mean(of, text):
    """The averages of the residuals replaced in one of the two functions."""
    return of, of.replace(MEAN, text)


COUNT = "np.add.at(C, (predicted, labels), weight)"
OVER = "C / np.sum(weight)"
RIDGE = "strength * np.eye(len(mu))"
SHARES = "C.sum(axis=0) * w"
FIT = """ones = np.ones(len(mu))
    rest = mu - C @ ones
    theta = np.linalg.solve(C.T @ C + strength * np.eye(len(mu)), C.T @ rest)
    w = 1 + theta
"""
RETURN = "return w, pi / pi.sum()"

WRONG = {
    "bias_only_optimum": [
        (
            "the mean target, not the mean residual",
            "return b0 + r,",
            "return weight @ Y / weight.sum(),",
        ),
        ("b0 is missing", "return b0 + r,", "return r,"),
        ("the residual has the wrong sign", "return b0 + r,", "return b0 - r,"),
        ("b0 was taken out of F first", "return b0 + r,", "return 2 * b0 + r,"),
        ("one mean over all outputs", "return b0 + r,", "return b0 + r.mean(),"),
        ("the weights are left out", *mean(LAST, "(Y - F).mean(axis=0)")),
        ("the weights are left out", *mean(HIDDEN, "(Y - F).mean(axis=0)")),
        (
            "the weights are squared",
            *mean(LAST, "weight**2 @ (Y - F) / np.sum(weight**2)"),
        ),
        (
            "rows of weight 0 are dropped, the others count once",
            *mean(LAST, "(Y - F)[weight > 0].mean(axis=0)"),
        ),
        (
            "divided by n, not by the sum of the weights",
            *mean(LAST, "weight @ (Y - F) / len(F)"),
        ),
        (
            "divided by n, not by the sum of the weights",
            *mean(HIDDEN, "weight @ (Y - F) / len(F)"),
        ),
        ("a sum over the rows, not a mean", *mean(LAST, "weight @ (Y - F)")),
        ("the median residual", *mean(LAST, "np.median(Y - F, axis=0)")),
        ("the drop lacks its ½", "0.5 * (r @ r)", "r @ r"),
        (
            "the drop summed over the examples",
            "0.5 * (r @ r)",
            "0.5 * weight.sum() * (r @ r)",
        ),
        ("the drop with the wrong sign", "0.5 * (r @ r)", "-0.5 * (r @ r)"),
        (
            "the mean over the outputs, not the sum",
            "0.5 * (r @ r)",
            "0.5 * np.mean(r * r)",
        ),
        ("‖δ‖, without the square", "0.5 * (r @ r)", "0.5 * np.sqrt(r @ r)"),
        (
            "the loss that is left, not what was saved",
            "0.5 * (r @ r)",
            "0.5 * (weight @ (Y - F - r) ** 2).sum() / weight.sum()",
        ),
        (
            "the loss at the start, not the drop",
            "0.5 * (r @ r)",
            "0.5 * (weight @ (Y - F) ** 2).sum() / weight.sum()",
        ),
        ("the residual has the wrong sign", "return b1 + delta", "return b1 - delta"),
        (
            "the hidden bias's drop lacks its ½",
            "0.5 * (r @ (W2 @ delta))",
            "r @ (W2 @ delta)",
        ),
        ("W2ᵀ instead of its pseudo-inverse", "np.linalg.pinv(W2)", "W2.T"),
        ("b1 is missing", "return b1 + delta", "return delta"),
        (
            "the smallest bias, not the one nearest to the start",
            "return b1 + delta",
            "return np.linalg.pinv(W2) @ (W2 @ (b1 + delta))",
        ),
        (
            "as if all of r̄ could be reached",
            "0.5 * (r @ (W2 @ delta))",
            "0.5 * (r @ r)",
        ),
        (
            "the part of r̄ that cannot be reached",
            "0.5 * (r @ (W2 @ delta))",
            "0.5 * (r @ (r - W2 @ delta))",
        ),
        ("the drop of ‖δ‖²/2", "0.5 * (r @ (W2 @ delta))", "0.5 * (delta @ delta)"),
    ],
    "norm_matching": [
        (
            "γ from moments that are not centred",
            "x, y = Xhat - w @ Xhat, Y - w @ Y",
            "x, y = Xhat, Y",
        ),
        (
            "γ is the ratio of standard deviations",
            GAMMA,
            "np.sqrt(w @ (y * y) / (w @ (x * x)))",
        ),
        (
            "γ is the correlation",
            "(w @ (x * x))",
            "np.sqrt(w @ (x * x) * (w @ (y * y)))",
        ),
        ("γ is the covariance, not divided", GAMMA, "w @ (x * y)"),
        (
            "divided by the standard deviation, not the variance",
            "(w @ (x * x))",
            "np.sqrt(w @ (x * x))",
        ),
        ("the slope of x̂ on y: divided by var(y)", "(x * x)", "(y * y)"),
        ("γ is upside down: var/cov", GAMMA, "w @ (x * x) / (w @ (x * y))"),
        ("the sign of γ is wrong", GAMMA, f"-{GAMMA}"),
        (
            "one γ for all features",
            GAMMA,
            "np.full(x.shape[1], (w @ (x * y)).sum() / (w @ (x * x)).sum())",
        ),
        (
            "n − 1 in the covariance, n in the variance",
            GAMMA,
            f"{GAMMA} * len(x) / (len(x) - 1)",
        ),
        (
            "moments along each row, not over the batch",
            "x, y = Xhat - w @ Xhat, Y - w @ Y",
            "x, y = (a - a.mean(axis=1, keepdims=True) for a in (Xhat, Y))",
        ),
        ("the weights are left out", ROWS, "w = np.full(len(Y), 1 / len(Y))"),
        (
            "rows of weight 0 are dropped, the others count once",
            ROWS,
            "w = (weight > 0) / np.sum(weight > 0)",
        ),
        ("the weights are squared", ROWS, "w = weight**2 / np.sum(weight**2)"),
        (
            "the means are taken without the weights",
            "x, y = Xhat - w @ Xhat, Y - w @ Y",
            "x, y = Xhat - Xhat.mean(axis=0), Y - Y.mean(axis=0)",
        ),
        (
            "only the means are weighted",
            GAMMA,
            "(x * y).mean(axis=0) / (x * x).mean(axis=0)",
        ),
        ("β adds γ·mean(x̂), it must subtract it", "w @ Y - gamma", "w @ Y + gamma"),
        ("β subtracts mean(x̂) without γ", "- gamma * (w @ Xhat)", "- w @ Xhat"),
        (
            "β is the mean target; γ·mean(x̂) is forgotten",
            " - gamma * (w @ Xhat)",
            "",
        ),
        (
            "the means in β are taken without the weights",
            "w @ Y - gamma * (w @ Xhat)",
            "Y.mean(axis=0) - gamma * Xhat.mean(axis=0)",
        ),
        (
            "γ and β are returned in the wrong order",
            "return gamma, w @ Y - gamma * (w @ Xhat)",
            "return w @ Y - gamma * (w @ Xhat), gamma",
        ),
        ("a matrix product instead of ∘", "(W.T @ W) * S", "W.T @ W @ S"),
        (
            "S is left out",
            f"{S_AND_M}\n",
            f"{S_AND_M}\n    S, M = S * 0 + 1, M / weight.sum()\n",
        ),
        ("WᵀW is left out", "(W.T @ W) * S", "S"),
        (
            "each feature by itself, as if W did not couple them",
            HADAMARD,
            "np.diag(W.T @ M) / np.diag((W.T @ W) * S)",
        ),
        (
            "the row sums of WᵀC, not its diagonal",
            "np.diag(W.T @ M)",
            "(W.T @ M).sum(axis=1)",
        ),
        (
            "the sums over the rows are divided by n in C alone",
            HADAMARD,
            f"{HADAMARD} / len(Y)",
        ),
        (
            "W is undone first, then each feature by itself",
            HADAMARD,
            "(weight @ (Xhat * (Y @ np.linalg.pinv(W).T))) / (weight @ Xhat**2)",
        ),
        (
            "centred moments, as if there were a β",
            S_AND_M,
            "w = weight / weight.sum()\n    Xhat, Y = Xhat - w @ Xhat, Y - w @ Y\n"
            f"    {S_AND_M}",
        ),
        ("the sign of γ is wrong", f"return {HADAMARD}", f"return -{HADAMARD}"),
        (
            "the weights are in C only",
            "Xhat.T @ (weight[:, None] * Xhat)",
            "Xhat.T @ Xhat",
        ),
        ("the weights are in S only", "Y.T @ (weight[:, None] * Xhat)", "Y.T @ Xhat"),
        (
            "the weights are left out",
            S_AND_M,
            "S, M = Xhat.T @ Xhat, Y.T @ Xhat",
        ),
        ("the weights are squared", S_AND_M, f"weight = weight**2\n    {S_AND_M}"),
        (
            "rows of weight 0 are dropped, the others count once",
            S_AND_M,
            f"weight = 1.0 * (weight > 0)\n    {S_AND_M}",
        ),
    ],
    "prior_shift": [
        ("log π_t alone, π_s is forgotten", LOG, "b = T * np.log(target)"),
        ("the ratio is upside down", LOG, "b = T * np.log(source / target)"),
        ("the ratio without its log", LOG, "b = T * target / source"),
        ("the difference of the priors", LOG, "b = T * (target - source)"),
        ("logarithms to base 2", LOG, "b = T * np.log2(target / source)"),
        ("T is left out of the bias", LOG, "b = np.log(target / source)"),
        (
            "the bias is divided by T, not multiplied",
            LOG,
            "b = np.log(target / source) / T",
        ),
        (
            "the logits' odds: log(π/(1 − π)), not log π",
            LOG,
            f"{LOG} - T * np.log((1 - target) / (1 - source))",
        ),
        (
            "the mean prediction instead of π_s",
            LOG,
            "b = T * np.log(target / softmax(Z / T).mean(axis=0))",
        ),
        ("b is not centred", "return b - b.mean(), softmax", "return b, softmax"),
        (
            "the last class is the reference: not centred",
            "return b - b.mean(), softmax",
            "return b - b[-1], softmax",
        ),
        ("P is the source's: the bias was not used", P, "softmax(Z / T)"),
        ("T is left out of the softmax", P, "softmax(Z + b)"),
        (
            "T is left out everywhere",
            P,
            "softmax(Z + np.log(target / source))",
        ),
        ("Z is multiplied by T, not divided", P, "softmax((Z + b) * T)"),
        (
            "b was added to probabilities, not to logits",
            P,
            "softmax(softmax(Z / T) + b / T)",
        ),
        (
            "the logits were multiplied by the ratio",
            P,
            "softmax(Z / T * target / source)",
        ),
        ("P is not normalised", P, "softmax(Z / T) * target / source"),
        (
            "the softmax runs over the inputs, not the classes",
            P,
            "softmax(((Z + b) / T).T).T",
        ),
        ("one sweep only", "for _ in range(sweeps)", "for _ in range(1)"),
        ("one sweep too many", "for _ in range(sweeps)", "for _ in range(sweeps + 1)"),
        ("one sweep too few", "for _ in range(sweeps)", "for _ in range(sweeps - 1)"),
        (
            "`sweeps` is ignored: always 500",
            "for _ in range(sweeps)",
            "for _ in range(500)",
        ),
        ("log of the target alone", MOVE, "b = np.log(target)"),
        ("the softmax forgets b", "w @ softmax(Z + b)", "w @ softmax(Z)"),
        (
            "b is replaced in each sweep, not moved",
            MOVE,
            MOVE.replace("b + np.log(t", "np.log(t"),
        ),
        (
            "the mean of the logs, not the log of the mean",
            "np.log(w @ softmax(Z + b))",
            "w @ np.log(softmax(Z + b))",
        ),
        (
            "the weights are left out",
            "weight / np.sum(weight)",
            "np.full(len(Z), 1 / len(Z))",
        ),
        (
            "the weights are squared",
            "weight / np.sum(weight)",
            "weight**2 / np.sum(weight**2)",
        ),
        (
            "rows of weight 0 are dropped, the others count once",
            "weight / np.sum(weight)",
            "(weight > 0) / np.sum(weight > 0)",
        ),
        (
            "the logits are multiplied by the weights",
            "weight / np.sum(weight)",
            "np.full(len(Z), 1 / len(Z))\n    Z = weight[:, None] * Z",
        ),
        ("the sign of the bias", "return b - b.mean()\n", "return b.mean() - b\n"),
        (
            "the last class is the reference: not centred",
            "return b - b.mean()\n",
            "return b - b[-1]\n",
        ),
        (
            "the marginal's bias is not centred",
            "return b - b.mean()\n",
            "return b\n",
        ),
    ],
    "black_box_shift": [
        (
            "rows are the classes, columns the predictions",
            "(predicted, labels)",
            "(labels, predicted)",
        ),
        (
            "the weights are left out",
            f"{COUNT}\n    return {OVER}",
            "np.add.at(C, (predicted, labels), 1)\n    return C / len(labels)",
        ),
        (
            "rows of weight 0 are dropped, the others count once",
            f"{COUNT}\n    return {OVER}",
            COUNT.replace("weight", "weight > 0")
            + "\n    return C / np.sum(weight > 0)",
        ),
        ("sums, not shares", OVER, "C"),
        ("divided by n, not by the sum of the weights", OVER, "C / len(labels)"),
        (
            "each column has sum 1: p(prediction | class)",
            OVER,
            "C / np.maximum(C.sum(axis=0), 1e-9)",
        ),
        (
            "each row has sum 1: p(class | prediction)",
            OVER,
            "C / np.maximum(C.sum(axis=1, keepdims=True), 1e-9)",
        ),
        (
            "only one of several examples of an entry counts",
            COUNT,
            "C[predicted, labels] += weight",
        ),
        ("θ, not 1 + θ", "w = 1 + theta", "w = theta"),
        (
            "shrunk towards 0, not towards 1",
            FIT,
            FIT.replace("mu - C @ ones", "mu").replace("1 + theta", "theta"),
        ),
        ("the strength is ignored", RIDGE, f"0 * {RIDGE}"),
        ("the strength is squared", RIDGE, f"strength * {RIDGE}"),
        ("the square root of the strength", RIDGE, "strength**0.5 * np.eye(len(mu))"),
        ("twice the strength", RIDGE, f"2 * {RIDGE}"),
        ("half the strength", RIDGE, f"0.5 * {RIDGE}"),
        (
            "the matrix is transposed",
            FIT,
            f"prior, C = C, C.T\n    {FIT}    C = prior\n",
        ),
        (
            "C·1 is taken over the columns: π_s, not the predictions",
            "mu - C @ ones",
            "mu - ones @ C",
        ),
        ("Cᵀ is missing on the right", "C.T @ rest", "rest"),
        (
            "the strength is added to C itself",
            f"C.T @ C + {RIDGE}, C.T @ rest",
            f"C + {RIDGE}, rest",
        ),
        ("the strength is added to every entry", RIDGE, "strength"),
        ("1 − θ: the sign", "w = 1 + theta", "w = 1 - theta"),
        ("no shift at all", "w = 1 + theta", "w = ones"),
        ("the shares are not divided by their sum", RETURN, "return w, pi"),
        (
            "negative shares are left",
            f"pi = np.maximum({SHARES}, 0)\n    {RETURN}",
            f"return w, {SHARES}",
        ),
        ("negative shares are left, sum 1", f"np.maximum({SHARES}, 0)", SHARES),
        (
            "the size of a negative share",
            f"np.maximum({SHARES}, 0)",
            f"np.abs({SHARES})",
        ),
        (
            "multiplied by the predictions' shares, not by π_s",
            SHARES,
            "C.sum(axis=1) * w",
        ),
        ("w itself, with sum 1: π_s is forgotten", SHARES, "1.0 * w"),
        ("the shares μ that are predicted", RETURN, "return w, mu"),
    ],
}
