"""The numbers behind the claims: each function asks `plan` and returns them by name.

"before activations" means weights, gradients and optimiser states. GB are 1e9 bytes.
"""

import bisect

from tinyft.efficiency.plan import plan
from tinyft.efficiency.presets import LINEARS
from tinyft.models import LLAMA
from tinyft.models.transformer_cost import block_matrices


def _fixed(planned):
    """Bytes before activations."""
    return planned.weights + planned.gradients + planned.states


def _full(model, optimizer="adamw"):
    return _fixed(plan(model, "full", optimizer=optimizer)) / 1e9


def seven():
    """GB of 7B: full, with 8-bit AdamW, by LoRA with its activations."""
    lora = plan("llama-7b", "lora", r=8, length=512).total / 1e9
    return {
        "full": _full("llama-7b"),
        "bits8": _full("llama-7b", "adamw8bit"),
        "lora": lora,
    }


def seventy():
    """GB of 70B before activations."""
    return {"full": _full("llama-70b"), "sgd": _full("llama-70b", "sgd")}


def shares():
    """Trainable shares, in per cent."""

    def share(model, method, **options):
        return 100 * plan(model, method, **options).share

    return {
        "prompt": share("llama-7b", "prompt", tokens=20),
        "qv": share("llama-7b", "lora", r=8),
        "all": share("llama-7b", "qlora", r=16),
        "large": share("llama-7b", "qlora", r=64),
        "houlsby": share("bert-base", "houlsby", m=64),
    }


def savings():
    """How many times less than full fine-tuning, before and with activations."""
    full = plan("llama-7b", "full", length=512, recompute=True)
    found = {}
    for name, method in (("lora", "lora"), ("qlora", "qlora")):
        small = plan("llama-7b", method, r=8, length=512, recompute=True)
        found[name] = _fixed(full) / _fixed(small)
        found[f"{name}_all"] = full.total / small.total
    return found


def consumer():
    """GB of 7B by QLoRA, and full before activations."""
    small = plan("llama-7b", "qlora", r=16, length=512, recompute=True)
    return {"qlora": small.total / 1e9, "full": _full("llama-7b")}


def copies():
    """GB of 16-bit weights."""
    return {"seven": plan("llama-7b").weights / 1e9, "seventy": _weights("llama-70b")}


def _weights(model):
    return plan(model, "full").weights / 1e9


def files():
    """MB of an adapter's file in float32; the prompt's in KB."""

    def size(method, **options):
        return 4 * plan("llama-7b", method, **options).trainable / 1e6

    return {
        "qv": size("lora", r=8),
        "all": size("qlora", r=16),
        "large": size("qlora", r=64),
        "prompt": size("prompt", tokens=5) * 1e3,
        "prefix": size("prefix", tokens=5),
        "houlsby": size("houlsby", m=64),
        "bert": 4 * plan("bert-base", "houlsby", m=64).trainable / 1e6,
    }


def speed():
    """FLOPs of a LoRA step over a full one; the first r, by 16, that is dearer."""
    full = plan("llama-7b", "full", length=512)
    work = full.forward + full.backward

    def ratio(r):
        lora = plan("llama-7b", "lora", r=r, length=512, target=LINEARS)
        return (lora.forward + lora.backward) / work

    dear = 16 * bisect.bisect(range(1, 257), 1, key=lambda n: ratio(16 * n)) + 16
    return {"r8": ratio(8), "r64": ratio(64), "dear": dear}


def double():
    """What double quantisation saves, in bits a weight and GB of 7B."""
    saved = 32 / 64 - (8 / 64 + 32 / (64 * 256))  # bits of scales for each weight
    packed = LLAMA.layers * block_matrices(LLAMA)
    return {"bits": saved, "saved": saved / 8 * packed / 1e9}


def thirty_three():
    """GB of 33B by QLoRA."""

    def total(**how):
        return plan("llama-33b", "qlora", r=16, **how).total / 1e9

    return {
        "short": total(length=512, recompute=True),
        "kept": total(length=512),
        "long": total(length=2048, recompute=True),
        "weights": plan("llama-33b", "qlora").weights / 1e9,
    }


def same():
    """LoRA and QLoRA on the same sites."""
    both = (plan("llama-7b", m, r=16, target=LINEARS) for m in ("lora", "qlora"))
    lora, qlora = both
    return {
        "lora": lora.trainable,
        "qlora": qlora.trainable,
        "gb16": lora.weights / 1e9,
        "gb4": qlora.weights / 1e9,
    }


def lowest():
    """GB of LoRA on 7B at length 2048, by part, and by QLoRA; full's activations."""
    lora = plan("llama-7b", "lora", r=8, length=2048)
    small = plan("llama-7b", "qlora", r=8, length=2048, recompute=True)
    return {
        "total": lora.total / 1e9,
        "weights": lora.weights / 1e9,
        "activations": lora.activations / 1e9,
        "packed": small.total / 1e9,
        "full": plan("llama-7b", "full", length=2048).activations / 1e9,
    }


def extra():
    """Per cent that adapters add to the work of BERT-base."""
    base = plan("bert-base", "bitfit", length=512)
    more = plan("bert-base", "houlsby", m=64, length=512)
    return {
        "forward": 100 * (more.forward / base.forward - 1),
        "backward": 100 * (more.backward / base.backward - 1),
    }


def decoupled():
    """Parameters of prompts and prefixes in models of different size."""
    small, large = (
        plan(m, "prompt", tokens=20).trainable for m in ("llama-7b", "llama-70b")
    )
    prefix = [plan(m, "prefix", tokens=20).trainable for m in ("llama-7b", "llama-13b")]
    return {"small": small, "large": large, "p7": prefix[0], "p13": prefix[1]}
