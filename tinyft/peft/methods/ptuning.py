"""P-tuning: a prompt that an encoder makes of trained embeddings E (Liu et al. 2021).

    P = W₃ relu(W₂ relu(W₁ E + b₁) + b₂) + b₃          MLP
    P = W₂ relu(W₁ BiLSTM(E) + b₁) + b₂                LSTM

The functions that a prompt has, trained another way; a file holds P, the encoder's result.
Layouts as Hugging Face PEFT's.
"""

import itertools

from tinyft import nn, ops
from tinyft.nn.shape import choice, positive
from tinyft.peft.methods.prompt import Prompt


class PTuning(Prompt, kind="P_TUNING"):
    """A prompt that an encoder makes of trained embeddings E: "mlp", "lstm", or None.

    hidden: the encoder's width (default: the embedding's); layers: of the LSTM. Without
    an encoder E itself is the prompt: that is what a file gives.
    """

    formula = "x' = [encoder(E); E[ids]]"
    counts = "T d + the encoder"
    words = None

    def __init__(self, length=5, encoder="mlp", hidden=None, layers=2):
        positive("PTuning", length=length, hidden=hidden or 1, layers=layers)
        choice("PTuning", ("mlp", "lstm", None), encoder=encoder)

    def build(self, module, rng):
        super().build(module, rng)
        (_, d), dtype, h = self.P.shape, self.P.dtype, self.hidden or self.P.shape[1]
        if self.encoder == "lstm":
            self.lstm = nn.LSTM(d, h, self.layers, True, True, rng=rng, dtype=dtype)
        sizes = {"mlp": (d, h, h, d), "lstm": (2 * h, 2 * h, d), None: ()}
        self.linears = nn.ModuleList(
            nn.Linear(i, o, rng=rng, dtype=dtype)
            for i, o in itertools.pairwise(sizes[self.encoder])
        )

    def vectors(self):
        x = self.P
        if self.encoder == "lstm":
            x = self.lstm(ops.expand_dims(x, 0))[0][0]
        for i, linear in enumerate(self.linears):
            x = linear(ops.relu(x) if i else x)
        return x
