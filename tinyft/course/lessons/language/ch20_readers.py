"""Chapter 20: one verse as the four paradigms see it, a figure.

Counted words, the mean of vectors and a head on BERT's states all *add up* over the
verse: log-odds per word, vector · (w₁ − w₀)/n per word, state · (w₁ − w₀)/T per token.
A prompt has no such sum, only the difference of its kinds' scores.
"""

import numpy as np

from tinyft import data, no_grad, tensor
from tinyft.course.lessons.language import ch20_bert as bert
from tinyft.course.lessons.language import ch20_vectors as vec
from tinyft.course.lessons.language.ch20_setting import holds
from tinyft.course.plot import COLOURS, show
from tinyft.transfer import linear_probe, spread


def four_readers(text, says, few, model, centre, caption):
    """Figure: what speaks for story (below 0) and for saying (above) in chapter 20's verse.

    says: {word: log-odds}; few: the labelled verses; model: a fine-tuned `bert.Head`;
    centre: what recentring subtracts from the prompt's difference.
    """
    import matplotlib.pyplot as plt

    panels = [by_counts(text, says), by_vectors(text, few), by_states(text, model)]
    panels.append(by_asking(text, centre))
    fig, axes = plt.subplots(4, 1, figsize=(8.4, 10.5))
    for ax, (title, names, values) in zip(axes, panels):
        colours = [list(COLOURS.values())[int(v > 0)] for v in values]
        ax.bar(range(len(values)), values, color=colours)
        ax.axhline(0, color="0.3", linewidth=0.8)
        ax.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
        ax.set_title(title, fontsize=9, loc="left")
    below = ("word", "word", "token", "score of saying minus score of story")
    for ax, x in zip(axes, below):
        ax.set_xlabel(x, fontsize=8)
        ax.set_ylabel("story < 0 < saying", fontsize=8)
    totals = [sum(values) for _, _, values in panels[:3]]
    holds(
        counted_words_decide_for_story=totals[0] < 0
        and says.get("instruction") is None,
        vectors_and_BERT_for_saying=min(totals[1:]) > 0,
    )
    sums = "; ".join(title for title, *_ in panels[:3])
    show(fig, f"Bars for each word of one verse. {sums}. {caption}", caption)


def by_counts(text, says):
    """(title, words, log-odds); 0 for a word that was never seen."""
    names = data.words(text)
    values = [says.get(word, 0.0) for word in names]
    return f"1 Counted words: log-odds, sum {sum(values):+.2f}", names, values


def by_vectors(text, few):
    """(title, words, share of the score), the bias first; 0 without a vector."""
    vocabulary, W, _ = vec.vectors()
    Z = vec.mean_of(few.texts)
    probe = linear_probe(Z, few.labels, 0.1 * spread(Z), "logistic")
    w, b = np.asarray(probe.weight), np.asarray(probe.bias)
    names = data.words(text)
    known = [word in vocabulary.index for word in names]
    values = [
        float(W[vocabulary.index[word]] @ (w[1] - w[0])) / sum(known) if there else 0.0
        for word, there in zip(names, known)
    ]
    names, values = ["(bias)", *names], [float(b[1] - b[0]), *values]
    return f"2 Mean of vectors, head: sum {sum(values):+.2f}", names, values


def by_states(text, model):
    """(title, tokens, share of the score), the bias first."""
    ids, mask = bert.encode([text])
    with no_grad(), model.evaluating():
        states = model.body.states(tensor(ids), tensor(mask)).numpy()[0]
    w, b = model.fc.weight.numpy(), model.fc.bias.numpy()
    values = [float(b[1] - b[0]), *(states @ (w[1] - w[0]) / len(states)).tolist()]
    tok = bert.load_tokens()
    names = ["(bias)", "[CLS]", *(tok.decode([int(i)]).strip() for i in ids[0, 1:])]
    return (
        f"3 BERT fine-tuned, head on the states: sum {sum(values):+.2f}",
        names,
        values,
    )


def by_asking(text, centre):
    """(title, what, difference of the two kinds' scores), as it is and recentred."""
    scores, tok = _scores(text), bert.load_tokens()
    kinds = [scores[[int(tok.encode(w)[0]) for w in kind]] for kind in bert.WORDS]
    story, saying = (float(np.log(np.sum(np.exp(some)))) for some in kinds)
    title = f"4 Prompt, no label: ln Σ exp, story {story:.2f}, saying {saying:.2f}"
    apart = saying - story
    return title, ["as it is", "recentred"], [apart, apart - centre]


def _scores(text):
    ids, mask = bert.encode([text], True)
    model = bert.Prompt(bert.load_pretrained(bert.BASE)[0])
    with no_grad(), model.evaluating():
        return model.scores(tensor(ids), tensor(mask)).numpy()[0]
