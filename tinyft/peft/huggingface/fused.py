"""An adapter's file under the names of a public checkpoint: q, k and v as one c_attn.

    state, config = exported(names, state, config)        what names.py reads, backwards

Joining layers that are fused there is exact, by rank: with W = [W_q; W_k; W_v]

    [B_q A_q; B_k A_k; B_v A_v] = diag(B_q, B_k, B_v) [A_q; A_k; A_v],   rank Σ r_i

(a layer without an adapter has zero rows); if all three have the same A, as after reading
such a file, B stacks by rows and the rank stays. Biases, magnitudes (DoRA) and modules
stored whole stack by rows, if all parts have them: the base's own are not in the file.
"""

import math
import re

from tinyft import backend
from tinyft.nn.select import pattern_value
from tinyft.peft.huggingface.codecs.codec import PREFIX
from tinyft.peft.huggingface.codecs.prompts import KEY as PROMPT
from tinyft.peft.huggingface.codecs.vera import SHARED
from tinyft.peft.huggingface.names import PARTS
from tinyft.peft.huggingface.rules import wrapped

BIAS, BASE = "base_layer.bias", "base_model."
ADAPTED = ("lora_", "ia3_", "vera_", "oft_", "hra_", "hada_", "lokr_", "hira_", "miss_")


def exported(names, state, config):
    """(state, config) of a file under their names.

    Raises ValueError for a site that has no name there, and for a fused layer whose
    parts cannot be joined.
    """
    sites, ranks = {}, {}
    theirs = {key: array for key, array in state.items() if key.startswith(SHARED)}
    for key, array in state.items():
        if key in theirs:
            continue
        found = PARTS.fullmatch(key.removeprefix(PREFIX))
        sites.setdefault(found["path"] if found else key, {})[
            found and found["part"]
        ] = array
    renamed = {}
    for path, (ours, transposed) in names.table.items():
        held = [sites.pop(our, None) for our in ours]
        if not any(held):
            continue
        name = names.full(path)
        renamed.update(dict.fromkeys(ours, name))
        own = [_rank(config, our) for our in ours]
        parts, rank = (
            (held[0], own[0]) if len(ours) == 1 else _joined(held, own, config)
        )
        if any(part.startswith(ADAPTED) for part in parts):
            ranks[name] = rank
        for part, array in parts.items():
            turned = part == "weight" and transposed
            theirs[f"{PREFIX}{name}.{part}"] = array.T if turned else array
    if sites:
        raise ValueError(
            f"peft.save(names=...): {', '.join(sites)} have no name in that checkpoint"
        )
    fused = any(transposed for _, transposed in names.table.values())
    return theirs, _config(config, renamed, ranks, fused)


def prompt_file(names, state):
    """The tensors of a prompt and of what is stored whole beside it, as PEFT names them:
    base_model.score.weight, without the 'model.' of other methods."""
    rest = {key: array for key, array in state.items() if key != PROMPT}
    if names is not None and rest:
        rest, _ = exported(names, rest, {})
    whole = {key.replace(PREFIX, BASE, 1): array for key, array in rest.items()}
    return {PROMPT: state[PROMPT], **whole}


def prompt_state(state):
    """The inverse of `prompt_file`, but for the names."""
    return {
        key.replace(BASE, PREFIX, 1) if not key.startswith(PREFIX) else key: array
        for key, array in state.items()
    }


def _rank(config, path):
    r, alpha = config.get("r"), config.get("lora_alpha", config.get("alpha"))
    return (
        pattern_value(config.get("rank_pattern"), path, r),
        pattern_value(config.get("alpha_pattern"), path, alpha),
    )


def _config(config, renamed, ranks, fused):
    """The config with their names, and the ranks of the joined layers."""
    config = dict(config)
    for field, named in (("modules_to_save", wrapped), ("feedforward_modules", str)):
        if field in config:
            own = (named(renamed[path]) for path in config[field])
            config[field] = list(dict.fromkeys(own))
    config["target_modules"] = list(ranks)
    for field, at, key in (
        ("r", 0, "rank_pattern"),
        ("lora_alpha" if "lora_alpha" in config else "alpha", 1, "alpha_pattern"),
    ):
        if key in config:
            exact = {n: found[at] for n, found in ranks.items()}
            differ = {n: value for n, value in exact.items() if value != config[field]}
            config[key] = {f"^{re.escape(n)}": value for n, value in differ.items()}
    return config | ({"fan_in_fan_out": fused} if "fan_in_fan_out" in config else {})


def _joined(held, ranks, config):
    """One layer of several: its tensors, and its (r, α)."""
    held = [dict(parts or ()) for parts in held]
    adapted = any(BIAS in parts for parts in held)
    whole = {}
    for part in ("weight", "bias", "lora_magnitude_vector"):
        name = BIAS if part == "bias" and adapted else part
        rows = [parts.pop(part, parts.pop(name, None)) for parts in held]
        if all(array is not None for array in rows):
            whole[name] = _stack(rows)
        elif any(array is not None for array in rows):
            _refuse_parts(f"only some of its parts have {name}")
    there = [parts for parts in held if parts]
    kinds = {frozenset(parts) for parts in there}
    if not kinds:
        return whole, ranks[0]
    if kinds == {frozenset({"ia3_l"})}:
        return whole | _joined_factors(held, there), ranks[0]
    if kinds != {frozenset({"lora_A.weight", "lora_B.weight"})}:
        _refuse_parts(" or ".join(sorted(str(sorted(kind)) for kind in kinds)))
    joined, rank = _joined_products(held, ranks, config)
    return whole | joined, rank


def _refuse_parts(what):
    raise ValueError(
        f"peft.save(names=...): a fused layer there, and here {what}, which cannot be "
        "joined; LoRA and IA3 can, and DoRA on all of q, k and v"
    )


def _joined_products(held, ranks, config):
    where = [i for i, parts in enumerate(held) if parts]
    A, B = ([held[i][f"lora_{n}.weight"] for i in where] for n in "AB")
    rows, (r, alpha) = len(B[0]), ranks[where[0]]
    root = math.sqrt if config.get("use_rslora") else float
    scales = [ranks[i][1] / root(ranks[i][0]) for i in where]
    if (
        len(where) == len(held)
        and all(_same(a, A[0]) for a in A)
        and len(set(scales)) == 1
    ):
        return {"lora_A.weight": A[0], "lora_B.weight": _stack(B)}, (r, alpha)
    total = sum(len(a) for a in A)
    joined = backend.xp_of(B[0]).zeros((rows * len(held), total), B[0].dtype)
    start = 0
    for i, b, scale in zip(where, B, scales):  # all at the first one's scale
        block = b * (scale / scales[0]) if scale != scales[0] else b
        joined[i * rows : (i + 1) * rows, start : start + b.shape[1]] = block
        start += b.shape[1]
    alpha = scales[0] * root(total)
    alpha = round(alpha) if abs(alpha - round(alpha)) < 1e-12 else alpha
    return {"lora_A.weight": _stack(A), "lora_B.weight": joined}, (total, alpha)


def _joined_factors(held, there):
    """Factors of IA3: rows of 1 where there are none; inputs are shared, so equal."""
    one = there[0]["ia3_l"]
    if one.shape[0] == 1:
        if len(there) < len(held) or not all(_same(p["ia3_l"], one) for p in there):
            raise ValueError("peft.save(names=...): IA3 factors of one input differ")
        return {"ia3_l": one}
    ones = backend.xp_of(one).ones_like(one)
    return {"ia3_l": _stack([parts["ia3_l"] if parts else ones for parts in held])}


def _same(x, y):
    return x.shape == y.shape and bool((x == y).all())


def _stack(arrays):
    return backend.xp_of(arrays[0]).concatenate(arrays, axis=0)
