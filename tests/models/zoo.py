"""Real architectures in plain PyTorch, small and with random weights (torchvision is no dependency)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with a residual: ResNet-50's block."""

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * 4)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != width * 4:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, width * 4, 1, stride, bias=False), nn.BatchNorm2d(width * 4)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """ResNet of bottlenecks; ``ResNet((3, 4, 6, 3))`` is ResNet-50."""

    def __init__(self, depths: Sequence[int] = (3, 4, 6, 3), width: int = 64, num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for number, depth in enumerate(depths):
            blocks = []
            for index in range(depth):
                stride = 2 if index == 0 and number > 0 else 1
                blocks.append(Bottleneck(channels, width << number, stride))
                channels = (width << number) * 4
            setattr(self, f"layer{number + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, max(channels // 4, 8), 1)
        self.fc2 = nn.Conv2d(max(channels // 4, 8), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale = F.relu(self.fc1(self.avgpool(x)))
        return F.hardsigmoid(self.fc2(scale)) * x


class InvertedResidual(nn.Module):
    def __init__(
        self, inner: int, channels: int, out: int, kernel: int, stride: int, *, se: bool, hardswish: bool
    ) -> None:
        super().__init__()
        activation = nn.Hardswish if hardswish else nn.ReLU
        layers: list[nn.Module] = [
            nn.Conv2d(channels, inner, 1, bias=False),
            nn.BatchNorm2d(inner, eps=0.001, momentum=0.01),
            activation(inplace=True),
            nn.Conv2d(inner, inner, kernel, stride, kernel // 2, groups=inner, bias=False),
            nn.BatchNorm2d(inner, eps=0.001, momentum=0.01),
            activation(inplace=True),
            *([SqueezeExcitation(inner)] if se else []),
            nn.Conv2d(inner, out, 1, bias=False),
            nn.BatchNorm2d(out, eps=0.001, momentum=0.01),
        ]
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        result = self.block(x)
        if self.residual:
            result += x
        return result


class MobileNetV3(nn.Module):
    """MobileNetV3-Small without its widest blocks: depthwise convolutions, hardswish, squeeze and excitation."""

    def __init__(self, num_classes: int = 100) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1, bias=False),
            nn.BatchNorm2d(16, eps=0.001, momentum=0.01),
            nn.Hardswish(inplace=True),
            InvertedResidual(16, 16, 16, 3, 2, se=True, hardswish=False),
            InvertedResidual(72, 16, 24, 3, 2, se=False, hardswish=False),
            InvertedResidual(88, 24, 24, 3, 1, se=False, hardswish=False),
            InvertedResidual(96, 24, 40, 5, 2, se=True, hardswish=True),
            InvertedResidual(120, 40, 48, 5, 1, se=True, hardswish=True),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(48, 128), nn.Hardswish(inplace=True), nn.Dropout(0.2, inplace=True), nn.Linear(128, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


class DoubleConv(nn.Sequential):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            nn.Conv2d(channels, out, 3, padding=1),
            nn.BatchNorm2d(out),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(out, out, 3, padding=1),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    """U-Net whose way up is ``F.interpolate``: by a factor, or to the size of the skip connection.

    Args:
        mode: ``"nearest"`` or ``"bilinear"``.
        to_skip: Interpolate to ``size=skip.shape[2:]`` instead of by ``scale_factor=2``.
        align_corners: For bilinear.
    """

    def __init__(self, mode: str, *, to_skip: bool, align_corners: bool | None = None) -> None:
        super().__init__()
        self.mode, self.to_skip, self.align_corners = mode, to_skip, align_corners
        self.down1, self.down2, self.down3 = DoubleConv(3, 8), DoubleConv(8, 16), DoubleConv(16, 32)
        self.pool = nn.MaxPool2d(2)
        self.up2, self.up1 = DoubleConv(32 + 16, 16), DoubleConv(16 + 8, 8)
        self.head = nn.Conv2d(8, 2, 1)

    def grow(self, x: Tensor, skip: Tensor) -> Tensor:
        if self.to_skip:
            x = F.interpolate(x, size=skip.shape[2:], mode=self.mode, align_corners=self.align_corners)
        else:
            x = F.interpolate(x, scale_factor=2, mode=self.mode, align_corners=self.align_corners)
        return torch.cat([skip, x], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.down1(x)
        second = self.down2(self.pool(first))
        bottom = self.down3(self.pool(second))
        x = self.up2(self.grow(bottom, second))
        x = self.up1(self.grow(x, first))
        return torch.sigmoid(self.head(x))


class ViTBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, width * 3), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, width * 4), nn.GELU(), nn.Dropout(0.1), nn.Linear(width * 4, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """Vision Transformer: patches by convolution, class token, learned positions, pre-norm blocks."""

    def __init__(self, image: int = 32, patch: int = 8, width: int = 48, depth: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, (image // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.ModuleList(ViTBlock(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class Recurrent(nn.Module):
    """An LSTM, GRU or RNN and a head; ``hx`` may be given."""

    def __init__(self, kind: str, **options: object) -> None:
        super().__init__()
        self.rnn: nn.RNNBase = getattr(nn, kind)(6, 10, **options)
        features = self.rnn.proj_size or 10
        self.head = nn.Linear(features * (2 if self.rnn.bidirectional else 1), 4)

    def forward(self, x: Tensor, hx: Tensor | tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, object]:
        out, state = self.rnn(x, hx)
        return self.head(out), state


class Attention(nn.Module):
    """``nn.MultiheadAttention`` with weights returned, and with masks."""

    def __init__(self, **options: object) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True, **options)

    def forward(
        self, x: Tensor, memory: Tensor, key_padding_mask: Tensor | None = None, attn_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return self.attention(x, memory, memory, key_padding_mask=key_padding_mask, attn_mask=attn_mask)


class Encoder(nn.Module):
    """``nn.TransformerEncoder`` with a padding mask and a causal mask made in ``forward``."""

    def __init__(self, *, causal: bool = False, **options: object) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, **options)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.causal = causal

    def forward(self, src: Tensor, src_key_padding_mask: Tensor | None = None) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(src.shape[1]) if self.causal else None
        return self.encoder(src, mask=mask, src_key_padding_mask=src_key_padding_mask)


class WriteColumn(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[:, 0] += 1
        return y * 2


class WriteThroughViews(nn.Module):
    """Writes through chains of views, read through others."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = x * 1.0
        rows = y.transpose(0, 1)
        rows[1].mul_(3)
        flat = y.view(y.size(0), -1)
        flat[:, 2:5].add_(x[:, 0, :3])
        y[:, -1, ::2] = 7.0
        y.select(1, 0).unsqueeze(-1).zero_()
        return rows.contiguous(), flat.sum(-1)


class WriteMasked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x + 0
        y.masked_fill_(y < 0, -1.0)
        y[y > 1] = 1.0
        y.clamp_(max=0.75)
        return y


class WriteInput(nn.Module):
    """A write to the caller's tensor: PyTorch changes it, an ONNX model cannot."""

    def forward(self, x: Tensor) -> Tensor:
        x.add_(1)
        return x * 2


class WriteRows(nn.Module):
    """A loop that fills a buffer, as detection heads do."""

    def forward(self, x: Tensor) -> Tensor:
        out = torch.zeros(x.shape[0], 3, x.shape[2])
        for row in range(3):
            out[:, row] = x[:, row] * (row + 1)
        out[..., 0] = x.mean(-1)
        return out


class Flatten(nn.Module):
    """``x.view(x.size(0), -1)``, in the four ways people write it."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        batch = x.size(0)
        return (
            x.view(batch, -1),
            x.reshape(x.shape[0], x.shape[1] * x.shape[2]),
            torch.flatten(x, 1),
            x.view(-1, x.size(1), 2, x.size(2) // 2),
        )
