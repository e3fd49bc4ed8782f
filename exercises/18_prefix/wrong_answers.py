"""Named wrong answers: small edits of the solutions, to be caught and named."""

PA_REPEAT = """    keys = np.repeat(np.concatenate([P_k, k], axis=1), share, axis=0)
    values = np.repeat(np.concatenate([P_v, v], axis=1), share, axis=0)"""

MOVE = "P_k, P_v = P_k - lr * gP_k, P_v - lr * gP_v"
AGAIN = """w = np.exp(q @ np.concatenate([P_k, k]).T / np.sqrt(q.shape[1]))
        o = w @ np.concatenate([P_v, v]) / w.sum(axis=1, keepdims=True)
        gP_v = prefix_gradients(q, k, v, P_k, P_v, (o - target) / len(q))[1]"""

MEAN_G = "np.tensordot(weight / np.sum(weight), G, axes=1)"
FORBID = """change[:, ~allowed] = np.inf
    change[np.arange(len(ids)), ids] = np.inf
    t, v = np.unravel_index(np.argmin(change), change.shape)"""
BACK = "[part.swapaxes(0, 1) for pair in pairs for part in pair]"

WRONG = {
    "prefix_attention": [
        ("1/√d is missing", " / np.sqrt(d)", ""),
        ("1/d instead of 1/√d", "np.sqrt(d)", "d"),
        (
            "the mask takes 1000 off, not ∞",
            "length), scores, -np.inf)",
            "length), scores, scores - 1e3)",
        ),
        (
            "masked scores are a finite number, not −∞",
            "length), scores, -np.inf)",
            "length), scores, -1e4)",
        ),
        (
            "masked scores are −100, not −∞",
            "length), scores, -np.inf)",
            "length), scores, -100.0)",
        ),
        (
            "masked scores are −1000, not −∞",
            "length), scores, -np.inf)",
            "length), scores, -1000.0)",
        ),
        (
            "every query head uses key head 0",
            "    share, (T, d)",
            "    k, v, P_k, P_v = k[:1], v[:1], P_k[:1], P_v[:1]\n    share, (T, d)",
        ),
        (
            "the weights are not divided by their sum",
            "np.exp(scores - scores.max(axis=-1, keepdims=True))\n"
            "    return weights / weights.sum(axis=-1, keepdims=True) @ values",
            "np.exp(scores)\n    return weights @ values",
        ),
        ("no causal mask", "np.tri(T, length + T, length", "np.tri(T, length + T, 99"),
        (
            "the prefix is masked like the text: query i sees columns 0..i",
            "np.tri(T, length + T, length",
            "np.tri(T, length + T, 0",
        ),
        (
            "a query does not see its own key",
            "np.tri(T, length + T, length",
            "np.tri(T, length + T, length - 1",
        ),
        (
            "each query sees one key of the future",
            "np.tri(T, length + T, length",
            "np.tri(T, length + T, length + 1",
        ),
        (
            "the prefix stands behind the text",
            PA_REPEAT,
            PA_REPEAT.replace("[P_k, k]", "[k, P_k]").replace("[P_v, v]", "[v, P_v]"),
        ),
        (
            "key heads are tiled: query head h uses h % G",
            PA_REPEAT,
            PA_REPEAT.replace("repeat", "tile").replace(
                "share, axis=0", "(share, 1, 1)"
            ),
        ),
        (
            "the mask came after the softmax: weights do not sum to 1",
            "scores = np.where(np.tri(T, length + T, length), scores, -np.inf)\n"
            "    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))\n"
            "    return weights / weights.sum(axis=-1, keepdims=True) @ values",
            "weights = np.exp(scores - scores.max(axis=-1, keepdims=True))\n"
            "    weights = weights / weights.sum(axis=-1, keepdims=True)\n"
            "    return weights * np.tri(T, length + T, length) @ values",
        ),
        (
            "masked scores are 0, not −∞: a weight of e⁰",
            "scores, -np.inf)",
            "scores, 0.0)",
        ),
        (
            "the softmax runs over the queries, not the keys",
            "scores.max(axis=-1, keepdims=True))\n"
            "    return weights / weights.sum(axis=-1, keepdims=True)",
            "scores.max(axis=1, keepdims=True))\n"
            "    return weights / weights.sum(axis=1, keepdims=True)",
        ),
        (
            "keys and values stand in different orders",
            "np.concatenate([P_v, v], axis=1)",
            "np.concatenate([v, P_v], axis=1)",
        ),
        (
            "the prefix is left out",
            "    share, (T, d)",
            "    P_k, P_v = P_k[:, :0], P_v[:, :0]\n    share, (T, d)",
        ),
        (
            "e^score overflows",
            "np.exp(scores - scores.max(axis=-1, keepdims=True))",
            "np.exp(scores)",
        ),
        (
            "q was changed in place",
            "    share, (T, d)",
            "    q *= 1.01\n    share, (T, d)",
        ),
    ],
    "gate": [
        (
            "a constant λ = l/(l + visible tokens)",
            "lam = np.exp(-np.logaddexp(0.0, -difference))",
            "lam = len(P_k) / (len(P_k) + 1.0 + np.arange(T))",
        ),
        ("LSE_K runs over the future too", "np.tri(T)", "True"),
        (
            "1/√d is missing in LSE_P",
            "q @ P_k.T / np.sqrt(d)",
            "q @ P_k.T",
        ),
        (
            "1/√d is missing in both",
            "    text = np.where",
            "    d = 1\n    text = np.where",
        ),
        (
            "1/d instead of 1/√d",
            "    text = np.where",
            "    d = d * d\n    text = np.where",
        ),
        ("a query does not see its own key", "np.tri(T)", "np.tri(T, T, -1)"),
        (
            "the prefix is masked like the text",
            "    difference = ",
            "    front = np.where(np.tri(T, len(P_k)), front, -np.inf)\n    difference = ",
        ),
        (
            "e^(LSE_P − LSE_K), the odds, instead of the share",
            "np.exp(-np.logaddexp(0.0, -difference))",
            "np.exp(difference)",
        ),
        (
            "o_K and o_P are swapped",
            "return lam,",
            "o_K, o_P = o_P, o_K\n    return lam,",
        ),
        ("1 − λ instead of λ", "(0.0, -difference)", "(0.0, difference)"),
        (
            "the largest score instead of LSE",
            "np.logaddexp.reduce(front, axis=1) - np.logaddexp.reduce(text, axis=1)",
            "np.max(front, axis=1) - np.max(text, axis=1)",
        ),
        (
            "the mean score instead of LSE",
            "np.logaddexp.reduce(front, axis=1) - np.logaddexp.reduce(text, axis=1)",
            "np.mean(front, axis=1, where=seen) "
            "- np.mean(text, axis=1, where=np.tri(T) > 0)",
        ),
        (
            "the sum of e^score without its logarithm",
            "np.logaddexp.reduce(front, axis=1) - np.logaddexp.reduce(text, axis=1)",
            "np.exp(front).sum(1) - np.exp(text).sum(1)",
        ),
        ("o_K is not multiplied by 1 − λ", "(1 - lam[:, None]) * o_K", "o_K"),
        (
            "e^score overflows",
            "difference = np.logaddexp.reduce(front, axis=1) - "
            "np.logaddexp.reduce(text, axis=1)",
            "difference = np.log(np.exp(front).sum(1)) - np.log(np.exp(text).sum(1))",
        ),
        (
            "the log of the mean of e^score, not of the sum",
            "    lam = np",
            "    difference += np.log(np.tri(T).sum(1)) - np.log(seen.sum(1))\n"
            "    lam = np",
        ),
        (
            "1/√d is missing in LSE_K",
            "q @ k.T / np.sqrt(d)",
            "q @ k.T",
        ),
        ("`seen` is ignored", "np.where(seen,", "np.where(True,"),
        ("`seen` is inverted", "np.where(seen,", "np.where(~seen,"),
        (
            "a score of 0, not −∞, for a hidden row of the prefix",
            "q @ P_k.T / np.sqrt(d), -np.inf)",
            "q @ P_k.T / np.sqrt(d), 0.0)",
        ),
        (
            "λ counts the visible rows: n/(n + visible tokens)",
            "lam = np.exp(-np.logaddexp(0.0, -difference))",
            "lam = seen.sum(1) / (seen.sum(1) + 1.0 + np.arange(T))",
        ),
        (
            "−100 instead of −∞ for what is hidden",
            "    difference = ",
            "    text = np.where(np.tri(T), text, -100.0)\n"
            "    front = np.where(seen, front, -100.0)\n    difference = ",
        ),
        (
            "a query that sees no row of the prefix is NaN",
            "np.logaddexp.reduce(front, axis=1) -",
            "np.log(np.exp(front - front.max(1)[:, None]).sum(1)) + front.max(1) -",
        ),
        ("o_P is not multiplied by λ", "lam[:, None] * o_P", "o_P"),
        (
            "o comes first, then λ",
            "return lam, (1 - lam[:, None]) * o_K + lam[:, None] * o_P",
            "return (1 - lam[:, None]) * o_K + lam[:, None] * o_P, lam",
        ),
    ],
    "prefix_gradients": [
        ("1/√d is missing in the gradient of P_k", "@ q / root", "@ q"),
        (
            "o is not subtracted: the softmax's own slope",
            "gain = g @ P_v.T - np.sum(g * o, axis=1, keepdims=True)",
            "gain = g @ P_v.T",
        ),
        (
            "the text's o instead of the whole o",
            "    o = w @ values",
            "    o = w[:, length:] @ v / w[:, length:].sum(axis=1, keepdims=True)",
        ),
        (
            "a softmax over the prefix alone",
            "    w = w[:, :length]\n",
            "    w = w[:, :length] / w[:, :length].sum(axis=1, keepdims=True)\n",
        ),
        ("w² instead of w", "    w = w[:, :length]\n", "    w = w[:, :length] ** 2\n"),
        ("the sign of gP_k is wrong", "return (w * gain)", "return -(w * gain)"),
        ("1/d instead of 1/√d", "@ q / root", "@ q / root**2"),
        ("o is added, not subtracted", "P_v.T - np.sum", "P_v.T + np.sum"),
        (
            "only the diagonal of the softmax's slope, w(1 − w)",
            "return (w * gain)",
            "return (w * (1 - w) * (g @ P_v.T))",
        ),
        (
            "the gradient that comes from above is missing",
            "w.T @ g",
            "w.T @ np.ones_like(g)",
        ),
        (
            "the prefix was put behind the text, the first rows taken",
            "np.concatenate([P_k, k]), np.concatenate([P_v, v])",
            "np.concatenate([k, P_k]), np.concatenate([v, P_v])",
        ),
        (
            "the mean over the queries instead of the sum",
            "    w = w[:, :length]\n",
            "    w = w[:, :length] / len(q)\n",
        ),
        (
            "the weights of P_v are forgotten",
            "w.T @ g",
            "np.tile(g.sum(axis=0), (length, 1))",
        ),
        (
            "gP_k and gP_v are swapped",
            "return (w * gain).T @ q / root, w.T @ g",
            "return w.T @ g, (w * gain).T @ q / root",
        ),
        (
            "g was changed in place",
            "    gain = g @",
            "    g *= 1.01\n    gain = g @",
        ),
        (
            "1/√d is missing in the scores too",
            "np.sqrt(q.shape[1])\n    keys",
            "1.0\n    keys",
        ),
        ("w is missing", "(w * gain)", "(gain)"),
        ("the sign of gP_v is wrong", "w.T @ g\n", "-w.T @ g\n"),
        ("the gradient is not divided by T", "(o - target) / len(q)", "o - target"),
        (
            "divided by T·e, all entries",
            "(o - target) / len(q)",
            "(o - target) / target.size",
        ),
        (
            "2/T instead of 1/T: the ½ of L is lost",
            "(o - target) / len(q)",
            "2 * (o - target) / len(q)",
        ),
        ("the steps go up the gradient", MOVE, MOVE.replace("-", "+")),
        (
            "P_v's step uses the new P_k",
            MOVE,
            f"P_k = P_k - lr * gP_k\n        {AGAIN}\n        P_v = P_v - lr * gP_v",
        ),
        (
            "every step uses the first gradient",
            MOVE,
            "first = (gP_k, gP_v) if _ == 0 else first\n        gP_k, gP_v = first\n"
            f"        {MOVE}",
        ),
        ("only P_v moves", MOVE, "P_v = P_v - lr * gP_v"),
        ("only P_k moves", MOVE, "P_k = P_k - lr * gP_k"),
        ("one step only", "range(steps)", "range(1)"),
        ("one step too many", "range(steps)", "range(steps + 1)"),
        (
            "P_k and P_v are returned in the wrong order",
            "return P_k, P_v",
            "return P_v, P_k",
        ),
    ],
    "past_key_values": [
        (
            "all keys first, then all values",
            "prompt.reshape(length, layers, 2, kv_heads, columns // parts)\n"
            "    cut = cut.transpose(1, 2, 3, 0, 4)",
            "prompt.reshape(length, 2, layers, kv_heads, columns // parts)\n"
            "    cut = cut.transpose(2, 1, 3, 0, 4)",
        ),
        (
            "keys and values are swapped",
            "(cut[i, 0], cut[i, 1])",
            "(cut[i, 1], cut[i, 0])",
        ),
        (
            "the keys stand in the place of the values, too",
            "(cut[i, 0], cut[i, 1])",
            "(cut[i, 0], cut[i, 0])",
        ),
        (
            "key or value counted fastest",
            "prompt.reshape(length, layers, 2, kv_heads, columns // parts)\n"
            "    cut = cut.transpose(1, 2, 3, 0, 4)",
            "prompt.reshape(length, layers, kv_heads, columns // parts, 2)\n"
            "    cut = cut.transpose(1, 4, 2, 0, 3)",
        ),
        (
            "d before l: the axes are (kv_heads, d, l)",
            "cut.transpose(1, 2, 3, 0, 4)",
            "cut.transpose(1, 2, 3, 4, 0)",
        ),
        ("the layers are in reverse", "in range(layers)]", "in range(layers)][::-1]"),
        (
            "heads counted fastest: (d, kv_heads) instead of (kv_heads, d)",
            "prompt.reshape(length, layers, 2, kv_heads, columns // parts)\n"
            "    cut = cut.transpose(1, 2, 3, 0, 4)",
            "prompt.reshape(length, layers, 2, columns // parts, kv_heads)\n"
            "    cut = cut.transpose(1, 2, 4, 0, 3)",
        ),
        (
            "reshaped where a transpose is needed",
            "cut = cut.transpose(1, 2, 3, 0, 4)",
            "cut = cut.transpose(1, 2, 0, 3, 4)\n"
            "    cut = cut.reshape(layers, 2, kv_heads, length, columns // parts)",
        ),
        (
            "the whole matrix is reshaped: rows of the prefix are mixed",
            "prompt.reshape(length, layers, 2, kv_heads, columns // parts)\n"
            "    cut = cut.transpose(1, 2, 3, 0, 4)",
            "prompt.reshape(layers, 2, kv_heads, length, columns // parts)",
        ),
        (
            "the heads of one layer: kv_heads before key or value",
            "prompt.reshape(length, layers, 2, kv_heads, columns // parts)\n"
            "    cut = cut.transpose(1, 2, 3, 0, 4)",
            "prompt.reshape(length, layers, kv_heads, 2, columns // parts)\n"
            "    cut = cut.transpose(1, 3, 2, 0, 4)",
        ),
        (
            "l before the heads: the axes are (l, kv_heads, d)",
            "cut.transpose(1, 2, 3, 0, 4)",
            "cut.transpose(1, 2, 0, 3, 4)",
        ),
        (
            "Columns that do not fit are accepted",
            "    if columns % parts:",
            "    prompt = prompt[:, : columns - columns % parts]\n    if columns < 0:",
        ),
        (
            "reshaped where a transpose is needed",
            "part.reshape(len(part), -1)",
            "part.swapaxes(0, 1).reshape(len(part), -1)",
        ),
        (
            "all keys first, then all values",
            BACK,
            BACK.replace("pairs for", "zip(*pairs) for"),
        ),
        ("keys and values are swapped", "for part in pair]", "for part in pair[::-1]]"),
        ("the layers are in reverse", "for pair in pairs", "for pair in pairs[::-1]"),
        (
            "heads counted fastest: (d, kv_heads) instead of (kv_heads, d)",
            "part.reshape(len(part), -1)",
            "part.swapaxes(1, 2).reshape(len(part), -1)",
        ),
        (
            "the parts are put below each other",
            "for part in parts], axis=1)",
            "for part in parts], axis=0)",
        ),
        (
            "the whole array is reshaped at once",
            "    parts = [part.swap",
            "    whole = np.array(pairs)\n    return whole.reshape(whole.shape[3], -1)\n"
            "    parts = [part.swap",
        ),
        (
            "the matrix is transposed",
            "for part in parts], axis=1)",
            "for part in parts], axis=1).T",
        ),
    ],
    "hard_prompt": [
        ("words that are not allowed come in", "change[:, ~allowed] = np.inf", "pass"),
        (
            "the swap that raises the loss most",
            FORBID,
            FORBID.replace("np.inf", "-np.inf").replace("argmin", "argmax"),
        ),
        ("the weights are left out", MEAN_G, "np.mean(G, axis=0)"),
        ("only the first text counts", MEAN_G, "G[0]"),
        (
            "a sum over the texts, not a weighted mean",
            "weight / np.sum(weight)",
            "weight",
        ),
        (
            "divided by the number of texts",
            "weight / np.sum(weight)",
            "weight / len(weight)",
        ),
        (
            "the sign of the change",
            "return t, v, change[t, v]",
            "return t, v, -change[t, v]",
        ),
        (
            "the old word's share is left out",
            "g @ E.T - np.sum(g * E[ids], axis=1)[:, None]",
            "g @ E.T",
        ),
        (
            "a word is swapped for itself",
            "change[np.arange(len(ids)), ids] = np.inf",
            "pass",
        ),
        ("the plain distance: scales are left out", "np.std(E, axis=0)", "1.0"),
        (
            "multiplied by the spread, not divided",
            "(P[:, None] - E) / scale",
            "(P[:, None] - E) * scale",
        ),
        ("divided by the variance", "np.std(E, axis=0)", "np.var(E, axis=0)"),
        ("the farthest word", "np.argmin(apart, axis=1)", "np.argmax(apart, axis=1)"),
        (
            "the largest product, not the nearest",
            "np.argmin(apart, axis=1)",
            "np.argmax(P @ E.T, axis=1)",
        ),
        (
            "the squared distance",
            "np.sqrt(apart[np.arange(len(P)), ids])",
            "apart[np.arange(len(P)), ids]",
        ),
        ("the spread with V − 1", "np.std(E, axis=0)", "np.std(E, axis=0, ddof=1)"),
        ("a mean over the coordinates", "np.sum(((P", "np.mean(((P"),
        (
            "the sum of absolute differences",
            "np.sum(((P[:, None] - E) / scale) ** 2, axis=2)",
            "np.sum(np.abs(P[:, None] - E) / scale, axis=2) ** 2",
        ),
        ("one spread for all coordinates", "np.std(E, axis=0)", "np.std(E)"),
        ("the spread of P, not of the words", "np.std(E, axis=0)", "np.std(P, axis=0)"),
    ],
}
