"""Chapter 23: what its Proofs need: small models, derivatives, refusals."""

import itertools
from functools import partial
from math import factorial

import numpy as np

from tinyft import no_grad, objectives, ops, tensor


def loud(model, size=0.4):
    """The model with every matrix drawn from N(0, size²), so that positions matter."""
    for p in model.parameters():
        if p.ndim > 1:
            rng = np.random.default_rng(p.size)
            p.data = tensor(size * rng.normal(size=p.shape), dtype=p.dtype).data
    return model


def logits(model, ids, **inputs):
    """The model's logits, a host array."""
    with no_grad():
        return model(tensor(ids), **inputs).numpy()


def places(packed):
    """(row, conversation) of every conversation in the packed rows."""
    counts = packed.document.max(axis=1) + 1
    return [(r, d) for r, count in enumerate(counts) for d in range(count)]


def embedding_gradient(model, packed, inputs, row=0, document=1):
    """|d(Σ states³ of one conversation)/d(embeddings of its row)|, (T, C)."""
    seen, embed = [], model.embed_tokens

    def keep(*given):
        seen.append(tensor(embed(*given).numpy(), requires_grad=True))
        return seen[0]

    model.embed_tokens = keep
    try:
        states = model.states(tensor(packed.x), **inputs)
        at = np.flatnonzero(packed.document[row] == document)
        ops.sum(states[row, at[0] : at[-1] + 1] ** 3).backward()
    finally:
        del model.embed_tokens
    return np.abs(seen[0].grad.numpy()[row])


def random_batch(rng, counts, vocab, length=8):
    """x, y (len(counts), length): random ids, so many targets at the end of each row."""
    x = rng.integers(0, vocab, (len(counts), length))
    y = np.full(x.shape, -100)
    for row, count in zip(y, counts):
        row[length - count :] = rng.integers(0, vocab, count)
    return x, y


def refusals(model, tokens, empty):
    """Print the sentence of each input that is refused. empty: a batch without targets."""
    template = objectives.Template()
    to_ids = partial(template.ids, tokens)
    end = tokens.special_id(template.end)
    asked = [{"role": "user", "content": "reverse: lord"}]
    answered = [*asked, {"role": "assistant", "content": "drol"}]
    (one,) = objectives.chat_examples(tokens, [answered])

    def no_place(messages, reply):  # a template that leaves the assistant's turns out
        return to_ids([m for m in messages if m["role"] == "user"], False)

    for attempt in (
        partial(objectives.sft_loss, model, *map(tensor, empty)),
        partial(objectives.accumulate, model, [empty, empty]),
        partial(objectives.answer_mask, to_ids, asked, end),
        partial(objectives.pack, [one], 12),
        partial(objectives.pack, [one], 12, long="cut"),
        partial(objectives.answer_mask, no_place, answered, end),
    ):
        try:
            attempt()
        except ValueError as error:
            print(f"- {error}")
        else:
            raise AssertionError(f"{attempt} was not refused")


def best_by_enumeration(scores, values, k):
    """The mean value of the highest-scored of all k-subsets, ties shared."""
    found = []
    for chosen in itertools.combinations(range(len(scores)), k):
        top = max(scores[i] for i in chosen)
        found.append(np.mean([values[i] for i in chosen if scores[i] == top]))
    return np.mean(found)


def plurality(law, n):
    """The chance that answer 0 has most of n votes, ties shared; law: of the answers."""
    total = 0.0
    for counts in itertools.product(range(n + 1), repeat=len(law)):
        if sum(counts) != n:
            continue
        ways = factorial(n)
        for count in counts:
            ways //= factorial(count)
        share = (counts[0] == max(counts)) / counts.count(max(counts))
        total += ways * np.prod(np.power(law, counts)) * share
    return total
