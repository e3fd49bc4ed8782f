"""Codec of MiSS: <path>.miss_block (r, out). Its variants "bat" and "mini" are refused."""

from tinyft.peft.huggingface.codecs.codec import Codec, refuse_ranks
from tinyft.peft.methods.structured.miss import MiSS

FIELDS = "bias init_weights mini_r miss_dropout r"


class MiSSCodec(Codec, method=MiSS):
    """MISS, the balanced form (init_weights true)."""

    def known(self):
        return FIELDS.split()

    def template(self, config):
        variant, bias = config.get("init_weights", True), config.get("bias", "none")
        if isinstance(variant, str) or bias != "none":
            raise ValueError(
                f"peft.load: MiSS is read with init_weights=true and bias='none', got "
                f"{variant!r} and {bias!r}; 'bat' and 'mini' are other functions"
            )
        return MiSS(config.get("r", 64), config.get("miss_dropout", 0.0))

    def fields(self, adapter, deltas):
        method = adapter.template
        refuse_ranks(method, deltas)
        return {
            "r": method.r,
            "miss_dropout": method.dropout,
            "init_weights": True,
            "bias": "none",
        }

    def names(self, delta, adapter):
        return {"D": "miss_block"}
