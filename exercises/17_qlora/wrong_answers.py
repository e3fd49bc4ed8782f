"""Named wrong answers: small edits of the solutions, to be caught and named."""

K = "k = np.stack([codes // 16, codes % 16], axis=1).reshape(-1)[:n]"
OF = "of_block = nested[np.arange(len(scales)) // group]"
SCALE = "scale = offset + of_block * table[scales]"
W = "W = levels[k] * scale[np.arange(n) // block]"
SHAPE = "return W.reshape(shape)"
SIZES = "return next(N for N in sizes if 4 + constants * constant / N <= budget)"
ONE = "one, two = smallest(1), smallest(2)"
END = "return one, float(absmax), two, float(affine)"
STEP = "step = (rows.max(axis=1, keepdims=True) - low) / 15"
AFFINE = "low - step * np.rint((rows - low) / step)"
M = "m = np.abs(rows).max(axis=1, keepdims=True)"
NEAR = "k = np.abs((rows / m)[..., None] - levels).argmin(axis=-1)"
DOWN = "k = ((rows / m)[..., None] >= levels).sum(axis=-1) - 1"
ROWS = "rows = M.reshape(-1, block)"
BACK = "return (m * levels[k]).reshape(M.shape)"
ROUNDED = "\n        ".join([ROWS, M, NEAR, BACK])
DOWN_COLUMNS = ROUNDED.replace("M.reshape", "M.T.reshape")
DOWN_COLUMNS = DOWN_COLUMNS.replace("M.shape)", "M.T.shape).T")
ROUND = "Q = rounded(W - L)"
SVD = "U, S, Vt = np.linalg.svd(W - Q, full_matrices=False)"
LOW = "L = (U[:, :r] * S[:r]) @ Vt[:r]"
ERROR = "errors.append(np.sqrt(np.sum((W - Q - L) ** 2)))"
KEEP = "if errors[-1] == min(errors):"
OUT = "return *best, np.array(errors)"
G = "G = residual(base + s * B @ A).T @ X / n"
MOVE = "A, B = A - lr * gA, B - lr * gB"
GRADS = "gA, gB = s * B.T @ G, s * G @ A.T"
BASE = "base = rounded(W)"
LOSS = "return np.sum(residual(M) ** 2) / (2 * n)"
MERGED = "return A, B, np.array(losses), loss(rounded(base + s * B @ A))"
NOW = "loss(base + s * B @ A)"


def merged(new):
    return MERGED.replace("loss(rounded(base + s * B @ A))", new)


WRONG = {
    "unpack_weights": [
        ("the low four bits come first", K, K.replace("// 16, codes %", "% 16, codes //")),
        (
            "all high halves come first, then all low ones",
            "codes % 16], axis=1)",
            "codes % 16], axis=0)",
        ),
        ("the offset is left out", "offset + of_block", "of_block"),
        (
            "the offset is multiplied by nested",
            SCALE,
            "scale = of_block * (offset + table[scales])",
        ),
        ("nested is left out", "of_block * table[scales]", "table[scales]"),
        ("one nested for all groups", OF, "of_block = nested[0]"),
        (
            "a group counts weights, not scales",
            f"{SCALE}\n    {W}",
            "i = np.arange(n)\n    of = nested[np.minimum(i // group, len(nested) - 1)]\n"
            "    W = levels[k] * (offset + of * table[scales][i // block])",
        ),
        ("the scale's byte is used as a number, not looked up", "table[scales]", "scales"),
        ("the scales are left out", W, "W = levels[k]"),
        ("the code is used as a number, not looked up", "W = levels[k]", "W = k"),
        (
            "every row begins a new block",
            W,
            "i, j = np.divmod(np.arange(n), shape[1])\n"
            "    j = np.minimum(i * -(-shape[1] // block) + j // block, len(scale) - 1)\n"
            "    W = levels[k] * scale[j]",
        ),
        (
            "a block counts bytes, not weights",
            "scale[np.arange(n) // block]",
            "scale[np.arange(n) // 2 // block]",
        ),
        (
            "column by column instead of row by row",
            SHAPE,
            "return W.reshape(shape[::-1]).T",
        ),
        ("flat, not of the given shape", SHAPE, "return W"),
    ],
    "spend_bits": [
        (
            "the affine code stores two constants per block: count both",
            ONE,
            "one, two = smallest(1), smallest(1)",
        ),
        (
            "absmax stores one constant per block, not two",
            ONE,
            "one, two = smallest(2), smallest(2)",
        ),
        ("a block that meets the budget exactly is refused", "<= budget)", "< budget)"),
        (
            "the largest block, not the smallest",
            SIZES,
            "return 4096 if 4 + constants * constant / 4096 <= budget else None",
        ),
        (
            "32 bits per constant, whatever `constant` says",
            "constants * constant / N",
            "constants * 32 / N",
        ),
        (
            "16 bits per constant, whatever `constant` says",
            "constants * constant / N",
            "constants * 16 / N",
        ),
        (
            "the sum of squares, not the mean",
            END,
            "return one, float(absmax * len(w)), two, float(affine * len(w))",
        ),
        (
            "the root of the mean",
            END,
            "return one, float(absmax**0.5), two, float(affine**0.5)",
        ),
        ("affine: rounded down, not to the nearest", "np.rint((rows", "np.floor((rows"),
        ("affine: 16 levels have 15 steps between them, not 16", "low) / 15", "low) / 16"),
        (
            "affine: `levels` instead of even steps",
            AFFINE,
            "low - 7.5 * step * (1 + levels[\n        "
            "np.abs(((rows - low) / step / 7.5 - 1)[..., None] - levels).argmin(-1)])",
        ),
        (
            "affine: from −max |w|, not from the minimum",
            STEP,
            "top = np.abs(rows).max(axis=1, keepdims=True)\n"
            "    low, step = -top, 2 * top / 15",
        ),
        (
            "absmax: even levels instead of `levels`",
            M,
            f"{M}\n    levels = np.linspace(-1, 1, 16)",
        ),
        (
            "absmax: the maximum without its sign taken off",
            M,
            "m = rows.max(axis=1, keepdims=True)",
        ),
        ("absmax: one scale for all weights", M, "m = np.abs(w).max() + 0 * rows[:, :1]"),
        (
            "the affine code is returned first",
            END,
            "return two, float(affine), one, float(absmax)",
        ),
    ],
    "loftq_rounds": [
        ("the last round is returned, not the best", KEEP, "if True:"),
        ("the first round is returned, not the best", KEEP, "if len(errors) == 1:"),
        ("W is rounded again, not W − L", ROUND, "Q = rounded(W)"),
        ("W + L is rounded, not W − L", ROUND, "Q = rounded(W + L)"),
        (
            "the scales of the first round are kept",
            M,
            "m = np.abs(W.reshape(-1, block)).max(axis=1, keepdims=True)",
        ),
        ("rounded down, not to the nearest level", NEAR, DOWN),
        ("blocks run down the columns", ROUNDED, DOWN_COLUMNS),
        ("one scale for the whole matrix", M, "m = np.abs(M).max() + 0 * rows[:, :1]"),
        (
            "the repair leaves the old one out: [W − Q − L]",
            SVD,
            SVD.replace("W - Q", "W - Q - L"),
        ),
        (
            "the repairs are added up",
            f"{SVD}\n        {LOW}",
            f"{SVD.replace('W - Q', 'W - Q - L')}\n        {LOW.replace('L =', 'L = L +')}",
        ),
        ("the singular values are left out", "(U[:, :r] * S[:r])", "U[:, :r]"),
        (
            "the smallest singular values are kept",
            LOW,
            "L = (U[:, -r:] * S[-r:]) @ Vt[-r:]",
        ),
        ("one direction too few", LOW, "L = (U[:, : r - 1] * S[: r - 1]) @ Vt[: r - 1]"),
        ("one direction too many", LOW, "L = (U[:, : r + 1] * S[: r + 1]) @ Vt[: r + 1]"),
        (
            "the errors of the base alone: ‖W − Q‖",
            ERROR,
            ERROR.replace("W - Q - L", "W - Q"),
        ),
        (
            "the errors before the repair of the round",
            f"{SVD}\n        {LOW}\n        {ERROR}",
            f"{SVD}\n        {ERROR}\n        {LOW}",
        ),
        (
            "the largest singular value, not the Frobenius norm",
            ERROR,
            "errors.append(np.linalg.norm(W - Q - L, 2))",
        ),
        ("squared errors", OUT, "return *best, np.array(errors) ** 2"),
        (
            "the errors are divided by ‖W‖",
            OUT,
            "return *best, np.array(errors) / np.sqrt(np.sum(W**2))",
        ),
        (
            "the root of the mean, not of the sum",
            OUT,
            "return *best, np.array(errors) / np.sqrt(W.size)",
        ),
        (
            "Q and L are returned in the wrong order",
            OUT,
            "return best[1], best[0], np.array(errors)",
        ),
        ("only the best error is returned", OUT, "return *best, min(errors)"),
    ],
    "train_qlora": [
        ("W is not rounded: training runs beside W itself", BASE, "base = W"),
        ("Ŵ + s B A is rounded in every step", "X @ M.T - Y", "X @ rounded(M).T - Y"),
        ("Ŵ is trained too", MOVE, f"{MOVE}\n        base = base - lr * G"),
        (
            "B's step uses the new A",
            f"{GRADS}\n        {MOVE}",
            "A = A - lr * s * B.T @ G\n        B = B - lr * s * G @ A.T",
        ),
        (
            "every step uses the first gradient",
            MOVE,
            "first = (gA, gB) if len(losses) == 1 else first\n"
            "        A, B = A - lr * first[0], B - lr * first[1]",
        ),
        ("the scale is left out", "    n = len(X)\n", "    n, s = len(X), 1.0\n"),
        ("s is missing in the gradients", GRADS, "gA, gB = B.T @ G, G @ A.T"),
        ("the gradient is not divided by n", G, G.replace(" / n", "")),
        ("2/n instead of 1/n: the ½ of L is lost", G, G.replace(" / n", " * 2 / n")),
        ("the step goes up the gradient", MOVE, "A, B = A + lr * gA, B + lr * gB"),
        ("one scale for the whole matrix", M, "m = np.abs(M).max() + 0 * rows[:, :1]"),
        (
            "a block per row, whatever `block` says",
            ROWS,
            "rows = M.reshape(-1, M.shape[1])",
        ),
        ("blocks run down the columns", ROUNDED, DOWN_COLUMNS),
        ("rounded down, not to the nearest level", NEAR, DOWN),
        ("the merged matrix is not rounded", MERGED, merged(NOW)),
        ("merged into W, not into Ŵ", MERGED, merged("loss(rounded(W + s * B @ A))")),
        (
            "the change is rounded alone, not the sum",
            MERGED,
            merged("loss(base + rounded(s * B @ A))"),
        ),
        ("the loss of Ŵ without the adapter", MERGED, merged("loss(base)")),
        (
            "the loss of the merged matrix is not divided by n",
            MERGED,
            merged("n * loss(rounded(base + s * B @ A))"),
        ),
        ("the ½ of L is missing", LOSS, "return np.sum(residual(M) ** 2) / n"),
        (
            "the losses are means over all n·out entries",
            "return A, B, np.array(losses), ",
            "return A, B, np.array(losses) * 2 / len(W), ",
        ),
        (
            "the loss after the last step is missing",
            "np.array(losses), ",
            "np.array(losses[:-1]), ",
        ),
        (
            "the loss before the first step is missing",
            "np.array(losses), ",
            "np.array(losses[1:]), ",
        ),
        ("only the last loss is returned", "np.array(losses), ", "losses[-1], "),
        (
            "A and B are returned in the wrong order",
            "return A, B, np",
            "return B, A, np",
        ),
    ],
}
