"""The image data sets and the readers of their files, damaged and foreign ones too."""

import gzip
import io
import pickle
import struct
import sys
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tinygrad_edu as tg
from tinygrad_edu.data import CIFAR10, MNIST, DataLoader, Digits, FashionMNIST, Subset
from tinygrad_edu.data.datasets import ImageDataset
from tinygrad_edu.data.readers import read_cifar_batch, read_idx, read_npz
from tinygrad_edu.data.transforms import ToTensor

random = np.random.default_rng(0)


def idx_bytes(array):
    """The array as an IDX file."""
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def npz_bytes(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def cifar_bytes(images, labels, protocol=3):
    return pickle.dumps(
        {b"batch_label": b"a batch", b"labels": labels, b"data": images, b"filenames": [b"a.png"]},
        protocol=protocol,
    )


# ---- Digits


def test_digits_are_the_whole_set_in_a_stratified_split():
    train, test = Digits(), Digits(train=False)
    assert (len(train), len(test)) == (1437, 360)
    counts = np.bincount(train.targets.numpy()), np.bincount(test.targets.numpy())
    assert sum(counts).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.all(abs(counts[1] - sum(counts) * 360 / 1797) < 1)
    assert train.data.dtype == tg.uint8 and train.data.shape == (1437, 8, 8)
    assert np.unique(train.data.numpy()).tolist() == np.round(np.arange(17) * 255 / 16).tolist()
    assert repr(test) == "Digits(test: 360 images of 8x8)"


def test_digits_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()

    def rows(images, labels):
        return sorted(
            (int(label), *map(int, image.ravel()))
            for image, label in zip(images, labels, strict=True)
        )

    parts = [Digits(), Digits(train=False)]
    images = np.concatenate([np.round(part.data.numpy() * (16 / 255)) for part in parts])
    labels = np.concatenate([part.targets.numpy() for part in parts])
    assert rows(images, labels) == rows(digits.images, digits.target)


def test_samples_transforms_and_batches():
    plain = Digits(train=False)
    image, label = plain[3]
    assert image.shape == (1, 8, 8) and image.dtype == tg.float32 and type(label) is int
    assert image.min().item() >= 0.0 and image.max().item() == 1.0
    assert plain[-1][1] == plain[359][1]
    for index in (360, -361):
        with pytest.raises(IndexError, match=f"index {index} out of range, it has 360"):
            plain[index]

    raw = Digits(train=False, transform=lambda image: image, target_transform=lambda label: -label)
    image, label = raw[3]
    assert isinstance(image, np.ndarray) and image.dtype == np.uint8 and label == -plain[3][1]

    fast = list(DataLoader(Subset(plain, range(10)), 4))
    slow = list(DataLoader(Subset(Digits(train=False, transform=ToTensor()), range(10)), 4))
    for (images, labels), (expected, expected_labels) in zip(fast, slow, strict=True):
        assert (images == expected).all() and (labels == expected_labels).all()
        assert images.shape == expected.shape


def test_a_sample_does_not_share_memory_with_the_data_set():
    digits = Digits(train=False, transform=ToTensor())
    before = digits.data.numpy().copy()
    digits[0][0].fill_(9.0)
    assert (digits.data.numpy() == before).all()


def test_a_subclass_with_other_samples_is_read_sample_by_sample():
    class Inverted(Digits):
        def __getitem__(self, index):
            image, label = super().__getitem__(index)
            return 1 - image, label

    images, _ = next(iter(DataLoader(Inverted(), 4)))
    expected, _ = next(iter(DataLoader(Digits(), 4)))
    assert (images == 1 - expected).all()


# ---- the standard files


@pytest.fixture(params=["plain", "gzipped", "torchvision's folder", "npz"])
def mnist(request, tmp_path):
    """A folder with a small MNIST, and its arrays."""
    arrays = {}
    for part, count in (("train", 12), ("t10k", 5)):
        name = "test" if part == "t10k" else part
        arrays[f"x_{name}"] = random.integers(0, 256, (count, 28, 28), np.uint8)
        arrays[f"y_{name}"] = random.integers(0, 10, count, np.uint8)
    if request.param == "npz":
        (tmp_path / "mnist.npz").write_bytes(npz_bytes(**arrays))
        return tmp_path, arrays
    folder = tmp_path / "MNIST" / "raw" if "torchvision" in request.param else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        for kind, key in (("images-idx3", "x"), ("labels-idx1", "y")):
            data = idx_bytes(arrays[f"{key}_{'test' if part == 't10k' else part}"])
            name = f"{part}-{kind}-ubyte"
            if request.param == "gzipped":
                name, data = name + ".gz", gzip.compress(data)
            (folder / name).write_bytes(data)
    return tmp_path, arrays


def test_mnist_reads_every_form(mnist):
    folder, arrays = mnist
    for train, part in ((True, "train"), (False, "test")):
        dataset = MNIST(folder, train=train)
        assert (dataset.data.numpy() == arrays[f"x_{part}"]).all()
        assert (dataset.targets.numpy() == arrays[f"y_{part}"]).all()
        assert dataset.targets.dtype == tg.int64
        assert dataset[0][0].shape == (1, 28, 28)
    images, _ = next(iter(DataLoader(MNIST(str(folder)), 4)))
    assert np.allclose(images.numpy()[:, 0], arrays["x_train"][:4] / 255, rtol=1e-6)


def test_an_archive_may_be_given_itself(tmp_path):
    path = tmp_path / "anything.npz"
    x = random.integers(0, 256, (3, 28, 28), np.uint8)
    path.write_bytes(npz_bytes(x_train=x, y_train=[1, 2, 3], x_test=x, y_test=[[4], [5], [6]]))
    assert MNIST(path, train=False).targets.tolist() == [4, 5, 6]


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST, CIFAR10])
def test_missing_files_are_named_with_their_folder(kind, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        kind(tmp_path / "nowhere", train=False)
    text = str(caught.value)
    assert f"{kind.__name__}: no data in {tmp_path}/nowhere" in text and "download=True" in text
    for name in {CIFAR10: ["cifar10.npz", "test_batch", "cifar-10-batches-py"]}.get(
        kind,
        ["mnist.npz", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", f"{kind.__name__}/raw"],
    ):
        assert name in text


def test_one_missing_file_is_enough(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((1, 28, 28), np.uint8)))
    with pytest.raises(FileNotFoundError, match="train-labels-idx1-ubyte"):
        MNIST(tmp_path)


@pytest.mark.parametrize(
    ("images", "labels", "text"),
    [
        (np.zeros((3, 8, 8), np.uint8), np.zeros(3, np.uint8), r"shape \(28, 28\)"),
        (np.zeros((3, 28, 28), np.float32), np.zeros(3, np.uint8), "float32"),
        (np.zeros(3, np.uint8), np.zeros(3, np.uint8), "shape"),
        (np.array(7, np.uint8), np.zeros(3, np.uint8), "shape"),
        (np.zeros((3, 28, 28), np.uint8), np.zeros(2, np.uint8), "one integer label for each of 3"),
        (np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.float32), "integer label"),
        (np.zeros((3, 28, 28), np.uint8), np.array([0, 1, 10]), r"0\.\.9, got 0\.\.10"),
        (np.zeros((3, 28, 28), np.uint8), np.array([0, -1, 1]), r"got -1\.\.1"),
    ],
)
def test_contents_are_checked(images, labels, text, tmp_path):
    path = tmp_path / "mnist.npz"
    path.write_bytes(npz_bytes(x_train=images, y_train=labels))
    with pytest.raises(ValueError, match=text) as caught:
        MNIST(tmp_path)
    assert str(path) in str(caught.value)
    with pytest.raises(ValueError, match=r"needs arrays \('x_test', 'y_test'\)"):
        MNIST(tmp_path, train=False)


# ---- CIFAR-10


@pytest.fixture
def cifar(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    images = random.integers(0, 256, (12, 3072), np.uint8)
    labels = random.integers(0, 10, 12).tolist()
    for i in range(5):
        part = slice(2 * i, 2 * i + 2)
        (folder / f"data_batch_{i + 1}").write_bytes(cifar_bytes(images[part], labels[part]))
    (folder / "test_batch").write_bytes(cifar_bytes(images[10:], labels[10:]))
    return tmp_path, images.reshape(-1, 3, 32, 32), labels


def test_cifar_reads_pickled_batches_and_archives_alike(cifar, tmp_path):
    root, images, labels = cifar
    batches = CIFAR10(root)
    assert batches.data.shape == (10, 32, 32, 3) and batches.targets.tolist() == labels[:10]
    x, y = next(iter(DataLoader(batches, 10)))
    assert np.allclose(x.numpy(), images[:10] / 255, rtol=1e-6) and y.tolist() == labels[:10]
    assert np.array_equal(batches[4][0].numpy(), x[4].numpy())
    assert CIFAR10(root / "cifar-10-batches-py", train=False).targets.tolist() == labels[10:]

    for layout in (images, images.transpose(0, 2, 3, 1)):
        path = tmp_path / "cifar10.npz"
        path.write_bytes(npz_bytes(x_train=layout[:10], y_train=labels[:10], x_test=0, y_test=0))
        assert np.array_equal(CIFAR10(path).data.numpy(), batches.data.numpy())


def python2_batch():
    """A pickle as Python 2's NumPy wrote the original files (protocol 2, byte strings)."""
    image = bytes(range(256)) * 12
    return (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<I", len(image))
        + image
        + b"tbU\x06labels]K\x07au."
    )


def test_the_original_files_pickle_format(tmp_path):
    (tmp_path / "batch").write_bytes(python2_batch())
    images, labels = read_cifar_batch(tmp_path / "batch")
    assert images.reshape(-1).tolist() == list(range(256)) * 12 and labels.tolist() == [7]


class Exploit:
    def __reduce__(self):
        return (exec, ("import sys; sys.modules['exploited'] = sys",))


@pytest.mark.parametrize(
    "content",
    [
        {b"data": Exploit(), b"labels": [1]},
        {b"data": np.array([Exploit()], object), b"labels": [1]},
        {b"data": np.zeros(3, "datetime64[s]"), b"labels": [1]},
        {b"data": np.zeros((1, 3072), np.float32), b"labels": [1]},
        {b"data": np.zeros((3072,), np.uint8), b"labels": [1]},
        {b"data": [1, 2], b"labels": [1]},
        {b"labels": [1]},
        {b"data": np.zeros((1, 3072), np.uint8), b"labels": ["x"]},
        [1, 2, 3],
        np.uint8,
    ],
)
def test_a_pickle_runs_no_code_and_foreign_ones_are_refused(content, tmp_path):
    path = tmp_path / "test_batch"
    path.write_bytes(pickle.dumps(content, protocol=3))
    with pytest.raises(ValueError, match="test_batch"):
        CIFAR10(tmp_path, train=False)
    assert "exploited" not in sys.modules


# ---- fuzz: any bytes give arrays or a ValueError that names the file


VALID = {
    read_idx: idx_bytes(np.arange(24, dtype=np.int32).reshape(2, 3, 4)),
    read_npz: npz_bytes(x=np.arange(5), y=np.zeros((2, 2))),
    read_cifar_batch: cifar_bytes(np.zeros((2, 3072), np.uint8), [1, 2]),
}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file"


def read_or_refuse(reader, path, data):
    path.write_bytes(data)
    try:
        reader(path)
    except ValueError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("reader", VALID)
def test_truncated_files(reader, scratch):
    valid = VALID[reader]
    for form in (valid, gzip.compress(valid)):
        step = max(1, len(form) // 200)
        for length in [*range(0, len(form), step), len(form) - 1]:
            scratch.write_bytes(form[:length])
            with pytest.raises(ValueError, match="file"):
                reader(scratch)


@pytest.mark.parametrize("reader", VALID)
@given(data=st.data())
@settings(deadline=None)
def test_damaged_files(reader, scratch, data):
    damaged = bytearray(VALID[reader])
    header = min(len(damaged), 400)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(reader, scratch, bytes(damaged))


@pytest.mark.parametrize("reader", VALID)
@given(content=st.binary(max_size=200))
@settings(deadline=None)
def test_foreign_files(reader, scratch, content):
    for data in (content, b"PK\x03\x04" + content, b"\x80\x03" + content, b"\0\0\x08" + content):
        read_or_refuse(reader, scratch, data)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_idx_round_trip(dtype, shape, tmp_path):
    array = (random.random(shape) * 100).astype(dtype)
    path = tmp_path / "array"
    path.write_bytes(idx_bytes(np.asarray(array)))
    found = read_idx(path)
    assert found.dtype == dtype and found.dtype.isnative and found.flags.writeable
    assert found.shape == shape and np.array_equal(found, array)


def test_object_arrays_are_refused(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=np.array([Exploit()], object), y_train=[1])
    with pytest.raises(ValueError, match=r"mnist\.npz"):
        MNIST(tmp_path)
    assert "exploited" not in sys.modules


# ---- download=True


@pytest.fixture
def downloads(monkeypatch, tmp_path):
    """Replaces the network: a folder whose files `download` hands out."""
    import tinygrad_edu.data.download as module

    source = tmp_path / "server"
    source.mkdir()
    asked = []

    def download(url, path, checksum):
        asked.append((url, checksum))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((source / url.rpartition("/")[2]).read_bytes())
        return path

    monkeypatch.setattr(module, "download", download)
    return source, asked


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
def test_mnist_downloads_once_to_torchvisions_place(kind, downloads, tmp_path):
    source, asked = downloads
    for part in ("train", "t10k"):
        for name, array in (
            ("images-idx3", np.zeros((2, 28, 28), np.uint8)),
            ("labels-idx1", np.array([3, 4], np.uint8)),
        ):
            (source / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(idx_bytes(array)))
    root = tmp_path / "data"
    for train in (True, False):
        assert kind(root, train=train, download=True).targets.tolist() == [3, 4]
    assert len(asked) == 4 and all(checksum.startswith("md5:") for _, checksum in asked)
    assert len(list((root / kind.__name__ / "raw").iterdir())) == 4


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_cifar_downloads_and_unpacks_only_what_it_needs(downloads, tmp_path):
    source, asked = downloads
    batch = cifar_bytes(np.zeros((1, 3072), np.uint8), [5])
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    files = {f"cifar-10-batches-py/{name}": batch for name in names}
    files["../../evil"] = b"outside"
    (source / "cifar-10-python.tar.gz").write_bytes(tar_of(files))
    root = tmp_path / "data"
    assert CIFAR10(root, download=True).targets.tolist() == [5] * 5
    assert CIFAR10(root, train=False, download=True).targets.tolist() == [5]
    assert len(asked) == 1
    assert sorted(p.name for p in (root / "cifar-10-batches-py").iterdir()) == sorted(names)
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("damage", ["missing", "truncated", "foreign"])
def test_a_bad_archive_is_named(damage, downloads, tmp_path):
    source, _ = downloads
    good = tar_of({"a/test_batch": bytes(100_000)})
    content = {"missing": good, "truncated": good[: len(good) // 2], "foreign": b"<html>"}[damage]
    (source / "cifar-10-python.tar.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"cifar-10-python\.tar\.gz"):
        CIFAR10(tmp_path / "data", download=True)


def test_image_data_set_of_ones_own():
    class Own(ImageDataset):
        classes = ("dark", "light")

    images = random.integers(0, 256, (4, 5, 6, 3), np.uint8)
    own = Own(images, np.array([0, 1, 1, 0]), True, None, None)
    batch, labels = next(iter(DataLoader(own, 4)))
    assert batch.shape == (4, 3, 5, 6) and labels.tolist() == [0, 1, 1, 0]
