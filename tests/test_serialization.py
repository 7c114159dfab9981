"""save and load: every structure and layout comes back; damaged files are refused."""

import json
import math
import os
import struct
import sys

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings, strategies as st

import tinygrad_edu as tg

DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool"]


def values(shape, dtype):
    """Distinct-looking values of this dtype."""
    numbers = np.arange(math.prod(shape)).reshape(shape)
    return np.asarray(numbers % 3 == 0 if dtype == "bool" else numbers % 251).astype(dtype)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.safetensors"


@pytest.fixture(scope="module")
def shared_path(tmp_path_factory):
    return tmp_path_factory.mktemp("save") / "file.safetensors"


def same(a, b):
    """Whether two objects agree in structure, types, dtypes and bits."""
    if isinstance(a, tg.Tensor):
        return (
            isinstance(b, tg.Tensor)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and a.detach().numpy().tobytes() == b.detach().numpy().tobytes()
        )
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


# ---- what comes back


@given(data=st.data())
@settings(deadline=None)
def test_any_layout_round_trips(shared_path, data):
    shape = tuple(data.draw(st.lists(st.integers(0, 4), max_size=4)))
    array = values(shape, data.draw(st.sampled_from(DTYPES)))
    x = tg.from_numpy(array)
    for _ in range(data.draw(st.integers(0, 3))):
        kind = data.draw(st.sampled_from(["permute", "slice", "reverse", "expand", "select"]))
        if kind == "permute":
            dims = data.draw(st.permutations(range(x.ndim)))
            x, array = x.permute(*dims) if x.ndim else x, array.transpose(dims)
        elif kind == "slice" and x.ndim:
            step = data.draw(st.integers(1, 3))
            x, array = x[..., 1::step], array[..., 1::step]
        elif kind == "reverse" and x.ndim:
            array = array[..., ::-1]
            x = tg.from_numpy(array)
        elif kind == "expand":
            x, array = x.expand(2, *x.shape), np.broadcast_to(array, (2, *array.shape))
        elif kind == "select" and x.ndim and x.shape[0]:
            x, array = x[-1], np.asarray(array[-1])
    tg.save({"x": x, "nested": [x]}, shared_path)
    loaded = tg.load(shared_path)
    for found in (loaded["x"], loaded["nested"][0]):
        assert found.dtype == array.dtype and found.shape == array.shape
        assert np.array_equal(found.numpy(), array)
        assert found.is_contiguous()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (2, 3, 4, 5)])
def test_flat_dicts_are_plain_safetensors_files(dtype, shape, path):
    array = values(shape, dtype)
    tg.save({"weight": tg.tensor(array), "bias.0": tg.zeros(2)}, path)
    plain = safetensors.numpy.load_file(path)
    assert set(plain) == {"weight", "bias.0"}
    assert plain["weight"].dtype == array.dtype and np.array_equal(plain["weight"], array)
    assert list(tg.load(path)) == ["weight", "bias.0"]  # in the order of the dict


def test_channels_last_and_saved_views(path):
    x = tg.arange(2 * 3 * 4 * 5).reshape(2, 4, 5, 3).permute(0, 3, 1, 2)
    tg.save({"x": x}, path)
    loaded = tg.load(path)["x"]
    assert (loaded == x).all() and loaded.is_contiguous() and not x.is_contiguous()


keys = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.floats(allow_nan=False),
    st.tuples(st.integers(), st.text(max_size=2)),
)  # fmt: skip
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),  # lone surrogates included
    st.sampled_from([(2, 3), (), (0,)]).map(lambda shape: tg.tensor(values(shape, "float32"))),
)
objects = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
    ),
    max_leaves=12,
)


@given(obj=objects)
@settings(deadline=None)
def test_any_nesting_round_trips(shared_path, obj):
    tg.save(obj, shared_path)
    assert same(obj, tg.load(shared_path))


@pytest.mark.parametrize(
    "obj",
    [
        {},
        [],
        (),
        {"__metadata__": tg.ones(1)},
        {"a": {"b": tg.ones(1)}, "a.b": tg.zeros(1), "a.b_": tg.ones(2)},
        {"": tg.ones(1), "\ud800": tg.zeros(1), "?": tg.ones(2), "\n\0": tg.ones(3)},
        {1: tg.ones(1), "1": tg.zeros(1), (1, None): 2, None: 3, 2.5: 4, True is False: 5},
        {"tensor": "x"},
        {"dict": [["a", 1]]},
        {"tuple": []},
        [float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 2**200, -1, "é\0", True, None],
    ],
)
def test_corner_cases(obj, path):
    tg.save(obj, path)
    assert same(obj, tg.load(path))


def test_shared_tensors_and_parameters(path):
    weight = tg.rand(3, requires_grad=True)
    tg.save({"a": weight, "b": weight, "view": weight[1:]}, path)
    loaded = tg.load(path)
    assert loaded["a"].tolist() == loaded["b"].tolist() == weight.tolist()
    assert loaded["view"].tolist() == weight.tolist()[1:]
    assert not loaded["a"].requires_grad
    loaded["a"].fill_(0.0)
    assert loaded["b"].tolist() == weight.tolist()


def test_models_and_optimizers_go_on_where_they_were(path):
    def build():
        tg.manual_seed(0)
        model = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.ReLU(), tg.nn.Linear(4, 1))
        return model, tg.optim.Adam(model.parameters(), lr=0.1)

    def step(model, optimizer):
        optimizer.zero_grad()
        (model(tg.ones(2, 3)) ** 2).sum().backward()
        optimizer.step()

    model, optimizer = build()
    step(model, optimizer)
    tg.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1}, path)
    step(model, optimizer)

    again, its_optimizer = build()
    state = tg.load(path)
    again.load_state_dict(state["model"])
    its_optimizer.load_state_dict(state["optimizer"])
    step(again, its_optimizer)
    assert all(same(p, q) for p, q in zip(model.parameters(), again.parameters(), strict=True))


# ---- files from elsewhere


@pytest.mark.parametrize(
    ("stored", "loaded"),
    [
        (np.float16, tg.float32),
        (ml_dtypes.bfloat16, tg.float32),
        (np.int8, tg.int8),
        (np.int16, tg.int16),
        (np.uint16, tg.int32),
        (np.uint32, tg.int64),
    ],
)
def test_other_dtypes_are_widened(stored, loaded, path):
    array = np.array([0, 1, 2.5, 100], np.float32).astype(stored)
    safetensors.numpy.save_file({"x": array, "scalar": array[3:].reshape(())}, path)
    state = tg.load(path)
    assert state["x"].dtype == loaded and state["scalar"].shape == ()
    assert state["x"].tolist() == array.astype(np.float64).tolist()


def test_a_dtype_nobody_has_here_is_named(path):
    safetensors.numpy.save_file({"x": np.zeros(2, np.uint64)}, path)
    with pytest.raises(ValueError, match="U64"):
        tg.load(path)


def write(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_a_bool_is_a_bool_whatever_its_byte(path):
    write(path, {"x": {"dtype": "BOOL", "shape": [3], "data_offsets": [0, 3]}}, b"\0\1\2")
    loaded = tg.load(path)["x"]
    assert loaded.numpy().view(np.uint8).tolist() == [0, 1, 1]


@pytest.mark.parity
def test_pytorch_checkpoints(path):
    pytest.importorskip("torch")
    import torch
    from safetensors.torch import load_file, save_file

    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    state["half"] = torch.randn(5).bfloat16()
    save_file(state, path)
    loaded = tg.load(path)
    assert set(loaded) == set(state)
    for name, value in state.items():
        assert loaded[name].tolist() == value.float().tolist()
    tg.save(loaded, path)
    assert load_file(path)["0.weight"].equal(state["0.weight"])


# ---- what cannot be saved


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (object(), "cannot save object; it takes"),
        ({"a": [1, {"b": {1, 2}}]}, "cannot save set at a.1.b"),
        ([np.zeros(3)], "cannot save ndarray at 0"),
        ({"f": print}, "builtin_function_or_method at f"),
        ({frozenset(): 1}, "frozenset"),
        ({"x": {tg.ones(1): 1}}, "a Tensor cannot be the key of a dict at x"),
        (1j, "complex"),
        (b"bytes", "bytes"),
    ],
)
def test_what_cannot_be_saved_is_named_with_its_place(obj, text, path):
    with pytest.raises(TypeError, match=text):
        tg.save(obj, path)
    assert not path.exists()


def test_an_object_that_contains_itself(path):
    loop = []
    loop.append(loop)
    with pytest.raises(ValueError, match="contains itself"):
        tg.save(loop, path)


# ---- whole or not at all


def test_a_failed_save_leaves_the_old_file_and_no_other(path, monkeypatch):
    tg.save({"x": tg.ones(2)}, path)
    before = path.read_bytes()

    def fail(*arguments):
        raise KeyboardInterrupt

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(os, name, fail)
            tg.save({"x": tg.zeros(1000)}, path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_saving_to_a_missing_folder_or_onto_a_folder(tmp_path):
    with pytest.raises(OSError):
        tg.save({}, tmp_path / "missing" / "file")
    with pytest.raises(OSError):
        tg.save({}, tmp_path)
    assert os.listdir(tmp_path) == [] and not list(tmp_path.parent.glob("*.part"))


def test_a_link_stays_a_link_and_modes_are_the_usual(path):
    link = path.parent / "link"
    link.symlink_to(path)
    tg.save({"x": tg.ones(2)}, link)
    assert link.is_symlink() and tg.load(path)["x"].tolist() == [1, 1]
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


# ---- damaged and malicious files


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def structured(structure):
    text = structure if isinstance(structure, str) else json.dumps(structure)
    return {"x": entry(), "__metadata__": {"tinygrad_edu.structure": text}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        b"\xff" * 64,
        b"PK\x03\x04 a zip file",
        struct.pack("<Q", 1 << 60) + b"{}",
        struct.pack("<Q", 10) + b"{",
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"\xff\xff",
    ],
)
def test_what_is_no_safetensors_file(content, path):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"load: .*file\.safetensors is damaged or no safetensors"):
        tg.load(path)


@pytest.mark.parametrize(
    "header",
    [
        {"x": entry(offsets=(0, 400))},
        {"x": entry(offsets=(4, 0))},
        {"x": entry(offsets=(-4, 0))},
        {"x": entry(shape=(2,))},
        {"x": entry(shape=(-1,))},
        {"x": entry(shape=(2**62, 2**62))},
        {"x": entry(shape=(0, 2**63))},
        {"x": entry("NONSENSE")},
        {"x": entry(), "y": entry()},
        {"x": 3},
        {"x": entry(), "__metadata__": {"tinygrad_edu.structure": 3}},
        {"x": entry(), "__metadata__": []},
        structured({"tensor": "y"}),
        structured({"tensor": ["x"]}),
        structured({"unknown": 1}),
        structured({"dict": 3, "tuple": []}),
        structured({"dict": [[1]]}),
        structured({"dict": [[[], 1]]}),
        structured({"dict": 3}),
        structured({"tuple": 3}),
        structured({}),
        structured("not json"),
        structured("[" * 100_000),
        structured("1" * 10_000),
    ],
)
def test_malicious_headers(header, path):
    write(path, header, b"\0" * 4)
    with pytest.raises(ValueError, match=r"load: .*file\.safetensors is damaged"):
        tg.load(path)


def test_every_truncation_is_refused(path):
    tg.save({"a": tg.rand(5), "b": [tg.arange(3), "text"]}, path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="load: "):
            tg.load(path)


@given(data=st.data())
@settings(deadline=None)
def test_damaged_bytes_are_read_or_refused(shared_path, data):
    tg.save({"a": tg.ones(2), "b": (tg.arange(2), {"c": True})}, shared_path)
    content = bytearray(shared_path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    shared_path.write_bytes(content)
    try:
        tg.load(shared_path)
    except ValueError as error:
        assert str(shared_path) in str(error)


def test_a_pickle_is_not_run(path):
    import pickle

    class Exploit:
        def __reduce__(self):
            return (exec, ("import sys; sys.modules['exploited'] = sys",))

    path.write_bytes(pickle.dumps(Exploit()))
    with pytest.raises(ValueError, match="load: "):
        tg.load(path)
    assert "exploited" not in sys.modules


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        tg.load(tmp_path / "nowhere")
