"""Task 1 of 5: a freeze that train() cannot undo.  Section 3 of the notebook."""

from tinyft import nn


def freeze_statistics(model, affine):
    """Freeze the running statistics of every BatchNorm layer, wherever it sits.

    Afterwards model.train() and a forward pass leave all running statistics as they
    are, and normalise by them. γ and β (`weight` and `bias` of these layers) train if
    and only if `affine` is true; all other parameters stay as they were.

    A layer has `statistics`, "update", "frozen" or "batch", which train() and eval() do
    not touch; a parameter has `requires_grad_(True or False)`. model.modules() yields
    the model and all that is in it. A BatchNorm layer here is an nn.BatchNorm2d; an
    nn.LayerNorm is not one. Returns the number of BatchNorm layers.
    """
    # YOUR CODE: section 3
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for layer in layers:
        layer.statistics = "frozen"
        for parameter in layer.parameters():
            parameter.requires_grad_(affine)
    return len(layers)
    # END YOUR CODE
