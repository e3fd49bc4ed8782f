"""Named wrong answers: small edits of the solutions, to be caught and named."""

WRONG = {
    "best_rate": [
        (
            "η = 2/L, the edge of stability",
            "2 / (top + low), 0.0",
            "2 / top, 0.0",
        ),
        ("η = 1/L", "2 / (top + low), 0.0", "1 / top, 0.0"),
        (
            "η = 1/L, and its 1 − ℓ/L",
            "2 / (top + low), 0.0, (top - low) / (top + low)",
            "1 / top, 0.0, 1 - low / top",
        ),
        (
            "the mean curvature in place of (L + ℓ)/2",
            "2 / (top + low), 0.0",
            "1 / np.mean(curvatures), 0.0",
        ),
        (
            "ρ is that of the loss, the square",
            "(top - low) / (top + low)\n",
            "((top - low) / (top + low)) ** 2\n",
        ),
        ("ρ = 1/κ", "(top - low) / (top + low)\n", "low / top\n"),
        (
            "the first and last curvature in place of ℓ and L",
            "low, top = np.min(curvatures), np.max(curvatures)",
            "low, top = sorted((curvatures[0], curvatures[-1]))",
        ),
        ("κ in place of √κ", "np.sqrt(top / low)", "top / low"),
        ("√μ returned as μ", "** 2, rho**2, rho", "** 2, rho, rho"),
        ("ρ = μ, not √μ", "** 2, rho**2, rho", "** 2, rho**2, rho**2"),
        (
            "η of gradient descent, 2/(L + ℓ)",
            "(2 / (np.sqrt(top) + np.sqrt(low))) ** 2, rho",
            "2 / (top + low), rho",
        ),
        (
            "√η returned as η",
            "(2 / (np.sqrt(top) + np.sqrt(low))) ** 2, rho",
            "2 / (np.sqrt(top) + np.sqrt(low)), rho",
        ),
        (
            "the curvatures in η without their roots",
            "np.sqrt(top) + np.sqrt(low)",
            "top + low",
        ),
        ("heavy_ball makes no difference", "if not heavy_ball:", "if True:"),
    ],
    "momentum_step": [
        (
            "v ← μv + (1 − μ)g, an average",
            "v = mu * v + gradient\n",
            "v = mu * v + (1 - mu) * gradient\n",
        ),
        (
            "the rate inside v",
            "v = mu * v + gradient\n"
            "    step = gradient + mu * v if nesterov else v\n"
            "    return theta - lr * step, v",
            "v = mu * v + lr * gradient\n"
            "    step = lr * gradient + mu * v if nesterov else v\n"
            "    return theta - step, v",
        ),
        (
            "θ moves by the old v",
            "v = mu * v + gradient\n    step = gradient + mu * v if nesterov else v\n",
            "step, v = v, mu * v + gradient\n"
            "    step = gradient + mu * v if nesterov else step\n",
        ),
        (
            "μ multiplies g too",
            "v = mu * v + gradient\n",
            "v = mu * (v + gradient)\n",
        ),
        ("θ goes up the gradient", "theta - lr", "theta + lr"),
        ("θ moves by g alone", "if nesterov else v\n", "if nesterov else gradient\n"),
        (
            "the new v is not returned",
            "v = mu * v + gradient\n    step = gradient + mu * v if nesterov else v\n",
            "new = mu * v + gradient\n"
            "    step = gradient + mu * new if nesterov else new\n",
        ),
        (
            "nesterov makes no difference",
            "gradient + mu * v if nesterov else v\n",
            "v\n",
        ),
        (
            "Nesterov: g + v without μ",
            "gradient + mu * v if nesterov",
            "gradient + v if nesterov",
        ),
        (
            "Nesterov: μv without g",
            "gradient + mu * v if nesterov",
            "mu * v if nesterov",
        ),
        (
            "Nesterov: v is the whole step g + μv",
            "step = gradient + mu * v if nesterov else v\n"
            "    return theta - lr * step, v",
            "v = gradient + mu * v if nesterov else v\n    return theta - lr * v, v",
        ),
        (
            "Nesterov: μg + v",
            "gradient + mu * v if nesterov",
            "mu * gradient + v if nesterov",
        ),
        (
            "v was changed in place",
            "v = mu * v + gradient\n",
            "v *= mu\n    v += gradient\n",
        ),
    ],
    "adam_step": [
        ("ε inside the root", "(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat + eps)"),
        (
            "no bias correction",
            "m_hat = m / (1 - beta1**t)\n    v_hat = v / (1 - beta2**t)",
            "m_hat, v_hat = m, v",
        ),
        ("v without its hat", "v_hat = v / (1 - beta2**t)", "v_hat = v"),
        ("m without its hat", "m_hat = m / (1 - beta1**t)", "m_hat = m"),
        ("the root of v̂ is missing", "np.sqrt(v_hat)", "v_hat"),
        ("β1 and β2 are swapped", "beta1, beta2 = betas", "beta2, beta1 = betas"),
        (
            "ε next to the root of v without hat",
            "(np.sqrt(v_hat) + eps)",
            "(np.sqrt(v_hat) + eps / np.sqrt(1 - beta2**t))",
        ),
        (
            "the decay is added to the gradient: Adam with L2",
            "beta1, beta2 = betas\n",
            "beta1, beta2 = betas\n    gradient, w = gradient + w * theta, 0.0\n",
        ),
        ("the decay is not multiplied by the rate", "(1 - lr * w)", "(1 - w)"),
        ("the decay makes θ grow", "(1 - lr * w)", "(1 + lr * w)"),
        ("the decay is missing", "(1 - lr * w) * theta", "theta"),
        (
            "θ decays after the step",
            "decayed = (1 - lr * w) * theta\n"
            "    return decayed - lr * m_hat / (np.sqrt(v_hat) + eps), m, v",
            "moved = theta - lr * m_hat / (np.sqrt(v_hat) + eps)\n"
            "    return (1 - lr * w) * moved, m, v",
        ),
        ("θ goes up the gradient", "decayed - lr *", "decayed + lr *"),
        (
            "m and v are returned with hats",
            "+ eps), m, v",
            "+ eps), m_hat, v_hat",
        ),
        ("|g| in place of g² in v", "gradient**2", "abs(gradient)"),
        (
            "1 − β is missing",
            "(1 - beta1) * gradient\n    v = beta2 * v + (1 - beta2) * gradient**2",
            "gradient\n    v = beta2 * v + gradient**2",
        ),
        (
            "m was changed in place",
            "m = beta1 * m + (1 - beta1) * gradient\n",
            "m *= beta1\n    m += (1 - beta1) * gradient\n",
        ),
    ],
    "warmup_cosine": [
        ("t/W: the first step has rate 0", "(t + 1) / warmup", "t / warmup"),
        (
            "(t + 1)/(W + 1): the warm-up ends below 1",
            "(t + 1) / warmup",
            "(t + 1) / (warmup + 1)",
        ),
        (
            "the warm-up starts at the floor",
            "(t + 1) / warmup",
            "floor + (1 - floor) * (t + 1) / warmup",
        ),
        (
            "the warm-up is multiplied by the cosine",
            "return (t + 1) / warmup\n",
            "arc = (1 + math.cos(math.pi * t / total)) / 2\n"
            "        return (t + 1) / warmup * (floor + (1 - floor) * arc)\n",
        ),
        (
            "no warm-up",
            "if t < warmup:\n        return (t + 1) / warmup\n    share",
            "share",
        ),
        (
            "the cosine runs over T steps, not T − W",
            "(t - warmup) / (total - warmup)",
            "(t - warmup) / total",
        ),
        (
            "the cosine begins at t = 0",
            "(t - warmup) / (total - warmup)",
            "t / total",
        ),
        ("2π in place of π", "math.pi * share", "2 * math.pi * share"),
        ("the floor is forgotten", "floor + (1 - floor) * (1", "(1"),
        ("the floor is added on top", "floor + (1 - floor) * (1", "floor + (1"),
        (
            "the floor cuts off the cosine",
            "floor + (1 - floor) * (1 + math.cos(math.pi * share)) / 2",
            "max(floor, (1 + math.cos(math.pi * share)) / 2)",
        ),
        (
            "the floor is reached a step too early",
            "(t - warmup) / (total - warmup)",
            "(t - warmup) / (total - warmup - 1)",
        ),
        (
            "a straight line in place of the cosine",
            "floor + (1 - floor) * (1 + math.cos(math.pi * share)) / 2",
            "1 - (1 - floor) * share",
        ),
        ("the ½ is missing", "* share)) / 2", "* share))"),
        (
            "after T the cosine rises again",
            "min((t - warmup) / (total - warmup), 1.0)",
            "(t - warmup) / (total - warmup)",
        ),
        (
            "after T the factor is 0",
            "    share = min(",
            "    if t > total:\n        return 0.0\n    share = min(",
        ),
    ],
}
