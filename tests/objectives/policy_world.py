"""A world small enough to count: every answer of three tokens, with its exact gradient.

Tokens a, b, E; an answer ends at E or at three tokens: 15 answers. The policy is a table
of logits z[before, token], the first row for the start. NumPy alone, so that what is
expected owes nothing to the library.
"""

import itertools
from math import factorial

import numpy as np

V, LONGEST, END = 3, 3, 2


def answers():
    """Every answer as a tuple of tokens, shortest first."""
    found = []
    for n in range(1, LONGEST + 1):
        for body in itertools.product(range(2), repeat=n - 1):
            found += [(*body, END)] + ([(*body, 0), (*body, 1)] if n == LONGEST else [])
    return found


class World:
    """Policy z (3, 3) on the answers; rows before, after and mask (15, 3) for gathers."""

    def __init__(self, z):
        self.all = answers()
        n = len(self.all)
        self.mask = np.zeros((n, LONGEST))
        self.before, self.after = (np.zeros((n, LONGEST), int) for _ in range(2))
        for i, one in enumerate(self.all):
            self.mask[i, : len(one)] = 1
            self.after[i, : len(one)] = one
            self.before[i, 1 : len(one)] = [t + 1 for t in one[:-1]]
        self.z, self.lengths = z, self.mask.sum(1)

    def token_logp(self, z=None):
        """log π of every token (15, 3); z may be complex."""
        z = self.z if z is None else z
        logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return logp[self.before, self.after] * self.mask

    def p(self, z=None):
        return np.exp(self.token_logp(z).sum(axis=1))

    def scores(self, z=None):
        """∇ log π of every token, (15, 3, 3, 3): one-hot minus softmax in its row."""
        z = (self.z if z is None else z).real
        prob = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        s = np.zeros((*self.mask.shape, V, V))
        for i, t in np.argwhere(self.mask > 0):
            row = self.before[i, t]
            s[i, t, row] = -prob[row]
            s[i, t, row, self.after[i, t]] += 1
        return s

    def slope(self, f, z=None, h=1e-30):
        """∇ f(z) by the complex step, (3, 3)."""
        z = self.z if z is None else z
        g = np.zeros((V, V))
        for at in np.ndindex(V, V):
            moved = z.astype(complex)
            moved[at] += 1j * h
            g[at] = f(moved).imag / h
        return g


def groups(n, G):
    """Every multiset of G of n answers, and how many ordered groups it stands for."""
    for one in itertools.combinations_with_replacement(range(n), G):
        orders = factorial(G)
        for value in set(one):
            orders //= factorial(one.count(value))
        yield list(one), orders
