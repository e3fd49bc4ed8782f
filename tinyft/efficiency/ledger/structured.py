"""Prices of changes of other shapes than low rank; formulas as in tinyft/peft/methods.

All but LoKr and MiSS make the changed weight whole at every call, which then has a
gradient as large as itself: the work is that of full fine-tuning, and the weight is kept.
"""

import math

from tinyft.efficiency.ledger.count import Value
from tinyft.efficiency.ledger.price import Price


class LoHa(Price, kind="LOHA"):
    changes, kinds, factored = ("weight",), ("linear", "conv"), False

    def weight(self, W):
        rows, columns = self.site.outputs, self.site.columns
        first, second = (
            self.ledger.compose(
                self.own(f"B{i}", rows, self.r), self.own(f"A{i}", self.r, columns)
            )
            for i in (1, 2)
        )
        return self.ledger.make(W.rows, W.width, W, self.ledger.times(first, second))


class HiRA(Price, kind="HIRA"):
    changes, factored = ("weight",), False
    kinds = ("linear", "conv", "embedding")

    def weight(self, W):
        A = self.own("A", self.r, self.site.columns)
        change = self.ledger.compose(self.own("B", self.site.outputs, self.r), A)
        scaled = self.ledger.times(self.site.held["weight"], change)
        return self.ledger.make(W.rows, W.width, W, scaled)


class LoKr(Price, kind="LOKR"):
    changes, kinds = ("weight",), ("linear", "conv")

    def build(self):
        (l, k), (m, n) = self.split(self.site.outputs), self.split(self.site.inputs)
        whole = not self.decompose_both
        self.W1 = self.half("w1", l, m, whole or self.r >= max(l, m) / 2)
        self.W2 = self.half("w2", k, n * self.site.taps, self.r >= max(k, n) / 2)

    def split(self, size):
        """(m, size/m) by the factor: peft.kronecker.split."""
        if self.factor > 0 and size % self.factor == 0:
            return self.factor, size // self.factor
        top = (
            math.isqrt(size)
            if self.factor == -1
            else min(self.factor, math.isqrt(size))
        )
        m = next((m for m in range(top, 1, -1) if size % m == 0), 1)
        return m, size // m

    def half(self, name, rows, columns, whole):
        if whole:
            return self.own(name, rows, columns)
        A = self.own(f"{name}_a", rows, self.r)
        return self.ledger.compose(A, self.own(f"{name}_b", self.r, columns))

    def weight(self, W):
        return self.ledger.make(W.rows, W.width, W, self.ledger.times(self.W1, self.W2))

    def output(self, x, y):
        """x in m pieces through W₂, then mixed by W₁: W₁ X W₂ᵀ."""
        rows = self.W1.width * getattr(self.site, "rows", x.rows)
        if self.site.kind == "conv":  # cutting channels apart copies an image
            x = self.ledger.make(x.rows, x.width, x)
        inside = self.ledger.product(x, self.W2, rows=rows)
        mixed = self.ledger.mixed(self.W1, inside)
        return self.ledger.make(y.rows, y.width, y, mixed)


class MiSS(Price, kind="MISS"):
    changes = ("weight",)

    def build(self):
        self.D = self.own("D", self.site.outputs, self.r)

    def weight(self, W):
        return self.ledger.make(W.rows, W.width, W, self.D)

    def output(self, x, y):
        """The pieces of x summed, and what is left over, through D."""
        sums = self.ledger.make(x.rows, self.r, x)
        y = self.ledger.make(y.rows, y.width, y, self.ledger.product(sums, self.D))
        rest = x.width % self.r
        if rest:
            part = Value(self.D.rows, rest, wants=True, held=True)
            left = self.ledger.part(x, rest)
            y = self.ledger.make(y.rows, y.width, y, self.ledger.product(left, part))
        return y


class OFT(Price, kind="OFT"):
    changes, factored = ("weight",), False

    def weight(self, W):
        ledger, b = self.ledger, self.block
        many = 1 if self.share else self.site.columns // b
        q = self.own("q", many, b * (b - 1) // 2)
        Q = ledger.make(many * b, b, q)
        R = self.series(Q, many) if self.terms else self.cayley(Q, many)
        flops = 2 * W.size * b  # W in blocks, each times its R
        ledger.forward += flops
        ledger.backward += flops * (R.wants + W.wants)
        return ledger.make(W.rows, W.width, W, R)

    def cayley(self, Q, many):
        plus, minus = (self.ledger.make(Q.rows, Q.width, Q) for _ in range(2))
        return self.ledger.solve(plus, minus, many)

    def series(self, Q, many):
        R = Q
        for _ in range(self.terms - 2):
            inside = self.ledger.make(Q.rows, Q.width, R)
            self.ledger.keep(Q, inside)
            flops = 2 * Q.size * Q.width
            self.ledger.forward += flops
            self.ledger.backward += 2 * flops
            R = self.ledger.make(Q.rows, Q.width, inside)
        return R


class HRA(Price, kind="HRA"):
    changes, factored = ("weight",), False

    def weight(self, W):
        ledger, columns = self.ledger, self.site.columns
        U = self.own("U", columns, self.r)
        unit = ledger.make(columns, self.r, U)  # kept by the product below
        S = ledger.compose(Value(self.r, columns, True, held=True), unit)
        half = ledger.compose(W, unit)
        flat = Value(self.r, columns, wants=True)
        change = ledger.compose(half, ledger.solve(S, flat))
        return ledger.make(W.rows, W.width, W, change)
