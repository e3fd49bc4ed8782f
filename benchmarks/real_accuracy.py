"""LoRA on MiniLM for film reviews in PyTorch and PEFT, beside chapter 29's study.

The same start (MiniLM, the factors A, the head), the same batches, rates and steps; the
ids come from Hugging Face's tokenizer. Needs `tinyft fetch minilm tomatoes`, torch,
transformers and peft:

    OPENBLAS_NUM_THREADS=1 python benchmarks/real_accuracy.py [SEED ...]
"""

import sys
import time

import numpy as np
import peft
import torch
import torch.nn.functional as F
import transformers
from torch import nn

from tinyft import optim, pretrained
from tinyft.course.experiment import interval
from tinyft.course.lessons.real import ch29_reviews as reviews
from tinyft.course.runs import load
from tinyft.peft import attached

FOLDER = pretrained.fetched("minilm")
TOKENS = transformers.AutoTokenizer.from_pretrained(FOLDER)


class Sentiment(nn.Module):
    """PEFT's LoRA on q and v, the mean of the states, a head; started as tinyft's."""

    def __init__(self, seed):
        super().__init__()
        bert = transformers.AutoModel.from_pretrained(FOLDER, add_pooling_layer=False)
        config = peft.LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"])
        self.bert, self.head = peft.get_peft_model(bert, config), nn.Linear(384, 2)
        ours = reviews.prepared("lora", seed)
        (adapter,) = attached(ours).values()
        factors = dict(adapter.named_parameters())
        for name, module in self.bert.named_modules():
            if isinstance(module, peft.tuners.lora.Linear):
                layer = name.split("layer.")[1].split(".")[0]
                kind = "q" if name.endswith("query") else "v"
                A = factors[f"encoder.blocks.{layer}.attn.{kind}.A"].numpy()
                module.lora_A["default"].weight.data.copy_(torch.from_numpy(A))
        self.head.weight.data.copy_(torch.from_numpy(ours.head.weight.numpy()))
        self.head.bias.data.copy_(torch.from_numpy(ours.head.bias.numpy()))

    def forward(self, texts):
        batch = TOKENS(
            list(texts), padding=True, truncation=True, return_tensors="pt",
            max_length=reviews.LONGEST,
        )  # fmt: skip
        states, mask = self.bert(**batch).last_hidden_state, batch["attention_mask"]
        weights = mask[..., None].to(states.dtype)
        return self.head((states * weights).sum(1) / weights.sum(1))


def trained(seed, lr):
    """(the model after the study's training, its losses)."""
    model, (texts, labels) = Sentiment(seed), reviews.review_parts(seed)["train"]
    params = [p for p in model.parameters() if p.requires_grad]
    step = torch.optim.AdamW(params, lr=lr, weight_decay=0.0)
    rng, steps, losses = np.random.default_rng(seed), reviews.STEPS, []
    for t in range(steps):
        chosen = rng.choice(len(texts), reviews.SIZE, replace=False)
        for group in step.param_groups:
            group["lr"] = lr * optim.schedule.warmup_cosine(t, steps // 10, steps)
        loss = F.cross_entropy(
            model([texts[i] for i in chosen]), torch.from_numpy(labels[chosen])
        )
        loss.backward()
        step.step()
        step.zero_grad()
        losses.append(loss.item())
    return model, losses


def accuracy(model, texts, labels, size=50):
    """The share of right labels."""
    model.eval()
    order, right = np.argsort([len(text) for text in texts]), 0
    with torch.no_grad():
        for some in np.split(order, range(size, len(order), size)):
            logits = model([texts[i] for i in some]).numpy()
            right += int((logits.argmax(1) == labels[some]).sum())
    return right / len(texts)


def main(seeds):
    torch.set_num_threads(1)
    study, ours, theirs = load("29_reviews").where(method="lora"), [], []
    lr = study.best_rate()
    for seed in seeds:
        began = time.process_time()
        model, losses = trained(seed, lr)
        right = accuracy(model, *reviews.review_parts(seed)["test"])
        stored = study.where(lr=lr, seed=seed).values("test")[0]
        ours, theirs = [*ours, stored], [*theirs, right]
        seconds = time.process_time() - began
        print(
            f"seed {seed}: first loss {losses[0]:.6f}, test {right:.3f}, "
            f"tinyft's study {stored:.3f} ({seconds:.0f} s)",
            flush=True,
        )
    mean, half = interval(100 * np.subtract(ours, theirs))
    print(
        f"rate {lr:g}: PyTorch + PEFT {100 * np.mean(theirs):.1f}, tinyft "
        f"{100 * np.mean(ours):.1f} %; difference {mean:+.2f} ± {half:.2f} points"
    )


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or range(5))
