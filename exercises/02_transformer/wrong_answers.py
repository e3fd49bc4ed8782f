"""Named wrong answers: small edits of the solutions, to be caught and named."""

DIVIDED = "/ np.sqrt(q.shape[-1])"
TRI = "np.tri(T, S, S - T)"
NORMALISED = "P = P / P.sum(axis=-1, keepdims=True)\n"
STABLE = "scores - scores.max(axis=-1, keepdims=True)"
MASK = f"        scores = np.where({TRI}, scores, -np.inf)\n"
EXP = f"    P = np.exp({STABLE})\n    {NORMALISED}"
LONGER = (
    "    K = np.concatenate([K, k[:, None]], axis=1)\n"
    "    V = np.concatenate([V, v[:, None]], axis=1)\n"
)
SCORES = '    scores = np.einsum("hd,hsd->hs", q, K) / np.sqrt(K.shape[-1])\n'
SEEN = '    seen = np.einsum("hs,hsd->hd", P, V)\n'
STABLE1, EXP1 = STABLE.replace("-1", "1"), EXP.replace("-1", "1")
PAIRS = (
    "    a, b = x[..., :half], x[..., half:]\n"
    "    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)\n"
)

WRONG = {
    "attention": [
        ("the scale 1/√d is missing", f" {DIVIDED}", ""),
        ("1/d instead of 1/√d", DIVIDED, "/ q.shape[-1]"),
        ("√d multiplies instead of dividing", DIVIDED, "* np.sqrt(q.shape[-1])"),
        (
            "1/√(H·d): the width of all heads in the scale",
            DIVIDED,
            "/ np.sqrt(q.shape[0] * q.shape[-1])",
        ),
        (
            "the softmax runs over the queries, not over the keys",
            EXP,
            EXP.replace("axis=-1", "axis=-2"),
        ),
        ("the weights are not normalised", EXP, "    P = np.exp(scores)\n"),
        ("1/√S: the number of keys in the scale", DIVIDED, "/ np.sqrt(k.shape[1])"),
        ("1/√T: the number of queries in the scale", DIVIDED, "/ np.sqrt(q.shape[1])"),
        ("1/√e: the width of v in the scale", DIVIDED, "/ np.sqrt(v.shape[-1])"),
        (
            "the weights are divided by √d, not the scores",
            f" {DIVIDED}\n",
            "\n    v = v / np.sqrt(q.shape[-1])\n",
        ),
        (
            "one softmax over queries and keys",
            EXP,
            EXP.replace("axis=-1", "axis=(-2, -1)"),
        ),
        ("no softmax: the scores are the weights", EXP, "    P = scores\n"),
        ("softmax twice", EXP, EXP + EXP.replace("scores", "P")),
        (
            "the mask is turned round: the past and the own key are hidden",
            TRI,
            f"1 - {TRI}",
        ),
        ("hidden scores are a finite number, not −∞", "-np.inf", "-100.0"),
        (
            "the maximum over the queries, not over the keys",
            STABLE,
            "scores - scores.max(axis=-2, keepdims=True)",
        ),
        ("each query sees one key of the future", "S - T)", "S - T + 1)"),
        ("a query does not see its own key", "S - T)", "S - T - 1)"),
        ("the mask is aligned with the first key, not with the last", "S - T)", "0)"),
        (
            "the mask is turned round: only the future is seen",
            TRI,
            "1 - np.tri(T, S, S - T - 1)",
        ),
        ("hidden scores are 0 instead of −∞", "-np.inf", "0.0"),
        (
            "masked after the softmax: the rows do not sum to 1",
            MASK + EXP,
            EXP + f"    if causal:\n        P = P * {TRI}\n",
        ),
        ("`causal` was ignored", "if causal:", "if False:"),
        ("exp overflows: the row's maximum was not subtracted", STABLE, "scores"),
        (
            "one maximum for the whole array: rows far below it underflow",
            STABLE,
            "scores - scores.max()",
        ),
        (
            "q was changed in place",
            "    scores = np.ein",
            "    q *= 1.5\n    scores = np.ein",
        ),
    ],
    "rotary": [
        (
            "neighbours are paired: the interleaved layout",
            PAIRS,
            "    y = np.empty_like(x)\n"
            "    a, b = x[..., ::2], x[..., 1::2]\n"
            "    y[..., ::2], y[..., 1::2] = a * cos - b * sin, b * cos + a * sin\n"
            "    return y\n",
        ),
        (
            "pairs are read interleaved and written half-split",
            "x[..., :half], x[..., half:]",
            "x[..., ::2], x[..., 1::2]",
        ),
        (
            "the angles are laid out for neighbours: θ_0, θ_0, θ_1, θ_1",
            PAIRS,
            "    a, b = x[..., :half], x[..., half:]\n"
            "    cos, sin = np.repeat(cos, 2, axis=-1), np.repeat(sin, 2, axis=-1)\n"
            "    return x * cos + np.concatenate([-b, a], axis=-1) * sin\n",
        ),
        (
            "no rotation: both sines are added",
            "[a * cos - b * sin, b * cos + a",
            "[a * cos + b * sin, b * cos + a",
        ),
        (
            "the two halves are returned in the wrong order",
            "[a * cos - b * sin, b * cos + a * sin]",
            "[b * cos + a * sin, a * cos - b * sin]",
        ),
        (
            "only the first half is turned",
            "[a * cos - b * sin, b * cos + a * sin]",
            "[a * cos - b * sin, b]",
        ),
        (
            "x is multiplied by cos alone",
            "[a * cos - b * sin, b * cos + a * sin]",
            "[a * cos, b * cos]",
        ),
        (
            "i runs backwards: the last rate is 1",
            "positions[:, None] * rates",
            "positions[:, None] * rates[::-1]",
        ),
        (
            "one rate for all pairs",
            "positions[:, None] * rates",
            "positions[:, None] * np.ones(half)",
        ),
        (
            "turned backwards, by −mθ",
            "[a * cos - b * sin, b * cos + a * sin]",
            "[a * cos + b * sin, b * cos - a * sin]",
        ),
        (
            "no rotation: the sign of one sin is wrong",
            "[a * cos - b * sin, b * cos + a",
            "[a * cos - b * sin, b * cos - a",
        ),
        ("sin and cos are swapped", "np.cos(angles), np.sin", "np.sin(angles), np.cos"),
        (
            "the exponent is −i/d instead of −2i/d",
            "(half) / half",
            "(half) / (2 * half)",
        ),
        ("the exponent is −4i/d instead of −2i/d", "(-np.arange", "(-2 * np.arange"),
        ("the exponent is +2i/d instead of −2i/d", "(-np.arange", "(np.arange"),
        (
            "i starts at 1: the first rate must be 1",
            "np.arange(half)",
            "np.arange(1, half + 1)",
        ),
        (
            "positions are counted from 1 more",
            "positions[:, None] *",
            "(positions[:, None] + 1) *",
        ),
        (
            "`positions` was ignored: 0 .. T − 1 was used",
            "positions[:, None] *",
            "np.arange(x.shape[-2])[:, None] *",
        ),
        ("`base` was ignored: 10000 was used", "rates = base", "rates = 10000.0"),
        (
            "x was changed in place",
            "    half = x.shape[-1] // 2\n",
            "    half = x.shape[-1] // 2\n    x *= 2.0\n",
        ),
    ],
    "kv_cache_step": [
        (
            "the new token does not see itself",
            LONGER + SCORES + EXP1 + SEEN,
            SCORES
            + EXP1.replace("scores.max(axis=1, keepdims=True)", "0.0")
            + SEEN
            + LONGER,
        ),
        (
            "the new token sees only itself",
            EXP1,
            "    P = 0 * scores\n    P[:, -1] = 1.0\n",
        ),
        ("the scale is missing", " / np.sqrt(K.shape[-1])", ""),
        ("1/√C instead of 1/√d", "np.sqrt(K.shape[-1])", "np.sqrt(len(x))"),
        ("1/d instead of 1/√d", "np.sqrt(K.shape[-1])", "K.shape[-1]"),
        (
            "1/√(t + 1): the number of tokens in the scale",
            "np.sqrt(K.shape[-1])",
            "np.sqrt(K.shape[1])",
        ),
        (
            "√d multiplies instead of dividing",
            "/ np.sqrt(K.shape[-1])",
            "* np.sqrt(K.shape[-1])",
        ),
        ("Wo is transposed", 'weights["o"] @ seen', 'weights["o"].T @ seen'),
        (
            "the softmax runs over the heads",
            EXP1,
            EXP1.replace("axis=1", "axis=0"),
        ),
        ("the weights are not normalised", EXP1, "    P = np.exp(scores)\n"),
        (
            "key and value of the new token are swapped",
            LONGER,
            LONGER.replace("[K, k[", "[K, _[")
            .replace("[V, v[", "[V, k[")
            .replace("[K, _[", "[K, v["),
        ),
        (
            "only the new token is returned, not the cache before it",
            ", (K, V)\n",
            ", (K[:, -1:], V[:, -1:])\n",
        ),
        ("the oldest token is dropped", ", (K, V)\n", ", (K[:, 1:], V[:, 1:])\n"),
        (
            "x W instead of W x: the weights are transposed",
            "weights[n] @ x",
            "x @ weights[n]",
        ),
        ("the output projection is missing", 'weights["o"] @ seen', "seen"),
        (
            "one softmax for all heads together",
            EXP1,
            "    P = np.exp(scores - scores.max())\n    P = P / P.sum()\n",
        ),
        (
            "heads are cut across: reshape (d, H)",
            ".reshape(heads, -1)",
            ".reshape(-1, heads).T",
        ),
        (
            "keys and values of the cache are swapped",
            "    K, V = cache",
            "    V, K = cache",
        ),
        ("the values are returned first", ", (K, V)\n", ", (V, K)\n"),
        ("the keys are stored as values", "concatenate([V, v[", "concatenate([V, k["),
        (
            "the old cache is returned: the new token is lost",
            ", (K, V)\n",
            ", cache\n",
        ),
        (
            "the new token stands before the cached ones",
            LONGER,
            LONGER.replace("[K, k[:, None]]", "[k[:, None], K]").replace(
                "[V, v[:, None]]", "[v[:, None], V]"
            ),
        ),
        (
            "exp overflows or underflows: subtract each head's largest score first",
            STABLE1,
            "scores",
        ),
        (
            "cache was changed in place",
            "    K, V = cache\n",
            "    K, V = cache\n    K *= 1.5\n",
        ),
    ],
    "sample_top_p": [
        (
            "the token that crosses p is left out",
            "before < p",
            "before + q[order] <= p",
        ),
        (
            "one token too many is kept",
            "before < p]",
            "before - np.r_[0, q[order][:-1]] < p]",
        ),
        ("multiplied by the temperature", ") / temperature", ") * temperature"),
        ("the temperature is ignored", ") / temperature", ")"),
        (
            "the set is chosen before the temperature",
            "    order = np.argsort(-q)\n    before = np.cumsum(q[order]) - q[order]",
            "    order = np.argsort(-q)\n"
            "    plain = np.exp(logits - logits.max())\n"
            "    plain = plain[order] / plain.sum()\n"
            "    before = np.cumsum(plain) - plain",
        ),
        (
            "the probabilities are divided by the temperature, not the logits",
            "q = np.exp((logits - logits.max()) / temperature)\n"
            "    q = q / q.sum()\n"
            "    order = np.argsort(-q)\n"
            "    before = np.cumsum(q[order]) - q[order]",
            "q = np.exp(logits - logits.max())\n"
            "    q = q / q.sum() / temperature\n"
            "    order = np.argsort(-q)\n"
            "    before = np.cumsum(q[order]) - q[order]",
        ),
        ("scaled by p, not by what the set holds", " / q[kept].sum()", " / p"),
        (
            "softmax again over the probabilities of the set",
            "q[kept] / q[kept].sum()",
            "np.exp(q[kept]) / np.exp(q[kept]).sum()",
        ),
        (
            "tokens below the probability p are cut",
            "order[before < p]",
            "np.flatnonzero(q >= p)",
        ),
        (
            "the tokens are taken in the order of ids, not by probability",
            "np.argsort(-q)",
            "np.arange(len(q))",
        ),
        (
            "the set's probabilities are left in sorted order",
            "    total = np.cumsum(cut)",
            "    cut = cut[order]\n    total = np.cumsum(cut)",
        ),
        (
            "every token of the set is equally likely",
            "q[kept] / q[kept].sum()",
            "1 / len(kept)",
        ),
        (
            "the place in the sorted order is returned, not the id",
            "return int((total <= u * total[-1]).sum()), cut",
            "along = np.cumsum(cut[order])\n    return int((along <= u).sum()), cut",
        ),
        (
            "the place among the kept tokens is returned, not the id",
            "return int((total <= u * total[-1]).sum()), cut",
            "inside = np.cumsum(cut[np.sort(kept)])\n"
            "    return int((inside <= u).sum()), cut",
        ),
        ("one id too early", ".sum()), cut", ".sum()) - 1, cut"),
        ("one id too late", ".sum()), cut", ".sum()) + 1, cut"),
        ("1 − u instead of u", "<= u * total", "<= (1 - u) * total"),
        ("not scaled to sum to 1 again", " / q[kept].sum()", ""),
        ("the least likely tokens are kept", "np.argsort(-q)", "np.argsort(q)"),
        (
            "places in the sorted order are used as ids",
            "order[before < p]",
            "np.flatnonzero(before < p)",
        ),
        ("nothing is cut", "order[before < p]", "order"),
        (
            "drawn along the sorted order, not along the ids",
            "return int((total <= u * total[-1]).sum()), cut",
            "along = np.cumsum(cut[order])\n"
            "    return int(order[(along <= u * along[-1]).sum()]), cut",
        ),
        (
            "drawn from the uncut distribution",
            "total = np.cumsum(cut)",
            "total = np.cumsum(q)",
        ),
        (
            "the likeliest token each time: u is ignored",
            "int((total <= u * total[-1]).sum())",
            "int(order[0])",
        ),
        ("u = 0 draws a token outside the set", "total <= u", "total < u"),
        (
            "exp overflows: the largest logit was not subtracted",
            "(logits - logits.max())",
            "logits",
        ),
        (
            "logits was changed in place",
            "    q = np.exp(",
            "    logits -= logits.max()\n    q = np.exp(",
        ),
    ],
}
