"""Separate two moons with a small network: micrograd's demo, on tensors instead of single numbers.

    python examples/micrograd_moons.py --out outputs/micrograd_moons

The network's score should be above 1 for one moon and below -1 for the other (the hinge loss of a
support vector machine); where it is 0 runs the border. With matplotlib installed (the `examples`
extra), the folder gets a picture of it.

Reference: A. Karpathy, micrograd, 2020, demo.ipynb.
"""

import argparse
import math
import pathlib

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import nn

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--seed", type=int, default=1337)
parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/micrograd_moons"))
args = parser.parse_args()
args.out.mkdir(parents=True, exist_ok=True)
tg.manual_seed(args.seed)

# Two half circles, one turned over and pushed into the other, and some noise.
angle = tg.rand(100) * math.pi
upper = tg.stack([angle.cos(), angle.sin()], 1)  # (100, 2)
lower = tg.stack([1 - angle.cos(), 0.5 - angle.sin()], 1)
points = tg.cat([upper, lower]) + 0.1 * tg.randn(200, 2)  # (200, 2)
labels = tg.cat([tg.ones(100), -tg.ones(100)])  # (200,)

model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = tg.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
print(f"{sum(p.numel() for p in model.parameters())} parameters")

for step in range(201):
    scores = model(points).squeeze(1)  # (200,)
    hinge = (1 - labels * scores).relu().mean()
    weight_decay = 1e-4 * sum((p * p).sum() for p in model.parameters())
    loss = hinge + weight_decay
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        accuracy = ((scores > 0) == (labels > 0)).float().mean().item()
        print(f"step {step:3d}: loss {loss.item():.4f}  accuracy {accuracy:.1%}")

try:
    import matplotlib

    matplotlib.use("Agg")  # to a file, no window
    import matplotlib.pyplot as plt
except ImportError:
    print("no picture: matplotlib is not installed")
else:
    horizontal, vertical = np.meshgrid(np.linspace(-1.6, 2.6, 200), np.linspace(-1.1, 1.6, 150))
    grid = tg.tensor(np.stack([horizontal, vertical], -1), dtype=tg.float32)  # (150, 200, 2)
    with tg.no_grad():
        scores = model(grid).squeeze(-1).numpy()
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    levels = [-1e9, -1, 0, 1, 1e9]
    colors = ["#f4b6a6", "#fbe3dc", "#dce9f5", "#a8c8e8"]
    axes.contourf(horizontal, vertical, scores, levels=levels, colors=colors)
    widths = {"levels": [-1, 0, 1], "linewidths": [0.5, 1.5, 0.5], "linestyles": "solid"}
    axes.contour(horizontal, vertical, scores, colors="black", **widths)
    for label, color in ((1, "#1f5fa8"), (-1, "#c0391b")):
        chosen = points.numpy()[labels.numpy() == label]
        axes.scatter(*chosen.T, s=14, color=color, edgecolor="white", linewidth=0.4)
    axes.set(title=f"accuracy {accuracy:.1%}; thick: the border, thin: the margins", aspect="equal")
    figure.savefig(args.out / "moons.png", dpi=120)
    print(f"picture in {args.out / 'moons.png'}")

assert accuracy >= 0.98, "200 steps should separate the moons"
