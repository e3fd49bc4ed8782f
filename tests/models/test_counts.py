"""Parameter counts equal the published ones; the rest by closed formulas."""

import pytest

from tinyft import models, nn


@pytest.mark.parametrize(
    "make, count",
    [
        (models.resnet18, 11_689_512),  # torchvision's table of models
        (models.resnet34, 21_797_672),
        (models.resnet50, 25_557_032),
        (models.gpt2, 124_439_808),  # transformers: GPT2LMHeadModel, tied head
        (models.bert, 109_482_240),  # transformers: BertModel with its pooler
    ],
)
def test_published_counts(make, count):
    with nn.init.skipped():
        assert make().count() == count


def llama_formula(vocab, dim, layers, hidden):
    """Embedding and head; q, k, v, o; gate, up, down; two norms a layer, one last."""
    return 2 * vocab * dim + layers * (4 * dim**2 + 3 * dim * hidden + 2 * dim) + dim


def test_llama_7b_by_formula():
    """The formula equals a small model's count exactly, and the published 7B count."""
    small = models.llama_tiny(rng=0, kv_heads=4)
    assert small.count() == llama_formula(256, 64, 2, 128)
    config = models.LLAMA
    shape = (config.vocab, config.dim, config.layers, config.hidden)
    assert llama_formula(*shape) == 6_738_415_616


@pytest.mark.parametrize(
    "n, make", [(3, models.resnet20), (5, models.resnet32), (9, models.resnet56)]
)
def test_cifar_resnets(n, make):
    """Stem, 2n convolutions a stage each with its norm, two 1×1 shortcuts, the head."""
    C = (16, 32, 64)
    stages = sum(2 * n * (9 * c * c + 2 * c) for c in C)
    first = sum(9 * c * d - 9 * d * d for c, d in ((16, 32), (32, 64)))  # c -> d, once
    shortcuts = sum(c * d + 2 * d for c, d in ((16, 32), (32, 64)))
    want = (27 * 16 + 32) + stages + first + shortcuts + (64 * 10 + 10)
    with nn.init.skipped():
        assert make().count() == want
    if n == 3:
        assert (
            want == 272_474
        )  # 269,722 of the paper's option A, and 2,752 of shortcuts


def test_gpt2_formula():
    """Tied: the head adds nothing; the count is linear in the depth."""
    V, T, C, L = 256, 128, 64, 2
    block = 12 * C * C + 13 * C  # 4 C² + 8 C² weights; 4 C + 5 C biases, 4 C of norms
    assert models.gpt2_tiny(rng=0).count() == V * C + T * C + L * block + 2 * C
    untied = models.gpt2_tiny(rng=0, tied=False)
    assert untied.count() == models.gpt2_tiny(rng=0).count() + V * C


def test_mlp():
    assert models.mlp(64, 16, 10, rng=0).count() == 64 * 16 + 16 + 16 * 10 + 10
    with pytest.raises(ValueError, match="at least the input and the output size"):
        models.mlp(64)
