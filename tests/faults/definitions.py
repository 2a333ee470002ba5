"""Wrong definitions beside a right engine: the check must not believe a definition that the numbers do not follow."""

from __future__ import annotations

from .plant import Definition as D

FAULTS = [
    D("sigmoid", "sign of x", "x", "y = 1/(1 + exp(x))"),
    D("sigmoid", "2 for 1", "x", "y = 1/(2 + exp(-x))"),
    D("tanh", "a constant, which no derivative shows", "x", "y = tanh(x) + 1"),
    D("relu", "leaks below 0", "x", "y = x if x > 0 else 0.01*x"),
    D("relu", "the other side of the kink: only the derivative at 0 shows it", "x", "y = x if x >= 0 else 0"),
    D("leaky_relu", "the other side of the kink", "x", "y = x if x >= 0 else negative_slope*x"),
    D("elu", "alpha is missing", "elu", "y = x if x > 0 else exp(x) - 1"),
    D("maximum", "the first wins a tie", "tied pair", "y = a if a >= b else b"),
    D("hardtanh", "open at its bounds", "hard", "y = min_val if x < min_val else (max_val if x > max_val else x)"),
    D("dropout", "divided by p", "dropped", "y = x*mask/p"),
    D("softplus", "without 1", "x", "y = log(exp(x))"),
    D("add", "sign", "pair", "y = a - b"),
    D("mul", "b twice", "pair", "y = a*b*b"),
    D("div", "turned around", "divided", "y = b/a"),
    D("affine", "the bias is left out", "affine", "y[i,j] = sum(x[i,k]*weight[k,j] for k in K)"),
    D("affine", "sign of the bias", "affine", "y[i,j] = sum(x[i,k]*weight[k,j] for k in K) - bias[j]"),
    D("affine", "the first term is left out", "affine",
      "y[i,j] = sum(x[i,k]*weight[k,j] for k in K if k > 0) + bias[j]"),
    D("matmul", "transposed: it fits no shape", "matmul", "y[i,j] = sum(a[i,k]*b[j,k] for k in K)"),
    D("softmax", "sum over the wrong axis", "softmax", "y[i,j] = exp(x[i,j])/sum(exp(x[k,j]) for k in I)"),
    D("log_softmax", "mean for sum", "softmax", "y[i,j] = x[i,j] - log(sum(exp(x[i,k]) for k in J)/J)"),
    D("logsumexp", "exp is left out", "rows", "y[i] = log(sum(x[i,j]**2 for j in J))"),
    D("var", "N - 1 for N", "rows",
      "m[i] = sum(x[i,j] for j in J)/J; y[i] = sum((x[i,j] - m[i])**2 for j in J)/(J - 1)"),
    D("mean", "divided by the other axis", "rows", "y[i] = sum(x[i,j] for j in J)/I"),
    D("norm", "not the root", "rows", "y[i] = sum(x[i,j]**2 for j in J)"),
    D("norm", "eps inside the root", "rows", "y[i] = sqrt(sum(x[i,j]**2 for j in J) + 1e-6)"),
    D("max", "the smallest", "tied rows", "y[i] = min(x[i,j] for j in J)"),
    D("mse", "sum for mean", "loss", "y = sum((prediction[i,j] - target[i,j])**2 for i in I for j in J)"),
    D("mse", "mean over the batch only", "loss", "y = sum((prediction[i,j] - target[i,j])**2 for i in I for j in J)/I"),
    D("huber", "the other branch is not shifted", "huber",
      "y = sum((prediction[i,j] - target[i,j])**2/2 if abs(prediction[i,j] - target[i,j]) <= delta"
      " else delta*abs(prediction[i,j] - target[i,j]) for i in I for j in J)/(I*J)"),
    D("embedding", "off by one row", "table", "y[n,d] = table[i[n] + 1,d]"),
    D("detach", "sign", "x", "y = -x"),
    D("cast", "a kind with more digits", "rounded", "y = float16(x)"),
    D("cast", "not rounded", "rounded", "y = x"),
    D("round", "ties go up: only a tie shows it", "halves between", "y = floor(x + 1/2)"),
    D("tanh", "a name that is nothing", "x", "y = tanh(z)"),
]  # fmt: skip
