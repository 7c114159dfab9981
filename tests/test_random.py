"""Random numbers: known answers, distributions, the same values in any layout and thread."""

import pickle
import threading

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import _C

ALL_ONES = 2**64 - 1
BATCH, TASK, SERIAL = (_C.constants()[f"random_{name}"] for name in ("batch", "task", "serial"))
SIZES = [0, 1, 3, 4, *(size + d for size in (BATCH, TASK, SERIAL) for d in (-1, 0, 1)), 40_000]


def kernel_draws(count, seed=11, block=5):
    """Every kernel's values, by name."""
    uniform32, normal32 = np.empty(count, "f4"), np.empty(count, "f4")
    uniform64, normal64 = np.empty(count, "f8"), np.empty(count, "f8")
    mask, integers, permutation = np.empty(count, "?"), np.empty(count, "i8"), np.empty(count, "i8")
    _C.random_uniform(uniform32, seed, block)
    _C.random_uniform(uniform64, seed, block)
    _C.random_normal(normal32, seed, block)
    _C.random_normal(normal64, seed, block)
    _C.random_mask(mask, 0.3, seed, block)
    _C.random_integers(integers, -3, 10, seed, block)
    _C.random_permutation(permutation, seed, block)
    return locals()


def words(count, seed=11, block=5):
    """32-bit words of the stream, by the kernel that hands them out raw."""
    out = np.empty(count // 2, "i8")
    _C.random_bits(out, seed, block, 0)
    return out.view(np.uint32).astype(np.uint64)


@pytest.mark.parametrize(
    ("seed", "block", "stream", "expected"),
    [
        (0, 0, 0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (ALL_ONES, ALL_ONES, ALL_ONES, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            0x299F31D0A4093822,  # key and counter are digits of pi
            0x85A308D3243F6A88,
            0x0370734413198A2E,
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_known_answers_of_its_authors(level, seed, block, stream, expected):
    """The file kat_vectors of the Random123 library, philox4x32 10."""
    out = np.empty(2, np.int64)
    _C.random_bits(out, seed, block, stream)
    assert out.view(np.uint32).tolist() == expected


def test_values_follow_from_the_words_by_the_documented_formulas(level):
    count = 1000
    got, w = kernel_draws(count), words(2 * count)
    pairs = w[1::2] << np.uint64(32) | w[0::2]
    exact = (pairs >> np.uint64(11)).astype("f8") * 2.0**-53
    np.testing.assert_array_equal(got["uniform32"], (w[:count] >> np.uint64(8)) * 2.0**-24)
    np.testing.assert_array_equal(got["uniform64"], exact)
    np.testing.assert_array_equal(got["mask"], w[:count] < np.uint64(int(0.3 * 2**32)))
    expected = [int(pair) * 10 // 2**64 - 3 for pair in pairs]
    np.testing.assert_array_equal(got["integers"], expected)

    def box_muller(u, v):
        radius, angle = np.sqrt(-2 * np.log(u)), 2 * np.pi * v
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()

    of_floats = box_muller((w[0:count:2] + 1.0) * 2.0**-32, w[1:count:2] * 2.0**-32)
    np.testing.assert_allclose(got["normal32"], of_floats, rtol=3e-7, atol=1e-12)
    of_doubles = box_muller(exact[0::2] + 2.0**-53, exact[1::2])
    np.testing.assert_allclose(got["normal64"], of_doubles, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("count", SIZES)
def test_levels_agree(count):
    before = _C.level()
    draws = []
    for name in _C.levels():
        _C.set_level(name)
        draws.append(kernel_draws(count))
    _C.set_level(before)
    for other in draws[1:]:
        for name, values in other.items():
            if name == "normal64":
                np.testing.assert_array_max_ulp(values, draws[0][name], maxulp=4)
            else:
                np.testing.assert_array_equal(values, draws[0][name])


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_agree(level, threads):
    before = _C.num_threads()
    try:
        _C.set_num_threads(1)
        alone = kernel_draws(100_001)
        _C.set_num_threads(threads)
        together = kernel_draws(100_001)
    finally:
        _C.set_num_threads(before)
    for name, values in together.items():
        np.testing.assert_array_equal(values, alone[name])


def test_a_longer_draw_begins_like_a_shorter_one(level):
    long, short = kernel_draws(70_000), kernel_draws(1001)
    for name in ("uniform32", "uniform64", "normal32", "normal64", "mask", "integers"):
        np.testing.assert_array_equal(long[name][:1001], short[name])


def test_uniforms_lie_in_the_unit_interval_and_fill_it():
    for dtype in (tg.float32, tg.float64):
        x = tg.rand(200_000, dtype=dtype, generator=tg.Generator()).numpy()
        assert x.min() >= 0
        assert x.max() < 1
        counts, _ = np.histogram(x, bins=20, range=(0, 1))
        assert (((counts - 10_000) ** 2) / 10_000).sum() < 45  # chi square, 19 degrees: 1e-3


def test_normals_have_the_moments_of_normals():
    for dtype in (tg.float32, tg.float64):
        x = tg.randn(400_000, dtype=dtype, generator=tg.Generator()).numpy().astype("f8")
        for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3)):
            deviation = (x**power).std() / len(x) ** 0.5
            assert abs((x**power).mean() - moment) < 4 * deviation
        assert abs((x[0::2] * x[1::2]).mean()) < 0.01  # the two of a pair are independent


def test_integers_are_equally_likely():
    x = tg.randint(-2, 5, (70_000,), generator=tg.Generator()).numpy()
    values, counts = np.unique(x, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2, 3, 4]
    assert abs(counts - 10_000).max() < 400


def test_integers_reach_the_ends_of_their_dtype():
    g = tg.Generator()
    x = tg.randint(-(2**63), 2**63 - 1, (1000,), generator=g)
    assert x.numpy().min() < -(2**60)
    assert x.numpy().max() > 2**60
    assert tg.randint(2**62, 2**62 + 1, (3,)).tolist() == [2**62] * 3
    assert tg.randint(0, 256, (9,), dtype=tg.uint8, generator=g).dtype == tg.uint8
    assert tg.randint(0, 2, (9,), dtype=tg.bool, generator=g).dtype == tg.bool
    assert tg.randint(5, (2, 3), dtype=tg.float32).dtype == tg.float32
    assert tg.randint(high=5, low=4, size=(2,)).tolist() == [4, 4]


def test_permutations_are_permutations_and_all_occur():
    g = tg.Generator()
    for count in (0, 1, 2, 1000):
        assert sorted(tg.randperm(count, generator=g).tolist()) == list(range(count))
    seen = {tuple(tg.randperm(3, generator=g).tolist()) for _ in range(200)}
    assert len(seen) == 6


def test_masks_keep_to_their_probability():
    x = tg.empty(100_000)
    for p in (0.0, 0.25, 1.0):
        share = tg.bernoulli(x, p, generator=tg.Generator()).numpy().mean()
        assert abs(share - p) < 0.01
        assert p not in (0.0, 1.0) or share == p


def test_values_do_not_depend_on_memory_layout():
    def draws(x):
        g = tg.Generator().manual_seed(3)
        for draw in (
            lambda: tg.rand_like(x, generator=g),
            lambda: tg.randn_like(x, generator=g),
            lambda: tg.randint_like(x, 9, generator=g),
            lambda: tg.bernoulli(tg.full_like(x, 0.5), generator=g),
            lambda: x.uniform_(1.0, 2.0, generator=g),
            lambda: x.normal_(1.0, 2.0, generator=g),
            lambda: x.bernoulli_(0.4, generator=g),
            lambda: x.random_(7, generator=g),
        ):
            yield draw().numpy().copy()

    plain = tg.zeros(2, 3, 4)
    swapped = tg.tensor(np.zeros((4, 3, 2), "f4").transpose())
    sliced = tg.tensor(np.zeros((2, 6, 4), "f4"))
    sliced.array = sliced.array[:, ::2]
    backward = tg.tensor(np.zeros((2, 3, 4), "f4"))
    backward.array = backward.array[:, :, ::-1]
    for other in (swapped, sliced, backward):
        for one, two in zip(draws(plain), draws(other), strict=True):
            np.testing.assert_array_equal(one, two)
    order = swapped.stride()
    assert tg.rand_like(swapped).stride() == order


def test_generators_repeat_and_continue():
    g = tg.Generator().manual_seed(42)
    first, second = tg.rand(5, generator=g), tg.rand(5, generator=g)
    assert first.tolist() != second.tolist()
    g.manual_seed(42)
    assert tg.rand(5, generator=g).tolist() == first.tolist()
    state = g.get_state()
    assert (state.shape, state.dtype) == ((16,), tg.uint8)
    third = tg.randn(7, generator=g)
    g.set_state(state)
    assert tg.randn(7, generator=g).tolist() == third.tolist()
    assert g.initial_seed() == 42
    assert g.manual_seed(-1).initial_seed() == 2**64 - 1
    copy = pickle.loads(pickle.dumps(g))
    assert tg.rand(3, generator=copy).tolist() == tg.rand(3, generator=g).tolist()


def test_the_default_generator():
    tg.manual_seed(7)
    assert tg.initial_seed() == 7
    state = tg.get_rng_state()
    first = tg.rand(3)
    tg.set_rng_state(state)
    assert tg.rand(3).tolist() == first.tolist()
    with tg.random.fork_rng():
        tg.manual_seed(8)
        tg.rand(100)
    after = tg.rand(3)
    tg.manual_seed(7)
    tg.rand(3)
    assert tg.rand(3).tolist() == after.tolist()
    assert tg.seed() == tg.initial_seed()


def test_two_threads_never_get_the_same_numbers():
    g = tg.Generator()
    drawn = []
    threads = [
        threading.Thread(
            target=lambda: drawn.extend(tg.rand(1, generator=g).item() for _ in range(300))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) > 1190  # 24 bits: an accidental pair is possible


def test_use_generator_is_for_this_thread_alone():
    with tg.random.use_generator(tg.Generator().manual_seed(1)):
        first = tg.rand(2)
        other = []
        thread = threading.Thread(target=lambda: other.append(tg.rand(2)))
        thread.start()
        thread.join()
    assert first.tolist() == tg.rand(2, generator=tg.Generator().manual_seed(1)).tolist()
    assert other[0].tolist() != first.tolist()


def test_normal_takes_tensors_and_numbers():
    mean = tg.tensor([[0.0], [100.0]])
    std = tg.tensor([1.0, 2.0, 0.0])
    x = tg.normal(mean, std, generator=tg.Generator())
    assert x.shape == (2, 3)
    assert x.numpy()[:, 2].tolist() == [0.0, 100.0]
    assert tg.normal(2.0, tg.zeros(3)).tolist() == [2.0] * 3
    assert tg.normal(2.0, 0.0, (2,)).tolist() == [2.0, 2.0]
    assert tg.normal(2.0, 0.0, size=(2,), dtype=tg.float64, requires_grad=True).requires_grad


@pytest.mark.parametrize("replacement", [True, False])
def test_multinomial_draws_by_weight(replacement):
    weights = tg.tensor([[1.0, 0.0, 3.0], [0.0, 2.0, 2.0]])
    rows = [
        tg.multinomial(weights, 1, replacement, generator=g).numpy()
        for g in [tg.Generator().manual_seed(0)]
        for _ in range(2000)
    ]
    first, second = np.concatenate(rows, axis=1)
    assert abs((first == 2).mean() - 0.75) < 0.05
    assert set(first) == {0, 2}
    assert abs((second == 2).mean() - 0.5) < 0.05
    assert set(second) == {1, 2}


def test_multinomial_without_replacement_draws_each_index_once():
    x = tg.multinomial(tg.ones(10), 10)
    assert sorted(x.tolist()) == list(range(10))
    assert tg.multinomial(tg.tensor([0.0, 1.0, 5.0]), 2).numpy().min() == 1
    assert tg.multinomial(tg.ones(2, 4), 6, True).shape == (2, 6)


def test_filling_in_place_cuts_the_gradient():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.normal_()
    z = y * 2
    z.backward(tg.ones(2))
    assert x.grad.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="leaf"):
        x.uniform_()
    with tg.no_grad():
        x.uniform_(3.0, 4.0)
    assert 3 <= x.numpy(force=True).min() <= x.numpy(force=True).max() <= 4


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tg.rand(2, dtype=tg.int64), TypeError, "rand: dtype must be float"),
        (lambda: tg.rand(-1), ValueError, "rand: sizes must not be negative"),
        (lambda: tg.rand(1.5), TypeError, "rand: sizes must be ints"),
        (lambda: tg.randn(2, generator=3), TypeError, "generator must be a Generator"),
        (lambda: tg.randint(3, 3, (2,)), ValueError, "low must be less than high"),
        (lambda: tg.randint(0, 300, (2,), dtype=tg.uint8), ValueError, "do not fit"),
        (lambda: tg.randint(0.5, 3, (2,)), TypeError, "low must be an int"),
        (lambda: tg.randint(3), TypeError, "needs high and size"),
        (lambda: tg.randperm(-1), ValueError, "negative"),
        (lambda: tg.bernoulli(tg.tensor([0.5, 1.5])), ValueError, r"\[0, 1\]"),
        (lambda: tg.bernoulli(tg.tensor([float("nan")])), ValueError, r"\[0, 1\]"),
        (lambda: tg.bernoulli(tg.tensor([1])), TypeError, "float"),
        (lambda: tg.empty(2).bernoulli_(float("nan")), ValueError, r"\[0, 1\]"),
        (lambda: tg.normal(0.0, -1.0, (2,)), ValueError, "std must not be negative"),
        (lambda: tg.normal(tg.zeros(2), tg.tensor([-1.0])), ValueError, "std"),
        (lambda: tg.normal(0.0, 1.0), TypeError, "size must be given"),
        (lambda: tg.empty(2).normal_(0.0, -1.0), ValueError, "std must not be negative"),
        (lambda: tg.empty(2).uniform_(2.0, 1.0), ValueError, "low <= high"),
        (lambda: tg.empty(2, dtype=tg.int64).uniform_(), TypeError, "float"),
        (lambda: tg.multinomial(tg.zeros(3), 1), ValueError, "must not all be 0"),
        (lambda: tg.multinomial(tg.ones(3), 4), ValueError, "replacement=True"),
        (lambda: tg.multinomial(tg.ones(3), 0), ValueError, "num_samples"),
        (lambda: tg.multinomial(tg.ones(2, 2, 2), 1), ValueError, "shape"),
        (lambda: tg.multinomial(tg.tensor([1.0, -1.0]), 1), ValueError, "not negative"),
        (lambda: tg.manual_seed(2**64), ValueError, "must lie in"),
        (lambda: tg.manual_seed("0"), TypeError, "must be an integer"),
        (lambda: tg.set_rng_state(tg.zeros(16)), TypeError, "uint8"),
        (lambda: tg.set_rng_state(tg.zeros(8, dtype=tg.uint8)), ValueError, "shape"),
        (lambda: tg.Generator("tpu"), RuntimeError, "device"),
    ],
)
def test_errors_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()
