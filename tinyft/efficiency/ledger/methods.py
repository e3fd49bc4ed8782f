"""Prices of the other methods; the formulas are those of tinyft/peft/methods."""

from tinyft.efficiency.ledger.count import Value
from tinyft.efficiency.ledger.price import Price
from tinyft.nn.select import matches


class IA3(Price, kind="IA3"):
    changes, kinds = ("weight", "bias"), ("linear", "conv")

    def build(self):
        self.by_input = bool(self.feedforward) and matches(
            self.site.path, self.feedforward
        )
        inputs, outputs = self.site.inputs, self.site.outputs
        self.l = self.own("l", inputs if self.by_input else outputs)
        if self.by_input:
            self.changes, self.factored = ("weight",), False

    def weight(self, W):
        return self.ledger.times(W, self.l)

    def bias(self, b):
        return self.ledger.times(b, self.l)

    def output(self, x, y):
        return self.ledger.times(y, self.l)


class BitFit(Price, kind="BITFIT"):
    changes, kinds = ("bias",), ("linear", "conv", "norm", "batch")

    def build(self):
        self.b = self.own("b", self.site.outputs)

    def bias(self, b):
        return self.ledger.add(b, self.b)

    def output(self, x, y):
        return self.ledger.make(y.rows, y.width, y, self.b)


class NormTuning(Price, kind="NORM"):
    kinds = ("norm", "batch")

    def build(self):
        wanted = {"weight": self.scale, "bias": self.shift}
        self.changes = tuple(n for n in self.site.held if wanted[n])
        still = Value(self.site.outputs, held=True)
        self.affine = {
            n: self.own(n, self.site.outputs) if n in self.changes else still
            for n in self.site.held
        }

    def weight(self, W):
        return self.ledger.add(W, self.affine["weight"])

    def bias(self, b):
        return self.ledger.add(b, self.affine["bias"])

    def output(self, x, y):
        return self.ledger.make(y.rows, y.width, y, self.site.run(x, **self.affine))


class Full(Price, kind="FULL"):
    kinds = ("linear", "conv", "embedding", "norm", "batch")

    def build(self):
        held = self.site.held
        self.changes = tuple(self.only or held)
        self.factored = self.replaces = not self.only
        self.copy = {n: self.own(n, held[n].rows, held[n].width) for n in self.changes}
        if self.site.kind == "batch" and not self.only:
            for name in ("running_mean", "running_var"):
                self.stored(name, self.site.outputs)

    def weight(self, W):
        return self.copy["weight"]

    def bias(self, b):
        return self.copy["bias"]

    def output(self, x, y):
        more = {"batch": self.ledger.copies} if self.site.kind == "batch" else {}
        return self.site.run(x, **self.copy, **more)


class Bottleneck(Price, kind="ADAPTER"):
    kinds = ("", "linear", "conv", "norm", "batch")

    def output(self, x, y):
        h = x if self.parallel else y
        inside = self.dense(h, "down", self.m, rows=y.rows)
        inside = self.ledger.activation(self.activation, inside)
        return self.ledger.make(y.rows, y.width, y, self.dense(inside, "up", y.width))


class Fusion(Price, kind="FUSION"):
    """parts: the options of the Bottlenecks that it mixes, which are frozen."""

    def correction(self, part, x, y):
        """What one of them adds."""
        h = x if part["parallel"] else y
        inside = self.ledger.product(h, Value(part["m"], h.width, held=True))
        inside = self.ledger.activation(part["activation"], inside)
        return self.ledger.product(inside, Value(y.width, part["m"], held=True))

    def output(self, x, y):
        ledger, n = self.ledger, len(self.parts)
        parts = [self.correction(part, x, y) for part in self.parts]
        added = ledger.make(y.rows * n, y.width, *parts)
        q, k = self.dense(y, "query", y.width), self.dense(added, "key", y.width)
        scores = ledger.times(k, q)
        w = ledger.activation("softmax", ledger.make(y.rows, n, scores))
        mixed = ledger.times(added, w)
        mixed = ledger.make(y.rows, y.width, mixed)
        V = self.own("value", y.width, y.width)
        return ledger.make(y.rows, y.width, y, ledger.product(mixed, V))


class Prefix(Price, kind="PREFIX_TUNING"):
    kinds = ("kv",)

    def vectors(self, width):
        """[P_k, P_v] (T, 2 width), from a small network if there is one."""
        if not self.hidden:
            return self.own("P", self.length, 2 * width)
        E = self.shared("E", self.length, width)
        W = self.shared("down.weight", self.hidden, width)
        h = self.ledger.product(E, W, self.shared("down.bias", self.hidden))
        return self.dense(self.ledger.activation("tanh", h), "up", 2 * width)

    def output(self, x, y):
        P, more = self.vectors(x.width), self.ledger.texts * self.length
        return tuple(self.ledger.make(a.rows + more, a.width, a, P) for a in y)


class Prompt(Price, kind="PROMPT_TUNING"):
    kinds = ("embedding",)

    def build(self):
        self.P = self.own("P", self.length, self.site.outputs)

    def vectors(self):
        return self.P

    def output(self, x, y):
        rows = y.rows + self.ledger.texts * self.length
        return self.ledger.make(rows, y.width, y, self.vectors())


class PTuning(Prompt, kind="P_TUNING"):
    def vectors(self):
        x, d = self.P, self.P.width
        h = self.hidden or d
        if self.encoder == "lstm":
            x = self.recurrent(x, h)
        sizes = {"mlp": (h, h, d), "lstm": (2 * h, d), None: ()}[self.encoder]
        for i, width in enumerate(sizes):
            x = self.ledger.activation("relu", x) if i else x
            x = self.dense(x, f"linears.{i}", width)
        return x

    def recurrent(self, x, h):
        """A bidirectional LSTM: eight numbers of each step and unit are kept."""
        for layer in range(self.layers):
            ends = [self.direction(x, f"lstm.{layer}.{end}", h) for end in range(2)]
            x = self.ledger.make(x.rows, 2 * h, *ends)
        return x

    def direction(self, x, name, h):
        gates = self.dense(x, f"{name}.ih", 4 * h)
        state = self.ledger.make(x.rows, h, gates)
        y = self.dense(state, f"{name}.hh", 4 * h)
        self.ledger.keep(Value(x.rows, 7 * h))
        return self.ledger.make(x.rows, h, y)
