"""The examples run in a fresh folder, pass their own checks, and write what they promise."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_edu as tg

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


def run(folder, name, *arguments, status=0):
    """Run an example; its output, in which there must be no warning."""
    package = pathlib.Path(tg.__file__).parent.parent  # the package under test, wherever it lies
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def is_picture(path):
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 5000


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """A folder with a toy MNIST: each digit is a bright block in a place of its own."""
    random = np.random.default_rng(0)

    def part(count):
        labels = np.arange(count) % 10
        images = random.integers(0, 100, (count, 28, 28))
        for image, label in zip(images, labels, strict=True):
            image[14 * (label % 2) :, 5 * (label // 2) : 5 * (label // 2) + 5] += 150
        return images.astype(np.uint8), labels.astype(np.uint8)

    folder = tmp_path_factory.mktemp("mnist")
    (x_train, y_train), (x_test, y_test) = part(640), part(100)
    np.savez(folder / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return folder


@pytest.mark.parametrize("name", ["linear_regression.py", "custom_op.py"])
def test_small_examples(name, tmp_path):
    run(tmp_path, name)


def test_micrograd_moons(tmp_path):
    run(tmp_path, "micrograd_moons.py", "--out", "moons")
    if matplotlib_installed():
        assert is_picture(tmp_path / "moons" / "moons.png")


def matplotlib_installed():
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def test_train_digits(tmp_path):
    out = run(tmp_path, "train_digits.py", "--epochs", 2, "--out", "digits", "--seed", 3)
    assert "epoch 2/2" in out and "loaded again, they predict the same" in out
    assert set(tg.load(tmp_path / "digits" / "model.safetensors")) > {"0.weight", "0.bias"}
    if matplotlib_installed():
        assert is_picture(tmp_path / "digits" / "digits.png")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_train_digits_reaches_its_accuracy(seed, tmp_path):
    out = run(tmp_path, "train_digits.py", "--seed", seed)
    assert float(out.rpartition("test accuracy ")[2].split("%")[0]) >= 97.0


@pytest.mark.parametrize(("name", "epochs"), [("mnist_mlp.py", 8), ("mnist_cnn.py", 3)])
def test_mnist_examples_learn_a_toy(name, epochs, mnist, tmp_path):
    assert f"epoch {epochs}" in run(tmp_path, name, "--data", mnist, "--epochs", epochs)


@pytest.mark.parametrize("name", ["mnist_mlp.py", "mnist_cnn.py"])
def test_mnist_examples_say_what_they_miss(name, tmp_path):
    assert "needs --data FOLDER" in run(tmp_path, name)
    out = run(tmp_path, name, "--data", tmp_path / "nowhere", status=1)
    assert "FileNotFoundError: MNIST: no data in" in out
