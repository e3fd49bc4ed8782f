"""Codec of AdaLoRA: <path>.lora_A (r, in), lora_B (out, r), lora_E (r, 1), no ".weight".

All r triplets are written, those that lost their place with λ = 0: PEFT then makes the
same change, s = α/(r + 1e-5), with no rank_pattern. PEFT's fields of the budget describe
a training that is over; total_step must be there for PEFT to read the file.
"""

from tinyft.peft.huggingface.codecs.codec import Codec
from tinyft.peft.methods.adalora import AdaLoRA

FIELDS = """beta1 beta2 bias deltaT fan_in_fan_out init_lora_weights init_r lora_alpha
lora_dropout orth_reg_weight r target_r tfinal tinit total_step"""


class AdaLoRACodec(Codec, method=AdaLoRA):
    """ADALORA without rank_pattern."""

    def known(self):
        return FIELDS.split()

    def template(self, config):
        if config.get("bias", "none") != "none" or config.get("fan_in_fan_out"):
            raise ValueError(
                "peft.load: AdaLoRA is read with bias='none' and fan_in_fan_out=false, "
                f"got {config.get('bias')!r} and {config.get('fan_in_fan_out')!r}"
            )
        keys = ("init_r", 12), ("lora_alpha", 8), ("lora_dropout", 0.0)
        return AdaLoRA(*(config.get(key, default) for key, default in keys))

    def fields(self, adapter, deltas):
        method = adapter.template
        for d in deltas:
            if (d.r, d.alpha) != (method.r, method.alpha):
                raise ValueError(
                    f"peft.save: AdaLoRA at {d.path!r} has r={d.r}, alpha={d.alpha} and "
                    f"the others r={method.r}, alpha={method.alpha}; an AdaLoRA file has "
                    "one of each. Attach it without rank_pattern and alpha_pattern"
                )
        return {
            "init_r": method.r,
            "target_r": method.r,
            "lora_alpha": method.alpha,
            "lora_dropout": method.dropout,
            "total_step": 1,
            "fan_in_fan_out": False,
            "bias": "none",
        }

    def names(self, delta, adapter):
        return {"A": "lora_A", "B": "lora_B", "E": "lora_E"}
