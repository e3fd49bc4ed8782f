"""Named wrong answers: small edits of the solutions, to be caught and named."""

SHARE = "share = 1 - (1 - lr * s**2 / len(y)) ** steps"
WAY = "theta0 + Vt.T @ (share / s * (U.T @ (y - X @ theta0)))"
END = "theta0 + np.linalg.pinv(X) @ (y - X @ theta0)"
FULL = "return 2 * len(X) / np.linalg.norm(X, 2) ** 2"
LORA = "return 2 * len(X) / (s * np.linalg.norm(X @ A.T, 2)) ** 2"
SCALE = "s = alpha / (np.sqrt(r) if rslora else r)"
BETTER = "if V(theta) < least:"
COUNT = "lora += a * b * (1 + below) + 3 * r * b + r * a * (2 + below)"
FRESH = (
    "for rate in rates:\n        model = network(start)\n"
    "        origin = transfer.snapshot(model)\n"
)
LARGER = "step_work(sizes, r + 1)[1] < step_work(sizes, r + 1)[0]"


def share(text):
    return f"share = {text}"


WRONG = {
    "after_steps": [
        ("η s² is not divided by n", "lr * s**2 / len(y)", "lr * s**2"),
        ("2η s²/n: the ½ of the loss is lost", "lr * s**2", "2 * lr * s**2"),
        ("s instead of s²", "lr * s**2 / len(y)", "lr * s / len(y)"),
        ("d instead of n", "s**2 / len(y)", "s**2 / len(theta0)"),
        ("one step too few", ") ** steps", ") ** (steps - 1)"),
        ("one step too many", ") ** steps", ") ** (steps + 1)"),
        (
            "the share that is left, not the share that is done",
            SHARE,
            share("(1 - lr * s**2 / len(y)) ** steps"),
        ),
        (
            "exp(−η t s²/n) instead of (1 − η s²/n)^t",
            SHARE,
            share("1 - np.exp(-lr * s**2 / len(y) * steps)"),
        ),
        (
            "t·η s²/n: the steps do not slow down",
            SHARE,
            share("steps * lr * s**2 / len(y)"),
        ),
        ("not divided by s", "share / s", "share"),
        ("multiplied by s instead of divided", "share / s", "share * s"),
        ("the residual is y, not y − Xθ0", f"return {WAY}", "return "
         + WAY.replace("(y - X @ theta0)", "y")),
        ("the residual has the wrong sign", f"return {WAY}", "return "
         + WAY.replace("y - X @ theta0", "X @ theta0 - y")),
        ("θ0 is left out: only the change is returned", f"return {WAY}",
         "return " + WAY.replace("theta0 + Vt", "Vt")),
        ("the end of the way, not its share", SHARE, share("1")),
        ("the start is forgotten: X⁺y", END, "np.linalg.pinv(X) @ y"),
        ("Xᵀ instead of X⁺", "np.linalg.pinv(X)", "X.T"),
    ],
    "train_until": [
        ("the last weights are returned, not the best", "return best, at, t",
         "return theta, at, t"),
        ("the step where it stopped, not that of the best", "return best, at, t",
         "return best, t, t"),
        ("patience off by one: it stops a step late", "bad == patience",
         "bad > patience"),
        ("patience off by one: it stops a step early", "bad == patience",
         "bad == patience - 1"),
        ("it stops on the training loss", "np.sum((X_valid @ theta - y_valid) ** 2)",
         "np.sum((X @ theta - y) ** 2)"),
        ("worse values are counted in all, not in a row", "at, bad = theta.copy(), "
         "V(theta), t, 0", "at = theta.copy(), V(theta), t"),
        ("an equal value counts as better", BETTER, BETTER.replace("<", "<=")),
        ("it never stops", "bad == patience", "False"),
        ("the gradient is not divided by n", " / len(y)", ""),
        ("compared with the value before, not with the best",
         "        else:\n            bad += 1\n",
         "        else:\n            bad += 1\n"
         "        if t > 1 and V(theta) < V(before):\n            bad = 0\n"
         "        before = theta\n"),
    ],
    "largest_rate": [
        ("1/λ instead of 2/λ", FULL, FULL.replace("2 * len(X)", "len(X)")),
        ("XᵀX is not divided by n", FULL, FULL.replace("2 * len(X)", "2")),
        ("the singular value of X is not squared", FULL, FULL.replace(" ** 2", "")),
        ("the trace instead of the largest eigenvalue", FULL,
         "return 2 * len(X) / np.sum(X**2)"),
        ("n − 1 instead of n", FULL, FULL.replace("len(X)", "(len(X) - 1)")),
        ("the covariance: XᵀX/n has no mean taken out", FULL,
         "X = X - X.mean(0)\n    " + FULL),
        ("4/λ: the loss is ‖·‖²/(2n), its Hessian is Σ", FULL,
         FULL.replace("2 * len(X)", "4 * len(X)")),
        ("s instead of s²", LORA,
         "return 2 * len(X) / s / np.linalg.norm(X @ A.T, 2) ** 2"),
        ("the scale is left out", LORA, LORA.replace("s * ", "")),
        ("α/r and α/√r are swapped", "if rslora else", "if not rslora else"),
        ("α is not divided by r", SCALE, "s = alpha"),
        ("white inputs are assumed: λmax(A Aᵀ)", LORA,
         "return 2 / (s * np.linalg.norm(A, 2)) ** 2"),
        ("λmax(A Aᵀ) λmax(Σ): a bound, not the edge", LORA,
         "return largest_rate(X) / (s * np.linalg.norm(A, 2)) ** 2"),
        ("the edge of full fine-tuning", LORA, "return largest_rate(X)"),
        ("ten times the edge of full fine-tuning", LORA, "return 10 * largest_rate(X)"),
        ("r is not the rank: the width of the input", "r = len(A)", "r = A.shape[1]"),
    ],
    "fine_tune": [
        ("the distance of the last weights", "    return best\n",
         "    return (*best[:3], transfer.distance(model, origin))\n"),
        ("the distance is squared", "transfer.distance(model, origin)",
         "transfer.distance(model, origin) ** 2"),
        ("the norms of the two matrices are added", "transfer.distance(model, origin)",
         "sum(transfer.distances(model, origin).values())"),
        ("the step is one too many", "best = rate, step, now",
         "best = rate, step + 1, now"),
        ("the steps are not looked at: only the last of each rate", "if now > best[2]:",
         "if now > best[2] and step == steps:"),
        ("train instead of valid", "accuracy(model, *valid)", "accuracy(model, *train)"),
        ("the loss on valid instead of the accuracy", "accuracy(model, *valid)",
         "-ops.cross_entropy(model(tensor(valid[0])), valid[1]).item()"),
        ("of equal accuracies the latest step", "if now > best[2]:",
         "if now > best[2] or now == best[2] and rate == best[0]:"),
        ("of equal accuracies the last rate", "if now > best[2]:",
         "if now > best[2] or now == best[2] and rate != best[0]:"),
        ("each rate goes on from the weights of the one before", FRESH,
         "model = network(start)\n    origin = transfer.snapshot(model)\n"
         "    for rate in rates:\n"),
        ("AdamW's weight decay is on", "weight_decay=0.0", "weight_decay=0.01"),
        ("the gradients are not set to zero", "            rule.zero_grad()\n", ""),
        ("the last step is not looked at", "range(steps + 1)", "range(steps)"),
        ("the start is not a candidate", "if now > best[2]:",
         "if step > 0 and now > best[2]:"),
    ],
    "step_work": [
        ("the first layer's input gets a gradient too", "int(i > 0)", "1"),
        ("the gradient of the weights is left out", "a * b * (2 + below)",
         "a * b * (1 + below)"),
        ("the gradient of the inputs is left out", "a * b * (2 + below)", "a * b * 2"),
        ("two FLOPs per multiplication", "full, lora\n", "2 * full, 2 * lora\n"),
        ("the gradient of W is computed too", "lora += a * b * (1", "lora += a * b * (2"),
        ("back through W is left out", "lora += a * b * (1 + below)", "lora += a * b"),
        ("the factors are left out", COUNT, "lora += a * b * (1 + below)"),
        ("the gradients of A and B are left out", COUNT,
         "lora += a * b * (1 + below) + 2 * r * b + r * a * (1 + below)"),
        ("back through B is left out in the first layer", "3 * r * b",
         "(2 + below) * r * b"),
        ("the first layer goes on through A", "r * a * (2 + below)", "r * a * 3"),
        ("the first rank that is dearer", "    return r\n", "    return r + 1\n"),
        ("an equal count is not cheaper", LARGER, LARGER.replace("<", "<=")),
        ("the rank with fewer parameters, not with less work", LARGER,
         "sum((r + 1) * (a + b) for a, b in zip(sizes, sizes[1:])) < "
         "sum(a * b for a, b in zip(sizes, sizes[1:]))"),
    ],
}  # fmt: skip
