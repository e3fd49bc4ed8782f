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
