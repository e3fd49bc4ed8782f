"""Task 3 of 3: what a step of full fine-tuning does to features.  (4.4)."""


def feature_shift(X, Y, B, V, lr, x):
    """How far one step of the body moves the features of other inputs.          (4.4)

    The body gives features B x, the head predicts V B x. Full fine-tuning takes one step
    of gradient descent, lr, on  L = 1/(2n) Σ_i ‖V B x_i − y_i‖²  over the rows of X.
    The head moves too, but features are what the body gives: both gradients are taken at
    the given B and V.

    X (n, d), Y (n, K) the training rows; B (k, d); V (K, k); x (m, d) other inputs.
    Returns (m, k): features after the step minus features before, for every row of x.

    By hand, n = 2 rows and k = 2 features: X = [[1, 0], [2, 0]], Y = [[1], [2]],
    B = [[1, 2], [0, 1]], V = [[3, 1]], lr = 0.1. The predictions are 3 and 6, the errors
    2 and 4, and their mean product with the rows ½ (2·[1, 0] + 4·[2, 0]) = [5, 0]. The
    gradient of B is Vᵀ[5, 0] = [[15, 0], [5, 0]], so B moves by [[−1.5, 0], [−0.5, 0]].
    For x = [[1, 0], [0, 1], [1, 1]] the answer is [[−1.5, −0.5], [0, 0], [−1.5, −0.5]]:
    only the input orthogonal to the training rows keeps its features.
    """
    # YOUR CODE: (4.4)
    n = len(X)
    error = X @ B.T @ V.T - Y
    gB = V.T @ error.T @ X / n
    return -lr * x @ gB.T
    # END YOUR CODE
