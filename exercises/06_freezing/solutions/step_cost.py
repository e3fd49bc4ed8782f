"""Task 2 of 4: what a step costs when some layers are frozen.  Section 8."""
import itertools


def step_cost(sizes, trains):
    """Multiplications of a training step for one example, and the numbers kept for it.

    The model is a chain of linear layers sizes[0] → sizes[1] → …, without biases; layer i
    trains if trains[i]. A layer (in → out) multiplies in·out numbers each time that it is
    used. Forward goes through every layer. Backward
      · computes the gradient of the weight of every layer that trains, for which that
        layer's input must have been kept (in numbers);
      · computes the gradient of a layer's input only if a layer below it trains.

    Example: sizes = [2, 3, 4]. All train: forward 6 + 12, weights 6 + 12, input of the
    second layer 12: 48; kept 2 + 3 = 5. The last alone: 6 + 12 + 12 = 30; kept 3.
    The first alone: 6 + 12 + 6 + 12 = 36; kept 2.

    sizes: a list of ints; trains: a list of len(sizes) − 1 bools, at least one true.
    Returns (multiplications, kept): ints.
    """
    # YOUR CODE: section 8
    work = kept = 0
    for i, (a, b) in enumerate(itertools.pairwise(sizes)):
        passes = 1 + bool(trains[i]) + any(trains[:i])
        work += passes * a * b
        kept += a if trains[i] else 0
    return work, kept
    # END YOUR CODE
