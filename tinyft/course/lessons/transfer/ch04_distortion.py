"""Chapter 04: two linear layers whose right answer is known, fine-tuned from two heads."""

import numpy as np

from tinyft import nn, tensor


def two_layers(B, V):
    """x → x Bᵀ → · Vᵀ without biases: the modules "body" and "head", float64."""
    model = nn.Sequential(
        {
            name: nn.Linear(*W.shape[::-1], bias=False, dtype="float64")
            for name, W in (("body", B), ("head", V))
        }
    )
    for p, W in zip(model.parameters(), (B, V)):
        p.data = tensor(W).data
    return model


def distortion(seed=4):
    """(X, U, Y, B, V, truth): 8 rows that use 3 of 6 inputs, U the other 3; Y = X truthᵀ.

    B (4, 6) is right: some head on it, truth = head B, fits everything. V is random.
    """
    rng = np.random.default_rng(seed)
    X = np.c_[rng.normal(size=(8, 3)), np.zeros((8, 3))]
    B = np.linalg.qr(rng.normal(size=(6, 4)))[0].T
    B[:, :3] = np.linalg.qr(rng.normal(size=(4, 3)))[0]
    B[3] = 0.0  # three features, each seen in training
    head = np.c_[rng.normal(size=(2, 3)), np.zeros((2, 1))]
    V = np.c_[rng.normal(size=(2, 3)), np.zeros((2, 1))]
    return X, np.eye(6)[3:], X @ (head @ B).T, B, V, head @ B


def best_head(features, Y):
    """The least-squares head (K, k) on features (n, k), without a bias."""
    return (np.linalg.pinv(features) @ Y).T


def half_mean(model, X, Y):
    """L of (4.4): ‖model(X) − Y‖² / 2n."""
    return ((model(tensor(X)) - tensor(Y)) ** 2).sum() * (1 / (2 * len(X)))
