"""Instruction tuning: ids and masks by hand, the gradient in closed form, sentences."""

from functools import partial

import numpy as np
import pytest

from tinyft import Tensor, data, models, tensor
from tinyft.data.tokenizer import CharTokenizer
from tinyft.objectives import instruction as sft
from tinyft.training import recipes

TEMPLATE = sft.Template()
TOKENS = CharTokenizer("abcdefghij", TEMPLATE.specials)
BOS, USER, BOT, END = (TOKENS.special_id(name) for name in TEMPLATE.specials)
TO_IDS = partial(TEMPLATE.ids, TOKENS)
IGNORE = -100


def say(*texts):
    """Messages, the user's first."""
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": t} for i, t in enumerate(texts)]


TWO = say("ab", "c", "d", "ef")  # two turns; a = 0, b = 1, ...
IDS = [BOS, USER, 0, 1, END, BOT, 2, END, USER, 3, END, BOT, 4, 5, END]


def test_the_template_token_by_token():
    assert TO_IDS(TWO, False) == IDS
    assert TO_IDS(say("ab"), True) == [BOS, USER, 0, 1, END, BOT]
    assert TO_IDS([], False) == [BOS]


def test_answers_and_their_ends_are_learned():
    ids, learn = sft.answer_mask(TO_IDS, TWO, END)
    assert ids == IDS
    assert [i for i, on in enumerate(learn) if on] == [6, 7, 12, 13, 14]


def test_targets_are_shifted_once():
    """The role token of the assistant, at 5 and 11, predicts the first letter."""
    x, y = sft.shifted(*sft.answer_mask(TO_IDS, TWO, END), BOS)
    assert x.tolist() == IDS[:-1]
    want = [IGNORE] * 14
    want[5:7], want[11:14] = [2, END], [4, 5, END]
    assert y.tolist() == want


def test_the_joint_objective_learns_every_token_but_the_first():
    x, y = sft.shifted(*sft.answer_mask(TO_IDS, TWO, END), BOS, "p(x,y)")
    assert y.tolist() == IDS[1:] and x.tolist() == IDS[:-1]


def test_a_message_cannot_end_itself():
    """The name of a special token in a text is letters, not that token."""
    tokens = CharTokenizer("abEND[]", TEMPLATE.specials)
    ids = TEMPLATE.ids(tokens, say("a[END]b"), False)
    assert ids.count(tokens.special_id("[END]")) == 1
    assert len(ids) == 3 + len("a[END]b")


def test_chatml_of_a_public_model_has_the_same_mask():
    """chat_ids writes a line end behind each <|im_end|>; it is not part of an answer."""
    from tinyft.data.public.chat import BODY, HEAD, chat_ids

    names = ("<|im_start|>", "<|im_end|>")
    tokens = CharTokenizer("abcdefghijusertistanm\n", names)
    tokens.template = (HEAD + BODY).replace("\\n", "\n")
    start, end = map(tokens.special_id, names)
    ids, learn = sft.answer_mask(partial(chat_ids, tokens), TWO, end)
    learned = [token for token, on in zip(ids, learn) if on]
    assert learned == [*tokens.encode("c"), end, *tokens.encode("ef"), end]
    assert ids.count(start) == 4


def test_gradient_of_the_logits_is_p_minus_e_over_the_count():
    """∂L/∂z_t = m_t (p_t − e_y)/Σm, from softmax alone; float64, so 1e-14."""
    rng = np.random.default_rng(0)
    y = np.array([[IGNORE, 3, 1, IGNORE], [2, IGNORE, IGNORE, 0]])
    z = Tensor(rng.normal(size=(2, 4, 5)), requires_grad=True)
    sft.sft_loss(lambda x: x, z, y).backward()
    p = np.exp(z.numpy()) / np.exp(z.numpy()).sum(-1, keepdims=True)
    want = np.where((y >= 0)[..., None], p - np.eye(5)[np.maximum(y, 0)], 0) / 4
    np.testing.assert_allclose(z.grad.numpy(), want, atol=1e-14)


@pytest.fixture
def model():
    return models.gpt2_tiny(rng=0, dtype="f8", vocab=14, dim=16, layers=1, length=32)


def some(rng, n, counts):
    """A micro-batch (n, 8) with so many targets per row."""
    x = rng.integers(0, 14, (n, 8))
    y = np.full((n, 8), IGNORE)
    for row, count in zip(y, counts):
        row[8 - count :] = rng.integers(0, 14, count) if count else []
    return x, y


def gradient(model):
    found = np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])
    for p in model.parameters():
        p.grad = None
    return found


def test_accumulation_is_one_large_batch(model):
    """(3): whatever the micro-batches' counts; the mean of means differs by −cov/n̄."""
    rng = np.random.default_rng(1)
    micro = [some(rng, 2, c) for c in ((1, 2), (8, 7), (0, 0), (3, 0))]
    losses, counts = [], []
    for x, y in micro:
        n = int((y != IGNORE).sum())
        if n:
            losses.append(sft.sft_loss(model, tensor(x), tensor(y)).item())
            counts.append(n)
    got = sft.accumulate(model, micro)
    g = gradient(model)
    whole = tuple(np.concatenate(parts) for parts in zip(*micro))
    loss = recipes.lm_loss(model, *map(tensor, whole))
    loss.backward()
    np.testing.assert_allclose(g, gradient(model), atol=1e-14)
    assert got == pytest.approx(loss.item(), abs=1e-13)
    counts, losses = np.array(counts), np.array(losses)
    covariance = np.mean(counts * losses) - counts.mean() * losses.mean()
    gap = losses.mean() - got
    assert gap == pytest.approx(-covariance / counts.mean(), abs=1e-12)
    assert abs(gap) > 1e-3


def test_one_denominator_for_all_micro_batches(model):
    rng = np.random.default_rng(2)
    micro = [some(rng, 1, (c,)) for c in (2, 6)]
    total = sft.counted(*(y for _, y in micro))
    parts = [sft.sft_loss(model, *map(tensor, b), total).item() for b in micro]
    assert total == 8 and sum(parts) == pytest.approx(sft.accumulate(model, micro))


def test_padding_changes_nothing(model):
    """A causal model does not look at what is on the right; 1e-14 is the sums' order."""
    short, long = (sft.shifted(*sft.answer_mask(TO_IDS, m, END), BOS)
                   for m in (say("a", "b"), TWO))  # fmt: skip
    x, y = sft.collate([short, long], pad=7)
    assert x.shape == (2, 14) and (x[0, len(short.x) :] == 7).all()
    assert sft.counted(y) == sft.counted(short.y) + sft.counted(long.y) == 7
    alone = [sft.sft_loss(model, tensor(e.x[None]), tensor(e.y[None]), 7).item()
             for e in (short, long)]  # fmt: skip
    together = sft.sft_loss(model, tensor(x), tensor(y)).item()
    assert together == pytest.approx(sum(alone), abs=1e-14)


def test_a_row_without_targets_is_fine_beside_others(model):
    x, y = some(np.random.default_rng(3), 2, (0, 3))
    both = sft.sft_loss(model, tensor(x), tensor(y)).item()
    assert both == pytest.approx(
        sft.sft_loss(model, tensor(x[1:]), tensor(y[1:])).item(), abs=1e-14
    )


# --- refusals ------------------------------------------------------------------------


def test_a_long_conversation_is_refused_or_cut():
    example = sft.shifted(*sft.answer_mask(TO_IDS, TWO, END), BOS)
    assert sft.fitted(example, 14) is example
    with pytest.raises(ValueError, match="14 tokens is longer than the window of 13"):
        sft.fitted(example, 13)
    cut = sft.fitted(example, 8, "cut")
    assert len(cut.x) == len(cut.y) == 8 and sft.counted(cut.y) == 2
    with pytest.raises(ValueError, match="the first 5 are all prompt"):
        sft.fitted(example, 5, "cut")
    with pytest.raises(ValueError, match="long='drop' is none of"):
        sft.fitted(example, 5, "drop")


@pytest.mark.parametrize(
    "ids, where",
    [([BOS, BOS, 1], r"at \[0, 1\]"), ([1, BOS], r"at \[1\]"), ([1, 2], "nowhere")],
)
def test_two_bos_or_none_are_refused(ids, where):
    with pytest.raises(ValueError, match=f"it stands {where}; .*special tokens off"):
        sft.shifted(ids, [True] * len(ids), BOS)


def test_nothing_to_learn_is_said(model):
    with pytest.raises(ValueError, match="none of the 1 messages is an assistant's"):
        sft.answer_mask(TO_IDS, say("a"), END)
    x, y = some(np.random.default_rng(4), 2, (0, 0))
    with pytest.raises(ValueError, match="none of the 16 targets counts"):
        sft.sft_loss(model, tensor(x), tensor(y))
    with pytest.raises(ValueError, match="no target of the 2 micro-batches counts"):
        sft.accumulate(model, [(x, y), (x, y)])


def test_a_template_without_a_place_for_the_answer_is_refused():
    def no_place(messages, reply):
        return [BOS] + [int(i) for m in messages for i in TOKENS.encode(m["content"])]

    with pytest.raises(ValueError, match="no place for the answer of message 1"):
        sft.answer_mask(no_place, say("a", "b"), END)

    def other_prompt(messages, reply):
        return TO_IDS(messages, False) + ([USER] if reply else [])

    with pytest.raises(ValueError, match="no place for the answer"):
        sft.answer_mask(other_prompt, say("a", "b"), END)


@pytest.mark.parametrize(
    "message", [{"role": "tool", "content": "a"}, {"role": "user"}, "hello"]
)
def test_a_strange_message_is_refused(message):
    with pytest.raises(ValueError, match="a message is"):
        TO_IDS([message], False)


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="no example to put into a batch"):
        sft.collate([])


def test_an_unknown_objective_is_refused():
    with pytest.raises(ValueError, match=r"objective='p\(x\)' is none of"):
        sft.shifted([BOS, 1], [False, True], BOS, "p(x)")


# --- the constructed instructions ---------------------------------------------------


def test_held_out_words_are_held_out():
    parts = {
        split: set(data.instruction_words(split))
        for split in ("train", "valid", "test")
    }
    assert not parts["train"] & parts["test"] and not parts["train"] & parts["valid"]
    assert not parts["valid"] & parts["test"] and min(map(len, parts.values())) > 400
    with pytest.raises(data.DataError, match="split='dev'"):
        data.instruction_words("dev")


@pytest.mark.parametrize(
    "task, answer",
    {"copy": "wisdom", "reverse": "modsiw", "first": "w", "last": "m", "count": "6",
     "capitals": "WISDOM", "double": "wisdomwisdom", "vowels": "io"}.items(),
)  # fmt: skip
def test_each_instruction(task, answer):
    asked, given = data.instruction(task, "wisdom")
    assert asked == {"role": "user", "content": f"{task}: wisdom"}
    assert given == {"role": "assistant", "content": answer}


def test_drawing_instructions():
    rng, words = np.random.default_rng(0), ["lord", "hand"]
    assert len(list(data.instructions(words, rng))) == 16
    drawn = list(data.instructions(words, rng, 200))
    assert len({m[0]["content"] for m in drawn}) == 16 and len(drawn) == 200
    with pytest.raises(data.DataError, match="task='sing'"):
        data.instruction("sing", "lord")
