"""The sizes and choices of a Transformer, and the published shapes."""

from dataclasses import asdict, dataclass

from tinyft.nn.shape import choice

POSITIONS = ("learned", "rotary", "none")
ACTIVATIONS = ("gelu", "gelu_tanh", "relu", "swiglu")


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes and choices of a Transformer; GPT2, BERT and LLAMA below are presets."""

    vocab: int
    dim: int
    layers: int
    heads: int
    kv_heads: int | None = None  # fewer than heads: grouped queries
    hidden: int | None = None  # of the mlp; None: 4 dim
    length: int = 1024  # longest input (learned positions)
    norm: str = "layer"  # "layer" or "rms"
    pre_norm: bool = True
    positions: str = "learned"  # "learned", "rotary" or "none"
    rotary_base: float = 10000.0
    activation: str = "gelu_tanh"  # "gelu", "gelu_tanh", "relu" or "swiglu"
    causal: bool = True
    tied: bool = True  # the head is the embedding, transposed
    bias: bool = True
    head: str = "lm"  # "lm", "mlm" (BERT's transform, then lm), "none"
    types: int = 0  # token types (BERT: 2)
    pooler: bool = False  # BERT's tanh layer on the first token
    eps: float = 1e-5
    dropout: float = 0.0

    def __post_init__(self):
        choice("TransformerConfig", ("layer", "rms"), norm=self.norm)
        choice("TransformerConfig", POSITIONS, positions=self.positions)
        choice("TransformerConfig", ACTIVATIONS, activation=self.activation)
        choice("TransformerConfig", ("lm", "mlm", "none"), head=self.head)

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
