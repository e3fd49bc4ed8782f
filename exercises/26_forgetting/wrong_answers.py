"""Named wrong answers: small edits of the solutions, to be caught and named."""

F = "f = learned[:-1] - R[-1, :-1]"
PEAK = "R[j:-1, j].max() for j in range(T - 1)"
COUNTS = "np.array([len(c) for c in classes])"
TRUE = "(P[:, :, None, None] * every).sum(axis=1).mean(axis=0)"
DRAWN = "(np.cumsum(P, axis=1) > u[:, None]).argmax(axis=1)"
PARTS = "[g[i : i + batch].mean(axis=0) ** 2 for i in range(0, n, batch)]"
LOCAL = "local = q[t] * (ratio[t] - k[t])"
LATER = "sum(discount ** (s - t) * k[s] for s in range(t + 1, L))"
STEP = "D = W - step - W0\n        W = W0 + D - (D @ V) @ V.T"

WRONG = {
    "forgetting_table": [
        ("the sign: a drop is negative", F, "f = R[-1, :-1] - learned[:-1]"),
        (
            "a share of what was learned, not a difference",
            F,
            f"{F}\n    f = f / learned[:-1]",
        ),
        (
            "the first row after learning, not R[j, j]",
            F,
            "f = np.diagonal(R, -1) - R[-1, :-1]",
        ),
        ("peak is R[j, j] once more", PEAK, "R[j, j] for j in range(T - 1)"),
        ("peak may be at the end too", PEAK, PEAK.replace("j:-1", "j:")),
        (
            "the tasks count alike, not their images",
            COUNTS,
            "np.ones(len(classes))",
        ),
        (
            "weighted by the number of classes, not of images",
            COUNTS,
            "np.array([len(np.unique(c)) for c in classes])",
        ),
        ("the last task is counted as old", "old @ f / old.sum()", "old @ f / n.sum()"),
        (
            "the mean of peak, not of f",
            "old @ f / old.sum()",
            "old @ peak / old.sum()",
        ),
        (
            "the last task is missing in final and after",
            "n @ R[-1] / n.sum(), n @ learned / n.sum()",
            "old @ R[-1, :-1] / old.sum(), old @ learned[:-1] / old.sum()",
        ),
        (
            "final and after are exchanged",
            "n @ R[-1] / n.sum(), n @ learned / n.sum()",
            "n @ learned / n.sum(), n @ R[-1] / n.sum()",
        ),
    ],
    "five_fishers": [
        (
            "empirical where true was asked",
            f"true = {TRUE}",
            "true = (slopes(y) ** 2).mean(axis=0)",
        ),
        (
            "argmax where true was asked",
            f"true = {TRUE}",
            "true = (slopes(P.argmax(axis=1)) ** 2).mean(axis=0)",
        ),
        (
            "the classes count alike, without p",
            TRUE,
            "every.sum(axis=1).mean(axis=0)",
        ),
        (
            "the mean over the classes, without p",
            TRUE,
            "every.mean(axis=(0, 1))",
        ),
        ("p² (1 − p)² x²: p is squared too", "(P[:", "(P[:, :, None, None] * P[:"),
        ("a sum over the examples, not the mean", "1).mean(axis=0)", "1).sum(axis=0)"),
        (
            "argmax where sampled was asked",
            f"drawn = {DRAWN}",
            "drawn = P.argmax(axis=1)",
        ),
        ("empirical where sampled was asked", f"drawn = {DRAWN}", "drawn = y"),
        (
            "the classes are drawn evenly, u K rounded down",
            DRAWN,
            "(u * K).astype(int)",
        ),
        (
            "empirical where argmax was asked",
            "slopes(P.argmax(axis=1))",
            "slopes(y)",
        ),
        (
            "one batch of all: the full gradient, squared",
            PARTS,
            "[g.mean(axis=0) ** 2]",
        ),
        (
            "empirical where batch was asked",
            PARTS,
            "[(g**2).mean(axis=0)]",
        ),
        (
            "the sum over a batch, squared",
            PARTS,
            PARTS.replace(".mean(axis=0)", ".sum(axis=0)"),
        ),
        (
            "a batch counts by its size",
            "np.mean(parts, axis=0)",
            "np.average(parts, 0, [len(g[i : i + batch]) for i in range(0, n, batch)])",
        ),
        (
            "a sum over the batches, not the mean",
            "np.mean(parts, axis=0)",
            "np.sum(parts, axis=0)",
        ),
    ],
    "on_policy_gradient": [
        ("the score term is left out: discount 0", LATER, "0.0"),
        ("the discount is 1", LATER, LATER.replace("discount ** (s - t) * ", "")),
        (
            "the discount is not raised to a power",
            LATER,
            LATER.replace(" ** (s - t)", ""),
        ),
        ("the local term is left out", LOCAL, "local = 0 * q[t]"),
        (
            "the forward KL, p log(p/q), in the local term",
            LOCAL,
            "local = q[t] - np.exp(logp[t, before[t]])",
        ),
        ("the local term is not centred", LOCAL, "local = q[t] * ratio[t]"),
        (
            "the score is one-hot, without − q",
            "(np.eye(V)[x[t]] - q[t])",
            "np.eye(V)[x[t]]",
        ),
        (
            "the teacher writes the sequences",
            "np.prod([q[t, x[t]] for t in range(L)])",
            "np.exp(sum(logp[t, sum(x[:t]) % V, x[t]] for t in range(L)))",
        ),
        (
            "all sequences count alike",
            "np.prod([q[t, x[t]] for t in range(L)])",
            "1 / V**L",
        ),
        (
            "the teacher sees the last token, not the sum",
            "[sum(x[:t]) % V for t in range(L)]",
            "(0, *x[:-1])",
        ),
        ("divided by the length", "return G", "return G / L"),
        ("the sign: the way up", "return G", "return -G"),
    ],
    "protected_run": [
        (
            "the gradient is projected, not Adam's step",
            "g = E.T @ X / len(X)",
            "g = E.T @ X / len(X)\n        U, V = (V if t == 1 else U), 0 * V\n"
            "        g = g - (g @ U) @ U.T",
        ),
        (
            "the gradient is projected as well as the step",
            "g = E.T @ X / len(X)",
            "g = E.T @ X / len(X)\n        g = g - (g @ V) @ V.T",
        ),
        (
            "W itself is projected, not W − W0",
            STEP,
            "D = W - step\n        W = D - (D @ V) @ V.T",
        ),
        ("nothing is projected", STEP, "W = W - step"),
        (
            "the span of the old inputs is kept, its complement is lost",
            STEP,
            STEP.replace("D - (D @ V) @ V.T", "(D @ V) @ V.T"),
        ),
        (
            "the new inputs are protected",
            "svd(X_old, full",
            "svd(X, full",
        ),
        (
            "the old inputs are not made orthogonal",
            "V = Vt[s > 1e-10 * s[0]].T",
            "V = (X_old / np.linalg.norm(X_old, axis=1, keepdims=True)).T",
        ),
        (
            "the first old input alone",
            "svd(X_old, full",
            "svd(X_old[:1], full",
        ),
        (
            "gradient descent, not Adam",
            "step = lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)",
            "step = lr * g",
        ),
        (
            "Adam without its bias correction",
            "(m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)",
            "m / (np.sqrt(v) + 1e-8)",
        ),
        ("the step goes up the gradient", "g = E.T @ X", "g = -E.T @ X"),
        ("the loss is twice as large, |E|²/n", "/ (2 * len(X))", "/ len(X)"),
        ("sums, not means", "/ (2 * len(X))", "/ 2"),
        (
            "the loss after the last step is missing",
            "np.array(losses)",
            "np.array(losses[:-1])",
        ),
    ],
}
