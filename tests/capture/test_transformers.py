"""Small random models of transformers, with masks, caches and keyword arguments."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from onnx_explore.capture import capture, check_replay

transformers = pytest.importorskip("transformers")

IDS = torch.tensor([[3, 4, 5, 6, 7], [8, 9, 2, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def bert() -> Any:
    return transformers.BertModel(
        transformers.BertConfig(
            vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
        )
    )


def gpt2() -> Any:
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=20, n_embd=8, n_layer=2, n_head=2, n_positions=16, bos_token_id=1, eos_token_id=1
        )
    )


def distilbert() -> Any:
    return transformers.DistilBertModel(
        transformers.DistilBertConfig(vocab_size=20, dim=8, n_layers=2, n_heads=2, hidden_dim=16)
    )


def t5_encoder() -> Any:
    return transformers.T5EncoderModel(
        transformers.T5Config(vocab_size=20, d_model=8, d_kv=4, d_ff=16, num_layers=2, num_heads=2)
    )


@pytest.mark.parametrize("make", [bert, gpt2, distilbert, t5_encoder])
@pytest.mark.parametrize("form", ["positional", "keywords", "unmasked"])
def test_models(make: Any, form: str) -> None:
    model = make()
    args: Any = {"keywords": (), "unmasked": (IDS,)}.get(form, (IDS, {"attention_mask": MASK}))
    kwargs = {"input_ids": IDS, "attention_mask": MASK} if form == "keywords" else None
    found = capture(model, args, kwargs)
    assert [item.name for item in found.inputs] == ["input_ids", "attention_mask"][: 1 if form == "unmasked" else 2]
    assert found.outputs[0].name in ("last_hidden_state", "logits")
    if form == "keywords":
        expected = model.eval()(input_ids=IDS, attention_mask=MASK)
        torch.testing.assert_close(found.eager[0], expected[0])
        other = tuple(item.example.flip(0) for item in found.inputs)
        torch.testing.assert_close(
            found.replay(other)[0], model(input_ids=other[0], attention_mask=other[1])[0], rtol=1e-4, atol=1e-5
        )
    check_replay(found)


def test_a_cache_as_input_and_output() -> None:
    model = gpt2().eval()
    cache = model(IDS).past_key_values
    found = capture(model, (IDS[:, :1],), {"past_key_values": cache})
    assert cache.get_seq_length() == 5
    assert [item.path for item in found.inputs][1:] == [
        f"kwargs['past_key_values'][{layer}].{name}" for layer in range(2) for name in ("keys", "values")
    ]
    returned = list(model(IDS).keys())[1]  # "past_key_values", "cache" in later versions of transformers
    assert [item.name for item in found.outputs][:2] in (
        ["logits", f"{returned}_0_keys"],
        ["logits", f"{returned}_0_keys_1"],
    )
    assert found.eager[1].shape[2] == 6
    check_replay(found)
