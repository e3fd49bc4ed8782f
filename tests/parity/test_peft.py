"""Adapters travel to Hugging Face PEFT and back: the same files, the same numbers.

Each direction: the folder is read without a warning (an error here) and the outputs agree.
float64 networks, and float64 in the files: outputs agree to 1e-12 of their size, sums of a
few hundred products in another order. Where PEFT rounds to float32, the test says so.
"""

import json
import warnings

import numpy as np
import pytest

import tinyft
from tinyft import io, models, nn, ops, peft
from tinyft.io.huggingface import to_bert, to_gpt2, to_llama
from tinyft.nn.select import pattern_value
from tinyft.peft.huggingface.names import _pieces
from tinyft.peft.huggingface.rules import Rules

hf = pytest.importorskip("peft", reason="parity tests compare with Hugging Face PEFT")
torch = pytest.importorskip("torch")

# PEFT asks transformers an old question whenever it wraps a model of it
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is_gradient_checkpointing:FutureWarning",
    "ignore:.*past_key_values. is deprecated:FutureWarning",  # and prefixes by it
)

TOLERANCE = 1e-12
SHAPES = {
    "emb": (13, 6),
    "fc": (6, 10),
    "up": (10, 8),
    "head": (8, 3),
}


class Words(nn.Module):
    """ids (B, T) to (B, T, 3)."""

    def __init__(self, rng=0):
        rng = np.random.default_rng(rng)
        self.emb = nn.Embedding(*SHAPES["emb"], rng)
        for name in ("fc", "up", "head"):
            setattr(self, name, nn.Linear(*SHAPES[name], rng=rng))

    def forward(self, ids):
        return self.head(ops.tanh(self.up(ops.tanh(self.fc(self.emb(ids))))))


class Images(nn.Module):
    """(N, 3, 6, 6) to (N, 4)."""

    def __init__(self, rng=0):
        rng = np.random.default_rng(rng)
        self.conv = nn.Conv2d(3, 8, 3, 2, 1, rng=rng)
        self.bn, self.pw = nn.BatchNorm2d(8), nn.Conv2d(8, 6, 1, bias=False, rng=rng)
        self.head = nn.Linear(6, 4, rng=rng)

    def forward(self, x):
        y = ops.relu(self.pw(ops.relu(self.bn(self.conv(x)))))
        return self.head(y.mean(axis=(2, 3)))


class TorchWords(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(*SHAPES["emb"])
        for name in ("fc", "up", "head"):
            setattr(self, name, torch.nn.Linear(*SHAPES[name]))

    def forward(self, ids):
        return self.head(torch.tanh(self.up(torch.tanh(self.fc(self.emb(ids))))))


class TorchImages(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, 2, 1)
        self.bn, self.pw = torch.nn.BatchNorm2d(8), torch.nn.Conv2d(8, 6, 1, bias=False)
        self.head = torch.nn.Linear(6, 4)

    def forward(self, x):
        y = torch.relu(self.pw(torch.relu(self.bn(self.conv(x)))))
        return self.head(y.mean((2, 3)))


def pair(kind):
    """Our network, PyTorch's with the same float64 weights, and an input."""
    ours, theirs = (
        (Words(), TorchWords()) if kind == "words" else (Images(), TorchImages())
    )
    ours.double()
    state = {k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()}
    theirs.double().load_state_dict(state)
    draw = np.random.default_rng(1)
    x = (
        draw.integers(0, 13, (2, 5))
        if kind == "words"
        else draw.normal(size=(2, 3, 6, 6))
    )
    return ours.eval(), theirs.eval(), x


def run(model, x):
    if isinstance(model, nn.Module):
        with tinyft.no_grad():
            return model.eval()(tinyft.tensor(x)).numpy()
    with torch.no_grad():
        y = model.eval()(torch.tensor(x))
    return getattr(y, "logits", y).numpy()


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def trained(model):
    """What PEFT trains and saves; with two sites it also trains AdaLoRA's ranknum, the r
    of its scale, which is in no file."""
    named = model.named_parameters()
    return [p for n, p in named if p.requires_grad and "ranknum" not in n]


def randomise(parameters, seed=2):
    rng = np.random.default_rng(seed)
    for p in parameters:
        noise = 0.3 * rng.normal(size=tuple(p.shape))
        p.data = p.data + (
            torch.tensor(noise) if isinstance(p, torch.Tensor) else noise
        )


def L(**options):
    return lambda: hf.LoraConfig(r=3, lora_alpha=5, **options)


def _far_beyond():
    """r = 500: whole matrices, and r only divides α."""
    return hf.LoKrConfig(r=500, alpha=250, target_modules=["fc"])


def turned(block, **options):
    options = {"use_cayley_neumann": False} | options
    return lambda: hf.OFTConfig(r=0, oft_block_size=block, **options)


EMB, MLP = ["emb"], ["fc", "up"]
CASES = {  # network, ours, its target and options, PEFT's config
    "lora": ("words", peft.LoRA(3, 5), "fc|up", {}, L(target_modules=MLP)),
    "embedding": ("words", peft.LoRA(3, 5), "emb", {}, L(target_modules=EMB)),
    "rslora": (
        "words",
        peft.LoRA(3, 5, rslora=True),
        "fc|up",
        {},
        L(target_modules=MLP, use_rslora=True),
    ),
    "lora bias": (
        "words",
        peft.LoRA(3, 5, lora_bias=True),
        "fc|up",
        {},
        L(target_modules=MLP, lora_bias=True),
    ),
    "bias of the sites": (
        "words",
        peft.LoRA(3, 5, bias="lora_only"),
        "fc|up",
        {},
        L(target_modules=MLP, bias="lora_only"),
    ),
    "all biases": (
        "images",
        peft.LoRA(3, 5, bias="all"),
        "conv|pw",
        {},
        L(target_modules=["conv", "pw"], bias="all"),
    ),
    "conv": (
        "images",
        peft.LoRA(3, 5),
        "conv|pw",
        {},
        L(target_modules=["conv", "pw"]),
    ),
    "saved modules": (
        "images",
        peft.LoRA(3, 5),
        "conv|pw",
        {"also": "bn|head"},
        L(target_modules=["conv", "pw"], modules_to_save=["bn", "head"]),
    ),
    "patterns": (
        "words",
        peft.LoRA(3, 5),
        "fc|up|head",
        {"rank_pattern": {"up": 2}, "alpha_pattern": {"head|fc": 7}},
        L(
            target_modules="fc|up|head",
            rank_pattern={"up": 2},
            alpha_pattern={"head": 9},
        ),
    ),
    "dora": (
        "words",
        peft.DoRA(3, 5),
        "fc|up",
        {},
        L(target_modules=MLP, use_dora=True),
    ),
    "dora embedding": (
        "words",
        peft.DoRA(3, 5),
        "emb|fc",
        {},
        L(target_modules=["emb", "fc"], use_dora=True),
    ),
    "dora conv": (
        "images",
        peft.DoRA(3, 5, rslora=True),
        "conv|pw",
        {},
        L(target_modules=["conv", "pw"], use_dora=True, use_rslora=True),
    ),
    "pissa": ("words", peft.PiSSA(3, 5), "fc|up", {}, None),
    "pissa conv": ("images", peft.PiSSA(3, 5, rslora=True), "conv|head", {}, None),
    "offset": ("words", peft.OffsetLoRA(3, 5), "emb|fc", {}, None),
    "adalora": (
        "words",
        peft.AdaLoRA(3, 5),
        "fc|up",
        {},
        lambda: hf.AdaLoraConfig(
            init_r=3, lora_alpha=5, total_step=9, target_modules=MLP
        ),
    ),
    "loha": (
        "words",
        peft.LoHa(3, 6),
        "fc|up",
        {"rank_pattern": {"up": 2}, "alpha_pattern": {"up": 5}},
        lambda: hf.LoHaConfig(
            r=3,
            alpha=6,
            target_modules=MLP,
            rank_pattern={"up": 2},
            alpha_pattern={"up": 5},
        ),
    ),
    "loha conv": (
        "images",
        peft.LoHa(2, 7),
        "conv|pw",
        {},
        lambda: hf.LoHaConfig(r=2, alpha=7, target_modules=["conv", "pw"]),
    ),
    "lokr whole": (
        "words",
        peft.LoKr(6, 7),
        "fc|up",
        {},
        lambda: hf.LoKrConfig(r=6, alpha=7, target_modules=MLP),
    ),
    "lokr products": (
        "words",
        peft.LoKr(1, 7, decompose_both=True),
        "fc|up|head",
        {},
        lambda: hf.LoKrConfig(
            r=1, alpha=7, target_modules=[*MLP, "head"], decompose_both=True
        ),
    ),
    "lokr factor": (
        "words",
        peft.LoKr(2, 7, factor=2),
        "fc|up",
        {"rank_pattern": {"up": 1}},
        lambda: hf.LoKrConfig(
            r=2, alpha=7, target_modules=MLP, decompose_factor=4, init_weights="lycoris"
        ),
    ),
    "lokr far beyond": ("words", peft.LoKr(1, 7), "fc", {}, _far_beyond),
    "lokr conv": (
        "images",
        peft.LoKr(1, 7),
        "conv|pw",
        {},
        lambda: hf.LoKrConfig(r=1, alpha=7, target_modules=["conv", "pw"]),
    ),
    "lokr conv whole": (
        "images",
        peft.LoKr(3, 7),
        "conv|pw",
        {},
        lambda: hf.LoKrConfig(r=3, alpha=7, target_modules=["conv", "pw"]),
    ),
    "hira": (
        "words",
        peft.HiRA(3),
        "fc|up",
        {},
        lambda: hf.HiraConfig(r=3, target_modules=MLP),
    ),
    "hira embedding": (
        "words",
        peft.HiRA(3),
        "emb",
        {},
        lambda: hf.HiraConfig(r=3, target_modules=EMB),
    ),
    "hira conv": (
        "images",
        peft.HiRA(3),
        "conv|pw",
        {},
        lambda: hf.HiraConfig(r=3, target_modules=["conv", "pw"]),
    ),
    "miss": (
        "words",
        peft.MiSS(2),
        "fc|up",
        {},
        lambda: hf.MissConfig(r=2, target_modules=MLP),
    ),
    "miss with a rest": (
        "words",
        peft.MiSS(4),
        "fc|up",
        {},
        lambda: hf.MissConfig(r=4, target_modules=MLP),
    ),
    "ia3": (
        "words",
        peft.IA3("up"),
        "fc|up",
        {},
        lambda: hf.IA3Config(target_modules=MLP, feedforward_modules=["up"]),
    ),
    "ia3 conv": (
        "images",
        peft.IA3("pw"),
        "conv|pw|head",
        {},
        lambda: hf.IA3Config(
            target_modules=["conv", "pw", "head"], feedforward_modules=["pw"]
        ),
    ),
    "oft": ("words", peft.OFT(2), "fc|up", {}, turned(2, target_modules=MLP)),
    "oft block": ("words", peft.OFT(5), "up", {}, turned(5, target_modules=["up"])),
    "oft shared": (
        "words",
        peft.OFT(4, share=True),
        "head",
        {},
        turned(4, target_modules=["head"], block_share=True),
    ),
    "oft truncated": (
        "words",
        peft.OFT(5, terms=5),
        "up",
        {},
        turned(5, target_modules=["up"], use_cayley_neumann=True),
    ),
    "oft six terms": (
        "words",
        peft.OFT(3, terms=6),
        "fc",
        {},
        turned(
            3,
            target_modules=["fc"],
            use_cayley_neumann=True,
            num_cayley_neumann_terms=6,
        ),
    ),
    "oft three are four": (
        "words",
        peft.OFT(3, terms=4),
        "fc",
        {},
        turned(
            3,
            target_modules=["fc"],
            use_cayley_neumann=True,
            num_cayley_neumann_terms=3,
        ),
    ),
    "hra": (
        "words",
        peft.HRA(4),
        "fc|up|head",
        {},
        lambda: hf.HRAConfig(r=4, target_modules=["fc", "up", "head"]),
    ),
    "vera": (
        "words",
        peft.VeRA(7),
        "fc|up",
        {},
        lambda: hf.VeraConfig(r=7, target_modules=MLP, save_projection=True),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_ours_in_theirs(case, tmp_path):
    kind, template, target, options, _ = CASES[case]
    ours, theirs, x = pair(kind)
    base = run(ours, x)
    randomise(peft.attach(ours, template, target, rng=1, **options).parameters())
    folder = peft.save(ours, tmp_path / "a")
    loaded = load(theirs, folder)
    want = run(ours, x)
    assert far(run(loaded, x), want) < TOLERANCE
    assert far(base, want) > 1e-3


@pytest.mark.parametrize("case", [c for c in CASES if CASES[c][4]])
def test_theirs_in_ours(case, tmp_path):
    kind, _, _, _, config = CASES[case]
    ours, theirs, x = pair(kind)
    model = hf.get_peft_model(theirs, config(), autocast_adapter_dtype=False).double()
    randomise(trained(model))
    want = run(model, x)
    with warnings.catch_warnings():  # PEFT doubts its own lora_bias when it saves it
        warnings.filterwarnings("ignore", ".*invalid shape")
        model.save_pretrained(tmp_path / "a")
    peft.load(ours, tmp_path / "a")
    assert far(run(ours, x), want) < TOLERANCE


def load(theirs, folder):
    """PEFT reads a folder; a warning is an error (pytest is set so), and said here too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing")
        model = hf.PeftModel.from_pretrained(
            theirs, str(folder), autocast_adapter_dtype=False
        )
    return model.double()


def test_names_that_are_endings_of_others_stay_apart(tmp_path):
    """'fc' on the outside only, though 'inner.fc' ends in it too."""
    ours = nn.Sequential(
        {
            "fc": nn.Linear(4, 5, rng=0),
            "inner": nn.Sequential({"fc": nn.Linear(5, 4, rng=1)}),
        }
    )
    ours.double()
    theirs = torch.nn.Sequential()
    theirs.add_module("fc", torch.nn.Linear(4, 5))
    theirs.add_module("inner", torch.nn.Sequential())
    theirs.inner.add_module("fc", torch.nn.Linear(5, 4))
    state = {k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()}
    theirs.double().load_state_dict(state)
    x = np.random.default_rng(0).normal(size=(3, 4))
    randomise(
        peft.attach(ours, peft.LoRA(2), ["fc"], exclude=r"inner\.fc").parameters()
    )
    loaded = load(theirs, peft.save(ours, tmp_path / "a"))
    assert far(run(loaded, x), run(ours, x)) < TOLERANCE
    again = nn.Sequential(
        {
            "fc": nn.Linear(4, 5, rng=0),
            "inner": nn.Sequential({"fc": nn.Linear(5, 4, rng=1)}),
        }
    )
    assert list(peft.load(again, tmp_path / "a").deltas) == ["fc"]


# --- options of PEFT's that an adapter may come with, on names that resemble each other --


class Deep(nn.Module):
    """(B, 8) to (B, 8); 'fc' is the ending of 'myfc', and a name at two depths."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.fc = nn.Linear(8, 8, rng=rng)
        parts = {"fc": nn.Linear(8, 8, rng=rng), "myfc": nn.Linear(8, 8, rng=rng)}
        self.layers = nn.ModuleList([nn.Sequential(parts), nn.LayerNorm(8)])
        self.last = nn.Linear(8, 1, rng=rng)

    def forward(self, x):
        return self.last(self.layers[1](self.layers[0](ops.tanh(self.fc(x)))))


class TorchDeep(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(8, 8)
        parts = torch.nn.Sequential()
        parts.add_module("fc", torch.nn.Linear(8, 8))
        parts.add_module("myfc", torch.nn.Linear(8, 8))
        self.layers = torch.nn.ModuleList([parts, torch.nn.LayerNorm(8)])
        self.last = torch.nn.Linear(8, 1)

    def forward(self, x):
        return self.last(self.layers[1](self.layers[0](torch.tanh(self.fc(x)))))


IA = hf.IA3Config
ALL = ["fc", "myfc", "last"]
OPTIONS = {
    "layers spare a path itself": L(target_modules=["fc"], layers_to_transform=[0]),
    "layer 0": L(target_modules=["fc"], layers_to_transform=0, layers_pattern="layers"),
    "exclusion": L(target_modules=ALL, exclude_modules=r"layers\.0\..*"),
    "biases and a head": L(target_modules=["fc"], bias="all", modules_to_save=["last"]),
    "both biases": L(target_modules=ALL, lora_bias=True, bias="lora_only"),
    "a block": L(target_modules=["last"], modules_to_save=["layers.0"]),
    "an ending": L(target_modules=["last"], modules_to_save=["fc"]),
    "large rank": lambda: hf.LoraConfig(r=20, lora_alpha=0.3, target_modules=ALL),
    "orthogonal": L(target_modules=ALL, init_lora_weights=False),
    "feed-forward endings": lambda: IA(target_modules=ALL, feedforward_modules=["fc"]),
    "feed-forward whole": lambda: IA(target_modules=".*fc", feedforward_modules="fc"),
    "one output": lambda: IA(target_modules=["last"], feedforward_modules=[]),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_their_options(case, tmp_path):
    ours, theirs = Deep().double(), TorchDeep().double()
    state = {k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    base = {k: v.numpy().copy() for k, v in theirs.state_dict().items()}
    x = np.random.default_rng(1).normal(size=(4, 8))
    config = OPTIONS[case]()
    model = hf.get_peft_model(theirs, config, autocast_adapter_dtype=False).double()
    randomise(trained(model))
    want = run(model, x)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*invalid shape")
        model.save_pretrained(tmp_path / "a")
    peft.load(ours, tmp_path / "a")
    assert far(run(ours, x), want) < TOLERANCE
    changes = peft.huggingface.read(tmp_path / "a")
    merged = model.merge_and_unload().state_dict()
    for name, array in base.items():
        got = changes[name](array) if name in changes else np.zeros(1)
        assert np.abs(got - (merged[name].numpy() - array)).max() < TOLERANCE, name


OURS_IN_DEEP = {
    "namesakes of a copy": (lambda: peft.LoRA(1, 5), "last", {"also": "^fc"}),
    "and their biases": (lambda: peft.LoRA(1, 5, bias="all"), "last", {"also": "^fc"}),
    "feed-forward": (lambda: peft.IA3("^fc"), r".*\bfc|myfc", {}),
    "layers": (lambda: peft.DoRA(3, 5), "fc|last", {"layers": [0]}),
}


@pytest.mark.parametrize("case", OURS_IN_DEEP)
def test_names_that_resemble_each_other_in_theirs(case, tmp_path):
    make, target, options = OURS_IN_DEEP[case]
    ours, theirs = Deep().double(), TorchDeep().double()
    state = {k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    x = np.random.default_rng(1).normal(size=(4, 8))
    randomise(peft.attach(ours, make(), target, rng=1, **options).parameters())
    want = run(ours, x)
    assert far(run(load(theirs, peft.save(ours, tmp_path / "a")), x), want) < TOLERANCE
    again = Deep().double()
    peft.load(again, tmp_path / "a")
    assert far(run(again, x), want) < TOLERANCE
    peft.save(again, tmp_path / "b")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        one, other = ((tmp_path / d / name).read_bytes() for d in "ab")
        assert one == other


def test_a_copy_whose_name_an_adapted_module_ends_in(tmp_path):
    ours = Deep()
    peft.attach(ours, peft.LoRA(3), r"layers\.0\.fc", also="^fc")
    with pytest.raises(ValueError, match=r"endings of names.*layers\.0\.fc too"):
        peft.save(ours, tmp_path / "a")
    assert not list(tmp_path.iterdir())


# --- one network for both: DoRA's two gradients ------------------------------------


def test_dora_gradients_are_peft_s_when_the_norm_is_detached():
    ours, theirs, x = pair("words")
    adapter = peft.attach(ours, peft.DoRA(3, 5), "fc", rng=1)
    config = hf.LoraConfig(r=3, lora_alpha=5, target_modules=["fc"], use_dora=True)
    model = hf.get_peft_model(theirs, config, autocast_adapter_dtype=False).double()
    randomise(adapter.parameters())
    layer, delta = model.base_model.model.fc, adapter.deltas["fc"]
    weights = (
        (layer.lora_A["default"].weight, delta.A),
        (layer.lora_B["default"].weight, delta.B),
        (layer.lora_magnitude_vector["default"].weight, delta.m),
    )
    for p, q in weights:
        p.data = torch.tensor(q.numpy())
    model(torch.tensor(x)).square().sum().backward()
    (ours(tinyft.tensor(x)) ** 2).sum().backward()
    for p, q in weights:
        assert far(q.grad.numpy(), p.grad.numpy()) < TOLERANCE
    detached = delta.A.grad.numpy()
    delta.detach = False
    delta.A.zero_grad()
    (ours(tinyft.tensor(x)) ** 2).sum().backward()
    assert far(detached, delta.A.grad.numpy()) > 1e-2  # the exact one is another


# --- prefixes and prompts on a GPT-2 and a Llama with grouped queries --------------

PROMPTS = {
    "prefix": (
        lambda: peft.Prefix(3),
        lambda: hf.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    ),
    "projected prefix": (
        lambda: peft.Prefix(3, hidden=5),
        lambda: hf.PrefixTuningConfig(
            task_type="CAUSAL_LM",
            num_virtual_tokens=3,
            prefix_projection=True,
            encoder_hidden_size=5,
        ),
    ),
    "prompt": (
        lambda: peft.Prompt(3),
        lambda: hf.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    ),
    "p-tuning mlp": (
        lambda: peft.PTuning(3, hidden=5),
        lambda: hf.PromptEncoderConfig(
            task_type="CAUSAL_LM", num_virtual_tokens=3, encoder_hidden_size=5
        ),
    ),
    "p-tuning lstm": (
        lambda: peft.PTuning(3, "lstm", hidden=5),
        lambda: hf.PromptEncoderConfig(
            task_type="CAUSAL_LM",
            num_virtual_tokens=3,
            encoder_hidden_size=5,
            encoder_reparameterization_type="LSTM",
        ),
    ),
}


def gpt2(tied=True):
    """Our GPT-2, and transformers' with the same float64 weights."""
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab": 11, "dim": 12, "heads": 3, "length": 16}
    ours = models.gpt2_tiny(0, "float64", **sizes, tied=tied).eval()
    randomise(ours.parameters(), 4)
    config = transformers.GPT2Config(
        vocab_size=11,
        n_positions=16,
        n_embd=12,
        n_layer=2,
        n_head=3,
        tie_word_embeddings=tied,
    )
    theirs = transformers.GPT2LMHeadModel(config).double().eval()
    state = to_gpt2(ours.state_dict(), ours.config)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    return ours, theirs, np.random.default_rng(1).integers(0, 11, (2, 5))


@pytest.mark.parametrize("case", PROMPTS)
def test_our_prompts_in_gpt2(case, tmp_path):
    ours, theirs, x = gpt2()
    assert far(run(theirs, x), run(ours, x)) < TOLERANCE
    randomise(peft.attach(ours, PROMPTS[case][0](), rng=1).parameters())
    loaded = load(theirs, peft.save(ours, tmp_path / "a"))
    assert far(run(loaded, x)[:, -5:], run(ours, x)) < 1e-7  # PEFT reads it as float32


@pytest.mark.parametrize("case", PROMPTS)
def test_their_prompts_in_gpt2(case, tmp_path):
    ours, theirs, x = gpt2()
    model = hf.get_peft_model(theirs, PROMPTS[case][1](), autocast_adapter_dtype=False)
    randomise(p for p in model.double().parameters() if p.requires_grad)
    want = run(model, x)[:, -5:]
    model.save_pretrained(tmp_path / "a")
    peft.load(ours, tmp_path / "a")
    assert far(run(ours, x), want) < TOLERANCE


@pytest.mark.parametrize("kind", ["lora", "dora", "ia3"])
def test_their_adapters_of_fused_attention(kind, tmp_path):
    ours, theirs, x = gpt2()
    names = ["c_attn", "c_proj", "mlp.c_fc"]
    config = (
        hf.IA3Config(
            target_modules=names, feedforward_modules=["c_proj"], fan_in_fan_out=True
        )
        if kind == "ia3"
        else hf.LoraConfig(
            r=3, target_modules=names, fan_in_fan_out=True, use_dora=kind == "dora"
        )
    )
    model = hf.get_peft_model(theirs, config, autocast_adapter_dtype=False).double()
    randomise(trained(model))
    want = run(model, x)
    model.save_pretrained(tmp_path / "a")
    adapter = peft.load(ours, tmp_path / "a")
    assert len(adapter.deltas) == 12  # q, k, v, o, up, down of two blocks
    assert far(run(ours, x), want) < TOLERANCE


OURS_IN_GPT2 = {
    "lora": (lambda: peft.LoRA(3, 5), r"attn\.\w|up|down", {}),
    "some": (lambda: peft.LoRA(3, 5), r"attn\.(q|v)", {"rank_pattern": {"v": 2}}),
    "rslora": (lambda: peft.LoRA(3, 5, rslora=True), r"attn\.(k|v)|up", {"layers": 1}),
    "ia3": (lambda: peft.IA3("down"), r"attn\.(k|v)|down", {}),
    "saved": (lambda: peft.LoRA(3, 5), r"attn\.o", {"also": r"1\.attn\.[qkv]|norm2"}),
    "dora": (lambda: peft.DoRA(3, 5), r"attn\.\w|up", {"rank_pattern": {"v": 2}}),
    "their biases": (lambda: peft.LoRA(3, 5, bias="lora_only"), r"attn\.[qkv]|up", {}),
    "all biases": (lambda: peft.LoRA(3, 5, bias="all"), r"attn\.o|up", {}),
    "vera": (lambda: peft.VeRA(4), r"attn\.o|up", {}),
}


def test_all_biases_in_bert(tmp_path):
    ours, theirs, x = bert()
    randomise(peft.attach(ours, peft.LoRA(3, bias="all"), r"attn\.q").parameters())
    folder = peft.save(ours, tmp_path / "a", names="bert")
    assert far(run(load(theirs, folder), x), run(ours, x)) < TOLERANCE


@pytest.mark.parametrize("method", [peft.OFT(4), peft.OFT(4, terms=5), peft.HRA(4)])
def test_turned_inputs_in_bert(method, tmp_path):
    ours, theirs, x = bert()
    randomise(peft.attach(ours, method, r"attn\.q|up", rng=1).parameters())
    folder = peft.save(ours, tmp_path / "a", names="bert")
    want = run(ours, x)
    assert far(run(load(theirs, folder), x), want) < TOLERANCE
    again = bert()[0]
    peft.load(again, folder, names="bert")
    assert far(run(again, x), want) < TOLERANCE


@pytest.mark.parametrize("case", OURS_IN_GPT2)
def test_our_adapters_in_gpt2(case, tmp_path):
    ours, theirs, x = gpt2()
    make, target, options = OURS_IN_GPT2[case]
    randomise(peft.attach(ours, make(), target, rng=1, **options).parameters())
    want = run(ours, x)
    folder = peft.save(ours, tmp_path / "a", names="gpt2")
    again = gpt2()[0]
    peft.load(again, folder)
    assert far(run(again, x), want) < TOLERANCE
    assert far(run(load(theirs, folder), x), want) < TOLERANCE


def test_fused_parts_of_dora_are_no_layer(tmp_path):
    ours, _, _ = gpt2()
    peft.attach(ours, peft.DoRA(2), r"attn\.q")
    with pytest.raises(ValueError, match=r"fused layer.*LoRA and IA3 can"):
        peft.save(ours, tmp_path / "a", names="gpt2")
    assert not (tmp_path / "a").exists()


def llama():
    """Our Llama with grouped queries and a head of its own, and transformers'."""
    transformers = pytest.importorskip("transformers")
    sizes = {
        "vocab": 11,
        "dim": 12,
        "heads": 6,
        "kv_heads": 2,
        "hidden": 10,
        "length": 16,
    }
    ours = models.llama_tiny(0, "float64", **sizes).eval()
    randomise(ours.parameters(), 4)
    config = transformers.LlamaConfig(
        vocab_size=11,
        hidden_size=12,
        num_attention_heads=6,
        num_key_value_heads=2,
        intermediate_size=10,
        num_hidden_layers=2,
        max_position_embeddings=16,
    )
    theirs = transformers.LlamaForCausalLM(config).double().eval()
    state = to_llama(ours.state_dict(), ours.config)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    return ours, theirs, np.random.default_rng(1).integers(0, 11, (2, 5))


def bert():
    """Our BERT with its head for masked words, and transformers'."""
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab": 11, "dim": 12, "heads": 3, "length": 16, "types": 2}
    ours = models.bert_tiny(0, "float64", **sizes).eval()
    randomise(ours.parameters(), 4)
    config = transformers.BertConfig(
        vocab_size=11,
        hidden_size=12,
        num_attention_heads=3,
        intermediate_size=48,
        num_hidden_layers=2,
        max_position_embeddings=16,
    )
    theirs = transformers.BertForMaskedLM(config).double().eval()
    state = to_bert(ours.state_dict(), ours.config)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()}, strict=False)
    return ours, theirs, np.random.default_rng(1).integers(0, 11, (2, 5))


PUBLIC = {  # model, the part that is adapted, PEFT's config, how it saves
    "head and layers": (llama, "", L(target_modules=["lm_head", "k_proj"]), {}),
    "embedding": (llama, "", L(target_modules=["embed_tokens", "o_proj"]), {}),
    "embeddings too": (
        llama,
        "",
        L(target_modules=["q_proj"]),
        {"save_embedding_layers": True},
    ),
    "tied embeddings too": (
        gpt2,
        "",
        L(target_modules=["c_fc"], fan_in_fan_out=True),
        {"save_embedding_layers": True},
    ),
    "without a head": (bert, "bert", L(target_modules=["dense"]), {}),
    "rotations": (bert, "", turned(4, target_modules=["query", "dense"]), {}),
    "reflections": (
        llama,
        "",
        lambda: hf.HRAConfig(r=4, target_modules=["q_proj", "lm_head"]),
        {},
    ),
    "all biases": (bert, "", L(target_modules=["query"], bias="all"), {}),
    "a container": (
        gpt2,
        "",
        L(target_modules=["c_attn"], modules_to_save=["mlp"], fan_in_fan_out=True),
        {},
    ),
    "prefix": (
        llama,
        "",
        lambda: hf.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
        {},
    ),
}


@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`")
@pytest.mark.parametrize("case", PUBLIC)
def test_their_adapters_of_public_models(case, tmp_path):
    build, part, config, options = PUBLIC[case]
    ours, theirs, x = build()
    inner = getattr(theirs, part) if part else theirs
    model = hf.get_peft_model(inner, config(), autocast_adapter_dtype=False).double()
    randomise(trained(model))
    want = run(theirs if part else model, x)[:, -5:]
    model.save_pretrained(tmp_path / "a", **options)
    peft.load(ours, tmp_path / "a")
    rotary = build is llama  # their rotary angles are float32
    assert far(run(ours, x), want) < (1e-6 if rotary else TOLERANCE)


# --- classifiers: what PEFT stores as score or classifier is our head ----------------


def classifier(kind):
    """A family's sequence classifier of transformers, and ours with its weights."""
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 13, "num_labels": 3, "pad_token_id": 0}
    if kind == "gpt2":
        own = {"n_embd": 12, "n_layer": 2, "n_head": 3, "n_positions": 16}
    else:
        own = {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3}
        own |= {"intermediate_size": 10, "max_position_embeddings": 16}
    stem = {"gpt2": "GPT2", "bert": "Bert", "llama": "Llama"}[kind]
    config = getattr(transformers, f"{stem}Config")(**sizes, **own)
    theirs = getattr(transformers, f"{stem}ForSequenceClassification")(config).double()
    randomise(theirs.parameters(), 4)
    return theirs.eval()


TASK = {"task_type": "SEQ_CLS"}
CLASSIFIERS = {
    "lora": lambda names: hf.LoraConfig(
        r=3, target_modules=names, fan_in_fan_out="c_attn" in names, **TASK
    ),
    "prompt": lambda names: hf.PromptTuningConfig(num_virtual_tokens=3, **TASK),
}
ADAPTED = {"gpt2": ["c_attn"], "bert": ["query", "value"], "llama": ["q_proj"]}


@pytest.mark.parametrize("method", CLASSIFIERS)
@pytest.mark.parametrize("kind", ADAPTED)
def test_classifiers_both_ways(kind, method, tmp_path):
    from tinyft.io.huggingface import load_model

    theirs = classifier(kind)
    theirs.save_pretrained(tmp_path / "base")
    config = CLASSIFIERS[method](ADAPTED[kind])
    model = hf.get_peft_model(theirs, config, autocast_adapter_dtype=False).double()
    randomise(trained(model))
    x = np.random.default_rng(1).integers(1, 13, (2, 5))
    want = run(model, x)
    model.save_pretrained(tmp_path / "a")
    ours = load_model(tmp_path / "base").to("float64")
    peft.load(ours, tmp_path / "a")
    assert far(run(ours, x), want) < 1e-6  # the base's folder is read as float32
    folder = peft.save(ours, tmp_path / "b", names=kind)
    first, second = (
        io.load(f / "adapter_model.safetensors") for f in (tmp_path / "a", folder)
    )
    assert first.keys() == second.keys()
    fresh = type(classifier(kind)).from_pretrained(tmp_path / "base").double()
    loaded = load(fresh, folder)
    assert type(loaded).__name__ == "PeftModelForSequenceClassification"
    assert far(run(loaded, x), want) < 1e-6


@pytest.mark.parametrize("names", ["llama", "bert", "roberta"])
def test_names_of_another_kind_of_checkpoint(names, tmp_path):
    ours, _, _ = gpt2()
    peft.attach(ours, peft.LoRA(2), r"attn\.q")
    with pytest.raises(
        ValueError, match=rf"names='{names}'.*not such a checkpoint, it"
    ):
        peft.save(ours, tmp_path / "a", names=names)
    assert not (tmp_path / "a").exists()


def test_embeddings_of_another_base(tmp_path):
    ours, theirs, _ = llama()
    config = hf.LoraConfig(r=3, target_modules=["embed_tokens"])
    with pytest.warns(UserWarning, match="save_embedding_layers"):
        hf.get_peft_model(theirs, config).save_pretrained(tmp_path / "a")
    ours.embed.weight.data = ours.embed.weight.data * 1.1
    with pytest.raises(ValueError, match=r"of the base, with other values: .*embed"):
        peft.load(ours, tmp_path / "a")


def test_a_square_weight_of_a_file_of_two_layouts(tmp_path):
    """PEFT's flag for GPT-2's layers is lost once it wraps lm_head; the model knows."""
    ours, theirs, x = gpt2(tied=False)
    state = to_gpt2(ours.state_dict(), ours.config)
    config = hf.LoraConfig(r=3, target_modules=["attn.c_proj", "c_fc", "lm_head"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = hf.get_peft_model(theirs, config, autocast_adapter_dtype=False).double()
        randomise(trained(model))
        want = run(model, x)
        model.save_pretrained(tmp_path / "a")
    changes = peft.huggingface.read(tmp_path / "a")
    name = "transformer.h.0.mlp.c_fc.weight"
    merged = model.merge_and_unload().state_dict()[name].numpy()
    assert far(changes[name](state[name]), merged - state[name]) < TOLERANCE
    with pytest.raises(ValueError, match=r"weight \(12, 12\) lies is not in this file"):
        changes["transformer.h.0.attn.c_proj.weight"](np.ones((12, 12)))
    peft.load(ours, tmp_path / "a")
    assert far(run(ours, x), want) < TOLERANCE


FUSED = {
    "loha": lambda: hf.LoHaConfig(r=2, alpha=6, target_modules=["qkv"]),
    "hira": lambda: hf.HiraConfig(r=2, target_modules=["qkv"]),
    "miss": lambda: hf.MissConfig(r=2, target_modules=["qkv"]),
}


@pytest.mark.parametrize("kind", FUSED)
def test_a_fused_layer_splits_by_its_outputs(kind, tmp_path):
    """The rows of the change of a fused layer are those of q, k and v, of each method."""
    theirs = torch.nn.Sequential()
    theirs.add_module("qkv", torch.nn.Linear(4, 9, bias=False))
    W = theirs.double().qkv.weight.detach().numpy().copy()
    model = hf.get_peft_model(theirs, FUSED[kind](), autocast_adapter_dtype=False)
    randomise(trained(model.double()))
    model.save_pretrained(tmp_path / "a")
    want = model.merge_and_unload().qkv.weight.detach().numpy()
    state = io.load(tmp_path / "a" / "adapter_model.safetensors")
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    parts = {p: nn.Linear(4, 3, bias=False, dtype="float64") for p in "qkv"}
    ours = nn.Sequential(parts)
    for i, part in enumerate("qkv"):
        ours.get_submodule(part).weight.data = W[3 * i : 3 * i + 3].copy()
    pieces = {p: {} for p in "qkv"}
    for key, array in state.items():
        name = key.rpartition(".")[2]
        for part, piece in zip("qkv", _pieces(name, array, 3, False)):
            pieces[part][f"base_model.model.{part}.{name}"] = piece
    io.save(tmp_path / "w", {k: v for p in pieces.values() for k, v in p.items()})
    folder = peft.save(_attached_like(ours, config), tmp_path / "b")
    (tmp_path / "w").replace(folder / "adapter_model.safetensors")
    peft.detach(peft.attached(ours)["default"])
    peft.load(ours, folder)
    got = np.concatenate([ours.get_submodule(p).weight.numpy() for p in "qkv"])
    assert far(got, want) < TOLERANCE


def _attached_like(model, config):
    made = {"LOHA": lambda: peft.LoHa(2, 6), "HIRA": lambda: peft.HiRA(2)}
    made |= {"MISS": lambda: peft.MiSS(2)}
    peft.attach(model, made[config["peft_type"]](), ["q", "k", "v"])
    return model


@pytest.mark.parametrize(
    "method", [peft.LoHa(2, 6), peft.LoKr(2, 6), peft.HiRA(2), peft.MiSS(2)]
)
def test_their_names_of_a_llama_and_back(method, tmp_path):
    sizes = {"vocab": 13, "dim": 12, "heads": 6, "kv_heads": 2, "hidden": 10}
    ours, again = (models.llama_tiny(0, "float64", **sizes) for _ in range(2))
    ids = np.random.default_rng(0).integers(0, 13, (2, 5))
    randomise(peft.attach(ours, method, r"attn\.(q|v)|mlp\.up", rng=1).parameters())
    peft.save(ours, tmp_path / "a", names="llama")
    names = io.load(tmp_path / "a" / "adapter_model.safetensors")
    assert all(".self_attn." in n or ".mlp.up_proj" in n for n in names)
    peft.load(again, tmp_path / "a")
    assert far(run(again, ids), run(ours, ids)) < TOLERANCE


def test_a_fused_lokr_is_refused():
    with pytest.raises(ValueError, match=r"lokr_w1 of a fused layer cannot be split"):
        _pieces("lokr_w1", np.ones((3, 2)), 3, False)


def test_hira_has_one_rank_since_peft_reads_one(tmp_path):
    """PEFT 0.21 keeps rank_pattern in the config of a HiRA and makes every site with r."""
    ours, theirs, _ = pair("words")
    config = hf.HiraConfig(r=3, target_modules=MLP, rank_pattern={"up": 2})
    model = hf.get_peft_model(theirs, config, autocast_adapter_dtype=False)
    assert len(model.base_model.model.up.hira_A["default"]) == 3  # not 2: their defect
    model.save_pretrained(tmp_path / "a")
    with pytest.raises(ValueError, match=r"not read: rank_pattern=\{'up': 2\}"):
        peft.load(ours, tmp_path / "a")
    peft.attach(ours, peft.HiRA(3), "fc|up", rank_pattern={"up": 2})
    with pytest.raises(ValueError, match=r"HiRA at 'up' has r=2 .* one rank for all"):
        peft.save(ours, tmp_path / "b")


def test_loha_s_scale_is_a_float32_in_peft(tmp_path):
    """α/r = 5/3 costs PEFT eight digits even in float64; ours is the float64 number."""
    ours, theirs, x = pair("words")
    randomise(peft.attach(ours, peft.LoHa(3, 5), "fc", rng=1).parameters())
    loaded = load(theirs, peft.save(ours, tmp_path / "a"))
    assert 1e-12 < far(run(loaded, x), run(ours, x)) < 2**-23


def test_what_changes_numbers_in_training_only_is_refused_by_name(tmp_path):
    made = {
        "rank_dropout=0.1": hf.LoHaConfig(target_modules=MLP, rank_dropout=0.1),
        "module_dropout=0.2": hf.LoKrConfig(target_modules=MLP, module_dropout=0.2),
        "hira_dropout=0.3": hf.HiraConfig(target_modules=MLP, hira_dropout=0.3),
        "'mini'": hf.MissConfig(r=2, target_modules=["fc"], init_weights="mini"),
    }
    for i, (word, config) in enumerate(made.items()):
        ours, theirs, _ = pair("words")
        hf.get_peft_model(theirs, config).save_pretrained(tmp_path / str(i))
        with pytest.raises(ValueError, match=word):
            peft.load(ours, tmp_path / str(i))


def test_a_tied_head_is_refused_with_both_names(tmp_path):
    ours, theirs, _ = gpt2()
    config = hf.LoraConfig(r=3, target_modules=["lm_head"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hf.get_peft_model(theirs, config).save_pretrained(tmp_path / "a")
    with pytest.raises(ValueError, match=r"head.weight is tied.*embed.weight and head"):
        peft.load(ours, tmp_path / "a")


@pytest.mark.parametrize("kind", ["oft", "hra"])
def test_two_that_turn_one_layer(kind, tmp_path):
    """W' = W R_1ᵀ R_2ᵀ in order of attachment: what PEFT merges. PEFT's unmerged OFT
    turns the inputs by R_1 first, the other order, and differs from what it merges."""
    ours, theirs, x = pair("words")
    make = CASES[kind][4]
    model = hf.get_peft_model(theirs, make(), "one", autocast_adapter_dtype=False)
    model.add_adapter("two", make(), autocast_adapter_dtype=False)
    model.double().base_model.set_adapter(["one", "two"])
    randomise(p for n, p in model.named_parameters() if "oft_R" in n or "hra_u" in n)
    model.save_pretrained(tmp_path)
    live = run(model, x)
    for name in ("one", "two"):
        peft.load(ours, tmp_path / name, name)
    merged = run(model.merge_and_unload(adapter_names=["one", "two"]), x)
    assert far(run(ours, x), merged) < TOLERANCE
    if kind == "hra":
        assert far(live, merged) < TOLERANCE


# --- formulas alone: kinds whose weights can be read without a method -----------------

FORMULAS = {  # alpha/r exact: PEFT keeps these scales as float32
    "loha": lambda **o: hf.LoHaConfig(r=3, alpha=6, target_modules=["conv", "pw"], **o),
    "lokr": lambda **o: hf.LoKrConfig(r=2, alpha=6, target_modules=["conv", "pw"], **o),
}


@pytest.mark.parametrize("effective", [False, True])
@pytest.mark.parametrize("kind", FORMULAS)
def test_changes_of_convolutions(kind, effective, tmp_path):
    _, theirs, _ = pair("images")
    base = {k: v.numpy().copy() for k, v in theirs.state_dict().items()}
    config = FORMULAS[kind](use_effective_conv2d=effective)
    model = hf.get_peft_model(theirs, config, autocast_adapter_dtype=False).double()
    randomise(trained(model))
    model.save_pretrained(tmp_path / "a")
    changes = peft.huggingface.read(tmp_path / "a")
    merged = model.merge_and_unload().state_dict()
    for name in ("conv.weight", "pw.weight"):
        want = merged[name].numpy() - base[name]
        assert far(changes[name](base[name]), want) < TOLERANCE


@pytest.mark.parametrize("case", [c for c in CASES if CASES[c][4]])
def test_changes_of_every_kind(case, tmp_path):
    kind, _, _, _, config = CASES[case]
    _, theirs, _ = pair(kind)
    base = {k: v.numpy().copy() for k, v in theirs.state_dict().items()}
    model = hf.get_peft_model(theirs, config(), autocast_adapter_dtype=False).double()
    randomise(trained(model))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*invalid shape")
        model.save_pretrained(tmp_path / "a")
    changes = peft.huggingface.read(tmp_path / "a")
    merged = model.merge_and_unload().state_dict()
    assert changes
    for name, array in base.items():
        want = merged[name].numpy() - array
        got = changes[name](array) if name in changes else 0 * array
        assert np.abs(got - want).max() < 1e-12 * max(1, np.abs(array).max()), name


# --- names: PEFT's own functions on the same paths -------------------------------------

PATHS = [
    *("fc", "head", "xfc", "a.fc", "a.b.head", "fc.inner", "layers.1.q", "layers.0.fc"),
    *("m.layers.0.q", "m.layers.1.q", "m.layers.1.moe.0.q", "m.blocks.1.v", "t.h.11.q"),
]
RULES = [
    *({"target_modules": t} for t in (["fc"], ["q", "b.head"], "fc", ".*fc", "fc|.*q")),
    {"target_modules": ["q", "fc"], "exclude_modules": ["layers.1.q"]},
    {"target_modules": ["q", "fc"], "exclude_modules": ".*0.*"},
    {"target_modules": ["q", "fc"], "modules_to_save": ["fc"]},
    {"target_modules": ["q", "v"], "layers_to_transform": 1},
    {"target_modules": ["q", "v"], "layers_to_transform": [0, 11]},
    {"target_modules": ["q"], "layers_to_transform": [1], "layers_pattern": "layers"},
    {
        "target_modules": ["q"],
        "layers_to_transform": [1],
        "layers_pattern": ["h", "moe"],
    },
]


@pytest.mark.parametrize("fields", RULES, ids=str)
def test_targets_are_peft_s(fields):
    from peft.tuners.tuners_utils import check_target_module_exists

    config, rules = hf.LoraConfig(**fields), Rules(fields)
    for path in PATHS:
        assert rules.targets(path) == bool(check_target_module_exists(config, path)), (
            path
        )


def test_patterns_are_peft_s():
    from peft.utils.other import get_pattern_key

    keys = ["c", "^fc", r"layers\.1\.q", "q", "b.head", "a.*"]
    for path in PATHS:
        for start in range(len(keys)):
            own = {key: key for key in keys[start:]}
            want = get_pattern_key(keys[start:], path)
            assert pattern_value(own, path, path) == want, (path, keys[start:])
