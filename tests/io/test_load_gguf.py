"""A GGUF file as a Transformer: names, the order of rows, refusals; and real ones."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gguf_file import gguf_bytes

from tinyft import data, io, models, no_grad
from tinyft.io import gguf
from tinyft.io.llamacpp import parameters, read_config

GOLDEN = Path(__file__).parents[1] / "fixtures" / "real"
SIZES = {"vocab": 40, "dim": 24, "layers": 2, "heads": 3, "kv_heads": 1, "hidden": 36}
KINDS = {
    "llama": {},
    "llama, own head": {"tied": False},
    "llama, all biases": {"attn_bias": True},
    "llama, wide heads": {"head_dim": 12},
    "llama, linear": {"rope_scaling": ("linear", 4.0)},
    "qwen2": {"attn_bias": "qkv"},
    "qwen3": {"qk_norm": True, "head_dim": 10},
}
THEIRS = {
    "embed": "token_embd",
    "norm": "output_norm",
    "head": "output",
    "norm1": "attn_norm",
    "attn.q": "attn_q",
    "attn.k": "attn_k",
    "attn.v": "attn_v",
    "attn.o": "attn_output",
    "attn.q_norm": "attn_q_norm",
    "attn.k_norm": "attn_k_norm",
    "norm2": "ffn_norm",
    "mlp.gate": "ffn_gate",
    "mlp.up": "ffn_up",
    "mlp.down": "ffn_down",
}


def built(changes):
    """A small model, every parameter of which has been drawn."""
    config = models.TransformerConfig(
        length=64,
        norm="rms",
        positions="rotary",
        rotary_base=5000.0,
        activation="swiglu",
        eps=1e-5,
        **SIZES | {"tied": True, "bias": False} | changes,
    )
    model, rng = models.Transformer(config, rng=0), np.random.default_rng(1)
    for p in model.parameters():
        p.data = rng.normal(0, 0.3, p.shape).astype("f4")
    return model.eval()


def permuted(weights, heads):
    """llama.cpp's order of the rows, by the lines of convert_hf_to_gguf.py."""
    rows = weights.shape[0]
    split = weights.reshape(heads, 2, rows // heads // 2, *weights.shape[1:])
    return split.swapaxes(1, 2).reshape(weights.shape)


def fields(model, kind):
    c = model.config
    found = {
        "general.architecture": kind,
        f"{kind}.block_count": c.layers,
        f"{kind}.context_length": c.length,
        f"{kind}.embedding_length": c.dim,
        f"{kind}.feed_forward_length": c.hidden,
        f"{kind}.attention.head_count": c.heads,
        f"{kind}.attention.head_count_kv": c.kv_heads,
        f"{kind}.attention.layer_norm_rms_epsilon": c.eps,
        f"{kind}.rope.freq_base": c.rotary_base,
        f"{kind}.rope.dimension_count": c.head_width,
        f"{kind}.vocab_size": c.vocab,
    }
    if c.head_dim:
        found |= {f"{kind}.attention.{n}_length": c.head_dim for n in ("key", "value")}
    if c.rope_scaling:
        found |= {f"{kind}.rope.scaling.type": "linear"}
        found |= {f"{kind}.rope.scaling.factor": c.rope_scaling[1]}
    return found


def arrays(model, kind):
    """The model's parameters by their names and in their order."""
    found, c = {}, model.config
    for name, p in model.named_parameters():
        layer, _, last = name.rpartition(".")
        array, parts = p.data, layer.split(".")
        if kind == "llama" and parts[-1] in "qk":
            array = permuted(array, c.heads if parts[-1] == "q" else c.kv_heads)
        if parts[0] == "blocks":
            found[f"blk.{parts[1]}.{THEIRS['.'.join(parts[2:])]}.{last}"] = array
        else:
            found[f"{THEIRS[layer]}.{last}"] = array
    return found


@pytest.fixture(params=KINDS)
def pair(request, tmp_path):
    """(the model, its file)."""
    kind, model = request.param.partition(",")[0], built(KINDS[request.param])
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf_bytes(fields(model, kind), arrays(model, kind)))
    return model, path


def test_a_file_is_the_model_it_was_written_from(pair):
    model, path = pair
    again = io.load_gguf(path)
    assert again.config == model.config and not again.training
    theirs = dict(again.named_parameters())
    for name, p in model.named_parameters():
        assert theirs[name].data.tobytes() == p.data.tobytes(), name
    ids = np.arange(12).reshape(2, 6)
    with no_grad():
        np.testing.assert_array_equal(again(ids).numpy(), model(ids).numpy())


def test_one_token_does_not_show_the_order_of_rows(tmp_path):
    """Why the order is tested with more positions: their turns are what differs."""
    model = built({})
    same = arrays(model, "qwen2")  # as Qwen has them, in a file that says Llama
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf_bytes(fields(model, "llama"), same))
    wrong, ids = io.load_gguf(path), np.array([[3, 7, 1, 9]])
    with no_grad():
        a, b = model(ids).numpy(), wrong(ids).numpy()
    np.testing.assert_allclose(a[:, 0], b[:, 0], rtol=0, atol=1e-5)
    assert abs(a[:, 2:] - b[:, 2:]).max() > 0.1


def test_other_dtypes_and_blocks(pair):
    model, path = pair
    half = io.load_gguf(path, dtype="float16")
    assert {str(p.dtype) for p in half.parameters()} == {"float16"}
    file = gguf.read(path)
    found = parameters(file, read_config(file))
    assert set(found) == {name for name, _ in model.named_parameters()}
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(found[name].array(), p.data)


def changed(kind="llama", drop=(), add=None, tensors=None):
    model = built({})
    found = {
        n: v for n, v in (fields(model, kind) | (add or {})).items() if n not in drop
    }
    parts = arrays(model, kind) | (tensors or {})
    return gguf_bytes(found, {n: a for n, a in parts.items() if n not in drop})


REFUSED = {
    "another family": ({"kind": "gemma"}, "'gemma'; Transformer computes llama"),
    "no size": (
        {"drop": ["llama.block_count"]},
        "block_count is missing from its metadata",
    ),
    "a size that is text": (
        {"add": {"llama.block_count": "two"}},
        "a positive integer",
    ),
    "heads that do not divide": (
        {"add": {"llama.attention.head_count": 5}},
        "not divide",
    ),
    "experts": ({"add": {"llama.expert_count": 8}}, "expert_count=8 is not supported"),
    "another scaling": ({"add": {"llama.rope.scaling.type": "yarn"}}, "'yarn'"),
    "a part of the head": (
        {"add": {"llama.rope.dimension_count": 4}},
        "dimension_count=4",
    ),
    "a factor nobody knows": (
        {"add": {"llama.logit_scale": 2.0}},
        "logit_scale=2.0: not known",
    ),
    "parts": ({"add": {"split.count": 3}}, "one of 3 parts"),
    "no embedding": ({"drop": ["token_embd.weight"]}, "no tensor 'token_embd.weight'"),
    "a tensor missing": (
        {"drop": ["blk.1.ffn_up.weight"]},
        "Missing: blk.1.ffn_up.weight",
    ),
    "a tensor too many": (
        {"tensors": {"blk.0.extra.weight": np.zeros(3)}},
        "Unknown: blk.0.extra.weight",
    ),
    "a table of positions": (
        {"tensors": {"rope_freqs.weight": np.zeros(4)}},
        "rope_freqs.weight, scaled rotary positions",
    ),
    "a billion layers": (
        {"add": {"llama.block_count": 10**9}},
        "blk.2.ffn_norm.weight, ...",
    ),
    "another size": (
        {"add": {"llama.feed_forward_length": 12}},
        "has shape (36, 24), but the sizes in its metadata ask for (12, 24)",
    ),
    "NaN": (
        {"tensors": {"output_norm.weight": np.full(24, np.nan)}},
        "NaN or infinite",
    ),
}


@pytest.mark.parametrize("changes, why", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(changes, why, tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(changed(**changes))
    with pytest.raises(ValueError) as told:  # CheckpointError is one
        io.load_gguf(path)
    assert str(path) in str(told.value) and why in str(told.value)


def test_the_wrong_door_names_the_right_one(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(changed())
    for call in (io.load, io.load_pth, io.huggingface.load_model):
        with pytest.raises((ValueError, OSError), match=r"io\.load_gguf\(path\)"):
            call(path)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
def test_it_is_what_transformers_reads(kind, tmp_path):
    torch = pytest.importorskip("torch", reason="pip install torch")
    transformers = pytest.importorskip(
        "transformers", reason="pip install transformers"
    )
    pytest.importorskip("gguf", reason="pip install gguf")
    changes = KINDS[kind] | ({"head_dim": 128} if kind == "qwen3" else {})
    model, path = built(changes), tmp_path / "model.gguf"  # 128: all it knows there
    path.write_bytes(gguf_bytes(fields(model, kind), arrays(model, kind)))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file=path.name, dtype=torch.float32
    ).eval()
    ids = np.arange(14).reshape(2, 7)
    with torch.no_grad():
        expected = theirs(torch.tensor(ids)).logits.numpy()
    with no_grad():
        found = io.load_gguf(path)(ids).numpy()
    # float32 on both sides, two layers, logits of order 1
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


# --- real models ---------------------------------------------------------------------


def test_smollm2_is_golden(fetched):
    """Logits to 1e-3 (the reference itself holds to 1e-4), all greedy tokens."""
    path, golden = fetched("smollm2"), np.load(GOLDEN / "smollm2.npz")
    model, tokenizer = io.load_gguf(path), data.load_tokenizer(path)
    for i in (0, 1):
        ids = tokenizer.encode(str(golden[f"prompt{i}"]), special=True)
        np.testing.assert_array_equal(ids, golden[f"ids{i}"])
        with no_grad():
            logits = model(ids[None]).numpy()[0]
        np.testing.assert_array_equal(logits.argmax(-1), golden[f"argmax_all{i}"])
        top = logits[-1][golden[f"top_ids{i}"]]
        np.testing.assert_allclose(top, golden[f"top_logits{i}"], rtol=0, atol=1e-3)
        greedy = golden[f"greedy{i}"]
        found = np.asarray(model.generate(ids[None], len(greedy), greedy=True))
        np.testing.assert_array_equal(found[0, len(ids) :], greedy)
    question = "What is 2 + 2? Answer with one number."
    talk = [{"role": "user", "content": question}]
    np.testing.assert_array_equal(tokenizer.chat(talk), golden["ids1"])


LOADS = """
import sys
from tinyft import io
from tinyft.io import llamacpp

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

before = peak()
model = io.load_gguf(sys.argv[1])
size = sum(p.data.nbytes for p in model.parameters())
print((peak() - before) * 1024 / size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says its peaks")
def test_loading_takes_hardly_more_than_the_model(fetched):
    """1.2 of the weights at the most: one matrix is decoded at a time."""
    command = [sys.executable, "-c", LOADS, str(fetched("smollm2"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0.9 < float(done.stdout) < 1.2


def test_minilm_is_golden(fetched):
    """From text to the embedding, 1e-6 in float32 (PyTorch's own float32 has 1.4e-7)."""
    folder, golden = fetched("minilm"), np.load(GOLDEN / "minilm.npz")
    model, tokenizer = io.huggingface.load_bert(folder), data.load_tokenizer(folder)
    batch = tokenizer.batch([str(text) for text in golden["sentences"]])
    np.testing.assert_array_equal(batch.ids, golden["input_ids"])
    with no_grad():
        found = models.sentence_embedding(model, batch.ids, batch.mask).numpy()
        alone = models.sentence_embedding(
            model, batch.ids[1:2, :9], batch.mask[1:2, :9]
        )
    np.testing.assert_allclose(found, golden["embedding"], rtol=0, atol=1e-6)
    assert alone.shape == (1, 384)
