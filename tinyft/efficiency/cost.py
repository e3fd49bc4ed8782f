"""cost: what a training step takes, in closed form, for a model with what sits on it.

    parameters   trainable and all
    FLOPs        forward and backward of one step; 2 for each multiply-add of a product
    bytes        weights | gradients | optimiser states | activations, apart

Activations are what the tape keeps at the end of the forward pass: the larger part at
long inputs, and the part that few parameters to train do not shrink by themselves.
"""

from dataclasses import dataclass

from tinyft import nn
from tinyft.efficiency.ledger.pricing import price_of, run
from tinyft.models import ResNetConfig, TransformerConfig
from tinyft.nn.recompute import Recomputed
from tinyft.peft.acting import attached

STATES = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}  # numbers per parameter


@dataclass(frozen=True)
class Cost:
    """One training step; bytes for numbers of `itemsize` bytes each."""

    parameters: int
    trainable: int
    forward: int
    backward: int
    weights: int
    gradients: int
    states: int
    activations: int

    @property
    def flops(self):
        """Of one step, forward and backward."""
        return self.forward + self.backward

    @property
    def bytes(self):
        """The four parts together."""
        return self.weights + self.gradients + self.states + self.activations


def cost(model, batch, size, optimizer="adam"):
    """The Cost of a training step of a Transformer or a ResNet as it stands.

    What is attached, frozen, recomputed and in training mode counts as it is. batch:
    texts or images; size: tokens per text, or the side of the image. optimizer: "sgd",
    "momentum", "adam" or "adamw". Raises TypeError for another model, LookupError for a
    method without a price, ValueError for an unknown optimizer.
    """
    if optimizer not in STATES:
        raise ValueError(
            f"cost(optimizer={optimizer!r}): expected one of {', '.join(STATES)}"
        )
    config, how = reading(model)
    itemsize = next(model.parameters()).data.dtype.itemsize
    done = run(config, batch, size, **how)
    return Cost(
        done.total,
        done.trainable,
        done.forward,
        done.backward,
        itemsize * (done.total + sum(b.size for b in done.buffers.values()))
        - _saved(model, itemsize),
        itemsize * done.trainable,
        itemsize * done.trainable * STATES[optimizer],
        itemsize * done.activations,
    )


def _saved(model, itemsize):
    """Bytes that layers save by keeping their weights in 4 bits."""
    packed = [m for m in model.modules() if getattr(m, "packed_size", 0)]
    held = (b.data.nbytes for m in packed for b in m._buffers.values())
    return itemsize * sum(m.packed_size for m in packed) - sum(held)


def reading(model):
    """(config, arguments) for `run`, of a live model."""
    config = getattr(model, "config", None)
    if not isinstance(config, TransformerConfig | ResNetConfig):
        raise TypeError(
            f"cost(model): expected models.Transformer or models.ResNet, got "
            f"{type(model).__name__}, whose operations are not described; "
            "efficiency.counted() and kept_bytes() measure any model"
        )
    wants = {name: p.requires_grad for name, p in model._named("_parameters", "")}
    at, off, widest = {}, [], (0, 0)
    for label, adapter in attached(model).items():
        for path, delta in adapter.deltas.items():
            if delta.kind == "VERA":
                widest = len(delta.B), delta.A.shape[1]
            if delta.active and delta.kind:  # without a kind it only makes room
                at.setdefault(delta.path, []).append(priced(delta, label))
            elif not delta.active:
                off.append((f"{label}:{path}, which is off", delta.count()))
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    return config, {
        "trains": lambda name: wants.get(name, False),
        "prices": at,
        "off": off,
        "by_batch": any(m.statistics == "batch" for m in norms)
        or (model.training and any(m.statistics == "update" for m in norms)),
        "copies": model.training,
        "recompute": any(
            isinstance(m.__dict__.get("forward"), Recomputed) for m in model.modules()
        ),
        "widest": widest,
    }


def priced(delta, label):
    """What makes the Price of a delta, once its site is known."""
    held = delta.named_parameters()
    frozen = tuple(name for name, p in held if not p.requires_grad)
    options = {**delta.options, "frozen": frozen}
    if hasattr(delta, "parts"):
        options["parts"] = [part.options for part in delta.parts]
    return lambda ledger, site: price_of(delta.kind)(ledger, site, options, label)
