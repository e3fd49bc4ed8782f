"""Named wrong answers: small edits of the solutions, to be caught and named."""

SCALE = "s = alpha / (np.sqrt(r) if rslora else r)"
LOOP = "rows = which == k\n        y[rows] += s * ((x[rows] @ A.T) @ B.T)"
STACKED = "return np.concatenate(tall, axis=0), np.concatenate(wide, axis=1)"
PUT = "tall.append(A)\n        wide.append(w * s * B)"
TAIL = "np.sum(S[r:] ** 2)"
SVD = "np.linalg.svd(D @ X.T / np.sqrt(n))[1]"
LEFT = "np.linalg.svd(D @ X.T)[0][:, :r]"
PAIR = "return B.T @ D / s, B"
RANGE = "range(count + 1)])"
STEP = "A, B = A - lr * gA, B - lr * gB"
G = "G = residual(A, B).T @ X / n"
GB = "gB = s * G @ A.T + decay * B"
LOSS = "return np.sum(residual(A, B) ** 2) / (2 * n)"
BEGIN = "    s, n = alpha / len(A), len(X)"
ROOT = """lam, Q = np.linalg.eigh(X.T @ X / n)
    root = (Q * np.sqrt(np.maximum(lam, 0))) @ Q.T
    """


def of_D(change, D="D"):
    """The update whose singular vectors are those of another matrix."""
    return f"np.linalg.svd({D} @ {change})[0][:, :r]"


def update(text):
    """An update ΔW that is not U Uᵀ D, as factors: itself, cut to rank r by its SVD."""
    return (
        f"M = {text}\n    P, S, Vt = np.linalg.svd(M, full_matrices=False)\n"
        "    return S[:r, None] * Vt[:r] / s, P[:, :r]"
    )


WRONG = {
    "lora_forward": [
        ("α instead of the scale: it is not divided", SCALE, "s = alpha"),
        ("the scale is left out", "+= s * (", "+= ("),
        ("the scale is upside down", "+= s * (", "+= 1 / s * ("),
        ("α/r and α/√r are swapped", "if rslora", "if not rslora"),
        ("r is not the rank: the width of the input", "r = len(A)", "r = A.shape[1]"),
        ("r is not the rank: the width of the output", "r = len(A)", "r = len(B)"),
        (
            "√(α/r): α is under the root too",
            SCALE,
            "s = np.sqrt(alpha / r) if rslora else alpha / r",
        ),
        (
            "α // r: the scale is cut down to a whole number",
            SCALE,
            SCALE.replace("alpha /", "alpha //"),
        ),
        (
            "the first adapter's rank for all",
            "r = len(A)",
            "r = len(adapters[0][0])",
        ),
        ("the scale is squared", "+= s * (", "+= s**2 * ("),
        ("the update is subtracted", "y[rows] += s", "y[rows] -= s"),
        (
            "the scale is on the base too",
            LOOP,
            LOOP.replace("y[rows] +=", "y[rows] = s * y[rows] +"),
        ),
        (
            "the scale is on the bias too",
            LOOP,
            LOOP.replace("+= s * (", "+= s * (b + ") + "\n        y[rows] -= b",
        ),
        ("only the adapter's path is left", "y = x @ W.T + b", "y = 0 * (x @ W.T + b)"),
        ("the bias is left out", "x @ W.T + b\n", "x @ W.T\n"),
        ("the frozen weight is left out", "y = x @ W.T + b", "y = 0 * (x @ W.T) + b"),
        ("the adapters are left out", LOOP, "pass"),
        (
            "−1 takes the last adapter: rows without one must be left alone",
            "rows = which == k",
            "rows = (which == k) | ((which == -1) & (k == len(adapters) - 1))",
        ),
        (
            "every row uses the first adapter",
            "rows = which == k",
            "rows = np.full(len(x), k == 0)",
        ),
        (
            "every row uses all adapters",
            "rows = which == k",
            "rows = np.full(len(x), True)",
        ),
        (
            "the adapters are counted from 1",
            "rows = which == k",
            "rows = np.maximum(which, 0) == k + 1",
        ),
    ],
    "lora_gradients": [
        ("s is missing", "gA = s * (g", "gA = (g"),
        ("s is missing", "+ s * (gy", "+ (gy"),
        ("s² instead of s", "gB = s * g.T", "gB = s * s * g.T"),
        (
            "divided by the batch, which is in gy already",
            "return gA, gB, gx",
            "return gA / len(g), gB / len(g), gx / len(g)",
        ),
        ("the sign is wrong", "gB = s * g.T", "gB = -s * g.T"),
        ("the sign of the adapter's part is wrong", "+ s * (gy", "- s * (gy"),
        (
            "gA is 0, which it is at the start only",
            "gA = s * (g @ B).T @ rows",
            "gA = 0 * A",
        ),
        (
            "gA and gB are returned in the wrong order",
            "return gA, gB, gx",
            "return gB, gA, gx",
        ),
        (
            "the frozen weight passes no gradient",
            "gx = gy @ W + s",
            "gx = s",
        ),
        (
            "the adapter passes no gradient to x",
            "gy @ W + s * (gy @ B @ A) * mask",
            "gy @ W",
        ),
        (
            "s is on the frozen weight too",
            "gy @ W + s * (gy @ B @ A) * mask",
            "s * (gy @ W + (gy @ B @ A) * mask)",
        ),
        ("the mask is forgotten", " * mask.reshape(-1, x.shape[-1])", ""),
        ("the mask is forgotten", "(gy @ B @ A) * mask", "(gy @ B @ A)"),
        (
            "the mask acts twice",
            "gA = s",
            "rows = rows * mask.reshape(rows.shape)\n    gA = s",
        ),
        ("the mask acts twice", "@ A) * mask", "@ A) * mask**2"),
        (
            "the mask is on the frozen path too",
            "gx = gy @ W + s * (gy @ B @ A) * mask",
            "gx = (gy @ W + s * (gy @ B @ A)) * mask",
        ),
        (
            "the mask's 1/(1 − p) is lost",
            "    rows =",
            "    mask = mask > 0\n    rows =",
        ),
    ],
    "combine_adapters": [
        ("the weights are left out", "append(w * s * B)", "append(s * B)"),
        ("the scales are left out", "append(w * s * B)", "append(w * B)"),
        ("α is not divided by r", "s = alpha / len(A)", "s = alpha"),
        (
            "α // r: the scale is cut down to a whole number",
            "alpha / len",
            "alpha // len",
        ),
        (
            "α is divided by the sum of the ranks",
            "s = alpha / len(A)",
            "s = alpha / sum(len(one[0]) for one in adapters)",
        ),
        (
            "the first adapter's rank for all",
            "s = alpha / len(A)",
            "s = alpha / len(adapters[0][0])",
        ),
        (
            "the first adapter's α for all",
            "s = alpha / len(A)",
            "s = adapters[0][2] / len(A)",
        ),
        (
            "the weight is in both factors, so squared",
            "tall.append(A)",
            "tall.append(w * A)",
        ),
        (
            "the scale is in both factors, so squared",
            "tall.append(A)",
            "tall.append(s * A)",
        ),
        (
            "weight and scale are in both factors, so squared",
            "tall.append(A)",
            "tall.append(w * s * A)",
        ),
        (
            "the first adapter's scale for all",
            "s = alpha / len(A)",
            "s = adapters[0][2] / len(adapters[0][0])",
        ),
        ("the weights lose their sign", "append(w * s", "append(abs(w) * s"),
        ("α/√r instead of α/r", "s = alpha / len(A)", "s = alpha / len(A) ** 0.5"),
        (
            "the mean instead of the sum",
            "append(w * s * B)",
            "append(w * s * B / len(weights))",
        ),
        (
            "the weights are divided by their sum",
            "append(w * s * B)",
            "append(w / sum(weights) * s * B)",
        ),
        (
            "only the last adapter is left",
            PUT,
            "tall, wide = [*(0 * T for T in tall), A], [*wide, w * s * B]",
        ),
        (
            "the root of a negative weight is NaN",
            PUT,
            "tall.append(np.sqrt(w * s) * A)\n        wide.append(np.sqrt(w * s) * B)",
        ),
        (
            "A and B are returned in the wrong order",
            STACKED,
            "return np.concatenate(wide, axis=1), np.concatenate(tall, axis=0)",
        ),
        (
            "the factors are added up, which gives cross terms",
            STACKED,
            "return sum(tall), sum(wide)",
        ),
        (
            "the factors are added up with √(w s), which gives cross terms (15.13)",
            f"{PUT}\n    {STACKED}",
            "root = np.sqrt(abs(w) * s)\n        tall.append(root * A)\n"
            "        wide.append(np.sign(w) * root * B)\n    return sum(tall), sum(wide)",
        ),
        (
            "adapters was changed in place",
            "wide.append(w * s * B)",
            "B *= w * s\n        wide.append(B)",
        ),
    ],
    "best_rank_r": [
        ("the SVD of D: the inputs are not white", LEFT, "np.linalg.svd(D)[0][:, :r]"),
        ("the SVD of D Σ, without the root", LEFT, of_D("X.T @ X")),
        (
            "√Σ entry by entry: Σ^½ is a matrix with Σ^½ Σ^½ = Σ",
            LEFT,
            of_D("np.sqrt(X.T @ X)"),
        ),
        (
            "√Σ entry by entry: Σ^½ is a matrix with Σ^½ Σ^½ = Σ",
            SVD,
            "np.linalg.svd(D @ np.sqrt(X.T @ X / n))[1]",
        ),
        (
            "Σ^½ is not undone",
            PAIR,
            "n = len(X)\n    " + ROOT + update("B @ B.T @ D @ root"),
        ),
        (
            "D is projected from the right",
            PAIR,
            "n = len(X)\n    "
            + ROOT
            + "V = np.linalg.svd(D @ root)[2][:r]\n    return V / s, D @ V.T",
        ),
        (
            "the SVD of W_OLS Σ^½, not of the change",
            LEFT,
            of_D("X.T", "(D + W0)"),
        ),
        (
            "W_OLS is truncated, W0 forgotten",
            f"B = {LEFT}",
            f"D = D + W0\n    B = {LEFT}",
        ),
        ("the sign of the change", PAIR, "return -B.T @ D / s, B"),
        ("one singular direction too few", PAIR, "B[:, r - 1] = 0\n    " + PAIR),
        (
            "one singular direction too many",
            f"B = {LEFT}",
            f"r = r + 1\n    B = {LEFT}",
        ),
        (
            "Σ of centred inputs: XᵀX/n has no mean taken out",
            LEFT,
            of_D("(X - X.mean(0)).T"),
        ),
        ("Σ^-½ instead of Σ^½", LEFT, of_D("np.linalg.pinv(X)")),
        (
            "not the smallest: W0 was changed where no example looks",
            f"B = {LEFT}",
            f"D = np.linalg.lstsq(X, Y)[0].T - W0\n    B = {LEFT}",
        ),
        ("the scale is left out: B A = ΔW", PAIR, "return B.T @ D, B"),
        ("multiplied by s instead of divided", PAIR, "return B.T @ D * s, B"),
        ("divided by s in both factors", PAIR, "return B.T @ D / s, B / s"),
        ("A and B are returned in the wrong order", PAIR, "return B, B.T @ D / s"),
        ("the tail begins one direction too late", TAIL, "np.sum(S[r + 1 :] ** 2)"),
        (
            "the tail begins one direction too early",
            TAIL,
            "np.sum(S[max(r - 1, 0) :] ** 2)",
        ),
        ("the singular values of D, not of D Σ^½", SVD, "np.linalg.svd(D)[1]"),
        (
            "the singular values of W_OLS Σ^½: W0 is forgotten",
            SVD,
            "np.linalg.svd((D + W0) @ X.T / np.sqrt(n))[1]",
        ),
        (
            "the SVD of D Σ, without the root",
            SVD,
            "np.linalg.svd(D @ X.T @ X / n)[1]",
        ),
        ("the ½ of the tail is missing", f"{TAIL} / 2", TAIL),
        ("σ instead of σ²", "S[r:] ** 2", "S[r:]"),
        ("L_OLS is missing", "[least + np", "[np"),
        ("the kept σ² instead of the tail", "S[r:] **", "S[:r] **"),
        ("Σ = XᵀX, not divided by n", " / np.sqrt(n)", ""),
        ("the least loss is not divided by n", "- Y) ** 2) / (2 * n)", "- Y) ** 2) / 2"),
        ("the ½ of L_OLS is missing", "- Y) ** 2) / (2 * n)", "- Y) ** 2) / n"),
        ("only the first left-out direction counts", TAIL, "np.sum(S[r : r + 1] ** 2)"),
        (
            "r = 0, the loss of W0 itself, is missing",
            RANGE,
            "range(1, count + 1)])",
        ),
        ("the last rank is missing", RANGE, "range(count)])"),
        ("the largest rank comes first", RANGE, "range(count, -1, -1)])"),
        (
            "there is no loss for ranks above n",
            RANGE,
            "range(min(count, n) + 1)])",
        ),
    ],
    "train_lora": [
        ("the decay is left out", "@ G + decay * A", "@ G"),
        ("the decay is left out", " + decay * B", ""),
        (
            "the decay is left out",
            BEGIN,
            f"    decay = 0.0\n{BEGIN}",
        ),
        (
            "2·decay: the ½ of J has gone in the gradient",
            BEGIN,
            f"    decay = 2 * decay\n{BEGIN}",
        ),
        (
            "the decay has the wrong sign",
            BEGIN,
            f"    decay = -decay\n{BEGIN}",
        ),
        (
            "the decay is not multiplied by the learning rate",
            STEP,
            "A, B = (1 - decay) * A - lr * s * B.T @ G, (1 - decay) * B - lr * s * G @ A.T",
        ),
        (
            "the decay acts on W', not on the factors",
            G,
            "G = residual(A, B).T @ X / n + decay * s * B @ A\n"
            "        A, B = A - lr * s * B.T @ G, B - lr * s * G @ A.T\n        continue",
        ),
        (
            "B's step uses the new A",
            f"{GB}\n        {STEP}",
            f"A = A - lr * gA\n        {GB}\n        B = B - lr * gB",
        ),
        ("the gradient is not divided by n", G, "G = residual(A, B).T @ X"),
        ("2/n instead of 1/n: the ½ of L is lost", G, "G = 2 * residual(A, B).T @ X / n"),
        ("the step goes up the gradient", STEP, "A, B = A + lr * gA, B + lr * gB"),
        ("the scale is left out", "s, n = alpha / len(A),", "s, n = 1.0,"),
        ("α is not divided by r", "s, n = alpha / len(A)", "s, n = alpha"),
        (
            "α/√r instead of α/r",
            "s, n = alpha / len(A)",
            "s, n = alpha / len(A) ** 0.5",
        ),
        ("s is missing in the gradients", G, "G = residual(A, B).T @ X / n / s"),
        (
            "every step uses the first gradient",
            STEP,
            "first = (gA, gB) if len(losses) == 1 else first\n"
            "        A, B = A - lr * first[0], B - lr * first[1]",
        ),
        ("W0 is trained too", STEP, "W0 = W0 - lr * G\n        " + STEP),
        (
            "A and B are returned in the wrong order",
            "return A, B, np",
            "return B, A, np",
        ),
        (
            "the losses include the decay",
            LOSS,
            f"{LOSS} + decay / 2 * (np.sum(A**2) + np.sum(B**2))",
        ),
        (
            "the losses are not divided by n",
            LOSS,
            LOSS.replace("(2 * n)", "2"),
        ),
        ("the ½ of L is missing", LOSS, LOSS.replace("(2 * n)", "n")),
        (
            "the losses are means over all n·out entries",
            LOSS,
            "return np.mean(residual(A, B) ** 2)",
        ),
        (
            "the loss after the last step is missing",
            "np.array(losses)",
            "np.array(losses[:-1])",
        ),
        (
            "the loss before the first step is missing",
            "np.array(losses)",
            "np.array(losses[1:])",
        ),
        ("only the last loss is returned", "np.array(losses)", "losses[-1]"),
        (
            "A was changed in place",
            "A, B = A - lr * gA, B - lr * gB",
            "A -= lr * gA\n        B = B - lr * gB",
        ),
    ],
}
