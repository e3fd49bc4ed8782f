"""P-tuning: a prompt that an encoder makes of trained embeddings E (Liu et al. 2021).

    P = W₃ relu(W₂ relu(W₁ E + b₁) + b₂) + b₃          MLP
    P = W₂ relu(W₁ BiLSTM(E) + b₁) + b₂                LSTM

The functions that a prompt has, trained another way; a file holds P, the encoder's result.
Layouts as Hugging Face PEFT's.
"""

import itertools

from tinyft import nn, ops
from tinyft.nn.shape import choice, positive
from tinyft.peft.delta import Delta
from tinyft.peft.methods.prompt import Prompt


class PTuning(Prompt, kind="P_TUNING"):
    """A prompt that an encoder makes of trained embeddings E: "mlp", or "lstm".

    hidden: the encoder's width (default: the embedding's); layers: of the LSTM.
    `stored` marks a prompt whose encoder was folded into a file.
    """

    formula = "x' = [encoder(E); E[ids]]"
    counts = "T d + the encoder"

    def __init__(self, length=5, encoder="mlp", hidden=None, layers=2, stored=False):
        positive("PTuning", length=length, hidden=hidden or 1, layers=layers)
        choice("PTuning", ("mlp", "lstm"), encoder=encoder)
        options = {
            "encoder": encoder,
            "hidden": hidden,
            "layers": layers,
            "stored": stored,
        }
        Delta.__init__(self, length=length, **options)

    words = None

    def build(self, module, rng):
        super().build(module, rng)
        if self.stored:
            return
        (_, d), dtype, h = self.P.shape, self.P.dtype, self.hidden or self.P.shape[1]
        if self.encoder == "lstm":
            self.lstm = nn.LSTM(d, h, self.layers, True, True, rng=rng, dtype=dtype)
        sizes = (d, h, h, d) if self.encoder == "mlp" else (2 * h, 2 * h, d)
        self.linears = nn.ModuleList(
            nn.Linear(i, o, rng=rng, dtype=dtype) for i, o in itertools.pairwise(sizes)
        )

    def vectors(self):
        if self.stored:
            return self.P
        x = self.P
        if self.encoder == "lstm":
            x = self.lstm(ops.expand_dims(x, 0))[0][0]
        for i, linear in enumerate(self.linears):
            x = linear(ops.relu(x) if i else x)
        return x

    def to_config(self, deltas):
        config = super().to_config(deltas)
        del config["prompt_tuning_init"]
        return config | {
            "encoder_reparameterization_type": self.encoder.upper(),
            "encoder_hidden_size": self.hidden or config["token_dim"],
            "encoder_num_layers": self.layers,
        }

    @classmethod
    def from_config(cls, config):
        encoder = config.get("encoder_reparameterization_type", "MLP").lower()
        hidden, layers = (
            config.get("encoder_hidden_size"),
            config.get("encoder_num_layers", 2),
        )
        return cls(config["num_virtual_tokens"], encoder, hidden, layers, stored=True)
