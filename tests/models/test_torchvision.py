"""Models of torchvision with random weights, real operators of torchvision included, where it loads beside this PyTorch."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import torch

import onnx_explore
from onnx_explore.check.runtime import RuntimeSession

CLASSIFIERS = (
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "resnet18",
    "resnext50_32x4d",
    "shufflenet_v2_x0_5",
    "squeezenet1_0",
    "swin_t",
    "swin_v2_t",
    "vgg11_bn",
    "vit_b_32",
    "wide_resnet50_2",
)
SEGMENTERS = ("deeplabv3_mobilenet_v3_large", "fcn_resnet50", "lraspp_mobilenet_v3_large")
VIDEO = ("r3d_18", "s3d", "mvit_v1_b", "swin3d_t")
DETECTORS = (
    "fasterrcnn_resnet50_fpn",
    "fcos_resnet50_fpn",
    "keypointrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "ssd300_vgg16",
    "ssdlite320_mobilenet_v3_large",
)

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def models() -> Any:
    """``torchvision.models``."""
    try:
        return importlib.import_module("torchvision.models")
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"torchvision does not load beside PyTorch {torch.__version__}: {error}")


def built(models: Any, name: str, **options: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return models.get_model(name, weights=None, **options).eval()


def first_tensor(result: Any) -> torch.Tensor:
    return result if isinstance(result, torch.Tensor) else next(iter(result.values()))


@pytest.mark.parametrize("name", [*CLASSIFIERS, *SEGMENTERS, *VIDEO])
def test_at_another_batch(models: Any, name: str) -> None:
    options = {"weights_backbone": None} if name in SEGMENTERS else {}
    side = {"inception_v3": 299, "r3d_18": 112}.get(name, 224)
    frames = (16,) if name in VIDEO else ()
    model = built(models, name, **options)
    x = torch.rand(2, 3, *frames, side, side)
    exported = onnx_explore.export(model, (x,), input_names=["x"], dynamic_axes={"x": {0: "batch"}}, opset_version=18)
    session = RuntimeSession(exported.model)
    for batch in (2, 3):
        given = torch.rand(batch, 3, *frames, side, side)
        with torch.no_grad():
            expected = first_tensor(model(given)).numpy()
        scale = max(1.0, float(np.abs(expected).max()))  # random weights may make it large
        np.testing.assert_allclose(session.run({"x": given})[0], expected, rtol=1e-3, atol=1e-4 * scale)


def test_optical_flow(models: Any) -> None:
    model = built(models, "raft_small")
    frames = torch.rand(1, 3, 128, 160), torch.rand(1, 3, 128, 160)
    exported = onnx_explore.export(model, frames, input_names=["first", "second"], opset_version=18)
    given = torch.rand(1, 3, 128, 160), torch.rand(1, 3, 128, 160)
    with torch.no_grad():
        expected = model(*given)
    actual = RuntimeSession(exported.model).run(dict(zip(("first", "second"), given, strict=True)))
    assert len(actual) == len(expected)
    for got, want in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-3, atol=1e-2)  # a recurrence of 12 steps, in pixels


HEADS = ("cls_logits", "cls_score", "bbox_ctrness", "classification_head.module_list", "kps_score", "mask_fcn_logits")


def spread(model: torch.nn.Module, image: torch.Tensor) -> None:
    """Give the heads weights under which scores differ by more than rounding, and some boxes are found."""

    done: set[int] = set()

    def scale(layer: Any, _: Any, output: torch.Tensor) -> None:
        if id(layer) not in done:  # heads are shared by the levels of a pyramid
            done.add(id(layer))
            layer.weight.div_(output.std())
            layer.bias.sub_(output.mean()).div_(output.std())

    layers = [
        layer
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear | torch.nn.ConvTranspose2d)
        and layer.bias is not None
        and any(head in name for head in HEADS)
    ]
    handles = [layer.register_forward_hook(scale) for layer in layers]
    with torch.no_grad():
        model([image])
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("name", DETECTORS)
def test_detection_at_another_image_size(models: Any, name: str) -> None:
    kind = "box_score_thresh" if "rcnn" in name else "score_thresh"
    sizes = {} if name.startswith("ssd") else {"min_size": 160, "max_size": 220}
    model = built(models, name, weights_backbone=None, **{kind: 0.05}, **sizes)
    image = torch.rand(3, 180, 200, generator=torch.Generator().manual_seed(2))
    spread(model, image)
    axes = {"image": {1: "height", 2: "width"}}
    exported = onnx_explore.export(
        model, ([image],), input_names=["image"], dynamic_axes=axes, opset_version=18, check=False
    )
    session = RuntimeSession(exported.model)
    # Of some sizes torchvision itself makes a pixel less when it is traced: it multiplies in float32 before it rounds down.
    for height, width in ((180, 200), (170, 190)):
        given = torch.rand(3, height, width, generator=torch.Generator().manual_seed(height))
        with torch.no_grad():
            expected = model([given])[0]
        assert len(expected["boxes"]), "nothing found: nothing compared"
        actual = dict(zip(expected, session.run({"image": given}), strict=True))
        assert found_again(expected, actual) > 0.95


def found_again(expected: dict[str, torch.Tensor], actual: dict[str, Any]) -> float:
    """The share of PyTorch's detections that ONNX has, too: scores that are equal but for rounding may change their places."""
    want = {name: value.numpy() for name, value in expected.items()}
    assert {name: value.shape[1:] for name, value in want.items()} == {n: v.shape[1:] for n, v in actual.items()}
    same = want["labels"][:, None] == actual["labels"]
    same &= np.isclose(want["scores"][:, None], actual["scores"], rtol=1e-2)
    same &= np.isclose(want["boxes"][:, None], actual["boxes"], rtol=0, atol=0.1).all(-1)
    for name, atol in (("masks", 1e-2), ("keypoints", 1.0)):
        if name in want:
            outside = ~np.isclose(want[name][:, None], actual[name], rtol=0, atol=atol)
            same &= outside.reshape(*outside.shape[:2], -1).mean(-1) < 0.02
    return float(same.any(1).mean())
