"""Sequential, ModuleList, ModuleDict: lists and dictionaries of registered modules."""

from collections import OrderedDict

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def linears(*widths):
    """Linear layers told apart by their width."""
    return [nn.Linear(1, width) for width in widths]


def widths(modules):
    return [module.out_features for module in modules]


def test_sequential_calls_in_order():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU())
    x = tg.randn(2, 2, 2)
    assert model(x).tolist() == model[2](model[1](model[0](x))).tolist()
    assert nn.Sequential()(x) is x


def test_sequential_named():
    model = nn.Sequential(OrderedDict(hidden=nn.Linear(2, 3), out=nn.Linear(3, 1)))
    assert list(model.state_dict()) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    assert model.hidden is model[0] and model[-1] is model.out
    assert type(model[:1]) is nn.Sequential and list(model[:1]._modules) == ["hidden"]


@pytest.mark.parametrize("kind", [nn.Sequential, lambda *m: nn.ModuleList(m)])
def test_list_behaviour(kind):
    modules = kind(*linears(1, 2, 3, 4))
    assert len(modules) == 4 and widths(modules) == [1, 2, 3, 4]
    assert modules[-1].out_features == 4 and widths(modules[1:3]) == [2, 3]
    assert type(modules[1:3]) is type(modules)
    modules[1] = nn.Linear(1, 20)
    del modules[0]
    assert widths(modules) == [20, 3, 4] and list(modules._modules) == ["0", "1", "2"]
    modules.insert(1, nn.Linear(1, 9)).append(nn.Linear(1, 8)).extend(linears(7, 6))
    assert widths(modules) == [20, 9, 3, 4, 8, 7, 6]
    modules.insert(-1, nn.Linear(1, 5))
    assert widths(modules) == [20, 9, 3, 4, 8, 7, 5, 6]
    assert modules.pop(-1).out_features == 6 and widths(modules.pop(slice(0, 2))) == [20, 9]
    del modules[1:]
    assert widths(modules) == [3]
    modules += kind(*linears(2))
    assert widths(modules) == [3, 2] and widths(modules + kind(*linears(1))) == [3, 2, 1]
    assert widths(modules) == [3, 2]


@pytest.mark.parametrize("kind", [nn.Sequential, lambda *m: nn.ModuleList(m)])
def test_list_errors(kind):
    modules = kind(*linears(1, 2))
    for index in (2, -3):
        with pytest.raises(IndexError, match="out of range"):
            modules[index]
        with pytest.raises(IndexError, match="out of range"):
            modules[index] = nn.Identity()
    with pytest.raises(IndexError, match="out of range"):
        modules.insert(4, nn.Identity())
    with pytest.raises(TypeError, match="Module"):
        modules.append(3)
    with pytest.raises(TypeError, match="expected a Module"):
        modules.insert(0, 3)
    with pytest.raises(TypeError, match="iterable"):
        modules.extend(3)
    with pytest.raises(TypeError):
        modules["0"]


def test_sequential_repetition():
    model = nn.Sequential(*linears(1, 2))
    assert widths(model * 2) == widths(2 * model) == [1, 2, 1, 2]
    model *= 3
    assert widths(model) == [1, 2] * 3
    with pytest.raises(ValueError, match="positive"):
        model * 0
    with pytest.raises(TypeError):
        model * 1.5
    with pytest.raises(TypeError):
        model + [nn.Identity()]


def test_module_list_registers_and_does_not_call():
    modules = nn.ModuleList(linears(1, 2))
    assert len(list(modules.parameters())) == 4
    with pytest.raises(NotImplementedError):
        modules(tg.ones(1))


def test_module_dict():
    modules = nn.ModuleDict({"b": nn.Linear(1, 2), "a": nn.ReLU()})
    assert list(modules) == list(modules.keys()) == ["b", "a"]  # the order of insertion
    assert len(modules) == 2 and "a" in modules and "c" not in modules
    modules["c"] = nn.Identity()
    modules.update([("d", nn.Tanh())])
    assert [type(m).__name__ for m in modules.values()] == ["Linear", "ReLU", "Identity", "Tanh"]
    assert dict(modules.items())["a"] is modules["a"]
    del modules["c"]
    assert isinstance(modules.pop("d"), nn.Tanh)
    assert list(modules.state_dict()) == ["b.weight", "b.bias"]
    modules.clear()
    assert len(modules) == 0
    with pytest.raises(TypeError, match="mapping or pairs"):
        modules.update(3)
    with pytest.raises(ValueError, match="pairs"):
        modules.update([("a",)])
    with pytest.raises(KeyError):
        modules["a"]


def _examples(nn):
    """Containers whose printed form is compared; `nn` is ours or PyTorch's."""
    return [
        nn.Sequential(),
        nn.ModuleList(),
        nn.ModuleDict(),
        nn.Sequential(nn.Linear(1, 2), nn.Sequential(nn.ReLU(), nn.Flatten())),
        nn.ModuleList(
            [nn.Linear(1, 1), nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1), nn.Linear(1, 1)]
        ),
        nn.ModuleList([nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU())]),
        nn.ModuleDict({"one": nn.ModuleList([nn.Tanh()] * 3), "two": nn.Identity()}),
    ]


@pytest.mark.parity
def test_repr_equals_pytorch():
    torch = pytest.importorskip("torch")
    assert [repr(m) for m in _examples(nn)] == [repr(m) for m in _examples(torch.nn)]


def test_repr_counts_equal_neighbours():
    assert repr(_examples(nn)[4]) == (
        "ModuleList(\n"
        "  (0-1): 2 x Linear(in_features=1, out_features=1, bias=True)\n"
        "  (2): ReLU()\n"
        "  (3-4): 2 x Linear(in_features=1, out_features=1, bias=True)\n"
        ")"
    )
