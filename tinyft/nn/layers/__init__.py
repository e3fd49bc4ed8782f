"""The layers: each a few lines around a function of ops/, with PyTorch's names."""
