"""How many bytes a number takes: number formats, optimisers, quantised weights.

    bytes per trained number       weight + gradient + state + master copy
      AdamW in 16 bits, mixed      2 + 2 + 8 + 4 = 16
      AdamW in float32             4 + 4 + 8     = 16
      AdamW all in 16 bits         2 + 2 + 4     = 8      no master copy
      8-bit AdamW in 16 bits       2 + 2 + 2     = 6      no master copy
      SGD in 16 bits               2 + 2         = 4      no master copy
    a frozen number                16 bits: 2;  NF4: (4 + 8/64 + 32/(64 · 256))/8 = 0.516

A master copy keeps the weights in float32, because an update of 1e-5 vanishes in a bf16
weight of size 1. NF4 has 4 bits a weight, an 8-bit scale for 64 weights (the scales are
quantised too: "double quantisation"), and a float32 scale for 256 of those.
Sources: Micikevicius et al. 2018; Rajbhandari et al. 2020 (ZeRO), section 3; Dettmers et
al. 2022 (8-bit optimisers); Dettmers et al. 2023 (QLoRA), section 3.
"""

ITEMSIZE = {"float32": 4, "bf16": 2, "float16": 2}
NF4_BITS = 4 + 8 / 64 + 32 / (64 * 256)
BITS = {16: None, 8: 8 + 32 / 64, 4: NF4_BITS}  # of a frozen matrix in a block
OPTIMIZERS = {  # bytes of states per trained number; a master copy below float32?
    "adamw": (8, True),
    "adam": (8, True),
    "adamw16": (4, False),
    "adamw8bit": (2, False),
    "momentum": (4, True),
    "sgd": (0, False),
}
MARGIN = 650_000_000
UNITS = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def bytes_per_state(optimizer, dtype):
    """States and the master copy, per trained number."""
    states, master = OPTIMIZERS[optimizer]
    return states + 4 * (master and ITEMSIZE[dtype] < 4)


def known(what, name, names):
    """Raise LookupError with the list unless `name` is one of `names`."""
    if name not in names:
        listed = ", ".join(map(str, names))
        raise LookupError(f"plan: {what} {name!r} is unknown; there are: {listed}")


def margin(memory):
    """Bytes of `memory` to leave free: 0.65 GB, or a tenth where that is less.

    Published runs of a 3B model have 0.35 to 0.65 GB more left over after a step than
    `plan` says (published.benchmark): logits of the last batch, gradients in flight.
    """
    return min(MARGIN, memory // 10)


def fits(total, memory):
    """Do `total` bytes leave the margin of `memory` free?"""
    return total <= memory - margin(memory)


def read_memory(text):
    """Bytes of "24GB" (1e9 each), "24 GiB" (2^30), or of a number of bytes.

    Raises ValueError for anything else, and for what is not positive.
    """
    written = str(text).strip().upper()
    number = written.rstrip("BKMGTI ")
    unit = written[len(number) :].strip() or "B"
    try:
        size = float(number) * UNITS[unit]
    except (ValueError, KeyError):
        size = 0
    if not 0 < size < 1e18:
        raise ValueError(
            f'plan: memory={text!r} is not an amount; write "24GB" (1e9 bytes each) or '
            '"24GiB" (2^30)'
        )
    return int(size)
