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
            "the mean curvature instead of (L + ℓ)/2",
            "2 / (top + low), 0.0",
            "1 / np.mean(curvatures), 0.0",
        ),
        (
            "ρ is squared: the factor of the loss, not of the error",
            "(top - low) / (top + low)\n",
            "((top - low) / (top + low)) ** 2\n",
        ),
        (
            "η = 1/(L + ℓ): the 2 is missing",
            "2 / (top + low), 0.0",
            "1 / (top + low), 0.0",
        ),
        (
            "η = (L + ℓ)/2, not one over it",
            "2 / (top + low), 0.0",
            "(top + low) / 2, 0.0",
        ),
        (
            "η = 1/√(Lℓ), with the geometric mean",
            "2 / (top + low), 0.0",
            "1 / np.sqrt(top * low), 0.0",
        ),
        (
            "ρ is negative: L and ℓ are swapped in it",
            "(top - low) / (top + low)\n",
            "(low - top) / (top + low)\n",
        ),
        (
            "ρ of the heavy ball",
            "(top - low) / (top + low)\n",
            "(np.sqrt(top) - np.sqrt(low)) / (np.sqrt(top) + np.sqrt(low))\n",
        ),
        ("ρ is returned before μ", "** 2, rho**2, rho", "** 2, rho, rho**2"),
        ("μ is squared twice", "** 2, rho**2, rho", "** 2, rho**4, rho"),
        (
            "η = 1/L, as Nesterov's",
            "(2 / (np.sqrt(top) + np.sqrt(low))) ** 2, rho",
            "1 / top, rho",
        ),
        (
            "η = 1/(√L + √ℓ)²: the 2 inside the square is missing",
            "(2 / (np.sqrt(top) + np.sqrt(low))) ** 2, rho",
            "1 / (np.sqrt(top) + np.sqrt(low)) ** 2, rho",
        ),
        (
            "η = 2/(√L + √ℓ)²: the 2 is outside the square",
            "(2 / (np.sqrt(top) + np.sqrt(low))) ** 2, rho",
            "2 / (np.sqrt(top) + np.sqrt(low)) ** 2, rho",
        ),
        ("ρ = 1/κ", "(top - low) / (top + low)\n", "low / top\n"),
        (
            "the first and last curvature instead of ℓ and L",
            "low, top = np.min(curvatures), np.max(curvatures)",
            "low, top = sorted((curvatures[0], curvatures[-1]))",
        ),
        ("κ instead of √κ", "np.sqrt(top / low)", "top / low"),
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
        (
            "the rate inside v and again in the step",
            "v = mu * v + gradient\n",
            "v = mu * v + lr * gradient\n",
        ),
        ("μ is missing in v", "v = mu * v + gradient\n", "v = v + gradient\n"),
        ("g is subtracted in v", "v = mu * v + gradient\n", "v = mu * v - gradient\n"),
        (
            "1 − μ instead of μ",
            "v = mu * v + gradient\n",
            "v = (1 - mu) * v + gradient\n",
        ),
        ("v is returned before θ", "theta - lr * step, v\n", "v, theta - lr * step\n"),
        ("only the change of θ is returned", "theta - lr * step", "-lr * step"),
        (
            "Nesterov: μ(g + v)",
            "gradient + mu * v if nesterov",
            "mu * (gradient + v) if nesterov",
        ),
        (
            "theta was changed in place",
            "return theta - lr * step, v",
            "theta -= lr * step\n    return theta, v",
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
        ("ε is missing", "(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat)"),
        (
            "both hats are made with β1",
            "v_hat = v / (1 - beta2**t)",
            "v_hat = v / (1 - beta1**t)",
        ),
        (
            "the hats divide by 1 − β, not by 1 − β^t",
            "m_hat = m / (1 - beta1**t)\n    v_hat = v / (1 - beta2**t)",
            "m_hat = m / (1 - beta1)\n    v_hat = v / (1 - beta2)",
        ),
        (
            "the hats divide by 1 − β^(t + 1)",
            "m_hat = m / (1 - beta1**t)\n    v_hat = v / (1 - beta2**t)",
            "t += 1\n"
            "    m_hat = m / (1 - beta1**t)\n    v_hat = v / (1 - beta2**t)",
        ),
        (
            "the hats multiply by 1 − β^t",
            "m_hat = m / (1 - beta1**t)\n    v_hat = v / (1 - beta2**t)",
            "m_hat = m * (1 - beta1**t)\n    v_hat = v * (1 - beta2**t)",
        ),
        (
            "β and 1 − β are swapped",
            "m = beta1 * m + (1 - beta1) * gradient\n"
            "    v = beta2 * v + (1 - beta2) * gradient**2",
            "m = (1 - beta1) * m + beta1 * gradient\n"
            "    v = (1 - beta2) * v + beta2 * gradient**2",
        ),
        (
            "only the change of θ is returned",
            "decayed = (1 - lr * w) * theta",
            "decayed = -lr * w * theta",
        ),
        ("v is returned before m", "+ eps), m, v", "+ eps), v, m"),
        (
            "θ is returned last",
            "return decayed - lr * m_hat / (np.sqrt(v_hat) + eps), m, v",
            "return m, v, decayed - lr * m_hat / (np.sqrt(v_hat) + eps)",
        ),
        ("v averages m², not g²", "(1 - beta2) * gradient**2", "(1 - beta2) * m**2"),
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
        ("|g| instead of g² in v", "gradient**2", "abs(gradient)"),
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
        (
            "the warm-up is 1 all the way",
            "return (t + 1) / warmup",
            "return 1.0",
        ),
        (
            "the warm-up has one step too many",
            "if t < warmup:\n        return (t + 1) / warmup",
            "if t <= warmup:\n        return (t + 1) / max(warmup, 1)",
        ),
        (
            "the cosine is a step ahead",
            "min((t - warmup) /",
            "min((t + 1 - warmup) /",
        ),
        ("π/2 instead of π", "math.pi * share", "math.pi / 2 * share"),
        (
            "a quarter of a cosine, cos(π/2 · share)",
            "(1 + math.cos(math.pi * share)) / 2",
            "math.cos(math.pi / 2 * share)",
        ),
        ("a sine instead of the cosine", "math.cos", "math.sin"),
        ("the cosine rises: 1 − cos", "1 + math.cos", "1 - math.cos"),
        (
            "the floor multiplies the cosine",
            "floor + (1 - floor) * (1",
            "floor * (1",
        ),
        (
            "the 1 in (1 + cos)/2 is missing",
            "(1 + math.cos(math.pi * share))",
            "math.cos(math.pi * share)",
        ),
        (
            "after T the factor is 1",
            "    share = min(",
            "    if t > total:\n        return 1.0\n    share = min(",
        ),
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
        ("2π instead of π", "math.pi * share", "2 * math.pi * share"),
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
            "a straight line instead of the cosine",
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
