"""Named wrong answers: small edits of the solutions, to be caught and named."""

TOKENS = "out[start:stop] = row[start + 1 : stop + 1]"
STARTS = "for start in starts[-1:] if last_only else starts:"
EMPTY = "targets = np.full(ids.shape, -100)"
DONE = "    return targets\n"
MASK = "mask = past & real & (same | (owner[None] == -1))"
RETURNED = "return mask | np.eye(T, dtype=bool), positions"
PLACES = "positions[start : start + n] = shared + np.arange(n)"
FIRST = "owner[:shared], positions[:shared] = -1, np.arange(shared)"
SUMS = "G, total = G + X.T @ p, total + len(y)"
MEAN = "G = G / max(total, 1)"
STEP = "W = W - lr * G * (most / norm if norm > most else 1.0)"
LOSS = "losses.append(loss / max(total, 1))"
SUM = "loss -= log_p[rows, y].sum()"
NORM = "norm = np.linalg.norm(G)"
FACTOR = "fail[here] *= np.maximum(n - c - k + 1, 0)[here] / (n - k + 1)[here]"
POINT = "curve.append(1 - fail[here].mean())"
CURVE = "return np.array(curve)"
NEEDED = "return int(enough[0]) + 1 if len(enough) else 0"

WRONG = {
    "response_targets": [
        (
            "the targets are not shifted",
            TOKENS,
            "out[start + 1 : stop + 1] = row[start + 1 : stop + 1]",
        ),
        (
            "the targets are shifted twice",
            TOKENS,
            "out[max(start - 1, 0) : stop - 1] = row[start + 1 : stop + 1]",
        ),
        (
            "the mask is shifted, the tokens are not",
            TOKENS,
            "out[start:stop] = row[start:stop]",
        ),
        (
            "the first token of each answer is lost",
            TOKENS,
            "out[start + 1 : stop] = row[start + 2 : stop + 1]",
        ),
        (
            "the end of an answer is not learned",
            TOKENS,
            "out[start : stop - 1] = row[start + 1 : stop]",
        ),
        (
            "the prompt is learned too: p(x, y)",
            TOKENS,
            "out[: np.flatnonzero(row == end)[-1]] = row[1 : "
"np.flatnonzero(row == end)[-1] + 1]",
        ),
        (
            "all after the first answer began is learned",
            TOKENS,
            "last = np.flatnonzero(row == end)[-1]\n"
"            out[starts[0] : last] = row[starts[0] + 1 : last + "
"1]",
        ),
        (
            "only the first answer is learned",
            STARTS,
            "for start in starts[:1]:",
        ),
        (
            "the end of the user's turn is learned",
            DONE,
            "    targets[:, :-1][ids[:, 1:] == end] = end\n"
"    return targets\n",
        ),
        (
            "`bot` itself is learned",
            DONE,
            "    targets[:, :-1][ids[:, 1:] == bot] = bot\n"
"    return targets\n",
        ),
        (
            "the padding is learned",
            DONE,
            "    for row, out in zip(ids, targets):\n"
"        out[np.flatnonzero(row == end)[-1] :] = row[-1]\n"
"    return targets\n",
        ),
        (
            "0 instead of −100",
            EMPTY,
            "targets = np.zeros(ids.shape, dtype=int)",
        ),
        (
            "last_only is ignored",
            STARTS,
            "for start in starts:",
        ),
        (
            "last_only is always on",
            STARTS,
            "for start in starts[-1:]:",
        ),
    ],
    "packed_row": [
        (
            "the plain causal mask",
            RETURNED,
            "return past, positions",
        ),
        (
            "conversations do not see the prompt",
            MASK,
            "mask = past & real & same",
        ),
        (
            "tokens look ahead",
            MASK,
            "mask = real & (same | (owner[None] == -1))",
        ),
        (
            "the prompt looks ahead within itself",
            MASK,
            "mask = past & real & (same | (owner[None] == -1))\n"
"    mask[:shared, :shared] = True",
        ),
        (
            "the prompt sees the conversations",
            MASK,
            "mask = past & real & (same | (owner[None] == -1))\n"
"    mask[:shared, shared:start] = True",
        ),
        (
            "a token does not see itself",
            RETURNED,
            "return (mask & ~np.eye(T, dtype=bool)) | (np.eye(T, dtype=bool) "
"& ~real), positions",
        ),
        (
            "each conversation sees the one before it",
            MASK,
            "same = same | ((owner[:, None] > 0) & (owner[None] == owner[:, "
"None] - 1))\n"
"    mask = past & real & (same | (owner[None] == -1))",
        ),
        (
            "rows of padding are empty",
            RETURNED,
            "return mask, positions",
        ),
        (
            "padding sees the prompt",
            MASK,
            "mask = past & ((real & same) | (owner[None] == -1))",
        ),
        (
            "padding sees other padding",
            MASK,
            "mask = past & (same | (real & (owner[None] == -1)))",
        ),
        (
            "keys and queries are exchanged",
            RETURNED,
            "return (mask | np.eye(T, dtype=bool)).T, positions",
        ),
        (
            "True where a query may not look",
            RETURNED,
            "return ~(mask | np.eye(T, dtype=bool)), positions",
        ),
        (
            "positions run on through the row",
            PLACES,
            "positions[start : start + n] = start + np.arange(n)",
        ),
        (
            "positions run on, the padding counted too",
            RETURNED,
            "return mask | np.eye(T, dtype=bool), np.arange(T)",
        ),
        (
            "positions restart at 0, as if without the prompt",
            PLACES,
            "positions[start : start + n] = np.arange(n)",
        ),
        (
            "positions begin at 1",
            RETURNED,
            "return mask | np.eye(T, dtype=bool), (positions + 1) * (owner "
"!= -2)",
        ),
        (
            "one place too far behind the prompt",
            PLACES,
            "positions[start : start + n] = shared + 1 + np.arange(n)",
        ),
        (
            "one place too near to the prompt",
            PLACES,
            "positions[start : start + n] = shared - 1 + np.arange(n)",
        ),
        (
            "the prompt's positions are 0",
            FIRST,
            "owner[:shared] = -1",
        ),
        (
            "the padding counts on",
            RETURNED,
            "positions[start:] = shared + lengths[-1] + np.arange(T - start)\n"
"    return mask | np.eye(T, dtype=bool), positions",
        ),
    ],
    "accumulated_run": [
        (
            "the logarithm of a probability that is rounded to 0",
            "loss -= log_p[rows, y].sum()",
            "np.seterr(all='ignore')\n            loss -= np.log(p[rows, y]).sum()",
        ),
        (
            "the mean of the micro-batches' means",
            "loss -= log_p[rows, y].sum()\n"
"            p[rows, y] -= 1\n"
"            G, total = G + X.T @ p, total + len(y)",
            "if not len(y):\n"
"                continue\n"
"            loss -= log_p[rows, y].mean()\n"
"            p[rows, y] -= 1\n"
"            G, total = G + X.T @ p / len(y), total + 1",
        ),
        (
            "the sum of the micro-batches' means",
            "loss -= log_p[rows, y].sum()\n"
"            p[rows, y] -= 1\n"
"            G, total = G + X.T @ p, total + len(y)",
            "if not len(y):\n"
"                continue\n"
"            loss -= log_p[rows, y].mean()\n"
"            p[rows, y] -= 1\n"
"            G, total = G + X.T @ p / len(y), 1",
        ),
        (
            "divided by all rows, the ignored ones too",
            LOSS,
            "total = sum(len(y) for _, y in micro)\n"
"        losses.append(loss / max(total, 1))",
        ),
        (
            "a step after each micro-batch",
            "G, total = G + X.T @ p, total + len(y)\n"
"        losses.append(loss / max(total, 1))\n"
"        G = G / max(total, 1)\n"
"        norm = np.linalg.norm(G)\n"
"        W = W - lr * G * (most / norm if norm > most else 1.0)",
            "total, n = total + len(y), max(len(y), 1)\n"
"            norm = np.linalg.norm(X.T @ p / n)\n"
"            W = W - lr * X.T @ p / n * (most / norm if norm > "
"most else 1.0)\n"
"        losses.append(loss / max(total, 1))",
        ),
        (
            "divided by the last micro-batch's count",
            LOSS,
            "total = (micro[-1][1] != -100).sum()\n"
"        losses.append(loss / max(total, 1))",
        ),
        (
            "divided by the largest count",
            LOSS,
            "total = max((y != -100).sum() for _, y in micro)\n"
"        losses.append(loss / max(total, 1))",
        ),
        (
            "divided by the number of micro-batches",
            LOSS,
            "total = len(micro)\n"
"        losses.append(loss / max(total, 1))",
        ),
        (
            "nothing is divided",
            LOSS,
            "total = 1\n"
"        losses.append(loss / max(total, 1))",
        ),
        (
            "only the first micro-batch",
            "for X, y in micro:",
            "for X, y in micro[:1]:",
        ),
        (
            "each micro-batch's gradient is clipped",
            "G, total = G + X.T @ p, total + len(y)\n"
"        losses.append(loss / max(total, 1))\n"
"        G = G / max(total, 1)\n"
"        norm = np.linalg.norm(G)\n"
"        W = W - lr * G * (most / norm if norm > most else 1.0)",
            "G, total = [*G, X.T @ p], total + len(y)\n"
"        losses.append(loss / max(total, 1))\n"
"        for one in G[len(W) :]:\n"
"            norm = np.linalg.norm(one) / max(total, 1)\n"
"            W = W - lr * one / max(total, 1) * (most / norm if "
"norm > most else 1.0)",
        ),
        (
            "the sum is clipped before it is divided",
            "G = G / max(total, 1)\n"
"        norm = np.linalg.norm(G)\n"
"        W = W - lr * G * (most / norm if norm > most else 1.0)",
            "norm = np.linalg.norm(G)\n"
"        W = W - lr * G / max(total, 1) * (most / norm if norm > "
"most else 1.0)",
        ),
        (
            "each entry is clipped, not the norm",
            STEP,
            "W = W - lr * np.clip(G, -most, most)",
        ),
        (
            "short gradients are stretched to `most`",
            STEP,
            "W = W - lr * G * (most / norm if norm else 1.0)",
        ),
        (
            "nothing is clipped",
            STEP,
            "W = W - lr * G",
        ),
        (
            "the step goes up the gradient",
            STEP,
            "W = W + lr * G * (most / norm if norm > most else 1.0)",
        ),
        (
            "the losses are sums",
            LOSS,
            "losses.append(loss)",
        ),
        (
            "the loss of an empty step is NaN",
            LOSS,
            "losses.append(loss / total if total else np.nan)",
        ),
        (
            "an empty step has no loss in the list",
            LOSS,
            "losses += [loss / total] if total else []",
        ),
        (
            "training ends at an empty step",
            STEP,
            "lr = lr if total else 0.0\n"
"        W = W - lr * G * (most / norm if norm > most else 1.0)",
        ),
        (
            "W and the losses are returned in the wrong order",
            "return W, np.array(losses)",
            "return np.array(losses), W",
        ),
        (
            "W was changed in place",
            STEP,
            "W -= lr * G * (most / norm if norm > most else 1.0)",
        ),
    ],
    "pass_curve": [
        (
            "1 − (1 − c/n)^k: samples drawn with replacement",
            FACTOR,
            "fail[here] *= (1 - c / n)[here]",
        ),
        (
            "pass@k of the mean rate",
            POINT,
            "curve.append(1 - (1 - (c / n).mean()) ** k)",
        ),
        (
            "c/n for every k",
            POINT,
            "curve.append((c / n)[here].mean())",
        ),
        (
            "k c/n",
            POINT,
            "curve.append(np.minimum(k * c / n, 1)[here].mean())",
        ),
        (
            "all k are right",
            "fail[here] *= np.maximum(n - c - k + 1, 0)[here] / (n - k + "
"1)[here]\n"
"        curve.append(1 - fail[here].mean())",
            "fail[here] *= np.maximum(c - k + 1, 0)[here] / (n - k + "
"1)[here]\n"
"        curve.append(fail[here].mean())",
        ),
        (
            "the chance that all k are wrong",
            POINT,
            "curve.append(fail[here].mean())",
        ),
        (
            "questions with n < k count as failed",
            POINT,
            "curve.append((1 - fail)[here].sum() / len(n))",
        ),
        (
            "questions with n < k count as passed",
            POINT,
            "curve.append(((1 - fail)[here].sum() + (~here).sum()) / len(n))",
        ),
        (
            "one k too short: the curve begins at pass@0",
            CURVE,
            "return np.array([0.0, *curve[:-1]])",
        ),
        (
            "one k too far",
            CURVE,
            "return np.array([*curve[1:], 1.0])",
        ),
        (
            "c of n exchanged: the wrong ones are counted",
            "curve = []",
            "curve, c = [], n - c",
        ),
        (
            "the sum over questions, not the mean",
            POINT,
            "curve.append((1 - fail)[here].sum())",
        ),
        (
            "counted from 0",
            NEEDED,
            "return int(enough[0]) if len(enough) else 0",
        ),
        (
            "the goal itself is not enough",
            "curve >= goal",
            "curve > goal",
        ),
        (
            "the last k below the goal",
            NEEDED,
            "return int(enough[0]) if len(enough) else len(curve)",
        ),
        (
            "beyond the curve: its length, not 0",
            NEEDED,
            "return int(enough[0]) + 1 if len(enough) else len(curve)",
        ),
        (
            "beyond the curve: its length + 1, not 0",
            NEEDED,
            "return int(enough[0]) + 1 if len(enough) else len(curve) + 1",
        ),
        (
            "beyond the curve: 1, not 0",
            NEEDED,
            "return int(np.argmax(curve >= goal)) + 1",
        ),
    ],
}
