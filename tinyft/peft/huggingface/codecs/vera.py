"""Codec of VeRA: <path>.vera_lambda_b, vera_lambda_d, and the two matrices that all sites
share, base_model.vera_A and base_model.vera_B, above the model."""

from tinyft.peft.huggingface.codecs.codec import PREFIX, Codec
from tinyft.peft.methods.vera import VeRA

SHARED = PREFIX.removesuffix("model.") + "vera_"
FIELDS = """bias d_initial fan_in_fan_out init_weights projection_prng_key r
save_projection vera_dropout"""


class VeRACodec(Codec, method=VeRA):
    """VERA with its matrices in the file (save_projection)."""

    def known(self):
        return FIELDS.split()

    def template(self, config):
        plain = config.get("bias", "none") == "none"
        if not config.get("save_projection", True) or not plain:
            raise ValueError(
                "peft.load: a VeRA file needs save_projection=true (its A and B come from "
                "PyTorch's generator otherwise) and bias='none'"
            )
        return VeRA(
            config.get("r", 256),
            config.get("d_initial", 0.1),
            config.get("vera_dropout", 0.0),
            config.get("projection_prng_key", 0),
        )

    def fields(self, adapter, deltas):
        method = adapter.template
        return {
            "r": method.r,
            "d_initial": method.d_initial,
            "vera_dropout": method.dropout,
            "projection_prng_key": method.seed,
            "save_projection": True,
            "fan_in_fan_out": False,
            "bias": "none",
        }

    def names(self, delta, adapter):
        return {"lambda_b": "vera_lambda_b", "lambda_d": "vera_lambda_d"}

    def state(self, adapter, deltas):
        shared = {SHARED + name: deltas[0].slots()[name].numpy() for name in "AB"}
        return super().state(adapter, deltas) | shared

    def fill(self, adapter, deltas, state):
        super().fill(adapter, deltas, state)
        for name in "AB":
            slot = deltas[0].slots()[name]
            slot.data = state[SHARED + name].astype(slot.dtype)
            deltas[0].to(deltas[0].lambda_b.device)
