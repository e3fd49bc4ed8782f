"""The options of a method: read from its signature, checked, with hints for other names.

`peft.LoRA(r=8, lora_alpha=16)` is Hugging Face PEFT's spelling; ours is `alpha`, and the
error says so.
"""

import difflib
import inspect
import math
from numbers import Real

LARGEST = 3.4e38  # of float32: a larger scale overflows at the first product
THEIRS = {  # PEFT's name: ours
    "rank": "r",
    "decompose_factor": "factor",
    "miss_dropout": "dropout",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "vera_dropout": "dropout",
    "use_rslora": "rslora",
    "projection_prng_key": "seed",
    "num_virtual_tokens": "length",
    "encoder_hidden_size": "hidden",
    "encoder_num_layers": "layers",
    "encoder_reparameterization_type": "encoder",
    "feedforward_modules": "feedforward",
    "oft_block_size": "block",
    "block_share": "share",
    "use_cayley_neumann": "terms",
    "num_cayley_neumann_terms": "terms",
    "use_dora": "the method peft.DoRA(...)",
    "init_lora_weights": "a method of its own, such as peft.PiSSA(...)",
    "target_modules": "target, an argument of attach(model, delta, target)",
    "exclude_modules": "exclude, an argument of attach",
    "modules_to_save": "also, an argument of attach",
    "layers_to_transform": "layers, an argument of attach",
    "rank_pattern": "rank_pattern, an argument of attach",
    "alpha_pattern": "alpha_pattern, an argument of attach",
}


def options_of(method):
    """{name: default} of a method's options."""
    found = inspect.signature(method.__init__).parameters.values()
    return {p.name: p.default for p in list(found)[1:] if p.kind != p.VAR_KEYWORD}


def read_options(method, args, given):
    """{name: value} of every option, given or by default; TypeError with a hint."""
    options = options_of(method)
    refuse_unknown(method.__name__, given, options)
    if len(args) > len(options):
        raise TypeError(
            f"{method.__name__} takes at most {len(options)} options "
            f"({', '.join(options) or 'none'}), got {len(args)}"
        )
    return options | dict(zip(options, args)) | given


def refuse_unknown(caller, given, known):
    """Raise TypeError for a keyword that is not known, with what was probably meant."""
    for name in given:
        if name in known:
            continue
        meant = THEIRS.get(name) or next(
            iter(difflib.get_close_matches(name, known, 1)), None
        )
        raise TypeError(
            f"{caller} has no option {name!r}"
            + (f"; use {meant}" if meant else "")
            + f". The options: {', '.join(known) or 'none'}"
        )


def check_low_rank(method, r, alpha, dropout):
    """Check the options of a LoRA and its kin. Returns alpha as a Python number."""
    if not isinstance(r, int) or isinstance(r, bool) or r < 1:
        raise ValueError(f"{method}: the rank r must be a positive integer, got {r!r}")
    check_dropout(method, dropout)
    if not isinstance(alpha, Real) or not 0 < alpha < math.inf:
        raise ValueError(
            f"{method}: alpha must be positive, got {alpha!r}; give a finite number "
            "such as 16"
        )
    if alpha > LARGEST:
        raise ValueError(
            f"{method}: alpha = {alpha!r} is too large for a float32 weight; usual "
            "values lie between r and 4 r"
        )
    return alpha if isinstance(alpha, int) else float(alpha)  # not a NumPy scalar


def check_factor(who, factor, sides=()):
    """Raise ValueError for a factor that is neither -1 nor a divisor of both `sides`."""
    whole = isinstance(factor, int) and not isinstance(factor, bool)
    if not whole or (factor != -1 and factor < 1):
        raise ValueError(
            f"{who}: factor is a positive integer, or -1 for the divisor nearest the "
            f"square root of each side, got {factor!r}"
        )
    if factor != -1 and any(side % factor for side in sides):
        out, inp = sides
        both = math.gcd(out, inp)
        common = [str(n) for n in range(1, both + 1) if both % n == 0]
        raise ValueError(
            f"{who}: factor {factor} does not divide both its {out} outputs and its {inp} "
            f"inputs; choose one of {', '.join(common)}, or -1 for a cut of each side alone"
        )


def check_dropout(method, p):
    """Raise ValueError for a probability outside [0, 1)."""
    if not isinstance(p, Real) or not 0 <= p < 1:
        raise ValueError(f"{method}: dropout must be in [0, 1), got {p!r}")
