"""The usual five lines of training."""

from __future__ import annotations

from torch import nn


def plain(model, optimizer, loss_of, clip=None):
    """A program whose step is: zero_grad, loss, backward, clip, step."""

    def step():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        return loss.item()

    return [model], [optimizer], step
