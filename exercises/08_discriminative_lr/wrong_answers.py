"""Named wrong answers: small edits of the solutions, to be caught and named."""

WHOLE = """    drift, relative = np.zeros_like(X), []
    for W, step, below, here, slope in zip(Ws, steps, h, h[1:], slopes):
        drift = slope * (W @ drift + step @ below)
        relative.append(np.linalg.norm(drift) / np.linalg.norm(here))
"""
BY_HAND = """    relative, new = [], X
    for i, (W, step, here) in enumerate(zip(Ws, steps, h[1:]), 1):
        new = (W + step) @ new
        new = np.tanh(new) if i < len(Ws) else new
        drift = new - here
        relative.append(np.linalg.norm(drift) / np.linalg.norm(here))
"""
RATE = "lr * decay ** (count - layer)"
GEOMETRIC = "return lo * factor ** np.arange(count)"
NORM = "np.linalg.norm(drift) / np.linalg.norm(here)"
DRIFT = "np.abs(1 - left) * np.abs(delta)"

WRONG = {
    "rates": [
        (
            "the order is inverted: the top layer has the smallest rate",
            RATE,
            "lr * decay ** (layer - 1)",
        ),
        (
            "exponent l: the bottom has α·η0 and the rates fall towards the top",
            RATE,
            "lr * decay**layer",
        ),
        (
            "layers numbered from 0: the top layer has α·η0",
            "np.arange(1, count + 1)",
            "np.arange(count)",
        ),
        (
            "the top layer has η0/α: one layer too many",
            "(count - layer)",
            "(count - layer - 1.0)",
        ),
        ("(1 − α) instead of α", "lr * decay **", "lr * (1 - decay) **"),
        ("divided by α, not multiplied", "lr * decay **", "lr / decay **"),
        ("the rates fall in equal differences", RATE, "lr * decay * layer"),
        ("η0 is missing", "lr * decay", "decay"),
        ("α is subtracted, not multiplied", RATE, "lr - decay * (count - layer)"),
        (
            "divided by the number of layers above",
            RATE,
            "lr / np.maximum(1, count - layer)",
        ),
        (
            "e^(−α(L − l)) instead of α^(L − l)",
            RATE,
            "lr * np.exp(-decay * (count - layer))",
        ),
        (
            "one rate, α·η0, for all layers but the top",
            RATE,
            "np.where(layer == count, lr, lr * decay)",
        ),
        (
            "a tied weight has its highest group's rate",
            "found.setdefault(name, rate)",
            "found[name] = rate",
        ),
        (
            "a tied weight is stepped twice: the rates of its groups add up",
            "found.setdefault(name, rate)",
            "found[name] = found.get(name, 0) + rate",
        ),
        (
            "a tied weight is listed twice",
            "found.setdefault(name, rate)",
            "found[len(found)] = rate",
        ),
        (
            "one rate per group, not per parameter",
            "np.array(list(found.values()))",
            "of_group",
        ),
        ("exponent 2(L−l)", "(count - layer)", "(2 * (count - layer))"),
        ("η0 stands inside the power", "lr * decay **", "(lr * decay) **"),
        (
            "η0 is the bottom's rate: the rates grow beyond it",
            RATE,
            "lr / decay ** (layer - 1.0)",
        ),
        (
            "evenly spaced from α·η0 to η0",
            RATE,
            "np.linspace(lr * decay, lr, count)",
        ),
        (
            "α is spread over the whole stack",
            RATE,
            "np.geomspace(lr * decay, lr, count)",
        ),
    ],
    "slice_rule": [
        (
            "evenly spaced rates, not even factors",
            GEOMETRIC,
            "return np.linspace(lo, hi, count)",
        ),
        (
            "1/L instead of 1/(L−1): hi is not reached",
            "(1 / (count - 1))",
            "(1 / count)",
        ),
        (
            "1/L instead of 1/(L−1): lo is left out",
            "(1 / (count - 1))\n    return lo * factor ** np.arange(count)",
            "(1 / count)\n    return lo * factor ** np.arange(1, count + 1)",
        ),
        ("the order is inverted", GEOMETRIC, GEOMETRIC + "[::-1]"),
        (
            "lo for all groups but the top",
            GEOMETRIC,
            "return np.array([lo] * (count - 1) + [hi])",
        ),
        (
            "each group has ten times the one below",
            GEOMETRIC,
            "return hi / 10.0 ** np.arange(count)[::-1]",
        ),
        ("hi/3 instead of hi/10", "[hi / 10]", "[hi / 3]"),
        (
            "slice(hi) is a geometric sequence from hi/10",
            "return np.array([hi / 10] * (count - 1) + [hi])",
            "lo = hi / 10",
        ),
        (
            "slice(hi) is evenly spaced from hi/10",
            "return np.array([hi / 10] * (count - 1) + [hi])",
            "return np.linspace(hi / 10, hi, count)",
        ),
        (
            "slice(hi) in inverted order: the bottom has hi",
            "(count - 1) + [hi])",
            "(count - 1) + [hi])[::-1]",
        ),
        (
            "powers of 10 of natural logarithms",
            GEOMETRIC,
            "return 10 ** np.linspace(np.log(lo), np.log(hi), count)",
        ),
        (
            "the logarithms are returned, not the rates",
            GEOMETRIC,
            "return np.linspace(np.log(lo), np.log(hi), count)",
        ),
        ("the factor is hi/lo for every group", " ** (1 / (count - 1))", ""),
        (
            "the factor is hi/(lo (L−1)), without a root",
            "(hi / lo) ** (1 / (count - 1))",
            "hi / lo / (count - 1)",
        ),
        ("lo/hi instead of hi/lo", "(hi / lo)", "(lo / hi)"),
        ("the sequence starts at 1: lo is missing", "lo * factor", "1.0 * factor"),
        ("lo is ignored: hi/10 below the top", "if lo is None", "if True"),
        (
            "slice(hi) divides by 10 again at each group",
            "return np.array([hi / 10] * (count - 1) + [hi])",
            "return hi / 10.0 ** np.arange(count)[::-1]",
        ),
        (
            "slice(hi) freezes all but the top: their rate is 0",
            "[hi / 10]",
            "[0.0]",
        ),
        (
            "one group has lo and hi",
            "return np.array([hi])",
            "return np.array([lo or hi / 10, hi])",
        ),
        ("slice(hi) is hi for all", "[hi / 10]", "[hi]"),
        ("slice(hi) also divides the top", "(count - 1) + [hi])", "count)"),
        ("one group has lo", "return np.array([hi])", "return np.array([lo or hi])"),
        ("one group has hi/10", "return np.array([hi])", "return np.array([hi / 10])"),
        ("one group divides by zero", "count == 1", "count == 0"),
    ],
    "first_step_drift": [
        ("only the layer's own step, not those below", "W @ drift + step", "step"),
        (
            "tanh's slope is missing in the gradient",
            "        back = slope * back\n",
            "",
        ),
        (
            "tanh's slope is missing in the drift",
            "slope * (W @ drift + step @ below)",
            "W @ drift + step @ below",
        ),
        (
            "the slope is 1 − tanh, without the square",
            "1 - a**2",
            "1 - a",
        ),
        (
            "a tanh at the top, too",
            "np.tanh(W @ h[-1]) if i < len(Ws) else W @ h[-1]",
            "np.tanh(W @ h[-1])",
        ),
        (
            "no tanh at all: the linear net of (8.5)",
            "i < len(Ws)",
            "i < 0",
        ),
        (
            "only the layers below, not the own step",
            "np.linalg.norm(drift) /",
            "np.linalg.norm(drift - slope * (step @ below)) /",
        ),
        ("the gradient is not divided by N", " / X.shape[1]", ""),
        ("the step goes up the gradient", "-lr * back", "lr * back"),
        (
            "the ½ of the loss is ignored: the gradient is twice too large",
            "/ X.shape[1]",
            "* 2 / X.shape[1]",
        ),
        ("the rates are in inverted order", "rates[::-1]", "rates"),
        ("one rate, the top's, for all layers", "-lr * back", "-rates[-1] * back"),
        (
            "the gradients were normalised to length 1",
            "-lr * back @ below.T",
            "-lr * (back @ below.T) / np.linalg.norm(back @ below.T)",
        ),
        (
            "the norms of the layers' own changes are added, not the changes",
            WHOLE,
            "    drift, relative, total = np.zeros_like(X), [], 0.0\n"
            "    for W, step, below, here, slope in zip(Ws, steps, h, h[1:], slopes):\n"
            "        drift = slope * (W @ drift + step @ below)\n"
            "        total += np.linalg.norm(slope * (step @ below))\n"
            "        relative.append(total / np.linalg.norm(here))\n",
        ),
        ("divided by N twice", "/ X.shape[1]", "/ X.shape[1] ** 2"),
        (
            "the inverse, ‖h_l‖/‖Δh_l‖",
            NORM,
            "np.linalg.norm(here) / np.linalg.norm(drift)",
        ),
        (
            "h_L after the step is returned, not its change",
            "np.array(relative), drift",
            "np.array(relative), h[-1] + drift",
        ),
        (
            "Δh_L is divided by ‖h_L‖",
            "np.array(relative), drift",
            "np.array(relative), drift / np.linalg.norm(h[-1])",
        ),
        ("not divided by ‖h_l‖", NORM, "np.linalg.norm(drift)"),
        (
            "divided by the norm of the layer's input",
            "np.linalg.norm(here)",
            "np.linalg.norm(below)",
        ),
        ("the squared norms", f"({NORM})", f"(({NORM}) ** 2)"),
        (
            "the drift of the weights, ‖ΔW_l‖/‖W_l‖",
            NORM,
            "np.linalg.norm(step) / np.linalg.norm(W)",
        ),
        (
            "spectral norms, not Frobenius",
            NORM,
            "np.linalg.norm(drift, 2) / np.linalg.norm(here, 2)",
        ),
        (
            "divided by the norm after the step",
            "np.linalg.norm(here)",
            "np.linalg.norm(here + drift)",
        ),
        (
            "the mean of the columns' own ratios",
            NORM,
            "np.mean(np.linalg.norm(drift, axis=0) / np.linalg.norm(here, axis=0))",
        ),
        (
            "the mean over all entries of Y, not over its N columns",
            "/ X.shape[1]",
            "/ Y.size",
        ),
        ("the whole change, with its higher orders", WHOLE, BY_HAND),
        (
            "Ws was changed in place",
            "        drift = slope * (W @ drift + step @ below)\n",
            "        drift = slope * (W @ drift + step @ below)\n        W += step\n",
        ),
    ],
    "accumulated_drift": [
        (
            "linearised: t times the first step",
            DRIFT,
            "own * rates * curvature * np.abs(delta)",
        ),
        (
            "what is left to go, not what was covered",
            "np.abs(1 - left)",
            "np.abs(left)",
        ),
        (
            "the rates are in inverted order",
            "decay**above",
            "decay ** above[::-1]",
        ),
        (
            "layers numbered from 0: the top layer has α·η0",
            "decay**above",
            "decay ** (above + 1)",
        ),
        ("one rate for all layers", "decay**above", "np.ones(count)"),
        ("all layers train from the first step", "- every * above", ""),
        (
            "the layers join from the bottom up",
            "every * above",
            "every * above[::-1]",
        ),
        (
            "a layer that has not joined runs backwards",
            "np.maximum(0, steps - every * above)",
            "steps - every * above",
        ),
        (
            "only layers that all trained together move",
            "np.maximum(0, steps - every * above)",
            "np.maximum(0, steps - every * (count - 1))",
        ),
        (
            "a layer counts the steps of all before it joins, not its own",
            "steps - every * above",
            "steps * (every * above < steps)",
        ),
        ("the curvature is missing", "rates * curvature", "rates"),
        ("the distance |δ_l| is missing", " * np.abs(delta)", ""),
        ("the sign of δ_l was kept", "np.abs(delta)", "delta"),
        (
            "the limit of small steps, 1 − exp(−ηkt)",
            "(1 - rates * curvature) ** own",
            "np.exp(-rates * curvature * own)",
        ),
        (
            "the last step alone",
            "np.abs(1 - left)",
            "np.abs(rates * curvature * (1 - rates * curvature) ** (own - 1.0))"
            " * (own > 0)",
        ),
        ("η0 is missing in the rates", "lr * decay", "decay"),
        ("(1 − α) instead of α", "lr * decay", "lr * (1 - decay)"),
        (
            "1 + ηk: the steps go uphill",
            "(1 - rates * curvature)",
            "(1 + rates * curvature)",
        ),
        ("the drift of the squared distance", DRIFT, f"({DRIFT}) ** 2"),
        ("one step too few", "** own", "** np.maximum(own - 1, 0)"),
        ("one step too many", "** own", "** (own + 1)"),
        (
            "1 − (ηk)^t: the power of the wrong number",
            "(1 - rates * curvature) ** own",
            "(rates * curvature) ** own",
        ),
        ("δ_l is squared", "np.abs(delta)", "delta**2"),
        (
            "Adam's drift, η·t and at most |δ_l|",
            DRIFT,
            "np.minimum(rates * own, np.abs(delta))",
        ),
        (
            "the step of a quadratic without its ½, twice too long",
            "1 - rates * curvature",
            "1 - 2 * rates * curvature",
        ),
    ],
}
