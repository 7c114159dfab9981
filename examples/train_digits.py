"""Train a small convolutional network on handwritten digits, save it, and look at its mistakes.

    python examples/train_digits.py --seed 0 --epochs 20 --out outputs/train_digits

The data come with the package: 1,437 real digits of 8x8 pixels to learn from, 360 others to be
tested on. Takes seconds. With matplotlib installed (the `examples` extra), the folder also gets a
picture of the curves and of the digits that the network got wrong or found hard.
"""

import argparse
import pathlib
import time

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.data import DataLoader, Digits
from tinygrad_edu.train import Trainer, accuracy

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("outputs/train_digits"))
args = parser.parse_args()
args.out.mkdir(parents=True, exist_ok=True)
tg.manual_seed(args.seed)

train, test = Digits(train=True), Digits(train=False)
train_loader = DataLoader(train, batch_size=64, shuffle=True)
test_loader = DataLoader(test, batch_size=len(test))
print(f"{train}, {test}")


def build() -> nn.Module:
    """The network, with fresh random weights."""
    return nn.Sequential(  # (N, 1, 8, 8)
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 4, 4)
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 2, 2)
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(32 * 2 * 2, 10),
    )


model = build()
print(f"{model}\n{sum(p.numel() for p in model.parameters()):,} parameters")

optimizer = tg.optim.Adam(model.parameters(), lr=3e-3)
schedule = tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
trainer = Trainer(model, optimizer, nn.CrossEntropyLoss(), metrics=[accuracy])

started = time.perf_counter()
history = trainer.fit(
    train_loader,
    args.epochs,
    validation=test_loader,
    callbacks=[lambda trainer: schedule.step()],  # after each epoch
)
print(f"trained in {time.perf_counter() - started:.1f} s")

# Save the weights, load them into a new model, and let both classify the test digits.

path = args.out / "model.safetensors"
tg.save(model.state_dict(), path)
loaded = build()
loaded.load_state_dict(tg.load(path))

images, labels = next(iter(test_loader))
model.eval()
loaded.eval()
with tg.no_grad():
    logits = model(images)
    assert (loaded(images) == logits).all(), "the loaded model computes something else"
print(f"weights in {path}; loaded again, they predict the same")

probabilities = logits.softmax(1)
predictions = probabilities.argmax(1)
score = accuracy(logits, labels)
wrong = (predictions != labels).sum().item()

# The picture: loss, accuracy, and the nine digits to which the network gives the least probability.

try:
    import matplotlib

    matplotlib.use("Agg")  # to a file, no window
    import matplotlib.pyplot as plt
except ImportError:
    print("no picture: matplotlib is not installed")
else:
    figure = plt.figure(figsize=(12, 4), layout="constrained")
    left, middle, right = figure.subfigures(1, 3)
    for part, name in ((left, "loss"), (middle, "accuracy")):
        axes = part.subplots()
        epochs = range(1, len(history[name]) + 1)
        axes.plot(epochs, history[name], label="training")
        axes.plot(epochs, history[f"val_{name}"], label="test")
        axes.set(title=name, xlabel="epoch", xticks=[1, *epochs[4::5]])
        axes.grid(alpha=0.3)
        axes.legend()

    right.suptitle(f"the hardest digits; {wrong} of {len(test)} wrong", fontsize="large")
    of_truth = probabilities[tg.arange(len(test)), labels]  # (360,)
    hardest = of_truth.numpy().argsort()[:9].tolist()
    for axes, i in zip(right.subplots(3, 3).flat, hardest, strict=True):
        truth, prediction = labels[i].item(), predictions[i].item()
        if truth == prediction:
            axes.set_title(f"{truth}: {of_truth[i].item():.0%} sure", fontsize="small")
        else:
            axes.set_title(f"{truth}, taken for {prediction}", fontsize="small", color="red")
        axes.imshow(test.data[i].numpy(), cmap="gray_r")
        axes.set(xticks=[], yticks=[])
    figure.savefig(args.out / "digits.png", dpi=120)
    print(f"picture in {args.out / 'digits.png'}")

print(f"test accuracy {score:.2%}: {wrong} of {len(test)} wrong")
if args.epochs >= 20:
    assert score >= 0.97, "a network of this size should get 97 % of the test digits right"
