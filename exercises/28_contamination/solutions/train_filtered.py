"""Task 4 of 4: train without what overlaps a test set.  (28.9) of the notebook."""

import numpy as np


def train_filtered(W, rows, pages, g, lr):
    """Train a bigram model on the rows that share no g tokens in a row with a page.

    The model: the logits of the token after token a are W[a]. One step per batch:
    W ← W − lr · gradient of the mean of −log softmax(W[a])[b] over all pairs (a, b) of
    neighbours in the KEPT rows of the batch.                                 (28.9)
    A row is dropped, as a whole, if any g tokens that follow each other in it also follow
    each other in a page. A batch without a kept row takes no step.

    W (V, V); rows (steps, B, T) token ids; pages (n, L), L >= g; g int, 1 <= g <= T; lr.
    Do not change the inputs. Returns (W, kept, losses): kept (steps,) rows per batch;
    losses (steps,): the mean before each step, 0.0 where nothing was kept.

    V = 3, W = 0, g = 2, lr = 1, pages = [[0, 1, 1]], rows = [[[2, 0, 1], [1, 2, 2]],
    [[0, 0, 2], [2, 0, 0]]]: (0, 1) stands in the page, so the first row is dropped. The
    pairs (1, 2), (2, 2) are left: W[1] = W[2] = [−1/6, −1/6, 1/3], loss 1.0986. The second
    batch is kept: four pairs, (0, 0) twice, (0, 2), (2, 0); loss 1.1476,
    W[0] = [1/4, −1/4, 0], W[2] = [0.0148, −0.2352, 0.2204]. kept = [1, 2].
    """
    # YOUR CODE: (28.9)
    V = len(W)

    def grams(row):
        return {tuple(row[i : i + g].tolist()) for i in range(len(row) - g + 1)}

    seen = set().union(*(grams(page) for page in pages))
    kept, losses = [], []
    for batch in rows:
        batch = batch[[not (grams(row) & seen) for row in batch]]
        kept.append(len(batch))
        if len(batch) == 0:
            losses.append(0.0)
            continue
        a, b = batch[:, :-1].ravel(), batch[:, 1:].ravel()
        Z = W[a] - W[a].max(axis=1, keepdims=True)
        p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
        losses.append(-np.log(p[np.arange(len(a)), b]).mean())
        gradient = np.zeros((V, V))
        np.add.at(gradient, a, (p - np.eye(V)[b]) / len(a))
        W = W - lr * gradient
    return W, np.array(kept), np.array(losses)
    # END YOUR CODE
