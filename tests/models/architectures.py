"""Architectures of ``transformers``, tiny and with random weights, with the inputs that each takes.

``python -m tests.models.architectures [FILE] [NAME …]`` exports each, compares it with PyTorch at every size, and writes
the table that stands in the guide.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

import onnx_explore
from onnx_explore.check.runtime import RuntimeSession
from onnx_explore.options import DEFAULT_OPSET

SIZES = ((2, 8), (3, 13))
"""Batch and length; the first is captured."""

Inputs = Callable[[int, int], dict[str, Tensor]]
VOCABULARY = 60


@dataclass(frozen=True)
class Architecture:
    """One model class with a tiny configuration.

    Attributes:
        name: The model type, as ``transformers`` calls it.
        kind: Its group in the table.
        model: Class name of the model.
        config: Options of the configuration that make it tiny.
        inputs: Keyword arguments of the call, for a batch and a length.
        lengths: Whether the second axis of the inputs is a length, which may then differ when the model runs.
        opset: Of the export.
        fails: Why it cannot be exported, or not match; empty if it does.
    """

    name: str
    kind: str
    model: str
    config: dict[str, Any] = field(default_factory=dict)
    inputs: Inputs = field(default=lambda batch, length: text(batch, length))
    lengths: bool = True
    opset: int = DEFAULT_OPSET
    fails: str = ""

    def build(self) -> nn.Module:
        """The model, for inference, without a cache."""
        import transformers

        torch.manual_seed(3)
        cls = getattr(transformers, self.model)
        config = cls.config_class(**self.config)
        if hasattr(config, "use_cache"):
            config.use_cache = False
        return cls(config).eval()


# -- inputs -------------------------------------------------------------------------------------------------------------


def _tokens(batch: int, length: int) -> Tensor:
    generator = torch.Generator().manual_seed(batch * 31 + length)
    return torch.randint(3, VOCABULARY, (batch, length), generator=generator)


def _noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def text(batch: int, length: int) -> dict[str, Tensor]:
    """Tokens, the last ones of the second row padded."""
    mask = torch.ones(batch, length, dtype=torch.long)
    mask[1, length - 3 :] = 0
    return {"input_ids": _tokens(batch, length), "attention_mask": mask}


def pair(batch: int, length: int) -> dict[str, Tensor]:
    """Tokens of an encoder and, one shorter, of a decoder."""
    return {**text(batch, length), "decoder_input_ids": _tokens(batch, length - 1)}


def tokens(batch: int, length: int) -> dict[str, Tensor]:
    """Tokens alone."""
    return {"input_ids": _tokens(batch, length)}


def image(batch: int, _length: int) -> dict[str, Tensor]:
    """Images of 32 by 32 pixels."""
    return {"pixel_values": _noise(batch, 3, 32, 32)}


def large_image(batch: int, _length: int) -> dict[str, Tensor]:
    """Images of 64 by 64 pixels."""
    return {"pixel_values": _noise(batch, 3, 64, 64)}


def sound(batch: int, length: int) -> dict[str, Tensor]:
    """Sampled sound: 60 samples per unit of length."""
    return {"input_values": _noise(batch, 60 * length)}


def features(batch: int, length: int) -> dict[str, Tensor]:
    """Frames of 16 features."""
    return {"input_features": _noise(batch, length, 16)}


def image_and_text(batch: int, length: int) -> dict[str, Tensor]:
    """Images with their captions."""
    return {**image(batch, length), **text(batch, length)}


# -- the architectures --------------------------------------------------------------------------------------------------

_BERT: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
}
_ROBERTA = {**_BERT, "pad_token_id": 1, "max_position_embeddings": 40}
_LLAMA: dict[str, Any] = {
    **_BERT,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_BART: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 40,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}
_T5: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 4,
}
_VIT: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
}
_SWIN: dict[str, Any] = {
    "image_size": 32,
    "patch_size": 2,
    "embed_dim": 16,
    "depths": [1, 2],
    "num_heads": [2, 4],
    "window_size": 4,
}
_WAV2VEC2: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "conv_dim": (16, 16),
    "conv_stride": (5, 2),
    "conv_kernel": (10, 3),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}


def _encoder(name: str, model: str, config: dict[str, Any], inputs: Inputs = text) -> Architecture:
    return Architecture(name, "encoder", model, config, inputs)


def _decoder(name: str, model: str, config: dict[str, Any], inputs: Inputs = text, fails: str = "") -> Architecture:
    return Architecture(name, "decoder", model, config, inputs, fails=fails)


def _both(name: str, model: str, config: dict[str, Any], inputs: Inputs = pair, fails: str = "") -> Architecture:
    return Architecture(name, "encoder-decoder", model, config, inputs, fails=fails)


def _vision(name: str, model: str, config: dict[str, Any], inputs: Inputs = image) -> Architecture:
    return Architecture(name, "vision", model, config, inputs, lengths=False)


def _audio(name: str, model: str, config: dict[str, Any], inputs: Inputs = sound) -> Architecture:
    return Architecture(name, "audio", model, config, inputs)


ARCHITECTURES: tuple[Architecture, ...] = (
    _encoder("bert", "BertForSequenceClassification", _BERT),
    _encoder("roberta", "RobertaForMaskedLM", _ROBERTA),
    _encoder("xlm-roberta", "XLMRobertaForTokenClassification", _ROBERTA),
    _encoder(
        "distilbert",
        "DistilBertForQuestionAnswering",
        {
            "vocab_size": VOCABULARY,
            "dim": 32,
            "n_layers": 2,
            "n_heads": 4,
            "hidden_dim": 48,
            "max_position_embeddings": 40,
        },
    ),
    _encoder("albert", "AlbertForMaskedLM", {**_BERT, "embedding_size": 16}),
    _encoder("electra", "ElectraForPreTraining", {**_BERT, "embedding_size": 16}),
    _encoder("camembert", "CamembertModel", _ROBERTA),
    _encoder("mpnet", "MPNetForMaskedLM", {**_BERT, "pad_token_id": 1}),
    _encoder(
        "mobilebert",
        "MobileBertForMaskedLM",
        {**_BERT, "embedding_size": 16, "intra_bottleneck_size": 16, "num_feedforward_networks": 2},
    ),
    _encoder(
        "deberta",
        "DebertaForSequenceClassification",
        {**_BERT, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "max_relative_positions": 16},
    ),
    _encoder(
        "deberta-v2",
        "DebertaV2ForSequenceClassification",
        {**_BERT, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8},
    ),
    _encoder("squeezebert", "SqueezeBertModel", {**_BERT, "embedding_size": 32}),
    _encoder("convbert", "ConvBertModel", {**_BERT, "embedding_size": 32, "conv_kernel_size": 3, "head_ratio": 2}),
    _encoder("roformer", "RoFormerModel", {**_BERT, "embedding_size": 32}),
    _encoder("modernbert", "ModernBertForMaskedLM", {**_BERT, "pad_token_id": 0, "reference_compile": False}),
    _encoder("fnet", "FNetForMaskedLM", _BERT, tokens),
    _encoder("layoutlm", "LayoutLMModel", {**_BERT, "max_2d_position_embeddings": 64}),
    _encoder("t5-encoder", "T5EncoderModel", _T5),
    _encoder(
        "xlnet", "XLNetModel", {"vocab_size": VOCABULARY, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48}
    ),
    _decoder(
        "gpt2",
        "GPT2LMHeadModel",
        {"vocab_size": VOCABULARY, "n_positions": 40, "n_embd": 32, "n_layer": 2, "n_head": 4},
    ),
    _decoder(
        "gpt-neo",
        "GPTNeoForCausalLM",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 4,
            "max_position_embeddings": 40,
        },
    ),
    _decoder("gpt-neox", "GPTNeoXForCausalLM", _BERT),
    _decoder(
        "gptj",
        "GPTJForCausalLM",
        {"vocab_size": VOCABULARY, "n_positions": 40, "n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4},
    ),
    _decoder("opt", "OPTForCausalLM", {**_BERT, "word_embed_proj_dim": 32, "ffn_dim": 48}),
    _decoder("bloom", "BloomForCausalLM", {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    _decoder("llama", "LlamaForCausalLM", _LLAMA),
    _decoder("mistral", "MistralForCausalLM", {**_LLAMA, "sliding_window": 4}),
    _decoder("mixtral", "MixtralForCausalLM", {**_LLAMA, "num_local_experts": 4, "num_experts_per_tok": 2}),
    _decoder("qwen2", "Qwen2ForCausalLM", _LLAMA),
    _decoder("qwen3", "Qwen3ForCausalLM", _LLAMA),
    _decoder("gemma", "GemmaForCausalLM", _LLAMA),
    _decoder("gemma2", "Gemma2ForCausalLM", {**_LLAMA, "sliding_window": 4, "query_pre_attn_scalar": 8}),
    _decoder("gemma3", "Gemma3ForCausalLM", {**_LLAMA, "sliding_window": 4, "query_pre_attn_scalar": 8}),
    _decoder("phi", "PhiForCausalLM", _LLAMA),
    _decoder("phi3", "Phi3ForCausalLM", _LLAMA),
    _decoder("falcon", "FalconForCausalLM", {**_BERT, "pad_token_id": 0}),
    _decoder(
        "mpt",
        "MptForCausalLM",
        {"vocab_size": VOCABULARY, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 40},
    ),
    _decoder("stablelm", "StableLmForCausalLM", _LLAMA),
    _decoder("olmo", "OlmoForCausalLM", _LLAMA),
    _decoder("granite", "GraniteForCausalLM", _LLAMA),
    _decoder("cohere", "CohereForCausalLM", _LLAMA),
    _decoder(
        "codegen",
        "CodeGenForCausalLM",
        {"vocab_size": VOCABULARY, "n_positions": 40, "n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4},
    ),
    _decoder(
        "mamba",
        "MambaForCausalLM",
        {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4, "time_step_rank": 4},
        tokens,
        "its scan is a Python loop over the length, which a trace unrolls at the captured length",
    ),
    _both("t5", "T5ForConditionalGeneration", _T5),
    _both("mt5", "MT5ForConditionalGeneration", _T5),
    _both("bart", "BartForConditionalGeneration", _BART),
    _both("mbart", "MBartForConditionalGeneration", _BART),
    _both("pegasus", "PegasusForConditionalGeneration", _BART),
    _both("marian", "MarianMTModel", _BART),
    _both("blenderbot", "BlenderbotForConditionalGeneration", _BART),
    _both("m2m-100", "M2M100ForConditionalGeneration", _BART),
    _both(
        "led",
        "LEDForConditionalGeneration",
        {**_BART, "attention_window": 4, "max_encoder_position_embeddings": 40, "max_decoder_position_embeddings": 40},
        fails="it pads to a multiple of its window in Python, and cuts the windows with Python numbers of the captured length",
    ),
    _vision("vit", "ViTForImageClassification", _VIT),
    _vision("deit", "DeiTForImageClassification", _VIT),
    _vision("beit", "BeitForImageClassification", {**_VIT, "use_relative_position_bias": True}),
    _vision("dinov2", "Dinov2Model", {**_VIT, "mlp_ratio": 2}),
    _vision("vit-msn", "ViTMSNModel", _VIT),
    _vision("swin", "SwinForImageClassification", _SWIN),
    _vision("swinv2", "Swinv2ForImageClassification", _SWIN),
    _vision(
        "convnext",
        "ConvNextForImageClassification",
        {"hidden_sizes": [8, 16], "depths": [1, 2], "num_stages": 2, "image_size": 32},
    ),
    _vision(
        "convnextv2",
        "ConvNextV2ForImageClassification",
        {"hidden_sizes": [8, 16], "depths": [1, 2], "num_stages": 2, "image_size": 32},
    ),
    _vision(
        "resnet",
        "ResNetForImageClassification",
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2]},
    ),
    _vision(
        "regnet",
        "RegNetForImageClassification",
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "groups_width": 4},
    ),
    _vision("mobilenet-v1", "MobileNetV1ForImageClassification", {"image_size": 32, "depth_multiplier": 0.25}),
    _vision("mobilenet-v2", "MobileNetV2ForImageClassification", {"image_size": 32, "depth_multiplier": 0.25}),
    _vision(
        "poolformer",
        "PoolFormerForImageClassification",
        {
            "hidden_sizes": [8, 16],
            "depths": [1, 1],
            "num_encoder_blocks": 2,
            "patch_sizes": [7, 3],
            "strides": [4, 2],
            "padding": [2, 1],
        },
    ),
    _vision(
        "segformer",
        "SegformerForImageClassification",
        {
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 16, 16],
            "num_attention_heads": [1, 2, 2, 2],
            "sr_ratios": [2, 1, 1, 1],
            "mlp_ratios": [2, 2, 2, 2],
        },
    ),
    _vision(
        "dpt",
        "DPTForDepthEstimation",
        {
            **_VIT,
            "num_hidden_layers": 4,
            "backbone_out_indices": [0, 1, 2, 3],
            "neck_hidden_sizes": [8, 8, 8, 8],
            "fusion_hidden_size": 8,
        },
    ),
    _vision("siglip-vision", "SiglipVisionModel", _VIT),
    _vision("clip-vision", "CLIPVisionModel", _VIT),
    Architecture(
        "clip",
        "vision and text",
        "CLIPModel",
        {
            "text_config": {**_BERT, "eos_token_id": VOCABULARY - 1, "bos_token_id": 0},
            "vision_config": _VIT,
            "projection_dim": 16,
        },
        image_and_text,
    ),
    _audio("wav2vec2", "Wav2Vec2ForCTC", _WAV2VEC2),
    _audio("hubert", "HubertModel", _WAV2VEC2),
    _audio("wavlm", "WavLMModel", {**_WAV2VEC2, "num_buckets": 16, "max_bucket_distance": 40}),
    _audio(
        "data2vec-audio", "Data2VecAudioModel", {**_WAV2VEC2, "conv_pos_kernel_size": 3, "num_conv_pos_embeddings": 2}
    ),
    Architecture(
        "whisper",
        "audio",
        "WhisperForConditionalGeneration",
        {**_BART, "num_mel_bins": 16, "max_source_positions": 16, "max_target_positions": 40},
        lambda batch, length: {"input_features": _noise(batch, 16, 32), "decoder_input_ids": _tokens(batch, length)},
    ),
    Architecture(
        "audio-spectrogram-transformer",
        "audio",
        "ASTForAudioClassification",
        {**_VIT, "max_length": 32, "num_mel_bins": 16, "patch_size": 4, "frequency_stride": 4, "time_stride": 4},
        lambda batch, _: {"input_values": _noise(batch, 32, 16)},
        lengths=False,
    ),
    _audio(
        "speech-to-text",
        "Speech2TextForConditionalGeneration",
        {
            **_BART,
            "input_feat_per_channel": 16,
            "conv_channels": 16,
            "max_source_positions": 60,
            "max_target_positions": 40,
        },
        lambda batch, length: {**features(batch, 4 * length), "decoder_input_ids": _tokens(batch, length)},
    ),
)


# -- exporting and comparing --------------------------------------------------------------------------------------------

_FIXED = {"whisper": ("input_features",)}
"""Inputs whose length the model itself fixes."""


def axes(case: Architecture) -> dict[str, dict[int, str]]:
    """The dynamic axes: the batch of every input, and the lengths."""
    names: dict[str, dict[int, str]] = {}
    for name in case.inputs(*SIZES[0]):
        names[name] = {0: "batch"}
        if case.lengths and name != "pixel_values" and name not in _FIXED.get(case.name, ()):
            names[name][1] = "target" if name.startswith("decoder") else "length"
    return names


def check(case: Architecture) -> None:
    """Export one architecture and compare ONNX Runtime's outputs with PyTorch's at every size.

    Raises:
        onnx_explore.errors.OnnxExporterError: If it cannot be exported, or not be run.
        AssertionError: If an output differs.
    """
    model = case.build()
    exported = onnx_explore.export(
        model, (), kwargs=case.inputs(*SIZES[0]), dynamic_axes=axes(case), opset_version=case.opset
    )
    session = RuntimeSession(exported.model)
    for size in SIZES:
        inputs = case.inputs(*size)
        with torch.no_grad():
            leaves = pytree.tree_leaves(model(**inputs))
        expected = [leaf.numpy() for leaf in leaves if isinstance(leaf, Tensor)]
        actual = session.run({name: item.numpy() for name, item in inputs.items()})
        assert len(actual) == len(expected), f"{len(actual)} outputs for {len(expected)}"
        for got, wanted in zip(actual, expected, strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4, err_msg=f"batch {size[0]}, length {size[1]}")


def outcome(case: Architecture) -> str:
    """Why an architecture does not match, in one line; ``""`` if it does."""
    try:
        check(case)
    except Exception as error:  # noqa: BLE001  (every outcome is listed)
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return ""


HEAD = """# Architectures

Generated by `python -m tests.models.architectures notebooks/guide/architectures.md`; the same runs as
`pytest -m full tests/models/test_architectures.py`.

Models of `transformers`, tiny and with random weights, exported with a dynamic batch and, where the inputs have a
length, dynamic lengths. They are captured at batch {batches[0]} and length {lengths[0]}, and compared with PyTorch in ONNX
Runtime there and at batch {batches[1]} and length {lengths[1]}. {matching} of {total} match.

| architecture | kind | class | opset | dynamic | result |
|---|---|---|---|---|---|
"""


def guide(rows: Sequence[tuple[Architecture, str]]) -> str:
    """The table, as Markdown."""
    batches, lengths = zip(*SIZES, strict=True)
    matching = sum(not result for _, result in rows)
    head = HEAD.format(batches=batches, lengths=lengths, matching=matching, total=len(rows))
    lines = [
        f"| {case.name} | {case.kind} | `{case.model}` | {case.opset} | {'batch, length' if case.lengths else 'batch'} "
        f"| {f'fails: {case.fails or result}' if result else 'matches'} |"
        for case, result in rows
    ]
    return head + "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """The command."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    path = next((Path(item) for item in arguments if item.endswith(".md")), None)
    names = [item for item in arguments if not item.endswith(".md")]
    rows: list[tuple[Architecture, str]] = []
    for case in ARCHITECTURES:
        if names and case.name not in names:
            continue
        rows.append((case, outcome(case)))
        print(f"{case.name}: {rows[-1][1] or 'matches'}", flush=True)
    print(f"{sum(not result for _, result in rows)} of {len(rows)} architectures match")
    if path is not None:
        path.write_text(guide(rows), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
