"""Readers for the files that image data sets come in: IDX, NumPy .npz, CIFAR's Python batches.

A file is not trusted. Whatever its bytes, a reader returns arrays or raises ValueError with the
file's name; it never runs code from the file.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

# IDX's third byte; numbers are big-endian (Y. LeCun, "The MNIST database", file format section).
IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> np.ndarray:
    """Read one array from an IDX file, which may be gzipped.

    The format: two zero bytes, a byte for the dtype, a byte for the number of dims, each dim as a
    big-endian uint32, then the elements.

    Raises:
        ValueError: when the file is damaged or no IDX file.
    """
    data = read_bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_DTYPES:
        raise ValueError(
            f"{path}: not an IDX file, it starts with {data[:4].hex(' ') or 'nothing'}"
        )
    dtype, ndim = np.dtype(IDX_DTYPES[data[2]]), data[3]
    start = 4 + 4 * ndim
    if len(data) < start:
        raise ValueError(f"{path}: truncated within its header")
    shape = struct.unpack(f">{ndim}I", data[4:start])
    expected = math.prod(shape) * dtype.itemsize
    if len(data) - start != expected:
        raise ValueError(
            f"{path}: holds {len(data) - start:,} bytes of data, but the shape {shape} in its "
            f"header takes {expected:,}"
        )
    array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))  # a copy: writable, in the machine's byte order


def read_bytes(path: Path) -> bytes:
    """The file's bytes, unpacked where it is gzipped."""
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error})") from error


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a .npz file; object arrays, which would need pickle, are refused.

    Raises:
        ValueError: when the file is damaged or no .npz file.
    """
    data = io.BytesIO(path.read_bytes())
    try:
        with np.load(data, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds on damaged bytes
        raise ValueError(f"{path}: not a readable .npz file ({error})") from error


def read_cifar_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one file of cifar-10-python: images (N, 3, 32, 32) uint8 and labels (N,) int64.

    The files are Python 2 pickles of `{b"data": array, b"labels": list, ...}`. Unpickling can run
    any code, so the only names such a pickle may call are three stand-ins written below.

    Raises:
        ValueError: when the file is damaged or something else.
    """
    data = path.read_bytes()
    try:
        batch = ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
        images: np.ndarray = batch[b"data"].array
        labels = np.array(batch[b"labels"], dtype=np.int64)
        if images.dtype != np.uint8 or images.shape[1:] != (3 * 32 * 32,):
            raise ValueError(f"images are {images.dtype} of shape {images.shape}, not (N, 3072)")
    except Exception as error:  # a damaged pickle can fail anywhere, with any kind of error
        raise ValueError(f"{path}: not a readable CIFAR batch ({error})") from error
    return images.reshape(-1, 3, 32, 32), labels


class PickledArray:
    """Stands in for a NumPy array while a pickle is read; `array` is made by our own checks."""

    def __init__(self, *arguments: object) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        array = np.frombuffer(data, dtype.dtype)
        self.array = array.reshape(shape, order="F" if fortran else "C").copy()


class PickledDtype:
    """Stands in for a NumPy dtype while a pickle is read: plain numbers only."""

    def __init__(self, name: str | bytes, *arguments: object) -> None:
        text = name.decode() if isinstance(name, bytes) else name
        if text not in ("u1", "i4", "i8", "f4", "f8"):
            raise pickle.UnpicklingError(f"dtype {text!r} is not allowed")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: object) -> None:
        """The byte order and so on, which plain little-endian numbers do without."""


# The pure-Python class: the C one can be made to reserve gigabytes by a few bytes of input.
class ArrayUnpickler(pickle._Unpickler):
    """Unpickles numbers, strings, containers and plain arrays, and nothing else."""

    allowed: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): PickledArray,
        ("numpy._core.multiarray", "_reconstruct"): PickledArray,
        ("numpy", "ndarray"): PickledArray,
        ("numpy", "dtype"): PickledDtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return self.allowed[module, name]

    def persistent_load(self, identifier: object) -> NoReturn:
        raise pickle.UnpicklingError("persistent ids are not allowed")


def unpack(archive: Path, names: list[str], folder: Path) -> None:
    """Copy the named files, in whatever folder of a .tar.gz they lie, into `folder`.

    Raises:
        ValueError: when the archive is damaged or a file is missing from it.
    """
    import tarfile  # imported where it is used: `import tinygrad_edu` stays quick

    missing = set(names)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = member.name.rpartition("/")[2]
                source = tar.extractfile(member) if name in missing else None
                if source is not None:  # None too for a link or a folder of that name
                    part = folder / f"{name}.part"
                    part.write_bytes(source.read())
                    os.replace(part, folder / name)
                    missing.remove(name)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{archive}: damaged archive ({error})") from error
    if missing:
        raise ValueError(f"{archive}: the archive lacks {', '.join(sorted(missing))}")
