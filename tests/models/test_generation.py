"""Language models with a key-value cache as input and output: one ONNX model is the prompt's pass and every step after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import onnx_explore
from onnx_explore.check.runtime import RuntimeSession

transformers = pytest.importorskip("transformers")

LAYERS, HEADS, WIDTH, WORDS = 2, 4, 8, 60


def gpt2() -> Any:
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=WORDS,
            n_positions=64,
            n_embd=HEADS * WIDTH,
            n_layer=LAYERS,
            n_head=HEADS,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def llama() -> Any:
    """With grouped keys: two heads of queries to one of keys."""
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=WORDS,
            hidden_size=HEADS * WIDTH,
            intermediate_size=48,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS // 2,
            max_position_embeddings=64,
        )
    )


def made(make: Any) -> Any:
    torch.manual_seed(0)
    return make().eval().requires_grad_(False)


def cache_axes(name: str = "past_key_values", first: str = "keys", second: str = "values") -> dict[str, dict[int, str]]:
    return {f"{name}_{layer}_{part}": {0: "batch", 2: "past"} for layer in range(LAYERS) for part in (first, second)}


IDS = {"input_ids": {0: "batch", 1: "length"}}


def greedy(session: RuntimeSession, ids: Tensor, count: int, heads: int) -> Tensor:
    """The words that ONNX Runtime goes on with, from an empty cache on."""
    pasts = [np.zeros((len(ids), heads, 0, WIDTH), np.float32)] * (2 * LAYERS)
    words, given = ids, ids
    for _ in range(count):
        logits, *pasts = session.run({session.inputs[0]: given, **dict(zip(session.inputs[1:], pasts, strict=True))})
        given = torch.from_numpy(logits[:, -1].argmax(-1))[:, None]
        words = torch.cat([words, given], 1)
    return words


@pytest.mark.parametrize(("make", "heads"), [(gpt2, HEADS), (llama, HEADS // 2)])
def test_a_cache_object(make: Any, heads: int) -> None:
    """``DynamicCache`` as an argument and in the result: its tensors are inputs and outputs with a dynamic past."""
    model = made(make)
    ids = torch.randint(3, WORDS, (2, 5))
    cache = model(ids).past_key_values
    exported = onnx_explore.export(
        model, (ids[:, :3],), kwargs={"past_key_values": cache}, dynamic_axes={**IDS, **cache_axes()}, check=True
    )
    assert cache.get_seq_length() == 5, "the export wrote to the caller's cache"
    session = RuntimeSession(exported.model)
    for prompt in (torch.randint(3, WORDS, (2, 4)), torch.randint(3, WORDS, (3, 1))):
        expected = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=6,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert torch.equal(greedy(session, prompt, 6, heads), expected)


@pytest.mark.parametrize("make", [gpt2, llama])
def test_one_step_with_a_mask(make: Any) -> None:
    """One new word a step (a fixed length), a past of any length, and a mask over both."""
    model = made(make)
    ids = torch.randint(3, WORDS, (2, 5))
    cache = model(ids).past_key_values
    mask = torch.tensor([[0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    axes = {"input_ids": {0: "batch"}, "attention_mask": {0: "batch", 1: "total"}, **cache_axes()}
    exported = onnx_explore.export(
        model,
        (),
        kwargs={"input_ids": ids[:, :1], "attention_mask": mask, "past_key_values": cache},
        dynamic_axes=axes,
    )
    session = RuntimeSession(exported.model)
    for batch, past in ((2, 5), (1, 9), (3, 1)):
        ids = torch.randint(3, WORDS, (batch, past))
        mask = torch.ones(batch, past + 1, dtype=torch.int64)
        mask[0, : past // 2] = 0
        cache = model(ids).past_key_values
        feeds = [part for layer in cache.layers for part in (layer.keys, layer.values)]
        actual = session.run(dict(zip(session.inputs, (ids[:, :1], mask, *feeds), strict=True)))
        result = model(ids[:, :1], attention_mask=mask, past_key_values=cache)
        expected = [result.logits, *[part for layer in cache.layers for part in (layer.keys, layer.values)]]
        for got, tensor in zip(actual, expected, strict=True):
            np.testing.assert_allclose(got, tensor.numpy(), rtol=1e-3, atol=1e-4)


class OfTuples(nn.Module):
    """The older interface: ``past_key_values`` is a tuple of pairs, one for each layer."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, past_key_values: Any) -> Any:
        cache = transformers.DynamicCache(past_key_values)
        result = self.model(input_ids, past_key_values=cache, use_cache=True)
        return result.logits, tuple((layer.keys, layer.values) for layer in result.past_key_values.layers)


@pytest.mark.parametrize(("make", "heads"), [(gpt2, HEADS), (llama, HEADS // 2)])
def test_tuples_of_tuples(make: Any, heads: int) -> None:
    model = made(make)
    pairs = tuple((torch.randn(2, heads, 5, WIDTH), torch.randn(2, heads, 5, WIDTH)) for _ in range(LAYERS))
    exported = onnx_explore.export(
        OfTuples(model),
        (torch.randint(3, WORDS, (2, 3)), pairs),
        dynamic_axes={**IDS, **cache_axes(first="0", second="1")},
        check=True,
    )
    prompt = torch.randint(3, WORDS, (1, 4))
    mask = torch.ones_like(prompt)
    expected = model.generate(
        prompt, attention_mask=mask, max_new_tokens=5, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    assert torch.equal(greedy(RuntimeSession(exported.model), prompt, 5, heads), expected)


def test_cache_of_encoder_and_decoder() -> None:
    """T5's decoder: a cache of its own words, and one of the encoder's, which stays as it is."""
    config = transformers.T5Config(
        vocab_size=WORDS,
        d_model=HEADS * WIDTH,
        d_kv=WIDTH,
        d_ff=48,
        num_layers=LAYERS,
        num_heads=HEADS,
        decoder_start_token_id=0,
        tie_word_embeddings=False,
    )
    model = made(lambda: transformers.T5ForConditionalGeneration(config))
    source, words = torch.randint(3, WORDS, (2, 7)), torch.randint(3, WORDS, (2, 4))
    first = model(input_ids=source, decoder_input_ids=words, use_cache=True)
    states = transformers.modeling_outputs.BaseModelOutput(first.encoder_last_hidden_state)
    call = {"decoder_input_ids": words[:, :1], "encoder_outputs": states, "past_key_values": first.past_key_values}
    names = onnx_explore.export(model, (), kwargs=call).model.graph.inputs
    axes = {
        str(value.name): {0: "batch", 2: "source" if "cross" in str(value.name) else "past"}
        for value in names
        if "cache" in str(value.name)
    }
    assert len(axes) == 4 * LAYERS
    axes |= {"decoder_input_ids": {0: "batch"}, "encoder_outputs_last_hidden_state": {0: "batch", 1: "source"}}
    onnx_explore.export(model, (), kwargs=call, dynamic_axes=axes, check=True)
