"""An attention written in einsum and a U-Net step beside hand-written NumPy, PyTorch eager and JAX.

einsum attention: 4 sequences of 32 positions with 64 features, 4 heads, causal, 65 classes, cross-entropy, SGD; every
product is an einsum where bptui, PyTorch and JAX compute it, a matrix product where it is written by hand.
U-Net: 4 images of 16x16 with 3 channels; a convolution of 3x3 (8 channels), pooling, another (16), made larger again
(bilinear), beside the first one, a third (8), a last of 1x1 (3); mean squared error, SGD. Measured as on the page
`engine`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.modern import HEADS, LATER, PLACES, SEQUENCES, SIZE, drawn, join, patches, split
from benchmarks.peers import HAND, JAX, OURS, TORCH, Array, Data, Model, Params, Task, compare, softmax_loss
from bptui.model.engine.build import Builder
from bptui.model.engine.optimizers import Optimizer

WIDTH = SIZE // HEADS
IMAGES, SIDE = 4, 16
HEAD, SCORES, MIXED, OUT = "bif,fhd->bhid", "bhid,bhjd->bhij", "bhij,bhjd->bhid", "bhid,hdf->bif"
"""The products of an attention: its heads, scores of queries and keys, values mixed, heads put together."""


# ------------------------------------------------------------------------------------------------------ by hand
def plain_attention(p: Params, x: Array, y: Array) -> tuple[float, Params]:
    """Forward and backward on one row per position."""
    rows = x.reshape(-1, SIZE)
    flat = {n: p[f"w{n}"].reshape(SIZE, SIZE) for n in "qkvo"}
    q, k, v = (split(rows @ flat[n]) for n in "qkv")
    s = q @ k.swapaxes(-1, -2) * WIDTH**-0.5
    s[:, :, LATER] = -np.inf
    s = np.exp(s - s.max(-1, keepdims=True))
    s /= s.sum(-1, keepdims=True)
    o = join(s @ v)
    a = o @ flat["o"]
    loss, gz = softmax_loss(a @ p["wh"] + p["bh"], y.ravel())

    grads = {"wh": a.T @ gz, "bh": gz.sum(0)}
    ga = gz @ p["wh"].T
    grads["wo"] = (o.T @ ga).reshape(p["wo"].shape)
    go = split(ga @ flat["o"].T)
    gv = s.swapaxes(-1, -2) @ go
    gs = go @ v.swapaxes(-1, -2)
    gs = s * (gs - (gs * s).sum(-1, keepdims=True)) * WIDTH**-0.5
    for n, g in (("q", gs @ k), ("k", gs.swapaxes(-1, -2) @ q), ("v", gv)):
        grads[f"w{n}"] = (rows.T @ join(g)).reshape(p[f"w{n}"].shape)
    return loss, grads


def _between(size: int) -> Array:
    """The matrix that makes an axis twice as long, bilinear, by the centres of its elements."""
    at = np.clip((np.arange(2 * size) + 0.5) / 2 - 0.5, 0, size - 1)
    low = np.minimum(at.astype(int), size - 2)
    made = np.zeros((2 * size, size))
    made[np.arange(2 * size), low] = low + 1 - at
    made[np.arange(2 * size), low + 1] = at - low
    return made


UP = {dtype: _between(SIDE // 2).astype(dtype) for dtype in ("float32", "float64")}


def _same(x: Array, kernel: Array, bias: Array) -> tuple[Array, Array]:
    """A convolution of 3x3 that keeps the size, channels last; with the patches that its backward pass needs."""
    n, side = len(x), x.shape[1]
    padded = np.zeros((n, side + 2, side + 2, x.shape[3]), x.dtype)
    padded[:, 1:-1, 1:-1] = x
    c = patches(padded, 3)
    return (c @ kernel.reshape(len(kernel), -1).T + bias).reshape(n, side, side, -1), c


def _same_back(g: Array, kernel: Array, c: Array) -> tuple[Array, Array, Array]:
    """The gradients of x, kernel and bias."""
    n, side, channels = len(g), g.shape[1], kernel.shape[1]
    flat = g.reshape(-1, len(kernel))
    gc = (flat @ kernel.reshape(len(kernel), -1)).reshape(n, side, side, channels, 3, 3)
    gx = np.zeros((n, side + 2, side + 2, channels), g.dtype)
    for i in range(3):
        for j in range(3):
            gx[:, i : i + side, j : j + side] += gc[..., i, j]
    return gx[:, 1:-1, 1:-1], (flat.T @ c).reshape(kernel.shape), flat.sum(0)


def plain_unet(p: Params, x: Array, y: Array) -> tuple[float, Params]:
    """Forward and backward with channels last."""
    n, half, up = len(x), SIDE // 2, UP[x.dtype.name]
    a1, c1 = _same(x.transpose(0, 2, 3, 1), p["k1"], p["b1"])
    r1 = np.maximum(a1, 0)
    windows = r1.reshape(n, half, 2, half, 2, 8)
    p1 = windows.max((2, 4))
    a2, c2 = _same(p1, p["k2"], p["b2"])
    r2 = np.maximum(a2, 0)
    tall = np.tensordot(up, r2, (1, 1)).swapaxes(0, 1)
    wide = np.matmul(up, tall)
    both = np.concatenate([r1, wide], 3)
    a3, c3 = _same(both, p["k3"], p["b3"])
    r3 = np.maximum(a3, 0)
    last = p["k4"].reshape(3, 8)
    z = r3 @ last.T + p["b4"]
    error = z - y.transpose(0, 2, 3, 1)
    loss = float((error * error).mean())

    gz = error * (2 / error.size)
    flat = gz.reshape(-1, 3)
    grads = {"k4": (flat.T @ r3.reshape(-1, 8)).reshape(p["k4"].shape), "b4": flat.sum(0)}
    gboth, grads["k3"], grads["b3"] = _same_back(gz @ last * (a3 > 0), p["k3"], c3)
    g1, gwide = gboth[..., :8], gboth[..., 8:]
    g2 = np.tensordot(up.T, np.matmul(up.T, gwide), (1, 1)).swapaxes(0, 1) * (a2 > 0)
    gp1, grads["k2"], grads["b2"] = _same_back(g2, p["k2"], c2)
    won = ((windows == p1[:, :, None, :, None]) * gp1[:, :, None, :, None]).reshape(r1.shape)
    _, grads["k1"], grads["b1"] = _same_back((g1 + won) * (a1 > 0), p["k1"], c1)
    return loss, grads


# --------------------------------------------------------------------------------------------------------- ours
def our_attention(b: Builder, x: Any, p: dict[str, Any]) -> Any:
    """The logits."""
    q, k, v = (b.use("einsum", x, p[f"w{n}"], equation=HEAD) for n in "qkv")
    s = b.use("mul", b.use("einsum", q, k, equation=SCORES), WIDTH**-0.5)
    o = b.use("einsum", b.use("masked_softmax", s, causal=True), v, equation=MIXED)
    return b.use("affine", b.use("einsum", o, p["wo"], equation=OUT), p["wh"], p["bh"])


def our_unet(b: Builder, x: Any, p: dict[str, Any]) -> Any:
    """The image."""

    def layer(x: Any, n: str) -> Any:
        return b.use("relu", b.use("conv2d", x, p[f"k{n}"], p[f"b{n}"], padding=1))

    first = layer(x, "1")
    low = layer(b.use("max_pool2d", first, kernel_size=2), "2")
    wide = b.use("interpolate", low, size=(SIDE, SIDE), mode="linear")
    return b.use("conv2d", layer(b.use("concat", first, wide, axis=1), "3"), p["k4"], p["b4"])


# -------------------------------------------------------------------------------------------------------- peers
def torch_attention(p: Any, x: Any, f: Any) -> Any:
    """The logits; f is torch.nn.functional."""
    import torch

    q, k, v = (torch.einsum(HEAD, x, p[f"w{n}"]) for n in "qkv")
    s = torch.einsum(SCORES, q, k) * WIDTH**-0.5
    s = s.masked_fill(torch.from_numpy(LATER), -torch.inf)
    o = torch.einsum(MIXED, torch.softmax(s, -1), v)
    return (torch.einsum(OUT, o, p["wo"]) @ p["wh"] + p["bh"]).flatten(0, 1)


def torch_unet(p: Any, x: Any, f: Any) -> Any:
    """The image; f is torch.nn.functional."""
    import torch

    def layer(x: Any, n: str) -> Any:
        return f.relu(f.conv2d(x, p[f"k{n}"], p[f"b{n}"], padding=1))

    first = layer(x, "1")
    wide = f.interpolate(layer(f.max_pool2d(first, 2), "2"), scale_factor=2, mode="bilinear")
    return f.conv2d(layer(torch.cat([first, wide], 1), "3"), p["k4"], p["b4"])


def jax_attention(p: Any, x: Any, jnp: Any) -> Any:
    """The logits."""
    q, k, v = (jnp.einsum(HEAD, x, p[f"w{n}"]) for n in "qkv")
    s = jnp.where(LATER, -1e9, jnp.einsum(SCORES, q, k) * WIDTH**-0.5)
    s = jnp.exp(s - s.max(-1, keepdims=True))
    o = jnp.einsum(MIXED, s / s.sum(-1, keepdims=True), v)
    return (jnp.einsum(OUT, o, p["wo"]) @ p["wh"] + p["bh"]).reshape(-1, 65)


def jax_unet(p: Any, x: Any, jnp: Any) -> Any:
    """The image."""
    from jax import lax

    def layer(x: Any, n: str) -> Any:
        z = lax.conv_general_dilated(x, p[f"k{n}"], (1, 1), "SAME")
        return jnp.maximum(z + p[f"b{n}"][:, None, None], 0)

    first = layer(x, "1")
    low = layer(lax.reduce_window(first, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID"), "2")
    up = UP[x.dtype.name]
    wide = jnp.einsum("ah,bchw,dw->bcad", up, low, up)
    third = layer(jnp.concatenate([first, wide], 1), "3")
    return jnp.einsum("oc,bchw->bohw", p["k4"][:, :, 0, 0], third) + p["b4"][:, None, None]


ATTENTION_SHAPES = {
    **dict.fromkeys(("wq", "wk", "wv"), (SIZE, HEADS, WIDTH)), "wo": (HEADS, WIDTH, SIZE), "wh": (SIZE, 65), "bh": (65,)
}  # fmt: skip
UNET_SHAPES = {
    "k1": (8, 3, 3, 3), "b1": (8,), "k2": (16, 8, 3, 3), "b2": (16,), "k3": (8, 24, 3, 3), "b3": (8,),
    "k4": (3, 8, 1, 1), "b4": (3,),
}  # fmt: skip


def unet_data(dtype: str) -> Data:
    """Parameters, images and what they are to become."""
    params, x, _ = drawn(UNET_SHAPES, (IMAGES, 3, SIDE, SIDE), 2)(dtype)
    return params, x, np.random.default_rng(8).standard_normal(x.shape).astype(dtype)


ATTENTION = Model(
    "einsum attention", "cross_entropy", Optimizer("sgd", 0.05),
    drawn(ATTENTION_SHAPES, (SEQUENCES, PLACES, SIZE), 65), our_attention, plain_attention, jax_attention,
    torch_attention, 4,
)  # fmt: skip
UNET = Model(
    "U-Net", "mse", Optimizer("sgd", 0.05), unet_data, our_unet, plain_unet, jax_unet, torch_unet, 4,
)  # fmt: skip


def table(quick: bool) -> Iterator[tuple[str, str]]:
    """The rows of the page, as they are measured."""
    for model in (ATTENTION, UNET):
        for dtype in ("float32", "float64"):
            yield from compare(Task(model, dtype), (HAND, *OURS, TORCH, JAX), 10 if quick else 60)
