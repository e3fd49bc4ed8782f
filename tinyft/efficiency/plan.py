"""plan: what fine-tuning a published model takes, before anything is downloaded.

    tinyft plan --model llama-7b --method qlora --r 16 --batch 1 --length 2048 --memory 24GB

The model's operations pass over a ledger (see ledger.py); recipes.py says how many bytes
each number takes. Bytes of one step on one device, in four parts: weights, gradients,
optimiser states, activations. Not in it: the driver's own memory (0.3 to 1 GB), the
allocator's fragments, gradients in flight and buffers of single operations: a plan fits
if it leaves 0.65 GB of the device free, or a tenth where that is less.
"""

from dataclasses import asdict, dataclass, replace

from tinyft.efficiency.budget import Setting, budget, cheaper
from tinyft.efficiency.recipes import fits, read_memory
from tinyft.efficiency.text import advice, table

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
    assumptions: tuple
    memory: int | None = None
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
        """Does it fit into `memory` with `recipes.margin` left free? None without one."""
        return None if self.memory is None else fits(self.total, self.memory)

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

    model: a name of shapes.SHAPES, or a TransformerConfig or ResNetConfig. method: one of
    efficiency.methods(). batch: texts or images; length: tokens of each text, or
    the image's side (default: 512 tokens, or less if the model's limit is; 224 pixels).
    dtype: "bf16", "float16" or "float32", of weights and activations; optimizer: a key of
    recipes.OPTIMIZERS; recompute: keep only each block's input (nn.recompute); memory:
    "24GB" or bytes; bits: 16, 8 or 4, of the blocks' frozen matrices (default: 4 for
    qlora, else 16); target: modules, as attach's; options: the method's own, r=16.
    Raises LookupError for an unknown name, ValueError for values that make no sense.
    """
    asked = Setting(
        model, method, batch, length, dtype, optimizer, recompute, bits, target, options
    )
    made = Plan(**budget(asked))
    if memory is not None:
        made = replace(made, memory=read_memory(memory))
    if made.fits is not False:
        return made
    other = [(name, Plan(**budget(each))) for name, each in cheaper(asked)]
    return replace(made, advice=advice(other, made.memory))
