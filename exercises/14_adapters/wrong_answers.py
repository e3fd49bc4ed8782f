"""Named wrong answers: small edits of the solutions, to be caught and named."""

Z = "h = x if parallel else out"
ADD = "out = out + s * (np.tanh(h @ D.T + b) @ U.T + c)"
COUNT = "layers * SITES[kind] * (down + up)"
FUSION = "layers * SITES[kind] * (query + key + value)"
SITES = "(layers * SITES[kind])"
FOUR = (
    "return np.zeros(D.shape), np.zeros(b.shape), "
    "scale * g.T @ inside, scale * g.sum(axis=0)"
)
LAST = "return D, b, U, c\n"
DOWN = "D, b = D - lr * back.T @ h, b - lr * back.sum(axis=0)"
UP = "U, c = U - lr * gU, c - lr * gc"
SLOPE = "(1 - inside**2)"
WEIGHTS = "w = e / np.maximum(np.sum(e, axis=1, keepdims=True), 1.0)"
SCORES = "scores = np.where(on, scores, -np.inf)"
DOTS = "scores = np.sum(keys * query[:, None, :], axis=2)"
E_OF = "np.exp(scores - np.where(np.isfinite(top), top, 0.0))"
MIXED = "return y + np.sum(w[:, :, None] * values, axis=1), w"


def changed(old, new):
    """An adapter's correction with one part changed."""
    return ADD, ADD.replace(old, new)


def first(gD="np.zeros(D.shape)", gb="np.zeros(b.shape)", gU=None, gc=None):
    """The four gradients at the start, some of them changed."""
    gU, gc = gU or "scale * g.T @ inside", gc or "scale * g.sum(axis=0)"
    return FOUR, f"return {gD}, {gb}, {gU}, {gc}"


WRONG = {
    "bottleneck": [
        ("the skip connection y is missing", *changed("out + s", "s")),
        ("b is missing", *changed("D.T + b", "D.T")),
        ("c is missing", *changed(" + c", "")),
        ("the scale is missing", *changed("s * (", "(")),
        ("the scale is squared", *changed("s * (", "s * s * (")),
        ("the scale does not reach c", *changed(" + c)", ") + c")),
        ("the scale multiplies y too", *changed("out + s * (", "s * (out + ")),
        ("the correction is subtracted", *changed("out + s", "out - s")),
        ("no tanh inside", *changed("np.tanh(h @ D.T + b)", "(h @ D.T + b)")),
        (
            "tanh after U, not before",
            *changed("np.tanh(h @ D.T + b) @ U.T", "np.tanh((h @ D.T + b) @ U.T)"),
        ),
        (
            "relu instead of tanh",
            *changed("np.tanh(h @ D.T + b)", "np.maximum(h @ D.T + b, 0)"),
        ),
        (
            "a sigmoid instead of tanh",
            *changed("np.tanh(h @ D.T + b)", "(1 / (1 + np.exp(-(h @ D.T + b))))"),
        ),
        (
            "b is added after tanh, not before",
            *changed("np.tanh(h @ D.T + b)", "(np.tanh(h @ D.T) + b)"),
        ),
        (
            "the scale is inside tanh",
            ADD,
            "out = out + np.tanh(s * (h @ D.T + b)) @ U.T + c",
        ),
        ("the correction is added to x, not to y", "out = y.copy()", "out = x.copy()"),
        ("parallel is ignored: D reads y", Z, "h = out"),
        ("D reads y, not x", Z, "h = y if parallel else out"),
        ("D reads x without being parallel", Z, "h = x"),
        (
            "every adapter reads the first y, not what came before it",
            Z,
            "h = x if parallel else y",
        ),
        ("only the last adapter is left", "in adapters:", "in adapters[-1:]:"),
        ("only the first adapter is left", "in adapters:", "in adapters[:1]:"),
        ("the adapters act in reverse order", "in adapters:", "in adapters[::-1]:"),
        ("y is left out at the end", "return out\n", "return out - y\n"),
        (
            "the mean of the corrections, not their sum",
            "return out\n",
            "return y + (out - y) / max(len(adapters), 1)\n",
        ),
        ("y was changed in place", *changed("out = out + s", "y[...] = out = out + s")),
    ],
    "adapter_parameters": [
        ("no biases: 2md", "down = m * d + m\n    up = d * m + d", "down = up = m * d"),
        ("b is not counted", "down = m * d + m", "down = m * d"),
        ("c is not counted", "up = d * m + d", "up = d * m"),
        ("both biases have m numbers", "up = d * m + d", "up = d * m + m"),
        (
            "both biases have d numbers",
            "down = m * d + m",
            "down = m * d + d",
        ),
        (
            "only one matrix is counted, with both biases",
            "(down + up)",
            "(m * d + m + d)",
        ),
        ("parallel has two adapters per block", '"parallel": 1', '"parallel": 2'),
        (
            "a fusion for each of the two adapters",
            "(query + key + value)",
            "2 * (query + key + value)",
        ),
        ("only D is counted", "(down + up)", "down"),
        ("Houlsby has one adapter per block", '"houlsby": 2', '"houlsby": 1'),
        ("Pfeiffer has two adapters per block", '"pfeiffer": 1', '"pfeiffer": 2'),
        (
            "layers is missing",
            COUNT,
            "SITES[kind] * (down + up)",
        ),
        (
            "the fusion's biases are missing",
            "query = d * d + d\n    key = d * d + d",
            "query = key = d * d",
        ),
        ("V has a bias too", "value = d * d", "value = d * d + d"),
        ("V is not counted", "(query + key + value)", "(query + key)"),
        (
            "one fusion per block",
            "layers * SITES[kind] * (query + key + value)",
            "layers * (query + key + value)",
        ),
        ("only U is counted", "(down + up)", "up"),
        ("layers is missing in the fusion", FUSION, FUSION.replace("layers * ", "")),
        ("Q alone is counted", "(query + key + value)", "query"),
        ("the bytes per number are left out", " // size", ""),
        ("4 bytes per number, whatever `size`", "// size", "// 4"),
        ("no biases: 2md", "(numbers - d) // (2 * d + 1)", "numbers // (2 * d)"),
        ("one too many: rounded up", "(numbers - d) //", "1 + (numbers - d) //"),
        ("a megabyte of 2²⁰ bytes", "1e6", "2**20"),
        ("layers is missing", SITES, "SITES[kind]"),
        ("Houlsby has one adapter per block", SITES, "layers"),
        (
            "below 0 where nothing fits",
            "max(0, (numbers - d) // (2 * d + 1))",
            "(numbers - d) // (2 * d + 1)",
        ),
    ],
    "adapter_gradients_at_start": [
        ("gU is transposed", *first(gU="scale * inside.T @ g")),
        (
            "gU without tanh",
            "np.tanh(h.reshape(-1, k) @ D.T + b)",
            "h.reshape(-1, k) @ D.T + b",
        ),
        ("b is missing in gU", "h.reshape(-1, k) @ D.T + b", "h.reshape(-1, k) @ D.T"),
        ("gU without the scale", *first(gU="g.T @ inside")),
        ("gc without the scale", *first(gc="g.sum(axis=0)")),
        ("both without the scale", *first(gU="g.T @ inside", gc="g.sum(axis=0)")),
        ("gc is a mean over the batch", *first(gc="scale * g.mean(axis=0)")),
        ("gU is a mean over the batch", *first(gU="scale * g.T @ inside / len(g)")),
        (
            "both are means over the batch",
            *first(gU="scale * g.T @ inside / len(g)", gc="scale * g.mean(axis=0)"),
        ),
        (
            "gU has the slope of tanh, not its value",
            *first(gU="scale * g.T @ (1 - inside**2)"),
        ),
        ("the scale is squared in gU", *first(gU="scale**2 * g.T @ inside")),
        ("gc is zero", *first(gc="np.zeros(d)")),
        ("gU is zero, as if U = 0 stopped it", *first(gU="np.zeros((d, len(D)))")),
        (
            "the signs are reversed",
            *first(gU="-scale * g.T @ inside",
            gc="-scale * g.sum(axis=0)"),
        ),
        (
            "gU and gc are returned in the wrong order",
            *first(gU="scale * g.sum(axis=0)", gc="scale * g.T @ inside"),
        ),
        (
            "gU and gc come first, gD and gb last",
            FOUR,
            "return scale * g.T @ inside, scale * g.sum(axis=0), 0 * D, 0 * b",
        ),
        (
            "gD as if U were Dᵀ",
            *first(
                gD="(scale * (g @ D.T) * (1 - inside**2)).T @ h.reshape(-1, k) "
                "if d == k else 0 * D"
            ),
        ),
        (
            "gb as if U were Dᵀ",
            *first(
                gb="(scale * (g @ D.T) * (1 - inside**2)).sum(axis=0) "
                "if d == k else 0 * b"
            ),
        ),
        ("one step only", "range(2)", "range(1)"),
        ("three steps", "range(2)", "range(3)"),
        ("D and b do not move in the second step either", DOWN, "pass"),
        ("b does not move", DOWN, "D = D - lr * back.T @ h"),
        ("D does not move", DOWN, "b = b - lr * back.sum(axis=0)"),
        ("c does not move", UP, "U = U - lr * gU"),
        (
            "D's step uses the new U",
            f"{DOWN}\n        {UP}",
            f"{UP}\n        back = scale * (g @ U) * {SLOPE}\n        {DOWN}",
        ),
        (
            "the steps go up the gradient",
            "    U, c = np.zeros((g",
            "    lr = -lr\n    U, c = np.zeros((g",
        ),
        ("the slope of tanh is left out", f" * {SLOPE}", ""),
        ("the slope of tanh is 1 − tanh, without the square", SLOPE, "(1 - inside)"),
        ("tanh instead of its slope", SLOPE, "inside"),
        (
            "the scale is left out",
            "    U, c = np.zeros((g",
            "    scale = 1.0\n    U, c = np.zeros((g",
        ),
        (
            "the gradients are means over the batch",
            "    U, c = np.zeros((g",
            "    lr = lr / len(g)\n    U, c = np.zeros((g",
        ),
        ("U and c come first, D and b last", LAST, "return U, c, D, b\n"),
        (
            "both steps use the first gradient",
            f"{DOWN}\n        {UP}",
            "U, c = U - 2 * lr * gU, c - 2 * lr * gc\n        break",
        ),
    ],
    "fusion": [
        (
            "scores are divided by √d",
            DOTS,
            f"{DOTS} / len(Q) ** 0.5",
        ),
        (
            "the query comes from the adapters' mean, not from the layer",
            "query = y @ Q.T",
            "query = A.mean(axis=1) @ Q.T",
        ),
        (
            "Q and K are exchanged: the query comes from the adapters",
            "query = y @ Q.T\n    keys = A @ K.T",
            "query = y @ K.T\n    keys = A @ Q.T",
        ),
        ("Q is transposed", "query = y @ Q.T", "query = y @ Q"),
        ("K is transposed", "keys = A @ K.T", "keys = A @ K"),
        ("Q is missing: the query is y", "query = y @ Q.T", "query = y"),
        (
            "one softmax over all rows and adapters",
            WEIGHTS,
            "e = np.where(on, np.exp(np.where(on, scores, 0)), 0.0)\n    w = e / e.sum()",
        ),
        (
            "the adapters are added up, without their weights",
            "np.sum(w[:, :, None] * values, axis=1)",
            "np.sum(values, axis=1)",
        ),
        (
            "y' comes first, then the weights",
            MIXED,
            "return w, y + np.sum(w[:, :, None] * values, axis=1)",
        ),
        (
            "K is missing: the keys are the adapters' outputs",
            "keys = A @ K.T",
            "keys = A",
        ),
        ("V is missing", "values = A @ V.T", "values = A"),
        ("V is transposed", "values = A @ V.T", "values = A @ V"),
        ("the skip connection y is missing", "return y + np.sum(w", "return np.sum(w"),
        (
            "V acts on y + a_n, not on a_n",
            "values = A @ V.T\n    return y + np",
            "values = (y[:, None] + A) @ V.T\n    return np",
        ),
        (
            "softmax over the batch, not over the adapters",
            WEIGHTS,
            "e = np.exp(scores - np.max(np.where(on, scores, -1e300), axis=0))\n"
            "    w = e / np.maximum(e.sum(axis=0), 1e-300)",
        ),
        ("the weights are not normalised: they do not sum to 1", WEIGHTS, "w = e"),
        (
            "softmax overflows: subtract the largest score first",
            E_OF,
            "np.exp(scores)",
        ),
        (
            "one weight for the whole batch",
            WEIGHTS,
            f"{WEIGHTS}\n    w = np.tile(w.mean(axis=0), (len(y), 1))",
        ),
        ("`on` is ignored", SCORES, "pass"),
        ("`on` is inverted", SCORES, SCORES.replace("(on,", "(~on,")),
        (
            "the weights are set to 0 after the softmax: they do not sum to 1",
            f"{SCORES}\n",
            "e = np.exp(scores - scores.max(axis=1, keepdims=True))\n"
            "    w = e / e.sum(axis=1, keepdims=True) * on\n"
            "    return y + np.sum(w[:, :, None] * (A @ V.T), axis=1), w\n",
        ),
        (
            "a score of 0, not −∞, where an adapter is off",
            SCORES,
            SCORES.replace("-np.inf", "0.0"),
        ),
        (
            "−100 instead of −∞ where an adapter is off",
            SCORES,
            SCORES.replace("-np.inf", "-100.0"),
        ),
        (
            "−1000 instead of −∞ where an adapter is off",
            SCORES,
            SCORES.replace("-np.inf", "-1000.0"),
        ),
        (
            "a row that may use no adapter is NaN",
            E_OF,
            "np.exp(scores - top)",
        ),
        (
            "a row that may use no adapter uses all alike",
            SCORES,
            f"none = ~on.any(axis=1, keepdims=True)\n    on = on | none\n"
            f"    scores = np.where(none, 0.0, scores)\n    {SCORES}",
        ),
        ("the sign of the scores is reversed", DOTS, f"{DOTS} * -1.0"),
        (
            "the best adapter takes all: argmax, not softmax",
            WEIGHTS,
            "w = 1.0 * (on & (scores == top))",
        ),
        ("the penalty pulls V to 0", "(V - np.eye(len(V))) ** 2", "V ** 2"),
        ("the penalty is a mean", "strength * np.sum(", "strength * np.mean("),
        (
            "the penalty has no square",
            "strength * np.sum((V - np.eye(len(V))) ** 2)",
            "strength * np.linalg.norm(V - np.eye(len(V)))",
        ),
        (
            "absolute values instead of squares",
            "(V - np.eye(len(V))) ** 2",
            "np.abs(V - np.eye(len(V)))",
        ),
        ("the penalty has a ½", "return strength * np", "return strength / 2 * np"),
        (
            "the penalty is divided by d",
            "return strength * np",
            "return strength / len(V) * np",
        ),
        ("the strength is squared", "return strength * np", "return strength**2 * np"),
        ("the strength is left out", "return strength * np", "return np"),
        (
            "the largest singular value, not the Frobenius norm",
            "np.sum((V - np.eye(len(V))) ** 2)",
            "np.linalg.norm(V - np.eye(len(V)), 2) ** 2",
        ),
        ("1 was subtracted from every entry of V", "V - np.eye(len(V))", "V - 1"),
    ],
}
