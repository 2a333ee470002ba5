"""Trained numbers in files: a PyTorch state_dict as safetensors, NPZ or JSON, read into the layers of a network and
written from them.

Names are PyTorch's (`0.weight`, `fc1.bias`, `lstm.weight_hh_l0`, `attn.in_proj_weight`), and so is how dense weights
lie, (out, in): https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html and the pages of LSTM and
MultiheadAttention beside it. Of Keras its `kernel`, (in, out), `gamma`, `beta` and `moving_mean` are known. Nothing in
a file is executed; a pickle is refused by its suffix.
"""

from __future__ import annotations

from bptui.model.source.weights.files import fill
from bptui.model.source.weights.match import loaded, state_dict

__all__ = ["fill", "loaded", "state_dict"]
