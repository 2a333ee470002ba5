"""Transformers: of PyTorch, by hand, fused, rotary."""

from __future__ import annotations

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from tests.torch_programs.plain import plain


def encoder(dropout=0.1, **options):
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=dropout, batch_first=True, **options)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    x, y = torch.randn(2, 6, 16), torch.randn(2, 6, 16)
    return model, x, y


def transformer():
    """Transformer encoder, training."""
    model, x, y = encoder()
    return plain(model, torch.optim.Adam(model.parameters()), lambda: F.mse_loss(model(x), y))


def transformer_masks():
    """Transformer with masks."""
    model, x, y = encoder(norm_first=True)
    causal = nn.Transformer.generate_square_subsequent_mask(6)
    padding = torch.tensor([[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1]]).bool()
    return plain(
        model,
        torch.optim.Adam(model.parameters()),
        lambda: F.mse_loss(model(x, mask=causal, src_key_padding_mask=padding), y),
    )


def translation():
    """Encoder and decoder, padded memory."""
    layers = {"dropout": 0.1, "batch_first": True}
    layer = nn.TransformerEncoderLayer(16, 4, 32, norm_first=True, **layers)
    encoder = nn.TransformerEncoder(layer, 1, nn.LayerNorm(16), enable_nested_tensor=False)
    model = nn.Transformer(16, 4, 1, 2, 32, activation="gelu", custom_encoder=encoder, **layers)
    source, target, y = torch.randn(2, 5, 16), torch.randn(2, 4, 16), torch.randn(2, 4, 16)
    ends = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 0, 1, 1]]).bool()
    causal = nn.Transformer.generate_square_subsequent_mask(4)
    padded = {"tgt_mask": causal, "src_key_padding_mask": ends, "memory_key_padding_mask": ends}
    return plain(model, torch.optim.Adam(model.parameters()), lambda: F.mse_loss(model(source, target, **padded), y))


def multi_head():
    """Attentions to keys of other sizes, with a trained key, with an empty one."""
    kinds = {"kdim": 6, "vdim": 5}, {"add_bias_kv": True}, {"add_zero_attn": True}
    model = nn.ModuleList(nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True, **kind) for kind in kinds)
    q, k, v, y = torch.randn(2, 3, 8), torch.randn(2, 4, 6), torch.randn(2, 4, 5), torch.randn(2, 3, 8)

    def loss():
        first, weights = model[0](q, k, v)
        second, _ = model[1](first, q, q, need_weights=False)
        return F.mse_loss(model[2](second, q, first)[0], y) + weights.square().mean()

    return plain(model, torch.optim.Adam(model.parameters()), loss)


def distillation():
    """Distillation, teacher on the fast path."""
    teacher, x, _ = encoder(0.0)
    teacher.eval()
    student = nn.Linear(16, 16)

    def loss():
        with torch.no_grad():
            goal = teacher(x)
        return F.kl_div(F.log_softmax(student(x) / 2, -1), F.softmax(goal / 2, -1), reduction="batchmean") * 4

    _, optimizers, step = plain(student, torch.optim.SGD(student.parameters(), lr=0.1), loss)
    return [student, teacher], optimizers, step


class Attention(nn.Module):
    def __init__(self, dim, heads, fused):
        super().__init__()
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.heads, self.fused, self.drop = heads, fused, nn.Dropout(0.1)
        self.register_buffer("bias", torch.tril(torch.ones(32, 32)).view(1, 1, 32, 32))

    def forward(self, x):
        b, t, c = x.size()
        q, k, v = self.qkv(x).split(c, dim=2)
        q, k, v = (part.view(b, t, self.heads, c // self.heads).transpose(1, 2) for part in (q, k, v))
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.1 if self.training else 0, is_causal=True)
        else:
            att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            att = att.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf"))
            y = self.drop(F.softmax(att, dim=-1)) @ v
        return self.proj(y.transpose(1, 2).contiguous().view(b, t, c))


class GPT(nn.Module):
    def __init__(self, dim=16, heads=4, layers=2, vocabulary=30, fused=False):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, dim), nn.Embedding(32, dim)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "ln1": nn.LayerNorm(dim),
                    "attn": Attention(dim, heads, fused),
                    "ln2": nn.LayerNorm(dim),
                    "mlp": nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim), nn.Dropout(0.1)),
                }
            )
            for _ in range(layers)
        )
        self.ln, self.head = nn.LayerNorm(dim), nn.Linear(dim, vocabulary, bias=False)
        self.wte.weight = self.head.weight  # tied

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe(torch.arange(0, ids.size(1), dtype=torch.long))
        for block in self.blocks:
            x = x + block["attn"](block["ln1"](x))
            x = x + block["mlp"](block["ln2"](x))
        logits = self.head(self.ln(x))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1), ignore_index=-1)


def gpt(model, batch=2, length=8, vocabulary=30):
    ids = torch.randint(0, vocabulary, (batch, length + 1))
    decay = [p for p in model.parameters() if p.dim() >= 2]
    rest = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)

    def step():
        loss = model(ids[:, :-1], ids[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        return loss.item()

    return [model], [optimizer], step


def llama_by_hand():
    """RMSNorm, rotary, SwiGLU (Llama by hand)."""

    class Norm(nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(dim))

        def forward(self, x):
            return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))

    def turn(x, cos, sin):
        a, b = x.chunk(2, dim=-1)
        return x * cos + torch.cat((-b, a), dim=-1) * sin

    model = nn.ModuleDict(
        {
            "embed": nn.Embedding(20, 16),
            "n1": Norm(16),
            "q": nn.Linear(16, 16, bias=False),
            "k": nn.Linear(16, 8, bias=False),
            "v": nn.Linear(16, 8, bias=False),
            "o": nn.Linear(16, 16, bias=False),
            "n2": Norm(16),
            "gate": nn.Linear(16, 24, bias=False),
            "up": nn.Linear(16, 24, bias=False),
            "down": nn.Linear(24, 16, bias=False),
        }
    )
    angle = torch.outer(torch.arange(6).float(), 1.0 / (10000 ** (torch.arange(0, 4, 2).float() / 4)))
    cos, sin = torch.cat((angle, angle), -1).cos(), torch.cat((angle, angle), -1).sin()
    ids = torch.randint(0, 20, (2, 7))

    def loss():
        x = model["embed"](ids[:, :-1])
        h = model["n1"](x)
        q = turn(model["q"](h).view(2, 6, 4, 4).transpose(1, 2), cos, sin)
        k = turn(model["k"](h).view(2, 6, 2, 4).transpose(1, 2), cos, sin).repeat_interleave(2, dim=1)
        v = model["v"](h).view(2, 6, 2, 4).transpose(1, 2).repeat_interleave(2, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(2, 6, 16)
        x = x + model["o"](y)
        h = model["n2"](x)
        x = x + model["down"](F.silu(model["gate"](h)) * model["up"](h))
        return F.cross_entropy((x @ model["embed"].weight.T).flatten(0, 1), ids[:, 1:].flatten())

    return plain(model, torch.optim.AdamW(model.parameters()), loss)


def gpt_by_hand():
    """GPT by hand, masked_fill, tied weights."""
    return gpt(GPT())


def gpt_fused():
    """GPT, fused attention with dropout."""
    return gpt(GPT(fused=True))
