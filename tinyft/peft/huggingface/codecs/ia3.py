"""Codec of IA3: <path>.ia3_l, (out, 1), or (1, in) at the feed-forward sites; images have
one more axis on each side. The config lists those sites."""

import re

from tinyft.peft.huggingface.codecs.codec import Codec
from tinyft.peft.methods.ia3 import IA3


class IA3Codec(Codec, method=IA3):
    """IA3."""

    def known(self):
        return ["fan_in_fan_out", "feedforward_modules", "init_ia3_weights"]

    def template(self, config):
        return IA3()  # which side each site is on: site_options, by PEFT's rule

    def site_options(self, template, config, source, path):
        return {"feedforward": (path,) if is_feedforward(config, source) else ()}

    def fields(self, adapter, deltas):
        named = [d.path for d in deltas if d.by_input]
        others = [d.path for d in deltas if not d.by_input]
        if any(path.endswith(tuple(named)) for path in others):  # PEFT takes endings
            named = "|".join(map(re.escape, named))
        return {"feedforward_modules": named, "fan_in_fan_out": False}

    def names(self, delta, adapter):
        return {"l": "ia3_l"}

    def shape(self, delta, name):
        axes = len(delta.site.weight_spec("weight")[0])
        if axes == 4:
            return (1, -1, 1, 1)
        return (1, -1) if delta.by_input else (-1, 1)


def is_feedforward(config, path):
    """PEFT's rule for feedforward_modules: a string as a whole, the names of a list as any
    ending ('fc' is one of 'myfc')."""
    named = config.get("feedforward_modules") or ()
    if isinstance(named, str):
        return re.fullmatch(named, path) is not None
    return path.endswith(tuple(named))
