"""Hugging Face adapter files as plain formulas: read(folder) without any model.

    changes = read(folder)                     {"fc.weight": f}
    changes["fc.weight"](W)                    W' − W, float64

One formula for each kind of tensor, by the names in the file:

    LORA   s B A, transposed for an Embedding and a Conv1D (fan_in_fan_out); bias s b
    DORA   m/‖V‖ V − W, V = W + s B A
    IA3    (l − 1) ∘ W on rows (and on the bias), or on columns
    LOHA   s (w1a w1b) ∘ (w2a w2b)             LOKR   s kron(w1, w2)
    VERA   (λb ∘ B[:out]) (λd ∘ A[:, :in])     modules_to_save, biases   saved − base
"""

import math
from functools import partial
from pathlib import Path

from tinyft import backend
from tinyft.peft.delta import PREFIX
from tinyft.peft.files import read_folder
from tinyft.peft.lowrank import refuse_unread
from tinyft.peft.sites import pattern_value

KINDS = ("IA3", "LOHA", "LOKR", "LORA", "VERA")
SUFFIXES = ("lora_", "ia3_", "hada_", "lokr_", "vera_", "base_layer.")


def read(folder):
    """{parameter's name: f}, where f(its base array) is the merged change, in float64.

    Raises ValueError for a kind that changes no weight (prefixes, prompts: use
    peft.load), and for tensors that belong to no formula.
    """
    config, state = read_folder(Path(folder))
    kind = config["peft_type"]
    if kind not in KINDS:
        raise ValueError(
            f"peft.huggingface.read: {folder} is a {kind}, which is no change of weights "
            f"that is read here ({', '.join(KINDS)}); attach it: peft.load(model, folder)"
        )
    if kind == "LORA":
        refuse_unread(config)
    sites, changes = {}, {}
    shared = {
        k: state.pop(k).astype("f8")
        for k in list(state)
        if k.startswith("base_model.vera")
    }
    for key, array in state.items():
        path, part = _cut(key.removeprefix(PREFIX))
        array = array.astype("f8")
        if part is None or part.startswith("base_layer."):
            name = (
                path if part is None else f"{path}.{part.removeprefix('base_layer.')}"
            )
            changes[name] = partial(_replaced, array)
        else:
            sites.setdefault(path, {})[part.removesuffix(".weight")] = array
    for path, parts in sites.items():
        for name, f in _READERS[kind](config, path, parts, shared).items():
            changes[f"{path}.{name}"] = f
    return changes


def _cut(key):
    """('fc', 'lora_A.weight') of 'fc.lora_A.weight'; (key, None) of a saved module's."""
    for suffix in SUFFIXES:
        path, found, rest = key.partition("." + suffix)
        if found:
            return path, suffix + rest
    return key, None


def _scale(config, path):
    r = pattern_value(config.get("rank_pattern"), path, config.get("r", 8))
    alpha = config.get("lora_alpha", config.get("alpha", 8))
    alpha = pattern_value(config.get("alpha_pattern"), path, alpha)
    return alpha / (math.sqrt(r) if config.get("use_rslora") else r)


def _replaced(new, base):
    return new - base.astype("f8")


def _lora(config, path, parts, shared):
    s, turned = _scale(config, path), config.get("fan_in_fan_out", False)
    if "lora_embedding_A" in parts:
        A, B, turned = parts["lora_embedding_A"], parts["lora_embedding_B"], True
    else:
        A, B = parts["lora_A"], parts["lora_B"]
    m = parts.get("lora_magnitude_vector")
    changes = {"weight": partial(_low_rank, s, A, B, m, turned)}
    if "lora_B.bias" in parts:
        changes["bias"] = lambda b: s * parts["lora_B.bias"]
    return changes


def _low_rank(s, A, B, m, turned, W):
    change = s * (B.reshape(len(B), -1) @ A.reshape(len(A), -1))  # (out, in·kh·kw)
    turned = turned and W.ndim == 2
    change = change.T if turned else change.reshape(W.shape)
    if m is None:
        return change
    V = W.astype("f8") + change
    rows = V.T if turned else V  # one for each output
    norm = (rows.reshape(len(rows), -1) ** 2).sum(axis=1) ** 0.5
    ratio = m.reshape(-1) / norm
    new = (rows.reshape(len(rows), -1) * ratio[:, None]).reshape(rows.shape)
    return (new.T if turned else new) - W


def _ia3(config, path, parts, shared):
    l, turned = parts["ia3_l"], config.get("fan_in_fan_out", False)
    by_input = len(l) == 1 if l.ndim == 2 else _feedforward(config, path)
    if by_input:
        return {"weight": lambda W: (l.T if turned else l) * W - W}
    rows = l.reshape(-1)

    def weight(W):
        shape = (1, -1) if turned else (-1,) + (1,) * (W.ndim - 1)
        return (rows.reshape(shape) - 1) * W

    return {"weight": weight, "bias": lambda b: (rows - 1) * b}


def _feedforward(config, path):
    named = config.get("feedforward_modules") or ()
    return any(path.endswith(name) for name in named)


def _loha(config, path, parts, shared):
    s, xp = _scale(config, path), backend.xp_of(parts["hada_w1_a"])

    def product(i):
        a, b, t = (parts.get(f"hada_{n}") for n in (f"w{i}_a", f"w{i}_b", f"t{i}"))
        return a @ b if t is None else xp.einsum("ijkl,jr,ip->prkl", t, b, a)

    return {"weight": lambda W: s * (product(1) * product(2)).reshape(W.shape)}


def _lokr(config, path, parts, shared):
    s, xp = _scale(config, path), backend.xp_of(next(iter(parts.values())))
    w1 = parts.get("lokr_w1")
    w1 = parts["lokr_w1_a"] @ parts["lokr_w1_b"] if w1 is None else w1

    def weight(W):
        w2 = parts.get("lokr_w2")
        if w2 is None:
            a, b, t = (parts.get(f"lokr_{n}") for n in ("w2_a", "w2_b", "t2"))
            if t is not None:
                w2 = xp.einsum("ijkl,ip,jr->prkl", t, a, b)
            else:
                w2 = (a @ b).reshape(len(a), -1, *W.shape[2:])
        w1_ = w1.reshape(*w1.shape, *(1,) * (w2.ndim - 2))
        return s * xp.kron(w1_, w2).reshape(W.shape)

    return {"weight": weight}


def _vera(config, path, parts, shared):
    b, d = parts["vera_lambda_b"], parts["vera_lambda_d"]
    A, B = (shared.get(f"base_model.vera_{name}") for name in "AB")
    if A is None or B is None:
        raise ValueError(
            "peft.huggingface.read: this VeRA file lacks vera_A and vera_B"
        )
    turned = config.get("fan_in_fan_out", False)

    def weight(W):
        out, columns = W.shape[::-1] if turned else W.shape
        change = (b[:, None] * B[:out]) @ (d[:, None] * A[:, :columns])
        return change.T if turned else change

    return {"weight": weight}


_READERS = {"LORA": _lora, "IA3": _ia3, "LOHA": _loha, "LOKR": _lokr, "VERA": _vera}
