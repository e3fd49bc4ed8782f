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

SINGLE = """    sums, ready, found = {y: gy}, [y], {}
    while ready:
        node = ready.pop()
        g = sums.pop(node)
        if not node.parents:
            found[node] = g
            continue
        for parent, gp in dict(zip(node.parents, node.backward(g))).items():
            sums[parent] = sums[parent] + gp if parent in sums else gp
            uses[parent] -= node.parents.count(parent)
            if uses[parent] == 0:
                ready.append(parent)
    return found"""

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
            "only the first entry of an expanded axis is kept",
            "return g.sum(axis=tuple(expanded), keepdims=True)",
            "return g[tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)]",
        ),
        (
            "the expanded axes are not summed",
            "return g.sum(axis=tuple(expanded), keepdims=True)",
            "return g",
        ),
        (
            "only the first of several axes of size 1 is summed",
            "keepdims=True)",
            "keepdims=True) if len(expanded) < 2 else (\n"
            "        g.sum(axis=shape.index(1), keepdims=True))",
        ),
        (
            "the added axes are not summed",
            "    g = g.sum(axis=tuple(range(added)))\n",
            "",
        ),
        (
            "everything is summed to one number",
            "return g.sum(axis=tuple(expanded), keepdims=True)",
            "return g.sum()",
        ),
        (
            "gw is returned before gx",
            "return gx, gw",
            "return gw, gx",
        ),
        (
            "the other factor is not multiplied in",
            "gx = unbroadcast(gy * w, x.shape)\n    gw = unbroadcast(gy * x, w.shape)",
            "gx = unbroadcast(gy, x.shape)\n    gw = unbroadcast(gy, w.shape)",
        ),
        (
            "gy is summed before it is multiplied",
            "gx = unbroadcast(gy * w, x.shape)\n    gw = unbroadcast(gy * x, w.shape)",
            "gx = unbroadcast(gy, x.shape) * w\n    gw = unbroadcast(gy, w.shape) * x",
        ),
        (
            "gy and the other factor are summed apart, then multiplied",
            "gx = unbroadcast(gy * w, x.shape)\n    gw = unbroadcast(gy * x, w.shape)",
            "one = 0 * gy\n"
            "    gx = unbroadcast(gy, x.shape) * unbroadcast(w + one, x.shape)\n"
            "    gw = unbroadcast(gy, w.shape) * unbroadcast(x + one, w.shape)",
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
        ("the path through the variance is missing", " - xh * along", ""),
        (
            "the path through the mean is missing",
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
        ("weight is missing in gx", "    h = weight * gy", "    h = gy"),
        ("eps is missing", "keepdims=True) + eps)", "keepdims=True))"),
        ("gx is not divided by σ", "xh * along) / sigma", "xh * along)"),
        (
            "sums instead of means in gx",
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
            "eps is added to the root, not to the variance",
            "np.sqrt(x.var(axis=-1, keepdims=True) + eps)",
            "x.std(axis=-1, keepdims=True) + eps",
        ),
        ("the sign of the last term of gx", "- xh * along", "+ xh * along"),
        (
            "the sign of the middle term of gx",
            "(h - h.mean(axis=-1, keepdims=True) -",
            "(h + h.mean(axis=-1, keepdims=True) -",
        ),
        (
            "x instead of xh in the last term of gx",
            "along = (h * xh).mean(axis=-1, keepdims=True)\n"
            "    gx = (h - h.mean(axis=-1, keepdims=True) - xh * along)",
            "along = (h * x).mean(axis=-1, keepdims=True)\n"
            "    gx = (h - h.mean(axis=-1, keepdims=True) - x * along)",
        ),
        ("gx is divided by σ²", "xh * along) / sigma", "xh * along) / sigma**2"),
        (
            "the means are over all axes",
            "sigma = np.sqrt(x.var(axis=-1, keepdims=True) + eps)\n"
            "    xh = (x - x.mean(axis=-1, keepdims=True)) / sigma\n"
            "    h = weight * gy\n"
            "    along = (h * xh).mean(axis=-1, keepdims=True)\n"
            "    gx = (h - h.mean(axis=-1, keepdims=True) - xh * along) / sigma\n",
            "sigma = np.sqrt(x.var() + eps)\n"
            "    xh = (x - x.mean()) / sigma\n"
            "    h = weight * gy\n"
            "    along = (h * xh).mean()\n"
            "    gx = (h - h.mean() - xh * along) / sigma\n",
        ),
        (
            "gweight and gbias are summed over the first axis only",
            "rows = tuple(range(x.ndim - 1))",
            "rows = 0",
        ),
        (
            "gweight and gbias are not summed over the leading axes",
            "rows = tuple(range(x.ndim - 1))",
            "rows = ()",
        ),
        (
            "gweight and gbias are summed over the features",
            "rows = tuple(range(x.ndim - 1))",
            "rows = -1",
        ),
        (
            "gbias is returned before gweight",
            "gx, (gy * xh).sum(axis=rows), gy.sum(axis=rows)",
            "gx, gy.sum(axis=rows), (gy * xh).sum(axis=rows)",
        ),
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
        ("divided by C, not by n", "(p - t) / n", "(p - t) / C"),
        ("divided by n twice", "(p - t) / n", "(p - t) / n**2"),
        ("p is missing: −t alone", "(p - t) / n", "-t / n"),
        ("log p instead of p", "(p - t) / n", "(np.log(p) - t) / n"),
        (
            "only the target's column is right, the others are 0",
            "(p - t) / n",
            "(p - t) * np.eye(C)[targets] / n",
        ),
        (
            "multiplied by p, the slope of another loss",
            "(p - t) / n",
            "p * (p - t) / n",
        ),
        (
            "multiplied by p (1 − p), the slope of another loss",
            "(p - t) / n",
            "p * (1 - p) * (p - t) / n",
        ),
        (
            "ε/(C − 1) instead of ε/C",
            "smoothing / C)",
            "smoothing / (C - 1))",
        ),
        ("ε/C is missing", "np.full((n, C), smoothing / C)", "np.zeros((n, C))"),
        (
            "the target has 1 − ε alone: its ε/C is missing",
            "targets] += 1 - smoothing",
            "targets] = 1 - smoothing",
        ),
        ("the target has 1, the others ε/C", "targets] += 1 - smoothing", "targets] = 1"),
        (
            "ε and 1 − ε are swapped",
            "t = np.full((n, C), smoothing / C)\n",
            "smoothing = 1 - smoothing if smoothing else 0.0\n"
            "    t = np.full((n, C), smoothing / C)\n",
        ),
        (
            "the maximum of each column, not of each row",
            "logits.max(axis=1, ",
            "logits.max(axis=0, ",
        ),
        (
            "the mean is subtracted, not the maximum",
            "logits.max(axis=1, ",
            "logits.mean(axis=1, ",
        ),
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
        ("the logits instead of p", "(p - t) / n", "(logits - t) / n"),
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
        ("ε instead of ε/C", "smoothing / C)", "smoothing)"),
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
            "a parent that stands twice in `parents` is counted once",
            "for parent in stack.pop().parents:",
            "for parent in set(stack.pop().parents):",
        ),
        (
            "a parent that stands twice in `parents` is counted once (by layers)",
            "        for parent in stack.pop().parents:\n"
            "            if parent not in uses:\n"
            "                uses[parent] = 0\n"
            "                stack.append(parent)\n"
            "            uses[parent] += 1\n"
            "    sums, ready, found = {y: gy}, [y], {}\n"
            "    while ready:\n"
            "        node = ready.pop()\n",
            "        for parent in set(stack.pop().parents):\n"
            "            if parent not in uses:\n"
            "                uses[parent] = 0\n"
            "                stack.append(parent)\n"
            "            uses[parent] += 1\n"
            "    sums, ready, found = {y: gy}, [y], {}\n"
            "    while ready:\n"
            "        node = ready.pop(0)\n",
        ),
        (
            "only one of the gradients of a parent that stands twice is taken",
            WALK,
            SINGLE,
        ),
        (
            "the gradients go to the parents in reverse order",
            "zip(node.parents, node.backward(g))",
            "zip(node.parents, node.backward(g)[::-1])",
        ),
        (
            "a leaf is missing in the dict",
            "for parent, gp in zip(node.parents, node.backward(g)):",
            "for parent, gp in dict(zip(node.parents, node.backward(g))).items():",
        ),
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
