"""Named wrong answers: small edits of the solutions, to be caught and named."""

JOINED = "g = n[has] @ G[has] / total"
LOSS = "loss = float(n[has] @ losses[has] / total)"
BOTH = f"{JOINED}\n    {LOSS}"
CUT = "if norm > max_norm:"
SENT = "sent = 2 * N - chunk[(r + 1) % p] - chunk[(r + 2) % p]"
LONGEST = "longest = 2 * (p - 1) * int(chunk.max())"
SPREAD = "var = n @ (variances + (means - mean) ** 2) / total"
MEAN = "mean = n @ means / total"
UNBIASED = "unbiased = var * total / (total - 1)"
RETURN = "return mean, var, (1 - momentum) * running + momentum * unbiased"
MEAN_G = "g = total / count"
ROWS = "rows = [batch for rank in parts for batch in rank]"
SLOPES = "[X.T @ (X @ w - y) / len(y) for X, y in {}]"
PER_RANK = (
    "[sum(X.T @ (X @ w - y) for X, y in r) / sum(len(y) for _, y in r) for r in parts]"
)
CLIP = "g = g * min(1.0, max_norm / norms[-1])"
MOVE = "w = w - lr * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)"


def joined(gradient, loss):
    return BOTH, f"g = {gradient}\n    loss = float({loss})"


WRONG = {
    "join_gradients": [
        (
            "mean of means: every rank counts the same",
            *joined("G[has].mean(axis=0)", "losses[has].mean()"),
        ),
        ("the means are summed", *joined("G[has].sum(axis=0)", "losses[has].sum()")),
        (
            "not divided by the count",
            *joined("n[has] @ G[has]", "n[has] @ losses[has]"),
        ),
        (
            "divided by the number of ranks",
            *joined("n[has] @ G[has] / len(n)", "n[has] @ losses[has] / len(n)"),
        ),
        (
            "divided by the first rank's count",
            *joined("n[has] @ G[has] / n[has][0]", "n[has] @ losses[has] / n[has][0]"),
        ),
        (
            "divided twice",
            *joined("n[has] @ G[has] / total**2", "n[has] @ losses[has] / total**2"),
        ),
        ("the first rank alone", *joined("G[has][0]", "losses[has][0]")),
        (
            "clipped on every rank, before the sum",
            CUT,
            "g = n[has] @ np.array([row * min(1, max_norm / np.linalg.norm(row)) for row "
            "in G[has]]) / total\n    if False:",
        ),
        ("not clipped", CUT, "if False:"),
        ("always scaled to max_norm", CUT, "if True:"),
        (
            "the norm after clipping",
            "return g, norm, loss",
            "return g, float(np.linalg.norm(g)), loss",
        ),
        (
            "the loss is the mean of the ranks' losses",
            LOSS,
            "loss = float(losses[has].mean())",
        ),
    ],
    "ring_bytes": [
        ("2N on every rank", SENT, "sent = 2 * N + 0 * r"),
        (
            "one half of the ring only",
            f"{SENT}\n    {LONGEST}",
            "sent = N - chunk[(r + 1) % p]\n    longest = (p - 1) * int(chunk.max())",
        ),
        (
            "all ranks' bytes, not each one's",
            SENT,
            SENT + "\n    sent = 0 * sent + sent.sum()",
        ),
        (
            "numbers, not bytes",
            "return sent * itemsize, longest * itemsize",
            "return sent, longest",
        ),
        (
            "N is cut down to a multiple of p",
            "each, more = divmod(N, p)",
            "each, more = N // p, 0\n    N = each * p",
        ),
        (
            "every chunk as long as the longest",
            SENT,
            "sent = 2 * (p - 1) * int(chunk.max()) + 0 * r",
        ),
        (
            "the last chunks are the longer ones",
            SENT,
            "chunk = chunk[::-1]\n    " + SENT,
        ),
        (
            "the same chunk is left out in both halves",
            SENT,
            "sent = 2 * N - 2 * chunk[(r + 1) % p]",
        ),
        (
            "a rank leaves out its own chunk first",
            SENT,
            "sent = 2 * N - chunk[r] - chunk[(r + 1) % p]",
        ),
        (
            "a round takes as long as a mean message",
            LONGEST,
            "longest = 2 * (p - 1) * N / p",
        ),
        (
            "the largest rank's bytes, not the largest messages",
            LONGEST,
            "longest = int(sent.max())",
        ),
    ],
    "joint_statistics": [
        ("the mean of the means: every rank counts the same", MEAN, "mean = means.mean(0)"),
        (
            "the ranks' means do not count as variance",
            SPREAD,
            "var = n @ variances / total",
        ),
        ("the mean of the variances", SPREAD, "var = variances.mean(axis=0)"),
        (
            "only the variance between the ranks",
            SPREAD,
            "var = n @ (means - mean) ** 2 / total",
        ),
        (
            "every rank counts the same in the variance",
            SPREAD,
            "var = (variances + (means - mean) ** 2).mean(axis=0)",
        ),
        ("the running variance is biased", UNBIASED, "unbiased = var"),
        (
            "number of ranks in n/(n − 1)",
            UNBIASED,
            "unbiased = var * len(n) / (len(n) - 1)",
        ),
        (
            "var is unbiased",
            RETURN,
            RETURN.replace("return mean, var,", "return mean, unbiased,"),
        ),
        (
            "momentum and 1 − momentum are exchanged",
            RETURN,
            "return mean, var, momentum * running + (1 - momentum) * unbiased",
        ),
        (
            "the first rank alone",
            f"{MEAN}\n    {SPREAD}",
            "mean, var = means[0], variances[0]",
        ),
        (
            "standard deviation, not variance",
            RETURN,
            RETURN.replace("mean, var,", "mean, np.sqrt(var),"),
        ),
    ],
    "train_ranks": [
        (
            "mean of means over the micro-batches",
            MEAN_G,
            f"g = np.mean({SLOPES.format('rows')}, axis=0)",
        ),
        ("mean of means over the ranks", MEAN_G, f"g = np.mean({PER_RANK}, axis=0)"),
        ("the ranks' means are summed", MEAN_G, f"g = np.sum({PER_RANK}, axis=0)"),
        ("not divided by the count", MEAN_G, "g = total"),
        (
            "the first rank alone",
            MEAN_G,
            f"g = {PER_RANK}[0]",
        ),
        (
            "only the last micro-batch of every rank",
            MEAN_G,
            "last = [r[-1] for r in parts]\n        g = sum(X.T @ (X @ w - y) for X, y in "
            "last) / sum(len(y) for _, y in last)",
        ),
        ("the ½ of the loss is missing in the gradient", MEAN_G, "g = 2 * total / count"),
        (
            "clipped on every rank, before the sum",
            CLIP,
            f"k = [sum(len(y) for _, y in r) for r in parts]\n        g = sum(c * s * min("
            f"1.0, max_norm / np.linalg.norm(s)) for c, s in zip(k, {PER_RANK})) / count",
        ),
        ("not clipped", CLIP, "g = g * 1.0"),
        (
            "the norm after clipping",
            CLIP,
            CLIP + "\n        norms[-1] = np.linalg.norm(g)",
        ),
        (
            "the moments are not corrected",
            MOVE,
            "w = w - lr * m / (np.sqrt(v) + 1e-8)",
        ),
        ("the step goes up the gradient", MOVE, MOVE.replace("w - lr", "w + lr")),
        (
            "losses: the mean square without its ½",
            "losses.append(squares / 2 / count)",
            "losses.append(squares / count)",
        ),
        (
            "losses: the mean of the micro-batches' losses",
            "losses.append(squares / 2 / count)",
            "losses.append(np.mean([np.mean((X @ w - y) ** 2) / 2 for X, y in rows]))",
        ),
    ],
}
