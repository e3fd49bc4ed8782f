"""A run that can be killed: `python tiny.py FILE STEPS EVERY OUT [DELAY]`.

An MLP with dropout on random data: AdamW, warm-up and cosine, clipping, a resumable
stream, early-stopping state. It resumes from FILE if there is one, prints each step,
and writes its last weights to OUT. DELAY is a pause in each step, to be killed in.
"""

import sys
import time

import numpy as np

from tinyft import data, nn, ops, optim, training

STEPS = 24
HELD_OUT = [(np.eye(6, dtype="f4"), np.arange(6) % 3)]


def parts(seed=0):
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Linear(6, 16, rng=rng),
        nn.ReLU(),
        nn.Dropout(0.3, rng.spawn(1)[0]),
        nn.Linear(16, 3, rng=rng),
        nn.Dropout(0.1),  # draws from the default generator
    )
    x = rng.standard_normal((50, 6)).astype("f4")
    y = rng.integers(0, 3, 50)
    stream = data.BatchStream(rng.spawn(1)[0], x, y, batch_size=8)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    schedule = optim.Schedule(
        optimizer, optim.schedule.warmup_cosine, warmup=3, total=STEPS
    )
    return {
        "model": model,
        "optimizer": optimizer,
        "schedule": schedule,
        "stream": stream,
        "early_stopping": training.EarlyStopping(patience=100),
    }


def loss(model, x, y):
    return ops.cross_entropy(model(x), y)


def train(path, steps=STEPS, every=3, on_step=lambda step, loss: None):
    nn.manual_seed(1)
    p = parts()
    run = training.Checkpoint(path, **p)
    history = training.fit(
        p["model"],
        loss,
        p["stream"],
        p["optimizer"],
        start=run.resume(),
        steps=steps,
        every=every,
        schedule=p["schedule"],
        clip=1.0,
        evaluate=lambda: training.evaluate(
            p["model"], HELD_OUT, loss=ops.cross_entropy
        ),
        early_stopping=p["early_stopping"],
        checkpoint=run,
        on_step=on_step,
        progress=False,
    )
    return p, history


def weights(model):
    return b"".join(t.numpy().tobytes() for t in model.state_dict().values())


if __name__ == "__main__":
    path, steps, every, out, *delay = sys.argv[1:]

    def say(step, loss):
        print(step, flush=True)
        time.sleep(float(delay[0]) if delay else 0)

    done, _ = train(path, int(steps), int(every), say)
    with open(out, "wb") as file:
        file.write(weights(done["model"]))
