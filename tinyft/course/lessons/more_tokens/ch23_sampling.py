"""Chapter 23: many samples of a half-trained model: pass@k, the vote, the best of n.

The model of ch23_scratchpad.py, stopped when it first solves a third of the sums that are
held out for validation; then 32 samples for each of 60 test problems, at three
temperatures. Every seed has a model and 60 problems of its own, so that an interval over
seeds covers the luck of both.
"""

from functools import lru_cache

import numpy as np

from tinyft import no_grad, objectives, tensor
from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.answers.ch23_instruction_tuning import exact, train
from tinyft.course.lessons.more_tokens import ch23_scratchpad as sums
from tinyft.evaluation import best_of, pass_at_k, vote_accuracy

STOP, EVERY = 1 / 3, 10
PROBLEMS, SAMPLES = 60, 32
COUNTS = (1, 2, 4, 8, 16, 32)
TEMPERATURES = (0.4, 0.7, 1.0)
LR = 4e-3


def problems(seed, split="test"):
    """The PROBLEMS held-out strings of a seed; no other seed has them."""
    return sums.held_out_digits(split)[seed * PROBLEMS : (seed + 1) * PROBLEMS]


def half_trained(seed, lr=LR, share=STOP):
    """(model, tokens, steps): stopped at the first look with `share` solved, or later."""
    tokens = sums.vocabulary()
    model = sums.small_model(tokens, seed)
    looked_at = sums.held_out(tokens, sums.PAD, "valid")

    def until(rng):
        for i, batch in enumerate(sums.batches(tokens, sums.PAD)(rng)):
            if i % EVERY == 0 and exact(model, *looked_at).mean() >= share:
                return
            yield batch

    steps = sums.steps_of(sums.PAD)
    losses = train(model, until, lr, steps, seed)
    return model, tokens, len(losses)


def sampled(model, tokens, digits, count=SAMPLES, seed=0, temperature=1.0):
    """(texts, scores) of `count` samples for each string of digits, (len(digits), count).

    A score is the log-probability that the model gives to its own text, its [END] too, at
    temperature 1.
    """
    ids, end = _asked(tokens, digits)
    ids = np.repeat(ids, count, axis=0)
    how = {"rng": seed, "stop": end, "temperature": temperature}
    out = model.generate(ids, sums.DIGITS + 4, **how)
    start = ids.shape[1]
    with no_grad():
        z = model(tensor(out[:, :-1])).numpy().astype("f8")[:, start - 1 :]
    z -= np.logaddexp.reduce(z, axis=-1)[..., None]
    told = np.take_along_axis(z, out[:, start:, None], axis=-1)[..., 0]
    written = np.cumsum(out[:, start:] == end, axis=1) - (out[:, start:] == end) == 0
    scores = (told * written).sum(axis=1)
    written &= out[:, start:] != end
    texts = [tokens.decode(row[mask]) for row, mask in zip(out[:, start:], written)]
    return np.array(texts).reshape(-1, count), scores.reshape(-1, count)


def greedy_texts(model, tokens, digits):
    """The greedy text for each string of digits, an array (len(digits),)."""
    ids, end = _asked(tokens, digits)
    out = model.generate(ids, sums.DIGITS + 4, greedy=True, stop=end)[:, ids.shape[1] :]
    return np.array([tokens.decode(row[np.cumsum(row == end) == 0]) for row in out])


def greedy(model, tokens, digits, whole=False):
    """The share of greedy texts whose last digit (or whose every sum) is right."""
    texts = greedy_texts(model, tokens, digits)
    if whole:
        return all_right(texts[:, None], digits)
    truth = [sums.worked(d, sums.ANSWER) for d in digits]
    return float(np.mean([sums.answer_of(t) == a for t, a in zip(texts, truth)]))


def _asked(tokens, digits):
    """(ids of the prompts (len(digits), T), the id of [END])."""
    template = objectives.Template()
    asked = [template.ids(tokens, [{"role": "user", "content": d}]) for d in digits]
    return np.array(asked), tokens.special_id(template.end)


def all_right(texts, digits):
    """The share of texts (len(digits), n) with every running sum right."""
    truth = np.array([sums.worked(d, sums.PAD) for d in digits])
    return float((texts == truth[:, None]).mean())


def measured(texts, scores, digits):
    """{"pass@k", "vote@k", "best@k": share of the problems} for every k of COUNTS."""
    n = texts.shape[1]
    truth = [sums.worked(d, sums.ANSWER) for d in digits]
    answers = [[sums.answer_of(text) for text in row] for row in texts]
    right = np.array([[a == t for a in row] for row, t in zip(answers, truth)])
    found = {}
    for k in COUNTS:
        found[f"pass@{k}"] = pass_at_k(n, right.sum(axis=1), k).mean()
        votes = [vote_accuracy(row, t, k) for row, t in zip(answers, truth)]
        found[f"vote@{k}"] = np.mean(votes)
        best = [best_of(s, r, k) for s, r in zip(scores, right)]
        found[f"best@{k}"] = np.mean(best)
    return {name: float(value) for name, value in found.items()}


# --- tinyft study 23 -------------------------------------------------------------------


_half_trained = lru_cache(1)(half_trained)  # the temperatures of a seed share a model


def plan():
    """One half-trained model per seed, asked at every temperature."""
    return [
        {"lr": LR, "temperature": t, "seed": seed}
        for seed in SEEDS
        for t in TEMPERATURES
    ]


def run(lr, temperature, seed):
    """{"steps", "greedy", ..., "pass@k", "vote@k", "best@k"}; "valid": share unsolved.

    All are judged by the last digit alone, but for the two that say "all sums right".
    "valid ...": the same on 60 strings for validation, to choose the temperature by.
    """
    model, tokens, steps = _half_trained(seed, lr)
    valid = exact(model, *sums.held_out(tokens, sums.PAD, "valid")).mean()
    scores = {"valid": float(1 - valid), "steps": steps}
    for split, name in (("test", ""), ("valid", "valid ")):
        digits = problems(seed, split)
        texts, logs = sampled(model, tokens, digits, seed=seed, temperature=temperature)
        found = measured(texts, logs, digits) | {
            "greedy": greedy(model, tokens, digits),
            "greedy, all sums right": greedy(model, tokens, digits, whole=True),
            "one sample, all sums right": all_right(texts, digits),
        }
        scores |= {name + key: value for key, value in found.items()}
    return scores
