"""The peer: one GPT training step in PyTorch, on the CPU.

    torch-step.py LAYERS HEADS WIDTH CONTEXT BATCH VOCABULARY MODE      MODE: eager-fused, compile

Prints `ready`; then for each line `N` on standard input one line: the milliseconds of N steps, as JSON.
"""
import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

L, H, D, C, S, V = (int(x) for x in sys.argv[1:7])
mode = sys.argv[7]


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.mix, self.up, self.down = nn.Linear(D, 3 * D), nn.Linear(D, D), nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

    def forward(self, x):
        q, k, v = (z.view(S, C, H, D // H).transpose(1, 2) for z in self.qkv(self.norm1(x)).split(D, 2))
        x = x + self.mix(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(S, C, D))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.position = nn.Embedding(V, D), nn.Embedding(C, D)
        self.blocks, self.norm = nn.ModuleList([Block() for _ in range(L)]), nn.LayerNorm(D)

    def forward(self, x, y):
        h = self.token(x) + self.position(torch.arange(C))
        for block in self.blocks:
            h = block(h)
        return F.cross_entropy((self.norm(h) @ self.token.weight.T).view(-1, V), y.view(-1))


torch.manual_seed(0)
model = GPT()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
loss_of = torch.compile(model) if mode == "compile" else model


def step():
    x, y = torch.randint(0, V, (S, C)), torch.randint(0, V, (S, C))
    loss = loss_of(x, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


for _ in range(3):
    step()
print("ready", flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        started = time.perf_counter()
        step()
        times.append((time.perf_counter() - started) * 1e3)
    print(json.dumps(times), flush=True)
