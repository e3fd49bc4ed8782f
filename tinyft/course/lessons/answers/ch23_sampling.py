"""Chapter 23: many samples of a half-trained model: pass@k, the vote, the best of n.

The model of ch23_scratchpad.py, stopped when it first solves a third of the sums that are
held out for validation; then 32 samples at temperature 1 for each of 100 test problems.
"""

import numpy as np

from tinyft import no_grad, objectives, tensor
from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.answers import ch23_scratchpad as sums
from tinyft.course.lessons.answers.ch23_instruction_tuning import ask, exact, train
from tinyft.evaluation import best_of, pass_at_k, vote_accuracy

STOP, EVERY = 1 / 3, 10
PROBLEMS, SAMPLES = 100, 32
COUNTS = (1, 2, 4, 8, 16, 32)
LR = 4e-3


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


def sampled(model, tokens, digits, count=SAMPLES, seed=0):
    """(texts, scores) of `count` samples for each string of digits, (len(digits), count).

    A score is the log-probability that the model gives to its own text, its [END] too.
    """
    template = objectives.Template()
    end = tokens.special_id(template.end)
    asked = [template.ids(tokens, [{"role": "user", "content": d}]) for d in digits]
    ids = np.repeat(np.array(asked), count, axis=0)
    out = model.generate(ids, sums.DIGITS + 4, rng=seed, stop=end)
    start = ids.shape[1]
    with no_grad():
        z = model(tensor(out[:, :-1])).numpy().astype("f8")[:, start - 1 :]
    z -= np.logaddexp.reduce(z, axis=-1)[..., None]
    told = np.take_along_axis(z, out[:, start:, None], axis=-1)[..., 0]
    written = np.cumsum(out[:, start:] == end, axis=1) - (out[:, start:] == end) == 0
    scores = (told * written).sum(axis=1)
    texts = [tokens.decode(row[mask]) for row, mask in zip(out[:, start:], written)]
    texts = [text.removesuffix(template.end) for text in texts]
    return np.array(texts).reshape(-1, count), scores.reshape(-1, count)


def greedy(model, tokens, digits, whole=False):
    """The share of greedy texts whose last digit (or whose every sum) is right."""
    texts = ask(model, tokens, *digits, count=sums.DIGITS + 4)
    if whole:
        return all_right(np.array(texts)[:, None], digits)
    truth = [sums.worked(d, sums.ANSWER) for d in digits]
    return float(np.mean([sums.answer_of(t) == a for t, a in zip(texts, truth)]))


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


def plan():
    """One half-trained model per seed."""
    return [{"lr": LR, "seed": seed} for seed in SEEDS]


def run(lr, seed):
    """{"steps", "greedy", ..., "pass@k", "vote@k", "best@k"}; "valid": share unsolved.

    All are judged by the last digit alone, but for the two that say "all sums right".
    """
    model, tokens, steps = half_trained(seed, lr)
    digits = sums.held_out_digits("test")[:PROBLEMS]
    valid = exact(model, *sums.held_out(tokens, sums.PAD, "valid")).mean()
    texts, logs = sampled(model, tokens, digits, seed=seed)
    whole = {
        "greedy": greedy(model, tokens, digits),
        "greedy, all sums right": greedy(model, tokens, digits, whole=True),
        "one sample, all sums right": all_right(texts, digits),
    }
    scores = {"valid": float(1 - valid), "steps": steps} | whole
    return scores | measured(texts, logs, digits)
