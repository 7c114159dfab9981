"""Saving and loading: one safetensors file for any nesting of containers and tensors.

A file holds the tensors, contiguous, under readable names, and in its metadata, as JSON, how they
sit in the object: `{"dict": [[key, value], ...]}`, `{"tuple": [...]}`, `{"tensor": name}`; lists,
strings, numbers, booleans and None stand for themselves. A flat dict of tensors is therefore a
plain safetensors file, which any other library reads. Loading runs no code from the file.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

import numpy as np

from .ops.convert import from_numpy
from .tensor import Tensor

STRUCTURE = "tinygrad_edu.structure"  # the metadata's key

# safetensors dtype -> how its bytes are read, and the dtype they get here: the smallest of ours
# that holds every value.
DTYPES = {
    "F64": ("float64", "float64"),
    "F32": ("float32", "float32"),
    "F16": ("float16", "float32"),
    "BF16": ("bfloat16", "float32"),
    "F8_E4M3": ("float8_e4m3fn", "float32"),
    "F8_E5M2": ("float8_e5m2", "float32"),
    "I64": ("int64", "int64"),
    "I32": ("int32", "int32"),
    "I16": ("int16", "int16"),
    "I8": ("int8", "int8"),
    "U32": ("uint32", "int64"),
    "U16": ("uint16", "int32"),
    "U8": ("uint8", "uint8"),
    "BOOL": ("uint8", "bool"),
}


def save(obj: Any, path: str | os.PathLike[str]) -> None:
    """Write `obj` to a safetensors file, whole or not at all.

    The bytes go to a temporary file beside `path`, which takes the name once they are on the disk:
    an interruption leaves the old file as it was.

    Args:
        obj: any nesting of dict, list, tuple, Tensor, int, float, str, bool and None. Keys of a
            dict may be any of these that hash, Tensors excepted. Strides are not kept, nor
            requires_grad, nor that two tensors share memory: each is written in full.
        path: the file; an existing one is replaced.

    Raises:
        TypeError: when `obj` holds anything else; the error says where.
        ValueError: when `obj` contains itself.
        OSError: when the file cannot be written.

    Example:
        >>> import os, tempfile, tinygrad_edu as tg
        >>> path = os.path.join(tempfile.mkdtemp(), "state.safetensors")
        >>> save({"epoch": 3, "weights": [tg.ones(2), tg.zeros(1)]}, path)
        >>> load(path)
        {'epoch': 3, 'weights': [tensor([1., 1.]), tensor([0.])]}
    """
    from safetensors.numpy import save as to_bytes

    tensors: dict[str, np.ndarray] = {}
    try:
        structure = encode(obj, (), tensors)
    except RecursionError:
        raise ValueError("save: the object contains itself, or is nested too deeply") from None
    target = os.path.realpath(os.fspath(path))  # of a link, the file behind it is replaced
    replace_file(target, to_bytes(tensors, metadata={STRUCTURE: json.dumps(structure)}))


def replace_file(path: str, data: bytes) -> None:
    """Write the file so that at any moment, a crash included, it is the old one or the new one."""
    part = f"{path}.{os.urandom(4).hex()}.part"
    try:
        with open(part, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def encode(obj: Any, path: tuple[str, ...], tensors: dict[str, np.ndarray]) -> Any:
    """`obj` as JSON-ready structure; its tensors go, contiguous, into `tensors`."""
    if obj is None or isinstance(obj, (str, bool, int, float)):
        return obj
    if isinstance(obj, Tensor):
        name = new_name(path, tensors)
        # Not ascontiguousarray, which makes a 0-d array 1-d.
        tensors[name] = np.asarray(obj.detach().numpy(), order="C")
        return {"tensor": name}
    if isinstance(obj, list):
        return [encode(item, (*path, str(i)), tensors) for i, item in enumerate(obj)]
    if isinstance(obj, tuple):
        return {"tuple": [encode(item, (*path, str(i)), tensors) for i, item in enumerate(obj)]}
    if isinstance(obj, dict):
        return {
            "dict": [
                [encode_key(key, path), encode(value, (*path, str(key)), tensors)]
                for key, value in obj.items()
            ]
        }
    raise TypeError(
        f"save: cannot save {type(obj).__name__}{place(path)}; it takes dict, list, tuple, Tensor, "
        "int, float, str, bool and None"
    )


def encode_key(key: Any, path: tuple[str, ...]) -> Any:
    """A dict's key as JSON-ready structure."""
    tensors: dict[str, np.ndarray] = {}
    structure = encode(key, path, tensors)
    if tensors:
        raise TypeError(f"save: a Tensor cannot be the key of a dict{place(path)}")
    return structure


def place(path: tuple[str, ...]) -> str:
    """Where in the object, for an error message."""
    return f" at {'.'.join(path)}" if path else ""


def new_name(path: tuple[str, ...], taken: dict[str, np.ndarray]) -> str:
    """A name for the tensor at this place: the path with dots, so a flat dict's own keys."""
    name = ".".join(path) if path else "tensor"
    name = name.encode("utf-8", "replace").decode("utf-8")  # the format knows no lone surrogates
    while name in taken or name == "__metadata__":  # which the format keeps for itself
        name += "_"
    return name


def load(path: str | os.PathLike[str]) -> Any:
    """Read what `save` wrote, or any other safetensors file, as a dict of Tensors.

    Args:
        path: the file.

    Returns:
        The object, its Tensors fresh, contiguous and without requires_grad. float16, bfloat16 and
        float8 become float32, uint16 and uint32 the next signed type; no value changes.

    Raises:
        ValueError: when the file is truncated, damaged or of another kind.
        OSError: when it cannot be read.
    """
    from safetensors import SafetensorError, deserialize

    path = os.fspath(path)
    with open(path, "rb") as file:
        data = file.read()  # not mapped: a file that shrinks meanwhile would crash the program
    try:
        tensors = {name: read_tensor(entry) for name, entry in deserialize(data)}  # type: ignore[no-untyped-call]
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
        if STRUCTURE not in metadata:
            return tensors
        return decode(json.loads(metadata[STRUCTURE]), tensors)
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"load: {path} is damaged or no safetensors file ({error})") from error


def read_tensor(entry: dict[str, Any]) -> Tensor:
    """A Tensor of the bytes, dtype and shape that safetensors has checked against each other."""
    if entry["dtype"] not in DTYPES:
        raise ValueError(f"it holds dtype {entry['dtype']}, which this library does not have")
    stored, dtype = DTYPES[entry["dtype"]]
    if stored.startswith(("bfloat", "float8")):
        import ml_dtypes

        array = np.frombuffer(entry["data"], getattr(ml_dtypes, stored))
    else:
        array = np.frombuffer(entry["data"], np.dtype(stored).newbyteorder("<"))
    # For bool too, `astype` is more than a view: a byte of 2 becomes True.
    return from_numpy(array.reshape(entry["shape"]).astype(dtype))


def decode(structure: Any, tensors: dict[str, Tensor]) -> Any:
    """The object that a structure describes."""
    if isinstance(structure, list):
        return [decode(item, tensors) for item in structure]
    if not isinstance(structure, dict):
        return structure
    if len(structure) != 1:
        raise ValueError("its structure is malformed")
    ((kind, content),) = structure.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "tuple":
        return tuple([decode(item, tensors) for item in content])
    if kind == "dict":
        return {decode(key, tensors): decode(value, tensors) for key, value in content}
    raise ValueError(f"its structure names an unknown kind {kind!r}")
