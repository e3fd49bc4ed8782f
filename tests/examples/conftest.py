"""Small random models in folders and files, as the examples and the page take them."""

import csv

import numpy as np
import pytest

from tinyft import io, models

WORDS = (
    "a the film is good fine great bad dull poor and so very it was . , ##ly".split()
)
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
GOOD, BAD = ["good", "fine", "great"], ["bad", "dull", "poor"]
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """A folder with a BERT of two layers, as save_model writes it, and its vocab.txt."""
    folder = tmp_path_factory.mktemp("bert") / "model"
    vocab = SPECIALS + WORDS
    sizes = {"vocab": len(vocab), "dim": 32, "layers": 2, "heads": 4, "length": 64}
    model = models.bert_tiny(rng=0, **sizes)
    io.huggingface.save_model(model, folder)
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def reviews(tmp_path_factory):
    """A CSV of 60 reviews whose label one word decides."""
    path, draw = (
        tmp_path_factory.mktemp("csv") / "reviews.csv",
        np.random.default_rng(0),
    )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(60):
            label = int(draw.integers(2))
            word = draw.choice([BAD, GOOD][label])
            ending = draw.choice(["", "and so it was", ", the film"])
            writer.writerow([f"the film is {word} {ending}", label])
    return path


@pytest.fixture(scope="session")
def talks(tmp_path_factory):
    """A CSV of 24 prompts with one reply each."""
    path = tmp_path_factory.mktemp("csv") / "talks.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", "reply"])
        for i in range(24):
            writer.writerow([f"count {i}", f"one, two, {i}"])
    return path


def byte_letters():
    """The 256 letters that stand for bytes in a byte-level BPE."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in seen]
    return [chr(b) for b in seen] + [chr(256 + i) for i in range(len(rest))]


TOKENS = ["<|im_start|>", "<|im_end|>", *byte_letters(), "on", "Ġt"]
MERGES = ["o n", "Ġ t"]


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    """A GGUF of a Llama of two layers in Q4_1, with a tokenizer and a chat template."""
    gguf = pytest.importorskip("gguf", reason="writes the file: pip install gguf")
    path, draw = (
        tmp_path_factory.mktemp("gguf") / "model.gguf",
        np.random.default_rng(0),
    )
    file = gguf.GGUFWriter(path, "llama")
    for name, value in {
        "context_length": 512, "embedding_length": 32, "block_count": 2,
        "feed_forward_length": 64, "head_count": 4, "head_count_kv": 2,
        "layer_norm_rms_eps": 1e-5, "rope_dimension_count": 8,
    }.items():  # fmt: skip
        getattr(file, f"add_{name}")(value)
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("smollm")
    file.add_token_list(TOKENS)
    file.add_token_merges(MERGES)
    file.add_token_types([3, 3] + [1] * (len(TOKENS) - 2))
    file.add_bos_token_id(0)
    file.add_eos_token_id(1)
    file.add_chat_template(CHATML)
    q4 = gguf.GGMLQuantizationType.Q4_1

    def matrix(name, rows, columns):
        W = (0.3 * draw.standard_normal((rows, columns))).astype("f4")
        file.add_tensor(name, gguf.quants.quantize(W, q4), raw_dtype=q4)

    matrix("token_embd.weight", len(TOKENS), 32)
    file.add_tensor("output_norm.weight", np.ones(32, "f4"))
    for i in range(2):
        for name in ("attn_norm", "ffn_norm"):
            file.add_tensor(f"blk.{i}.{name}.weight", np.ones(32, "f4"))
        for name, rows, columns in (
            ("attn_q", 32, 32), ("attn_k", 16, 32), ("attn_v", 16, 32),
            ("attn_output", 32, 32), ("ffn_gate", 64, 32), ("ffn_up", 64, 32),
            ("ffn_down", 32, 64),
        ):  # fmt: skip
            matrix(f"blk.{i}.{name}.weight", rows, columns)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory):
    """A folder of a GPT-2 of two layers, with vocab.json and merges.txt."""
    import json

    folder = tmp_path_factory.mktemp("gpt2") / "model"
    sizes = {"vocab": len(TOKENS), "dim": 32, "layers": 2, "heads": 4, "length": 128}
    io.huggingface.save_model(models.gpt2_tiny(rng=0, **sizes), folder)
    places = {token: i for i, token in enumerate(TOKENS)}
    (folder / "vocab.json").write_text(json.dumps(places), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES), "utf-8")
    return folder
