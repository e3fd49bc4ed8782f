"""Averages of weights: interpolation (WiSE-FT), uniform soups, greedy soups.

    θ(α) = (1 − α) θ0 + α θ1                 WiSE-FT: from the base to a tuned model
    θ = Σ w_i θ_i,  w_i >= 0,  Σ w_i = 1     a soup of models fine-tuned from one base
    greedy: from the best on valid down, keep θ_i if the soup with it is no worse there

One model, one forward pass: for a linear model the averaged weights are the averaged
predictions, for any other they are not. Running statistics are averaged too, and are
then wrong in every layer (the averaged variance is too large in the first): go over some
data with transfer.batchnorm(model, "recompute", batches) before the model is judged.
Sources: Wortsman et al. 2021 (arXiv 2109.01903) and 2022 (2203.05482).
"""

from tinyft.transfer.merging.states import check_alike, numbers, state_of


def soup(models, weights=None):
    """Σ w_i θ_i as a state {name: array}; model.load_state_dict takes it.

    models: a list of models, or of their states, of one architecture. weights: >= 0 with
    sum 1, by default 1/n each. Integers (BatchNorm's counters) are the first model's.
    Raises ValueError for an empty list, names or shapes that differ, NaN, or weights
    below 0 or of another sum: a difference of models is a task vector (`add_vectors`).
    """
    states = [state_of("soup", model) for model in models]
    check_alike("soup", states)
    weights = _shares(weights, len(states))
    return {name: _mean(name, states, weights) for name in states[0]}


def interpolate(start, end, alpha):
    """The state (1 − α) start + α end: models or states; α in [0, 1]."""
    if not 0 <= alpha <= 1:
        raise ValueError(
            f"interpolate: alpha={alpha} should be in [0, 1], the share of `end`; beyond "
            "it, add a task vector: add_vectors(start, [task_vector(end, start)], alpha)"
        )
    return soup([start, end], [1 - alpha, alpha])


def greedy_soup(models, score):
    """(state, members): the greedy soup, and the positions in `models` it is made of.

    score(state) -> a number, larger is better, from validation data: the soup is chosen
    by it, so another set has to judge the result. It is called 2 n − 1 times.
    """
    states = [state_of("greedy_soup", model) for model in models]
    check_alike("greedy_soup", states)
    alone = [score(state) for state in states]
    order = sorted(range(len(states)), key=lambda i: -alone[i])  # stable: first wins
    members, best = order[:1], alone[order[0]]
    for i in order[1:]:
        found = score(soup([states[j] for j in [*members, i]]))
        if found >= best:
            members, best = [*members, i], found
    return soup([states[j] for j in members]), members


def _mean(name, states, weights):
    first = states[0][name]
    if first.dtype.kind != "f":
        return first.copy()
    total = sum(w * state[name] for w, state in zip(weights, states))
    return total.astype(first.dtype)


def _shares(weights, count):
    weights = numbers("soup", 1 / count if weights is None else weights, count)
    if min(weights) < 0 or abs(sum(weights) - 1) > 1e-6:
        raise ValueError(
            f"soup: the weights {weights} should be >= 0 with sum 1; to subtract a task "
            "or to scale one, use task_vector and add_vectors"
        )
    return weights
