"""Prices of low-rank methods; the formulas are those of tinyft/peft/methods."""

from tinyft.efficiency.ledger.count import Value
from tinyft.efficiency.ledger.price import Price


class LoRA(Price, kind="LORA"):
    changes, kinds = ("weight",), ("linear", "conv", "embedding")

    def build(self):
        self.A = self.own("A", self.r, self.site.columns)
        self.B = self.own("B", self.site.outputs, self.r)

    def low(self, x, A, B):
        """B A x, by way of the r numbers A x."""
        if self.site.kind == "embedding":
            h = self.ledger.make(x.rows, A.rows, A)
        else:
            h = self.ledger.product(x, A, rows=getattr(self.site, "rows", None))
        return self.ledger.product(h, B)

    def weight(self, W):
        return self.ledger.make(W.rows, W.width, W, self.ledger.compose(self.B, self.A))

    def output(self, x, y):
        return self.ledger.add(y, self.low(x, self.A, self.B))


class DoRA(LoRA, kind="DORA"):
    factored = False

    def build(self):
        super().build()
        self.m = self.own("m", self.site.outputs)

    def weight(self, W):
        V = super().weight(W)
        return self.ledger.times(V, Value(V.rows, 1, wants=True))


class PiSSA(LoRA, kind="PISSA"):
    def build(self):
        super().build()
        self.A0 = self.stored("A0", self.A.rows, self.A.width)
        self.B0 = self.stored("B0", self.B.rows, self.B.width)

    def weight(self, W):
        return self.ledger.add(super().weight(W), self.ledger.compose(self.B0, self.A0))

    def output(self, x, y):
        now = super().output(x, y)
        return self.ledger.make(y.rows, y.width, now, self.low(x, self.A0, self.B0))


class OffsetLoRA(PiSSA, kind="OFFSET"):
    pass


class AdaLoRA(LoRA, kind="ADALORA"):
    kinds = ("linear",)

    def build(self):
        super().build()
        self.A = self.ledger.times(self.own("E", self.r), self.A)


class VeRA(LoRA, kind="VERA"):
    kinds = ("linear",)

    def build(self):
        widest = self.ledger.widest  # (outputs, inputs) over all sites
        self.ledger.buffer(f"{self.label}:A", self.r, widest[1])
        self.ledger.buffer(f"{self.label}:B", widest[0], self.r)
        A = Value(self.r, self.site.columns, held=True)
        B = Value(self.site.outputs, self.r, held=True)
        self.A = self.ledger.times(self.own("lambda_d", self.r), A)
        self.B = self.ledger.times(self.own("lambda_b", self.site.outputs), B)
