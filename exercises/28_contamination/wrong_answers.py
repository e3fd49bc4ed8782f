"""Named wrong answers: small edits of the solutions, to be caught and named."""

MEANS = "D = np.bincount(which, weights=suspect - clean) / tokens"
VALUE = "value = groups[0].mean() - groups[1].mean()"
ERROR = "error = np.sqrt(sum(d.var(ddof=1) / len(d) for d in groups))"
ALARM = "bool(value + t * error < 0)"
MU = "mu = (p * logp).sum(axis=-1)"
SIGMA = "sigma = np.sqrt((p * (logp - mu[..., None]) ** 2).sum(axis=-1))"
SORTED = "np.sort(row[:T])"
K = "max(1, int(share * T + 1e-9))"
TAKE = "row[:k].mean()"
Z = "(own - mu) / sigma"
SUMS = "(sums[:, None] + row).ravel()"
P = "p = (sums >= sums[:, None] - 1e-9).mean(axis=1)"
SIZE = "np.mean(p <= alpha + 1e-9)"
GRAMS = "range(len(row) - g + 1)}"
SEEN = "seen = set().union(*(grams(page) for page in pages))"
KEPT = "batch = batch[[not (grams(row) & seen) for row in batch]]"
GRADIENT = "(p - np.eye(V)[b]) / len(a)"

WRONG = {
    "audit_documents": [
        (
            "pieces are the unit, not documents",
            "which = np.unique(document, return_inverse=True)[1]",
            "which = np.arange(len(document))",
        ),
        (
            "the mean of the pieces' means: short pieces count as much",
            MEANS,
            "d = (suspect - clean) / counts\n"
            "    D = np.bincount(which, weights=d) / np.bincount(which)",
        ),
        (
            "totals, not means per token",
            "weights=suspect - clean) / tokens",
            "weights=suspect - clean)",
        ),
        (
            "perplexities, without their logarithm",
            MEANS,
            "s, c = (np.bincount(which, weights=x) / tokens for x in (suspect, clean))\n"
            "    D = np.exp(s) - np.exp(c)",
        ),
        (
            "all tokens of a set count alike",
            VALUE,
            "value = np.average(D[tested], weights=tokens[tested]) - np.average("
            "D[~tested], weights=tokens[~tested])",
        ),
        ("the sign is turned round", VALUE, "value = groups[1].mean() - groups[0].mean()"),
        (
            "the shadow is left out: a single difference",
            VALUE,
            "groups = groups[:1]\n    value = groups[0].mean()",
        ),
        ("the clean model is left out", "weights=suspect - clean", "weights=suspect"),
        ("ddof = 0", "ddof=1", "ddof=0"),
        (
            "the spread of D over all documents, one n",
            ERROR,
            "error = D.std(ddof=1) / np.sqrt(len(D))",
        ),
        ("the spread is not divided by n", " / len(d) for d in groups", " for d in groups"),
        ("the variance, not its root", ERROR, ERROR.replace("np.sqrt", "")),
        (
            "standard errors are added, not their squares",
            ERROR,
            "error = sum(d.std(ddof=1) / np.sqrt(len(d)) for d in groups)",
        ),
        ("any difference is an alarm", ALARM, "bool(abs(value) > t * error)"),
        ("a positive DiD is the alarm", ALARM, "bool(value - t * error > 0)"),
        ("the lower end is compared with 0", ALARM, "bool(value - t * error < 0)"),
        ("DiD itself is compared with 0", ALARM, "bool(value < 0)"),
    ],
    "lowest_tokens": [
        ("the padding counts", SORTED, "np.sort(row)"),
        ("k from the longest text", K, "max(1, int(share * Z.shape[1] + 1e-9))"),
        ("k is rounded up", K, "int(np.ceil(share * T))"),
        ("k one off", K, "max(1, int(share * T))"),
        ("the highest ones", SORTED, "-np.sort(-row[:T])"),
        ("all tokens", K, "T"),
        (
            "the sum, divided by T",
            "row[:k].mean() for row, k in zip(rows, ks)",
            "row[:k].sum() / len(row) for row, k in zip(rows, ks)",
        ),
        ("the sum of the k lowest", TAKE, "row[:k].sum()"),
        ("the k-th lowest alone", TAKE, "row[k - 1]"),
        ("the lowest one alone", TAKE, "row[0]"),
        (
            "logits, not log-probabilities",
            "own = np.take_along_axis(logp, y",
            "own = np.take_along_axis(Z, y",
        ),
        ("losses: the sign is turned round", TAKE, "-row[:k].mean()"),
        (
            "the log of the mean probability",
            TAKE,
            "np.log(np.exp(row[:k]).mean())",
        ),
        (
            "μ and σ weigh the vocabulary evenly",
            MU,
            "p = np.ones_like(p) / p.shape[-1]\n    " + MU,
        ),
        ("divided by σ²", Z, "(own - mu) / sigma**2"),
        ("not divided by σ", Z, "own - mu"),
        ("μ is not subtracted", Z, "own / sigma"),
        (
            "σ from the second moment, not about μ",
            SIGMA,
            "sigma = np.sqrt((p * logp**2).sum(axis=-1))",
        ),
        ("μ has the wrong sign: the entropy", Z, "(own + mu) / sigma"),
    ],
    "exact_order": [
        (
            "only what is larger counts: a tie is passed over",
            P,
            "p = (sums > sums[:, None] + 1e-9).mean(axis=1)",
        ),
        (
            "+ 1 as for drawn orders",
            P,
            "p = (1 + (sums >= sums[:, None] - 1e-9).sum(axis=1)) / (1 + len(sums))",
        ),
        (
            "+ 1, and the file is left out",
            P,
            "p = (sums >= sums[:, None] - 1e-9).sum(axis=1) / (1 + len(sums))",
        ),
        (
            "the file is not one of them",
            P,
            "p = ((sums >= sums[:, None] - 1e-9).sum(axis=1) - 1) / (len(sums) - 1)",
        ),
        ("the lower tail", P, "p = (sums <= sums[:, None] + 1e-9).mean(axis=1)"),
        ("all shards in the same order", SUMS, "sums + row"),
        ("the first shard alone", "for row in table:", "for row in table[:1]:"),
        ("1 − p", "return p[0],", "return 1 - p[0],"),
        ("alpha itself", SIZE, "alpha"),
        (
            "⌊α J^S⌋/J^S: as if no sums were equal",
            SIZE,
            "np.floor(alpha * len(p) + 1e-9) / len(p)",
        ),
        ("an alarm of this file: 0 or 1", SIZE, "float(p[0] <= alpha + 1e-9)"),
        ("p = alpha is no alarm", SIZE, "np.mean(p < alpha - 1e-9)"),
        ("the power 1 − size", SIZE, "np.mean(p > alpha + 1e-9)"),
        ("the count, not the share", SIZE, "np.sum(p <= alpha + 1e-9)"),
    ],
    "train_filtered": [
        ("nothing is dropped", KEPT, "batch = batch[:]"),
        (
            "only whole pages are dropped",
            SEEN,
            "g = pages.shape[1]\n    " + SEEN,
        ),
        (
            "the last g tokens of a row are passed over",
            KEPT,
            "batch = batch[[not (grams(row[:-1]) & seen) for row in batch]]",
        ),
        (
            "the last g tokens of a page are passed over",
            SEEN,
            SEEN.replace("grams(page)", "grams(page[:-1])"),
        ),
        (
            "only the first g tokens are compared",
            GRAMS,
            "range(1)}",
        ),
        (
            "the order of the g tokens does not count",
            "{tuple(row[i : i + g].tolist()) for",
            "{frozenset(row[i : i + g].tolist()) for",
        ),
        ("g + 1 tokens, not g", SEEN, "g = g + 1\n    " + SEEN),
        ("the first page alone", SEEN, "seen = grams(pages[0])"),
        (
            "divided by the pairs of the whole batch",
            GRADIENT,
            "(p - np.eye(V)[b]) / (rows[0].size - len(rows[0]))",
        ),
        ("the sum, not the mean", GRADIENT, "p - np.eye(V)[b]"),
        ("divided by the kept rows", GRADIENT, "(p - np.eye(V)[b]) / len(batch)"),
        ("the step goes up the gradient", "W = W - lr", "W = W + lr"),
        ("nothing trains", "W = W - lr", "W = W - 0 * lr"),
        (
            "how many are dropped",
            "kept.append(len(batch))",
            "kept.append(len(rows[0]) - len(batch))",
        ),
        (
            "a batch of nothing has the loss ln V",
            "losses.append(0.0)",
            "losses.append(np.log(V))",
        ),
        ("the losses have the wrong sign", "-np.log(p[", "np.log(p["),
        ("logarithms to base 2", "-np.log(p[", "-np.log2(p["),
    ],
}
