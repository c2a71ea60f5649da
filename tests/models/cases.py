"""The zoo's rows: a model, its inputs at a batch size and a length, what is dynamic, and from which opset on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from onnx_explore.demo import AlexNet
from tests.models import zoo

Call = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ModelCase:
    """One row.

    Attributes:
        name: Test id.
        build: Makes the model (seeded by the test).
        call: Arguments at a batch size and a sequence length.
        axes: ``dynamic_axes`` of the inputs.
        lowest: The first opset that can express it.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
    """

    name: str
    build: Callable[[], nn.Module]
    call: Callable[[int, int], Call]
    axes: dict[str, dict[int, str]] = field(default_factory=lambda: {"x": {0: "batch"}})
    lowest: int = 9
    rtol: float = 1e-3
    atol: float = 1e-4


def images(size: int) -> Callable[[int, int], Call]:
    return lambda batch, _: ((torch.randn(batch, 3, size, size),), {})


def one(*shape: int | str) -> Callable[[int, int], Call]:
    """One float tensor; ``"B"`` and ``"L"`` stand for the batch size and the length."""
    return lambda batch, length: ((floats(*shape, batch=batch, length=length),), {})


def floats(*shape: int | str, batch: int, length: int) -> Tensor:
    return torch.randn([{"B": batch, "L": length}[d] if isinstance(d, str) else d for d in shape])


def padding(batch: int, length: int) -> Tensor:
    """True where padded: never a whole row."""
    return torch.arange(length)[None] >= torch.arange(batch)[:, None] % 3 + length - 2


VISION = (
    ModelCase("alexnet", AlexNet, images(224)),
    ModelCase("resnet50", zoo.ResNet, images(64)),
    ModelCase("mobilenet_v3", zoo.MobileNetV3, images(64)),
    ModelCase("unet_nearest_scale", lambda: zoo.UNet("nearest", to_skip=False), images(16)),
    ModelCase(
        "unet_nearest_size",
        lambda: zoo.UNet("nearest", to_skip=True),
        lambda batch, length: ((torch.randn(batch, 3, length * 2, 18),), {}),
        axes={"x": {0: "batch", 2: "height"}},
        lowest=11,
    ),
    ModelCase("unet_bilinear_scale", lambda: zoo.UNet("bilinear", to_skip=False), images(16)),
    ModelCase(
        "unet_bilinear_size",
        lambda: zoo.UNet("bilinear", to_skip=True, align_corners=False),
        lambda batch, length: ((torch.randn(batch, 3, length * 2 + 1, 17),), {}),
        axes={"x": {0: "batch", 2: "height"}},
        lowest=11,
    ),
    ModelCase(
        "unet_bilinear_corners",
        lambda: zoo.UNet("bilinear", to_skip=True, align_corners=True),
        images(18),
    ),
    ModelCase("vit", zoo.ViT, images(32)),
)


def _hidden(layers: int, batch: int, features: int = 10) -> Tensor:
    return torch.randn(layers, batch, features)


SEQUENCE_FIRST = {"x": {0: "length", 1: "batch"}}
BATCH_FIRST = {"x": {0: "batch", 1: "length"}}

RECURRENT = (
    ModelCase("lstm", lambda: zoo.Recurrent("LSTM"), one("L", "B", 6), SEQUENCE_FIRST),
    ModelCase("lstm_batch_first", lambda: zoo.Recurrent("LSTM", batch_first=True), one("B", "L", 6), BATCH_FIRST),
    ModelCase(
        "lstm_bidirectional",
        lambda: zoo.Recurrent("LSTM", batch_first=True, bidirectional=True, num_layers=2),
        one("B", "L", 6),
        BATCH_FIRST,
    ),
    ModelCase(
        "lstm_states",
        lambda: zoo.Recurrent("LSTM", batch_first=True, num_layers=2),
        lambda batch, length: ((torch.randn(batch, length, 6), (_hidden(2, batch), _hidden(2, batch))), {}),
        {**BATCH_FIRST, "hx_0": {1: "batch"}, "hx_1": {1: "batch"}},
    ),
    ModelCase("lstm_no_bias", lambda: zoo.Recurrent("LSTM", bias=False), one("L", "B", 6), SEQUENCE_FIRST),
    ModelCase("gru", lambda: zoo.Recurrent("GRU"), one("L", "B", 6), SEQUENCE_FIRST),
    ModelCase(
        "gru_bidirectional",
        lambda: zoo.Recurrent("GRU", batch_first=True, bidirectional=True),
        one("B", "L", 6),
        BATCH_FIRST,
    ),
    ModelCase(
        "gru_states",
        lambda: zoo.Recurrent("GRU", batch_first=True, bidirectional=True),
        lambda batch, length: ((torch.randn(batch, length, 6),), {"hx": _hidden(2, batch)}),
        {**BATCH_FIRST, "hx": {1: "batch"}},
    ),
    ModelCase("rnn_relu", lambda: zoo.Recurrent("RNN", nonlinearity="relu"), one("L", "B", 6), SEQUENCE_FIRST),
)


def _frozen(model: nn.Module) -> nn.Module:
    return model.requires_grad_(False)


ATTENTION = (
    ModelCase(
        "multihead_attention",
        zoo.Attention,
        lambda batch, length: ((torch.randn(batch, length, 16), torch.randn(batch, 5, 16)), {}),
        {"x": {0: "batch", 1: "length"}, "memory": {0: "batch"}},
    ),
    ModelCase(
        "multihead_attention_masks",
        lambda: _frozen(zoo.Attention(add_bias_kv=False)),
        lambda batch, length: (
            (torch.randn(batch, 4, 16), torch.randn(batch, length, 16)),
            {"key_padding_mask": padding(batch, length), "attn_mask": torch.zeros(4, length, dtype=torch.bool)},
        ),
        {
            "x": {0: "batch"},
            "memory": {0: "batch", 1: "length"},
            "key_padding_mask": {0: "batch", 1: "length"},
            "attn_mask": {1: "length"},
        },
    ),
    ModelCase("transformer_encoder", zoo.Encoder, one("B", "L", 16), {"src": {0: "batch", 1: "length"}}),
    ModelCase(
        "transformer_encoder_frozen",
        lambda: _frozen(zoo.Encoder()),
        one("B", "L", 16),
        {"src": {0: "batch", 1: "length"}},
    ),
    ModelCase(
        "transformer_encoder_padding",
        lambda: _frozen(zoo.Encoder(activation="gelu")),
        lambda batch, length: ((torch.randn(batch, length, 16),), {"src_key_padding_mask": padding(batch, length)}),
        {"src": {0: "batch", 1: "length"}, "src_key_padding_mask": {0: "batch", 1: "length"}},
    ),
    ModelCase(
        "transformer_encoder_causal",
        lambda: zoo.Encoder(causal=True, norm_first=True),
        one("B", 6, 16),
        {"src": {0: "batch"}},
    ),
)

WRITES = (
    ModelCase("write_column", zoo.WriteColumn, one("B", 4, 3)),
    ModelCase("write_through_views", zoo.WriteThroughViews, one("B", 4, 6)),
    ModelCase("write_masked", zoo.WriteMasked, one("B", "L"), {"x": {0: "batch", 1: "length"}}),
    ModelCase("write_input", zoo.WriteInput, one("B", 4)),
    ModelCase("write_rows", zoo.WriteRows, one("B", 3, 5)),
    ModelCase("flatten", zoo.Flatten, one("B", 4, 6)),
)


def tokens(batch: int, length: int) -> Tensor:
    return torch.randint(3, 60, (batch, length))


def keep(batch: int, length: int) -> Tensor:
    """A tokenizer's attention mask: 1 where there is a token."""
    return (~padding(batch, length)).long()


def bert(**options: Any) -> nn.Module:
    from transformers import BertConfig, BertModel

    return BertModel(
        BertConfig(
            vocab_size=60,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            max_position_embeddings=32,
            **options,
        )
    )


def gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=60,
            n_positions=32,
            n_embd=32,
            n_layer=2,
            n_head=4,
            use_cache=False,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def distilbert() -> nn.Module:
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    return DistilBertForSequenceClassification(
        DistilBertConfig(vocab_size=60, max_position_embeddings=32, dim=32, n_layers=2, n_heads=4, hidden_dim=48)
    )


def t5_encoder() -> nn.Module:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(
        T5Config(vocab_size=60, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu")
    )


IDS = {"input_ids": {0: "batch", 1: "length"}}
MASKED = {**IDS, "attention_mask": {0: "batch", 1: "length"}}


def _ids(batch: int, length: int) -> Call:
    return (tokens(batch, length),), {}


def _positional(batch: int, length: int) -> Call:
    return (tokens(batch, length), keep(batch, length)), {}


def _keywords(batch: int, length: int) -> Call:
    return (), {"input_ids": tokens(batch, length), "attention_mask": keep(batch, length)}


def _bert_keywords(batch: int, length: int) -> Call:
    args, kwargs = _keywords(batch, length)
    return args, {**kwargs, "token_type_ids": torch.zeros(batch, length, dtype=torch.long)}


def _gpt2_positional(batch: int, length: int) -> Call:
    return (tokens(batch, length), None, keep(batch, length)), {}


TRANSFORMERS = (
    ModelCase("bert", bert, _ids, IDS),
    ModelCase("bert_mask", bert, _positional, MASKED),
    ModelCase("bert_keywords", bert, _bert_keywords, {**MASKED, "token_type_ids": {0: "batch", 1: "length"}}),
    ModelCase("bert_eager_attention", lambda: bert(attn_implementation="eager"), _keywords, MASKED),
    ModelCase("gpt2", gpt2, _ids, IDS, lowest=11),
    ModelCase("gpt2_mask", gpt2, _gpt2_positional, MASKED),
    ModelCase("gpt2_keywords", gpt2, _keywords, MASKED),
    ModelCase("distilbert", distilbert, _ids, IDS),
    ModelCase("distilbert_mask", distilbert, _keywords, MASKED),
    ModelCase("t5_encoder", t5_encoder, _ids, IDS),
    ModelCase("t5_encoder_mask", t5_encoder, _keywords, MASKED),
)

CASES = (*VISION, *RECURRENT, *ATTENTION, *WRITES, *TRANSFORMERS)
