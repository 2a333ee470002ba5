"""Of layers and losses."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from tests.unit.model.source.captured.samples.draw import Draw, inf  # noqa: E402

SCALED = (
    ("nearest", (2, 3, 5)),
    ("nearest", (2, 3, 4, 5)),
    ("linear", (2, 3, 5)),
    ("bilinear", (2, 3, 4, 5)),
    ("bicubic", (1, 2, 4, 5)),
    ("trilinear", (1, 2, 3, 2, 4)),
    ("nearest-exact", (2, 3, 4)),
    ("area", (2, 3, 4, 5)),
)


def layers(t: Draw) -> None:
    for n, shape in ((1, (2, 4, 9)), (2, (2, 4, 7, 6)), (3, (2, 4, 5, 4, 3))):
        conv, transposed = getattr(F, f"conv{n}d"), getattr(F, f"conv_transpose{n}d")
        x, w = t(*shape), t(6, 2, *(3, 2, 2)[:n])
        (
            conv(x, w, t(6), groups=2),
            conv(x, w, None, 2, 1, 1, 2),
            conv(x, t(3, 4, *(1,) * n), padding="same"),
            conv(x[0], t(3, 4, *(2,) * n), t(3)),
        )
        (
            conv(x, t(3, 4, *(2,) * n), dilation=2, padding=2),
            transposed(x, t(4, 3, *(2,) * n), t(6), stride=2, output_padding=1, groups=2),
        )
        transposed(x[0], t(4, 3, *(2,) * n), padding=1, dilation=2)
        pool, average = getattr(F, f"max_pool{n}d"), getattr(F, f"avg_pool{n}d")
        (
            pool(x, 2),
            pool(x, 3, 1, 1),
            pool(x[0], 2, ceil_mode=True),
            pool(x, 2, return_indices=True),
            pool(t.ties(*shape), 2, stride=1),
        )
        (
            average(x, 2),
            average(x, 3, 2, 1, ceil_mode=True),
            average(x[0], 3, stride=2, padding=1, count_include_pad=False),
        )
        getattr(F, f"adaptive_avg_pool{n}d")(x, 3), getattr(F, f"adaptive_avg_pool{n}d")(x[0], (2,) * n)
        (
            getattr(F, f"adaptive_max_pool{n}d_with_indices")(x, 2),
            getattr(F, f"adaptive_max_pool{n}d")(x, 2),
            getattr(F, f"max_pool{n}d_with_indices")(x, 2),
        )
        if n > 1:
            F.adaptive_avg_pool2d(t(2, 3, 5, 4), (None, 2))
        (
            F.batch_norm(x, torch.zeros(4).double(), torch.ones(4).double(), t(4), t(4), True),
            F.batch_norm(x, None, None, training=True),
        )
        (
            F.batch_norm(x, t(4), t.positive(4), eps=1e-3),
            F.batch_norm(x, t(4), t.positive(4), weight=t(4), bias=t(4), training=False),
        )
        (
            F.batch_norm(x, t(4), t.positive(4), t(4), None, True, 0.3),
            torch.batch_norm(x, t(4), t(4), None, None, True, 0.1, 1e-5, False),
        )
        (
            F.instance_norm(x),
            F.instance_norm(x, None, None, t(4), t(4), eps=1e-3),
            F.instance_norm(x, t(4), t.positive(4), momentum=0.2),
        )
        (
            F.instance_norm(x, t(4), t.positive(4), use_input_stats=False),
            F.group_norm(x, 2),
            F.group_norm(x, 2, t(4), t(4), 1e-3),
            F.group_norm(x, 4, None, t(4)),
        )
    x = t(3, 4, 5)
    (
        F.layer_norm(x, (5,)),
        F.layer_norm(x, (4, 5), t(4, 5), t(4, 5), 1e-3),
        F.layer_norm(x, [4, 5]),
        F.layer_norm(x, (5,), None, t(5)),
        torch.layer_norm(x, (5,)),
    )
    (
        F.rms_norm(x, (5,)),
        F.rms_norm(x, (4, 5), t(4, 5)),
        F.rms_norm(x, (5,), t(5), 1e-3),
        F.rms_norm(x, (4, 5)),
        F.rms_norm((x * 1e-4).float(), (5,)),
    )
    (
        torch._weight_norm(t(3, 4), t(3, 1)),
        torch._weight_norm(t(3, 4, 2), t(1, 4, 1), 1),
        torch.norm_except_dim(t(3, 4), 2, 0),
        torch.norm_except_dim(t(3, 4), 2, -1),
        torch._weight_norm(t(3, 4), t(1), -1),
        torch.norm_except_dim(t(3, 4), 1, 1),
        F.local_response_norm(t(2, 5, 3), 3, 0.5, 0.7, 1.5),
        F.local_response_norm(t(2, 4, 3, 2), 2),
    )
    (
        F.lp_pool1d(t(2, 3, 7), 2, 3, 2),
        F.lp_pool1d(F.pad(t(2, 3, 3), (3, 0)), 2, 2),  # a window of zeros
        F.lp_pool2d(t(3, 5, 6), 3.0, (2, 3)),
        F.lp_pool2d(t(2, 3, 5, 6), 2, 2, ceil_mode=True),
    )
    F.lp_pool3d(t.positive(2, 4, 3, 2), 3, 2)
    i = torch.tensor([[0, 3, 1], [2, 2, 0]])
    (
        F.embedding(i, t(4, 5)),
        F.embedding(i, t(4, 5), padding_idx=2),
        F.embedding(i, t(4, 5), -1),
        torch.embedding(t(4, 5), i),
        torch.embedding(t(4, 5), i, 0),
    )
    (
        F.embedding_bag(i, t(4, 5)),
        F.embedding_bag(i, t(4, 5), mode="sum", per_sample_weights=t(2, 3)),
        F.embedding_bag(i, t(4, 5), mode="max"),
        F.embedding_bag(i.reshape(-1), t(4, 5), torch.tensor([0, 2, 2]), mode="max"),
    )
    j, starts = torch.tensor([0, 3, 1, 1, 2]), torch.tensor([0, 2, 2])
    F.embedding_bag(j, t(4, 5), starts), F.embedding_bag(j, t(4, 5), starts, mode="sum", per_sample_weights=t(5))
    F.embedding_bag(j, t(4, 5), torch.tensor([0, 2, 5]), include_last_offset=True)
    F.embedding_bag(j, t(4, 5), starts, mode="sum", padding_idx=1), F.embedding_bag(i, t(4, 5), padding_idx=2)
    for mode, shape in SCALED:
        x, n = t(*shape), len(shape) - 2
        (
            F.interpolate(x, size=(7, 3, 5)[:n], mode=mode),
            F.interpolate(x, scale_factor=2.0, mode=mode),
            F.interpolate(x, scale_factor=1.7, mode=mode),
        )
        F.interpolate(x, scale_factor=0.6, mode=mode, recompute_scale_factor=True)
        if "linear" in mode or "cubic" in mode:
            F.interpolate(x, size=(7, 3, 1)[:n], mode=mode, align_corners=True)
    q, k, v = t(2, 4, 3, 5), t(2, 4, 6, 5), t(2, 4, 6, 7)
    attend = F.scaled_dot_product_attention
    (
        attend(q, k, v),
        attend(q, k, v, is_causal=True),
        attend(q, k, v, t(3, 6) > 0),
        attend(q, k, v, attn_mask=t(2, 1, 3, 6)),
        attend(q, k, v, scale=0.3),
    )
    (
        attend(q, k, v, dropout_p=0.4),
        attend(q, k, v, t(3, 6) > 0, 0.4),
        attend(q[0, 0], k[0, 0], v[0, 0]),
        attend(q, k[:, :2], v[:, :2], enable_gqa=True),
    )
    attend(q, k, v, torch.where(t(3, 6) > -0.5, 0.0, -inf).double()), attend(q, k, v, t(3, 6), 0.3)
    attend(q, k, v, torch.tensor([[-inf] * 6, [0.0] * 6, [-inf] * 5 + [0.5]]).double())  # a query that sees no key


def recurrent(t: Draw) -> None:
    for kind, gates in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)):
        for layers, both, biases, first in ((1, False, True, False), (2, True, True, True), (2, False, False, True)):
            ways, weights = 2 if both else 1, []
            for layer in range(layers):
                for _ in range(ways):
                    weights += [t(gates * 3, 4 if layer == 0 else 3 * ways), t(gates * 3, 3)] + (
                        [t(gates * 3), t(gates * 3)] if biases else []
                    )
            x, h = t(2, 5, 4), t(layers * ways, 2 if first else 5, 3)
            state = (h, h * 2) if kind == "lstm" else h
            run = getattr(torch._VF, kind)
            run(x, state, weights, biases, layers, 0.0, True, both, first)
            run(x, state, weights, biases, layers, 0.4, layers > 1, both, first)
            packed, sizes = t(9, 4), torch.tensor([4, 3, 1, 1])
            h = t(layers * ways, 4, 3)
            state = (h, h * 2) if kind == "lstm" else h
            run(packed, sizes, state, weights, biases, layers, 0.0, True, both)
            run(packed, sizes, state, weights, biases, layers, 0.4, True, both)
        x, h = t(2, 4), t(2, 3)
        state = (h, h * 2) if kind == "lstm" else h
        cell = getattr(torch._VF, kind + "_cell")
        (
            cell(x, state, t(gates * 3, 4), t(gates * 3, 3)),
            cell(x, state, t(gates * 3, 4), t(gates * 3, 3), t(gates * 3), t(gates * 3)),
        )
    for biases, both in ((True, False), (False, True)):
        ways, weights = 2 if both else 1, []
        for features in (4, 2 * ways):
            for _ in range(ways):
                weights += [t(12, features), t(12, 2), *([t(12), t(12)] if biases else []), t(2, 3)]
        state = t(2 * ways, 5, 2), t(2 * ways, 5, 3)
        torch._VF.lstm(t(3, 5, 4), state, weights, biases, 2, 0.0, True, both, False)
        state = t(2 * ways, 4, 2), t(2 * ways, 4, 3)
        torch._VF.lstm(t(9, 4), torch.tensor([4, 3, 1, 1]), state, weights, biases, 2, 0.0, True, both)
    lengths = torch.tensor([4, 2, 1])
    data, sizes = torch._VF._pack_padded_sequence(t(4, 3, 5), lengths, False)
    (
        torch._VF._pack_padded_sequence(t(3, 4, 5), lengths, True),
        torch._VF._pad_packed_sequence(data, sizes, True, -2.5, 6),
    )
    torch._VF._pad_packed_sequence(data, sizes, False, 0.0, 4)


def losses(t: Draw) -> None:
    for reduction in ("mean", "sum", "none"):
        pair = t(3, 4), t(3, 4)
        for f in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
            (
                f(*pair, reduction=reduction),
                f(t.ties(3, 4), t.ties(3, 4), reduction=reduction),
                f(t(3, 1), t(4), reduction=reduction),
                *([] if f is F.smooth_l1_loss else [f(*pair, weight=t.positive(3, 4), reduction=reduction)]),
            )
        (
            F.smooth_l1_loss(*pair, beta=0.0, reduction=reduction),
            F.smooth_l1_loss(*pair, reduction=reduction, beta=0.3),
            F.huber_loss(*pair, reduction, 0.4),
        )
        sign = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
        F.soft_margin_loss(t(3), sign, reduction=reduction), F.hinge_embedding_loss(t(3) + 1, sign, reduction=reduction)
        (
            F.margin_ranking_loss(t(3), t(3), sign, 0.2, reduction=reduction),
            F.cosine_embedding_loss(t(3, 4), t(3, 4), sign, 0.1, reduction=reduction),
        )
        (
            F.triplet_margin_loss(t(3, 4), t(3, 4), t(3, 4), reduction=reduction),
            F.triplet_margin_loss(t(3, 4), t(3, 4), t(3, 4), 0.5, 1, swap=True, reduction=reduction),
        )
        (
            F.kl_div(t(3, 4).log_softmax(1), t(3, 4).softmax(1), reduction=reduction),
            F.kl_div(t(3, 4), t(3, 4), reduction=reduction, log_target=True),
        )
        p, y = t(3, 4).sigmoid(), (t(3, 4) > 0).double()
        (
            F.binary_cross_entropy(p, y, reduction=reduction),
            F.binary_cross_entropy(p, y, t.positive(4), reduction=reduction),
        )
        logits = F.binary_cross_entropy_with_logits
        (
            logits(t(3, 4), y, reduction=reduction),
            logits(t(3, 4), y, pos_weight=t.positive(4), reduction=reduction),
            logits(t(3, 4), y, t.positive(3, 1), reduction=reduction),
        )
        (
            F.poisson_nll_loss(t(3, 4), t.positive(3, 4) * 3, reduction=reduction),
            F.poisson_nll_loss(t.positive(3), t.positive(3) * 3, False, True, reduction=reduction),
        )
        labels, images = torch.tensor([0, 3, -100]), t.below(4, 3, 2, 2)
        (
            F.cross_entropy(t(3, 4), labels, reduction=reduction),
            F.cross_entropy(t(3, 4), labels % 4, t.positive(4), reduction=reduction),
        )
        (
            F.cross_entropy(t(3, 4, 2, 2), images, ignore_index=2, reduction=reduction, label_smoothing=0.1),
            F.cross_entropy(t(4), torch.tensor(2), reduction=reduction),
        )
        (
            F.cross_entropy(t(3, 4), t(3, 4).softmax(1), reduction=reduction, label_smoothing=0.2),
            F.nll_loss(t(3, 4), labels % 4, reduction=reduction),
        )
        (
            F.nll_loss(t(3, 4, 2, 2), images, t.positive(4), ignore_index=1, reduction=reduction),
            F.multi_margin_loss(t(3, 4), labels % 4, reduction=reduction),
        )
        F.multi_margin_loss(t(3, 4), labels % 4, margin=0.5, reduction=reduction)
        F.multi_margin_loss(t(3, 4), labels % 4, 2, 0.5, t.positive(4), reduction=reduction)
        F.hinge_embedding_loss(t(2, 3), sign, 0.4, reduction=reduction)
        logs, counts = t(5, 2, 3).log_softmax(2), torch.tensor([2, 1])
        F.ctc_loss(logs, torch.tensor([[1, 1], [2, 0]]), torch.tensor([5, 3]), counts, reduction=reduction)
        F.ctc_loss(logs, torch.tensor([0, 2, 2]), (5, 4), (2, 1), 1, reduction, True)
        F.multilabel_margin_loss(
            t(3, 4), torch.tensor([[1, 3, -1, 0], [0, -1, 2, 2], [2, 0, 3, 1]]), reduction=reduction
        )
        F.triplet_margin_loss(t(3, 4), t(1, 4), t(3, 4), 2.0, 3, swap=True, reduction=reduction)
        F.gaussian_nll_loss(t(3, 4), t(3, 4), t.positive(3, 4), eps=0.5, reduction=reduction)
        F.gaussian_nll_loss(t(3, 4), t(3, 4), t.positive(3), full=True, reduction=reduction)
        F.gaussian_nll_loss(t(3, 4), t(3, 4), t.positive(3, 1), reduction=reduction)
        F.gaussian_nll_loss(t(3, 4), t(3, 4), 0.5, reduction=reduction)
        F.multilabel_soft_margin_loss(t(3, 4), (t(3, 4) > 0).double(), reduction=reduction)
        F.multilabel_soft_margin_loss(t(3, 4), (t(3, 4) > 0).double(), t.positive(4), reduction=reduction)
    (
        F.kl_div(t(3, 4), t(3, 4).softmax(1), reduction="batchmean"),
        F.mse_loss(t(3), t(3), size_average=False),
        F.l1_loss(t(3), t(3), reduce=False),
    )
    (
        F.mse_loss(t(3), t.below(3, 3)),
        F.cross_entropy(t(3, 4), torch.tensor([0, 1, 2]), None, False),
        F.nll_loss(t(3, 4), torch.tensor([0, 1, 2]), None, True),
    )
