"""Instruction tuning: a conversation as ids, its targets, and one denominator.

    ids = [BOS] [USER] text [END] [BOT] text [END] ...       special tokens by their ids
    y_t = ids_{t+1} if that token is of an answer or ends one, else −100              (1)
    p(y|x): the answers alone are targets;  p(x, y): every token is                   (2)
    L = Σ_t −log p(y_t) / Σ_t 1,  both sums over the whole global batch               (3)

The shift is made here, once. An answer's first token is predicted at the last position of
its prompt, so that position counts, and the [END] of an answer is learned like a letter:
without it the model would never stop. Texts are encoded as plain text: no message can end
itself. Sources: Ouyang et al. 2022, Taori et al. 2023 (2); Hugging Face's PR 34191 (3).
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from tinyft import backend, ops
from tinyft.autograd import Tensor
from tinyft.data import IGNORE

OBJECTIVES = ("p(y|x)", "p(x,y)")
LONG = ("refuse", "cut")


@dataclass(frozen=True)
class Template:
    """The names of the special tokens around each turn of a conversation."""

    bos: str = "[BOS]"
    user: str = "[USER]"
    assistant: str = "[BOT]"
    end: str = "[END]"

    @property
    def specials(self):
        """What a tokenizer must have been made with: specials=Template().specials."""
        return self.bos, self.user, self.assistant, self.end

    def ids(self, tokenizer, messages, reply=True):
        """The ids of [{"role": "user", "content": "..."}, ...], a list, as of `chat_ids`.

        reply: end where the assistant's answer begins. Raises ValueError for a role that
        the template lacks or a message without a text.
        """
        known = {"user": self.user, "assistant": self.assistant}
        ids, end = [tokenizer.special_id(self.bos)], tokenizer.special_id(self.end)
        for message in messages:
            told = message if isinstance(message, dict) else {}
            role, text = told.get("role"), told.get("content")
            if role not in known or not isinstance(text, str):
                raise ValueError(
                    'Template: a message is {"role": "user" or "assistant", "content": '
                    f"a text}}, got {message!r:.80}"
                )
            ids += [tokenizer.special_id(known[role]), *tokenizer.encode(text), end]
        if reply:
            ids.append(tokenizer.special_id(self.assistant))
        return [int(i) for i in ids]


class Example(NamedTuple):
    """One conversation to learn: inputs and targets, host arrays (T,), shifted (1)."""

    x: object
    y: object


def answer_mask(to_ids, messages, end):
    """(ids, learn): a conversation's ids, and which of them are an answer or its end.

    to_ids(messages, reply) -> ids, such as `partial(Template().ids, tokenizer)` or
    `partial(chat_ids, tokenizer)`; end: the id that closes a turn. Both lists have one
    entry per token; nothing is shifted yet. Raises ValueError without an answer, and for
    a template that has no place for one.
    """
    ids = list(to_ids(messages, False))
    learn = [False] * len(ids)
    for i, message in enumerate(messages):
        if message.get("role") == "assistant":
            prompt, turn = to_ids(messages[:i], True), to_ids(messages[: i + 1], False)
            start, stop = len(prompt), len(turn)
            if ids[:start] != list(prompt) or end not in ids[start:stop]:
                raise ValueError(
                    f"answer_mask: the template has no place for the answer of message "
                    f"{i}: the ids of the messages before it, with reply=True, should "
                    f"begin the conversation, and the id {end} should end the answer"
                )
            last = stop - 1 - ids[start:stop][::-1].index(end)
            learn[start : last + 1] = [True] * (last + 1 - start)
    if not any(learn):
        raise ValueError(
            f"answer_mask: none of the {len(messages)} messages is an assistant's, so "
            "there is no answer to learn"
        )
    return ids, learn


def shifted(ids, learn, bos=None, objective="p(y|x)"):
    """The Example of ids and which of them to learn: targets one place to the left (1).

    bos: the id that must stand in front and nowhere else; None: the model has none.
    objective: "p(y|x)" or "p(x,y)" (2). Raises ValueError for two BOS or none.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"shifted: objective={objective!r} is none of {OBJECTIVES}")
    xp = backend.host()
    ids, learn = xp.asarray(ids), xp.asarray(learn, bool)
    if bos is not None:
        one_bos(ids, bos)
    learn = xp.ones_like(learn) if objective == "p(x,y)" else learn
    return Example(ids[:-1], xp.where(learn[1:], ids[1:], IGNORE))


def chat_examples(tokenizer, conversations, objective="p(y|x)", template=None):
    """The Example of each conversation, a list, in the course's template or another."""
    template = template or Template()
    to_ids = partial(template.ids, tokenizer)
    bos, end = map(tokenizer.special_id, (template.bos, template.end))
    return [
        shifted(*answer_mask(to_ids, messages, end), bos, objective)
        for messages in conversations
    ]


def one_bos(ids, bos):
    """Raise ValueError unless ids begin with `bos` and have no other."""
    found = [i for i, token in enumerate(ids) if token == bos]
    if found != [0]:
        where = f"at {found}" if found else "nowhere"
        raise ValueError(
            f"one_bos: the BOS (id {bos}) should stand at 0 and nowhere else, it stands "
            f"{where}; the template writes it, so tokenise with special tokens off"
        )


def fitted(example, length, long="refuse"):
    """The example, at most `length` inputs long; of a longer one the end is cut off.

    long: "refuse" raises ValueError, "cut" cuts; it raises too where no target is left.
    """
    if long not in LONG:
        raise ValueError(f"fitted: long={long!r} is none of {LONG}")
    if len(example.x) <= length:
        return example
    if long == "refuse":
        raise ValueError(
            f"fitted: a conversation of {len(example.x)} tokens is longer than the "
            f'window of {length}; leave it out, or cut off its end with long="cut"'
        )
    cut = Example(example.x[:length], example.y[:length])
    if not counted(cut.y):
        raise ValueError(
            f"fitted: of {len(example.x)} tokens the first {length} are all prompt, so "
            "nothing to learn is left; leave the conversation out, or shorten its prompt"
        )
    return cut


def collate(examples, pad=0):
    """Examples as one batch: x and y (B, T), T the longest; shorter ones are padded.

    pad: an id, on the right, where a causal model's tokens do not see it. Its targets do
    not count. An example without targets is fine beside others.
    """
    if not examples:
        raise ValueError("collate: there is no example to put into a batch")
    xp = backend.host()
    T = max(len(example.x) for example in examples)
    x = xp.full((len(examples), T), pad)
    y = xp.full((len(examples), T), IGNORE)
    for i, example in enumerate(examples):
        x[i, : len(example.x)], y[i, : len(example.y)] = example
    return x, y


def chat_batch(tokenizer, conversations, objective="p(y|x)"):
    """Conversations as one padded batch x, y (B, T), in the course's template."""
    examples = chat_examples(tokenizer, conversations, objective)
    return collate(examples, tokenizer.pad_id)


def counted(*targets):
    """How many targets count, in all arrays together: the denominator of (3)."""
    arrays = (y.data if isinstance(y, Tensor) else y for y in targets)
    return sum(int((y != IGNORE).sum()) for y in arrays)


def sft_loss(model, x, y, total=None, **inputs):
    """Σ −log p(y_t) / total, a scalar Tensor; x, y (B, T) on the model's device.

    total: the targets of the whole global batch (3), by default those of this one, so
    that the losses of micro-batches add up. inputs: of the model, such as mask. Raises
    ValueError when no target counts.
    """
    total = counted(y) if total is None else total
    if not total:
        raise ValueError(
            f"sft_loss: none of the {y.size} targets counts, all are {IGNORE}: was every "
            "answer cut off or masked? The mean loss is 0/0; leave this batch out"
        )
    logits = model(x, **inputs)
    flat = logits.reshape(-1, logits.shape[-1])
    return ops.cross_entropy(flat, y.reshape(-1), reduction="sum") / total


def accumulate(model, batches):
    """Add the gradient of (3) over micro-batches (x, y) to .grad; the loss, a float.

    It is that of one batch of all rows, whatever the numbers of targets. A micro-batch
    without targets adds nothing; ValueError when all are like that.
    """
    batches = list(batches)
    total, loss = counted(*(y for _, y in batches)), 0.0
    if not total:
        raise ValueError(
            f"accumulate: no target of the {len(batches)} micro-batches counts; the mean "
            "loss is 0/0"
        )
    for x, y in batches:
        if counted(y):
            part = sft_loss(model, there(model, x), there(model, y), total)
            part.backward()
            loss += part.item()
    return loss


def there(model, array):
    """A host array as a Tensor where the model is."""
    return Tensor(backend.to(array, next(model.parameters()).device))
