"""Image data sets: Digits, which comes with the package, and MNIST, FashionMNIST and CIFAR10."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..ops.convert import from_numpy, tensor
from ..tensor import Tensor
from .dataset import Dataset
from .readers import read_cifar_batch, read_idx, read_npz
from .transforms import ToTensor, channels_first

Transform = Callable[[Any], Any]


class ImageDataset(Dataset):
    """Images with a class each: `dataset[i]` is `(transform(image), target_transform(label))`.

    Attributes:
        data: the raw images, a uint8 Tensor (N, H, W), or (N, H, W, C) in color.
        targets: the labels, an int64 Tensor (N,).
        classes: the classes' names, by label.
    """

    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        train: bool,
        transform: Transform | None,
        target_transform: Transform | None,
    ) -> None:
        self.data = from_numpy(np.ascontiguousarray(images))
        self.targets = from_numpy(labels.astype(np.int64))
        self.train = train
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not -len(self) <= index < len(self):
            name = type(self).__name__
            raise IndexError(f"{name}: index {index} out of range, it has {len(self)} images")
        image: Any = self.data.array[index]
        label: Any = int(self.targets.array[index])
        image = ToTensor()(image) if self.transform is None else self.transform(image)
        return image, label if self.target_transform is None else self.target_transform(label)

    def collated(self, indices: Sequence[int]) -> list[Tensor] | None:
        if self.transform is not None or self.target_transform is not None:
            return None
        if type(self).__getitem__ is not ImageDataset.__getitem__:
            return None
        rows = tensor(indices)
        images = channels_first(self.data[rows], color=self.data.ndim == 4)
        return [images, self.targets[rows]]

    def __repr__(self) -> str:
        part = "train" if self.train else "test"
        size = "x".join(map(str, self.data.shape[1:]))
        return f"{type(self).__name__}({part}: {len(self)} images of {size})"


class Digits(ImageDataset):
    """1,797 handwritten digits of 8x8 pixels, real ones, which come with the package.

    1,437 for training and 360 for testing: a fixed random split in which every digit has the same
    share. The order within each part is that of the source. The source's 17 grey levels are
    stretched from 0..16 to 0..255.

    Args:
        train: the training part, or the test part.
        transform: applied to the raw image, a uint8 array (8, 8); `ToTensor()` if None, which
            makes it a float32 Tensor (1, 8, 8) in 0..1.
        target_transform: applied to the label, an int.

    Reference:
        E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
        Repository, 1998, https://doi.org/10.24432/C50P49, licence CC BY 4.0: its test file, in
        the order of scikit-learn's `load_digits`.

    Example:
        >>> digits = Digits(train=False)
        >>> image, label = digits[0]
        >>> len(digits), image.shape, label
        (360, (1, 8, 8), 1)
    """

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        arrays = read_npz(Path(__file__).with_name("digits.npz"))
        part = arrays["is_test"] != train
        images = np.round(arrays["images"][part] * (255 / 16)).astype(np.uint8)
        super().__init__(images, arrays["labels"][part], train, transform, target_transform)


class FolderDataset(ImageDataset):
    """An image data set that is read from files in a folder, and downloaded there when asked.

    Args:
        root: the folder, or a `.npz` file with x_train, y_train, x_test and y_test.
        train: the training part, or the test part.
        transform: applied to the raw image, a uint8 array (H, W) or (H, W, C); `ToTensor()` if
            None, which makes it a float32 Tensor (C, H, W) in 0..1.
        target_transform: applied to the label, an int.
        download: fetch the files where they are missing.

    Raises:
        FileNotFoundError: when the files are missing; it names them and the folder.
        ValueError: when a file is damaged or holds something else.
        ConnectionError: when a download fails.
    """

    # What a subclass says about itself.
    image_shape: ClassVar[tuple[int, ...]]
    archives: ClassVar[tuple[str, ...]]  # .npz files, any of which will do
    url: ClassVar[str]
    checksums: ClassVar[Mapping[str, str]]  # of the files below url

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        self.root = Path(root).expanduser()
        if download and self.find(train) is None:
            self.download()
        files = self.find(train)
        if files is None:
            raise FileNotFoundError(self.missing(train))
        images, labels = self.read(files, train)
        images = self.check(files[0], images, labels)
        super().__init__(images, labels, train, transform, target_transform)

    def names(self, train: bool) -> list[str]:
        """The standard files that hold this part."""
        raise NotImplementedError

    def folders(self) -> list[Path]:
        """Where the standard files may lie; the first is where a download puts them."""
        raise NotImplementedError

    def read_standard(self, files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels from the standard files."""
        raise NotImplementedError

    def find(self, train: bool) -> list[Path] | None:
        """The files to read, or None: one .npz file, or the standard files, plain or gzipped."""
        for path in [self.root, *(self.root / name for name in self.archives)]:
            if path.suffix == ".npz" and path.is_file():
                return [path]
        for folder in self.folders():
            candidates = [(folder / name, folder / f"{name}.gz") for name in self.names(train)]
            found = [next((p for p in pair if p.is_file()), None) for pair in candidates]
            files = [path for path in found if path is not None]
            if len(files) == len(candidates):
                return files
        return None

    def missing(self, train: bool) -> str:
        """What to say when `find` finds nothing."""
        folders = " or ".join(str(folder) for folder in self.folders())
        return (
            f"{type(self).__name__}: no data in {self.root}; it needs {' or '.join(self.archives)} "
            f"there, or {', '.join(self.names(train))} in {folders}; download=True fetches them"
        )

    def read(self, files: list[Path], train: bool) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels from the files that `find` found."""
        if files[0].suffix != ".npz":
            return self.read_standard(files)
        arrays = read_npz(files[0])
        names = ("x_train", "y_train") if train else ("x_test", "y_test")
        if any(name not in arrays for name in names):
            raise ValueError(f"{files[0]}: needs arrays {names}, got {tuple(arrays)}")
        return arrays[names[0]], arrays[names[1]].reshape(-1)

    def check(self, file: Path, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The images with channels last; raises where images and labels are not what they must."""
        planes = (self.image_shape[-1], *self.image_shape[:-1])
        if images.ndim == 4 and images.shape[1:] == planes:
            images = images.transpose(0, 2, 3, 1)
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise ValueError(
                f"{file}: images must be uint8 of shape {self.image_shape}, "
                f"got {images.dtype} {images.shape}"
            )
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"{file}: needs one integer label for each of {len(images)} images, "
                f"got {labels.dtype} {labels.shape}"
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < len(self.classes):
            raise ValueError(
                f"{file}: labels must lie in 0..{len(self.classes) - 1}, "
                f"got {labels.min()}..{labels.max()}"
            )
        return images

    def download(self) -> None:
        """Fetch the standard files, those of both parts, into the first of `folders()`."""
        from .download import download  # brings in the standard library's HTTP client

        for name, checksum in self.checksums.items():
            download(self.url + name, self.folders()[0] / name, checksum=checksum)


class MNIST(FolderDataset):
    """Handwritten digits, 28x28 grey: 60,000 for training, 10,000 for testing.

    Reads `mnist.npz`, or the standard IDX files, gzipped or not, from the folder itself, from
    `raw` or `MNIST/raw` in it (torchvision's place). Arguments and errors: see FolderDataset.

    Reference:
        Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document
        recognition, Proceedings of the IEEE 86(11), 1998.
    """

    image_shape = (28, 28)
    archives: ClassVar[tuple[str, ...]] = ("mnist.npz",)
    url = "https://ossci-datasets.s3.amazonaws.com/mnist/"
    checksums: ClassVar = {
        "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
    }

    def names(self, train: bool) -> list[str]:
        part = "train" if train else "t10k"
        return [f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"]

    def folders(self) -> list[Path]:
        return [self.root / type(self).__name__ / "raw", self.root / "raw", self.root]

    def read_standard(self, files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
        return read_idx(files[0]), read_idx(files[1])


class FashionMNIST(MNIST):
    """Zalando's articles of clothing, 28x28 grey: 60,000 for training, 10,000 for testing.

    Reads `fashion_mnist.npz` or the standard IDX files, as MNIST does, torchvision's place being
    `FashionMNIST/raw`. Arguments and errors: see FolderDataset.

    Reference:
        H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking
        machine learning algorithms, arXiv:1708.07747, 2017.
    """

    archives = ("fashion_mnist.npz", "fashion-mnist.npz")
    url = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    checksums: ClassVar = {
        "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    }
    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )


class CIFAR10(FolderDataset):
    """Photographs of ten kinds of things, 32x32 color: 50,000 for training, 10,000 for testing.

    Reads `cifar10.npz` or the batches of cifar-10-python, from the folder itself or from
    `cifar-10-batches-py` in it (torchvision's place). The batches are Python pickles, which are
    read without running what they ask for. Arguments and errors: see FolderDataset.

    Reference:
        A. Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """

    image_shape = (32, 32, 3)
    archives = ("cifar10.npz", "cifar10_subset.npz")
    url = "https://www.cs.toronto.edu/~kriz/"
    checksums: ClassVar = {"cifar-10-python.tar.gz": "md5:c58f30108f718f92721af3b95e74349a"}
    classes = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )

    def names(self, train: bool) -> list[str]:
        return [f"data_batch_{number}" for number in range(1, 6)] if train else ["test_batch"]

    def folders(self) -> list[Path]:
        return [self.root / "cifar-10-batches-py", self.root]

    def read_standard(self, files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
        batches = [read_cifar_batch(file) for file in files]
        images, labels = zip(*batches, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def download(self) -> None:
        """Fetch the archive into the root folder and unpack the batches."""
        from .download import download
        from .readers import unpack

        (name, checksum), *_ = self.checksums.items()
        archive = download(self.url + name, self.root / name, checksum=checksum)
        unpack(archive, self.names(True) + self.names(False), self.folders()[0])
