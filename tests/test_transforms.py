"""Image transforms: values against NumPy, and the randomness of the random ones."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.data.transforms import (
    Compose,
    Lambda,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    ToTensor,
)

random = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (0, 5), (1, 1, 4)])
def test_to_tensor(shape):
    image = random.integers(0, 256, shape, np.uint8)
    out = ToTensor()(image)
    expected = (image if image.ndim == 3 else image[..., None]).transpose(2, 0, 1) / 255
    assert out.dtype == tg.float32 and out.shape == expected.shape
    assert np.allclose(out.numpy(), expected, rtol=1e-6)


def test_to_tensor_keeps_other_dtypes_and_reads_foreign_images():
    image = random.random((3, 4))
    out = ToTensor()(image)
    assert out.dtype == tg.float64 and np.array_equal(out.numpy()[0], image)
    pillow = pytest.importorskip("PIL.Image")
    pixels = random.integers(0, 256, (3, 4, 3), np.uint8)
    assert np.array_equal(ToTensor()(pillow.fromarray(pixels)).numpy(), ToTensor()(pixels).numpy())
    with pytest.raises(ValueError, match=r"got \(2, 2, 2, 2\)"):
        ToTensor()(np.zeros((2, 2, 2, 2)))


def test_normalize():
    image = tg.rand(3, 2, 2)
    out = Normalize([0.5, 0.25, 0.0], [2.0, 1.0, 0.5])(image)
    assert out.dtype == tg.float32
    expected = (image.numpy() - np.array([0.5, 0.25, 0.0]).reshape(3, 1, 1)) / np.array(
        [2.0, 1.0, 0.5]
    ).reshape(3, 1, 1)
    assert np.allclose(out.numpy(), expected, atol=1e-6)
    batch = tg.rand(2, 3, 2, 2)
    assert np.allclose(Normalize(0.5, 0.5)(batch).numpy(), batch.numpy() * 2 - 1, atol=1e-6)
    with pytest.raises(ValueError, match="3 channels"):
        Normalize([0.5] * 3, [0.5] * 3)(tg.rand(1, 2, 2))
    with pytest.raises(TypeError, match="needs a float image, got uint8"):
        Normalize(0.5, 0.5)(tg.zeros(1, 2, 2, dtype=tg.uint8))
    for mean, std in (([0.5], [0.0]), ([0.5, 0.5], [1.0])):
        with pytest.raises(ValueError, match="for each channel"):
            Normalize(mean, std)


@pytest.mark.parametrize("padding", [0, 1, (2, 1), (1, 0, 2, 3)])
@pytest.mark.parametrize("lead", [(1,), (2, 3)])
def test_every_crop_is_a_window_of_the_padded_image_and_every_window_comes(padding, lead):
    image = tg.rand(*lead, 4, 5)
    sides = (padding,) if isinstance(padding, int) else padding
    left, top, right, bottom = sides * (4 // len(sides))
    width = [(0, 0)] * len(lead) + [(top, bottom), (left, right)]
    padded = np.pad(image.numpy(), width, constant_values=0.5)
    windows = {
        padded[..., y : y + 4, x : x + 4].tobytes()
        for y in range(top + bottom + 1)
        for x in range(left + right + 2)
    }
    crop = RandomCrop(4, padding=padding, fill=0.5)
    found = {np.ascontiguousarray(crop(image).numpy()).tobytes() for _ in range(60 * len(windows))}
    assert found == windows


def test_crop_errors():
    with pytest.raises(ValueError, match=r"\(6, 6\) must fit into the padded image, got \(4, 5\)"):
        RandomCrop(6)(tg.zeros(1, 4, 5))
    for arguments in ({"size": 0}, {"size": (1, 2, 3)}, {"size": 3, "padding": -1}):
        with pytest.raises(ValueError, match="RandomCrop"):
            RandomCrop(**arguments)
    with pytest.raises(ValueError, match="padding"):
        RandomCrop(3, padding=(1, 2, 3))


def test_flip():
    image = tg.rand(1, 2, 3)
    mirrored = image.numpy()[..., ::-1]
    assert np.array_equal(RandomHorizontalFlip(1.0)(image).numpy(), mirrored)
    assert np.array_equal(RandomHorizontalFlip(0.0)(image).numpy(), image.numpy())
    tg.manual_seed(0)
    flips = [np.array_equal(RandomHorizontalFlip()(image).numpy(), mirrored) for _ in range(1000)]
    assert 420 < sum(flips) < 580
    with pytest.raises(ValueError, match=r"0\.\.1"):
        RandomHorizontalFlip(1.5)


def test_random_transforms_follow_the_seed():
    chain = Compose([ToTensor(), RandomCrop(8, padding=2), RandomHorizontalFlip()])
    image = random.integers(0, 256, (8, 8), np.uint8)

    def outputs():
        tg.manual_seed(3)
        return [chain(image).tolist() for _ in range(10)]

    first = outputs()
    assert outputs() == first and len({str(out) for out in first}) > 5


def test_compose_and_lambda():
    chain = Compose([Lambda(lambda x: x + 1), Lambda(abs)])
    assert chain(-3) == 2
    assert Compose([])("x") == "x"
    with pytest.raises(TypeError, match="Lambda: needs a function, got int"):
        Lambda(3)


@pytest.mark.parametrize("transform", [Normalize(0, 1), RandomCrop(2), RandomHorizontalFlip()])
def test_what_is_no_image_is_refused(transform):
    with pytest.raises(TypeError, match=r"got ndarray; put ToTensor\(\) first"):
        transform(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match=r"C, H, W\), got shape \(4, 4\)"):
        transform(tg.zeros(4, 4))


def test_reprs():
    chain = Compose(
        [ToTensor(), Normalize(0.5, 0.25), RandomCrop(3, 1), RandomHorizontalFlip(), Lambda(abs)]
    )
    assert repr(chain) == (
        "Compose([ToTensor(), Normalize([0.5], [0.25]), RandomCrop((3, 3), padding=(1, 1, 1, 1)), "
        "RandomHorizontalFlip(p=0.5), Lambda(abs)])"
    )
