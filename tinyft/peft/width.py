"""The width of a module: how many features it reads and makes, if its layers tell."""

from tinyft import nn


def width(module, inward=False):
    """(does it make images, features out) of a module, or in; None if that is unknown.

    A module made of several has its last layer's, or its first's.
    """
    if isinstance(module, nn.Linear):
        return False, module.in_features if inward else module.out_features
    if isinstance(module, nn.Embedding):
        return None if inward else (False, module.embedding_dim)
    if isinstance(module, nn.Conv2d):
        return True, module.in_channels if inward else module.out_channels
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        return False, module.size
    if isinstance(module, nn.BatchNorm2d):
        return True, module.num_features
    below = list(module.children())
    found = (width(child, inward) for child in (below if inward else reversed(below)))
    return next((each for each in found if each is not None), None)
