"""Weights in few bits: code books, blocks, constants in 8 bits, ggml's blocks, errors."""

from tinyft.quantise.blocks import dequantise, quantise
from tinyft.quantise.codes import CODES, Code, code_named, even_levels, normal_levels
from tinyft.quantise.constants import dynamic_levels
from tinyft.quantise.error import measured_error, normal_error
from tinyft.quantise.ggml import Blocks, decode
from tinyft.quantise.packed import Packed, bits_per_weight, packed_bytes

__all__ = [
    "CODES",
    "Blocks",
    "Code",
    "Packed",
    "bits_per_weight",
    "code_named",
    "decode",
    "dequantise",
    "dynamic_levels",
    "even_levels",
    "measured_error",
    "normal_error",
    "normal_levels",
    "packed_bytes",
    "quantise",
]
