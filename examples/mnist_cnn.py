"""A convolutional network on MNIST, trained by Trainer.

    python examples/mnist_cnn.py --data FOLDER --epochs 3 --seed 0

FOLDER holds mnist.npz or the four IDX files; --download fetches them (12 MB). With 10,000 training
images the network reaches 96 % and more, with all 60,000 about 99 %.
"""

import argparse
import sys

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.data import MNIST, DataLoader
from tinygrad_edu.train import Trainer, accuracy

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", help="folder with MNIST")
parser.add_argument("--download", action="store_true", help="fetch MNIST into that folder")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
if args.data is None:
    print("this example needs --data FOLDER with MNIST in it; see --help")
    sys.exit()
tg.manual_seed(args.seed)

train = MNIST(args.data, train=True, download=args.download)
test = MNIST(args.data, train=False, download=args.download)
print(f"{train}, {test}")

model = nn.Sequential(  # (N, 1, 28, 28)
    nn.Conv2d(1, 32, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),  # (N, 32, 14, 14)
    nn.Conv2d(32, 64, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),  # (N, 64, 7, 7)
    nn.Conv2d(64, 64, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.Flatten(),  # (N, 64 * 7 * 7)
    nn.Linear(64 * 7 * 7, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")

optimizer = tg.optim.Adam(model.parameters(), lr=1e-3)
trainer = Trainer(model, optimizer, nn.CrossEntropyLoss(), metrics=[accuracy])
history = trainer.fit(
    DataLoader(train, batch_size=64, shuffle=True),
    args.epochs,
    validation=DataLoader(test, batch_size=500),
)

score = history["val_accuracy"][-1]
print(f"test accuracy {score:.2%}")
if args.epochs >= 3:
    assert score >= 0.96, "3 epochs should bring at least 96 %"
