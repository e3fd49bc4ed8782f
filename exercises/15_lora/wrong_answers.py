"""Named wrong answers: small edits of the solutions, to be caught and named."""

KEPT = "delta = U[:, :r] @ U[:, :r].T @ D"
RIGHT = "V = np.linalg.svd(D @ root)[2][:r].T\n    delta = D @ V @ V.T"

WRONG = {
    "lora_forward": [
        (
            "α in place of the scale, not divided",
            "s = alpha / (np.sqrt(r) if rslora else r)",
            "s = alpha",
        ),
        ("the scale is left out", "y + s * (", "y + ("),
        ("the scale is upside down", "y + s * (", "y + 1 / s * ("),
        ("α/r and α/√r are swapped", "if rslora", "if not rslora"),
        ("r is not the rank: the width of the input", "r = len(A)", "r = A.shape[1]"),
        (
            "r is not the rank: the width of the output",
            "r = len(A)",
            "r = len(B)",
        ),
        (
            "√(α/r), with α under the root too",
            "s = alpha / (np.sqrt(r) if rslora else r)",
            "s = np.sqrt(alpha / r) if rslora else alpha / r",
        ),
        ("the scale is on the base too", "return y +", "return s * y +"),
        (
            "the scale is on the bias too",
            "return y + s * ((x @ A.T) @ B.T)",
            "return x @ W.T + s * ((x @ A.T) @ B.T + b)",
        ),
        ("only the adapter's road is left", "return y + s", "return s"),
        ("the bias is left out", "x @ W.T + b\n", "x @ W.T\n"),
        ("the frozen weight is left out", "y = x @ W.T + b", "y = b"),
        ("the update is subtracted", "return y + s", "return y - s"),
    ],
    "lora_gradients": [
        ("s is missing", "gA = s * back.T", "gA = back.T"),
        ("s² in place of s", "gB = s * gy.T", "gB = s * s * gy.T"),
        (
            "divided by n, which is in gy already",
            "gA = s * back.T @ x",
            "gA = s * back.T @ x / len(x)",
        ),
        ("the sign is wrong", "gB = s * gy", "gB = -s * gy"),
        (
            "gA is 0, which it is at the start only",
            "gA = s * back.T @ x",
            "gA = 0 * A",
        ),
        (
            "gA and gB are returned in the wrong order",
            "return gA, gB, gx",
            "return gB, gA, gx",
        ),
        (
            "the frozen weight passes no gradient",
            "gx = gy @ W + s * back @ A",
            "gx = s * back @ A",
        ),
        (
            "the adapter passes no gradient to x",
            "gy @ W + s * back @ A",
            "gy @ W",
        ),
        (
            "s is on the frozen weight too",
            "gy @ W + s * back @ A",
            "s * (gy @ W + back @ A)",
        ),
    ],
    "combine_adapters": [
        ("the weights are left out", "append(w * s * B)", "append(s * B)"),
        ("the scales are left out", "append(w * s * B)", "append(w * B)"),
        ("α is not divided by r", "s = alpha / len(A)", "s = alpha"),
        (
            "α is divided by the sum of the ranks",
            "s = alpha / len(A)",
            "s = alpha / sum(len(one[0]) for one in adapters)",
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
            "the first adapter's scale for all",
            "s = alpha / len(A)",
            "s = adapters[0][2] / len(adapters[0][0])",
        ),
        ("the weights lose their sign", "append(w * s", "append(abs(w) * s"),
        ("α/√r in place of α/r", "s = alpha / len(A)", "s = alpha / len(A) ** 0.5"),
        (
            "the mean in place of the sum",
            "append(w * s * B)",
            "append(w * s * B / len(weights))",
        ),
        (
            "the weights are divided by their sum",
            "append(w * s * B)",
            "append(w / sum(weights) * s * B)",
        ),
        (
            "the root of a negative weight is NaN",
            "tall.append(A)\n        wide.append(w * s * B)",
            "tall.append(np.sqrt(w * s) * A)\n        wide.append(np.sqrt(w * s) * B)",
        ),
        (
            "A and B are returned in the wrong order",
            "return np.concatenate(tall, axis=0), np.concatenate(wide, axis=1)",
            "return np.concatenate(wide, axis=1), np.concatenate(tall, axis=0)",
        ),
        (
            "the factors are added up, which gives cross terms",
            "return np.concatenate(tall, axis=0), np.concatenate(wide, axis=1)",
            "return sum(tall), sum(wide)",
        ),
        (
            "adapters was changed in place",
            "wide.append(w * s * B)",
            "B *= w * s\n        wide.append(B)",
        ),
    ],
    "best_rank_r": [
        ("the SVD of D: the inputs are not white", "svd(D @ root)", "svd(D)"),
        (
            "the SVD of D Σ, without the root",
            KEPT,
            "P = np.linalg.svd(D @ root @ root)[0][:, :r]\n    delta = P @ P.T @ D",
        ),
        ("Σ^½ is not undone", KEPT, KEPT + " @ root"),
        ("D is projected from the right", KEPT, RIGHT),
        (
            "the SVD of W_OLS Σ^½, not of the change",
            KEPT,
            "P = np.linalg.svd(W_ols @ root)[0][:, :r]\n    delta = P @ P.T @ D",
        ),
        (
            "W_OLS is truncated, W0 forgotten",
            KEPT,
            "P = np.linalg.svd(W_ols @ root)[0][:, :r]\n    delta = P @ P.T @ W_ols",
        ),
        ("W0 + ΔW in place of ΔW", KEPT, KEPT.replace("U[:, :r] @", "W0 + U[:, :r] @")),
        ("one singular direction too many", KEPT, KEPT.replace(":r]", ": r + 1]")),
        ("one singular direction too few", KEPT, KEPT.replace(":r]", ": r - 1]")),
        (
            "Σ of centred inputs: XᵀX/n has no mean taken out",
            "X.T @ X / n",
            "np.cov(X.T, bias=True)",
        ),
        ("Σ^-½ in place of Σ^½", "Q * np.sqrt(lam)", "Q / np.sqrt(lam)"),
        ("the tail begins one direction too late", "S[r:] ** 2", "S[r + 1 :] ** 2"),
        (
            "the tail is that of D, not of D Σ^½",
            "np.sum(S[r:] ** 2)",
            "np.sum(np.linalg.svd(D)[1][r:] ** 2)",
        ),
        ("the sign of the change", "D = W_ols - W0", "D = W0 - W_ols"),
        (
            "the ½ of the tail is missing",
            "np.sum(S[r:] ** 2) / 2",
            "np.sum(S[r:] ** 2)",
        ),
        ("σ in place of σ²", "S[r:] ** 2", "S[r:]"),
        ("L_OLS is missing", "delta, least + np", "delta, np"),
        ("the kept σ² in place of the tail", "S[r:] **", "S[:r] **"),
        ("Σ = XᵀX, not divided by n", "X.T @ X / n", "X.T @ X"),
        (
            "the least loss is not divided by n",
            "- Y) ** 2) / (2 * n)",
            "- Y) ** 2) / 2",
        ),
        ("the ½ of L_OLS is missing", "- Y) ** 2) / (2 * n)", "- Y) ** 2) / n"),
        (
            "only the first left-out direction counts",
            "np.sum(S[r:] ** 2)",
            "S[r] ** 2",
        ),
    ],
}
