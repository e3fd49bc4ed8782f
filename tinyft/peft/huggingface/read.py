"""Hugging Face adapter files as plain formulas: read(folder) without any model.

    changes = read(folder)                     {"fc.weight": f}
    changes["fc.weight"](W)                    W' − W, float64

One formula for each kind of tensor, by the names in the file:

    LORA   s B A, transposed for an Embedding and a Conv1D (fan_in_fan_out); bias s b
    DORA   m/‖V‖ V − W, V = W + s B A
    IA3    (l − 1) ∘ W on rows (and on the bias), or on columns
    LOHA   s (w1a w1b) ∘ (w2a w2b)             LOKR   s kron(w1, w2)
    VERA   (λb ∘ B[:out]) (λd ∘ A[:, :in])     modules_to_save, biases   saved − base

Which way a weight lies, its shape tells, and fan_in_fan_out for a square one. PEFT changes
the flag while it wraps, so a file of GPT-2's layers and its lm_head has that of lm_head:
there a square weight is refused (peft.load knows the layers and needs no flag).
"""

import math
import re
from functools import partial
from pathlib import Path

from tinyft import backend
from tinyft.nn.select import pattern_value
from tinyft.peft.huggingface.codecs import PREFIX, codec_for
from tinyft.peft.huggingface.config import refuse_unread
from tinyft.peft.huggingface.folder import read_folder
from tinyft.peft.huggingface.names import PARTS
from tinyft.peft.huggingface.rules import Rules, is_feedforward

KINDS = ("IA3", "LOHA", "LOKR", "LORA", "VERA")
LYCORIS = """alpha alpha_pattern decompose_both decompose_factor init_weights
module_dropout r rank_dropout rank_dropout_scale rank_pattern use_effective_conv2d"""
MAGNITUDE = "lora_magnitude_vector"
OF_A_METHOD = re.compile("(lora|ia3|hada|lokr|vera|base_layer)[_.]")


def read(folder):
    """{parameter's name: f}, where f(its base array) is the merged change, in float64.

    Raises ValueError for a kind that changes no weight (prefixes, prompts: use
    peft.load), for tensors that belong to no formula or lack a part of it (all are
    listed), and in f for a base array of another shape.
    """
    config, state, _ = read_folder(Path(folder))
    kind = config["peft_type"]
    if kind not in KINDS:
        raise ValueError(
            f"peft.huggingface.read: {folder} is a {kind}, which is no change of weights "
            f"that is read here ({', '.join(KINDS)}); attach it: peft.load(model, folder)"
        )
    codec = codec_for(config)
    refuse_unread(config, folder, codec.known() if codec else LYCORIS.split())
    sites, changes, unread = _sorted(config, state)
    if "lm_head" in sites and any(re.search(r"\.c_\w+$", path) for path in sites):
        config["fan_in_fan_out"] = "unknown"
    for path, parts in sites.items():
        try:
            found = _READERS[kind](config, path, parts, sites.get(""))
        except KeyError as error:
            unread.append(f"{path} has no {error.args[0]}")
            continue
        changes |= {f"{path}.{name}": f for name, f in found.items() if path}
        unread += [f"{path}.{part}" for part in parts if path]
    if unread:
        raise ValueError(
            f"peft.huggingface.read: {folder} does not hold a complete {kind}: "
            f"{', '.join(unread)}"
        )
    return changes


def _sorted(config, state):
    """{path: its tensors}, {name: change} of what is stored whole, and other names.

    The path '' has the matrices that all sites of a VeRA share.
    """
    sites, changes, unread, rules = {}, {}, [], Rules(config)
    for key, array in state.items():
        found = PARTS.fullmatch(key.removeprefix(PREFIX))
        path, part = (found["path"], found["part"]) if found else (key, "")
        if path == "base_model" and part in ("vera_A", "vera_B"):
            path = ""
        own = OF_A_METHOD.match(part) and (rules.targets(path) or not path)
        whole = rules.saves(path) and not OF_A_METHOD.match(part)
        bias = part == "bias" and config.get("bias", "none") != "none"
        if array.dtype.kind != "f" and part != "num_batches_tracked":
            unread.append(f"{key} ({array.dtype})")
        elif own and array.ndim and (key.startswith(PREFIX) or not path):
            part = part.removesuffix(".weight")
            sites.setdefault(path, {})[part] = array.astype("f8")
        elif part and (bias or whole) and key.startswith(PREFIX):
            changes[f"{path}.{part}"] = partial(_replaced, array.astype("f8"))
        else:
            unread.append(key)
    return sites, changes, unread


def _scale(config, path, *ranks):
    """α/r of one site; `ranks` are those of its tensors."""
    r = pattern_value(config.get("rank_pattern"), path, config.get("r", 8))
    if {*ranks} - {r}:
        raise ValueError(
            f"peft.huggingface.read: {path} has tensors of rank "
            f"{' and '.join(map(str, dict.fromkeys(ranks)))}, its config says {r!r}"
        )
    alpha = config.get("lora_alpha", config.get("alpha", 8))
    alpha = pattern_value(config.get("alpha_pattern"), path, alpha)
    return alpha / (math.sqrt(r) if config.get("use_rslora") else r)


def _laid(change, W, turned=False):
    """(change, turned) in the layout of W, from (out, in) or (out, in·kh·kw)."""
    if W.ndim == 2 and change.shape in (W.shape, W.shape[::-1]):
        _refuse_unknown(W, turned)
        turned = turned if W.shape[0] == W.shape[1] else change.shape != W.shape
        return (change.T if turned else change), turned
    if W.ndim < 3 or change.shape != (len(W), math.prod(W.shape[1:])):
        raise ValueError(
            f"peft.huggingface.read: this is the change of a weight {change.shape}, the "
            f"base has {W.shape}; was the adapter made for another base?"
        )
    return change.reshape(W.shape), False


def _refuse_unknown(W, turned):
    if turned == "unknown" and W.shape[0] == W.shape[1]:
        raise ValueError(
            f"peft.huggingface.read: which way a weight {W.shape} lies is not in this "
            "file, which adapts lm_head too; attach it: peft.load(model, folder)"
        )


def _replaced(new, base):
    if new.shape != base.shape:
        raise ValueError(
            f"peft.huggingface.read: this was stored as {new.shape}, the base has "
            f"{base.shape}; was the adapter made for another base?"
        )
    return new - base.astype("f8")


def _lora(config, path, parts, shared):
    parts.pop("base_layer", None)  # the base embedding, which PEFT may add
    turned, kind = config.get("fan_in_fan_out", False), "lora_"
    if "lora_embedding_A" in parts:
        turned, kind = True, "lora_embedding_"
    A, B = parts.pop(f"{kind}A"), parts.pop(f"{kind}B")
    s = _scale(config, path, len(A), *B.shape[1:2])
    m = parts.pop(MAGNITUDE) if config.get("use_dora") else None
    changes = {"weight": partial(_low_rank, s, A, B, m, turned)}
    b = parts.pop("lora_B.bias") if config.get("lora_bias") else None
    biased = config.get("bias", "none") != "none"
    new = parts.pop("base_layer.bias", None) if biased else None
    if b is not None or new is not None:
        changes["bias"] = partial(_moved, 0 if b is None else s * b, new)
    return changes


def _moved(step, new, base):
    """A bias with a step, after it was replaced if it was."""
    return step + (0 if new is None else _replaced(new, base))


def _low_rank(s, A, B, m, turned, W):
    change = s * (B.reshape(len(B), -1) @ A.reshape(len(A), -1))  # (out, in·kh·kw)
    change, turned = _laid(change, W, turned)
    if m is None:
        return change
    V = W.astype("f8") + change
    rows = V.T if turned else V  # one for each output
    norm = (rows.reshape(len(rows), -1) ** 2).sum(axis=1) ** 0.5
    ratio = m.reshape(-1) / norm
    new = (rows.reshape(len(rows), -1) * ratio[:, None]).reshape(rows.shape)
    return (new.T if turned else new) - W


def _ia3(config, path, parts, shared):
    l, turned = parts.pop("ia3_l").reshape(-1), config.get("fan_in_fan_out", False)
    by_input = is_feedforward(config, path)

    def weight(W):
        _refuse_unknown(W, turned)
        axis = by_input if W.ndim != 2 or not turned else 1 - by_input
        if W.ndim == 2 and W.shape[axis] != len(l):
            axis = 1 - axis
        if W.shape[axis] != len(l):
            raise ValueError(
                f"peft.huggingface.read: {path} has {len(l)} factors for a weight "
                f"{W.shape}; was the adapter made for another base?"
            )
        shape = [-1 if i == axis else 1 for i in range(W.ndim)]
        return (l.reshape(shape) - 1) * W

    return {"weight": weight} | ({} if by_input else {"bias": lambda b: (l - 1) * b})


def _loha(config, path, parts, shared):
    a, b = ([parts.pop(f"hada_w{i}_{n}") for i in (1, 2)] for n in "ab")
    t = [parts.pop(f"hada_t{i}", None) for i in (1, 2)]
    s, xp = _scale(config, path, *map(len, b)), backend.xp_of(a[0])

    def product(i):
        if t[i] is None:
            return a[i] @ b[i]
        whole = xp.einsum("ijkl,jr,ip->prkl", t[i], b[i], a[i])
        return whole.reshape(len(whole), -1)

    return {"weight": lambda W: _laid(s * product(0) * product(1), W)[0]}


def _lokr(config, path, parts, shared):
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
        return _laid(change.reshape(len(change), -1), W)[0]

    return {"weight": weight}


def _vera(config, path, parts, shared):
    if not path:
        return {}
    if shared is None:
        raise ValueError(
            "peft.huggingface.read: this VeRA file lacks vera_A and vera_B"
        )
    A, B, turned = shared["vera_A"], shared["vera_B"], config.get("fan_in_fan_out")
    b, d = parts.pop("vera_lambda_b"), parts.pop("vera_lambda_d")
    new = parts.pop("base_layer.bias", None)
    _scale(config | {"r": config.get("r", 256)}, path, len(d), len(A), B.shape[1])

    def weight(W):
        columns = W.shape[0] if W.shape[1] == len(b) else W.shape[1]
        change = (b[:, None] * B[: len(b)]) @ (d[:, None] * A[:, :columns])
        return _laid(change, W, turned)[0]

    changes = {} if new is None else {"bias": partial(_replaced, new)}
    return {"weight": weight, **changes}


_READERS = {"LORA": _lora, "IA3": _ia3, "LOHA": _loha, "LOKR": _lokr, "VERA": _vera}
