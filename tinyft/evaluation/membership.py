"""Was this text in the training data? Scores of single texts, and a test of their order.

    Min-K%    mean of the k lowest log p(x_t | before),  k = max(1, ⌊K·T⌋)            (1)
    Min-K%++  the same of z_t = (log p(x_t) − μ_t)/σ_t,  μ_t = E log p(w), σ_t² its
              variance, both over w ~ p: E z = 0 and E z² = 1 at every position       (2)
    recall    the share of tokens that greedy continuation of a prompt reproduces     (3)
    AUC       P(score of a member > of another) + ½ P(equal)                          (4)
    order     p = (1 + #{log-likelihood of a permuted order ≥ the file's})/(1 + m)    (5)

High scores mean "member". An AUC says something about the model only if the same texts
cannot be told apart without it: give a blind baseline the same texts. (5) is exact: if the
items of a file are exchangeable and the model has not seen it, P(p ≤ α) =
⌊α(m + 1)⌋/(m + 1) without ties and less with them, for any model. With shards the
orders are permuted inside each and the SUM is compared; a t-test over shards has no
exact level. It bounds false alarms only: a file that was read in another order passes.
Sources: Shi et al. 2023 (arXiv:2310.16789); Zhang et al. 2024 (arXiv:2404.02936);
Oren et al. 2023 (arXiv:2310.17623); Das et al. 2024 (arXiv:2406.16201), blind baselines.
"""

from tinyft import backend, ops
from tinyft.evaluation.contamination import over_texts


def min_k(scores, share=0.2):
    """(1) of each text, (n,) float64: the mean of its k lowest token scores.

    scores: n arrays (T_i,): log-probabilities (the losses of `token_losses`, negated), or
    z of `standardised` for (2). share: K in (0, 1]; 1 is the mean over all tokens.
    """
    xp = backend.host()
    if not 0 < share <= 1:
        raise ValueError(f"min_k: share={share} should be above 0 and at most 1")
    if not len(scores) or any(not len(row) for row in scores):
        raise ValueError("min_k: a text without a scored token has no lowest ones")
    lowest = [xp.sort(xp.asarray(row, "float64")) for row in scores]
    lowest = [row[: max(1, int(share * len(row) + 1e-9))] for row in lowest]
    return xp.array([float(row.mean()) for row in lowest])


def standardised(model, texts, rows=64):
    """z_t of (2) for every token but the first: n host arrays (T_i − 1,) float64."""
    return over_texts(model, texts, _standard, rows)


def _standard(logits, targets):
    logp = ops.log_softmax(logits).data
    xp = backend.xp_of(logp)
    p = xp.exp(logp)
    mean = (p * logp).sum(axis=-1)
    spread = xp.sqrt((p * (logp - mean[..., None]) ** 2).sum(axis=-1))
    own = xp.take_along_axis(logp, targets[..., None], axis=-1)[..., 0]
    return (own - mean) / xp.maximum(spread, 1e-12)


def greedy_recall(model, texts, prompt):
    """(3): the share of each text's tokens after the first `prompt` that the model's own
    greedy continuation has at the same place, (n,) float64.

    texts: token ids (n, T), 1 <= prompt < T.
    """
    xp = backend.host()
    ids = xp.asarray(texts)
    if ids.ndim != 2 or not 1 <= prompt < ids.shape[1]:
        raise ValueError(
            f"greedy_recall: texts should be token ids (n, T) with 1 <= prompt < T, got "
            f"{ids.shape} and prompt={prompt}; without a rest there is nothing to recall"
        )
    rest = ids.shape[1] - prompt
    told = model.generate(ids[:, :prompt], rest, greedy=True)
    return (told[:, prompt:] == ids[:, prompt:]).mean(axis=1)


def auc(members, others):
    """(4), a float: ½ for scores that say nothing, 1 if every member lies higher.

    members (n,), others (m,): scores that are high for members. Raises ValueError for an
    empty group or NaN.
    """
    a, b = _scores("members", members), _scores("others", others)
    xp = backend.host()
    b = xp.sort(b)
    below, upto = (xp.searchsorted(b, a, side=side) for side in ("left", "right"))
    return float((below + upto).mean()) / (2 * len(b))


def order_test(score, shards, items, rng, draws=99):
    """(5), a float >= 1/(draws + 1): is the order of the file likelier than others?

    score(orders) -> the log-likelihoods (shards,) of the shards with their items in these
    orders, (shards, items) integers; 0, 1, 2, ... is the order of the file. Every
    shard is permuted by itself, all sums are compared. Ties count against the file.
    """
    if items < 2 or shards < 1 or draws < 1:
        raise ValueError(
            f"order_test: {shards} shards of {items} items, draws={draws}: a shard of one "
            "item has one order only; at least 2 items, 1 shard and 1 draw are needed"
        )
    xp = backend.host()
    file = xp.tile(xp.arange(items), (shards, 1))
    own = float(xp.sum(score(file)))
    others = [float(xp.sum(score(rng.permuted(file, axis=1)))) for _ in range(draws)]
    slack = 1e-9 * (1 + abs(own))  # the same order, summed in another way, is a tie
    return (1 + sum(one >= own - slack for one in others)) / (1 + draws)


def _scores(name, x):
    x = backend.host().asarray(x, "float64")
    if x.ndim != 1 or not len(x) or (x != x).any():
        raise ValueError(
            f"auc: {name} should be scores (n,) of 1 text or more, none NaN, got {x.shape}"
        )
    return x
