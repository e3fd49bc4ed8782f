"""docs/fine_tune_your_own.md: every piece of code runs, every sentence quoted is real."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tinyft import data, io, models, no_grad, ops, optim, peft, training

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "fine_tune_your_own.md").read_text("utf-8")
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.S)
pytestmark = pytest.mark.filterwarnings("ignore")  # of PEFT, and files left to close


def code(part):
    """The piece of code that contains a text; exactly one does."""
    (found,) = [text for text in CODE if part in text]
    return found


def execute(part, folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = {}
    exec(compile(code(part), "fine_tune_your_own.md", "exec"), names)
    return names


def test_there_is_no_code_that_is_not_run():
    parts = "csv.DictReader", "PeftModel", "lm_batch", "packed=True", "load_pth"
    assert len(CODE) == len({code(part) for part in parts}) == 5


def test_eight_lines_train_a_classifier_that_peft_loads(
    bert, reviews, tmp_path, monkeypatch
):
    lines = code("csv.DictReader").partition("\n\n")[2].strip().splitlines()
    assert len(lines) == 8
    shutil.copytree(bert, tmp_path / "model")
    shutil.copy(reviews, tmp_path / "reviews.csv")
    ours = execute("csv.DictReader", tmp_path, monkeypatch)
    model, tokens = ours["model"], ours["tokens"]
    with no_grad(), model.evaluating():
        logits = model(*tokens).numpy()
    labels = [label for _, label in ours["rows"]]
    assert np.mean(logits.argmax(1) == labels) > 0.95
    torch = pytest.importorskip("torch", reason="PEFT computes with PyTorch")
    pytest.importorskip("peft", reason="the adapter is for Hugging Face PEFT")
    theirs = execute("PeftModel", tmp_path, monkeypatch)["model"]
    with torch.no_grad():
        ids, mask = (torch.tensor(array.astype(int)) for array in tokens)
        want = theirs(ids, attention_mask=mask).logits.numpy()
    np.testing.assert_allclose(logits, want, atol=1e-5 * np.abs(want).max())


def test_a_language_model_learns_a_text(gpt2, tmp_path, monkeypatch, capsys):
    shutil.copytree(gpt2, tmp_path / "gpt2")
    (tmp_path / "notes.txt").write_text("one, two, three. " * 40, "utf-8")
    names = execute("lm_batch", tmp_path, monkeypatch)
    x, y = data.lm_batch(np.random.default_rng(1), names["ids"], 4, 64)
    base = io.huggingface.load_model(tmp_path / "gpt2")
    losses = [float(names["lm_loss"](m, x, y)) for m in (base, names["model"])]
    assert losses[1] < losses[0] - 0.1
    assert len(capsys.readouterr().out) > 20
    again = peft.load(base, tmp_path / "adapter")
    assert float(names["lm_loss"](base, x, y)) == pytest.approx(losses[1], abs=1e-5)
    assert len(again.deltas) == 6  # q and v share GPT-2's c_attn with k


def test_a_gguf_stays_in_its_blocks(llama, tmp_path, monkeypatch, capsys):
    shutil.copy(llama, tmp_path / "model.gguf")
    names = execute("packed=True", tmp_path, monkeypatch)
    assert len(list(names["model"].named_packed())) == 14
    assert "LoRA" in capsys.readouterr().out


def test_a_cnn_of_a_pth_file(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="writes the .pth file")
    draw, y = np.random.default_rng(0), np.arange(16) % 2
    images = draw.integers(0, 120, (16, 32, 32, 3)) + 120 * y[:, None, None, None]
    images = images.astype("uint8")
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", y)
    model = models.mobilenet_v2(rng=1)
    for p in model.parameters():  # He et al. 2015: what comes out has the size of x
        if p.ndim == 4:
            std = (2 / np.prod(p.shape[1:])) ** 0.5
            p.data = (std * draw.standard_normal(p.shape)).astype("f4")
    state = {n: torch.tensor(np.asarray(a)) for n, a in model.state_dict().items()}
    torch.save(state, tmp_path / "mobilenet_v2.pth")
    names = execute("load_pth", tmp_path, monkeypatch)
    model, x = names["model"], names["x"]
    statistics = model.features[18][1].running_mean.numpy()
    assert np.array_equal(statistics, state["features.18.1.running_mean"].numpy())
    with no_grad(), model.evaluating():
        logits = model(x).numpy()
    assert np.mean(logits.argmax(1) == y) == 1
    again = models.mobilenet_v2(rng=5, classes=2)
    again.load_state_dict(names["body"], strict=False)
    peft.load(again, tmp_path / "adapter")
    with no_grad(), again.evaluating():
        np.testing.assert_array_equal(again(x).numpy(), logits)


def nan(model, x):
    return model(x).sum() * float("nan")


def refuse(call, kind):
    with pytest.raises(kind) as found:
        call()
    return str(found.value)


def test_the_sentences_it_quotes_are_those_of_the_errors(bert, tmp_path, gpt2):
    """Each row of the table of errors, made to happen."""
    hf, lora = io.huggingface, peft.LoRA(r=2)
    encoder, other = (
        hf.load_model(bert, head="none"),
        models.bert_tiny(rng=3, vocab=9, dim=32),
    )
    peft.attach(encoder, lora, r"attn\.q", rng=0)
    peft.save(encoder, tmp_path / "a")
    (tmp_path / "t5").mkdir()
    (tmp_path / "t5" / "config.json").write_text('{"model_type": "t5"}', "utf-8")
    (tmp_path / "x.gguf").write_bytes(b"PK")
    steps = optim.SGD([p for p in encoder.parameters() if p.requires_grad], 0.1)
    ids = np.zeros((1, 3), int)
    said = [
        refuse(lambda: hf.load_model(bert, head="cls"), ValueError),
        refuse(lambda: hf.load_model(tmp_path / "t5"), ValueError),
        refuse(lambda: io.load_gguf(tmp_path / "x.gguf"), ValueError),
        refuse(lambda: data.load_tokenizer(tmp_path / "t5"), FileNotFoundError),
        refuse(lambda: encoder(np.zeros((1, 100), int)), ValueError),
        refuse(lambda: encoder(np.full((1, 3), 99)), IndexError),
        refuse(lambda: ops.cross_entropy(np.ones((3, 2)), np.arange(3)), IndexError),
        refuse(lambda: peft.attach(other, lora, "query|value"), ValueError),
        refuse(
            lambda: training.fit(encoder, nan, [(ids,)], steps, epochs=1),
            FloatingPointError,
        ),
        refuse(lambda: peft.save(encoder, tmp_path / "a"), FileExistsError),
        refuse(lambda: peft.load(other, tmp_path / "a"), ValueError),
        refuse(lambda: peft.save(encoder, tmp_path / "b", names="llama"), ValueError),
    ]
    quoted = re.findall(r"^\| `([^`]+)` \|", PAGE.partition("## Errors")[2], re.M)
    assert len(quoted) == len(said)
    for sentence, whole in zip(quoted, said):
        for part in sentence.split(" ... "):
            assert part in whole, (sentence, whole)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", PAGE))
def test_links_exist(target):
    assert target.startswith("http") or (ROOT / "docs" / target).exists(), target
