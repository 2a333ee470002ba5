"""A LeNet and a transformer block beside hand-written NumPy, PyTorch eager and JAX: the same networks and numbers.

LeNet: 16 images of 28x28, two convolutions of 5x5 (6 and 16 channels) with pooling, 120, 84, 10, cross-entropy, SGD.
Transformer: 4 sequences of 32 positions with 64 features, one pre-LN block of 4 heads with a GELU of 256 in between,
65 classes at each position, cross-entropy, Adam. Measured as on the page `engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.peers import HAND, JAX, OURS, TORCH, Array, Data, Model, Params, Task, compare, softmax_loss
from bptui.model.engine.build import Builder
from bptui.model.engine.optimizers import Optimizer

HEADS, SIZE, PLACES, SEQUENCES = 4, 64, 32, 4
EPS = 1e-5
CUBE, ROOT = 0.044715, (2 / np.pi) ** 0.5
"""The constants of the tanh form of GELU (Hendrycks and Gimpel 2016)."""


def drawn(shapes: Mapping[str, tuple[int, ...]], inputs: tuple[int, ...], classes: int) -> Callable[[str], Data]:
    """Parameters of these shapes (weights (in, out), kernels (out, in, height, width)), and a batch with its labels."""

    def data(dtype: str) -> Data:
        rng = np.random.default_rng(7)
        params = {}
        for name, shape in shapes.items():
            fan = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
            value = rng.standard_normal(shape) / fan**0.5 if len(shape) > 1 else np.full(shape, float(name[0] == "g"))
            params[name] = value.astype(dtype)
        x = rng.standard_normal(inputs).astype(dtype)
        return params, x, rng.integers(0, classes, inputs[:1] if len(inputs) == 4 else inputs[:2])

    return data


# ------------------------------------------------------------------------------------------------------ by hand
def patches(x: Array, k: int) -> Array:
    """(samples, height, width, channels) as one row per place: (samples·places, channels·k·k)."""
    seen = np.lib.stride_tricks.sliding_window_view(x, (k, k), (1, 2))
    return seen.reshape(-1, x.shape[3] * k * k)


def plain_lenet(p: Params, x: Array, y: Array) -> tuple[float, Params]:
    """Forward and backward with channels last, so that a convolution is one product of patches and kernels."""
    n = len(x)
    padded = np.zeros((n, 32, 32, 1), x.dtype)
    padded[:, 2:30, 2:30, 0] = x[:, 0]
    c1 = patches(padded, 5)
    a1 = c1 @ p["k1"].reshape(6, -1).T + p["b1"]
    r1 = np.maximum(a1, 0).reshape(n, 14, 2, 14, 2, 6)
    p1 = r1.max((2, 4))
    c2 = patches(p1, 5)
    a2 = c2 @ p["k2"].reshape(16, -1).T + p["b2"]
    r2 = np.maximum(a2, 0).reshape(n, 5, 2, 5, 2, 16)
    p2 = r2.max((2, 4))
    flat = p2.transpose(0, 3, 1, 2).reshape(n, 400)
    z3 = flat @ p["w3"] + p["b3"]
    h3 = np.maximum(z3, 0)
    z4 = h3 @ p["w4"] + p["b4"]
    h4 = np.maximum(z4, 0)
    loss, g5 = softmax_loss(h4 @ p["w5"] + p["b5"], y)

    grads = {"w5": h4.T @ g5, "b5": g5.sum(0)}
    g4 = g5 @ p["w5"].T * (z4 > 0)
    grads |= {"w4": h3.T @ g4, "b4": g4.sum(0)}
    g3 = g4 @ p["w4"].T * (z3 > 0)
    grads |= {"w3": flat.T @ g3, "b3": g3.sum(0)}
    gp2 = (g3 @ p["w3"].T).reshape(n, 16, 5, 5).transpose(0, 2, 3, 1)
    ga2 = ((r2 == p2[:, :, None, :, None]) * gp2[:, :, None, :, None]).reshape(-1, 16) * (a2 > 0)
    grads |= {"k2": (ga2.T @ c2).reshape(p["k2"].shape), "b2": ga2.sum(0)}
    gc2 = (ga2 @ p["k2"].reshape(16, -1)).reshape(n, 10, 10, 6, 5, 5)
    gp1 = np.zeros_like(p1)
    for i in range(5):
        for j in range(5):
            gp1[:, i : i + 10, j : j + 10] += gc2[..., i, j]
    ga1 = ((r1 == p1[:, :, None, :, None]) * gp1[:, :, None, :, None]).reshape(-1, 6) * (a1 > 0)
    grads |= {"k1": (ga1.T @ c1).reshape(p["k1"].shape), "b1": ga1.sum(0)}
    return loss, grads


def norm(x: Array, gain: Array, shift: Array) -> tuple[Array, Array, Array]:
    """A layer norm; with what its backward pass needs."""
    centered = x - x.mean(-1, keepdims=True)
    inverse = 1 / np.sqrt((centered * centered).mean(-1, keepdims=True) + EPS)
    normal = centered * inverse
    return normal * gain + shift, normal, inverse


def norm_back(g: Array, gain: Array, normal: Array, inverse: Array) -> tuple[Array, Array, Array]:
    """The gradients of x, gain and shift."""
    gn = g * gain
    gx = (gn - gn.mean(-1, keepdims=True) - normal * (gn * normal).mean(-1, keepdims=True)) * inverse
    return gx, (g * normal).sum(0), g.sum(0)


LATER = np.triu(np.ones((PLACES, PLACES), bool), 1)


def split(x: Array) -> Array:
    """(positions, features) to (sequences, heads, positions of one, features of a head)."""
    return x.reshape(SEQUENCES, PLACES, HEADS, SIZE // HEADS).transpose(0, 2, 1, 3)


def join(x: Array) -> Array:
    """And back."""
    return x.transpose(0, 2, 1, 3).reshape(-1, SIZE)


def plain_transformer(p: Params, x: Array, y: Array) -> tuple[float, Params]:
    """Forward and backward on one row per position."""
    x = x.reshape(-1, SIZE)
    a, normal1, inverse1 = norm(x, p["g1"], p["s1"])
    q, k, v = (split(a @ p[f"w{n}"] + p[f"b{n}"]) for n in "qkv")
    factor = (SIZE // HEADS) ** -0.5
    s = q @ k.swapaxes(-1, -2) * factor
    s[:, :, LATER] = -np.inf
    s = np.exp(s - s.max(-1, keepdims=True))
    s /= s.sum(-1, keepdims=True)
    o = join(s @ v)
    x1 = x + o @ p["wo"] + p["bo"]
    m, normal2, inverse2 = norm(x1, p["g2"], p["s2"])
    u = m @ p["w1"] + p["b1"]
    t = np.tanh(ROOT * (u + CUBE * u * u * u))
    h = 0.5 * u * (1 + t)
    x2 = x1 + h @ p["w2"] + p["b2"]
    loss, gz = softmax_loss(x2 @ p["wh"] + p["bh"], y.ravel())

    grads = {"wh": x2.T @ gz, "bh": gz.sum(0)}
    g2 = gz @ p["wh"].T
    grads |= {"w2": h.T @ g2, "b2": g2.sum(0)}
    gu = g2 @ p["w2"].T * (0.5 * (1 + t) + 0.5 * u * (1 - t * t) * ROOT * (1 + 3 * CUBE * u * u))
    grads |= {"w1": m.T @ gu, "b1": gu.sum(0)}
    g1, grads["g2"], grads["s2"] = norm_back(gu @ p["w1"].T, p["g2"], normal2, inverse2)
    g1 += g2
    grads |= {"wo": o.T @ g1, "bo": g1.sum(0)}
    go = split(g1 @ p["wo"].T)
    gv = s.swapaxes(-1, -2) @ go
    gs = go @ v.swapaxes(-1, -2)
    gs = s * (gs - (gs * s).sum(-1, keepdims=True)) * factor
    ga = np.zeros_like(a)
    for n, g in (("q", gs @ k), ("k", gs.swapaxes(-1, -2) @ q), ("v", gv)):
        g = join(g)
        grads |= {f"w{n}": a.T @ g, f"b{n}": g.sum(0)}
        ga += g @ p[f"w{n}"].T
    _, grads["g1"], grads["s1"] = norm_back(ga, p["g1"], normal1, inverse1)
    return loss, grads


# --------------------------------------------------------------------------------------------------------- ours
def our_lenet(b: Builder, x: Any, p: dict[str, Any]) -> Any:
    """The logits."""
    for n in "12":
        x = b.use("conv2d", x, p[f"k{n}"], p[f"b{n}"], padding=2 if n == "1" else 0)
        x = b.use("max_pool2d", b.use("relu", x), kernel_size=2)
    x = b.use("reshape", x, shape=(x.shape[0], -1))
    for n in "34":
        x = b.use("relu", b.use("affine", x, p[f"w{n}"], p[f"b{n}"]))
    return b.use("affine", x, p["w5"], p["b5"])


def our_transformer(b: Builder, x: Any, p: dict[str, Any]) -> Any:
    """The logits, as the layers of a network file make them."""

    def head(a: Any, n: str) -> Any:
        parts = b.use("reshape", b.use("affine", a, p[f"w{n}"], p[f"b{n}"]), shape=(SEQUENCES, PLACES, HEADS, -1))
        return b.use("transpose", parts, axes=(0, 2, 1, 3))

    a = b.use("layer_norm", x, p["g1"], p["s1"])
    o = b.use("scaled_dot_product_attention", *(head(a, n) for n in "qkv"), causal=True)
    o = b.use("reshape", b.use("transpose", o, axes=(0, 2, 1, 3)), shape=x.shape)
    x = b.use("add", x, b.use("affine", o, p["wo"], p["bo"]))
    m = b.use("layer_norm", x, p["g2"], p["s2"])
    h = b.use("gelu", b.use("affine", m, p["w1"], p["b1"]), approximate="tanh")
    x = b.use("add", x, b.use("affine", h, p["w2"], p["b2"]))
    return b.use("affine", x, p["wh"], p["bh"])


# -------------------------------------------------------------------------------------------------------- peers
def torch_lenet(p: Any, x: Any, f: Any) -> Any:
    """The logits; f is torch.nn.functional."""
    x = f.max_pool2d(f.relu(f.conv2d(x, p["k1"], p["b1"], padding=2)), 2)
    x = f.max_pool2d(f.relu(f.conv2d(x, p["k2"], p["b2"])), 2).flatten(1)
    for n in "34":
        x = f.relu(x @ p[f"w{n}"] + p[f"b{n}"])
    return x @ p["w5"] + p["b5"]


def torch_transformer(p: Any, x: Any, f: Any) -> Any:
    """The logits; f is torch.nn.functional."""
    shape = (SEQUENCES, PLACES, HEADS, -1)
    a = f.layer_norm(x, (SIZE,), p["g1"], p["s1"], EPS)
    q, k, v = ((a @ p[f"w{n}"] + p[f"b{n}"]).reshape(shape).transpose(1, 2) for n in "qkv")
    o = f.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(x.shape)
    x = x + o @ p["wo"] + p["bo"]
    m = f.layer_norm(x, (SIZE,), p["g2"], p["s2"], EPS)
    x = x + f.gelu(m @ p["w1"] + p["b1"], approximate="tanh") @ p["w2"] + p["b2"]
    return (x @ p["wh"] + p["bh"]).flatten(0, 1)


def jax_lenet(p: Any, x: Any, jnp: Any) -> Any:
    """The logits."""
    from jax import lax

    def layer(x: Any, n: str, pad: int) -> Any:
        z = lax.conv_general_dilated(x, p[f"k{n}"], (1, 1), [(pad, pad)] * 2)
        r = jnp.maximum(z + p[f"b{n}"][:, None, None], 0)
        return lax.reduce_window(r, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    x = layer(layer(x, "1", 2), "2", 0).reshape(x.shape[0], -1)
    for n in "34":
        x = jnp.maximum(x @ p[f"w{n}"] + p[f"b{n}"], 0)
    return x @ p["w5"] + p["b5"]


def jax_transformer(p: Any, x: Any, jnp: Any) -> Any:
    """The logits."""
    x = x.reshape(-1, SIZE)

    def normed(x: Any, n: str) -> Any:
        centered = x - x.mean(-1, keepdims=True)
        return centered / jnp.sqrt((centered * centered).mean(-1, keepdims=True) + EPS) * p[f"g{n}"] + p[f"s{n}"]

    a = normed(x, "1")
    q, k, v = (split(a @ p[f"w{n}"] + p[f"b{n}"]) for n in "qkv")
    s = jnp.where(LATER, -1e9, q @ k.swapaxes(-1, -2) * (SIZE // HEADS) ** -0.5)
    s = jnp.exp(s - s.max(-1, keepdims=True))
    x = x + join(s / s.sum(-1, keepdims=True) @ v) @ p["wo"] + p["bo"]
    u = normed(x, "2") @ p["w1"] + p["b1"]
    h = 0.5 * u * (1 + jnp.tanh(ROOT * (u + CUBE * u * u * u)))
    x = x + h @ p["w2"] + p["b2"]
    return x @ p["wh"] + p["bh"]


_d, _h = SIZE, 4 * SIZE
LENET_SHAPES = {
    "k1": (6, 1, 5, 5), "b1": (6,), "k2": (16, 6, 5, 5), "b2": (16,),
    "w3": (400, 120), "b3": (120,), "w4": (120, 84), "b4": (84,), "w5": (84, 10), "b5": (10,),
}  # fmt: skip
TRANSFORMER_SHAPES = {
    "g1": (_d,), "s1": (_d,), "wq": (_d, _d), "bq": (_d,), "wk": (_d, _d), "bk": (_d,), "wv": (_d, _d), "bv": (_d,),
    "wo": (_d, _d), "bo": (_d,), "g2": (_d,), "s2": (_d,), "w1": (_d, _h), "b1": (_h,), "w2": (_h, _d), "b2": (_d,),
    "wh": (_d, 65), "bh": (65,),
}  # fmt: skip
LENET = Model(
    "LeNet", "cross_entropy", Optimizer("sgd", 0.05), drawn(LENET_SHAPES, (16, 1, 28, 28), 10),
    our_lenet, plain_lenet, jax_lenet, torch_lenet, 4,
)  # fmt: skip
TRANSFORMER = Model(
    "transformer", "cross_entropy", Optimizer("adam", 1e-3), drawn(TRANSFORMER_SHAPES, (SEQUENCES, PLACES, _d), 65),
    our_transformer, plain_transformer, jax_transformer, torch_transformer, 4,
)  # fmt: skip


def table(quick: bool) -> Iterator[tuple[str, str]]:
    """The rows of the page, as they are measured."""
    for model in (LENET, TRANSFORMER):
        for dtype in ("float32", "float64"):
            yield from compare(Task(model, dtype), (HAND, *OURS, TORCH, JAX), 10 if quick else 60)
