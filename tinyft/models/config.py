"""The sizes and choices of a Transformer, and the published shapes."""

import math
from dataclasses import asdict, dataclass

from tinyft.nn.shape import choice, positive

POSITIONS = ("learned", "rotary", "none", "roberta", "sinusoidal", "alibi")
ACTIVATIONS = ("gelu", "gelu_tanh", "relu", "swiglu")
HEADS = ("lm", "mlm", "cls", "none")


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes and choices of a Transformer; GPT2, BERT and LLAMA below are presets."""

    vocab: int
    dim: int
    layers: int
    heads: int
    kv_heads: int | None = None  # fewer than heads: grouped queries
    hidden: int | None = None  # of the mlp; None: 4 dim
    length: int = 1024  # longest input, where positions are learned
    norm: str = "layer"  # "layer" or "rms"
    pre_norm: bool = True
    positions: str = (
        "learned"  # or another of POSITIONS; "roberta" counts ids that are not pad
    )
    rotary_base: float = 10000.0
    activation: str = "gelu_tanh"  # "gelu", "gelu_tanh", "relu" or "swiglu"
    causal: bool = True
    tied: bool = True  # the head is the embedding, transposed
    bias: bool = True
    head: str = "lm"  # "lm", "mlm" (BERT's transform, then lm), "cls", "none"
    types: int = 0  # token types (BERT: 2)
    pooler: bool | str = (
        False  # BERT's tanh layer on the first token; "relu": DistilBERT
    )
    eps: float = 1e-5
    dropout: float = 0.0
    head_dim: int | None = None  # width of one attention head; None: dim / heads
    attn_bias: bool | str | None = None  # None: as bias; "qkv": not in the last matrix
    qk_norm: bool = False  # RMSNorm on each head's queries and keys (Qwen3)
    rope_scaling: tuple | None = None  # ("llama3", ...): see nn.Rotary
    rotary_part: int | None = (
        None  # channels of a head that turn; None: all (GLM: half)
    )
    rotary_pairs: str = "halves"  # or "neighbours" (GLM): see nn.Rotary
    window: int | None = None  # a token sees itself and window - 1 before (Mistral)
    classes: int = 0  # of head="cls"
    pad: int | None = None  # id of the padding token, where the model must know it

    def __post_init__(self):
        name = "TransformerConfig"
        choice(name, ("layer", "rms"), norm=self.norm)
        choice(name, POSITIONS, positions=self.positions)
        choice(name, ACTIVATIONS, activation=self.activation)
        choice(name, HEADS, head=self.head)
        choice(name, (False, True, "relu"), pooler=self.pooler)
        choice(name, (None, False, True, "qkv"), attn_bias=self.attn_bias)
        choice(name, ("halves", "neighbours"), rotary_pairs=self.rotary_pairs)
        positive(name, layers=self.layers, length=self.length)
        if self.head == "cls":
            positive(name, classes=self.classes)
        for field in ("window", "hidden", "head_dim", "rotary_part"):
            if getattr(self, field) is not None:
                positive(name, **{field: getattr(self, field)})
        self._check_numbers()
        self._check_needs()

    def _check_numbers(self):
        if not 0 <= self.eps < math.inf:  # false for NaN too
            raise ValueError(
                f"TransformerConfig: eps must be finite and not negative, got {self.eps}"
            )
        if not 0 < self.rotary_base < math.inf:
            raise ValueError(
                "TransformerConfig: rotary_base must be positive and finite, got "
                f"{self.rotary_base}"
            )

    def _check_needs(self):
        """Raise ValueError for choices that contradict each other."""
        if self.positions == "roberta" and self.pad is None:
            raise ValueError(
                'TransformerConfig: positions="roberta" counts the ids that are not '
                "padding; say which id is, pad=1"
            )
        if self.positions == "sinusoidal" and self.dim % 2:
            raise ValueError(
                f'TransformerConfig: positions="sinusoidal" needs an even dim, got '
                f"{self.dim}: one sine and one cosine per rate"
            )
        if self.window is not None and not self.causal:
            raise ValueError(
                f"TransformerConfig: window={self.window} needs causal=True; the window "
                "of an encoder looks both ways, which is not computed"
            )
        if self.head == "cls" and not self.causal and not self.pooler:
            raise ValueError(
                'TransformerConfig: head="cls" of an encoder reads the pooled first '
                "token; set pooler=True"
            )

    @property
    def head_width(self):
        """Width of one attention head."""
        return self.head_dim or self.dim // self.heads

    @property
    def attention_bias(self):
        """What MultiHeadAttention takes as `bias`."""
        return self.bias if self.attn_bias is None else self.attn_bias

    def to_dict(self):
        """As a plain dict, for checkpoint headers."""
        return asdict(self)


GPT2 = TransformerConfig(vocab=50257, dim=768, layers=12, heads=12)
BERT = TransformerConfig(
    vocab=30522,
    dim=768,
    layers=12,
    heads=12,
    length=512,
    pre_norm=False,
    activation="gelu",
    causal=False,
    head="none",
    types=2,
    pooler=True,
    eps=1e-12,
)
LLAMA = TransformerConfig(
    vocab=32000,
    dim=4096,
    layers=32,
    heads=32,
    hidden=11008,
    length=2048,
    norm="rms",
    positions="rotary",
    activation="swiglu",
    tied=False,
    bias=False,
    eps=1e-6,
)
TINY = {"vocab": 256, "dim": 64, "layers": 2, "heads": 4, "length": 128}
