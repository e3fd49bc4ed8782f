"""Named wrong answers: small edits of the solutions, to be caught and named."""

SOLVE = "np.linalg.solve(Xu.T @ X + c * np.eye(d), Xu.T @ Y + c * Theta0)"
STEP = "return theta - lr * (fit + pull)"
REST = "y - X[:, frozen] @ theta0[frozen]"
PICK = "(shared, alpha, beta)"
BOTH = "kappa * v / (2 * delta2), delta2 * v / (delta2 + v)"
RISK = "delta2 * v / (delta2 + v)"
ALL = """np.where(frozen, theta0, np.linalg.solve(
        X.T @ X + len(y) * np.diag(np.where(shared, alpha, beta)),
        X.T @ y + len(y) * alpha * np.where(shared, theta0, 0.0)))"""

WRONG = {
    "closed_form": [
        ("n·λ instead of 2n·λ", '"half_mean": 2 * n', '"half_mean": n'),
        ("2·λ instead of 2n·λ", '"half_mean": 2 * n', '"half_mean": 2'),
        ("λ instead of 2n·λ", '"half_mean": 2 * n', '"half_mean": 1'),
        ("d instead of n", '"half_mean": 2 * n', '"half_mean": 2 * d'),
        (
            "c divides instead of multiplying: λ/(2n)",
            '"half_mean": 2 * n',
            '"half_mean": 1 / (2 * n)',
        ),
        ("K forgotten: n·λ instead of n·K·λ", '"mean": n * K', '"mean": n'),
        ("2n·λ instead of n·K·λ", '"mean": n * K', '"mean": 2 * n'),
        ("2n·K·λ instead of n·K·λ", '"mean": n * K', '"mean": 2 * n * K'),
        ("d instead of K", '"mean": n * K', '"mean": n * d'),
        ("n/K instead of n·K", '"mean": n * K', '"mean": n / K'),
        ("λ instead of 2·λ", '"half_sum": 2', '"half_sum": 1'),
        ("4·λ instead of 2·λ", '"half_sum": 2', '"half_sum": 4'),
        ("n·λ instead of 2·λ", '"half_sum": 2', '"half_sum": n'),
        ("2n·λ instead of 2·λ", '"half_sum": 2', '"half_sum": 2 * n'),
        ("2·λ instead of λ", '"sum": 1', '"sum": 2'),
        ("λ/2 instead of λ", '"sum": 1', '"sum": 0.5'),
        ("n·λ instead of λ", '"sum": 1', '"sum": n'),
        ("the penalty pulls to 0, not to Θ0", "Y + c * Theta0", "Y"),
        ("minus c·Θ0 instead of plus", "Y + c * Theta0", "Y - c * Theta0"),
        ("Θ0 is not multiplied by c", "Y + c * Theta0", "Y + Theta0"),
        (
            "Θ0 was added to the ridge solution",
            SOLVE,
            "Theta0 + " + SOLVE.replace(" + c * Theta0", ""),
        ),
        (
            "all entries of XᵀX are raised by c, not its diagonal",
            "c * np.eye(d)",
            "c",
        ),
        ("the weights are ignored", "weights[:, None] * X", "X"),
        ("the weights are in XᵀX but not in XᵀY", "Xu.T @ Y", "X.T @ Y"),
        ("the weights are in XᵀY but not in XᵀX", "Xu.T @ X", "X.T @ X"),
        (
            "the weights are squared: rows of X and Y multiplied by u, not by √u",
            "weights[:, None] * X",
            "weights[:, None] ** 2 * X",
        ),
        (
            "n is taken for the sum of the weights",
            "n, d = X.shape",
            "n, d = weights.sum(), X.shape[1]",
        ),
        (
            "an example of weight 0 is counted in full",
            "weights[",
            "np.where(weights, weights, 1)[",
        ),
        (
            "Theta0 was changed in place",
            f"return {SOLVE}",
            f"Theta0 *= c\n    return {SOLVE.replace('c * Theta0', 'Theta0')}",
        ),
    ],
    "gradient_step": [
        ("λ instead of 2λ", "pull = 2 * lam", "pull = lam"),
        ("the fit's gradient is not divided by n", "y) / len(y)", "y)"),
        (
            "the fit's gradient is divided by d, not by n",
            "/ len(y)",
            "/ len(theta)",
        ),
        (
            "the fit's gradient is that of ‖E‖²/n, twice too large",
            "y) / len(y)",
            "y) * 2 / len(y)",
        ),
        (
            "the fit's gradient is half as large: the ½ of J is in it still",
            "y) / len(y)",
            "y) / (2 * len(y))",
        ),
        ("the residual is y − Xθ: the data push away", "X @ theta - y", "y - X @ theta"),
        ("the pull is divided by n too", "- theta0)", "- theta0) / len(y)"),
        ("the penalty is left out", "(fit + pull)", "fit"),
        ("the data are left out", "(fit + pull)", "pull"),
        ("the penalty pulls to 0, not to θ0", "(theta - theta0)", "theta"),
        ("the penalty pushes away from θ0", "(fit + pull)", "(fit - pull)"),
        (
            "the pull is not multiplied by the learning rate",
            "lr * (fit + pull)",
            "lr * fit - pull",
        ),
        (
            "the data's gradient is not multiplied by the learning rate",
            "lr * (fit + pull)",
            "fit - lr * pull",
        ),
        ("the step goes up the gradient", "theta - lr *", "theta + lr *"),
        ("the gradient is returned, not the new θ", STEP, "return fit + pull"),
        ("only the change of θ is returned", STEP, "return -lr * (fit + pull)"),
        (
            "the step starts at θ0, not at θ",
            STEP,
            "return theta0 - lr * (fit + pull)",
        ),
        (
            "the pull is measured after the data's step",
            "(theta - theta0)",
            "(theta - lr * fit - theta0)",
        ),
        (
            "the data's gradient is measured after the pull",
            STEP,
            "later = theta - lr * pull\n"
            "    return later - lr * X.T @ (X @ later - y) / len(y)",
        ),
        (
            "the gradient of ‖θ − θ0‖, without the square",
            "pull = 2 * lam * (theta - theta0)",
            "pull = theta - theta0\n"
            "    pull = lam * pull / max(np.linalg.norm(pull), 1e-300)",
        ),
        (
            "theta was changed in place",
            STEP,
            "theta -= lr * (fit + pull)\n    return theta",
        ),
    ],
    "new_head": [
        (
            "the new head is pulled to its random start",
            "target = np.where(shared, theta0, 0.0)[free]",
            "target = theta0[free]",
        ),
        ("2n instead of n: the ½ of α/2 and β/2", "len(y) *", "2 * len(y) *"),
        ("n/2 instead of n", "len(y) *", "len(y) / 2 *"),
        ("n is missing", "len(y) * np", "np"),
        ("α and β are swapped", PICK, "(shared, beta, alpha)"),
        ("α on the new head too", PICK, "(shared, alpha, alpha)"),
        ("β on the shared part too", PICK, "(shared, beta, beta)"),
        ("the new head is not penalised", PICK, "(shared, alpha, 0)"),
        ("the shared part is not penalised", PICK, "(shared, 0, beta)"),
        ("the shared part is pulled to 0", "rest + D @ target", "rest"),
        ("θ0 is not multiplied by n·α", "D @ target", "target"),
        ("the sign of θ0 is reversed", "rest + D @", "rest - D @"),
        (
            "the frozen weights train too",
            "    free =",
            "    frozen = shared & ~shared\n    free =",
        ),
        (
            "the frozen weights are put back after the minimum over all",
            "return theta",
            f"return {ALL}",
        ),
        ("what the frozen weights predict is not taken off y", REST, "y"),
        (
            "what the frozen weights predict is added to y",
            REST,
            REST.replace("-", "+"),
        ),
        (
            "the frozen weights are set to 0",
            "    free = ~frozen",
            "    theta0 = np.where(frozen, 0.0, theta0)\n    free = ~frozen",
        ),
        (
            "all shared weights are frozen",
            "free = ~frozen",
            "frozen = shared\n    free = ~frozen",
        ),
        ("only the trained weights are returned", "return theta", "return theta[free]"),
        (
            "theta0 was changed in place",
            "theta0.copy()",
            "theta0",
        ),
    ],
    "best_lambda": [
        ("the ½ of λ* is missing", "v / (2 * delta2)", "v / delta2"),
        ("d is missing", "len(theta0) * sigma", "sigma"),
        ("n is missing", "sigma**2 / (n * kappa)", "sigma**2 / kappa"),
        ("σ instead of σ²", "sigma**2", "sigma"),
        ("‖θ0‖² instead of ‖θ_true − θ0‖²", "(theta_true - theta0) **", "theta0 **"),
        (
            "‖θ_true‖² instead of ‖θ_true − θ0‖²",
            "(theta_true - theta0) **",
            "theta_true **",
        ),
        (
            "‖θ_true − θ0‖ without the square",
            "np.sum((theta_true - theta0) ** 2)",
            "np.linalg.norm(theta_true - theta0)",
        ),
        (
            "the mean of (θ_true − θ0)², not the sum",
            "np.sum((",
            "np.mean((",
        ),
        ("1/λ* instead of λ*", "kappa * v / (2 * delta2)", "2 * delta2 / (kappa * v)"),
        ("κ is in the variance but not in w = κ/(κ + 2λ)", "return kappa * v", "return v"),
        (
            "κ is in w = κ/(κ + 2λ) but not in the variance",
            "(n * kappa)",
            "n",
        ),
        ("κ is missing in the variance", RISK, f"{RISK.replace('v', '(v * kappa)')}"),
        ("κ² instead of κ in the variance", "(n * kappa)", "(n * kappa**2)"),
        (
            "the share of the start, 1 − w, instead of λ",
            "kappa * v / (2 * delta2)",
            "v / (delta2 + v)",
        ),
        ("R* is the smaller of v and ‖θ_true − θ0‖²", RISK, "min(delta2, v)"),
        ("R* is the sum of v and ‖θ_true − θ0‖²", RISK, "delta2 + v"),
        ("R* is the mean of v and ‖θ_true − θ0‖²", RISK, "(delta2 + v) / 2"),
        ("R* is their harmonic mean, twice too large", RISK, f"2 * {RISK}"),
        ("R* includes the noise σ²", RISK, f"{RISK} + sigma**2"),
        ("R* is the bias² only", RISK, "delta2 * v**2 / (delta2 + v) ** 2"),
        ("R* is the variance only", RISK, "delta2**2 * v / (delta2 + v) ** 2"),
        (
            "λ* and R* are returned in the wrong order",
            BOTH,
            f"{RISK}, kappa * v / (2 * delta2)",
        ),
    ],
}
