"""Named wrong answers: small edits of the solutions, to be caught and named."""

WALK = """    sums, ready, found = {y: gy}, [y], {}
    while ready:
        node = ready.pop()
        g = sums.pop(node)
        if not node.parents:
            found[node] = g
            continue
        for parent, gp in zip(node.parents, node.backward(g)):
            sums[parent] = sums[parent] + gp if parent in sums else gp
            uses[parent] -= 1
            if uses[parent] == 0:
                ready.append(parent)
    return found"""

RECURSIVE = """    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(y)
    sums, found = {y: gy}, {}
    for node in order[::-1]:
        g = sums.pop(node)
        if not node.parents:
            found[node] = g
        else:
            for parent, gp in zip(node.parents, node.backward(g)):
                sums[parent] = sums.get(parent, 0) + gp
    return found"""

EVERY_PATH = """    found, waiting = {}, [(y, gy)]
    while waiting:
        node, g = waiting.pop()
        if not node.parents:
            found[node] = found.get(node, 0) + g
        else:
            waiting += zip(node.parents, node.backward(g))
    return found"""

AGAIN = """    sums, found, waiting = {y: gy}, {}, [y]
    while waiting:
        node = waiting.pop()
        if not node.parents:
            found[node] = sums[node]
            continue
        for parent, gp in zip(node.parents, node.backward(sums[node])):
            sums[parent] = sums.get(parent, 0) + gp
        waiting += node.parents[::-1]
    return found"""

PARTIAL = """    sums, found, waiting, seen = {y: gy}, {}, [y], {y}
    while waiting:
        node = waiting.pop()
        if not node.parents:
            continue
        for parent, gp in zip(node.parents, node.backward(sums[node])):
            sums[parent] = sums.get(parent, 0) + gp
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return {node: g for node, g in sums.items() if not node.parents}"""

WRONG = {
    "mul_backward": [
        (
            "the factors are swapped",
            "gx = unbroadcast(gy * w, x.shape)\n    gw = unbroadcast(gy * x, w.shape)",
            "gx = unbroadcast(gy * x, x.shape)\n    gw = unbroadcast(gy * w, w.shape)",
        ),
        (
            "gy is not multiplied in",
            "gx = unbroadcast(gy * w, x.shape)\n    gw = unbroadcast(gy * x, w.shape)",
            "gx = unbroadcast(w + 0 * gy, x.shape)\n"
            "    gw = unbroadcast(x + 0 * gy, w.shape)",
        ),
        (
            "the mean, not the sum, over the axes that broadcasting made",
            "g = g.sum(axis=tuple(range(added)))\n"
            "    expanded = [i for i, n in enumerate(shape) if n == 1]\n"
            "    return g.sum(",
            "g = g.mean(axis=tuple(range(added)))\n"
            "    expanded = [i for i, n in enumerate(shape) if n == 1]\n"
            "    return g.mean(",
        ),
        (
            "of an expanded axis only the first entry is kept",
            "return g.sum(axis=tuple(expanded), keepdims=True)",
            "return g[tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)]",
        ),
        (
            "the expanded axes are not summed",
            "return g.sum(axis=tuple(expanded), keepdims=True)",
            "return g",
        ),
        ("the axes of size 1 have vanished", ", keepdims=True", ""),
        (
            "the shapes are lined up from the left",
            "axis=tuple(range(added))",
            "axis=tuple(range(len(shape), g.ndim))",
        ),
        (
            "gy was changed in place",
            "gx = unbroadcast(gy * w, x.shape)\n    gw = unbroadcast(gy * x, w.shape)",
            "gw = unbroadcast(gy * x, w.shape)\n"
            "    gy *= w\n    gx = unbroadcast(gy, x.shape)",
        ),
    ],
    "layer_norm_backward": [
        (
            "mean and variance are treated as constants",
            "(h - h.mean(axis=-1, keepdims=True) - xh * along)",
            "h",
        ),
        ("the way through the variance is missing", " - xh * along", ""),
        (
            "the way through the mean is missing",
            " - h.mean(axis=-1, keepdims=True)",
            "",
        ),
        (
            "the variance is the one with 1/(d − 1)",
            "x.var(axis=-1, ",
            "x.var(axis=-1, ddof=1, ",
        ),
        (
            "weight comes after the projection, not into h",
            "h = weight * gy\n"
            "    along = (h * xh).mean(axis=-1, keepdims=True)\n"
            "    gx = ",
            "h = gy\n"
            "    along = (h * xh).mean(axis=-1, keepdims=True)\n"
            "    gx = weight * ",
        ),
        ("weight is missing", "    h = weight * gy", "    h = gy"),
        ("eps is missing", "keepdims=True) + eps)", "keepdims=True))"),
        ("gx is not divided by σ", "xh * along) / sigma", "xh * along)"),
        (
            "sums in place of means in gx",
            "(h * xh).mean(axis=-1, keepdims=True)\n    gx = (h - h.mean(",
            "(h * xh).sum(axis=-1, keepdims=True)\n    gx = (h - h.sum(",
        ),
        (
            "the means are over the rows: that is BatchNorm",
            "sigma = np.sqrt(x.var(axis=-1, keepdims=True) + eps)\n"
            "    xh = (x - x.mean(axis=-1, keepdims=True)) / sigma\n"
            "    h = weight * gy\n"
            "    along = (h * xh).mean(axis=-1, keepdims=True)\n"
            "    gx = (h - h.mean(axis=-1, keepdims=True) - xh * along) / sigma\n"
            "    rows = tuple(range(x.ndim - 1))\n",
            "rows = tuple(range(x.ndim - 1))\n"
            "    sigma = np.sqrt(x.var(axis=rows, keepdims=True) + eps)\n"
            "    xh = (x - x.mean(axis=rows, keepdims=True)) / sigma\n"
            "    h = weight * gy\n"
            "    along = (h * xh).mean(axis=rows, keepdims=True)\n"
            "    gx = (h - h.mean(axis=rows, keepdims=True) - xh * along) / sigma\n",
        ),
        ("gweight is made with x, not xh", "gx, (gy * xh)", "gx, (gy * x)"),
        (
            "gweight and gbias are means, not sums",
            "(gy * xh).sum(axis=rows), gy.sum(axis=rows)",
            "(gy * xh).mean(axis=rows), gy.mean(axis=rows)",
        ),
        (
            "gweight and gbias are made with weight * gy",
            "(gy * xh).sum(axis=rows), gy.sum(axis=rows)",
            "(h * xh).sum(axis=rows), h.sum(axis=rows)",
        ),
        (
            "gy was changed in place",
            "    h = weight * gy",
            "    gb = gy.sum(axis=tuple(range(x.ndim - 1)))\n"
            "    gy *= weight\n    h = gy",
        ),
    ],
    "cross_entropy_backward": [
        ("not divided by n", "(p - t) / n", "p - t"),
        ("divided by n·C, not by n", "(p - t) / n", "(p - t) / (n * C)"),
        ("the sign: t − p", "(p - t) / n", "(t - p) / n"),
        (
            "softmax twice",
            "return (p - t) / n",
            "p = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)\n"
            "    return (p - t) / n",
        ),
        (
            "softmax over the samples, not the classes",
            "logits.max(axis=1, keepdims=True)\n"
            "    e = np.exp(z)\n"
            "    p = e / e.sum(axis=1, keepdims=True)",
            "logits.max(axis=0, keepdims=True)\n"
            "    e = np.exp(z)\n"
            "    p = e / e.sum(axis=0, keepdims=True)",
        ),
        ("t is missing: p alone", "(p - t) / n", "p / n"),
        ("the logits in place of p", "(p - t) / n", "(logits - t) / n"),
        (
            "e^z is not divided by its sum",
            "p = e / e.sum(axis=1, keepdims=True)",
            "p = e",
        ),
        (
            "the smoothing is ignored",
            "t = np.full((n, C), smoothing / C)\n"
            "    t[np.arange(n), targets] += 1 - smoothing",
            "t = np.eye(C)[targets]",
        ),
        (
            "ε goes to the wrong classes only, ε/(C − 1) each",
            "smoothing / C)\n    t[np.arange(n), targets] += 1",
            "smoothing / (C - 1))\n    t[np.arange(n), targets] = 1",
        ),
        ("ε in place of ε/C", "smoothing / C)", "smoothing)"),
        (
            "the target keeps 1: it is not reduced by ε",
            "targets] += 1 - smoothing",
            "targets] += 1",
        ),
        (
            "no maximum is subtracted: e^1000 is infinite",
            "z = logits - logits.max(axis=1, keepdims=True)",
            "z = logits",
        ),
        (
            "one maximum for all rows: e^(−2000) is 0, and 0/0",
            "logits.max(axis=1, keepdims=True)",
            "logits.max()",
        ),
        (
            "the minimum is subtracted, not the maximum",
            "logits.max(axis=1, ",
            "logits.min(axis=1, ",
        ),
        (
            "logits was changed in place",
            "z = logits - logits.max(axis=1, keepdims=True)",
            "z = logits\n    z -= logits.max(axis=1, keepdims=True)",
        ),
    ],
    "backward_walk": [
        (
            "a second gradient replaces the first: they are not added",
            "sums[parent] + gp if parent in sums else gp",
            "gp",
        ),
        ("the walk starts with 1, not with gy", "{y: gy}", "{y: 0 * gy + 1}"),
        (
            "a gradient that others hold was changed in place",
            "sums[parent] = sums[parent] + gp if parent in sums else gp",
            "if parent in sums:\n"
            "                sums[parent] += gp\n"
            "            sums.setdefault(parent, gp)",
        ),
        (
            "gradients of intermediate nodes are kept",
            "        if not node.parents:\n            found[node] = g\n",
            "        found[node] = g\n        if not node.parents:\n",
        ),
        (
            "the walk calls itself, and Python allows about 1000 nested calls",
            WALK,
            RECURSIVE,
        ),
        ("a node passes its gradient on more than once", WALK, EVERY_PATH),
        ("what a node has passed on already is passed on again", WALK, AGAIN),
        (
            "a node passes on what came first, before the rest is there",
            WALK,
            PARTIAL,
        ),
        (
            "a node passes on what came first, before the rest is there (by layers)",
            WALK,
            PARTIAL.replace("waiting.pop()", "waiting.pop(0)"),
        ),
    ],
}
