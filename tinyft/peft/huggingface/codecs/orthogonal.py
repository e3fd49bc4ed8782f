"""Codecs of OFT and HRA.

    <path>.oft_R.weight   (blocks, b (b−1)/2): Q above its diagonals; (1, ...) with share
    <path>.hra_u          (in, r): the vectors of the reflections

PEFT turns the inputs too, y = W Rᵀ x. Its truncated series (use_cayley_neumann, the
default) is one of (I + Q)(I − Q)⁻¹, the transpose of what the same numbers mean without
it; here both mean the same R, so the numbers of such a file change their sign.
"""

import re

from tinyft.peft.huggingface.codecs.codec import Codec
from tinyft.peft.methods.orthogonal.hra import HRA
from tinyft.peft.methods.orthogonal.oft import OFT

NEUMANN = "0.18.0"  # the PEFT that gave its truncated series today's formula
FIELDS = """bias block_share coft eps fan_in_fan_out init_weights module_dropout
num_cayley_neumann_terms oft_block_size r use_cayley_neumann"""


class OFTCodec(Codec, method=OFT):
    """OFT by block size, exact or truncated, without coft."""

    def known(self):
        return FIELDS.split()  # module_dropout: PEFT's layers never use it

    def template(self, config):
        block, terms = config.get("oft_block_size"), None
        if config.get("r") or not block:
            refuse(
                f"r = {config.get('r')!r} blocks; it is read with r = 0 and their "
                "size, oft_block_size"
            )
        if config.get("coft"):
            refuse("coft=true, which cuts Q back to a norm at every call")
        _refuse_bias(config)
        if config.get("use_cayley_neumann", True):
            terms = _terms(config)
        return OFT(block, config.get("block_share", False), terms)

    def inputs(self, config, array):
        """How many inputs a site has, by its tensor; None if that is not known."""
        method = self.template(config)
        _refuse_width(array, method.block * (method.block - 1) // 2)
        return None if method.share else len(array) * method.block

    def fields(self, adapter, deltas):
        method = adapter.template
        truncated = method.terms is not None
        return {
            "r": 0,
            "oft_block_size": method.block,
            "block_share": method.share,
            "use_cayley_neumann": truncated,
            "num_cayley_neumann_terms": method.terms or 5,
            "coft": False,
            "fan_in_fan_out": False,
            "bias": "none",
        } | ({"peft_version": NEUMANN} if truncated else {})

    def names(self, delta, adapter):
        return {"q": "oft_R.weight"}

    def state(self, adapter, deltas):
        state = super().state(adapter, deltas)
        signs = [1 if d.terms is None else -1 for d in deltas]
        return {key: sign * q for sign, (key, q) in zip(signs, state.items())}

    def fill(self, adapter, deltas, state):
        super().fill(adapter, deltas, state)
        for delta in deltas:
            if delta.terms is not None:
                delta.q.data = -delta.q.data


class HRACodec(Codec, method=HRA):
    """HRA without Gram-Schmidt."""

    def known(self):
        return ["apply_GS", "bias", "init_weights", "r"]

    def template(self, config):
        if config.get("apply_GS"):
            refuse("apply_GS=true, which makes the vectors orthogonal at every call")
        _refuse_bias(config)
        return HRA(config.get("r", 8))

    def inputs(self, config, array):
        """How many inputs a site has, by its tensor."""
        _refuse_width(array, self.template(config).r)
        return len(array)

    def fields(self, adapter, deltas):
        ranks = {d.r for d in deltas}
        if len(ranks) > 1:
            raise ValueError(
                f"peft.save: an HRA file has one r for all sites, and these have "
                f"{', '.join(map(str, sorted(ranks)))}; attach it without rank_pattern"
            )
        return {"r": ranks.pop(), "apply_GS": False, "bias": "none"}

    def names(self, delta, adapter):
        return {"U": "hra_u"}


def refuse(what):
    """Raise ValueError for a field of these methods that is not read."""
    raise ValueError(f"peft.load: the file has {what}; that is not read")


def _refuse_width(array, columns):
    if array.ndim != 2 or array.shape[1] != columns:
        refuse(f"a tensor {array.shape} where its config needs {columns} columns")


def _refuse_bias(config):
    if config.get("bias", "none") != "none":
        refuse(f"trained biases, bias={config['bias']!r}")


def _terms(config):
    """The terms that PEFT sums for a num_cayley_neumann_terms: for 3 it sums 4."""
    version = re.match(r"(\d+)\.(\d+)", str(config.get("peft_version")))
    if version is None or tuple(map(int, version.groups())) < (0, 18):
        refuse(
            "use_cayley_neumann=true by PEFT before 0.18, whose series was another one"
        )
    terms = config.get("num_cayley_neumann_terms", 5) or 0
    if terms < 3:
        refuse(
            f"num_cayley_neumann_terms={terms}, where PEFT sums no series of a rotation"
        )
    return max(terms, 4)
