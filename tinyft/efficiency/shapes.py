"""The shapes of published models, by name: enough to count what they take.

    tinyft plan --model llama-7b ...        shape("llama-7b")

Sources: the config.json of each checkpoint (Llama 1 and 2: Touvron et al. 2023; Qwen, Qwen2
and Qwen2.5; ChatGLM-6B and 2; GPT-2; BERT) and He et al. 2016 for ResNets. Their parameter
counts are the published ones to the last digit: tests/efficiency/test_shapes.py.
"""

from dataclasses import replace

from tinyft.models import BERT, GPT2, LLAMA, ResNetConfig

_IMAGENET = ResNetConfig((2, 2, 2, 2), (64, 128, 256, 512), 1000, 3, "imagenet")
_QWEN = replace(LLAMA, attn_bias="qkv", vocab=152064)
_QWEN2 = replace(
    _QWEN, dim=3584, layers=28, heads=28, kv_heads=4, hidden=18944, length=131072
)

SHAPES = {
    "llama-7b": LLAMA,
    "llama-13b": replace(LLAMA, dim=5120, layers=40, heads=40, hidden=13824),
    "llama-33b": replace(LLAMA, dim=6656, layers=60, heads=52, hidden=17920),
    "llama-65b": replace(LLAMA, dim=8192, layers=80, heads=64, hidden=22016),
    "llama-70b": replace(
        LLAMA, dim=8192, layers=80, heads=64, kv_heads=8, hidden=28672, length=4096
    ),
    "llama-3.2-3b": replace(
        LLAMA,
        vocab=128256,
        dim=3072,
        layers=28,
        heads=24,
        kv_heads=8,
        hidden=8192,
        length=131072,
        tied=True,
    ),
    "qwen-7b": replace(_QWEN, vocab=151936, length=8192),
    "qwen2-7b": _QWEN2,
    "qwen2.5-7b": _QWEN2,
    "chatglm-6b": replace(
        LLAMA,
        vocab=130528,
        layers=28,
        hidden=16384,
        norm="layer",
        activation="gelu_tanh",
        bias=True,
        tied=True,
    ),
    "chatglm2-6b": replace(
        LLAMA, vocab=65024, layers=28, kv_heads=2, hidden=13696, attn_bias="qkv"
    ),
    "gpt2": GPT2,
    "gpt2-medium": replace(GPT2, dim=1024, layers=24, heads=16),
    "gpt2-large": replace(GPT2, dim=1280, layers=36, heads=20),
    "gpt2-xl": replace(GPT2, dim=1600, layers=48, heads=25),
    "bert-base": BERT,
    "bert-large": replace(BERT, dim=1024, layers=24, heads=16),
    "resnet-18": _IMAGENET,
    "resnet-50": replace(_IMAGENET, depths=(3, 4, 6, 3), block="bottleneck"),
}


def shape(name):
    """The config of a published model. Raises LookupError with the list of names."""
    if name not in SHAPES:
        raise LookupError(
            f"plan: there is no shape {name!r}; there are: {', '.join(SHAPES)}. Another "
            "shape: pass its TransformerConfig or ResNetConfig to efficiency.plan()"
        )
    return SHAPES[name]
