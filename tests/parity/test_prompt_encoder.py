"""P-tuning's encoders are Hugging Face PEFT's, weight for weight, in float64."""

import numpy as np
import pytest

from tinyft import models, peft

torch = pytest.importorskip("torch")
hf = pytest.importorskip("peft.tuners.p_tuning.model")
config = pytest.importorskip("peft.tuners.p_tuning.config")


@pytest.mark.parametrize("kind, encoder", [("MLP", "mlp"), ("LSTM", "lstm")])
def test_the_same_weights_give_the_same_prompt(kind, encoder):
    theirs = hf.PromptEncoder(
        config.PromptEncoderConfig(
            encoder_reparameterization_type=kind,
            encoder_hidden_size=5,
            encoder_num_layers=2,
            encoder_dropout=0.0,
            num_virtual_tokens=4,
            num_transformer_submodules=1,
            token_dim=12,
        )
    ).double()
    base = models.gpt2_tiny(0, "float64", vocab=11, dim=12, heads=3, length=24)
    ours = peft.attach(base, peft.PTuning(4, encoder, 5), rng=1).deltas["embed"]
    rng, state = np.random.default_rng(0), theirs.state_dict()
    state = {k: torch.tensor(rng.normal(size=v.shape)) for k, v in state.items()}
    theirs.load_state_dict(state)
    ours.P.data = state["embedding.weight"].numpy()
    for name, p in ours.named_parameters():
        if name.startswith("lstm."):
            p.data = state["lstm_head." + name.removeprefix("lstm.")].numpy()
    for linear, at in zip(ours.linears, (0, 2, 4)):
        linear.weight.data = state[f"mlp_head.{at}.weight"].numpy()
        linear.bias.data = state[f"mlp_head.{at}.bias"].numpy()
    want = theirs(torch.arange(4)[None])[0].detach().numpy()
    np.testing.assert_allclose(ours.vectors().numpy(), want, rtol=1e-10, atol=1e-10)
