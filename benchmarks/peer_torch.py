"""PyTorch eager on the CPU with its defaults: what every ratio is taken against."""

import os

import real
import torch
import torch.nn.functional as F
import workloads as w
from serve import serve
from torch import nn

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


class Block(nn.Module):
    """Pre-norm GPT block; q, k and v as one product, which is PyTorch's faster way."""

    def __init__(self, c, values, path):
        super().__init__()
        C, self.heads = c["dim"], c["heads"]
        self.norm1, self.norm2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.qkv, self.o = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.up, self.down = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)
        for kind in ("weight", "bias"):
            parts = [values[f"{path}attn.{p}.{kind}"] for p in "qkv"]
            put(
                getattr(self.qkv, kind), torch.cat([torch.from_numpy(p) for p in parts])
            )
            put(getattr(self.o, kind), values[f"{path}attn.o.{kind}"])
            put(getattr(self.up, kind), values[f"{path}mlp.up.{kind}"])
            put(getattr(self.down, kind), values[f"{path}mlp.down.{kind}"])
        self.lora = nn.ParameterDict()
        if "rank" in c:
            for part in w.LAYERS_LORA:
                for f in "AB":
                    value = torch.from_numpy(values[f"{path}attn.{part}.{f}"])
                    self.lora[part + f] = nn.Parameter(value)

    def forward(self, x):
        B, T, C = x.shape
        a = self.norm1(x)
        q, k, v = self.qkv(a).split(C, dim=2)
        if self.lora:
            q = q + w.LORA_SCALE * (a @ self.lora["qA"].T) @ self.lora["qB"].T
            v = v + w.LORA_SCALE * (a @ self.lora["vA"].T) @ self.lora["vB"].T
        q, k, v = (t.view(B, T, self.heads, -1).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, c, values):
        super().__init__()
        self.embed = nn.Embedding(c["vocab"], c["dim"])
        self.position = nn.Embedding(c["length"], c["dim"])
        blocks = (Block(c, values, f"blocks.{i}.") for i in range(c["layers"]))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(c["dim"])
        self.head = nn.Linear(c["dim"], c["vocab"], bias=False)
        for part in ("embed", "position", "head"):
            put(getattr(self, part).weight, values[f"{part}.weight"])
        if "rank" in c:
            for name, p in self.named_parameters():
                p.requires_grad_("lora" in name)

    def forward(self, ids):
        x = self.embed(ids) + self.position(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Identity()
        if inputs != outputs:
            change = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(change, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.downsample(x))


class ResNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1 = nn.Conv2d(c["channels"], w.WIDTHS[0], 3, 1, 1, bias=False)
        self.bn1, inputs = nn.BatchNorm2d(w.WIDTHS[0]), w.WIDTHS[0]
        for i, width in enumerate(w.WIDTHS):
            stage = nn.Sequential()
            for j in range(w.BLOCKS):
                stage.append(Residual(inputs, width, 2 if i and not j else 1))
                inputs = width
            setattr(self, f"layer{i + 1}", stage)
        self.fc = nn.Linear(inputs, w.CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def put(parameter, value):
    value = value if isinstance(value, torch.Tensor) else torch.from_numpy(value)
    parameter.data.copy_(value)


def make(name):
    values = w.weights(name)
    if name in w.GPT:
        return GPT(w.GPT[name], values)
    if name in w.RESNET:
        model = ResNet(w.RESNET[name])
    else:
        a, b, c = w.MLP[name]["sizes"]
        model = nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c))
    state = {k: torch.from_numpy(v) for k, v in values.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all("running" in k or "num_batch" in k for k in missing)
    return model


def build(name):
    if name in real.NAMES:
        import real_torch

        return real_torch.build(name)
    model = make(name)
    if os.environ.get("TORCH_CHANNELS_LAST"):
        model = model.to(memory_format=torch.channels_last)
    x, y = (torch.from_numpy(a) for a in w.batch(name))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, **w.ADAMW)

    def step():
        optimiser.zero_grad(set_to_none=True)
        logits = model(x)
        loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), y.view(-1))
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


if __name__ == "__main__":
    serve(build)
