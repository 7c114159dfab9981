"""An op of one's own: a formula, its gradient, and the proof that they belong together.

    python examples/custom_op.py

The op is Swish with a slope that can be learned, y = x s with s = sigmoid(beta x). Its gradients:

    dy/dx    = s + beta x s (1 - s)
    dy/dbeta = x^2 s (1 - s)

Reference: P. Ramachandran, B. Zoph and Q. V. Le, Searching for activation functions, 2017.
"""

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import nn


class Swish(tg.autograd.Function):
    """y = x * sigmoid(beta * x), x of any shape, beta 0-d."""

    def forward(self, x, beta):  # works on arrays
        self.save(x, beta)
        return x / (1 + np.exp(-beta * x))

    def backward(self, grad_output):  # works on Tensors, so that it can itself be differentiated
        x, beta = self.saved
        s = (beta * x).sigmoid()
        slope = x * s * (1 - s)
        grad_x = grad_output * (s + beta * slope)
        grad_beta = (grad_output * x * slope).sum()
        return grad_x, grad_beta


class WrongSwish(Swish):
    """The same with a term forgotten, as happens."""

    def backward(self, grad_output):
        x, beta = self.saved
        s = (beta * x).sigmoid()
        return grad_output * s, (grad_output * x * x * s * (1 - s)).sum()


# gradcheck compares the rule with finite differences, in float64.
tg.manual_seed(0)
x = tg.randn(3, 4, dtype=tg.float64, requires_grad=True)
beta = tg.tensor(1.5, dtype=tg.float64, requires_grad=True)
assert tg.gradcheck(Swish.apply, (x, beta))
print("the gradient of Swish agrees with finite differences")
assert tg.gradgradcheck(Swish.apply, (x, beta))
print("so does the gradient of its gradient")

try:
    tg.gradcheck(WrongSwish.apply, (x, beta))
except AssertionError as error:
    print(f"a wrong rule is caught: {error}\n")
else:
    raise AssertionError("gradcheck accepted a wrong gradient")


class SwishLayer(nn.Module):
    """The op as a layer, with beta as its parameter."""

    def __init__(self):
        super().__init__()
        self.beta = nn.Parameter(tg.tensor(1.0))

    def forward(self, x):
        return Swish.apply(x, self.beta)


# And it trains: a network with this layer learns a parabola.
x = tg.linspace(-2, 2, 64).unsqueeze(1)
y = x * x
model = nn.Sequential(nn.Linear(1, 16), SwishLayer(), nn.Linear(16, 1))
optimizer = tg.optim.Adam(model.parameters(), lr=0.02)
for step in range(501):
    loss = ((model(x) - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step:3d}: loss {loss.item():.5f}  beta {model[1].beta.item():.3f}")
assert loss.item() < 0.01
