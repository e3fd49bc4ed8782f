"""load_gguf(packed=True): the blocks of a small file as layers, against its floats."""

import numpy as np
import pytest

from tinyft import io, nn, peft

gguf = pytest.importorskip("gguf", reason="writes the file: pip install gguf")
IDS = np.random.default_rng(1).integers(0, 40, (2, 9))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A Llama of two layers, 2 heads of keys for 4 of queries, its matrices in Q4_1."""
    path, draw = (
        tmp_path_factory.mktemp("gguf") / "small.gguf",
        np.random.default_rng(0),
    )
    file = gguf.GGUFWriter(path, "llama")
    file.add_context_length(32)
    file.add_embedding_length(64)
    file.add_block_count(2)
    file.add_feed_forward_length(96)
    file.add_head_count(4)
    file.add_head_count_kv(2)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(16)

    def matrix(name, rows, columns, kind=gguf.GGMLQuantizationType.Q4_1):
        W = (0.3 * draw.standard_normal((rows, columns))).astype("f4")
        packed = gguf.quants.quantize(W, kind)
        file.add_tensor(name, packed, raw_dtype=kind)

    def norm(name):
        file.add_tensor(name, 1 + 0.1 * draw.standard_normal(64).astype("f4"))

    matrix("token_embd.weight", 40, 64, gguf.GGMLQuantizationType.Q8_0)
    norm("output_norm.weight")
    for i in range(2):
        norm(f"blk.{i}.attn_norm.weight")
        norm(f"blk.{i}.ffn_norm.weight")
        for name, rows, columns in (
            ("attn_q", 64, 64), ("attn_k", 32, 64), ("attn_v", 32, 64),
            ("attn_output", 64, 64), ("ffn_gate", 96, 64), ("ffn_up", 96, 64),
            ("ffn_down", 64, 96),
        ):  # fmt: skip
            matrix(f"blk.{i}.{name}.weight", rows, columns)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path


def test_the_logits_are_those_of_the_floats_bit_for_bit(path):
    packed, dense = io.load_gguf(path, packed=True), io.load_gguf(path)
    assert np.array_equal(packed(IDS).numpy(), dense(IDS).numpy())
    kinds = {type(packed.blocks[0].attn.q), type(packed.blocks[1].mlp.down)}
    assert kinds == {nn.LinearGGUF} and len(list(packed.named_packed())) == 14
    assert packed.head.weight is packed.embed.weight  # tied, and in floats
    again = nn.dequantise_linears(packed)
    assert len(again) == 14
    assert np.array_equal(packed(IDS).numpy(), dense(IDS).numpy())


def test_the_bytes_are_the_files_own(path):
    model, file = io.load_gguf(path, packed=True), io.gguf.read(path)
    for ours, theirs in (("attn.v", "attn_v"), ("mlp.up", "ffn_up")):
        raw = model.get_submodule(f"blocks.1.{ours}").packed.raw
        assert np.array_equal(raw, file.tensors[f"blk.1.{theirs}.weight"].raw)
        assert not raw.flags.writeable  # mapped, not copied


def test_float64_and_an_adapter(path):
    model = io.load_gguf(path, dtype="float64", packed=True)
    want = io.load_gguf(path, dtype="float64")(IDS).numpy()
    assert model(IDS).dtype == np.float64
    np.testing.assert_allclose(model(IDS).numpy(), want, atol=1e-13)
    adapter = peft.attach(model, peft.LoRA(r=2), r"attn\.(q|v)", rng=0)
    assert len(adapter.deltas) == 4
    assert np.array_equal(model(IDS).numpy(), want)


def test_blocks_with_a_damaged_scale_are_refused(path, tmp_path):
    whole = bytearray(path.read_bytes())
    raw = io.gguf.read(path).tensors["blk.1.ffn_down.weight"].raw.tobytes()
    at = whole.index(raw)
    whole[at : at + 2] = np.float16(np.inf).tobytes()
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(whole)
    for packed in (True, False):
        with pytest.raises(io.CheckpointError, match=r"mlp\.down.*NaN or infinite"):
            io.load_gguf(bad, packed=packed)
