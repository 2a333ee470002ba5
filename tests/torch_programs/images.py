"""Networks for images."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from tests.torch_programs.plain import plain


class Block(nn.Module):
    def __init__(self, inside, outside, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
        self.conv2, self.bn2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside)
        self.down = None
        if stride != 1 or inside != outside:
            self.down = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x):
        same = x if self.down is None else self.down(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += same
        return self.relu(out)


def resnet(width=8):
    stages = [
        Block(width, width),
        Block(width, width),
        Block(width, 2 * width, 2),
        Block(2 * width, 2 * width),
        Block(2 * width, 4 * width, 2),
        Block(4 * width, 4 * width),
        Block(4 * width, 8 * width, 2),
        Block(8 * width, 8 * width),
    ]
    return nn.Sequential(
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(True),
        nn.MaxPool2d(3, 2, 1),
        *stages,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8 * width, 10),
    )


def resnet18():
    """ResNet-18, narrow."""
    model, x, y = resnet(), torch.randn(4, 3, 64, 64), torch.randint(0, 10, (4,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    return plain(model, optimizer, lambda: F.cross_entropy(model(x), y, label_smoothing=0.1))


def unet():
    """U-Net."""

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down1, self.down2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
            self.up, self.merge = nn.ConvTranspose2d(16, 8, 2, stride=2), nn.Conv2d(16, 8, 3, padding=1)
            self.norm, self.head = nn.GroupNorm(4, 16), nn.Conv2d(8, 2, 1)
            self.smooth = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

        def forward(self, x):
            a = F.relu(self.down1(x))
            b = F.relu(self.norm(self.down2(F.max_pool2d(a, 2))))
            c = torch.cat([a, self.up(b)], dim=1)
            d = F.relu(self.merge(c)) + F.interpolate(b, scale_factor=2, mode="nearest")[:, :8]
            return self.head(d) + self.smooth(F.avg_pool2d(d, 2))[:, :2]

    model, x, y = UNet(), torch.randn(2, 1, 16, 16), torch.randint(0, 2, (2, 16, 16))
    y[0, :3] = 255
    weight = torch.tensor([1.0, 3.0])
    return plain(
        model,
        torch.optim.Adam(model.parameters()),
        lambda: F.cross_entropy(model(x), y, weight=weight, ignore_index=255),
    )


def batch_norm():
    """Batch norm, train and frozen."""
    model = nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)
    )
    model[4].eval()
    x, y = torch.randn(16, 6), torch.randn(16, 1)
    return plain(model, torch.optim.SGD(model.parameters(), lr=0.1), lambda: F.mse_loss(model(x), y))


def vit():
    """ViT."""

    class ViT(nn.Module):
        def __init__(self, dim=16):
            super().__init__()
            self.patch = nn.Conv2d(3, dim, 4, 4)
            self.cls, self.pos = nn.Parameter(torch.zeros(1, 1, dim)), nn.Parameter(torch.randn(1, 17, dim) * 0.02)
            layer = nn.TransformerEncoderLayer(dim, 4, 32, activation="gelu", batch_first=True, norm_first=True)
            self.blocks, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(dim, 5)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.pos
            return self.head(self.blocks(x)[:, 0])

    model, x, y = ViT(), torch.randn(2, 3, 16, 16), torch.randint(0, 5, (2,))
    return plain(model, torch.optim.AdamW(model.parameters(), lr=1e-3), lambda: F.cross_entropy(model(x), y), clip=1.0)
