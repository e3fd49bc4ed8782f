"""Named wrong answers: small edits of the solutions, to be caught and named."""

COUNT = "N, df = len(fitted), (fitted > 0).sum(0)"
BOTH = "both = np.r_[fitted, new]; N, df = len(both), (both > 0).sum(0)"
SMOOTH = "idf = np.log((1 + N) / (1 + df)) + 1"
BOOK = "idf = np.log(N / np.maximum(df, 1))"
LENGTH = "length = np.sqrt((rows**2).sum(1, keepdims=True))"
ROWS = "rows = tf * idf * (df > 0)"
KNOWN = "known = counts.sum(0) > 0"
SCORE = "score = np.log(onehot.mean(0)) + new @ np.log(theta).T"
THETA = "theta = N / N.sum(1, keepdims=True)"
RETURN = "return score - np.log(np.exp(score).sum(1, keepdims=True))"
GIVEN = "return loss, gV, gU"
NEGATIVES = "noise != contexts[:, None]"
ADD = "np.add.at(gU, ids, slope[:, :, None] * v)"
IDF = "idf = np.log((1 + len(texts)) / (1 + df[known])) + 1"
MORE = "theta = N / (N.sum(1, keepdims=True) + alpha * ?)"
NORM = (
    "        x = x / np.sqrt((x**2).sum(1, keepdims=True))\n"
    "        z = z / np.sqrt((z**2).sum(1, keepdims=True))\n"
)
LAST = "scores = classify(counts, labels, alphas[best], new)"
ALL = "return alphas[best], np.array(accuracies), every[best], scores"

WRONG = {
    "tfidf_rows": [
        (
            "df and N are those of the new texts",
            COUNT,
            "N, df = len(new), (new > 0).sum(0)",
        ),
        ("df and N count the new texts too", COUNT, BOTH),
        ("N is the number of new texts", "len(fitted)", "len(new)"),
        (
            "df adds up occurrences instead of counting texts",
            "(fitted > 0).sum(0)",
            "fitted.sum(0)",
        ),
        ("the two forms of idf are exchanged", "if smooth", "if not smooth"),
        ("the + 1 of the smooth idf is missing", SMOOTH, SMOOTH.removesuffix(" + 1")),
        (
            "the smooth idf without the 1 + inside the logarithm",
            SMOOTH,
            f"{BOOK} + 1",
        ),
        ("the textbook's idf with + 1", BOOK, f"{BOOK} + 1"),
        ("df/N instead of N/df", "(1 + N) / (1 + df)", "(1 + df) / (1 + N)"),
        ("logarithms to base 10", SMOOTH, SMOOTH.replace("log", "log10")),
        ("sublinear is ignored", "if sublinear:", "if False:"),
        (
            "sublinear tf where the count was asked for",
            "if sublinear:",
            "if True:",
        ),
        (
            "ln(1 + count) instead of 1 + ln(count)",
            "1 + np.log(np.maximum(new, 1))",
            "np.log(1 + new)",
        ),
        ("the rows are not normalised", LENGTH, "length = np.zeros((len(rows), 1))"),
        (
            "the rows sum to 1 instead of having length 1",
            LENGTH,
            "length = rows.sum(1, keepdims=True)",
        ),
        (
            "the columns are normalised, not the rows",
            LENGTH,
            "length = np.sqrt((rows**2).sum(0))",
        ),
        (
            "the rows are normalised before the idf",
            LENGTH,
            "length = np.sqrt(((tf * 1.0) ** 2).sum(1, keepdims=True))",
        ),
        (
            "words that no fitted text holds have a weight",
            ROWS,
            "rows = tf * idf",
        ),
    ],
    "naive_bayes_posterior": [
        ("the prior is missing", "np.log(onehot.mean(0)) + ", ""),
        (
            "the prior counts words instead of texts",
            "onehot.mean(0)",
            "(onehot.T @ counts).sum(1) / counts.sum()",
        ),
        (
            "the prior is smoothed with α too",
            "onehot.mean(0)",
            "(onehot.sum(0) + alpha) / (len(labels) + alpha * len(classes))",
        ),
        (
            "the denominator has α instead of αV",
            THETA,
            "theta = N / ((N - alpha).sum(1, keepdims=True) + alpha)",
        ),
        (
            "the denominator has αK instead of αV",
            THETA,
            "theta = N / ((N - alpha).sum(1, keepdims=True) + alpha * len(classes))",
        ),
        (
            "unknown words count in V",
            THETA,
            "theta = N / (N.sum(1, keepdims=True) + alpha * (~known).sum())",
        ),
        (
            "unknown words are read as if they were known",
            KNOWN,
            "known = counts.sum(0) >= 0",
        ),
        ("α is always 1", "counts + alpha", "counts + 1"),
        (
            "every word counts once in a text",
            "counts[:, known], new[:, known]",
            "counts[:, known].clip(0, 1), new[:, known].clip(0, 1)",
        ),
        (
            "N counts texts that hold the word",
            "onehot.T @ counts",
            "onehot.T @ (counts > 0)",
        ),
        (
            "N is the mean over the texts of the class",
            "onehot.T @ counts",
            "(onehot / onehot.sum(0)).T @ counts",
        ),
        ("the scores are not normalised", RETURN, f"return {SCORE[8:]}"),
        ("probabilities instead of logarithms", RETURN, f"return np.exp({RETURN[7:]})"),
        ("only the largest score is subtracted", RETURN, "return score"),
        (
            "normalised over the texts instead of the classes",
            "score = score - score.max(1, keepdims=True)\n    return score - np.log("
            "np.exp(score).sum(1, keepdims=True))",
            "score = score - score.max(0)\n    return score - np.log(np.exp(score).sum(0))",
        ),
        ("the classes are in reverse order", RETURN, f"return ({RETURN[7:]})[:, ::-1]"),
        ("the answer is transposed", RETURN, f"return ({RETURN[7:]}).T"),
    ],
    "skipgram_gradients": [
        (
            "a repeated negative counts once",
            NEGATIVES,
            f"({NEGATIVES}) & np.array([[j not in row[:i] for i, j in enumerate(row)]"
            " for row in noise.tolist()])",
        ),
        (
            "of repeated rows only the last is added",
            "np.add.at(gV, centres, (slope[:, :, None] * u).sum(1))\n    " + ADD,
            "gV[centres] += (slope[:, :, None] * u).sum(1)\n"
            "    gU[ids] += slope[:, :, None] * v",
        ),
        ("a negative that is the context is kept", NEGATIVES, "noise >= 0"),
        (
            "a pair with such a negative is left out as a whole",
            "    loss = (",
            "    counts *= (noise != contexts[:, None]).all(1)[:, None]\n    loss = (",
        ),
        ("the sum over pairs is not divided by B", "axis=1) / B", "axis=1)"),
        ("divided by all B(k + 1) terms", "axis=1) / B", "axis=1) / ids.size"),
        (
            "the negatives are averaged over k",
            NEGATIVES,
            f"({NEGATIVES}) / noise.shape[1]",
        ),
        ("the negatives pull like positives", "1.0, -1.0", "1.0, 1.0"),
        ("the context is left out", "np.ones((B, 1))", "np.zeros((B, 1))"),
        ("the negatives are left out", NEGATIVES, "noise < 0"),
        (
            "the centre gets nothing from the negatives",
            "(slope[:, :, None] * u).sum(1)",
            "slope[:, :1] * u[:, 0]",
        ),
        ("the gradients point downhill", GIVEN, "return loss, -gV, -gU"),
        ("the loss has the wrong sign", GIVEN, "return -loss, gV, gU"),
        ("the two gradients are exchanged", GIVEN, "return loss, gU, gV"),
        (
            "σ(s) instead of σ(s) − 1 for the context",
            "    gV, gU =",
            "    slope[:, 0] += 1 / B\n    gV, gU =",
        ),
    ],
    "fit_inside_the_split": [
        (
            "the idf of a fold comes from all texts",
            IDF,
            "idf = np.log((1 + len(counts)) / (1 + (counts > 0).sum(0)[known])) + 1",
        ),
        (
            "the idf comes from the texts to be classified",
            IDF,
            "idf = np.log((1 + len(rows)) / (1 + (rows > 0).sum(0)[known])) + 1",
        ),
        ("the fold is among the fitted texts", "fold != k", "fold == fold"),
        (
            "words of the fold are known to its model",
            "known = df > 0",
            "known = counts.sum(0) > 0",
        ),
        (
            "V counts the words of all texts",
            THETA,
            MORE.replace("?", "((counts.sum(0) > 0).sum() - known.sum())"),
        ),
        ("V counts all columns", THETA, MORE.replace("?", "(~known).sum()")),
        (
            "the denominator has α instead of αV",
            THETA,
            MORE.replace("?", "(1 - known.sum())"),
        ),
        (
            "the new texts are classified by the model of the last fold",
            LAST,
            "scores = classify(counts[fit], labels[fit], alphas[best], new)",
        ),
        (
            "of equally good α the smallest",
            "(alphas, accuracies)",
            "(np.negative(alphas), accuracies)",
        ),
        (
            "the worst α is chosen",
            "(alphas, accuracies)",
            "(alphas, np.negative(accuracies))",
        ),
        (
            "the last α is taken",
            "np.lexsort((alphas, accuracies))[-1]",
            "len(alphas) - 1",
        ),
        (
            "α is chosen on the fitted texts",
            "np.lexsort((alphas, accuracies))[-1]",
            "np.lexsort((alphas, [np.mean(classify(counts, labels, a, counts).argmax(1)"
            " == labels) for a in alphas]))[-1]",
        ),
        (
            "the mean over folds instead of texts",
            "np.mean(held.argmax(1) == labels)",
            "np.mean([np.mean((held.argmax(1) == labels)[fold == k])"
            " for k in np.unique(fold)])",
        ),
        ("errors instead of accuracies", ALL, ALL.replace("np.array", "1 - np.array")),
        ("the accuracies are sorted", ALL, ALL.replace("np.array", "np.sort")),
        (
            "the held-out rows stand fold after fold",
            ALL,
            ALL.replace("[best], s", "[best][np.argsort(fold, kind='stable')], s"),
        ),
        ("the prior is uniform", " + np.log(onehot.mean(0))", ""),
        (
            "the rows are not normalised",
            NORM,
            "",
        ),
        ("there is no idf", IDF, "idf = np.ones(known.sum())"),
        ("the textbook's idf", IDF, "idf = np.log(len(texts) / df[known])"),
    ],
}
