"""OffsetLoRA: W' = W + s (B A − B₀ A₀), from any start (A₀, B₀), set by `start_from`.

Papers that start at B ≠ 0 write W − s B₀A₀ into the base, which is then another model;
here the base stays as it is, and off is the base bit for bit (as in PiSSA).
"""

from tinyft.nn.module import Buffer
from tinyft.peft.methods.lora import LoRA
from tinyft.peft.methods.pissa import PiSSA


class OffsetLoRA(PiSSA, kind="OFFSET"):
    """W' = W + s (B A − B₀ A₀), A = A₀ and B = B₀ at the start.

    Until `peft.start_from(adapter, "eva" | "corda" | "lora_ga", batches)` sets another
    start it is LoRA's. Its file is a LoRA of twice the rank on the original base.
    """

    def start(self, module, rng):
        LoRA.start(self, module, rng)
        self.A0, self.B0 = (Buffer(p.data, dtype=p.dtype) for p in (self.A, self.B))

    def restart(self, A, B):
        """Start at these matrices (r, in) and (out, r)."""
        for name, value in (("A", A), ("B", B)):
            for slot in (self.slots()[name], self.slots()[name + "0"]):
                slot.data = value.reshape(slot.shape).astype(slot.dtype)
