"""Named wrong answers: small edits of the solutions, to be caught and named."""

GRADIENT = "g = X.T @ (X @ theta - y) / len(y) + decay * theta"
VELOCITY = "v[on] = mu * v[on] + g[on]"
MOVE = "theta[on] -= lr * v[on]"
BIAS = "b @ M @ b, "
SPREAD = "sigma**2 * np.trace(M[np.ix_(T, T)] @ P @ P.T)"
TUNED = "b[T] = P @ (Phi[:, F] @ delta[F]) - delta[T] + P @ (Phi[:, T] @ delta[T])"
KEY = "sum(risk(Phi, M, delta, np.isin(groups, on), sigma))"
NEEDED = "max(1, int(np.ceil(4 * variance / half**2 - 1e-9)))"
MEAN = "return bias2.mean(), variance.mean()"
PASSES = "passes = 1 + bool(trains[i]) + any(trains[:i])"
KEPT = "kept += a if trains[i] else 0"

WRONG = {
    "frozen_run": [
        ("decay moves the frozen entries", f"{VELOCITY}\n        {MOVE}",
         "v = mu * v + np.where(on, g, decay * theta)\n        theta -= lr * v"),
        ("momentum moves the frozen entries", f"{VELOCITY}\n        {MOVE}",
         "v = mu * v + g * on\n        theta -= lr * v"),
        ("v fades while an entry is frozen", VELOCITY, "v = mu * v + g * on"),
        ("an entry thaws one step late", "on = thaw <= t", "on = thaw < t"),
        ("an entry thaws one step early", "on = thaw <= t", "on = thaw <= t + 1"),
        ("steps are counted from 0 again after a resume", "range(first, last)",
         "range(last - first)"),
        ("v is emptied at the start of every run", "theta.copy(), v.copy()",
         "theta.copy(), 0 * v"),
        ("v of frozen entries is set to 0", VELOCITY,
         "v = np.where(on, mu * v + g, 0)"),
        ("the decay is left out", " + decay * theta", ""),
        ("the momentum is left out", "mu * v[on] + g[on]", "g[on]"),
        ("the gradient is not divided by n", " / len(y)", ""),
        ("(1 − mu)·g instead of g", GRADIENT,
         "g = (1 - mu) * X.T @ (X @ theta - y) / len(y) + decay * theta"),
        ("frozen entries are taken as 0 in Xθ", "X @ theta - y", "X @ (theta * on) - y"),
        ("the thawed and the frozen are swapped", "on = thaw <= t", "on = thaw > t"),
        ("the decay pulls to the start, not to 0",
         "theta, v = theta.copy(), v.copy()\n    for t in range(first, last):\n"
         f"        on = thaw <= t\n        {GRADIENT}",
         "theta, v, start = theta.copy(), v.copy(), theta.copy()\n"
         "    for t in range(first, last):\n        on = thaw <= t\n        "
         + GRADIENT.replace("decay * theta", "decay * (theta - start)")),
    ],
    "risk": [
        ("what the frozen columns leave is not fitted: P Φ_F δ_F is left out", TUNED,
         "b[T] = P @ (Phi[:, T] @ delta[T]) - delta[T]"),
        ("the sign of P Φ_F δ_F", "b[T] = P @", "b[T] = -P @"),
        ("tuned columns have no bias at all", TUNED, "b[T] = 0"),
        ("the frozen columns are set to 0, not kept at θ0", "-delta.astype(float)",
         "0 * delta - 1.0"),
        ("M is left out of the bias", BIAS, "b @ b, "),
        ("the diagonal of M alone", BIAS, "b @ (np.diag(M) * b), "),
        ("delta itself: nothing was fitted", BIAS, "delta @ M @ delta, "),
        ("Φ's own points instead of M", BIAS, "np.mean((Phi @ b) ** 2), "),
        ("the noise is in the bias too", BIAS, "b @ M @ b + sigma**2, "),
        ("sigma instead of sigma²", "sigma**2 * np.trace", "sigma * np.trace"),
        ("M is left out of the variance", SPREAD, "sigma**2 * np.sum(P**2)"),
        ("σ² k/n: the variance on the training points", SPREAD,
         "sigma**2 * len(T) / len(Phi)"),
        ("divided by n", SPREAD, SPREAD + " / len(Phi)"),
        ("the noise sigma² is in it: the risk, not the excess", SPREAD,
         SPREAD + " + sigma**2"),
        ("the smallest bias² wins, whatever the variance", KEY,
         KEY.replace("sum(risk", "(risk") + "[0]"),
        ("the complement: the groups to freeze", "np.isin(groups, on)",
         "~np.isin(groups, on)"),
    ],
    "measured": [
        ("the correction is left out", " - variance / len(outputs)", ""),
        ("the correction is added", "- variance / len(outputs)",
         "+ variance / len(outputs)"),
        ("the variance is not divided by K", "variance / len(outputs)", "variance"),
        ("divided by K − 1 instead of K", "/ len(outputs)", "/ (len(outputs) - 1)"),
        ("averaged over points before squaring", MEAN,
         "return (outputs.mean(axis=0) - truth).mean() ** 2, variance.mean()"),
        ("the mean squared error, variance and all", MEAN,
         "return ((outputs - truth) ** 2).mean(), variance.mean()"),
        ("the truth is left out", "axis=0) - truth)", "axis=0))"),
        ("bias² and variance are swapped", MEAN,
         "return variance.mean(), bias2.mean()"),
        ("divided by K, not by K − 1", ", ddof=1", ""),
        ("the variance of all numbers together", MEAN,
         "return bias2.mean(), outputs.var(ddof=1)"),
        ("the standard deviation", MEAN,
         "return bias2.mean(), np.sqrt(variance).mean()"),
        ("around the truth, not around the mean", MEAN, "return bias2.mean(), "
         "((outputs - truth) ** 2).sum() / (len(outputs) - 1) / len(truth)"),
        ("one standard error instead of two", NEEDED, NEEDED.replace("4 * ", "")),
        ("the number is cut off, not rounded up", NEEDED,
         "max(1, int(4 * variance / half**2 + 1e-9))"),
        ("half is not squared", NEEDED, NEEDED.replace("half**2", "half")),
        ("2·variance instead of 4·variance", NEEDED, NEEDED.replace("4 * ", "2 * ")),
    ],
    "step_cost": [
        ("backward goes down to the input, frozen or not", PASSES,
         "passes = 1 + bool(trains[i]) + (i > 0)"),
        ("the input of the lowest trained layer gets a gradient", "any(trains[:i])",
         "any(trains[: i + 1])"),
        ("frozen layers cost nothing in backward", "any(trains[:i])",
         "(bool(trains[i]) and any(trains[:i]))"),
        ("every weight gets a gradient", "bool(trains[i])", "1"),
        ("the forward pass is left out", "passes = 1 + ", "passes = "),
        ("the gradients of the inputs are left out", " + any(trains[:i])", ""),
        ("the gradients of the weights are left out", " + bool(trains[i])", ""),
        ("two FLOPs per multiplication", "passes * a * b", "2 * passes * a * b"),
        ("the whole backward pass is twice the forward", PASSES, "passes = 3"),
        ("the inputs of all layers are kept", KEPT, "kept += a"),
        ("the inputs of all layers above the lowest trained are kept", KEPT,
         "kept += a if any(trains[: i + 1]) else 0"),
        ("the outputs are kept, not the inputs", KEPT, "kept += b if trains[i] else 0"),
        ("the weights are counted as kept", KEPT, "kept += a + a * b if trains[i] else 0"),
    ],
}  # fmt: skip
