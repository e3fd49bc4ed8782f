"""The fields of rotary positions: rope_parameters, or rope_theta and rope_scaling."""

from tinyft.io.huggingface.fields import Fields

KNOWN = {"default": (), "linear": ("factor",)}
KNOWN["llama3"] = (
    "factor",
    "low_freq_factor",
    "high_freq_factor",
    "original_max_position_embeddings",
)


def read_part(f, width, default):
    """How many of the `width` channels of a head turn."""
    _, rope = _object(f)
    outer = f.number("partial_rotary_factor", default, 0.0, 1.0001)
    inner = Fields(f.kind, rope, f.where)
    part = int(width * inner.number("partial_rotary_factor", outer, 0.0, 1.0001))
    if part < 2 or part % 2:
        raise ValueError(
            f"{f.where}: partial_rotary_factor={outer} of head_dim={width} turns {part} "
            "channels, which is not a positive even number"
        )
    return part


def read_rope(f, whole=True):
    """(base, scaling) for TransformerConfig; ValueError for a kind we do not compute.

    whole: refuse a rotation of some channels only, which read_part reads.
    """
    name, rope = _object(f)
    inner = Fields(f.kind, rope, f"{f.where}: {name}")
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in KNOWN or rope.get("type", kind) != kind:
        raise ValueError(
            f"{inner.where}: rope_type={kind!r} is not supported, Transformer computes "
            f"{', '.join(KNOWN)}"
        )
    inner.asked |= {"type", "rope_type"}
    for fields in (f, inner):
        if whole:
            fields.only(partial_rotary_factor=1.0)
        fields.asked.add("partial_rotary_factor")
    outer = f.number("rope_theta", 10000.0, 1e-3, 1e15)
    base = inner.number("rope_theta", outer, 1e-3, 1e15)
    if "rope_theta" in f.theirs and base != outer:
        raise ValueError(f"{f.where}: rope_theta={outer:g} here and {base:g} in {name}")
    for field in KNOWN[kind]:
        inner.get(field)
        inner.number(field, None, 1e-3, 1e9)
    inner.close()
    scaling = (kind, *(rope[field] for field in KNOWN[kind]))
    return base, None if kind == "default" else scaling


def _object(f):
    """(name, value) of the field that is set; both, if they are, must agree."""
    found = {n: f.get(n, None) or {} for n in ("rope_parameters", "rope_scaling")}
    for name, rope in found.items():
        if not isinstance(rope, dict):
            raise ValueError(f"{f.where}: {name} must be an object, got {rope!r:.60}")
    new, old = found.values()
    if new and old and _without_base(new) != _without_base(old):
        raise ValueError(f"{f.where}: rope_parameters and rope_scaling contradict")
    return ("rope_parameters", new) if new else ("rope_scaling", old)


def _without_base(rope):
    return {name: value for name, value in rope.items() if name != "rope_theta"}


def write_rope(c):
    """Both spellings: transformers 5 reads rope_parameters, 4 the other two."""
    kind, *numbers = c.rope_scaling or ("default",)
    rope = {"rope_type": kind, **dict(zip(KNOWN[kind], numbers))}
    fields = {"rope_theta": c.rotary_base}
    fields["rope_parameters"] = {**rope, "rope_theta": c.rotary_base}
    if c.rotary_part is not None:
        share = {"partial_rotary_factor": c.rotary_part / c.head_width}
        fields |= share
        fields["rope_parameters"] |= share
    return fields | ({"rope_scaling": rope} if numbers else {})
