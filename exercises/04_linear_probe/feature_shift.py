"""Task 3 of 3: what a step of full fine-tuning does to features.  (4.4)."""


def feature_shift(X, Y, B, V, lr, x):
    """How far one step of the body moves the features of other inputs.          (4.4)

    The body gives features B x, the head predicts V B x. Full fine-tuning takes one step
    of gradient descent, lr, on  L = 1/(2n) Σ_i ‖V B x_i − y_i‖²  over the rows of X.
    The head moves too, but features are what the body gives: both gradients are taken at
    the given B and V.

    X (n, d), Y (n, K) the training rows; B (k, d); V (K, k); x (m, d) other inputs.
    Returns (m, k): features after the step minus features before, for every row of x.

    By hand: X = [[1, 0]], Y = [[0]], B = [[1, 2]], V = [[3]], lr = 0.1. The error is
    V B x₁ − y₁ = 3, the gradient of B is 3 · 3 · [1, 0]. So B moves by [−0.9, 0], and for
    x = [[1, 0], [0, 1]] the answer is [[−0.9], [0]]: the second input has no part along
    the training row, and its features stay where they were.
    """
    # YOUR CODE: (4.4)
    raise NotImplementedError("not implemented yet: feature_shift, (4.4)")
