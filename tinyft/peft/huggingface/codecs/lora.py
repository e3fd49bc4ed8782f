"""Codecs of LoRA, DoRA and PiSSA, and of the biases and copies that stand beside them.

    <path>.lora_A.weight, lora_B.weight; of an Embedding lora_embedding_A, lora_embedding_B
    <path>.lora_magnitude_vector   DoRA's m, (out,), of a convolution (1, out, 1, 1)
    <path>.lora_B.bias             b of lora_bias
    <path>.base_layer.bias         a whole bias

PiSSA's file is a LoRA of rank 2r on the original base: s [B, −B₀] [A; A₀].
"""

import math
import re

from tinyft import nn
from tinyft.nn.select import pattern_value
from tinyft.peft.full import Full
from tinyft.peft.huggingface.codecs.codec import PREFIX, Codec
from tinyft.peft.methods.bitfit import BitFit
from tinyft.peft.methods.dora import DoRA
from tinyft.peft.methods.lora import LoRA
from tinyft.peft.methods.pissa import PiSSA
from tinyft.peft.methods.starts.offset import OffsetLoRA

FIELDS = """alpha_pattern bias corda_config ensure_weight_tying eva_config fan_in_fan_out
init_lora_weights loftq_config lora_alpha lora_bias lora_dropout lora_ga_config
megatron_config megatron_core qalora_group_size r rank_pattern use_dora use_rslora"""


class LoRACodec(Codec, method=LoRA):
    """LORA without use_dora."""

    dora = False

    def __init__(self, method):
        super().__init__(method)
        self.peft_type = "LORA"

    def known(self):
        return FIELDS.split()

    def reads(self, config):
        return super().reads(config) and bool(config.get("use_dora")) == self.dora

    def template(self, config):
        return LoRA(
            config.get("r", 8),
            config.get("lora_alpha", 8),
            config.get("lora_dropout", 0.0),
            config.get("use_rslora", False),
            config.get("lora_bias", False),
            config.get("bias", "none"),
        )

    def site_options(self, template, config, source, path):
        options = template.options
        keys = (("r", "rank_pattern"), ("alpha", "alpha_pattern"))
        return {
            n: pattern_value(config.get(key), source, options[n]) for n, key in keys
        }

    def rank(self, delta):
        """(r, α) as the file has them."""
        return delta.r, delta.alpha

    def fields(self, adapter, deltas):
        options, (r, alpha) = adapter.template.options, self.rank(adapter.template)
        own = {f"^{re.escape(d.path)}": self.rank(d) for d in deltas}
        return {
            "r": r,
            "lora_alpha": alpha,
            "lora_dropout": options.get("dropout", 0.0),
            "use_rslora": options["rslora"],
            "use_dora": self.dora,
            "lora_bias": options.get("lora_bias", False),
            "fan_in_fan_out": False,
            "bias": options.get("bias", "none"),
            "rank_pattern": {
                path: own_r for path, (own_r, _) in own.items() if own_r != r
            },
            "alpha_pattern": {path: a for path, (_, a) in own.items() if a != alpha},
        }

    def names(self, delta, adapter):
        if isinstance(delta.site, nn.Embedding):
            return {"A": "lora_embedding_A", "B": "lora_embedding_B"}
        return {"A": "lora_A.weight", "B": "lora_B.weight"}


class DoRACodec(LoRACodec, method=DoRA):
    """LORA with use_dora."""

    dora = True

    def template(self, config):
        if config.get("lora_bias") or config.get("bias", "none") != "none":
            raise ValueError(
                f"peft.load: DoRA with trained biases is not read (bias="
                f"{config.get('bias')!r}, lora_bias={config.get('lora_bias', False)!r})"
            )
        keys = (
            ("r", 8),
            ("lora_alpha", 8),
            ("lora_dropout", 0.0),
            ("use_rslora", False),
        )
        return DoRA(*(config.get(key, default) for key, default in keys))

    def names(self, delta, adapter):
        return super().names(delta, adapter) | {"m": "lora_magnitude_vector"}

    def shape(self, delta, name):
        image = name == "m" and isinstance(delta.site, nn.Conv2d)
        return (1, -1, 1, 1) if image else super().shape(delta, name)


class PiSSACodec(LoRACodec, method=PiSSA):
    """Written as a LORA of rank 2r, and so read as a LoRA."""

    def reads(self, config):
        return False

    def rank(self, delta):
        return 2 * delta.r, delta.alpha * (math.sqrt(2) if delta.rslora else 2)

    def state(self, adapter, deltas):
        return {
            f"{PREFIX}{delta.path}.{key}": value.numpy()
            for delta in deltas
            for key, value in zip(self.names(delta, adapter).values(), delta.stacked())
        }


class OffsetCodec(PiSSACodec, method=OffsetLoRA):
    """The same, from any other start."""


class FullCodec(Codec, method=Full, theirs=False):
    """tinyft's own FULL; beside another method PEFT's modules_to_save and biases."""

    def names(self, delta, adapter):
        part = "base_layer." if delta.only and _beside(delta, adapter) else ""
        return {
            name: part + name.removeprefix("copy.").removeprefix("new_")
            for name in delta.slots()
        }


class BitFitCodec(Codec, method=BitFit, theirs=False):
    """tinyft's own BITFIT; beside a LoRA the b of lora_bias."""

    def names(self, delta, adapter):
        return {"b": "lora_B.bias" if _beside(delta, adapter) else "b"}


def _beside(delta, adapter):
    """Does the adapter's own method, another one, sit there too?"""
    return adapter.deltas.get(delta.path) not in (None, delta)
