"""L3: layers with PyTorch's names, and the Module with the two seams of PEFT."""

from tinyft.autograd import hints
from tinyft.nn import init
from tinyft.nn.init import manual_seed
from tinyft.nn.layers.activation import (
    GELU,
    Dropout,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from tinyft.nn.layers.attention import KV, KVCache, MultiHeadAttention
from tinyft.nn.layers.container import Flatten, ModuleDict, ModuleList, Sequential
from tinyft.nn.layers.conv import AdaptiveAvgPool2d, AvgPool2d, Conv2d, MaxPool2d
from tinyft.nn.layers.embedding import Embedding, Positions, TypeEmbedding
from tinyft.nn.layers.fold import fold_batchnorm
from tinyft.nn.layers.linear import Identity, Linear
from tinyft.nn.layers.norm import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    LayerNorm,
    RMSNorm,
)
from tinyft.nn.layers.recurrent import LSTM
from tinyft.nn.layers.rotary import Rotary
from tinyft.nn.module import Buffer, Module, Parameter
from tinyft.nn.packed.convert import dequantise_linears, quantise_linears
from tinyft.nn.packed.gguf import LinearGGUF, hold_blocks
from tinyft.nn.packed.linear import Linear4bit
from tinyft.nn.recompute import recompute

checkpoint = recompute  # its name in PyTorch

__all__ = [
    "GELU",
    "KV",
    "LSTM",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "Identity",
    "KVCache",
    "LayerNorm",
    "Linear",
    "Linear4bit",
    "LinearGGUF",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiHeadAttention",
    "Parameter",
    "Positions",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Rotary",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "TypeEmbedding",
    "checkpoint",
    "dequantise_linears",
    "fold_batchnorm",
    "hold_blocks",
    "init",
    "manual_seed",
    "quantise_linears",
    "recompute",
]

__getattr__ = hints.names_of("tinyft.nn", "NN")
