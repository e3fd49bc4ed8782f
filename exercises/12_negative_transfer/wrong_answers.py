"""Named wrong answers: small edits of the solutions, to be caught and named."""

GAP = "gap, error = (b - c) / N, math.sqrt(b + c - (b - c) ** 2 / N) / N"
P = "(2 * sum(ways) - ways[k]) / 2**n"
A = "A = np.linalg.inv(X.T @ X + 2 * n * lam * np.eye(d))"
Q = "Q = (2 * n * lam) ** 2 * A @ Sigma @ A"
BOTH = "return float(size - 2 * along), float(along / size)"
STEP = "theta = theta - lr * X.T @ (X @ theta - y) / len(X)"
WHILE = "while len(losses) <= steps and len(losses) - 1 - at < patience:"
BETTER = "if losses[-1] < losses[at]:"
KEEP = "best, at = theta, len(losses) - 1"
END = "return np.array(best), at, np.array(losses)"
P_VALUE = "return 2 * sum(math.comb(n, j) for j in range(min(i, n - i) + 1)) / 2**n"
SHARE = "share = (1 + gap / discordance) / 2"
TABLES = "if p_value(N, i) <= alpha]"
OVER = "reached = sum(binomial(N, n, discordance) * rejects[n] for n in range(N + 1))"

WRONG = {
    "compare_models": [
        (
            "the sign: the second's errors minus the first's",
            "gap, error = (b - c)",
            "gap, error = (c - b)",
        ),
        ("the gap lost its sign", "error = (b - c) / N", "error = abs(b - c) / N"),
        (
            "divided by the discordant examples, not by all N",
            "error = (b - c) / N",
            "error = (b - c) / max(n, 1)",
        ),
        (
            "a count, not a rate: it is not divided by N",
            "error = (b - c) / N",
            "error = b - c",
        ),
        ("only b: c is not subtracted", "error = (b - c) / N", "error = b / N"),
        (
            "the first's error rate alone",
            "return gap, error",
            "return float(first_wrong.mean()), error",
        ),
        (
            "unpaired: p(1 − p)/N + q(1 − q)/N",
            "    ways",
            "    error = math.sqrt((first_wrong.var() + second_wrong.var()) / N)\n    ways",
        ),
        ("(b − c)²/N is not subtracted", "b + c - (b - c) ** 2 / N)", "b + c)"),
        (
            "(b − c)² is not divided by N",
            "math.sqrt(b + c - (b - c) ** 2 / N)",
            "math.sqrt(abs(b + c - (b - c) ** 2))",
        ),
        ("the root is missing", "return gap, error", "return gap, error**2"),
        ("divided by √N, not by N", "/ N) / N", "/ N) / math.sqrt(N)"),
        (
            "the standard error of a discordant example",
            "/ N) / N",
            "/ N) / max(n, 1)",
        ),
        (
            "N − 1 instead of N: (12.2) is the bootstrap's",
            "/ N) / N",
            "/ N) / math.sqrt(N * (N - 1))",
        ),
        ("one-sided: the other tail is missing", P, "(sum(ways) - ways[k] / 2) / 2**n"),
        ("the exact p, not the mid-p", P, "min(1.0, 2 * sum(ways) / 2**n)"),
        ("P(B = k) does not count at all", P, "2 * (sum(ways) - ways[k]) / 2**n"),
        (
            "the χ² approximation",
            P,
            "math.erfc(abs(b - c) / math.sqrt(2 * max(n, 1)))",
        ),
        (
            "the corrected χ²",
            P,
            "math.erfc(max(abs(b - c) - 1, 0) / math.sqrt(2 * max(n, 1)))",
        ),
        ("b instead of min(b, c)", "b + c, min(b, c)", "b + c, b"),
        (
            "N coins: examples that both get right were tossed too",
            "    ways",
            "    n = N\n    ways",
        ),
        (
            "errors that both make are in b and c",
            "    ways",
            "    b, c = int(first_wrong.sum()), int(second_wrong.sum())\n"
            "    n, k = b + c, min(b, c)\n    ways",
        ),
        ("the probability of this table alone", P, "ways[k] / 2**n"),
    ],
    "risk_gap": [
        (
            "the sign: scratch minus transfer",
            "float(size - 2 * along)",
            "float(2 * along - size)",
        ),
        (
            "Euclidean distances: ‖θ_T − θ0‖² − ‖θ_T‖²",
            "float(size - 2 * along)",
            "float(theta0 @ theta0 - 2 * theta0 @ theta_T)",
        ),
        (
            "distances in Σ alone: the data shrink nothing",
            "float(size - 2 * along)",
            "float(theta0 @ Sigma @ theta0 - 2 * theta0 @ Sigma @ theta_T)",
        ),
        (
            "nλ instead of 2nλ",
            f"{A}\n    {Q}",
            A.replace("2 * n", "n") + "\n    Q = (n * lam) ** 2 * A @ Sigma @ A",
        ),
        (
            "2λ instead of 2nλ",
            f"{A}\n    {Q}",
            A.replace("2 * n", "2") + "\n    Q = (2 * lam) ** 2 * A @ Sigma @ A",
        ),
        (
            "λ instead of 2nλ",
            f"{A}\n    {Q}",
            A.replace("2 * n * ", "") + "\n    Q = lam ** 2 * A @ Sigma @ A",
        ),
        ("(2nλ)² is missing before A Σ A", Q, "Q = A @ Sigma @ A"),
        ("2nλ without its square", "(2 * n * lam) ** 2", "(2 * n * lam)"),
        ("Σ is missing", "A @ Sigma @ A", "A @ A"),
        ("XᵀX/n instead of Σ", "A @ Sigma @ A", "A @ X.T @ X @ A / n"),
        (
            "the risk of transfer alone",
            "float(size - 2 * along)",
            "float((theta0 - theta_T) @ Q @ (theta0 - theta_T))",
        ),
        ("θ0ᵀQθ_T once, not twice", "float(size - 2 * along)", "float(size - along)"),
        ("θ0ᵀQθ_T is not subtracted", "float(size - 2 * along)", "float(size)"),
        (
            "2s: where the gap is 0 again, not where it is least",
            "float(along / size)",
            "float(2 * along / size)",
        ),
        ("s upside down", "float(along / size)", "float(size / along)"),
        (
            "the projection without Q",
            "float(along / size)",
            "float(theta0 @ theta_T / (theta0 @ theta0))",
        ),
        (
            "the projection in Σ",
            "float(along / size)",
            "float(theta0 @ Sigma @ theta_T / (theta0 @ Sigma @ theta0))",
        ),
        (
            "divided by θ_TᵀQθ_T",
            "float(along / size)",
            "float(along / (theta_T @ Q @ theta_T))",
        ),
        ("θ0ᵀQθ_T is not divided", "float(along / size)", "float(along)"),
        (
            "1 − s: the share that is left out",
            "float(along / size)",
            "float(1 - along / size)",
        ),
        ("the sign of s", "float(along / size)", "float(-along / size)"),
        (
            "s was kept between 0 and 1",
            "float(along / size)",
            "float(np.clip(along / size, 0, 1))",
        ),
    ],
    "stop_pretraining": [
        ("the last θ, not the best one", "np.array(best)", "np.array(theta)"),
        ("it never stops: patience is ignored", WHILE, "while len(losses) <= steps:"),
        ("it stops one step too late", "- at < patience", "- at <= patience"),
        ("it stops one step too early", "- at < patience", "- at < patience - 1"),
        (
            "V is compared with the step before, not with the smallest",
            BETTER,
            "if losses[-1] < losses[-2]:",
        ),
        (
            "it watches the source's loss",
            f"{STEP}\n        losses.append(V(theta))\n        {BETTER}",
            f"{STEP}\n        losses.append(V(theta))\n"
            "        own = [*own, np.sum((X @ theta - y) ** 2)] if len(losses) > 2 else "
            "[np.inf, np.sum((X @ theta - y) ** 2)]\n        if own[-1] < own[at]:",
        ),
        ("steps are counted from 1", "np.array(best), at,", "np.array(best), at + 1,"),
        (
            "the last step, not the best one",
            "np.array(best), at,",
            "np.array(best), len(losses) - 1,",
        ),
        ("the gradient is not divided by n", "(X @ theta - y) / len(X)", "(X @ theta - y)"),
        (
            "2/n instead of 1/n: the ½ of L is lost",
            "theta - lr * X.T",
            "theta - 2 * lr * X.T",
        ),
        ("the step goes up the gradient", "theta - lr * X.T", "theta + lr * X.T"),
        ("V of step 0 is missing", "np.array(losses)", "np.array(losses[1:])"),
        ("V of the last step is missing", "np.array(losses)", "np.array(losses[:-1])"),
        ("V is not divided by 2m", "** 2) / (2 * len(X_valid))", "** 2)"),
        ("the ½ of V is missing", "(2 * len(X_valid))", "len(X_valid)"),
        ("only the smallest V", "np.array(losses)", "min(losses)"),
    ],
    "examples_needed": [
        ("one-sided p-values", "return 2 * sum", "return sum"),
        (
            "mid-p instead of the exact p",
            P_VALUE,
            P_VALUE.replace("/ 2**n", "/ 2**n - math.comb(n, i) / 2**n"),
        ),
        (
            "χ² instead of the exact p",
            P_VALUE,
            "return math.erfc(abs(n - 2 * i) / math.sqrt(2 * n))",
        ),
        ("alpha/2 on top of two sides", TABLES, "if p_value(N, i) <= alpha / 2]"),
        ("the gap is not divided by ψ", "gap / discordance", "gap"),
        (
            "the gap among discordant examples is half of what it must be",
            SHARE,
            "share = (1 + gap / discordance / 2) / 2",
        ),
        ("every example is discordant", OVER, "reached = rejects[N]"),
        (
            "Nψ discordant examples, not a random number of them",
            OVER,
            "reached = rejects[round(N * discordance)]",
        ),
        (
            "N is the number of discordant examples",
            "return N, reached",
            "return max(1, round(N * discordance)), reached",
        ),
        (
            "one example too few",
            "return N, reached",
            "return N - 1, sum(binomial(N - 1, n, discordance) * rejects[n] "
            "for n in range(N))",
        ),
        (
            "1 − power: the chance to miss it",
            "if reached >= power",
            "if reached >= 1 - power",
        ),
        ("`most` is not heeded", "range(1, most + 1)", "range(1, 161)"),
        ("`most` itself is not tried", "range(1, most + 1)", "range(1, most)"),
        (
            "(0, 0.0) where `most` does not suffice",
            "return N, reached",
            "return (N, reached) if reached >= power else (0, 0.0)",
        ),
    ],
}
