"""Task 2 of 4: what a task costs.  Equation (14.2) of notebooks/14_adapters.ipynb."""

SITES = {"houlsby": 2, "pfeiffer": 1, "parallel": 1}  # adapters in one block


def adapter_parameters(kind, layers, d, m):
    """How many numbers a task adds to a Transformer of `layers` blocks of width d.

    layers · (adapters per block) · (D, b, U and c of one adapter)         (14.2)

    kind is "houlsby", "pfeiffer" or "parallel", m the width inside. Returns an int.
    Example: ("houlsby", 2, 8, 3) gives 236.
    """
    # YOUR CODE: (14.2)
    down = m * d + m
    up = d * m + d
    return layers * SITES[kind] * (down + up)
    # END YOUR CODE


def fusion_parameters(kind, layers, d):
    """How many numbers AdapterFusion trains on top: Q with a bias, K with one, V without.

    One fusion at every site of the adapters; the same for two adapters and for ten.
    Example: ("houlsby", 2, 8) gives 832.
    """
    # YOUR CODE: Q, K and V
    query = d * d + d
    key = d * d + d
    value = d * d
    return layers * SITES[kind] * (query + key + value)
    # END YOUR CODE


def widest(kind, layers, d, megabytes, size=4):
    """The largest m whose adapters fit into so many megabytes (10⁶ bytes), an int.

    A number takes `size` bytes: 4 in float32, 2 in float16. 0 if not even m = 1 fits.
    Example: ("pfeiffer", 12, 768, 3.6) gives 48.
    """
    # YOUR CODE: (14.2), solved for m
    numbers = int(megabytes * 1e6) // size // (layers * SITES[kind])
    return max(0, (numbers - d) // (2 * d + 1))
    # END YOUR CODE
