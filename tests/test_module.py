"""nn.Module: registration, traversal, state, modes, hooks, printed form, copies."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


class Block(nn.Module):
    """A module with every kind of member, a nested child and a shared one."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(tg.ones(3))
        self.first = nn.Linear(4, 3)
        self.body = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2, bias=False))
        self.again = self.first
        self.register_buffer("offset", tg.zeros(3))
        self.register_buffer("cache", tg.ones(1), persistent=False)
        self.register_buffer("nothing", None)
        self.register_parameter("absent", None)
        self.plain = "text"

    def forward(self, x):
        return self.body(self.first(x) * self.scale + self.offset)


@pytest.fixture(autouse=True)
def _seed():
    tg.manual_seed(0)


# Registration.


def test_attributes_register_by_kind():
    block = Block()
    assert list(block._parameters) == ["scale", "absent"]
    assert list(block._modules) == ["first", "body", "again"]
    assert list(block._buffers) == ["offset", "cache", "nothing"]
    assert block.plain == "text" and block.absent is None and block.nothing is None
    assert isinstance(block.scale, nn.Parameter)


def test_names_parents_first_and_shared_once():
    names = [name for name, _ in Block().named_parameters()]
    assert names == [
        "scale",
        "first.weight",
        "first.bias",
        "body.0.weight",
        "body.0.bias",
        "body.2.weight",
    ]
    assert [name for name, _ in Block().named_buffers()] == ["offset", "cache"]
    assert [n for n, _ in Block().named_modules()] == [
        *("", "first", "body", "body.0", "body.1", "body.2")
    ]
    assert [n for n, _ in Block().named_modules(remove_duplicate=False)][-1] == "again"
    assert [n for n, _ in Block().named_children()] == ["first", "body"]
    assert [n for n, _ in Block().named_parameters(prefix="m", recurse=False)] == ["m.scale"]
    block = Block()
    assert next(block.modules()) is block
    assert len(list(block.children())) == 2 and len(list(block.buffers())) == 2


def test_get_by_dotted_name():
    block = Block()
    assert block.get_submodule("body.0") is block.body[0]
    assert block.get_submodule("") is block
    assert block.get_parameter("body.2.weight") is block.body[2].weight
    assert block.get_buffer("offset") is block.offset
    with pytest.raises(AttributeError, match="has no attribute `nowhere`"):
        block.get_submodule("body.nowhere")
    with pytest.raises(AttributeError, match="is not an nn.Module"):
        block.get_submodule("scale")
    with pytest.raises(AttributeError, match="is not an nn.Parameter"):
        block.get_parameter("offset")
    with pytest.raises(AttributeError, match="is not a buffer"):
        block.get_buffer("scale")


def test_assignment_replaces_and_keeps_its_place():
    block = Block()
    block.first = nn.Identity()
    assert list(block._modules) == ["first", "body", "again"]
    block.scale = nn.Parameter(tg.zeros(3))
    assert list(block._parameters) == ["scale", "absent"]
    block.offset = tg.ones(3)
    assert block._buffers["offset"].tolist() == [1.0, 1.0, 1.0]
    block.cache = tg.zeros(1)
    assert "cache" not in block.state_dict()  # it stays non-persistent
    block.scale = None
    block.first = None
    block.offset = None
    assert block.scale is block.first is block.offset is None


def test_assignment_moves_a_name_between_kinds():
    block = Block()
    block.plain = nn.Parameter(tg.ones(1))
    assert "plain" in block._parameters and "plain" not in block.__dict__
    block.plain = nn.Identity()
    assert "plain" in block._modules and "plain" not in block._parameters
    block.fresh = nn.Buffer(tg.ones(2))
    block.hidden = nn.Buffer(tg.ones(2), persistent=False)
    assert "fresh" in block.state_dict() and "hidden" not in block.state_dict()


def test_assignment_errors():
    block = Block()
    with pytest.raises(TypeError, match=r"as parameter 'scale' \(nn.Parameter or None expected\)"):
        block.scale = tg.ones(3)
    with pytest.raises(TypeError, match="cannot assign 'int' as child module 'first'"):
        block.first = 3
    with pytest.raises(TypeError, match="cannot assign 'list' as buffer 'offset'"):
        block.offset = [1.0]


@pytest.mark.parametrize("value", [lambda: nn.Parameter(tg.ones(1)), nn.Identity])
def test_assignment_before_init(value):
    class Hasty(nn.Module):
        def __init__(self):
            self.member = value()

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
        Hasty()


def test_forgotten_init_says_so():
    class Forgetful(nn.Module):
        def __init__(self):
            self.width = 3

    with pytest.raises(AttributeError, match=r"start __init__ with super\(\).__init__\(\)"):
        Forgetful()(tg.ones(1))


def test_registration_errors():
    block = Block()
    for register, value in (
        (block.register_parameter, nn.Parameter(tg.ones(1))),
        (block.register_buffer, tg.ones(1)),
        (block.register_module, nn.Identity()),
    ):
        with pytest.raises(KeyError, match='contain "[.]"'):
            register("a.b", value)
        with pytest.raises(KeyError, match="empty string"):
            register("", value)
        with pytest.raises(KeyError, match="attribute 'plain' already exists"):
            register("plain", value)
        with pytest.raises(TypeError, match="name should be a string"):
            register(3, value)
    with pytest.raises(TypeError, match="nn.Parameter or None required"):
        block.register_parameter("w", tg.ones(1))
    with pytest.raises(TypeError, match="Tensor or None required"):
        block.register_buffer("w", 3.0)
    with pytest.raises(TypeError, match="is not a Module subclass"):
        block.add_module("w", 3.0)


def test_delete_and_missing_attributes():
    block = Block()
    for name in ("scale", "offset", "first", "plain"):
        delattr(block, name)
        with pytest.raises(AttributeError, match=f"'Block' object has no attribute '{name}'"):
            getattr(block, name)
        with pytest.raises(AttributeError):
            delattr(block, name)


def test_dir_lists_members():
    listed = dir(Block())
    assert {"scale", "first", "offset", "forward"} <= set(listed)
    assert not any(name.isdigit() for name in dir(Block().body))


def test_forward_is_required():
    with pytest.raises(NotImplementedError, match='missing the required "forward"'):
        nn.Module()(1)


# Modes and gradients.


def test_train_and_eval_reach_all_modules_through_overrides():
    class Frozen(nn.Identity):
        def train(self, mode=True):
            return super().train(False)

    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Dropout()), Frozen())
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    model.train()
    assert [module.training for module in model] == [True, True, False]
    with pytest.raises(ValueError, match="boolean"):
        model.train(1)


def test_requires_grad_and_zero_grad():
    block = Block()
    block(tg.ones(2, 4)).sum().backward()
    assert all(parameter.grad is not None for parameter in block.parameters())
    block.zero_grad(set_to_none=False)
    assert all(parameter.grad.abs().sum().item() == 0 for parameter in block.parameters())
    block.zero_grad()
    assert all(parameter.grad is None for parameter in block.parameters())
    block.requires_grad_(False)
    assert not block(tg.ones(2, 4)).requires_grad


def test_apply_children_first():
    seen = []
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Tanh()))
    assert model.apply(lambda module: seen.append(type(module).__name__)) is model
    assert seen == ["Linear", "Tanh", "Sequential", "Sequential"]


def test_conversion_keeps_identity_and_integers():
    layer = nn.BatchNorm1d(3)
    weight = layer.weight
    layer(tg.randn(4, 3)).sum().backward()
    assert layer.double() is layer
    assert layer.weight is weight and isinstance(weight, nn.Parameter) and weight.requires_grad
    assert weight.dtype == weight.grad.dtype == layer.running_mean.dtype == tg.float64
    assert layer.num_batches_tracked.dtype == tg.int64
    assert layer.to(tg.float32).weight.dtype == tg.float32
    assert layer.to("cpu", tg.float64).running_var.dtype == tg.float64
    assert layer.float().cpu().weight.dtype == tg.float32
    with pytest.raises(TypeError, match="only floating-point dtypes are accepted"):
        layer.to(tg.int64)


# State.


def test_state_dict_shares_memory_and_is_detached():
    block = Block()
    state = block.state_dict()
    assert list(state) == [
        *("scale", "offset", "first.weight", "first.bias", "body.0.weight", "body.0.bias"),
        *("body.2.weight", "again.weight", "again.bias"),
    ]
    assert not state["scale"].requires_grad
    state["scale"].fill_(5.0)
    assert block.scale.tolist() == [5.0, 5.0, 5.0]
    assert block.state_dict(keep_vars=True)["scale"] is block.scale
    assert "model.scale" in block.state_dict(prefix="model.")


def test_load_state_dict_copies_values():
    source, target = Block(), Block()
    parameter = target.scale
    result = target.load_state_dict(source.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert target.scale is parameter and parameter.requires_grad
    for name, value in source.state_dict().items():
        assert np.array_equal(target.state_dict()[name].numpy(), value.numpy())
    source.scale.data.fill_(7.0)
    assert target.scale.tolist() == [1.0, 1.0, 1.0]


def test_load_state_dict_lists_all_that_is_wrong_and_loads_nothing():
    target, source = Block(), Block()
    source.scale.data.fill_(9.0)
    state = source.state_dict()
    del state["first.bias"]
    state["first.extra"] = tg.ones(1)
    state["body.0.weight"] = tg.ones(2, 2)
    state["offset"] = [0.0]
    with pytest.raises(RuntimeError) as caught:
        target.load_state_dict(state)
    lines = str(caught.value).split("\n\t")
    assert lines[0] == "Error(s) in loading state_dict for Block:"
    assert lines[1] == 'Missing key(s) in state_dict: "first.bias".'
    assert lines[2] == 'Unexpected key(s) in state_dict: "first.extra".'
    assert "expected a Tensor" in lines[3]
    assert lines[4] == (
        "size mismatch for body.0.weight: copying a param with shape (2, 2) from checkpoint, "
        "the shape in current model is (3, 3)."
    )
    assert target.scale.tolist() == [1.0, 1.0, 1.0]


def test_load_state_dict_not_strict():
    target = Block()
    missing, unexpected = target.load_state_dict(
        {"scale": tg.zeros(3), "other": tg.ones(1)}, strict=False
    )
    assert "first.weight" in missing and unexpected == ["other"]
    assert target.scale.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(RuntimeError, match="size mismatch for scale"):
        target.load_state_dict({"scale": tg.zeros(4)}, strict=False)
    with pytest.raises(TypeError, match="dict-like"):
        target.load_state_dict([1])


def test_load_state_dict_assign_takes_the_tensors_over():
    target = nn.Linear(2, 2)
    value = tg.ones(2, 2, dtype=tg.float64)
    target.load_state_dict({"weight": value, "bias": tg.zeros(2)}, assign=True)
    assert target.weight.dtype == tg.float64 and isinstance(target.weight, nn.Parameter)
    value.fill_(3.0)
    assert target.weight.tolist() == [[3.0, 3.0], [3.0, 3.0]]


def test_extra_state_travels_along():
    class Counting(nn.Identity):
        count = 0

        def get_extra_state(self):
            return self.count

        def set_extra_state(self, state):
            self.count = state

    source, target = nn.Sequential(Counting()), nn.Sequential(Counting())
    source[0].count = 5
    assert source.state_dict() == {"0._extra_state": 5}
    target.load_state_dict(source.state_dict())
    assert target[0].count == 5
    assert target.load_state_dict({}, strict=False).missing_keys == ["0._extra_state"]


def test_state_dict_hooks():
    model = nn.Sequential(nn.Linear(1, 1))
    seen = []
    model.register_state_dict_pre_hook(lambda module, prefix, keep: seen.append((prefix, keep)))
    model.register_state_dict_post_hook(
        lambda module, state, prefix, metadata: state.update(version=tg.tensor(2.0))
    )

    def drop_version(module, state, prefix, metadata, strict, missing, unexpected, errors):
        state.pop("version")

    handle = model.register_load_state_dict_pre_hook(drop_version)
    state = model.state_dict()
    assert "version" in state and seen == [("", False)]
    model.load_state_dict(state)
    handle.remove()
    with pytest.raises(RuntimeError, match='Unexpected key.*"version"'):
        model.load_state_dict(state)
    model.register_load_state_dict_post_hook(lambda module, keys: keys.unexpected_keys.clear())
    assert model.load_state_dict(state) == ([], [])


# Forward and backward hooks.


def test_forward_hooks_see_and_replace():
    layer = nn.Linear(2, 2)
    x = tg.ones(1, 2)
    plain = layer(x).tolist()
    calls = []

    def double_input(module, args):
        calls.append("pre")
        return args[0] * 2

    def negate(module, args, out):
        calls.append(args[0].tolist())
        return -out

    pre = layer.register_forward_pre_hook(double_input)
    post = layer.register_forward_hook(negate)
    doubled = layer(x)
    assert calls == ["pre", [[2.0, 2.0]]]
    pre.remove()
    assert layer(x).tolist() == [[-v for v in plain[0]]]
    post.remove()
    post.remove()
    assert layer(x).tolist() == plain and not layer._hooks
    assert doubled.tolist() != plain


def test_hooks_order_and_with_block():
    layer = nn.Identity()
    calls = []
    layer.register_forward_hook(lambda *a: calls.append("second"))
    with layer.register_forward_hook(lambda *a: calls.append("first"), prepend=True):
        layer(tg.ones(1))
    layer(tg.ones(1))
    assert calls == ["first", "second", "second"]


def test_hooks_with_keyword_arguments():
    class Scaled(nn.Module):
        def forward(self, x, *, factor):
            return x * factor

    module = Scaled()
    module.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"factor": kwargs["factor"] + 1}), with_kwargs=True
    )
    seen = []
    module.register_forward_hook(
        lambda m, args, kwargs, out: seen.append((kwargs, out.item())), with_kwargs=True
    )
    module(tg.tensor(2.0), factor=3)
    assert seen == [({"factor": 4}, 8.0)]
    module.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        module(tg.tensor(2.0), factor=3)


def test_always_called_hooks():
    class Failing(nn.Module):
        def forward(self, x):
            raise ZeroDivisionError("forward")

    module = Failing()
    calls = []
    module.register_forward_hook(lambda *a: calls.append("usual"))
    module.register_forward_hook(lambda *a: calls.append("always"), always_call=True)
    with pytest.raises(ZeroDivisionError):
        module(tg.ones(1))
    assert calls == ["always"]
    module.register_forward_hook(lambda *a: 1 / 0, always_call=True)
    with pytest.raises(ZeroDivisionError, match="forward"), pytest.warns(match="was silenced"):
        module(tg.ones(1))


def test_backward_hooks_see_and_replace():
    layer = nn.Linear(3, 2, bias=False)
    x = tg.ones(1, 3, requires_grad=True)
    seen = []

    def halve(module, grad_output):
        seen.append(("pre", grad_output[0].tolist()))
        return (grad_output[0] / 2,)

    def negate(module, grad_input, grad_output):
        seen.append(("post", grad_output[0].tolist()))
        return (-grad_input[0],)

    layer.register_full_backward_pre_hook(halve)
    layer.register_full_backward_hook(negate)
    layer(x).sum().backward()
    assert seen == [("pre", [[1.0, 1.0]]), ("post", [[0.5, 0.5]])]
    assert np.allclose(x.grad.numpy(), -layer.weight.detach().numpy().sum(0) / 2)
    assert np.allclose(layer.weight.grad.numpy(), 0.5)


def test_backward_hook_without_input_gradient():
    layer = nn.Linear(3, 2)
    seen = []
    layer.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append(grad_input))
    layer(tg.ones(1, 3)).sum().backward()
    assert seen == [(None,)]


def test_backward_hook_errors_and_warnings():
    layer = nn.Linear(3, 2)
    handle = layer.register_full_backward_hook(lambda m, grad_input, grad_output: (1, 2))
    with pytest.raises(RuntimeError, match="as many gradients"):
        layer(tg.ones(1, 3, requires_grad=True)).sum().backward()
    handle.remove()

    class Listed(nn.Module):
        def forward(self, x):
            return [x * 2]

    listed = Listed()
    listed.register_full_backward_hook(lambda *a: None)
    with pytest.warns(UserWarning, match="a Tensor or a tuple"):
        listed(tg.ones(1, requires_grad=True))


# Printed form and copies.


def test_repr():
    assert repr(nn.Module()) == "Module()"
    assert repr(Block()) == (
        "Block(\n"
        "  (first): Linear(in_features=4, out_features=3, bias=True)\n"
        "  (body): Sequential(\n"
        "    (0): Linear(in_features=3, out_features=3, bias=True)\n"
        "    (1): Tanh()\n"
        "    (2): Linear(in_features=3, out_features=2, bias=False)\n"
        "  )\n"
        "  (again): Linear(in_features=4, out_features=3, bias=True)\n"
        ")"
    )

    class Wordy(nn.Module):
        def extra_repr(self):
            return "one\ntwo"

    assert repr(Wordy()) == "Wordy(\n  one\n  two\n)"


def _equal_states(left, right):
    a, b = left.state_dict(), right.state_dict()
    return list(a) == list(b) and all(np.array_equal(a[k].numpy(), b[k].numpy()) for k in a)


def test_deepcopy_is_independent_and_keeps_sharing():
    block = Block()
    block.register_forward_hook(lambda *a: None)
    clone = copy.deepcopy(block)
    assert _equal_states(block, clone)
    assert clone.again is clone.first and clone.first is not block.first
    assert isinstance(clone.scale, nn.Parameter) and clone.scale.requires_grad
    clone.scale.data.fill_(3.0)
    assert block.scale.tolist() == [1.0, 1.0, 1.0]
    assert len(clone._hooks) == 1


def test_pickle():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.ReLU()).eval()
    back = pickle.loads(pickle.dumps(model))
    assert _equal_states(model, back)
    assert repr(back) == repr(model) and not back.training
    assert isinstance(back[0].weight, nn.Parameter)


def test_parameter():
    value = tg.ones(2)
    parameter = nn.Parameter(value)
    assert parameter.requires_grad and parameter.is_leaf and isinstance(parameter, tg.Tensor)
    assert not nn.Parameter(value, requires_grad=False).requires_grad
    value.fill_(4.0)  # memory is shared
    assert parameter.tolist() == [4.0, 4.0]
    assert repr(parameter).startswith("Parameter containing:\n")
    twin = copy.deepcopy(parameter)
    assert type(twin) is nn.Parameter and twin.tolist() == [4.0, 4.0]
    assert type(pickle.loads(pickle.dumps(parameter))) is nn.Parameter
    assert type(parameter * 2) is tg.Tensor
    with pytest.raises(TypeError, match="Parameter"):
        nn.Parameter([1.0])
