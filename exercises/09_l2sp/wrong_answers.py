"""Named wrong answers: small edits of the solutions, to be caught and named."""

SOLVE = "np.linalg.solve(X.T @ X + c * np.eye(d), X.T @ Y + c * Theta0)"

WRONG = {
    "closed_form": [
        ("n·λ in place of 2n·λ", '"half_mean": 2 * n', '"half_mean": n'),
        ("2·λ in place of 2n·λ", '"half_mean": 2 * n', '"half_mean": 2'),
        ("λ in place of 2n·λ", '"half_mean": 2 * n', '"half_mean": 1'),
        ("K forgotten: n·λ in place of n·K·λ", '"mean": n * K', '"mean": n'),
        ("2n·λ in place of n·K·λ", '"mean": n * K', '"mean": 2 * n'),
        ("2n·K·λ in place of n·K·λ", '"mean": n * K', '"mean": 2 * n * K'),
        ("λ in place of 2·λ", '"half_sum": 2', '"half_sum": 1'),
        ("n·λ in place of 2·λ", '"half_sum": 2', '"half_sum": n'),
        ("2·λ in place of λ", '"sum": 1', '"sum": 2'),
        ("the penalty pulls to 0, not to Θ0", "Y + c * Theta0", "Y"),
        ("minus c·Θ0 in place of plus", "Y + c * Theta0", "Y - c * Theta0"),
        ("Θ0 is not multiplied by c", "Y + c * Theta0", "Y + Theta0"),
        (
            "Θ0 was added to the ridge solution",
            SOLVE,
            "Theta0 + np.linalg.solve(X.T @ X + c * np.eye(d), X.T @ Y)",
        ),
        (
            "Theta0 was changed in place",
            f"return {SOLVE}",
            "Theta0 *= c\n"
            "    return np.linalg.solve(X.T @ X + c * np.eye(d), X.T @ Y + Theta0)",
        ),
    ],
    "gradient_step": [
        ("λ in place of 2λ", "pull = 2 * lam", "pull = lam"),
        ("the fit's gradient is not divided by n", "y) / len(y)", "y)"),
        (
            "the fit's gradient is that of ‖E‖²/n, twice too large",
            "y) / len(y)",
            "y) * 2 / len(y)",
        ),
        ("the pull is divided by n too", "- theta0)", "- theta0) / len(y)"),
        ("the penalty pulls to 0, not to θ0", "(theta - theta0)", "theta"),
        ("the penalty pushes away from θ0", "(fit + pull)", "(fit - pull)"),
        (
            "the pull is not multiplied by the learning rate",
            "lr * (fit + pull)",
            "lr * fit - pull",
        ),
        ("the step goes up the gradient", "theta - lr *", "theta + lr *"),
        (
            "the pull is measured after the data's step",
            "(theta - theta0)",
            "(theta - lr * fit - theta0)",
        ),
        (
            "the gradient of ‖θ − θ0‖, without the square",
            "pull = 2 * lam * (theta - theta0)",
            "pull = lam * (theta - theta0) / np.linalg.norm(theta - theta0)",
        ),
        (
            "theta was changed in place",
            "return theta - lr * (fit + pull)",
            "theta -= lr * (fit + pull)\n    return theta",
        ),
    ],
    "new_head": [
        (
            "the new head is pulled to its random start",
            "target = np.where(shared, theta0, 0.0)",
            "target = theta0",
        ),
        ("2n in place of n: the ½ of α/2 and β/2", "D = len(y)", "D = 2 * len(y)"),
        ("n is missing", "D = len(y) *", "D ="),
        (
            "α and β are swapped",
            "(shared, alpha, beta)\n    t",
            "(shared, beta, alpha)\n    t",
        ),
        (
            "α on the new head too",
            "(shared, alpha, beta)\n    t",
            "(shared, alpha, alpha)\n    t",
        ),
        (
            "β on the shared part too",
            "(shared, alpha, beta)\n    t",
            "(shared, beta, beta)\n    t",
        ),
        (
            "the new head is not penalised",
            "(shared, alpha, beta)\n    t",
            "(shared, alpha, 0)\n    t",
        ),
        ("the shared part is pulled to 0", "X.T @ y + D @ target", "X.T @ y"),
        ("θ0 is not multiplied by n·α", "D @ target", "target"),
    ],
    "best_lambda": [
        ("the ½ of λ* is missing", "v / (2 * delta2)", "v / delta2"),
        ("d is missing", "len(theta0) * sigma", "sigma"),
        ("n is missing", "sigma**2 / n", "sigma**2"),
        ("σ in place of σ²", "sigma**2", "sigma"),
        ("‖θ0‖² in place of ‖θ_true − θ0‖²", "(theta_true - theta0) **", "theta0 **"),
        (
            "‖θ_true − θ0‖ without the square",
            "np.sum((theta_true - theta0) ** 2)",
            "np.linalg.norm(theta_true - theta0)",
        ),
        ("1/λ* in place of λ*", "v / (2 * delta2)", "2 * delta2 / v"),
        (
            "R* is the smaller of v and ‖θ_true − θ0‖²",
            "delta2 * v / (delta2 + v)",
            "min(delta2, v)",
        ),
        (
            "R* is the sum of v and ‖θ_true − θ0‖²",
            "delta2 * v / (delta2 + v)",
            "delta2 + v",
        ),
        (
            "R* is their harmonic mean, twice too large",
            "delta2 * v / (delta2 + v)",
            "2 * delta2 * v / (delta2 + v)",
        ),
        (
            "R* includes the noise σ²",
            "delta2 * v / (delta2 + v)",
            "delta2 * v / (delta2 + v) + sigma**2",
        ),
    ],
}
