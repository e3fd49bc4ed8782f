"""Models of llama.cpp: a GGUF file as a Transformer.

model = load_gguf("model.gguf")         float weights
for name, blocks in parameters(file, config)    as they lie in the file, our names
"""

from tinyft.io.llamacpp.config import read_config
from tinyft.io.llamacpp.load import load_gguf, parameters

__all__ = ["load_gguf", "parameters", "read_config"]
