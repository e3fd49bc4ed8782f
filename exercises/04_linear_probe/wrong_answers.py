"""Named wrong answers: small edits of the solutions, to be caught and named."""

STEP = "W, b = W - lr * gW, b - lr * gb"
GW = "gW = error.T @ Z + 2 * penalty * W"
SHIFT = "return -lr * x @ gB.T"
RETURN = "return penalties[best], np.array(accuracies), scores[best]"

WRONG = {
    "choose_penalty": [
        ("c = nλ instead of 2nλ", "c = 2 * n * penalty", "c = n * penalty"),
        ("c = 2λ: the n is missing", "c = 2 * n * penalty", "c = 2 * penalty"),
        ("c = λ, without 2n", "c = 2 * n * penalty", "c = penalty"),
        ("the penalty is left out", "c = 2 * n * penalty", "c = 0.0"),
        (
            "the bias is missing",
            "scores.append((X_valid - center) @ W.T + mean)",
            "scores.append(X_valid @ W.T)",
        ),
        (
            "the validation features are centred with their own mean",
            "(X_valid - center)",
            "(X_valid - X_valid.mean(0))",
        ),
        (
            "of equally good penalties the smallest",
            "np.lexsort((penalties, accuracies))",
            "np.lexsort((-penalties, accuracies))",
        ),
        ("the worst penalty is chosen", "best = order[-1]", "best = order[0]"),
        (
            "errors instead of accuracies",
            RETURN,
            "return penalties[best], 1 - np.array(accuracies), scores[best]",
        ),
        (
            "counts instead of shares",
            RETURN,
            "return penalties[best], len(y_valid) * np.array(accuracies), scores[best]",
        ),
        ("the scores of the last penalty", "scores[best]", "scores[-1]"),
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
