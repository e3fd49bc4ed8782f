"""The scripts in examples/, run as a user runs them, on small random models.

What they write is opened by PEFT where it is installed: both sides compute in float32 on
the same values, logits of order 0.1 to 1, and agree to 1e-5 (measured: 1e-7).
"""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyft import data, io, no_grad, peft

ROOT = Path(__file__).parents[2]
BOUND = 1e-5
pytestmark = pytest.mark.filterwarnings("ignore")  # of PEFT and transformers, their own


def run(script, *arguments, code=0):
    """What a script printed; its complaint where it should fail."""
    command = [sys.executable, "-W", "error", ROOT / "examples" / script, *arguments]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    found = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": paths, "PYTHONUTF8": "1"},
        timeout=300,
    )
    assert found.returncode == code, found.stderr
    return found.stdout if code == 0 else found.stderr


def torch_logits(theirs, adapter, ids, **more):
    """The logits of a model of transformers under an adapter that PEFT loads."""
    torch = pytest.importorskip("torch", reason="PEFT computes with PyTorch")
    hf = pytest.importorskip("peft", reason="the adapter is for Hugging Face PEFT")
    model = hf.PeftModel.from_pretrained(theirs, adapter).eval()
    more = {name: torch.tensor(value) for name, value in more.items()}
    with torch.no_grad():
        return model(torch.tensor(ids), **more).logits.numpy()


def transformers():
    found = pytest.importorskip("transformers", reason="opens the folder")
    found.logging.set_verbosity_error()
    found.logging.disable_progress_bar()
    return found


@pytest.fixture(scope="module")
def reviewed(bert, reviews, tmp_path_factory):
    """(what the script printed, the folder of its adapter)."""
    folder = tmp_path_factory.mktemp("adapter") / "reviews"
    options = ("--epochs", 16, "--lr", "1e-2", "--batch", 8)
    return run("classify_reviews.py", bert, reviews, folder, *options), folder


def test_classify_reviews_learns_what_one_word_decides(reviewed):
    said, folder = reviewed
    shares = re.findall(r"0\.\d+|1\.0+", said.partition("per epoch")[2])
    assert len(shares) == 16 and float(shares[-1]) > 0.9, said
    assert json.loads((folder / "labels.json").read_text("utf-8")) == ["0", "1"]
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert config["task_type"] == "SEQ_CLS"
    assert set(config["modules_to_save"]) == {"bert.pooler.dense", "classifier"}


def test_its_adapter_computes_the_same_in_peft(reviewed, bert, reviews):
    theirs = transformers().AutoModelForSequenceClassification
    rows = list(csv.DictReader(reviews.read_text("utf-8").splitlines()))[:20]
    ids, mask = data.load_tokenizer(bert).batch([row["text"] for row in rows])
    model = classifier(bert)
    peft.load(model, reviewed[1])
    with no_grad(), model.evaluating():
        ours = model(ids, mask=mask).numpy()
    want = torch_logits(
        theirs.from_pretrained(bert, num_labels=2),
        reviewed[1],
        ids,
        attention_mask=mask.astype(int),
    )
    assert np.abs(want).max() > 0.1
    np.testing.assert_allclose(ours, want, atol=BOUND)
    right = [str(i) == row["label"] for i, row in zip(want.argmax(1), rows)]
    assert np.mean(right) > 0.9


def classifier(folder):
    """The folder's model with a head that nothing has trained."""
    return io.huggingface.load_model(folder, classes=2, rng=9)


def test_classify_reviews_takes_a_distilbert(reviews, bert, tmp_path):
    """A random folder that transformers writes, an adapter that PEFT opens."""
    hf, vocab = transformers(), (bert / "vocab.txt").read_text("utf-8")
    config = hf.DistilBertConfig(
        vocab_size=len(vocab.split()), dim=32, hidden_dim=64, n_layers=2, n_heads=4
    )
    hf.DistilBertForMaskedLM(config).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "vocab.txt").write_text(vocab, "utf-8")
    assert_same_in_peft(tmp_path, reviews)


def test_classify_reviews_takes_a_roberta(reviews, tmp_path):
    """Its head is one module of two layers in PEFT; its texts stand in <s> and </s>."""
    hf, tokenizers = transformers(), pytest.importorskip("tokenizers")
    bpe = tokenizers.ByteLevelBPETokenizer()
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe.train([str(reviews)], vocab_size=300, special_tokens=marks)
    around = tokenizers.processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    bpe._tokenizer.post_processor = around
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4}
    config = hf.RobertaConfig(vocab_size=300, num_hidden_layers=2, **sizes)
    hf.RobertaForMaskedLM(config).save_pretrained(tmp_path / "model")
    bpe.save_model(str(tmp_path / "model"))
    options = (tmp_path / "model", reviews, tmp_path / "a", "--epochs", 1)
    said = run("classify_reviews.py", *options, code=1)
    assert "needs the tokenizer.json" in said and not (tmp_path / "a").exists()
    bpe.save(str(tmp_path / "model" / "tokenizer.json"))
    assert data.load_tokenizer(tmp_path / "model").batch(["good"]).ids[0, 0] == 0
    assert_same_in_peft(tmp_path, reviews)


def assert_same_in_peft(folder, reviews):
    """An adapter that the script trains on folder/model."""
    options = (folder / "model", reviews, folder / "a", "--epochs", 1)
    run("classify_reviews.py", *options)
    ids = np.random.default_rng(0).integers(5, 20, (3, 7))
    model = classifier(folder / "model")
    peft.load(model, folder / "a")
    with no_grad(), model.evaluating():
        ours = model(ids).numpy()
    theirs = transformers().AutoModelForSequenceClassification.from_pretrained(
        folder / "model", num_labels=2
    )
    want = torch_logits(theirs, folder / "a", ids)
    np.testing.assert_allclose(ours, want, atol=BOUND)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "text,label"),
        ("sentence,label\na,b\n", "text,label"),
        ("text,label\n" + "good,1\n" * 20, "with 2 labels"),
        ("text,label\ngood,1\nbad,0\n", "in 10 rows"),
    ],
)
def test_classify_reviews_says_what_a_csv_lacks(text, says, bert, tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text(text, "utf-8")
    said = run("classify_reviews.py", bert, path, tmp_path / "a", code=1)
    assert says in said and "Traceback" not in said
    assert not (tmp_path / "a").exists()


def test_classify_reviews_refuses_decoders_and_full_folders(
    gpt2, bert, reviews, tmp_path
):
    said = run("classify_reviews.py", gpt2, reviews, tmp_path / "a", code=1)
    assert "holds a gpt2, expected bert" in said and "Traceback" not in said
    (tmp_path / "mine.txt").write_text("keep", "utf-8")
    said = run("classify_reviews.py", bert, reviews, tmp_path, code=1)
    assert str(tmp_path) in said and "Traceback" not in said
    said = run("classify_reviews.py", tmp_path / "no", reviews, tmp_path / "b", code=1)
    assert "has no config.json" in said and "Traceback" not in said


@pytest.fixture(scope="module")
def chatted(llama, talks, tmp_path_factory):
    """(what the script printed, the folder of its adapter)."""
    folder = tmp_path_factory.mktemp("adapter") / "talks"
    options = ("--epochs", 3, "--lr", "1e-2", "--ask", "count 7")
    return run("chat_in_four_bits.py", llama, talks, folder, *options), folder


def held_out(said):
    return [float(loss) for loss in re.findall(r"held-out loss (\d+\.\d+)", said)]


def test_chat_in_four_bits_lowers_the_held_out_loss(chatted):
    losses = held_out(chatted[0])
    assert len(losses) == 4 and losses[-1] < losses[0] - 0.5, chatted[0]
    assert chatted[0].count("it says:") == 4


def test_its_adapter_computes_the_same_in_peft_on_floats(chatted, llama, tmp_path):
    """PEFT gets the blocks as floats, in a folder that transformers opens."""
    packed, dense = io.load_gguf(llama, packed=True), io.load_gguf(llama)
    assert io.huggingface.save_model(dense, tmp_path / "model") == "llama"
    peft.load(packed, chatted[1])
    ids = np.random.default_rng(1).integers(0, 250, (2, 11))
    with no_grad(), packed.evaluating():
        ours = packed(ids).numpy()
    theirs = transformers().AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    want = torch_logits(theirs, chatted[1], ids)
    assert np.abs(want).max() > 1
    np.testing.assert_allclose(ours, want, atol=BOUND * np.abs(want).max())


def test_chat_in_four_bits_takes_a_folder_without_a_template(gpt2, talks, tmp_path):
    options = ("--epochs", 3, "--lr", "1e-2")
    said = run("chat_in_four_bits.py", gpt2, talks, tmp_path / "a", *options)
    assert held_out(said)[-1] < held_out(said)[0] - 0.1
    model = io.huggingface.load_model(gpt2)
    peft.load(model, tmp_path / "a")
    ids = np.random.default_rng(1).integers(0, 250, (2, 11))
    with no_grad(), model.evaluating():
        ours = model(ids).numpy()
    theirs = transformers().AutoModelForCausalLM.from_pretrained(gpt2)
    want = torch_logits(theirs, tmp_path / "a", ids)
    np.testing.assert_allclose(ours, want, atol=BOUND * np.abs(want).max())


def test_chat_in_four_bits_says_what_is_wrong(gpt2, talks, bert, tmp_path):
    said = run("chat_in_four_bits.py", tmp_path / "no.gguf", talks, "a", code=1)
    assert "no.gguf" in said and "Traceback" not in said
    (tmp_path / "talks.csv").write_text("question,reply\na,b\n", "utf-8")
    said = run(
        "chat_in_four_bits.py", gpt2, tmp_path / "talks.csv", tmp_path / "a", code=1
    )
    assert "prompt,reply" in said and "Traceback" not in said
    said = run("chat_in_four_bits.py", bert, talks, tmp_path / "a", code=1)
    assert "Traceback" not in said


def test_scripts_stay_short():
    for path in (ROOT / "examples").glob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 80, path.name
