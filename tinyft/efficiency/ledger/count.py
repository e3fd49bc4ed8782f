"""A ledger: a forward pass on paper, which counts and computes nothing.

A Value has a size instead of numbers. Each operation of the ledger does what the tape
does, with sizes: it adds its FLOPs and notes what backward will need.

    y = x Wᵀ          forward 2 n i o                       n rows, i inputs, o outputs
    gx = gy W         backward 2 n i o   if x wants one     keeps W
    gW = gyᵀ x        backward 2 n i o   if W wants one     keeps x
    attention         forward 4 n S w    backward 2 n S w for the scores again and for
                      each of gP, gQ, gK, gV;  S keys, w features of all heads

So full training of a stack costs 3 F and, with frozen weights, 2 F: 6N against 4N FLOP a
token. Norms, activations and sums cost no FLOPs here, as in the published tables, but
they do keep arrays, and often the larger part. 2 FLOP are one multiply-add.
Source of the rules: `forward` and `ctx.save` of each operation in tinyft/ops.
"""


class Value:
    """`rows` × `width` numbers; wants: a gradient will flow here; held: not made by the
    pass but by the model, so that keeping it costs nothing more."""

    __slots__ = ("held", "rows", "wants", "width")

    def __init__(self, rows, width=1, wants=False, held=False):
        self.rows, self.width, self.wants, self.held = rows, width, wants, held

    @property
    def size(self):
        return self.rows * self.width


class Part(Value):
    """Some columns of a Value; what keeps them keeps the whole."""

    __slots__ = ("whole",)

    def __init__(self, whole, width):
        super().__init__(whole.rows, width, whole.wants, whole.held)
        self.whole = getattr(whole, "whole", whole)


class Ledger:
    """Counts of one pass; sizes are numbers of entries, not bytes."""

    def __init__(self):
        self.forward = self.backward = 0
        self.kept, self.inside = {}, 0  # id: Value; the largest recomputed inside
        self.parameters, self.buffers = {}, {}

    # --- what the model holds ------------------------------------------------------
    def parameter(self, name, rows, width=1, trains=False):
        """A parameter by its name; the same name is the same parameter."""
        made = Value(rows, width, trains, held=True)
        return self.parameters.setdefault(name, made)

    def buffer(self, name, rows, width=1):
        """What is stored and never trained."""
        return self.buffers.setdefault(name, Value(rows, width, held=True))

    # --- operations ----------------------------------------------------------------
    def make(self, rows, width, *inputs):
        """The result of an operation that keeps nothing: a sum, a join, a slice."""
        return Value(rows, width, any(x.wants for x in inputs if x is not None))

    def keep(self, *values):
        """Note what backward needs; what the model holds is there anyway."""
        whole = [getattr(v, "whole", v) for v in values if v is not None]
        self.kept.update((id(v), v) for v in whole if not v.held)

    def product(self, x, W, bias=None, rows=None):
        """x Wᵀ + b; for a convolution `rows` are the pixels that come out."""
        rows = x.rows if rows is None else rows
        flops = 2 * rows * W.width * W.rows
        self.forward += flops
        self.backward += flops * (x.wants + W.wants)
        self.keep(x if W.wants else None, W if x.wants else None)
        return self.make(rows, W.rows, x, W, bias)

    def compose(self, B, A):
        """The matrix B A."""
        flops = 2 * B.rows * B.width * A.width
        self.forward += flops
        self.backward += flops * (A.wants + B.wants)
        self.keep(A if B.wants else None, B if A.wants else None)
        return self.make(B.rows, A.width, A, B)

    def mixed(self, W, x):
        """W times x, of which W.width rows make a column."""
        flops = 2 * x.size * W.rows
        self.forward += flops
        self.backward += flops * (x.wants + W.wants)
        self.keep(x if W.wants else None, W if x.wants else None)
        return self.make(x.rows // W.width * W.rows, x.width, x, W)

    def part(self, x, width):
        """Some columns of x: a view, so that keeping it keeps x."""
        return Part(x, width)

    def solve(self, A, b, many=1):
        """A⁻¹ b, `many` times: A (n, n) and b (n, m) by an LU factorisation."""
        n, columns = b.rows // many, b.width
        flops = many * (2 * n**3 // 3 + 2 * n * n * columns)
        self.forward += flops
        y = self.make(b.rows, columns, A, b)
        if y.wants:
            self.backward += flops + 2 * b.size * n * A.wants
            self.keep(A, y)
        return y

    def times(self, x, y):
        """x ∘ y; the smaller is broadcast."""
        self.keep(x if y.wants else None, y if x.wants else None)
        large = max(x, y, key=lambda v: v.size)
        return self.make(large.rows, large.width, x, y)

    def add(self, x, y):
        return self.make(x.rows, x.width, x, y)

    def activation(self, name, x):
        """f(x): GELU keeps its slope, ReLU and tanh their result, SiLU its argument."""
        y = self.make(x.rows, x.width, x)
        if x.wants and name != "none":
            slope = Value(x.rows, x.width)
            kept = {"gelu": slope, "gelu_tanh": slope, "silu": x}
            self.keep(kept.get(name, y))
        return y

    def norm(self, x, *parameters):
        """Layer or RMS norm: x̂ and one number per row."""
        y = self.make(x.rows, x.width, x, *parameters)
        if y.wants:
            self.keep(Value(x.rows, x.width), Value(x.rows))
        return y

    def batch_norm(self, x, weight, bias, batch):
        """Keeps x where the statistics are the batch's, or γ trains."""
        if weight.wants or (batch and x.wants):
            self.keep(x)
        return self.make(x.rows, x.width, x, weight, bias)

    def attention(self, q, k, v, texts, heads):
        """softmax(q kᵀ) v of all heads; the scores are never kept, one sum a row is."""
        product = 2 * q.rows * (k.rows // texts) * q.width
        self.forward += 2 * product
        wanted = sum(x.wants for x in (q, k, v))
        if wanted:
            self.backward += product * (2 + wanted)
            self.keep(q, k, v, Value(q.rows, heads))
        return self.make(q.rows, q.width, q, k, v)

    def cross_entropy(self, logits):
        """Keeps softmax − target, as large as the logits."""
        if logits.wants:
            self.keep(Value(logits.rows, logits.width))

    # --- sections ------------------------------------------------------------------
    def unused(self, body):
        """body() whose result nothing reads: its forward FLOPs alone."""
        kept, backward = dict(self.kept), self.backward
        body()
        self.kept, self.backward = kept, backward

    def recomputed(self, x, body):
        """body(x), with only x kept; its inside is computed again in backward."""
        outer, forward, self.kept = self.kept, self.forward, {}
        y = body(x)
        inner, self.kept = self.kept, outer
        if not y.wants:
            return y
        self.backward += self.forward - forward
        self.keep(x)
        new = sum(v.size for key, v in inner.items() if key not in self.kept)
        self.inside = max(self.inside, new)
        return y

    # --- totals --------------------------------------------------------------------
    @property
    def activations(self):
        """Numbers alive at the start of backward, or while one inside is recomputed."""
        return sum(v.size for v in self.kept.values()) + self.inside

    @property
    def total(self):
        """Parameters, those that train and those that do not."""
        return sum(p.size for p in self.parameters.values())

    @property
    def trainable(self):
        return sum(p.size for p in self.parameters.values() if p.wants)
