"""The training steps of models.ts in PyTorch, eager: python peer.py MODEL THREADS, then one number of steps a line."""
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

model_name, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(7)


class Residual(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.a = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.na = nn.BatchNorm2d(filters)
        self.b = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.nb = nn.BatchNorm2d(filters)
        self.short = nn.Identity() if stride == 1 else nn.Conv2d(channels, filters, 1, stride, bias=False)

    def forward(self, x):
        return F.relu(self.nb(self.b(F.relu(self.na(self.a(x))))) + self.short(x))


class LastOutput(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0][:, -1]


class Block(nn.Module):
    def __init__(self, width=128, heads=4):
        super().__init__()
        self.heads = heads
        self.na, self.nb = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        self.out = nn.Linear(width, 10, bias=False)

    def forward(self, x):
        n, length, width = x.shape
        split = lambda t: t.view(n, length, self.heads, width // self.heads).transpose(1, 2)
        h = self.na(x)
        scores = split(self.q(h)) @ split(self.k(h)).transpose(-1, -2) / (width // self.heads) ** 0.5
        mixed = (scores.softmax(-1) @ split(self.v(h))).transpose(1, 2).reshape(n, length, width)
        a = x + self.o(mixed)
        b = a + self.down(F.relu(self.up(self.nb(a))))
        return self.out(b.mean(1))


MODELS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)), (64, 784)),
    "cnn": (lambda: nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, 128), nn.ReLU(), nn.Linear(128, 10)), (64, 1, 28, 28)),
    "resnet8": (lambda: nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), Residual(16, 16, 1),
        Residual(16, 32, 2), Residual(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)), (32, 3, 32, 32)),
    "lstm": (lambda: nn.Sequential(LastOutput(), nn.Linear(128, 10)), (64, 28, 28)),
    "transformer": (Block, (16, 64, 128)),
}

build, shape = MODELS[model_name]
model = build()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
x = torch.rand(shape)
y = (torch.arange(shape[0]) * 7) % 10


def run():
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


print(json.dumps({"ready": True, "loss": run(), "version": torch.__version__}), flush=True)
for line in sys.stdin:
    steps = int(line)
    start, cpu = time.perf_counter(), time.process_time()
    loss = 0.0
    for _ in range(steps):
        loss = run()
    print(json.dumps({"ms": (time.perf_counter() - start) * 1000 / steps, "loss": loss,
                      "cpu": (time.process_time() - cpu) * 1000 / steps}), flush=True)
