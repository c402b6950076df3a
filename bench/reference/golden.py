"""Writes test/golden/torch.json: what PyTorch makes of our models, optimizers and a short training, from the same weights.

    python bench/reference/golden.py > test/golden/torch.json        (torch on the CPU, float64 where it is the reference)

Weights, tokens and slopes come from formulas that the tests repeat, so that the file holds results only.
"""
import json
import math
import sys

import torch
import torch.nn.functional as F

L, H, D, C, S, V = 2, 2, 8, 6, 3, 11


def formula(count, factor, scale):
    return [((i * factor) % 1013 / 1013 - 0.5) * scale for i in range(count)]


def transformer_specs():
    matrices = [("token", (V, D)), ("position", (C, D))]
    others = []
    for l in range(L):
        for name, a, b in (("qkv", D, 3 * D), ("mix", D, D), ("up", D, 4 * D), ("down", 4 * D, D)):
            matrices.append((f"layer{l}/{name}/weight", (a, b)))
        others += [(f"layer{l}/norm1/gain", (D,)), (f"layer{l}/norm1/bias", (D,)), (f"layer{l}/qkv/bias", (3 * D,)), (f"layer{l}/mix/bias", (D,))]
        others += [(f"layer{l}/norm2/gain", (D,)), (f"layer{l}/norm2/bias", (D,)), (f"layer{l}/up/bias", (4 * D,)), (f"layer{l}/down/bias", (D,))]
    return matrices + [], others + [("norm/gain", (D,)), ("norm/bias", (D,))]


def lstm_specs():
    matrices = [("token", (V, D))]
    others = []
    for l in range(L):
        matrices += [(f"layer{l}/input/weight", (D, 4 * D)), (f"layer{l}/hidden/weight", (D, 4 * D))]
        others += [(f"layer{l}/bias", (4 * D,))]
    return matrices + [("output/weight", (D, V))], others + [("output/bias", (V,))]


def parameters(specs, dtype):
    matrices, others = specs
    named, index = {}, 0
    values = formula(sum(math.prod(shape) for _, shape in matrices + others), 7919, 0.5)
    for name, shape in matrices + others:
        count = math.prod(shape)
        chunk = torch.tensor(values[index : index + count], dtype=torch.float32).to(dtype)
        if name.endswith("gain"):
            chunk = (chunk.float() + 1).to(dtype)
        named[name] = chunk.reshape(shape).clone().requires_grad_()
        index += count
    return named


def transformer(p, x):
    h = p["token"][x] + p["position"]
    for l in range(L):
        norm = lambda n: F.layer_norm(h, (D,), p[f"layer{l}/{n}/gain"], p[f"layer{l}/{n}/bias"])
        dense = lambda n, z: z @ p[f"layer{l}/{n}/weight"] + p[f"layer{l}/{n}/bias"]
        q, k, v = [z.view(S, C, H, D // H).transpose(1, 2) for z in dense("qkv", norm("norm1")).split(D, 2)]
        h = h + dense("mix", F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(S, C, D))
        h = h + dense("down", F.gelu(dense("up", norm("norm2")), approximate="tanh"))
    return F.layer_norm(h, (D,), p["norm/gain"], p["norm/bias"]) @ p["token"].T


def lstm(p, x):
    # Our gates stand in the order input, forget, output, cell; torch's are input, forget, cell, output.
    reorder = lambda w: torch.cat([w[..., : 2 * D], w[..., 3 * D :], w[..., 2 * D : 3 * D]], -1)
    h = p["token"][x]
    for l in range(L):
        weights = [reorder(p[f"layer{l}/input/weight"]).T, reorder(p[f"layer{l}/hidden/weight"]).T, reorder(p[f"layer{l}/bias"]), torch.zeros(4 * D, dtype=h.dtype)]
        state = torch.zeros(1, S, D, dtype=h.dtype)
        h = torch.lstm(h, (state, state), weights, True, 1, 0.0, False, False, True)[0]
    return h @ p["output/weight"] + p["output/bias"]


def losses(model, p, x, y):
    logits = model(p, x)
    return F.cross_entropy(logits.reshape(-1, V), y.reshape(-1), ignore_index=-1, reduction="none").view(S, C).sum(1)


def leaf(step):
    tokens = [(i * 31 + step * 13) % V for i in range(S * C)]
    targets = [-1 if i % 7 == 5 else (t * 3 + 1) % V for i, t in enumerate(tokens)]
    return torch.tensor(tokens).view(S, C), torch.tensor(targets).view(S, C)


def groups(p, decay):
    return [{"params": [t for t in p.values() if t.dim() > 1], "weight_decay": decay}, {"params": [t for t in p.values() if t.dim() == 1], "weight_decay": 0}]


def flat(tensors):
    return [float(f"{x:.9g}") for t in tensors for x in t.detach().reshape(-1).tolist()]


def gradients(model, specs):
    p = parameters(specs, torch.float64)
    out = losses(model, p, *leaf(0))
    out.sum().backward()
    return {"losses": out.tolist(), "gradient": flat(t.grad for t in p.values())}


def updates(make):
    """Three updates of the transformer's weights with slopes from a formula, halved as by clipping."""
    p = parameters(transformer_specs(), torch.float64)
    optimizer = make(p)
    size = sum(t.numel() for t in p.values())
    for step in range(3):
        slopes, index = torch.tensor(formula(size, 104729 + step, 0.2)), 0
        for t in p.values():
            t.grad = (slopes[index : index + t.numel()].float() * 0.5).double().reshape(t.shape)
            index += t.numel()
        optimizer.step()
    return flat(p.values())


def curve(model, specs):
    p = parameters(specs, torch.float32)
    optimizer = torch.optim.AdamW(groups(p, 0.1), lr=0.01, betas=(0.9, 0.99), eps=1e-8)
    course = []
    for step in range(50):
        x, y = leaf(step)
        mean = losses(model, p, x, y).sum() / (y >= 0).sum()
        optimizer.zero_grad()
        mean.backward()
        optimizer.step()
        course.append(mean.item())
    return course


golden = {
    "madeWith": {"script": "bench/reference/golden.py", "torch": torch.__version__.split("+")[0], "python": sys.version.split()[0]},
    "transformer": {**gradients(transformer, transformer_specs()), "curve": curve(transformer, transformer_specs())},
    "lstm": {**gradients(lstm, lstm_specs()), "curve": curve(lstm, lstm_specs())},
    "adamw": updates(lambda p: torch.optim.AdamW(groups(p, 0.1), lr=0.01, betas=(0.9, 0.99), eps=1e-8)),
    "sgd": updates(lambda p: torch.optim.SGD(p.values(), lr=0.1, momentum=0.9)),
}
print(json.dumps(golden))
