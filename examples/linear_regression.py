"""Fit a line by gradient descent, with nothing but tensors, and compare with the exact solution.

    python examples/linear_regression.py

The loss mean((x w + b - y)^2) is a bowl: one minimum, which linear algebra also finds directly.
"""

import numpy as np

import tinygrad_edu as tg

tg.manual_seed(0)
x = tg.rand(100) * 4 - 2
y = 3.0 * x + 0.5 + 0.3 * tg.randn(100)  # a line, measured with some noise

w = tg.zeros(1, requires_grad=True)
b = tg.zeros(1, requires_grad=True)
lr = 0.1

for step in range(51):
    loss = ((x * w + b - y) ** 2).mean()
    w.grad = b.grad = None
    loss.backward()  # fills w.grad with dloss/dw and b.grad with dloss/db
    with tg.no_grad():
        w -= lr * w.grad
        b -= lr * b.grad
    if step % 10 == 0:
        print(f"step {step:2d}: loss {loss.item():.4f}  w {w.item():.4f}  b {b.item():.4f}")

# The same by linear algebra: the least-squares solution of [x 1] (w, b) = y.
matrix = np.stack([x.numpy(), np.ones(100)], axis=1)
(exact_w, exact_b), *_ = np.linalg.lstsq(matrix, y.numpy(), rcond=None)
print(f"exact:    w {exact_w:.4f}  b {exact_b:.4f}")
assert abs(w.item() - exact_w) < 1e-4 and abs(b.item() - exact_b) < 1e-4
