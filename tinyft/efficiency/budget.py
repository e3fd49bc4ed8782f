"""The budget of one setting: a pass over the ledger, and bytes by recipe."""

from dataclasses import dataclass, field, replace

from tinyft.efficiency.ledger.pricing import run
from tinyft.efficiency.presets import PACKED, preset
from tinyft.efficiency.recipes import (
    BITS,
    ITEMSIZE,
    OPTIMIZERS,
    bytes_per_state,
    known,
)
from tinyft.efficiency.shapes import shape
from tinyft.efficiency.text import assumptions
from tinyft.models import ResNetConfig, TransformerConfig
from tinyft.nn.select import matches
from tinyft.nn.shape import positive


@dataclass(frozen=True)
class Setting:
    """What `plan` was asked; `checked` fills in what was left open."""

    model: object
    method: str = "lora"
    batch: int = 1
    length: int | None = None
    dtype: str = "bf16"
    optimizer: str = "adamw"
    recompute: bool = False
    bits: int | None = None
    target: object = None
    options: dict = field(default_factory=dict)

    @property
    def name(self):
        """The model's name, or its kind."""
        known_by_name = isinstance(self.model, str)
        return self.model if known_by_name else type(self.model).__name__

    @property
    def config(self):
        """The model's config. Raises LookupError or TypeError for what has none."""
        config = shape(self.model) if isinstance(self.model, str) else self.model
        if not isinstance(config, TransformerConfig | ResNetConfig):
            raise TypeError(
                "plan(model): a name, a TransformerConfig or a ResNetConfig, got "
                f"{type(config).__name__}"
            )
        return config

    def checked(self):
        """With a length and bits. Raises LookupError or ValueError for nonsense."""
        config = self.config
        known("dtype", self.dtype, ITEMSIZE)
        known("optimizer", self.optimizer, OPTIMIZERS)
        text, length = isinstance(config, TransformerConfig), self.length
        if length is None:
            length = min(512, config.length) if text else 224
        positive("plan", batch=self.batch, length=length)
        if text and config.positions == "learned" and length > config.length:
            raise ValueError(
                f"plan: length={length}, and this model has positions for "
                f"{config.length}"
            )
        return replace(self, length=length, bits=self._bits(text))

    def _bits(self, text):
        bits = (4 if self.method == "qlora" else 16) if self.bits is None else self.bits
        known("bits", bits, BITS)
        if bits != 16 and not text:
            raise ValueError(
                f"plan: bits={bits} packs the matrices of a Transformer's blocks, and "
                f"{self.name!r} has convolutions; use method='lora' with 16 bits"
            )
        if bits != 16 and self.method == "full":
            raise ValueError(
                "plan: method='full' trains every weight, and weights of "
                f"{bits} bits cannot be trained; use method='qlora', or bits=16"
            )
        return bits


def budget(asked):
    """Everything of a Plan that does not depend on a device, as keywords."""
    asked = asked.checked()
    chosen = preset(asked.method, asked.config, asked.target, asked.options)
    full = chosen is None
    how = {"prices": {}, "by_batch": full, "trains": lambda name: full}
    how |= {} if full else chosen.arguments()
    done = run(asked.config, asked.batch, asked.length, asked.recompute, **how)
    return {
        "model": asked.name,
        "method": asked.method,
        "sites": 0 if full else len(chosen.sites),
        "parameters": done.total,
        "trainable": done.trainable,
        **parts(done, asked),
        "forward": done.forward,
        "backward": done.backward,
        "assumptions": assumptions(chosen, asked),
    }


def parts(done, asked):
    """The four parts of a finished Pass, in bytes."""
    size, packed = ITEMSIZE[asked.dtype], BITS[asked.bits]
    weights = size * sum(b.size for b in done.buffers.values())
    largest = 0
    for name, p in done.parameters.items():
        if packed and not p.wants and matches(name, PACKED):
            weights += p.size * packed / 8
            largest = max(largest, p.size)
        else:
            weights += size * p.size
    return {
        "weights": round(weights),
        "gradients": size * done.trainable,
        "states": done.trainable * bytes_per_state(asked.optimizer, asked.dtype),
        "activations": size * (done.activations + largest),  # one matrix unpacked
    }


def cheaper(asked):
    """[(what changes, its Setting)], each change alone, then all of them."""
    asked = asked.checked()
    changes = {"recompute": {"recompute": True}}
    changes["half the length"] = {"length": max(1, asked.length // 2)}
    if asked.batch > 1:
        changes["a batch of 1"] = {"batch": 1}
    if asked.options.get("r", 0) > 4:
        changes["r = 4"] = {"options": asked.options | {"r": 4}}
    if asked.method == "full":
        changes["8-bit AdamW"] = {"optimizer": "adamw8bit"}
    text = isinstance(asked.config, TransformerConfig)
    least = {"method": "qlora" if text else "bitfit", "target": None, "options": {}}
    least |= {"bits": None, "optimizer": "adamw"}
    if asked.method != least["method"]:
        changes[f"method {least['method']}"] = least
    rank = {"r": 4} if text else {}
    small = least | {"recompute": True, "batch": 1, "options": rank}
    changes["all of these"] = small | changes["half the length"]
    return [(name, replace(asked, **new)) for name, new in changes.items()]
