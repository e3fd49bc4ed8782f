"""Named wrong answers: small edits of the solutions, to be caught and named."""

WRONG = {
    "bottleneck": [
        ("the skip connection y is missing", "return y + scale *", "return scale *"),
        ("b is missing", "D.T + b)", "D.T)"),
        ("c is missing", "(inside @ U.T + c)", "(inside @ U.T)"),
        ("the scale is missing", "y + scale * (", "y + ("),
        ("the scale does not reach c", "(inside @ U.T + c)", "(inside @ U.T) + c"),
        ("the scale multiplies y too", "y + scale * (", "scale * (y + "),
        ("no tanh inside", "np.tanh(z @ D.T + b)", "z @ D.T + b"),
        (
            "tanh after U, not before",
            "inside = np.tanh(z @ D.T + b)\n    return y + scale * (inside @ U.T + c)",
            "inside = z @ D.T + b\n    return y + scale * (np.tanh(inside @ U.T) + c)",
        ),
        (
            "relu in place of tanh",
            "np.tanh(z @ D.T + b)",
            "np.maximum(z @ D.T + b, 0)",
        ),
        (
            "b is added after tanh, not before",
            "np.tanh(z @ D.T + b)",
            "np.tanh(z @ D.T) + b",
        ),
        (
            "the scale is inside tanh",
            "inside = np.tanh(z @ D.T + b)\n    return y + scale * (inside @ U.T + c)",
            "inside = np.tanh(scale * (z @ D.T + b))\n    return y + inside @ U.T + c",
        ),
        ("the correction is added to h, not to y", "return y +", "return z +"),
        ("parallel is ignored: D reads y", "z = h if parallel else y", "z = y"),
        ("D reads h without being parallel", "z = h if parallel else y", "z = h"),
        (
            "y was changed in place",
            "return y + scale * (inside @ U.T + c)",
            "y += scale * (inside @ U.T + c)\n    return y",
        ),
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
        ("parallel has two adapters a block", '"parallel": 1', '"parallel": 2'),
        (
            "a fusion for each of the two adapters",
            "(query + key + value)",
            "2 * (query + key + value)",
        ),
        ("only D is counted", "(down + up)", "down"),
        ("Houlsby has one adapter a block", '"houlsby": 2', '"houlsby": 1'),
        ("Pfeiffer has two adapters a block", '"pfeiffer": 1', '"pfeiffer": 2'),
        (
            "layers is missing",
            "layers * SITES[kind] * (down + up)",
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
            "one fusion a block",
            "layers * SITES[kind] * (query + key + value)",
            "layers * (query + key + value)",
        ),
    ],
    "adapter_gradients_at_start": [
        ("gU is transposed", "gU = scale * g.T @ inside", "gU = scale * inside.T @ g"),
        ("gU without tanh", "inside = np.tanh(y @ D.T + b)", "inside = y @ D.T + b"),
        ("b is missing in gU", "np.tanh(y @ D.T + b)", "np.tanh(y @ D.T)"),
        ("gU without the scale", "gU = scale * g.T", "gU = g.T"),
        ("gc without the scale", "gc = scale * g.sum", "gc = g.sum"),
        ("gc is a mean over the batch", "g.sum(axis=0)", "g.mean(axis=0)"),
        ("gU is a mean over the batch", "g.T @ inside", "g.T @ inside / len(y)"),
        (
            "gU has the slope of tanh, not its value",
            "g.T @ inside",
            "g.T @ (1 - inside**2)",
        ),
        ("the scale is squared in gU", "gU = scale * g.T", "gU = scale**2 * g.T"),
        (
            "the order is gD, gb, gU, gc",
            "return np.zeros(D.shape), np.zeros(b.shape), gU, gc",
            "return gU, gc, np.zeros(D.shape), np.zeros(b.shape)",
        ),
        ("gc is zero", "gc = scale * g.sum(axis=0)", "gc = np.zeros(g.shape[1])"),
        (
            "gU is zero, as if U = 0 stopped it",
            "gU = scale * g.T @ inside",
            "gU = np.zeros((g.shape[1], len(D)))",
        ),
        (
            "gD as if U were Dᵀ",
            "return np.zeros(D.shape), np.zeros(b.shape)",
            "gi = scale * (g @ D.T) * (1 - inside**2)\n"
            "    return gi.T @ y, np.zeros(b.shape)",
        ),
        (
            "gb as if U were Dᵀ",
            "return np.zeros(D.shape), np.zeros(b.shape)",
            "gi = scale * (g @ D.T) * (1 - inside**2)\n"
            "    return np.zeros(D.shape), gi.sum(axis=0)",
        ),
    ],
    "fusion": [
        (
            "scores are divided by √d",
            "scores = np.sum(keys * query[:, None, :], axis=2)",
            "scores = np.sum(keys * query[:, None, :], axis=2) / len(Q) ** 0.5",
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
            "w = w / np.sum(w, axis=1, keepdims=True)",
            "w = np.exp(np.sum(keys * query[:, None, :], axis=2))\n    w = w / np.sum(w)",
        ),
        (
            "the adapters are added up, without their weights",
            "np.sum(w[:, :, None] * values, axis=1)",
            "np.sum(values, axis=1)",
        ),
        (
            "y' comes first, then the weights",
            "return y + np.sum(w[:, :, None] * values, axis=1), w",
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
            "w = w / np.sum(w, axis=1, keepdims=True)",
            "w = np.sum(keys * query[:, None, :], axis=2)\n"
            "    w = np.exp(w - w.max(axis=0))\n"
            "    w = w / w.sum(axis=0)",
        ),
        (
            "the weights are not normalised: they do not sum to 1",
            "w = w / np.sum(w, axis=1, keepdims=True)",
            "w = w + 0",
        ),
        (
            "softmax overflows: subtract the largest score first",
            "scores = scores - np.max(scores, axis=1, keepdims=True)",
            "scores = scores - 0",
        ),
        (
            "one weight for the whole batch",
            "w = w / np.sum(w, axis=1, keepdims=True)",
            "w = w / np.sum(w, axis=1, keepdims=True)\n"
            "    w = np.tile(w.mean(axis=0), (len(y), 1))",
        ),
        ("the penalty pulls V to 0", "(V - np.eye(len(V))) ** 2", "V ** 2"),
        ("the penalty is a mean", "strength * np.sum(", "strength * np.mean("),
        (
            "the penalty has no square",
            "strength * np.sum((V - np.eye(len(V))) ** 2)",
            "strength * np.linalg.norm(V - np.eye(len(V)))",
        ),
        (
            "absolute values in place of squares",
            "(V - np.eye(len(V))) ** 2",
            "np.abs(V - np.eye(len(V)))",
        ),
        ("the penalty has a ½", "return strength * np", "return strength / 2 * np"),
    ],
}
