"""A pattern classifier on a device: scores, losses and biases of the host's."""

import numpy as np
import pytest

from tinyft import backend, data, evaluation, models, objectives

TEXT = "And then the man said,\nAnd the man was good.\nThe wise man.\nHe was wise.\n"
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TEXTS, LABELS = ["And the man said", "The wise man was good"], ["story", "saying"]
WORDS = {"story": ["And", " then said"], "saying": ["The", "He"]}


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize("order", objectives.pattern_exploiting.ORDER)
@pytest.mark.parametrize("tokens", [1, 4])
def test_a_classifier_there_is_the_hosts(order, tokens):
    tokenizer = data.BPETokenizer.train(TEXT * 4, 330, SPECIALS)
    words = WORDS if tokens > 1 else WORDS | {"story": "And"}
    found = []
    for device in ("cpu", "cuda"):
        model = models.bert_tiny(3, vocab=len(tokenizer), dim=16).to(device)
        made = objectives.PatternClassifier(
            model,
            objectives.Pattern("[CLS]{text}\n{mask}", tokenizer),
            objectives.Verbalizer(words, tokenizer, tokens=tokens),
            order=order,
        )
        made.loss(TEXTS, LABELS).backward()
        slope = model.blocks[0].mlp.up.weight.grad.numpy()
        made.bias = np.array([0.3, -0.3])
        scores = made(TEXTS)
        assert scores.device.partition(":")[0] == device
        bias = evaluation.recentring_bias(scores)
        bias = bias + evaluation.content_free_bias(scores)
        if tokens == 1:
            objectives.write_bias(objectives.untie(model), made.verbalizer, bias)
        found.append(
            (scores.numpy(), backend.asnumpy(bias), slope, made.predict(TEXTS))
        )
    for here, there in zip(*[one[:3] for one in found]):
        np.testing.assert_allclose(there, here, atol=1e-5)
    assert found[0][3] == found[1][3]
