"""Networks as plain PyTorch modules, written from their papers; modules are called as torchvision calls them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from splitgym.profiling.graph import Captured
from splitgym.profiling.torch_graph import capture_module


def conv(inside: int, outside: int, size: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, size, stride, size // 2, groups=groups, bias=False)


# ------------------------------------------------------------------ residual networks
class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a way around them (He et al. 2016)."""

    expansion = 1

    def __init__(self, inside: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(inside, planes, 3, stride), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv(planes, planes, 3), nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(inside, planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two of 1 x 1, with the stride in the middle (v1.5), and a way around them."""

    expansion = 4

    def __init__(self, inside: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(inside, planes, 1), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv(planes, planes, 3, stride), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = conv(planes, 4 * planes, 1), nn.BatchNorm2d(4 * planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(inside, 4 * planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


def shortcut(inside: int, outside: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inside == outside:
        return None
    return nn.Sequential(conv(inside, outside, 1, stride), nn.BatchNorm2d(outside))


class ResNet(nn.Module):
    def __init__(self, block: Any, counts: tuple[int, ...], classes: int = 1000) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        inside = 64
        for stage, count in enumerate(counts):
            planes, blocks = 64 * 2**stage, []
            for place in range(count):
                blocks.append(block(inside, planes, 2 if stage and not place else 1))
                inside = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(inside, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


# ------------------------------------------------------------------ plain and inverted
def vgg16() -> nn.Module:
    """Thirteen 3 x 3 convolutions and three fully connected layers (Simonyan and Zisserman 2015, D)."""
    layers: list[nn.Module] = []
    inside = 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        if width:
            layers += [nn.Conv2d(inside, width, 3, padding=1), nn.ReLU(inplace=True)]
            inside = width
        else:
            layers.append(nn.MaxPool2d(2))
    return Classifier(nn.Sequential(*layers), nn.AdaptiveAvgPool2d(7), mlp(512 * 7 * 7, dropout_first=False))


def mlp(inside: int, dropout_first: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (inside, 4096):
        full = [nn.Linear(width, 4096), nn.ReLU(inplace=True)]
        layers += [nn.Dropout(), *full] if dropout_first else [*full, nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(4096, 1000))


class Classifier(nn.Module):
    def __init__(self, features: nn.Module, avgpool: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.features, self.avgpool, self.classifier = features, avgpool, classifier

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class InvertedResidual(nn.Module):
    """Wide in the middle, a depthwise convolution there, a way around where the sizes agree (Sandler et al. 2018)."""

    def __init__(self, inside: int, outside: int, stride: int, expand: int) -> None:
        super().__init__()
        width = inside * expand
        layers = [Unit(inside, width, 1)] if expand != 1 else []
        layers += [Unit(width, width, 3, stride, width), conv(width, outside, 1), nn.BatchNorm2d(outside)]
        self.conv = nn.Sequential(*layers)
        self.around = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.around else self.conv(x)


class Unit(nn.Sequential):
    def __init__(self, inside: int, outside: int, size: int, stride: int = 1, groups: int = 1) -> None:
        plain = conv(inside, outside, size, stride, groups)
        super().__init__(plain, nn.BatchNorm2d(outside), nn.ReLU6(inplace=True))


class MobileNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [Unit(3, 32, 3, 2)]
        inside = 32
        widths, counts, strides = (16, 24, 32, 64, 96, 160, 320), (1, 2, 3, 4, 3, 3, 1), (1, 2, 2, 2, 1, 2, 1)
        for expand, width, count, stride in zip((1, 6, 6, 6, 6, 6, 6), widths, counts, strides, strict=True):
            for place in range(count):
                layers.append(InvertedResidual(inside, width, 1 if place else stride, expand))
                inside = width
        self.features = nn.Sequential(*layers, Unit(320, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class AlexNet(nn.Module):
    """One tower (Krizhevsky 2014), with two exits behind the first two pooled layers (BranchyNet)."""

    def __init__(self, exits: bool = True) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.avgpool, self.classifier = nn.AdaptiveAvgPool2d(6), mlp(256 * 6 * 6, dropout_first=True)
        self.exit1, self.exit2 = (head(64), head(192)) if exits else (None, None)

    def forward(self, x: Tensor) -> Any:
        first = self.features[:3](x)
        second = self.features[3:6](first)
        last = self.classifier(torch.flatten(self.avgpool(self.features[6:](second)), 1))
        return last if self.exit1 is None else [self.exit1(first), self.exit2(second), last]


def head(inside: int) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, 1000))


# ------------------------------------------------------------------ transformers
class Encoder(nn.Module):
    """Attention and a perceptron, each with a way around (Dosovitskiy et al. 2021)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.ln_1, self.self_attention = nn.LayerNorm(width), nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(0.1), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class VisionTransformer(nn.Module):
    def __init__(self, side: int = 224, patch: int = 16, width: int = 768, layers: int = 12) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(3, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embedding = nn.Parameter(torch.zeros(1, (side // patch) ** 2 + 1, width))
        self.layers = nn.Sequential(*(Encoder(width, width // 64, 4 * width) for _ in range(layers)))
        self.ln, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embedding
        return self.head(self.ln(self.layers(x))[:, 0])


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": lambda: ResNet(BasicBlock, (2, 2, 2, 2)),
    "resnet50": lambda: ResNet(Bottleneck, (3, 4, 6, 3)),
    "vgg16": vgg16,
    "mobilenet_v2": MobileNetV2,
    "vit_b16": VisionTransformer,
    "alexnet": AlexNet,
}


def empty(name: str) -> tuple[nn.Module, Tensor]:
    """A network without weights, and an input without content: nothing of it runs, everything is counted."""
    with torch.device("meta"):
        return NETWORKS[name](), torch.empty(1, 3, 224, 224)


@functools.cache
def captured(name: str) -> Captured:
    """The graph of a network, once per process: it takes seconds."""
    return capture_module(*empty(name))
