"""L4: whole models, without any I/O and without a word of any fine-tuning method."""

from tinyft.models.mlp import mlp
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
from tinyft.models.transformer import (
    Transformer,
    TransformerConfig,
    bert,
    bert_tiny,
    gpt2,
    gpt2_tiny,
    llama,
    llama_tiny,
)

__all__ = [
    "ResNet",
    "ResNetConfig",
    "Transformer",
    "TransformerConfig",
    "bert",
    "bert_tiny",
    "gpt2",
    "gpt2_tiny",
    "llama",
    "llama_tiny",
    "mlp",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet50",
    "resnet56",
    "resnet_tiny",
]
