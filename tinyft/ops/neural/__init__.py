"""Operations of neural networks, with PyTorch's names: layers, losses, attention."""
