"""Task 2 of 4: what a task costs.  Equation (14.2) of notebooks/14_adapters.ipynb."""

SITES = {"houlsby": 2, "pfeiffer": 1, "parallel": 1}  # adapters in one block


def adapter_parameters(kind, layers, d, m):
    """How many numbers a task adds to a Transformer of `layers` blocks of width d.

    layers · (adapters per block) · (D, b, U and c of one adapter)         (14.2)

    kind is "houlsby", "pfeiffer" or "parallel", m the width inside. Returns an int.
    Example: ("houlsby", 2, 8, 3) gives 236.
    """
    # YOUR CODE: (14.2)
    raise NotImplementedError("not implemented yet: adapter_parameters, (14.2)")


def fusion_parameters(kind, layers, d):
    """How many numbers AdapterFusion trains on top: Q with a bias, K with one, V without.

    One fusion at every site of the adapters; the same for two adapters and for ten.
    Example: ("houlsby", 2, 8) gives 832.
    """
    # YOUR CODE: Q, K and V
    raise NotImplementedError("not implemented yet: fusion_parameters, Q, K and V")


def widest(kind, layers, d, megabytes, size=4):
    """The largest m whose adapters fit into so many megabytes (10⁶ bytes), an int.

    A number takes `size` bytes: 4 in float32, 2 in float16. 0 if not even m = 1 fits.
    Example: ("pfeiffer", 12, 768, 3.6) gives 48.
    """
    # YOUR CODE: (14.2), solved for m
    raise NotImplementedError("not implemented yet: widest, (14.2), solved for m")
