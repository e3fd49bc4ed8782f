"""Named wrong answers: small edits of the solutions, to be caught and named."""

WEIGHED = "share * loss(t, new) + (1 - share) * loss(t, old)"
ALPHA = "alpha = min(max(0.5 + (first - last) / curvature, 0.0), 1.0)"
HALF = "0.5 + (first - last) / curvature"
CURVE = "curvature = 4 * (first + last - 2 * middle)"
STEP = "theta = theta - lr * X.T @ (X @ theta - y) / len(y)"
RUN = "for _ in range(steps):"
RETURN = "return mean1, var1, z.mean(axis=0), z.var(axis=0, ddof=1)"
FIRST = "mean1, var1 = h.mean(axis=0), h.var(axis=0, ddof=1)"
ACT = "a = np.maximum((h - mean1) / np.sqrt(var1 + eps), 0.0)"
OWN = """stats = []
    for A, B in zip(W1, W2):
        g = x @ A.T
        s = g.mean(axis=0), g.var(axis=0, ddof=1)
        u = np.maximum((g - s[0]) / np.sqrt(s[1] + eps), 0.0) @ B.T
        stats.append((*s, u.mean(axis=0), u.var(axis=0, ddof=1)))
    soup = [sum(w * p for w, p in zip(shares, c)) for c in zip(*stats)]
    """
ROOTS = "(s[0], s[1] ** 0.5, u.mean(axis=0), u.std(axis=0, ddof=1))"
SIGN = "sign = np.where((w * stack).sum(axis=0) >= 0, 1, -1)"
TOTAL = "total = (w * agree).sum(axis=0)"
MEAN = "mean = (w * stack * agree).sum(axis=0) / np.where(total > 0, total, 1.0)"
KEPT = "kept = int(density * flat.size + 1e-9)"
SMALL = "small = np.argsort(-np.abs(flat))[kept:]"
FLAT = "flat = np.concatenate([t.ravel() for t in tensors])"
VARIANCE = "variance = (odds * scales**2) @ taus**2"
PRICE = "return float(np.diag(H) @ variance / 2)"
LARGEST = "return budget / (budget + unit)"


def joined(stack="stack"):
    """The tasks trimmed together instead of each alone."""
    return f"""stack = np.array([np.concatenate([t.ravel() for t in v]) for v in vectors])
    every = ({stack}).ravel()
    every[np.argsort(-np.abs(every))[int(density * every.size + 1e-9) :]] = 0.0
    stack = every.reshape(stack.shape)
    """


WRONG = {
    "interpolated_run": [
        ("α of the new task alone", WEIGHED, "loss(t, new)"),
        ("α of the old task alone", WEIGHED, "loss(t, old)"),
        (
            "α of the training data, which fine-tuning fitted",
            WEIGHED,
            "loss(t, train)",
        ),
        (
            "share and 1 − share are swapped",
            WEIGHED,
            "(1 - share) * loss(t, new) + share * loss(t, old)",
        ),
        ("both tasks count alike", WEIGHED, "loss(t, new) + loss(t, old)"),
        ("half way, whatever the losses", ALPHA, "alpha = 0.5"),
        ("the fine-tuned model itself", ALPHA, "alpha = 1.0"),
        ("α is not kept in [0, 1]", ALPHA, f"alpha = {HALF}"),
        (
            "the share of the losses, L0/(L0 + L1)",
            ALPHA,
            "alpha = first / (first + last)",
        ),
        (
            "|θ1 − θ0|² for the curvature",
            CURVE,
            "curvature = np.sum((theta - theta0) ** 2)",
        ),
        ("half the curvature", CURVE, CURVE.replace("4 *", "2 *")),
        ("twice the curvature", CURVE, CURVE.replace("4 *", "8 *")),
        ("without the ½", HALF, "(first - last) / curvature"),
        ("L1 − L0, the sign turned", HALF, "0.5 + (last - first) / curvature"),
        ("1 − α for α", ALPHA, f"{ALPHA}\n    alpha = 1 - alpha"),
        ("one step too few", RUN, "for _ in range(steps - 1):"),
        ("the gradient is not divided by n", STEP, STEP.replace(" / len(y)", "")),
        ("fine-tuning starts at zero", "theta = theta0.copy()", "theta = 0 * theta0"),
        (
            "the weighted mean of both tasks' own α",
            ALPHA,
            "ends = (theta0, (theta0 + theta) / 2, theta)\n"
            "    alpha = 0.0\n"
            "    for w, data in ((share, new), (1 - share, old)):\n"
            "        a, b, c = (loss(t, data) for t in ends)\n"
            "        t = 0.5 + (a - c) / (4 * (a + c - 2 * b))\n"
            "        alpha += w * min(max(t, 0.0), 1.0)",
        ),
    ],
    "repaired_statistics": [
        (
            "the statistics are averaged, as the soup does",
            RETURN,
            OWN + "return tuple(soup)",
        ),
        (
            "standard deviations are averaged",
            RETURN,
            OWN.replace("(*s, u.mean(axis=0), u.var(axis=0, ddof=1))", ROOTS)
            + "return soup[0], soup[1] ** 2, soup[2], soup[3] ** 2",
        ),
        (
            "layer 2 is measured behind layer 1's averaged statistics",
            ACT,
            OWN + ACT.replace("mean1", "soup[0]").replace("var1", "soup[1]"),
        ),
        (
            "only layer 1 is repaired",
            RETURN,
            OWN + "return mean1, var1, soup[2], soup[3]",
        ),
        ("the statistics of the first network", RETURN, OWN + "return stats[0]"),
        ("the statistics of the last network", RETURN, OWN + "return stats[-1]"),
        (
            "the shares are ignored: an even average",
            "first = np",
            "shares = np.full(len(shares), 1 / len(shares))\n    first = np",
        ),
        (
            "layer 1 normalises with the biased variance",
            ACT,
            ACT.replace("var1", "h.var(axis=0)"),
        ),
        ("the biased variance in layer 2", RETURN, RETURN.replace(", ddof=1", "")),
        (
            "the biased variance is stored, in both layers",
            FIRST,
            "mean1, var1 = h.mean(axis=0), h.var(axis=0)\n"
            "    b = np.maximum((h - mean1) / np.sqrt(var1 + eps), 0.0) @ second.T\n"
            "    return mean1, var1, b.mean(axis=0), b.var(axis=0)",
        ),
        ("the ReLU is left out", ACT, "a = (h - mean1) / np.sqrt(var1 + eps)"),
        ("no normalisation before layer 2", ACT, "a = np.maximum(h, 0.0)"),
        (
            "the mean is not subtracted in layer 1",
            ACT,
            "a = np.maximum(h / np.sqrt(var1 + eps), 0.0)",
        ),
        ("ε stands outside the root", "np.sqrt(var1 + eps)", "(np.sqrt(var1) + eps)"),
        ("ε is left out", "np.sqrt(var1 + eps)", "np.sqrt(var1)"),
        (
            "standard deviations are returned",
            RETURN,
            "return mean1, var1**0.5, z.mean(axis=0), z.std(axis=0, ddof=1)",
        ),
        (
            "the layers are returned in the wrong order",
            RETURN,
            "return z.mean(axis=0), z.var(axis=0, ddof=1), mean1, var1",
        ),
    ],
    "weighted_ties": [
        ("the weights are left out", "np.asarray(weights)[", "np.ones(len(weights))["),
        (
            "the sign is elected without the weights",
            SIGN,
            SIGN.replace("(w * stack)", "stack"),
        ),
        (
            "elected without the weights, divided by the count: PEFT's",
            SIGN,
            SIGN.replace("(w * stack)", "stack")
            + "\n    agree = np.sign(stack) == sign"
            + "\n    stack, w = w * stack, np.ones_like(w)",
        ),
        (
            "divided by the count, not by the weights of those that agree",
            TOTAL,
            "total = agree.sum(axis=0)",
        ),
        (
            "the weights elect, but the mean is plain",
            TOTAL,
            "w = np.ones_like(w)\n    total = agree.sum(axis=0)",
        ),
        ("divided by the number of tasks", MEAN, "mean = (w * stack * agree).mean(axis=0)"),
        (
            "divided by all weights",
            MEAN,
            "mean = (w * stack * agree).sum(axis=0) / w.sum()",
        ),
        ("a sum, not a mean", MEAN, "mean = (w * stack * agree).sum(axis=0)"),
        (
            "each tensor is trimmed on its own",
            f"{KEPT}\n        {SMALL}\n        flat[small] = 0.0",
            "flat = [t.ravel().copy() for t in tensors]\n"
            "        for t in flat:\n"
            "            t[np.argsort(-np.abs(t))[int(density * t.size + 1e-9) :]] = 0.0\n"
            "        flat = np.concatenate(flat)",
        ),
        ("all tasks are trimmed together", SIGN, joined() + SIGN),
        (
            "the weights multiply before the trim of all tasks together",
            SIGN,
            joined("w * stack") + "w = np.ones_like(w)\n    " + SIGN,
        ),
        ("nothing is trimmed", "flat[small] = 0.0", "flat[small] *= 1.0"),
        (
            "density is the share that is trimmed",
            KEPT,
            "kept = int((1 - density) * flat.size + 1e-9)",
        ),
        (
            "every task has one vote, whatever its size",
            SIGN,
            SIGN.replace("(w * stack)", "np.sign(stack)"),
        ),
        (
            "votes count by weight, not by size",
            SIGN,
            SIGN.replace("(w * stack)", "(w * np.sign(stack))"),
        ),
        (
            "the sign is elected before trimming",
            SIGN,
            "raw = [np.concatenate([t.ravel() for t in v]) for v in vectors]\n    "
            + SIGN.replace("(w * stack)", "(w * np.array(raw))"),
        ),
        (
            "no election: the mean of what is kept",
            "agree = np.sign(stack) == sign",
            "agree = stack != 0",
        ),
        (
            "no election: zeros count too",
            "agree = np.sign(stack) == sign",
            "agree = np.ones(stack.shape, bool)",
        ),
        (
            "the largest by value, not by size",
            "np.argsort(-np.abs(flat))",
            "np.argsort(-flat)",
        ),
        (
            "the smallest entries are kept",
            SMALL,
            "small = np.argsort(-np.abs(flat))[: flat.size - kept]",
        ),
        (
            "vectors was changed in place",
            FLAT,
            f"{FLAT}\n        tensors[0][...] = 0.0",
        ),
    ],
    "dare_price": [
        (
            "no price: unbiased weights, so an unbiased loss",
            PRICE,
            "return 0.0",
        ),
        ("without the ½", PRICE, "return float(np.diag(H) @ variance)"),
        ("p instead of p/(1 − p)", "odds = ps / (1 - ps)", "odds = ps"),
        (
            "p(1 − p) instead of p/(1 − p)",
            "odds = ps / (1 - ps)",
            "odds = ps * (1 - ps)",
        ),
        (
            "(1 − p)/p: kept and dropped are swapped",
            "odds = ps / (1 - ps)",
            "odds = (1 - ps) / np.where(ps > 0, ps, 1.0)",
        ),
        (
            "1/(1 − p): the second moment, not the variance",
            "odds = ps / (1 - ps)",
            "odds = 1 / (1 - ps)",
        ),
        ("p/(1 − p)²", "odds = ps / (1 - ps)", "odds = ps / (1 - ps) ** 2"),
        ("λ is not squared", "scales**2", "scales"),
        ("|λ| instead of λ²", "scales**2", "np.abs(scales)"),
        ("λ is left out", VARIANCE, "variance = odds @ taus**2"),
        (
            "the whole of H, not its diagonal",
            PRICE,
            "return float(np.sum(odds * scales**2 * np.sum(taus @ H * taus, axis=1)) / 2)",
        ),
        (
            "the squared diagonal of H",
            PRICE,
            "return float(np.diag(H) ** 2 @ variance / 2)",
        ),
        ("without H", PRICE, "return float(variance.sum() / 2)"),
        ("τ is not squared", "taus**2", "np.abs(taus)"),
        (
            "one mask for all vectors",
            VARIANCE,
            "variance = ((np.sqrt(odds) * scales) @ taus) ** 2",
        ),
        (
            "the dropped sum, not the sum of the dropped",
            VARIANCE,
            "variance = np.mean(odds) * (scales @ taus) ** 2",
        ),
        ("the mean over the vectors, not the sum", VARIANCE, f"{VARIANCE} / len(ps)"),
        ("the mean p for all", "odds = ps", "ps = ps.mean() + 0 * ps\n    odds = ps"),
        ("the price has the wrong sign", PRICE, "return -float(np.diag(H) @ variance / 2)"),
        ("1 − p: the share that is kept", LARGEST, "return unit / (budget + unit)"),
        ("p/(1 − p), not solved for p", LARGEST, "return budget / unit"),
        ("a linear price: p = budget/price(½)/2", LARGEST, "return budget / unit / 2"),
        ("the ½ of (27.10) is forgotten", LARGEST, "return budget / (budget + 2 * unit)"),
        ("the budget is halved", LARGEST, "return budget / (budget + unit / 2)"),
    ],
}
