"""Named wrong answers: small edits of the solutions, to be caught and named."""

STEP = "out[i] = out[i] - dot / (S[j] @ S[j]) * S[j]"
DOT = "dot = out[i] @ S[j]"
FIT = "fit = factor * L * np.exp(-power * s)"
FACTOR = '0.5 if kind == "squared" else 1.0'
POWER = '0.5 if kind == "absolute" else 1.0'
BEST = "best = np.log(2 * power * factor * L) / power"
PULL = "pull = factor * np.exp(-power * best)"
TAKEN = "float(np.sum((w2 - w1) ** 2)) - own - other"
SHARE = "m = own / (own + other + D)"
WEIGHT = "a = m * n1 / ((1 - m) * n2)"
RETURN = "return D, a, (1 - m) * w1 + m * w2"
BACK = "2 / len(e) * x.T @ e"
MOVED = "B, V = B - lr * (gB[0] + gB[1]), V - lr * np.array(gV)"
START = "losses, s = [], None"
SUMMED = """n = [len(y) ** 0.5 for y in Y]
    X, Y = [c * x for c, x in zip(n, X)], [c * y for c, y in zip(n, Y)]
    """
SECOND = "second - dot / np.sum(first**2) * first"
BOTH = f"""first - dot / np.sum(second**2) * second,
                {SECOND}"""
OWN = """first - dot / np.sum(first**2) * second,
                second - dot / np.sum(second**2) * first"""

WRONG = {
    "project_conflicts": [
        (
            "the others are the projected gradients, not the original ones",
            "dot = out[i] @ S[j]\n            if dot < 0:\n                " + STEP,
            "h = out[j].copy()\n            dot = out[i] @ h\n            if dot < 0:\n"
            "                out[i] = out[i] - dot / (h @ h) * h",
        ),
        ("projected although they agree", "if dot < 0:", "if True:"),
        (
            "divided by |g_i|², not |g_j|²",
            STEP,
            "out[i] = out[i] - dot / (out[i] @ out[i]) * S[j]",
        ),
        (
            "divided by |g_j|, not its square",
            STEP,
            "out[i] = out[i] - dot / np.sqrt(S[j] @ S[j]) * S[j]",
        ),
        ("not divided by |g_j|²", STEP, "out[i] = out[i] - dot * S[j]"),
        ("the projection is added", STEP, STEP.replace("out[i] - dot", "out[i] + dot")),
        ("the gradients are summed without projecting", "if dot < 0:", "if False:"),
        (
            "the heads count in dot products and lengths",
            "shared = uses.sum(axis=0) > 1",
            "shared = uses.sum(axis=0) > 0",
        ),
        (
            "the heads count in the lengths",
            STEP,
            "out[i] = out[i] - dot / (G[j] @ G[j]) * S[j]",
        ),
        (
            "the mean over the tasks, not the sum",
            "return step, out @ S.T",
            "return step / len(G), out @ S.T",
        ),
        (
            "only the first task is projected",
            "for j in order:",
            "for j in order if i == 0 else []:",
        ),
        (
            "the heads' gradients are lost",
            "step = G.sum(axis=0)",
            "step = 0 * G.sum(axis=0)",
        ),
        (
            "every dot product is with the g_i of before",
            DOT,
            "dot = S[i] @ S[j]",
        ),
        ("the order is not used", "for j in order:", "for j in sorted(order):"),
        ("the orders run backwards", "for j in order:", "for j in order[::-1]:"),
        ("one other task for each only", "for j in order:", "for j in order[:1]:"),
        ("transposed: g_i before, g_j after", "out @ S.T", "S @ out.T"),
        ("both after projecting", "out @ S.T", "out @ out.T"),
        ("both before projecting", "out @ S.T", "S @ S.T"),
    ],
    "noise_weights": [
        ("½ before every loss: it belongs to the squared one", FACTOR, "0.5"),
        ("no ½ before the squared loss", FACTOR, "1.0"),
        ("½ before the cross-entropy", FACTOR, '1.0 if kind == "absolute" else 0.5'),
        ("½ before the absolute loss", FACTOR, '1.0 if kind == "classes" else 0.5'),
        ("absolute: divided by σ², not σ", POWER, "1.0"),
        (
            "s is taken for log σ",
            FIT,
            "power = 2 * power\n    fit = factor * L * np.exp(-power * s)",
        ),
        ("log σ² without its ½", "fit + s / 2", "fit + s"),
        ("log σ² without its ½", "0.5 - power", "1.0 - power"),
        ("log σ² without its ½", "2 * power * factor", "power * factor"),
        ("log σ² is left out", "fit + s / 2", "fit"),
        ("log σ² is left out", "0.5 - power * fit", "-power * fit"),
        ("the mean of the terms", "np.sum(fit", "np.mean(fit"),
        ("σ² and 1/σ² are exchanged", FIT, "fit = factor * L * np.exp(power * s)"),
        ("the sign is reversed", "0.5 - power * fit", "power * fit - 0.5"),
        (
            "derivatives by σ², not by its log",
            "slope = 0.5 - power * fit",
            "slope = (0.5 - power * fit) / np.exp(s)",
        ),
        (
            "σ² itself, not its log",
            "return total, slope, best",
            "return total, slope, np.exp(best)",
        ),
        ("log L for every kind", BEST, "best = np.log(L)"),
        (
            "negative s are cut off at 0",
            "return total, slope, best",
            "return total, slope, np.maximum(best, 0)",
        ),
        ("at the s given, not at the best", PULL, "pull = factor * np.exp(-power * s)"),
        ("1/(2L) for every kind", PULL, "pull = 1 / (2 * L)"),
        ("1/L for every kind", PULL, "pull = 1 / L"),
        ("scaled to sum 1", PULL, PULL + "\n    pull = pull / pull.sum()"),
        ("the pull times the loss", PULL, PULL + " * L"),
    ],
    "helper_weight": [
        ("the noise is not taken off |w2 − w1|²", TAKEN, "float(np.sum((w2 - w1) ** 2))"),
        (
            "the noise of one fit only is taken off",
            TAKEN,
            "float(np.sum((w2 - w1) ** 2)) - own",
        ),
        ("d is left out of the noise", "d = len(w1)", "d = 1"),
        (
            "d is left out of what is taken off",
            TAKEN,
            "float(np.sum((w2 - w1) ** 2)) - (own + other) / d",
        ),
        ("d is left out of (25.7)", SHARE, "m = own / (own + other + d * D)"),
        (
            "the noise is added to |w2 − w1|²",
            TAKEN,
            "float(np.sum((w2 - w1) ** 2)) + own + other",
        ),
        (
            "|w2 − w1|, not its square",
            TAKEN,
            "float(np.sqrt(np.sum((w2 - w1) ** 2))) - own - other",
        ),
        (
            "one noise for both rows together: d·noise/(n1 + n2)",
            TAKEN,
            "float(np.sum((w2 - w1) ** 2)) - noise * d / (n1 + n2)",
        ),
        ("m is returned for a", RETURN, "return D, m, (1 - m) * w1 + m * w2"),
        ("a is used as if it were m", RETURN, "return D, a, (1 - a) * w1 + a * w2"),
        (
            "w1 and w2 are exchanged in the fit",
            RETURN,
            "return D, a, m * w1 + (1 - m) * w2",
        ),
        (
            "the second task's own error is left out of (25.7)",
            SHARE,
            "m = own / (own + D)",
        ),
        (
            "D is left out of (25.7): the tasks are pooled",
            SHARE,
            "m = own / (own + other)",
        ),
        (
            "the best weight of the first task in the second's fit",
            SHARE,
            "m = other / (own + other + D)",
        ),
        ("n1 and n2 are exchanged in a", WEIGHT, "a = m * n2 / ((1 - m) * n1)"),
        ("the second task is not used", SHARE, "m = 0.0"),
        ("a negative D is used", f"max(0.0, {TAKEN})", TAKEN),
        ("a negative D is made positive", f"max(0.0, {TAKEN})", f"abs({TAKEN})"),
    ],
    "train_trunk": [
        ("the losses are sums over the rows, not means", START, SUMMED + START),
        ("the 2 of the gradient is missing", BACK, "1 / len(e) * x.T @ e"),
        (
            "the step goes up the gradient",
            MOVED,
            "B, V = B + lr * (gB[0] + gB[1]), V + lr * np.array(gV)",
        ),
        (
            "every step uses the first gradients",
            MOVED,
            "kept = (gB, gV) if step == 0 else kept\n        gB, gV = kept\n        "
            + MOVED,
        ),
        (
            "the heads are not trained",
            MOVED,
            "B, V = B - lr * (gB[0] + gB[1]), V - 0 * np.array(gV)",
        ),
        (
            "the trunk is not trained",
            MOVED,
            "B, V = B - 0 * (gB[0] + gB[1]), V - lr * np.array(gV)",
        ),
        (
            "the heads' gradients are taken after the trunk's step",
            MOVED,
            "B = B - lr * (gB[0] + gB[1])\n"
            "        late = [x @ B.T @ v - y for x, y, v in zip(X, Y, V)]\n"
            "        late = [2 / len(e) * x.T @ e for x, e in zip(X, late)]\n"
            "        V = V - lr * np.array([a[t] * B @ late[t] for t in (0, 1)])",
        ),
        ("the tasks' heads are exchanged", START, "losses, s, V = [], None, V[::-1]"),
        ("way is not used: this is 'sum'", 'way == "pcgrad" and', "False and"),
        ("way is not used: this is 'sum'", 'way == "uncertainty"', "False"),
        ("way is not used: this is 'pcgrad'", 'way == "pcgrad" and', "True and"),
        ("only the first task is projected", SECOND, "second"),
        (
            "divided by the task's own squared length",
            BOTH,
            OWN,
        ),
        (
            "projected although they agree",
            'way == "pcgrad" and dot < 0',
            'way == "pcgrad"',
        ),
        ("s starts at 0", "s = np.log(L) if s is None", "s = 0 * L if s is None"),
        ("s starts at −log L", "s = np.log(L) if s is None", "s = -np.log(L) if s is None"),
        ("no ½ before the loss", "a = 0.5 * np.exp(-s)", "a = np.exp(-s)"),
        ("s is not trained", "s = s - lr * (0.5 - a * L)", "s = s + 0.0"),
        ("s goes up its slope", "s = s - lr *", "s = s + lr *"),
        (
            "the heads' gradients are not weighted",
            "gV = [a[t] * B @ back[t] for t in (0, 1)]",
            "gV = [B @ back[t] for t in (0, 1)]",
        ),
        (
            "the loss after the last step is missing",
            "np.array(losses)\n",
            "np.array(losses[:-1])\n",
        ),
        (
            "the loss before the first step is missing",
            "np.array(losses)\n",
            "np.array(losses[1:])\n",
        ),
        ("the sum of both losses", "np.array(losses)\n", "np.array(losses).sum(axis=1)\n"),
        ("the losses are transposed", "np.array(losses)\n", "np.array(losses).T\n"),
    ],
}
