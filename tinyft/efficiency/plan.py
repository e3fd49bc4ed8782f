"""plan: what fine-tuning a published model takes, before anything is downloaded.

    tinyft plan --model llama-7b --method qlora --r 16 --batch 1 --length 2048 --memory 24GB

The model's operations pass over a ledger (see ledger.py); recipes.py says how many bytes
each number takes. Bytes of one step on one device, in four parts: weights, gradients,
optimiser states, activations. Not in it: the driver's own memory (0.3 to 1 GB), the
allocator's fragments, gradients in flight and buffers of single operations.
"""

from dataclasses import asdict, dataclass, replace

from tinyft.efficiency.ledger.pricing import run
from tinyft.efficiency.presets import preset
from tinyft.efficiency.recipes import (
    BITS,
    ITEMSIZE,
    OPTIMIZERS,
    bytes_per_state,
    known,
    read_memory,
)
from tinyft.efficiency.shapes import shape
from tinyft.efficiency.text import advice, assumptions, table
from tinyft.models import ResNetConfig, TransformerConfig
from tinyft.nn.select import matches
from tinyft.nn.shape import positive

PARTS = ("weights", "gradients", "states", "activations")


@dataclass(frozen=True)
class Plan:
    """The budget of a training step; bytes, FLOPs, and the words that go with them.

    memory: bytes of the device, or None. `str(plan)` is the table of `tinyft plan`.
    """

    model: str
    method: str
    sites: int
    parameters: int
    trainable: int
    weights: int
    gradients: int
    states: int
    activations: int
    forward: int
    backward: int
    memory: int | None
    assumptions: tuple
    advice: tuple = ()

    @property
    def total(self):
        """Bytes of the four parts."""
        return sum(getattr(self, part) for part in PARTS)

    @property
    def share(self):
        """Trainable of all parameters."""
        return self.trainable / self.parameters

    @property
    def fits(self):
        """Does it fit into `memory`? None without one."""
        return None if self.memory is None else self.total <= self.memory

    def to_dict(self):
        """All of it as plain values, for JSON."""
        derived = {"total": self.total, "share": self.share, "fits": self.fits}
        return asdict(self) | derived

    def __str__(self):
        return table(self)


def plan(
    model,
    method="lora",
    batch=1,
    length=None,
    *,
    dtype="bf16",
    optimizer="adamw",
    recompute=False,
    memory=None,
    bits=None,
    target=None,
    **options,
):
    """The Plan of fine-tuning `model` by `method`.

    model: a name of shapes.SHAPES, or a TransformerConfig or ResNetConfig. method: "full",
    "qlora", or one of presets.METHODS. batch: texts or images; length: tokens of each, or
    the image's side (default: 512 tokens, or less if the model's limit is; 224 pixels).
    dtype: "bf16", "float16" or "float32", of weights and activations; optimizer: a key of
    recipes.OPTIMIZERS; recompute: keep only each block's input (nn.recompute); memory:
    "24GB" or bytes; bits: 16, 8 or 4, of the blocks' frozen matrices (default: 4 for
    qlora, else 16); target: modules, as attach's; options: the method's own, r=16.
    Raises LookupError for an unknown name, ValueError for values that make no sense.
    """
    config = shape(model) if isinstance(model, str) else model
    length = _check(config, batch, length, dtype, optimizer)
    chosen = preset(method, config, target, options)
    bits = (4 if method == "qlora" else 16) if bits is None else bits
    known("bits", bits, BITS)
    if bits != 16 and not isinstance(config, TransformerConfig):
        raise ValueError(
            f"plan: bits={bits} packs the matrices of a Transformer's blocks, and "
            f"{model!r} has convolutions; use method='lora' with 16 bits"
        )
    if chosen is None and bits != 16:
        raise ValueError(
            f"plan: method='full' trains every weight, and weights of {bits} bits cannot "
            "be trained; use method='qlora', or bits=16"
        )
    how = {"prices": {}, "by_batch": chosen is None, "trains": lambda _: chosen is None}
    how |= {} if chosen is None else chosen.arguments()
    done = run(config, batch, length, recompute, **how)
    made = Plan(
        model if isinstance(model, str) else type(config).__name__,
        method,
        0 if chosen is None else len(chosen.sites),
        done.total,
        done.trainable,
        *_bytes(done, dtype, optimizer, bits),
        done.forward,
        done.backward,
        None if memory is None else read_memory(memory),
        assumptions(chosen, batch, length, dtype, optimizer, recompute, bits),
    )
    if made.fits is not False:
        return made
    given = dict(dtype=dtype, optimizer=optimizer, recompute=recompute, target=target)
    given |= options | {"bits": bits, "length": length, "batch": batch}
    return replace(made, advice=advice(_cheaper(model, method, given), made.memory))


def _check(config, batch, length, dtype, optimizer):
    """The length, after everything else is known to make sense."""
    if not isinstance(config, TransformerConfig | ResNetConfig):
        raise TypeError(
            "plan(model): a name, a TransformerConfig or a ResNetConfig, got "
            f"{type(config).__name__}"
        )
    known("dtype", dtype, ITEMSIZE)
    known("optimizer", optimizer, OPTIMIZERS)
    text = isinstance(config, TransformerConfig)
    if length is None:
        length = min(512, config.length) if text else 224
    positive("plan", batch=batch, length=length)
    if text and config.positions == "learned" and length > config.length:
        raise ValueError(
            f"plan: length={length}, and this model has positions for {config.length}"
        )
    return length


def _bytes(done, dtype, optimizer, bits):
    """The four parts of a finished Pass."""
    size, packed = ITEMSIZE[dtype], BITS[bits]
    weights = size * sum(b.size for b in done.buffers.values())
    largest = 0
    for name, p in done.parameters.items():
        if packed and not p.wants and matches(name, PACKED):
            weights += p.size * packed / 8
            largest = max(largest, p.size)
        else:
            weights += size * p.size
    states = done.trainable * bytes_per_state(optimizer, dtype)
    unpacked = largest * size  # one matrix at a time
    activations = size * done.activations + unpacked
    return round(weights), size * done.trainable, states, activations


def _cheaper(model, method, given):
    """[(what changes, the Plan of it)], each alone, then all of them together."""
    changes = {"recompute": {"recompute": True}}
    changes["half the length"] = {"length": max(1, given["length"] // 2)}
    if given["batch"] > 1:
        changes["a batch of 1"] = {"batch": 1}
    if given.get("r", 0) > 4:
        changes["r = 4"] = {"r": 4}
    if method == "full":
        changes["8-bit AdamW"] = {"optimizer": "adamw8bit"}
    found = [
        (name, plan(model, method, **given | new)) for name, new in changes.items()
    ]
    smallest = {"bits": 4, "recompute": True, "batch": 1}
    smallest |= {"length": given["length"], "dtype": given["dtype"]}
    if method != "qlora":
        small = given | {"bits": 4, "optimizer": "adamw"}
        packed = {
            k: small[k] for k in ("bits", "length", "batch", "dtype", "recompute")
        }
        found.append(("method qlora", plan(model, "qlora", **packed)))
    return [*found, ("all of these", plan(model, "qlora", **smallest, r=4))]


PACKED = r"(attn\.(q|k|v|o)|mlp\.(up|gate|down))\.weight"
