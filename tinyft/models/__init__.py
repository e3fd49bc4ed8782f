"""L4: whole models, without any I/O and without a word of any fine-tuning method."""

from tinyft.models.classic import (
    LSTMClassifier,
    NaiveBayes,
    SkipGram,
    Tfidf,
    Vocabulary,
)
from tinyft.models.config import BERT, GPT2, LLAMA, TransformerConfig
from tinyft.models.masks import prefix_lm, sliding_window
from tinyft.models.mlp import mlp
from tinyft.models.positions import alibi_slopes, sinusoidal
from tinyft.models.presets import (
    bert,
    bert_tiny,
    gpt2,
    gpt2_tiny,
    llama,
    llama_tiny,
)
from tinyft.models.resnet import (
    ResNet,
    ResNetConfig,
    resnet18,
    resnet20,
    resnet32,
    resnet34,
    resnet50,
    resnet56,
    resnet_tiny,
)
from tinyft.models.resnet_cost import (
    receptive_field,
    receptive_fields,
    resnet_layers,
)
from tinyft.models.sentence import mean_tokens, sentence_embedding
from tinyft.models.transformer import Transformer
from tinyft.models.vision.efficientnet import (
    EfficientNet,
    EfficientNetConfig,
    efficientnet_lite0,
)
from tinyft.models.vision.mobilenet import (
    MobileNetV2,
    MobileNetV2Config,
    mobilenet_v2,
)
from tinyft.models.vision.vit import ViT, ViTConfig, vit, vit_tiny
from tinyft.models.words import nearest_words, swap_scores


def generate(*inputs, **options):
    """Generation is a method: model.generate(ids, count, ...). Always a TypeError."""
    raise TypeError(
        "models.generate: generation is a method of a model; write "
        "model.generate(ids, count, rng=0), or greedy=True instead of rng"
    )


__all__ = [
    "BERT",
    "GPT2",
    "LLAMA",
    "EfficientNet",
    "EfficientNetConfig",
    "LSTMClassifier",
    "MobileNetV2",
    "MobileNetV2Config",
    "NaiveBayes",
    "ResNet",
    "ResNetConfig",
    "SkipGram",
    "Tfidf",
    "Transformer",
    "TransformerConfig",
    "ViT",
    "ViTConfig",
    "Vocabulary",
    "alibi_slopes",
    "bert",
    "bert_tiny",
    "efficientnet_lite0",
    "gpt2",
    "gpt2_tiny",
    "llama",
    "llama_tiny",
    "mean_tokens",
    "mlp",
    "mobilenet_v2",
    "nearest_words",
    "prefix_lm",
    "receptive_field",
    "receptive_fields",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet50",
    "resnet56",
    "resnet_layers",
    "resnet_tiny",
    "sentence_embedding",
    "sinusoidal",
    "sliding_window",
    "swap_scores",
    "vit",
    "vit_tiny",
]
