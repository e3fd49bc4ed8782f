"""How our own checkpoints are trained: one function a checkpoint, all numbers in sight.

    resnet_digits6   ResNet-14 on the digits 0..5: the source task of many chapters
    resnet_digits    the same on all ten digits
    vit_digits       a ViT of 2×2 patches on all ten digits
    gpt_text         GPT-2's shape on early modern English (Shakespeare and the Bible)
    bert_text        BERT's shape, rotary positions, masked tokens of the same text
    gpt_kjv          GPT-2's shape on the whole King James Bible, kept as float16
    char_text        a small GPT on single characters of that early modern English
    char_chat        the same, fine-tuned to follow instructions

Every random number comes from one generator with a fixed seed, so on one machine (and
with one number of BLAS threads) a recipe gives the same bytes each time.
"""

import itertools
from collections import deque
from dataclasses import dataclass
from functools import partial

from tinyft import backend, data, models, objectives, ops
from tinyft.models.presets import louder
from tinyft.nn import Module
from tinyft.objectives.language import flat_loss, lm_loss
from tinyft.optim import AdamW, Schedule
from tinyft.optim.schedule import warmup_cosine
from tinyft.training.loop import fit
from tinyft.training.metrics import accuracy, evaluate
from tinyft.training.pretrained import load_pretrained
from tinyft.training.run import Checkpoint

SEED = 2026
TEXTS = ("shakespeare", "bible")
FILES = tuple(f"{name}.txt" for name in TEXTS)
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[BOS]", "[EOS]")
VOCAB, LENGTH, BATCH = 1024, 128, 16


@dataclass
class Trained:
    """What a recipe returns: everything that goes into the checkpoint."""

    model: Module
    steps: int
    files: tuple  # of tinyft/data, for their hashes
    loss: float  # the mean of the last steps
    tokenizer: object = None
    classes: tuple = ()
    texts: tuple = TEXTS  # that a language model is judged on
    dtype: str = "float32"  # of the stored weights


def train(model, loss_fn, batches, steps, lr, decay, progress, rng, run=None):
    """AdamW, a tenth of the steps warm-up, then the cosine; norm clipped at 1.

    rng: what `batches` draw from. run: a file that holds the run while it lasts; a run
    that was stopped goes on from there. Returns the mean loss since the last log point.
    """
    optimizer = AdamW(groups(model, decay), lr=lr, betas=(0.9, 0.98))
    schedule = Schedule(optimizer, warmup_cosine, warmup=steps // 10, total=steps)
    stream = batches if isinstance(batches, data.BatchStream) else None
    kept, start, every = None, 0, max(1, steps // 20)
    losses = deque(maxlen=every)
    if run is not None:
        parts = {"schedule": schedule, "rng": rng, "stream": stream}
        extra, about = (lambda: {"losses": stacked(losses)}), {"steps": str(steps)}
        kept = Checkpoint(run, model, optimizer, **parts, extra=extra, metadata=about)
        start = kept.resume()
        losses.extend(start.extra.get("losses", ()))
    fit(
        model,
        loss_fn,
        batches,
        optimizer,
        steps=steps,
        start=start,
        every=every,
        schedule=schedule,
        clip=1.0,
        checkpoint=kept,
        on_step=lambda step, loss: losses.append(loss),
        progress=progress,
    )
    last = list(losses)[-(steps % every or every) :]
    return float(sum(last)) / len(last)


def stacked(losses):
    """0-d arrays as one array."""
    return backend.asnumpy([loss.item() for loss in losses]).astype("float32")


def groups(model, decay):
    """Matrices and filters decay; biases and norm parameters do not."""
    params = list(model.parameters())
    return [
        {"params": [p for p in params if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
    ]


# --- digits ------------------------------------------------------------------------
RESNET, VIT = partial(models.resnet_tiny, depths=(2, 2, 2)), models.vit_tiny


def resnet_digits6(steps=None, progress=True, run=None):
    """Digits 0..5, 864 training images."""
    return _digits(RESNET, tuple(range(6)), steps or 400, progress, run)


def resnet_digits(steps=None, progress=True, run=None):
    """All ten digits, 1438 training images."""
    return _digits(RESNET, tuple(range(10)), steps or 600, progress, run)


def vit_digits(steps=None, progress=True, run=None):
    """A ViT of 2×2 patches on all ten digits; 3 layers of width 64, 0.10 M parameters.

    Matrices are drawn with 0.08, as in bert_text. Dropout did not help on validation.
    """
    return _digits(VIT, tuple(range(10)), steps or 600, progress, run, 2e-3)


def _digits(make, classes, steps, progress, run, lr=3e-3):
    rng = backend.rng(SEED)
    model = make(rng, classes=len(classes))
    model = louder(model) if make is VIT else model
    x, y = data.load_digits("train", classes)
    batches = data.BatchStream(rng, x, y, batch_size=64, drop_last=True)
    loss = train(model, _digit_loss, batches, steps, lr, 0.05, progress, rng, run)
    return Trained(model, steps, ("digits.npz",), loss, classes=classes)


def _digit_loss(model, x, y):
    return ops.cross_entropy(model(x), y)


# --- text --------------------------------------------------------------------------


def gpt_text(steps=None, progress=True, run=None):
    """Next-token prediction; 3 layers of width 128, 0.74 M parameters."""
    steps, rng, tokenizer = steps or 800, backend.rng(SEED), _tokenizer()
    model = models.gpt2_tiny(rng, **_shape(tokenizer))
    ids = _training_ids(tokenizer)
    batches = (data.lm_batch(rng, ids, BATCH, LENGTH) for _ in itertools.count())
    loss = train(model, lm_loss, batches, steps, 2e-3, 0.1, progress, rng, run)
    return Trained(model, steps, FILES, loss, tokenizer)


def gpt_kjv(steps=None, progress=True, run=None):
    """Next-token prediction; 3 layers of width 160, 4096 tokens, 1.6 M parameters.

    Its samples are made of real words, which the smaller `gpt_text` cannot promise.
    """
    steps, rng = steps or 2400, backend.rng(SEED)
    text = data.load_text("kjv", "train")
    tokenizer = data.BPETokenizer.train(text, 4096, SPECIALS)
    shape = _shape(tokenizer) | {"dim": 160}
    model, ids = models.gpt2_tiny(rng, **shape), tokenizer.encode(text)
    batches = (data.lm_batch(rng, ids, BATCH, LENGTH) for _ in itertools.count())
    loss = train(model, lm_loss, batches, steps, 2e-3, 0.1, progress, rng, run)
    files = ("kjv.txt.xz",)
    return Trained(model, steps, files, loss, tokenizer, (), ("kjv",), "float16")


def bert_text(steps=None, progress=True, run=None):
    """15 % of the tokens masked, [CLS] first; 3 layers of width 128, 0.74 M parameters.

    Two departures from BERT: rotary positions (RoFormer, Su et al. 2021), and matrices
    drawn with 0.08, about 1/sqrt(128), for 0.02 is made for width 768. With learned
    positions 1000 steps on this text stay at the frequencies of single words (5.1 nats).
    """
    steps, rng, tokenizer = steps or 800, backend.rng(SEED), _tokenizer()
    model = louder(models.bert_tiny(rng, **_shape(tokenizer), positions="rotary"))
    ids = _training_ids(tokenizer)
    rows = partial(data.masked_rows, rng, tokenizer, ids, BATCH, LENGTH)
    batches = (rows() for _ in itertools.count())
    loss = train(model, lm_loss, batches, steps, 2e-3, 0.1, progress, rng, run)
    return Trained(model, steps, FILES, loss, tokenizer)


def char_text(steps=None, progress=True, run=None):
    """Next character; 3 layers of width 64, rotary positions, 0.16 M parameters."""
    steps, rng = steps or 600, backend.rng(SEED)
    tokenizer = data.instruction_tokenizer(objectives.Template().specials)
    shape = _shape(tokenizer) | {"dim": 64, "positions": "rotary"}
    model, ids = louder(models.gpt2_tiny(rng, **shape)), _training_ids(tokenizer)
    batches = (data.lm_batch(rng, ids, BATCH, LENGTH) for _ in itertools.count())
    loss = train(model, lm_loss, batches, steps, 4e-3, 0.1, progress, rng, run)
    return Trained(model, steps, FILES, loss, tokenizer, (), TEXTS, "float16")


def char_chat(steps=None, progress=True, run=None):
    """`char_text` told what to do: eight instructions on words, answers as targets."""
    steps, rng = steps or 1200, backend.rng(SEED)
    model, tokenizer, _ = load_pretrained("char_text")
    words, batch = data.instruction_words(), partial(objectives.chat_batch, tokenizer)
    batches = (batch(data.instructions(words, rng, 48)) for _ in itertools.count())
    loss = train(model, lm_loss, batches, steps, 4e-3, 0.0, progress, rng, run)
    told = ("instructions",)
    return Trained(model, steps, FILES, loss, tokenizer, (), told, "float16")


def _tokenizer():
    text = "".join(data.load_text(name, "train") for name in TEXTS)
    return data.BPETokenizer.train(text, VOCAB, SPECIALS)


def _shape(tokenizer):
    return {"vocab": len(tokenizer), "dim": 128, "layers": 3, "length": LENGTH}


def _training_ids(tokenizer):
    return tokenizer.encode("\n".join(data.load_text(name, "train") for name in TEXTS))


# --- held-out data -----------------------------------------------------------------


def judge(model, tokenizer=None, classes=(), texts=TEXTS):
    """{name: float} on held-out data: loss and accuracy, or the loss on each text."""
    if tokenizer is None:
        x, y = data.load_digits("test", classes)
        test = data.batches(None, x, y, batch_size=100, shuffle=False)
        return evaluate(model, test, loss=ops.cross_entropy, accuracy=accuracy)
    pairs = {f"loss_{name}": _pairs(model, tokenizer, name) for name in texts}
    return {k: evaluate(model, p, loss=flat_loss)["loss"] for k, p in pairs.items()}


def _pairs(model, tokenizer, name):
    """[(x, y)] of a text, or of the instructions on the words held out for testing."""
    if name == "instructions":
        words = data.instruction_words("test")
        told = partial(objectives.chat_batch, tokenizer)
        return [told(data.instructions([word])) for word in words]
    if model.config.causal:
        return data.next_tokens(tokenizer, name, LENGTH)
    return data.masked_tokens(tokenizer, name, LENGTH, SEED + 1)
