"""LoHa and LoKr as formulas on the tensors of their files, core tensors included.

    LOHA   ΔW = s (w1a w1b) ∘ (w2a w2b)             LOKR   ΔW = s kron(w1, w2)

The methods (peft/methods) lack the core tensors hada_t1, hada_t2 and lokr_t2, which PEFT
writes for a convolution under use_effective_conv2d. Layouts and scales are PEFT's; its
0.21 pairs the axes of a Conv1d's LoKr wrongly, and no Conv1d is read. `is_turned` tells
which way a weight lies.
"""

import math

from tinyft import backend
from tinyft.nn.select import pattern_value

FIELDS = """alpha alpha_pattern decompose_both decompose_factor init_weights
module_dropout r rank_dropout rank_dropout_scale rank_pattern use_effective_conv2d"""


def loha(config, path, parts, shared):
    """{"weight": f} of one site; takes its tensors out of `parts`."""
    a, b = ([parts.pop(f"hada_w{i}_{n}") for i in (1, 2)] for n in "ab")
    t = [parts.pop(f"hada_t{i}", None) for i in (1, 2)]
    s, xp = _scale(config, path, *map(len, b)), backend.xp_of(a[0])

    def product(i):
        if t[i] is None:
            return a[i] @ b[i]
        whole = xp.einsum("ijkl,jr,ip->prkl", t[i], b[i], a[i])
        return whole.reshape(len(whole), -1)

    return {"weight": lambda W: _laid(s * product(0) * product(1), W)}


def lokr(config, path, parts, shared):
    """{"weight": f} of one site; takes its tensors out of `parts`."""
    ranks = []

    def factor(i, t=None):
        whole = parts.pop(f"lokr_w{i}", None)
        if whole is not None:
            return whole
        a, b = parts.pop(f"lokr_w{i}_a"), parts.pop(f"lokr_w{i}_b")
        ranks.append(len(b))
        if t is not None:
            return backend.xp_of(a).einsum("ijkl,ip,jr->prkl", t, a, b)
        return a @ b

    w1, w2 = factor(1), factor(2, parts.pop("lokr_t2", None))
    s = _scale(config, path, *ranks)

    def weight(W):
        inner = w2.reshape(len(w2), -1, *W.shape[2:])
        outer = w1.reshape(*w1.shape, *(1,) * (inner.ndim - 2))
        change = s * backend.xp_of(w1).kron(outer, inner)
        return _laid(change.reshape(len(change), -1), W)

    return {"weight": weight}


def _scale(config, path, *ranks):
    """α/r of one site; `ranks`: of its tensors."""
    check_rank(config, path, *ranks)
    r = pattern_value(config.get("rank_pattern"), path, config.get("r", 8))
    return pattern_value(config.get("alpha_pattern"), path, config.get("alpha", 8)) / r


def check_rank(config, path, *ranks):
    """Raise ValueError if the tensors of a site are not of the rank in its config."""
    r = pattern_value(config.get("rank_pattern"), path, config.get("r", 8))
    if {*ranks} - {r}:
        raise ValueError(
            f"peft.huggingface.read: {path} has tensors of rank "
            f"{' and '.join(map(str, dict.fromkeys(ranks)))}, its config says {r!r}"
        )


def _laid(change, W):
    """A change (out, in·…) in the layout of W."""
    return change.T if is_turned(W, change.shape) else change.reshape(W.shape)


def is_turned(W, sides, flag=False):
    """Is W the transpose, (in, out)? sides: (out, in), None for one that is not known.

    flag: the answer for a square weight, "unknown" where the file does not tell. Raises
    ValueError for a weight of another shape.
    """
    straight = _fits((W.shape[0], math.prod(W.shape[1:])), sides) and W.ndim != 1
    crossed = W.ndim == 2 and _fits(W.shape[::-1], sides)
    if straight and crossed and flag == "unknown":
        raise ValueError(
            f"peft.huggingface.read: which way a weight {W.shape} lies is not in this "
            "file, which adapts lm_head too; attach it: peft.load(model, folder)"
        )
    if not straight and not crossed:
        raise ValueError(
            f"peft.huggingface.read: this is the change of a weight {sides}, the base has "
            f"{W.shape}; was the adapter made for another base?"
        )
    return bool(flag) if straight and crossed else crossed


def _fits(shape, sides):
    return all(side in (None, n) for n, side in zip(shape, sides))
