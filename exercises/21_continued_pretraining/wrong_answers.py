"""Named wrong answers: small edits of the solutions, to be caught and named."""

SUM = "nats[counts].sum()"
SIZES = 'len(tokens[i].encode("utf-8")) for i in targets[counts]'
RETURN = "return float(nats[counts].sum() / (np.log(2) * sum(sizes)))"
SAME = "spelt[0] != spelt[1]"
MIXED = "mixed = (1 - share) * counts[0] + share * counts[1]"
REAL = "real = b >= 0"
DIVIDED = "counts.append(both / real.sum())"
PAIRS = "a, b = rows[:, :-1], rows[:, 1:]"
STEP = "table -= lr * (mixed"
LOSSES = "return table, np.array(losses)"
COUNT = "count = (t + 1) * batch * a // b - t * batch * a // b"
ROWS = "np.concatenate([first % new, -1 - second % old])"
READ = "read = [read[0] + batch - count, read[1] + count]"
RANDOM = "random = chosen & (v >= 0.8) & (r < 0.5)"
SCORE = "np.take_along_axis(u, at, axis=1)"
AT = "at = np.maximum.accumulate(np.where(first, places, 0), axis=1)"
OUT = "return x, np.where(chosen, ids, -100)"
SHARED = "(V, V))\n        np.add.at(both, (a[real], b[real]), 1)"


def at_first(name):
    """`name` of the word's first token instead of the token's own."""
    return f"{name} = np.take_along_axis({name}, at, axis=1)\n    "


WRONG = {
    "bits_per_byte": [
        ("nats, not bits: ln 2 is missing", "(np.log(2) * sum(sizes))", "sum(sizes)"),
        (
            "multiplied by ln 2 instead of divided",
            "/ (np.log(2) * sum(sizes))",
            "* np.log(2) / sum(sizes)",
        ),
        ("characters instead of bytes", '.encode("utf-8")', ""),
        ("bits per token, not per byte", "sum(sizes)", "len(sizes)"),
        (
            "the loss of special tokens is left out",
            RETURN,
            'plain = np.array([tokens[i] != "" for i in targets[counts]])\n    '
            + RETURN.replace("[counts]", "[counts][plain]"),
        ),
        (
            "a special token counts as a byte",
            SIZES,
            f"max(1, {SIZES.replace(' for', ') for', 1)}",
        ),
        ("places with -100 count above", SUM, "nats.sum()"),
        (
            "a mean of the tokens' own ratios",
            RETURN,
            "sizes, kept = np.array(sizes), nats[counts]\n    "
            "return float(np.mean(kept[sizes > 0] / sizes[sizes > 0]) / np.log(2))",
        ),
        (
            "a mean of the rows' ratios",
            RETURN,
            "rows = []\n    for y, loss in zip(targets, nats):\n"
            '        n = sum(len(tokens[i].encode("utf-8")) for i in y[y != -100])\n'
            "        rows += [loss[y != -100].sum() / n] if n else []\n"
            "    return float(np.mean(rows) / np.log(2))",
        ),
        (
            "the mean loss by the mean length of the vocabulary",
            RETURN,
            'mean = np.mean([len(t.encode("utf-8")) for t in tokens])\n    '
            "return float(nats[counts].mean() / (np.log(2) * mean))",
        ),
        (
            "the mean loss over all places by the bytes of the targets",
            RETURN,
            "return float(nats.mean() / (np.log(2) * np.mean(sizes)))",
        ),
        (
            "bytes per bit: the fraction is upside down",
            RETURN,
            "return float((np.log(2) * sum(sizes)) / nats[counts].sum())",
        ),
        (
            "the sign: first minus second",
            "return bits_per_byte(*first) - bits_per_byte(*second)",
            "return bits_per_byte(*second) - bits_per_byte(*first)",
        ),
        ("a ratio instead of a difference", "*first) - bits", "*first) / bits"),
        ("the bits of the second alone", "bits_per_byte(*first) - ", ""),
        (
            "only the number of bytes is compared",
            SAME,
            "len(spelt[0].encode()) != len(spelt[1].encode())",
        ),
        ("a number for two different texts", SAME, "False"),
        ("None for texts that are the same", SAME, "first[2] != second[2]"),
    ],
    "train_replay": [
        (
            "the share is the new text's: w and 1 − w are exchanged",
            MIXED,
            "mixed = share * counts[0] + (1 - share) * counts[1]",
        ),
        ("no replay: the old text is left out", MIXED, "mixed = counts[0]"),
        (
            "the new loss keeps its whole weight: L_new + w L_old",
            MIXED,
            "mixed = counts[0] + share * counts[1]",
        ),
        (
            "all transitions in one mean: the share is that of the lengths",
            MIXED,
            "n, m = (np.sum(rows[:, 1:] >= 0) for rows in (new, old))\n    "
            "mixed = (n * counts[0] + m * counts[1]) / (n + m)",
        ),
        (
            "weights w inside one mean over all transitions",
            MIXED,
            "n, m = (np.sum(rows[:, 1:] >= 0) for rows in (new, old))\n    "
            "mixed = ((1 - share) * n * counts[0] + share * m * counts[1]) / (n + m)",
        ),
        (
            "a mean of the rows' means",
            "np.add.at(both, (a[real], b[real]), 1)\n        " + DIVIDED,
            "each = 1 / np.maximum(real.sum(1, keepdims=True), 1) / np.sum(real.any(1))\n"
            "        np.add.at(both, (a[real], b[real]), (each * real)[real])\n"
            "        counts.append(both)",
        ),
        ("the sum is not divided", DIVIDED, "counts.append(both)"),
        (
            "the targets are not shifted: the token itself is learnt",
            PAIRS,
            "a, b = rows[:, 1:], rows[:, 1:]",
        ),
        (
            "shifted twice: the token after the next is learnt",
            PAIRS,
            "a, b = rows[:, :-2], rows[:, 2:]",
        ),
        ("−1 counts as the last token", REAL, "real = a >= 0"),
        (
            "the transition is learnt backwards",
            "(a[real], b[real])",
            "(b[real], a[real])",
        ),
        (
            "transitions from the end of a row to the next",
            PAIRS,
            "row = rows[rows >= 0][None]\n        a, b = row[:, :-1], row[:, 1:]",
        ),
        ("the step goes up the gradient", STEP, "table += lr * (mixed"),
        (
            "every row of the table has the whole weight: rows are weighed by how often",
            "table -= lr * (mixed.sum(axis=1, keepdims=True) * np.exp(log_p()) - mixed)",
            "p = mixed / np.maximum(mixed.sum(axis=1, keepdims=True), 1e-300)\n"
            "        table -= lr * (np.exp(log_p()) - p)",
        ),
        (
            "every step uses the first gradient",
            "    for _ in range(steps):\n        table -= lr * (mixed.sum(axis=1, "
            "keepdims=True) * np.exp(log_p()) - mixed)",
            "    first = mixed.sum(axis=1, keepdims=True) * np.exp(log_p()) - mixed\n"
            "    for _ in range(steps):\n        table -= lr * first",
        ),
        (
            "the padding is in the number of transitions",
            DIVIDED,
            "counts.append(both / real.size)",
        ),
        (
            "L_old and L_new are exchanged",
            LOSSES,
            "return table, np.array(losses)[:, ::-1]",
        ),
        (
            "the losses have their weights in J",
            LOSSES,
            "return table, np.array(losses) * [1 - share, share]",
        ),
        (
            "J instead of its two losses",
            LOSSES,
            "return table, np.array(losses) @ [1 - share, share]",
        ),
        (
            "the loss after the last step is missing",
            LOSSES,
            "return table, np.array(losses[:-1])",
        ),
        (
            "the loss before the first step is missing",
            LOSSES,
            "return table, np.array(losses[1:])",
        ),
        ("bits instead of nats", LOSSES, "return table, np.array(losses) / np.log(2)"),
        ("perplexities instead of losses", LOSSES, "return table, np.exp(losses)"),
        (
            "table was changed in place",
            "table, V = table.copy(), len(table)",
            "V = len(table)",
        ),
    ],
    "replay_rows": [
        (
            "every batch rounds for itself: the share of the run is another",
            COUNT,
            "count = round(batch * a / b)",
        ),
        ("every batch cuts the fraction off", COUNT, "count = batch * a // b"),
        ("every batch rounds up", COUNT, "count = -(-batch * a // b)"),
        (
            "the running total is rounded to the nearest, not down",
            COUNT,
            "near = lambda n: (2 * n * batch * a + b) // (2 * b)\n"
            "        count = near(t + 1) - near(t)",
        ),
        (
            "the running total is rounded up",
            COUNT,
            "count = -(-(t + 1) * batch * a // b) + (-t * batch * a // b)",
        ),
        (
            "t batches too few: batch t has what batch t − 1 was owed",
            COUNT,
            "count = t * batch * a // b - max(t - 1, 0) * batch * a // b",
        ),
        ("the share is the new text's", COUNT, f"{COUNT.replace('* a', '* (b - a)')}"),
        ("the share is a/(a + b)", COUNT, COUNT.replace("// b", "// (a + b)")),
        ("every batch reads from row 0", READ, "pass"),
        (
            "one reader for both texts",
            "second = read[1]",
            "second = read[0] + batch - count",
        ),
        (
            "the numbers run over the end of a text",
            ROWS,
            "np.concatenate([first, -1 - second])",
        ),
        (
            "a text that would end inside a batch begins again",
            "        first = read[0]",
            "        read[0] *= read[0] + batch - count <= new\n"
            "        read[1] *= read[1] + count <= old\n        first = read[0]",
        ),
        ("the old text wraps at the length of the new", "second % old", "second % new"),
        ("the new text wraps at the length of the old", "first % new", "first % old"),
        ("old row i is written as −i", "-1 - second % old", "-(second % old)"),
        (
            "the old rows come first",
            ROWS,
            "np.concatenate([-1 - second % old, first % new])",
        ),
        ("row 1 is taken for the first", "[0, 0]", "[1, 1]"),
    ],
    "mask_words": [
        (
            "0.1 for the second coin: it acts on the 20 % that are left, so 0.5 is right",
            "(r < 0.5)",
            "(r < 0.1)",
        ),
        ("the second coin acts on masked tokens too", " & (v >= 0.8)", ""),
        (
            "all chosen tokens become the mask",
            "masked = chosen & (v < 0.8)\n    random = chosen & (v >= 0.8)",
            "masked = chosen\n    random = chosen & (v > 2)",
        ),
        ("none stays: the rest is all random", " & (r < 0.5)", ""),
        ("none is random: the rest stays", "(r < 0.5)", "(r < 0)"),
        ("the second coin is turned: below 0.5 stays", "(r < 0.5)", "(r >= 0.5)"),
        (
            "the first coin is turned: 80 % are not masked",
            "masked = chosen & (v < 0.8)\n    random = chosen & (v >= 0.8)",
            "masked = chosen & (v >= 0.8)\n    random = chosen & (v < 0.8)",
        ),
        ("v and r are exchanged", "    places =", "    v, r = r, v\n    places ="),
        ("one v for the whole word", "masked =", f"{at_first('v')}masked ="),
        (
            "one v and one r for the whole word",
            "masked =",
            f"{at_first('v')}{at_first('r')}masked =",
        ),
        ("each token on its own: words are not whole", SCORE, "u"),
        (
            "the last number of a word decides, not the first",
            f"({SCORE} < p)",
            "(np.take_along_axis(u, len(places) - 1 - "
            "np.maximum.accumulate(np.where(np.pad("
            "first[:, 1:], ((0, 0), (0, 1)), constant_values=True)[:, ::-1], places, 0), "
            "axis=1)[:, ::-1], axis=1) < p)",
        ),
        (
            "a word with the number of an earlier one shares its u",
            AT,
            "at = (word[:, :, None] == word[:, None, :]).argmax(axis=2)",
        ),
        (
            "a word goes on over the end of the row",
            "    first = np.ones(word.shape, bool)\n"
            "    first[:, 1:] = word[:, 1:] != word[:, :-1]\n"
            f"    {AT}\n    chosen = ({SCORE} < p)",
            "    flat = word.ravel()\n    first = np.append(True, flat[1:] != flat[:-1])\n"
            "    at = np.maximum.accumulate(np.where(first, np.arange(flat.size), 0))\n"
            "    chosen = (u.ravel()[at].reshape(word.shape) < p)",
        ),
        ("special tokens are chosen too", " & (word != -1)", ""),
        ("words with u above p are chosen", "axis=1) < p)", "axis=1) >= p)"),
        (
            "⌊d · n⌋ is taken for the id itself",
            "ordinary[(d * len(ordinary)).astype(int)]",
            "(d * len(ordinary)).astype(int)",
        ),
        (
            "k is rounded instead of cut",
            "(d * len(ordinary)).astype(int)",
            "np.minimum(np.round(d * len(ordinary)), len(ordinary) - 1).astype(int)",
        ),
        ("targets everywhere, not only where chosen", OUT, "return x, ids"),
        (
            "targets only where the token has changed",
            OUT,
            OUT.replace("chosen", "x != ids"),
        ),
        ("targets only where the mask stands", OUT, OUT.replace("chosen", "masked")),
        ("0 instead of -100", OUT, OUT.replace("-100", "0")),
        ("the targets hold the replaced tokens", OUT, OUT.replace("ids", "x")),
        ("x and targets are exchanged", OUT, "return np.where(chosen, ids, -100), x"),
        (
            "the targets are where nothing was chosen",
            OUT,
            OUT.replace("ids, -100", "-100, ids"),
        ),
    ],
}
