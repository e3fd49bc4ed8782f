"""LSTM (Hochreiter, Schmidhuber 1997; Gers et al. 2000), with PyTorch's names.

i, f, o = sigmoid(x Wᵢᵀ + bᵢ + h Wₕᵀ + bₕ),  g = tanh(...)      rows stacked i, f, g, o
c' = f c + i g,   h' = o tanh(c')
"""

import math

from tinyft import ops
from tinyft.autograd.tensor import Tensor
from tinyft.nn import init
from tinyft.nn.module import Module
from tinyft.nn.shape import positive, zeros


class LSTM(Module):
    """Run an LSTM over a sequence.

    x (T, B, in), or (B, T, in) with `batch_first`. Returns (y, (h, c)): y (T, B,
    D·hidden) the top layer's h at each step, h and c (layers·D, B, hidden) the last
    ones, where D is 2 if `bidirectional`, else 1. lengths: the steps of each text, B
    integers; the rest is padding, as in a packed sequence of PyTorch: y is 0 there, and h
    and c are those of each text's own last step. Parameters as in PyTorch:
    weight_ih_l0 (4·hidden, in), weight_hh_l0 (4·hidden, hidden), bias_ih_l0,
    bias_hh_l0, ..., `_reverse` for the second direction; initialised
    U(±1/sqrt(hidden)).
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        bidirectional=False,
        batch_first=False,
        rng=None,
        dtype=None,
    ):
        positive(
            "LSTM", input_size=input_size, hidden_size=hidden_size, layers=num_layers
        )
        self.input_size, self.hidden_size, self.num_layers = (
            input_size,
            hidden_size,
            num_layers,
        )
        self.bidirectional, self.batch_first = bidirectional, batch_first
        self.ends = ("", "_reverse") if bidirectional else ("",)
        rng, bound = init.generator(rng), 1 / math.sqrt(hidden_size)
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * len(self.ends)
            for end in self.ends:
                for name, columns in (("weight_ih", width), ("weight_hh", hidden_size)):
                    self._add(
                        f"{name}_l{layer}{end}", (4 * hidden_size, columns), dtype
                    )
                for name in ("bias_ih", "bias_hh"):
                    self._add(f"{name}_l{layer}{end}", (4 * hidden_size,), dtype)
        for p in self.parameters():
            init.uniform_(p, -bound, bound, rng)

    def _add(self, name, shape, dtype):
        setattr(self, name, zeros(shape, dtype))

    def forward(self, x, state=None, lengths=None):
        if self.batch_first and x.ndim == 3:
            x = ops.swapaxes(x, 0, 1)
        self._check(x, state)
        last_h, last_c = [], []
        for layer in range(self.num_layers):
            outputs = []
            for d, end in enumerate(self.ends):
                at = layer * len(self.ends) + d
                start = (None, None) if state is None else (state[0][at], state[1][at])
                weights = self._weights(f"_l{layer}{end}")
                y, h, c = ops.lstm(x, *weights, *start, lengths, reverse=bool(d))
                outputs.append(y)
                last_h.append(h)
                last_c.append(c)
            x = outputs[0] if len(outputs) == 1 else ops.concatenate(outputs, axis=-1)
        y = ops.swapaxes(x, 0, 1) if self.batch_first else x
        return y, (ops.stack(last_h, axis=0), ops.stack(last_c, axis=0))

    def _weights(self, suffix):
        """The four parameters of one layer in one direction."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, name + suffix) for name in names]

    def _check(self, x, state):
        if x.ndim != 3 or x.shape[2] != self.input_size or not len(x):
            order = "(B, T, in)" if self.batch_first else "(T, B, in)"
            raise ValueError(
                f"LSTM: x has shape {x.shape} (steps first); expected {order} with "
                f"in = {self.input_size} and at least one step"
            )
        if isinstance(state, Tensor) or (state is not None and len(state) != 2):
            raise ValueError(
                f"LSTM: the state is a pair (h, c) of Tensors, got {type(state).__name__}"
            )
        want = (self.num_layers * len(self.ends), x.shape[1], self.hidden_size)
        for a in state or ():
            if a.shape != want:
                raise ValueError(
                    f"LSTM: h and c of the state must have shape {want}, (layers x "
                    f"directions, B, hidden), got {a.shape}"
                )

    def extra_repr(self):
        ends = "bidirectional" if self.bidirectional else "one direction"
        return f"{self.num_layers} layer(s), {ends}"
