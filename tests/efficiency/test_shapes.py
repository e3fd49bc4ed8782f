"""The published shapes have the published numbers of parameters, to the last digit.

Each number is the model's own (its card, or the sum over its checkpoint) and is derived
here once more from the sizes, by a formula that shares nothing with the ledger.
"""

import pytest

from tinyft.efficiency import SHAPES, plan, shape
from tinyft.models.transformer_cost import parameters


def llama(V, d, L, f, kv=None, bias=0, tied=False):
    """Embedding and head; q, o and the grouped k, v; three of the mlp; two norms."""
    kv = d if kv is None else kv
    block = 2 * d * d + 2 * d * kv + bias * (d + 2 * kv) + 3 * d * f + 2 * d
    return (1 if tied else 2) * V * d + L * block + d


def gpt2(d, L, V=50257, T=1024):
    return V * d + T * d + L * (12 * d * d + 13 * d) + 2 * d


def bert(d, L, V=30522, T=512):
    """Two types, a norm after the embeddings, a pooler."""
    return (V + T + 2 + 2) * d + L * (12 * d * d + 13 * d) + d * d + d


def resnet(depths, bottleneck):
    """Convolutions and two numbers per channel for their norms; 1000 classes."""
    total, width = 3 * 64 * 49 + 2 * 64, 64
    for i, (depth, inner) in enumerate(zip(depths, (64, 128, 256, 512))):
        outer = 4 * inner if bottleneck else inner
        for j in range(depth):
            if bottleneck:
                total += width * inner + 9 * inner**2 + inner * outer
                total += 2 * (2 * inner + outer)
            else:
                total += 9 * width * inner + 9 * inner**2 + 4 * inner
            if j == 0 and (i > 0 or bottleneck):
                total += width * outer + 2 * outer
            width = outer
    return total + width * 1000 + 1000


CHATGLM = 130528 * 4096 + 28 * (12 * 4096**2 + 13 * 4096) + 2 * 4096
PUBLISHED = {
    "llama-7b": (6_738_415_616, llama(32000, 4096, 32, 11008)),
    "llama-13b": (13_015_864_320, llama(32000, 5120, 40, 13824)),
    "llama-33b": (32_528_943_616, llama(32000, 6656, 60, 17920)),
    "llama-65b": (65_285_660_672, llama(32000, 8192, 80, 22016)),
    "llama-70b": (68_976_648_192, llama(32000, 8192, 80, 28672, kv=1024)),
    "llama-3.2-3b": (
        3_212_749_824,
        llama(128256, 3072, 28, 8192, kv=1024, tied=True),
    ),
    "qwen-7b": (7_721_324_544, llama(151936, 4096, 32, 11008, bias=1)),
    "qwen2-7b": (7_615_616_512, llama(152064, 3584, 28, 18944, kv=512, bias=1)),
    "qwen2.5-7b": (7_615_616_512, llama(152064, 3584, 28, 18944, kv=512, bias=1)),
    "chatglm-6b": (6_173_286_400, CHATGLM),
    "chatglm2-6b": (6_243_584_000, llama(65024, 4096, 28, 13696, kv=256, bias=1)),
    "gpt2": (124_439_808, gpt2(768, 12)),
    "gpt2-medium": (354_823_168, gpt2(1024, 24)),
    "gpt2-large": (774_030_080, gpt2(1280, 36)),
    "gpt2-xl": (1_557_611_200, gpt2(1600, 48)),
    "bert-base": (109_482_240, bert(768, 12)),
    "bert-large": (335_141_888, bert(1024, 24)),
    "resnet-18": (11_689_512, resnet((2, 2, 2, 2), False)),
    "resnet-50": (25_557_032, resnet((3, 4, 6, 3), True)),
}


def test_every_shape_is_checked():
    assert set(PUBLISHED) == set(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_the_count_is_the_published_one(name):
    published, derived = PUBLISHED[name]
    assert plan(name, "full").parameters == published == derived


@pytest.mark.parametrize("name", [n for n in SHAPES if not n.startswith("resnet")])
def test_the_models_own_formula_says_the_same(name):
    assert parameters(shape(name)) == PUBLISHED[name][0]


def test_an_unknown_shape_is_told_with_the_list():
    with pytest.raises(
        LookupError, match=r"no shape 'llama-9b'; there are: llama-7b, "
    ):
        plan("llama-9b")
