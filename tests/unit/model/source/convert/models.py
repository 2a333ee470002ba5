"""Models that several of these tests convert."""

from __future__ import annotations

DENSE = {"class_name": "Dense", "config": {"name": "d", "units": 4, "activation": "relu", "use_bias": True}}
LENET = """\
import torch.nn as nn, torch.nn.functional as F, torch
side = 5
class LeNet(nn.Module):
    '''A comment.'''
    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, side)
        self.conv2 = nn.Conv2d(3, 4, kernel_size=side)
        self.fc1 = nn.Linear(4*side*side, 12)
        self.fc2 = nn.Linear(12, classes)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), (2, 2))
        x = x.view(-1, 4*side*side)
        x = torch.tanh(self.fc1(x))
        return self.fc2(x)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.Adam(LeNet().parameters(), lr=0.003, betas=(0.8, 0.99))
"""


def kinds(table):
    return [each["kind"] for each in table["layers"]]


def model(*layers, **more):
    return {"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}, **more}


def given(shape):
    return {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": "in"}}
