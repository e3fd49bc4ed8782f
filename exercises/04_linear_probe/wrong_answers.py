"""Named wrong answers: small edits of the solutions, to be caught and named."""

STEP = "W, b = W - lr * gW, b - lr * gb"
GW = "gW = error.T @ Z + 2 * penalty * W"
HELD = "held[out] = (X[out] - center) @ W.T + mean"
ALL = "n, center, mean = len(X)"
SHIFT = "return -lr * x @ gB.T"
RETURN = "return penalties[best], np.array(accuracies), scores[best]"

WRONG = {
    "choose_penalty": [
        ("c = nλ instead of 2nλ", "2 * n * penalty", "n * penalty"),
        ("c = 2λ: the n is missing", "2 * n * penalty", "2 * penalty"),
        ("c = λ, without 2n", "2 * n * penalty", "penalty"),
        ("n counts the rows of the fold too", "n, center, mean = fit.sum()", ALL),
        ("the penalty is left out", "2 * n * penalty", "0.0"),
        ("the bias is missing", HELD, "held[out] = X[out] @ W.T"),
        ("the fold is among the fitted rows", "fold != k", "fold == fold"),
        (
            "the features of the fold are centred with their own mean",
            "(X[out] - center)",
            "(X[out] - X[out].mean(0))",
        ),
        (
            "of equally good penalties the largest",
            "np.negative(penalties)",
            "penalties",
        ),
        ("the worst penalty is chosen", "best = order[-1]", "best = order[0]"),
        (
            "the mean over folds instead of rows",
            "np.mean(held.argmax(1) == y)",
            "np.mean([np.mean((held.argmax(1) == y)[fold == k]) for k in np.unique(fold)])",
        ),
        (
            "errors instead of accuracies",
            RETURN,
            "return penalties[best], 1 - np.array(accuracies), scores[best]",
        ),
        (
            "counts instead of shares",
            RETURN,
            "return penalties[best], len(y) * np.array(accuracies), scores[best]",
        ),
        ("the scores of the last penalty", "scores[best]", "scores[-1]"),
        (
            "the scores stand fold after fold",
            "scores[best]\n",
            "scores[best][np.argsort(fold, kind='stable')]\n",
        ),
        ("the accuracies are sorted", "np.array(accuracies)", "np.sort(accuracies)"),
    ],
    "train_head": [
        ("the penalty is left out", " + 2 * penalty * W", ""),
        ("penalty·W instead of 2·penalty·W", "2 * penalty * W", "penalty * W"),
        ("the penalty has the wrong sign", "+ 2 * penalty", "- 2 * penalty"),
        ("the penalty is divided by n", "2 * penalty * W", "2 * penalty * W / n"),
        (
            "the penalty is not multiplied by the learning rate",
            "2 * penalty * W",
            "2 * penalty * W / lr",
        ),
        ("the bias is penalised too", "error.sum(0)", "error.sum(0) + 2 * penalty * b"),
        ("the gradient is not divided by n", "(p - onehot) / n", "p - onehot"),
        ("the bias is not trained", STEP, "W = W - lr * gW"),
        ("the step goes up the gradient", STEP, "W, b = W + lr * gW, b + lr * gb"),
        (
            "the losses include the penalty",
            "n), y])))",
            "n), y])) + penalty * np.sum(W**2))",
        ),
        ("the losses are sums, not means", "-np.mean(np.log", "-np.sum(np.log"),
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
        ("the losses have the wrong sign", "-np.mean(np.log", "np.mean(np.log"),
        ("W was changed in place", STEP, "W -= lr * gW\n        b = b - lr * gb"),
    ],
    "feature_shift": [
        ("the gradient is not divided by n", "@ X / n", "@ X"),
        ("the ½ of L is lost: 2/n", "@ X / n", "@ X * 2 / n"),
        ("the step goes up the gradient", "-lr * x", "lr * x"),
        ("the learning rate is left out", "-lr * x", "-x"),
        (
            "the features after the step, not their change",
            SHIFT,
            "return x @ B.T - lr * x @ gB.T",
        ),
        (
            "the change of the predictions, not of the features",
            SHIFT,
            "return -lr * x @ gB.T @ V.T",
        ),
        (
            "the head is moved first",
            "    gB =",
            "    V = V - lr * error.T @ (X @ B.T) / n\n    gB =",
        ),
        ("the error has no targets", "V.T - Y", "V.T"),
        ("means over all n·K entries", "@ X / n", "@ X / n / Y.shape[1]"),
        ("the answer is transposed", SHIFT, "return -lr * gB @ x.T"),
        ("nothing moves", SHIFT, "return 0 * x @ gB.T"),
    ],
}
