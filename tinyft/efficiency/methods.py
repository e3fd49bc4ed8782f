"""What each method costs at one site: its own lines, on a ledger.

A Price mirrors the method's class in tinyft/peft: `weight(W)`, `bias(b)` and
`output(x, y)` are the same formulas on Values, which have sizes and no numbers. So its
FLOPs, parameters and kept activations follow, and a new method needs the lines of its
formula and nothing else. tests/efficiency/test_registry.py holds every one to what the
tape does, and fails for a registered method without a price.
"""

from tinyft.efficiency.ledger import Value
from tinyft.nn.select import matches

prices = {}  # kind, as in peft.registry -> class


class Price:
    """Base class: `changes` and `factored` as in peft.Delta.

    ledger: the Pass; site: where it sits; options: the method's, a dict; label: the
    adapter's name. replaces: the base's own result is not used.
    """

    changes, factored, replaces = (), True, False
    kinds = ("linear",)  # of the sites where a plan may put it

    def __init_subclass__(cls, kind=None, **rest):
        super().__init_subclass__(**rest)
        if kind is not None:
            prices[kind] = cls

    def __init__(self, ledger, site, options, label="default"):
        self.ledger, self.site, self.label = ledger, site, label
        self.__dict__.update(options)
        self.build()

    def build(self):
        """Name the parameters."""

    def own(self, name, rows, width=1):
        """A trained parameter of this site."""
        name = f"{self.label}:{self.site.path}.{name}"
        return self.ledger.parameter(name, rows, width, trains=True)

    def shared(self, name, rows, width=1):
        """A trained parameter of all sites."""
        return self.ledger.parameter(f"{self.label}:{name}", rows, width, trains=True)

    def stored(self, name, rows, width=1):
        """A buffer of this site."""
        return self.ledger.buffer(f"{self.label}:{self.site.path}.{name}", rows, width)

    def dense(self, x, name, outputs, rows=None):
        """A trained linear layer with a bias."""
        W = self.own(f"{name}.weight", outputs, x.width)
        return self.ledger.product(x, W, self.own(f"{name}.bias", outputs), rows)


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

    def frozen(self, part, x, y):
        """What one of them adds."""
        h = x if part["parallel"] else y
        inside = self.ledger.product(h, Value(part["m"], h.width, held=True))
        inside = self.ledger.activation(part["activation"], inside)
        return self.ledger.product(inside, Value(y.width, part["m"], held=True))

    def output(self, x, y):
        ledger, n = self.ledger, len(self.parts)
        parts = [self.frozen(part, x, y) for part in self.parts]
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
