"""Runs to be killed: `python killed.py KIND FILE OUT`; it resumes if FILE is there.

    gpt      a Transformer with dropout, AdamW, warm-up and cosine, a stream of batches
    resnet   BatchNorm statistics, SGD with momentum, a list of batches
    lora     LoRA with dropout from attach(rng=3), early stopping, accumulation
    lora0    the same from the default generator, and a trained copy of the last norm
    vera     shared matrices beside a bottleneck adapter

Each prints its steps and writes all that it has trained to OUT. `killed_run` kills
it at random moments until it ends, for a comparison with a run that was left alone.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tinyft import data, models, nn, ops, optim, peft, training

STEPS, VOCAB = 18, 24
KINDS = ("gpt", "resnet", "lora", "lora0", "vera")


def language(model, x, y):
    return ops.cross_entropy(model(x).reshape(-1, VOCAB), y.reshape(-1))


def images(model, x, y):
    return ops.cross_entropy(model(x), y)


def text():
    ids = np.random.default_rng(4).integers(0, VOCAB, (20, 9))
    return ids[:, :-1], ids[:, 1:]


def resnet():
    model = models.resnet_tiny(rng=0, depths=(1, 1), widths=(4, 8), classes=3)
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((20, 1, 8, 8)).astype("f4"), rng.integers(0, 3, 20)
    batches = [(x[i : i + 4], y[i : i + 4]) for i in range(0, 20, 4)]
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return model, images, batches, optimizer, {}


def gpt(attach=None):
    model = models.gpt2_tiny(rng=0, vocab=VOCAB, dim=16, layers=1, heads=2, dropout=0.1)
    if attach is not None:
        attach(model)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    total = optim.schedule.warmup_cosine, {"warmup": 3, "total": STEPS}
    schedule = optim.Schedule(optimizer, total[0], **total[1])
    stream = data.BatchStream(np.random.default_rng(6), *text(), batch_size=3)
    options = {"schedule": schedule, "clip": 1.0, "accumulate": 2}
    return model, language, stream, optimizer, options


def lora(rng, also=None):
    def attach(model):
        peft.attach(
            model, peft.LoRA(r=2, dropout=0.3), r"attn\.(q|v)", rng=rng, also=also
        )

    return gpt(attach)


def vera():
    def attach(model):
        peft.attach(model, peft.VeRA(r=4, dropout=0.3), r"attn\.(q|v)", rng=3)
        peft.attach(model, peft.Bottleneck(m=3), "mlp", "second", rng=8)

    return gpt(attach)


MAKERS = {
    "gpt": gpt,
    "resnet": resnet,
    "lora": lambda: lora(3),
    "lora0": lambda: lora(None, "^norm"),
    "vera": vera,
}


def run(kind, path, on_step=lambda step, loss: None):
    """Train `kind` to its end, from where `path` says; return all that it has changed."""
    nn.manual_seed(1)
    model, loss, batches, optimizer, options = MAKERS[kind]()
    early = training.EarlyStopping(4)
    stream = batches if isinstance(batches, data.BatchStream) else None
    held_out = [next(iter(data.batches(None, *text(), batch_size=9, shuffle=False)))]
    held_out = batches[:1] if kind == "resnet" else held_out

    def judge():
        return training.evaluate(model, held_out, loss=lambda y, t: flat(y, t))

    kept = training.Checkpoint(
        path, model, optimizer, options.get("schedule"), None, stream, early
    )
    training.fit(
        model,
        loss,
        batches,
        optimizer,
        steps=STEPS,
        start=kept.resume(),
        every=2,
        evaluate=judge,
        early_stopping=early,
        checkpoint=kept,
        on_step=on_step,
        progress=False,
        **options,
    )
    return everything(model, optimizer)


def flat(logits, targets):
    return ops.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


def everything(model, optimizer):
    """Weights, adapters, buffers, moments and the next random numbers, as bytes."""
    arrays = [t.numpy() for t in (*model.parameters(), *model.buffers())]
    arrays += [np.asarray(a) for a in optimizer.state_dict().values()]
    drawn = nn.init.generator().random(3)
    return b"".join(a.tobytes() for a in (*arrays, drawn))


def start(kind, path, out):
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, __file__, kind, str(path), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def killed_run(kind, folder, rng, kills):
    """(bytes at the end, number of kills) of a run that is killed `kills` times at most."""
    path, out = folder / "run.safetensors", folder / "out"
    for i in range(kills):
        with start(kind, path, out) as process:
            for _ in range(int(rng.integers(1, 9))):
                process.stdout.readline()
            time.sleep(rng.uniform(0, 0.02))  # in the middle of a step, or of a write
            process.kill()
        if out.exists():
            return out.read_bytes(), i
    with start(kind, path, out) as process:
        process.stdout.read()
    return out.read_bytes(), kills


if __name__ == "__main__":
    kind, path, out = sys.argv[1:]
    done = run(kind, path, lambda step, loss: print(step, flush=True))
    Path(out).write_bytes(done)
