"""Everything about Hugging Face's adapter folders: config.json, names, tensors."""

from tinyft.peft.huggingface.read import read

__all__ = ["read"]
