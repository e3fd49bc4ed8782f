"""The workloads of real.py in PyTorch: transformers and PEFT, or torchvision's layout."""

import peft
import real
import torch
import torch.nn.functional as F
import transformers
from torch import nn
from workloads import ADAMW


class Sentences(nn.Module):
    """BERT, the mean of its states over the real tokens, a head of two classes."""

    def __init__(self):
        super().__init__()
        config = transformers.BertConfig(**real.BERT)
        self.bert = transformers.BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(config.hidden_size, 2)

    def forward(self, ids, mask):
        states = self.bert(ids, attention_mask=mask).last_hidden_state
        weights = mask[..., None].to(states.dtype)
        return self.head((states * weights).sum(1) / weights.sum(1))


def llama():
    """A causal Llama with tied embeddings."""
    config = transformers.LlamaConfig(**real.LLAMA)
    config.bos_token_id, config.eos_token_id, config.pad_token_id = None, None, None
    return transformers.LlamaForCausalLM(config)


def with_lora(model, linears):
    """PEFT's LoRA on the linears, started from real.lora; the base is frozen."""
    kinds = {name: part for part, names in real.PARTS.items() for name in names}
    config = peft.LoraConfig(
        r=real.RANK, lora_alpha=real.ALPHA, target_modules=list(linears)
    )
    model = peft.get_peft_model(model, config)
    for name, module in model.named_modules():
        if not isinstance(module, peft.tuners.lora.Linear):
            continue
        *_, layer, _, kind = name.replace("attention.", "").split(".")
        outputs, width = module.base_layer.weight.shape
        for factor, value in zip(
            (module.lora_A, module.lora_B),
            real.lora(layer, kinds[kind], width, outputs),
        ):
            factor["default"].weight.data.copy_(torch.from_numpy(value))
    return model


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, wider, stride):
        super().__init__()
        self.adds, inside = stride == 1 and inputs == outputs, inputs * wider
        parts = [unit(inputs, inside, 1)] if wider > 1 else []
        parts += [unit(inside, inside, 3, stride, inside)]
        parts += [nn.Conv2d(inside, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*parts)

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


def unit(inputs, outputs, size, stride=1, groups=1):
    """Convolution, batch norm and ReLU6."""
    conv = nn.Conv2d(
        inputs, outputs, size, stride, size // 2, groups=groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class MobileNetV2(nn.Module):
    STAGES = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self, classes):
        super().__init__()
        parts, inputs = [unit(3, 32, 3, 2)], 32
        for wider, outputs, count, stride in self.STAGES:
            for i in range(count):
                parts.append(Inverted(inputs, outputs, wider, 1 if i else stride))
                inputs = outputs
        self.features = nn.Sequential(*parts, unit(inputs, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(1280, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.bn3, self.downsample = nn.BatchNorm2d(outputs), nn.Identity()
        if inputs != outputs or stride > 1:
            change = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(change, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu_()
        y = self.bn2(self.conv2(y)).relu_()
        return (self.bn3(self.conv3(y)) + self.downsample(x)).relu_()


class ResNet50(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1, inputs = nn.BatchNorm2d(64), 64
        for stage, (depth, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512))):
            blocks = []
            for i in range(depth):
                blocks.append(Bottleneck(inputs, width, 2 if stage and not i else 1))
                inputs = 4 * width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.max_pool2d(self.bn1(self.conv1(x)).relu_(), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class Sequences(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(real.LSTM["input"], real.LSTM["hidden"])
        self.fc = nn.Linear(real.LSTM["hidden"], real.LSTM["classes"])

    def forward(self, x):
        return self.fc(self.rnn(x)[0][-1])


def filled(model):
    """The model with the values that its names stand for."""
    state = model.state_dict()
    names = [name for name in state if not name.endswith(("tracked", "lm_head.weight"))]
    values = real.values({name: state[name].shape for name in names})
    known = {name: torch.from_numpy(value) for name, value in values.items()}
    model.load_state_dict(known, strict=False)
    if hasattr(model, "tie_weights"):
        model.tie_weights()
    return model


def make(name):
    """(model, what it is called with) of a workload."""
    if name == "minilm":
        model = filled(Sentences())
        model.bert = with_lora(model.bert, ("query", "value"))
        return model, lambda ids, mask: model(ids, mask)
    if name == "smollm":
        model = with_lora(filled(llama()), ("q_proj", "v_proj"))
        return model, lambda ids: model(input_ids=ids, use_cache=False).logits[0]
    if name == "generate":
        model = filled(llama()).eval()
        options = {"max_new_tokens": real.NEW, "do_sample": False, "use_cache": True}
        return model, lambda ids: model.generate(
            ids, attention_mask=torch.ones_like(ids), **options
        )
    if name == "lstm":
        model = filled(Sequences())
    else:
        build = MobileNetV2 if name.startswith("mobilenet") else ResNet50
        model = filled(build(real.IMAGES[name][2]))
    return model, model


def build(name):
    """step() of a workload."""
    model, call = make(name)
    arrays = [torch.from_numpy(a) for a in real.batch(name)]
    if name == "generate" or name in real.FORWARD:
        model.eval()

        def step():
            with torch.no_grad():
                y = call(*arrays)
            return (
                y.float().mean().item()
                if name == "generate"
                else y.std(correction=0).item()
            )

        return step
    *inputs, targets = arrays
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, **ADAMW)

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(call(*inputs), targets)
        loss.backward()
        optimiser.step()
        return loss.item()

    return step
