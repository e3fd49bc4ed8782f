"""The workloads of real.py in tinyft, from its public API only."""

import numpy as np
import real
from workloads import ADAMW

from tinyft import backend, models, nn, no_grad, ops, optim, peft
from tinyft.io import huggingface


class Sentences(nn.Module):
    """BERT, the mean of its states over the real tokens, a head of two classes."""

    def __init__(self):
        self.bert = models.Transformer(huggingface.bert_config(real.BERT))
        self.head = nn.Linear(real.BERT["hidden_size"], 2)

    def forward(self, ids, mask):
        states = self.bert(ids, mask=mask)
        weights = mask[..., None].astype("float32")
        return self.head((states * weights).sum(axis=1) / weights.sum(axis=1))


class Sequences(nn.Module):
    def __init__(self):
        self.rnn = nn.LSTM(real.LSTM["input"], real.LSTM["hidden"])
        self.fc = nn.Linear(real.LSTM["hidden"], real.LSTM["classes"])

    def forward(self, x):
        return self.fc(self.rnn(x)[0][-1])


def filled(model, there=None, back=None):
    """The model with the values of its public names: `there` and `back` translate."""
    state = model.state_dict()
    public = there(state, model.config) if there else state
    shapes = {name: array.shape for name, array in public.items()}
    kept = {name: a for name, a in public.items() if name.endswith("tracked")}
    del state, public
    tied = shapes.pop("lm_head.weight", None)
    found = kept | real.values({k: v for k, v in shapes.items() if k not in kept})
    if tied:
        found["lm_head.weight"] = found["model.embed_tokens.weight"]
    model.load_state_dict(back(found, model.config) if back else found)
    return model


def llama():
    """A causal Llama with tied embeddings."""
    with nn.init.skipped():
        model = models.Transformer(huggingface.llama_config(real.LLAMA))
    return filled(model, huggingface.to_llama, huggingface.from_llama)


def sentences():
    """Sentences with the values of real.py."""
    with nn.init.skipped():
        model = Sentences()
    filled(model.bert, huggingface.to_bert, huggingface.from_bert)
    head = real.values({"head.weight": model.head.weight.shape, "head.bias": (2,)})
    model.head.load_state_dict({k.partition(".")[2]: v for k, v in head.items()})
    return model


def with_lora(model, also=None):
    """LoRA on q and v, started from real.lora; the adapter. also: what trains besides."""
    method = peft.LoRA(r=real.RANK, alpha=real.ALPHA)
    adapter = peft.attach(model, method, r"attn\.(q|v)", also=also)
    values = adapter.state_dict()
    for path, layer in model.named_modules():
        if f"{path}.A" not in values:
            continue
        *_, index, _, part = path.split(".")
        outputs, width = layer.weight.shape
        for factor, value in zip("AB", real.lora(index, part, width, outputs)):
            values[f"{path}.{factor}"] = value
    adapter.load_state_dict(values)
    return adapter


def make(name):
    """(model, what it is called with, the parameters that train)."""
    if name == "minilm":
        model = sentences()
        return model, model, with_lora(model, ["head"]).parameters()
    if name == "smollm":
        model = llama()
        return model, lambda ids: model(ids)[0], with_lora(model).parameters()
    if name == "generate":
        model = llama()
        return model, lambda ids: model.generate(ids, real.NEW, greedy=True), []
    if name == "lstm":
        model = filled(Sequences())
        return model, model, model.parameters()
    with nn.init.skipped():
        classes = real.IMAGES[name][2]
        if name.startswith("mobilenet"):
            model = models.mobilenet_v2(classes=classes, dropout=0.0)
        else:
            model = models.resnet50(classes=classes)
    model = filled(model)
    return model, model, model.parameters()


def build(name, device="cpu"):
    """step() of a workload."""
    model, call, parameters = make(name)
    model.to(device)
    arrays = [backend.to(a, device) for a in real.batch(name)]
    if name == "generate" or name in real.FORWARD:
        model.eval()

        def step():
            with no_grad():
                y = call(*arrays)
            return float(np.mean(y)) if name == "generate" else float(y.numpy().std())

        return step
    *inputs, targets = arrays
    optimiser = optim.AdamW(parameters, **ADAMW)

    def step():
        optimiser.zero_grad()
        loss = ops.cross_entropy(call(*inputs), targets)
        loss.backward()
        optimiser.step()
        return loss.item()

    return step
