"""Named wrong answers: small edits of the solutions, to be caught and named."""

HADAMARD = "np.linalg.solve((W.T @ W) * S, np.diag(W.T @ M))"

WRONG = {
    "bias_only_optimum": [
        (
            "the mean target, not the mean residual",
            "return b0 + r,",
            "return Y.mean(0),",
        ),
        ("b0 is missing", "return b0 + r,", "return r,"),
        ("the residual has the wrong sign", "return b0 + r,", "return b0 - r,"),
        (
            "the sum of the residuals, not their mean",
            "r = (Y - F).mean(axis=0)\n    return b0",
            "r = (Y - F).sum(axis=0)\n    return b0",
        ),
        (
            "the median residual",
            "(Y - F).mean(axis=0)\n    return b0",
            "np.median(Y - F, axis=0)\n    return b0",
        ),
        ("one mean over all outputs", "return b0 + r,", "return b0 + r.mean(),"),
        ("b0 was taken out of F first", "return b0 + r,", "return 2 * b0 + r,"),
        ("the drop lacks its ½", "0.5 * (r @ r)", "r @ r"),
        ("the drop summed over the examples", "0.5 * (r @ r)", "0.5 * len(F) * (r @ r)"),
        ("the drop with the wrong sign", "0.5 * (r @ r)", "-0.5 * (r @ r)"),
        (
            "the loss that is left, not what was saved",
            "0.5 * (r @ r)",
            "0.5 * np.sum((Y - F - r) ** 2) / len(F)",
        ),
        ("the change of b1 has the wrong sign", "return b1 + delta", "return b1 - delta"),
        (
            "the hidden bias's drop lacks its ½",
            "0.5 * (r @ (W2 @ delta))",
            "r @ (W2 @ delta)",
        ),
        ("W2ᵀ in place of its pseudo-inverse", "np.linalg.pinv(W2)", "W2.T"),
        ("b1 is missing", "return b1 + delta", "return delta"),
        (
            "as if all of r̄ could be reached",
            "0.5 * (r @ (W2 @ delta))",
            "0.5 * (r @ r)",
        ),
        ("the drop of ‖δ‖²/2", "0.5 * (r @ (W2 @ delta))", "0.5 * (delta @ delta)"),
    ],
    "norm_matching": [
        (
            "γ from moments that are not centred",
            "x, y = Xhat - Xhat.mean(axis=0), Y - Y.mean(axis=0)",
            "x, y = Xhat, Y",
        ),
        (
            "γ is the ratio of standard deviations",
            "(x * y).mean(axis=0) / (x * x).mean(axis=0)",
            "Y.std(axis=0) / Xhat.std(axis=0)",
        ),
        (
            "γ is the correlation",
            "/ (x * x).mean(axis=0)",
            "/ (Y.std(axis=0) * Xhat.std(axis=0))",
        ),
        ("γ is the covariance, not divided", " / (x * x).mean(axis=0)", ""),
        (
            "divided by the standard deviation, not the variance",
            "/ (x * x).mean(axis=0)",
            "/ x.std(axis=0)",
        ),
        (
            "the slope of x̂ on y: divided by var(y)",
            "/ (x * x).mean(axis=0)",
            "/ (y * y).mean(axis=0)",
        ),
        (
            "one γ for all features",
            "gamma = (x * y).mean(axis=0) / (x * x).mean(axis=0)",
            "gamma = np.full(x.shape[1], (x * y).sum() / (x * x).sum())",
        ),
        (
            "β adds γ·mean(x̂), it must subtract it",
            " - gamma * Xhat.mean(axis=0)",
            " + gamma * Xhat.mean(axis=0)",
        ),
        (
            "β subtracts mean(x̂) without γ",
            " - gamma * Xhat.mean(axis=0)",
            " - Xhat.mean(axis=0)",
        ),
        (
            "n − 1 in the covariance, n in the variance",
            "(x * y).mean(axis=0)",
            "(x * y).sum(axis=0) / (len(x) - 1)",
        ),
        (
            "β is the mean target; γ·mean(x̂) is forgotten",
            " - gamma * Xhat.mean(axis=0)",
            "",
        ),
        (
            "moments along each row, not over the batch",
            "x, y = Xhat - Xhat.mean(axis=0), Y - Y.mean(axis=0)",
            "x, y = (a - a.mean(axis=1, keepdims=True) for a in (Xhat, Y))",
        ),
        ("a matrix product in place of ∘", "(W.T @ W) * S", "W.T @ W @ S"),
        ("S is left out", "(W.T @ W) * S", "W.T @ W"),
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
        ("n is in C alone", "S, M = Xhat.T @ Xhat / n", "S, M = Xhat.T @ Xhat"),
        (
            "W is undone first, then each feature by itself",
            HADAMARD,
            "(Xhat * (Y @ np.linalg.pinv(W).T)).mean(axis=0) / (Xhat**2).mean(axis=0)",
        ),
        (
            "centred moments, as if there were a β",
            "n = len(Xhat)",
            "n, Xhat, Y = len(Xhat), Xhat - Xhat.mean(axis=0), Y - Y.mean(axis=0)",
        ),
    ],
    "prior_shift": [
        (
            "log π_t alone, π_s is forgotten",
            "np.log(target / source)",
            "np.log(target)",
        ),
        (
            "the ratio is upside down",
            "np.log(target / source)",
            "np.log(source / target)",
        ),
        ("the ratio without its log", "np.log(target / source)", "target / source"),
        ("the difference of the priors", "np.log(target / source)", "target - source"),
        ("logarithms to base 2", "np.log(target / source)", "np.log2(target / source)"),
        (
            "the mean prediction in place of π_s",
            "np.log(target / source)",
            "np.log(target / softmax(Z).mean(axis=0))",
        ),
        ("b is not centred", "return b - b.mean(), softmax", "return b, softmax"),
        (
            "P is the source's: the bias was not used",
            "softmax(Z + b)\n    # END",
            "softmax(Z)\n    # END",
        ),
        (
            "b was added to probabilities, not to logits",
            "softmax(Z + b)\n    # END",
            "softmax(softmax(Z) + b)\n    # END",
        ),
        (
            "the logits were multiplied by the ratio",
            "softmax(Z + b)\n    # END",
            "softmax(Z * target / source)\n    # END",
        ),
        (
            "P is not normalised",
            "softmax(Z + b)\n    # END",
            "softmax(Z) * target / source\n    # END",
        ),
        ("one sweep only", "for _ in range(sweeps)", "for _ in range(1)"),
        (
            "log of the target alone",
            "b = b + np.log(target) - np.log(softmax(Z + b).mean(axis=0))",
            "b = np.log(target)",
        ),
        (
            "the softmax forgets b",
            "softmax(Z + b).mean(axis=0)",
            "softmax(Z).mean(axis=0)",
        ),
        (
            "the mean of the logs, not the log of the mean",
            "np.log(softmax(Z + b).mean(axis=0))",
            "np.log(softmax(Z + b)).mean(axis=0)",
        ),
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
}
