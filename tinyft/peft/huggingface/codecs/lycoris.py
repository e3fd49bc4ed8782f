"""Codecs of LoHa and LoKr, with the names of LyCORIS, and of HiRA, which has LoRA's shapes.

    <path>.hada_w1_a (out, r), hada_w1_b (r, in), hada_w2_a, hada_w2_b     B₁, A₁, B₂, A₂
    <path>.lokr_w1, lokr_w2, or of a product lokr_w1_a (l, r), lokr_w1_b (r, m), ...
    <path>.hira_A, hira_B; of an Embedding hira_embedding_A, hira_embedding_B

Which tensors a LoKr has follows from r and the factor, in PEFT as here. A convolution's
core tensors (use_effective_conv2d) and the dropouts are refused by name: peft.load has no
such method, huggingface.read has the formula. PEFT keeps α/r of LoHa as a float32.
"""

import re

from tinyft import nn
from tinyft.nn.select import pattern_value
from tinyft.peft.huggingface.codecs.codec import Codec, refuse_ranks
from tinyft.peft.methods.structured.hira import HiRA
from tinyft.peft.methods.structured.loha import LoHa
from tinyft.peft.methods.structured.lokr import LoKr
from tinyft.peft.options import options_of

PATTERNS = {"r": "rank_pattern", "alpha": "alpha_pattern"}


class LoHaCodec(Codec, method=LoHa):
    """LOHA without use_effective_conv2d."""

    renamed = ()  # (our option, its field) where the names differ

    def known(self):
        theirs = dict(self.renamed)
        own = {theirs.get(name, name) for name in options_of(self.method)}
        return {*own, *PATTERNS.values(), "init_weights"}

    def template(self, config):
        theirs, options = dict(self.renamed), options_of(self.method)
        return self.method(
            **{o: config.get(theirs.get(o, o), value) for o, value in options.items()}
        )

    def site_options(self, template, config, source, path):
        return {
            o: pattern_value(config.get(pattern), source, template.options[o])
            for o, pattern in PATTERNS.items()
        }

    def fields(self, adapter, deltas):
        theirs, options = dict(self.renamed), adapter.template.options
        own = {theirs.get(o, o): value for o, value in options.items()}
        for option, pattern in PATTERNS.items():
            own[pattern] = {
                f"^{re.escape(d.path)}": d.options[option]
                for d in deltas
                if d.options[option] != options[option]
            }
        return own | {"init_weights": True}

    def names(self, delta, adapter):
        return {f"{m}{i}": f"hada_w{i}_{n}" for i in "12" for m, n in ("Ba", "Ab")}


class LoKrCodec(LoHaCodec, method=LoKr):
    """LOKR without use_effective_conv2d."""

    renamed = (("factor", "decompose_factor"),)

    def names(self, delta, adapter):
        return {name: f"lokr_{name}" for name in delta.slots()}


class HiRACodec(Codec, method=HiRA):
    """HIRA without rank_pattern, which PEFT 0.21 writes and does not obey."""

    def known(self):
        return ("r", "init_weights", "fan_in_fan_out")

    def template(self, config):
        return HiRA(config.get("r", 32))

    def fields(self, adapter, deltas):
        refuse_ranks(adapter.template, deltas)
        return {
            "r": adapter.template.r,
            "init_weights": True,
            "fan_in_fan_out": False,
        }

    def names(self, delta, adapter):
        part = "embedding_" if isinstance(delta.site, nn.Embedding) else ""
        return {name: f"hira_{part}{name}" for name in "AB"}
