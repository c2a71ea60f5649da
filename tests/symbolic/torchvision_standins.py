"""torchvision's operators in plain PyTorch, by their definitions, where torchvision itself is not there.

They are one node each in a trace, as torchvision's are. Written for clearness: loops over regions and bins.
"""

from __future__ import annotations

import contextlib
import importlib
import math

import numpy as np
import torch

SCHEMAS = """
nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor
roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, int sampling_ratio, \
bool aligned) -> Tensor
roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width) -> (Tensor, Tensor)
ps_roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, \
int sampling_ratio) -> (Tensor, Tensor)
ps_roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width) -> (Tensor, Tensor)
deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, SymInt stride_w, \
SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt offset_groups, bool use_mask) \
-> Tensor
"""


def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Boxes by falling score, each kept unless it overlaps a kept one by more than the threshold."""
    kept: list[int] = []
    areas = (dets[:, 2] - dets[:, 0]) * (dets[:, 3] - dets[:, 1])
    for place in torch.sort(scores, stable=True, descending=True).indices.tolist():
        box = dets[place]
        for other in kept:
            low, high = torch.maximum(box[:2], dets[other, :2]), torch.minimum(box[2:], dets[other, 2:])
            common = (high - low).clamp(min=0).prod()
            if (common / (areas[place] + areas[other] - common)).item() > iou_threshold:
                break
        else:
            kept.append(place)
    return torch.tensor(kept, dtype=torch.int64)


def _sample(plane: torch.Tensor, y: float, x: float) -> torch.Tensor:
    """Bilinear, (channels,); the border reaches one element outwards."""
    height, width = plane.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return torch.zeros(plane.shape[0], dtype=plane.dtype)
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, across = y - top, x - left
    upper = plane[:, top, left] * (1 - across) + plane[:, top, right] * across
    lower = plane[:, bottom, left] * (1 - across) + plane[:, bottom, right] * across
    return upper * (1 - down) + lower * down


def _bins(
    input: torch.Tensor, rois: torch.Tensor, scale: float, half: bool, one: bool, pooled: tuple[int, int], ratio: int
):
    """For each region and bin: the plane, the samples' places, and how many there are."""
    numpy_type = np.float32 if input.dtype != torch.float64 else np.float64
    for number, roi in enumerate(rois.numpy().astype(numpy_type)):
        image = int(roi[0])
        corners = roi[1:] * numpy_type(scale) - numpy_type(0.5 if half else 0)
        extents = [corners[3] - corners[1], corners[2] - corners[0]]
        if one:
            extents = [max(extent, numpy_type(1)) for extent in extents]
        sizes = [extent / numpy_type(count) for extent, count in zip(extents, pooled, strict=True)]
        counts = [ratio if ratio > 0 else math.ceil(size) for size in sizes]
        for ph in range(pooled[0]):
            for pw in range(pooled[1]):
                ys, xs = (
                    [
                        place * size + start + (step + numpy_type(0.5)) * size / numpy_type(count)
                        for step in range(count)
                    ]
                    for place, size, start, count in zip((ph, pw), sizes, (corners[1], corners[0]), counts, strict=True)
                )
                yield (
                    number,
                    ph,
                    pw,
                    input[image],
                    [(float(y), float(x)) for y in ys for x in xs],
                    counts[0] * counts[1],
                )


def roi_align(
    input: torch.Tensor,
    rois: torch.Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    output = input.new_zeros(len(rois), input.shape[1], pooled_height, pooled_width)
    pooled = (pooled_height, pooled_width)
    for number, ph, pw, plane, places, count in _bins(
        input, rois, spatial_scale, aligned, not aligned, pooled, sampling_ratio
    ):
        for y, x in places:
            output[number, :, ph, pw] += _sample(plane, y, x)
        output[number, :, ph, pw] /= max(count, 1)
    return output


def _mapping(rois: torch.Tensor, channels: int, pooled_height: int, pooled_width: int) -> torch.Tensor:
    own = torch.arange(channels, dtype=torch.int32).reshape(1, -1, pooled_height, pooled_width)
    return own.repeat(len(rois), 1, 1, 1)


def ps_roi_align(
    input: torch.Tensor,
    rois: torch.Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    mapping = _mapping(rois, input.shape[1], pooled_height, pooled_width)
    output = input.new_zeros(mapping.shape)
    pooled = (pooled_height, pooled_width)
    for number, ph, pw, plane, places, count in _bins(input, rois, spatial_scale, True, False, pooled, sampling_ratio):
        for y, x in places:
            output[number, :, ph, pw] += _sample(plane[mapping[number, :, ph, pw].long()], y, x)
        output[number, :, ph, pw] /= count
    return output, mapping


def _spans(
    roi: np.ndarray, scale: float, more: int, pooled: tuple[int, int], bounds: tuple[int, int]
) -> list[list[tuple[int, int]]]:
    """First and behind-last element of each bin, along height and width."""
    kind = roi.dtype.type
    scaled = [float(item * kind(scale)) for item in roi[1:]]
    x1, y1, x2, y2 = (int(math.copysign(math.floor(abs(item) + 0.5), item)) for item in scaled)
    found: list[list[tuple[int, int]]] = []
    for start, end, count, bound in ((y1, y2, pooled[0], bounds[0]), (x1, x2, pooled[1], bounds[1])):
        size = kind(max(end - start + more, 1)) / kind(count)
        edges = [(math.floor(kind(place) * size), math.ceil(kind(place + 1) * size)) for place in range(count)]
        found.append([(min(max(a + start, 0), bound), min(max(b + start, 0), bound)) for a, b in edges])
    return found


def roi_pool(
    input: torch.Tensor, rois: torch.Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    height, width = input.shape[2:]
    output = input.new_zeros(len(rois), input.shape[1], pooled_height, pooled_width)
    argmax = torch.full(output.shape, -1, dtype=torch.int32)
    for number, roi in enumerate(rois.numpy()):
        rows, columns = _spans(roi, spatial_scale, 1, (pooled_height, pooled_width), (height, width))
        for ph, (top, bottom) in enumerate(rows):
            for pw, (left, right) in enumerate(columns):
                if bottom > top and right > left:
                    window = input[int(roi[0]), :, top:bottom, left:right]
                    best = window.flatten(1).argmax(1)
                    line, column = best // (right - left) + top, best % (right - left) + left
                    output[number, :, ph, pw] = window.flatten(1).amax(1)
                    argmax[number, :, ph, pw] = (line * width + column).int()
    return output, argmax


def ps_roi_pool(
    input: torch.Tensor, rois: torch.Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    height, width = input.shape[2:]
    mapping = _mapping(rois, input.shape[1], pooled_height, pooled_width)
    output = input.new_zeros(mapping.shape)
    for number, roi in enumerate(rois.numpy()):
        rows, columns = _spans(roi, spatial_scale, 0, (pooled_height, pooled_width), (height - 1, width - 1))
        for ph, (top, bottom) in enumerate(rows):
            for pw, (left, right) in enumerate(columns):
                if bottom > top and right > left:
                    window = input[int(roi[0]), mapping[number, :, ph, pw].long(), top:bottom, left:right]
                    output[number, :, ph, pw] = window.mean((1, 2))
    return output, mapping


def deform_conv2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    offset: torch.Tensor,
    mask: torch.Tensor,
    bias: torch.Tensor,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> torch.Tensor:
    """One element of the kernel after the other: the displaced input, by ``grid_sample``, times its weights."""
    batch, channels, height, width = input.shape
    rows, columns = weight.shape[2:]
    down, across = offset.shape[2:]
    apart = input.reshape(batch * offset_groups, channels // offset_groups, height, width)
    total = input.new_zeros(batch, weight.shape[0], down, across)
    for tap in range(rows * columns):
        line, column = divmod(tap, columns)
        moved = offset.reshape(batch * offset_groups, rows * columns, 2, down, across)[:, tap]
        moved = moved if input.dtype == torch.float64 else moved.float()
        y = moved[:, 0] + torch.arange(down).reshape(-1, 1) * stride_h + (line * dilation_h - pad_h)
        x = moved[:, 1] + torch.arange(across) * stride_w + (column * dilation_w - pad_w)
        grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1).to(input.dtype)
        taken = torch.nn.functional.grid_sample(apart, grid, align_corners=False)
        if use_mask:
            taken = taken * mask.reshape(batch * offset_groups, rows * columns, 1, down, across)[:, tap]
        taken = taken.reshape(batch, channels, down, across)
        total += torch.nn.functional.conv2d(taken, weight[:, :, line : line + 1, column : column + 1], groups=groups)
    return total + bias.reshape(1, -1, 1, 1)


_LIBRARIES: list[torch.library.Library] = []


def register() -> None:
    """Load torchvision's own operators, or define them where it is missing or does not fit this PyTorch."""
    with contextlib.suppress(ImportError, OSError, RuntimeError):
        importlib.import_module("torchvision")
    if _LIBRARIES or hasattr(torch.ops.torchvision, "nms"):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    _LIBRARIES.append(library)  # an operator lives as long as its library
    for schema in SCHEMAS.strip().splitlines():
        name = schema.partition("(")[0]
        library.define(schema)
        library.impl(name, globals()[name], "CPU")
