// The elementwise ops as Python sees them: `_C.elementwise[name]` is a record with the op's arity, what each derivative
// reads, the formulas as text, and the callables. All follow from the rows of elementwise.h.
//
// A forward callable takes the operands (arrays or numbers), then the op's parameters. A gradient's takes the positions
// to differentiate again (orders two and three), grad_output, and what the node saved: a tuple (x, y, out,
// *parameters), of which it reads what its derivative reads. Both return a new array, or None when the operands are not
// floats of one dtype (Python then promotes them and calls again). It is a plain C function: twenty of them make up a
// small training step, so the cost of a call is counted in nanoseconds (benchmarks/bench_training.py).
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "bindings.h"
#include "elementwise_table.h"

namespace tg {

// ---- formulas as text -----------------------------------------------------------------------------------------

namespace {

#include "elementwise.h"
#include "trace.h"

struct Text {
  std::string forward, grad[2];
};

template <class Op>
Text trace() {
  const Values<Trace> v{Trace("x"), Trace("y"), Trace("out"), Trace("a"), Trace("b")};
  Text text;
  text.forward = Op::forward(v).text;
  text.grad[0] = Op::grad_x(v).text;
  if constexpr (Op::arity == 2) text.grad[1] = Op::grad_y(v).text;
  return text;
}

#define TG_ROW(name, Struct) trace<Struct>(),
std::vector<Text> texts() { return {TG_ELEMENTWISE_OPS(TG_ROW)}; }
#undef TG_ROW

// ---- one call -----------------------------------------------------------------------------------------------------

// What a callable stands for; the capsule that is its `self` points here.
struct Callable {
  int op;
  int operand;  // -1: the forward function
  int order;
  int operands;    // arrays or numbers it computes from
  int reads;       // of a gradient: which of the saved (x, y, out)
  int parameters;  // numbers after them
  bool into;       // writes into its first argument instead of making an array
  std::string name, text;
  PyMethodDef method;
};

const ElementwiseLoops& loops_of(const Callable& c) {
  const ElementwiseOp& op = active->elementwise->ops[c.op];
  return c.operand < 0 ? op.forward : op.grad[c.operand][c.order - 1];
}

// True where the number was read; leaves a Python error otherwise.
bool read_number(PyObject* object, double& value) {
  value = PyFloat_CheckExact(object) ? PyFloat_AS_DOUBLE(object) : PyFloat_AsDouble(object);
  return !(value == -1.0 && PyErr_Occurred());
}

std::string shape_text(PyArrayObject* array) {
  std::string text = "(";
  for (int d = 0; d < PyArray_NDIM(array); ++d) text += (d ? ", " : "") + std::to_string(PyArray_DIM(array, d));
  return text + (PyArray_NDIM(array) == 1 ? ",)" : ")");
}

// The operands' common shape in `result`, or false with a ValueError set.
bool broadcast(const Callable& c, PyArrayObject* const* arrays, int operands, Array<char>& result) {
  for (int j = 0; j < operands; ++j) {
    if (!arrays[j]) continue;
    const int n = PyArray_NDIM(arrays[j]);
    for (int64_t d = 0; d < n; ++d) {
      const int64_t size = PyArray_DIM(arrays[j], static_cast<int>(d));
      int64_t& common = result.shape[result.ndim - n + d];
      if (common == 1) {
        common = size;
      } else if (size != 1 && size != common) {
        std::string shapes;
        for (int k = 0; k < operands; ++k)
          if (arrays[k]) shapes += (shapes.empty() ? "" : " and ") + shape_text(arrays[k]);
        PyErr_Format(PyExc_ValueError,
                     "%s: shapes %s do not broadcast: sizes %lld and %lld in dim %lld from the right; "
                     "sizes must be equal or 1",
                     c.name.c_str(), shapes.c_str(), static_cast<long long>(common), static_cast<long long>(size),
                     static_cast<long long>(n - d));
        return false;
      }
    }
  }
  return true;
}

// Dense strides in the order of the largest operand's, so that channels-last activations stay channels-last.
void order_like(PyArrayObject* const* arrays, int operands, Array<char>& result) {
  PyArrayObject* largest = nullptr;
  for (int j = 0; j < operands; ++j)
    if (arrays[j] && PyArray_NDIM(arrays[j]) == result.ndim &&
        (!largest || PyArray_SIZE(arrays[j]) > PyArray_SIZE(largest)))
      largest = arrays[j];
  int64_t order[kMaxDims];
  for (int64_t d = 0; d < result.ndim; ++d) {
    int64_t at = d;
    const npy_intp stride = largest ? PyArray_STRIDE(largest, static_cast<int>(d)) : 0;
    if (stride != 0)  // a broadcast dim stays where it is
      for (; at > 0; --at) {
        const npy_intp before = PyArray_STRIDE(largest, static_cast<int>(order[at - 1]));
        if (before == 0 || std::abs(before) >= std::abs(stride)) break;
        order[at] = order[at - 1];
      }
    order[at] = d;
  }
  int64_t stride = 1;
  for (int64_t k = result.ndim - 1; k >= 0; --k) {
    result.strides[order[k]] = stride;
    stride *= result.shape[order[k]];
  }
}

template <class T>
void execute(const Callable& c, PyArrayObject* const* arrays, const double* numbers, PyObject* out,
             const ElementwiseParameters& parameters, ElementwiseLoop<T> loop, ElementwiseRun<T> run) {
  Array<T> result;
  auto* array = as_array(out);
  result.data = static_cast<T*>(PyArray_DATA(array));
  result.ndim = PyArray_NDIM(array);
  for (int d = 0; d < result.ndim; ++d) {
    result.shape[d] = PyArray_DIM(array, d);
    result.strides[d] = PyArray_STRIDE(array, d) / static_cast<npy_intp>(sizeof(T));
  }
  ElementwiseOperand<T> in[kMaxOperands];
  T values[kMaxOperands];
  for (int j = 0; j < c.operands; ++j) {
    const int n = arrays[j] ? PyArray_NDIM(arrays[j]) : 0;
    for (int64_t d = 0; d < result.ndim; ++d) {
      const int own = static_cast<int>(d - (result.ndim - n));
      in[j].strides[d] = own < 0 || PyArray_DIM(arrays[j], own) == 1
                             ? 0
                             : PyArray_STRIDE(arrays[j], own) / static_cast<npy_intp>(sizeof(T));
    }
    values[j] = static_cast<T>(numbers[j]);
    in[j].data = arrays[j] ? static_cast<const T*>(PyArray_DATA(arrays[j])) : &values[j];
  }
  if (result.numel() < kReleaseGil) {
    run(loop, c.operands, in, result, parameters);
  } else {
    py::gil_scoped_release release;
    run(loop, c.operands, in, result, parameters);
  }
}

struct Operands {
  PyArrayObject* arrays[kMaxOperands] = {};  // null where a number is given
  double numbers[kMaxOperands] = {};
  PyArrayObject* first = nullptr;  // of the arrays
  int type_number = -1;
  bool same_shape = true;  // and all row-major: the common case, decided without touching any dim
};

enum class Reading { done, not_floats, failed };  // failed: with an error set

Reading read_operands(const Callable& c, PyObject* const* given, Operands& operands) {
  for (int j = 0; j < c.operands; ++j) {
    PyObject* object = given[j];
    if (PyArray_CheckExact(object)) {
      auto* array = operands.arrays[j] = as_array(object);
      const int number = PyArray_TYPE(array);
      if (!operands.first) {
        operands.first = array;
        operands.type_number = number;
      }
      if (number != operands.type_number || (number != NPY_FLOAT32 && number != NPY_FLOAT64))
        return Reading::not_floats;
      if (!PyArray_ISBEHAVED_RO(array)) {
        PyErr_Format(PyExc_TypeError, "%s: operands must be aligned and in native byte order", c.name.c_str());
        return Reading::failed;
      }
      const int ndim = PyArray_NDIM(operands.first);
      operands.same_shape = operands.same_shape && PyArray_IS_C_CONTIGUOUS(array) && PyArray_NDIM(array) == ndim &&
                            PyArray_CompareLists(PyArray_DIMS(array), PyArray_DIMS(operands.first), ndim);
    } else if (PyFloat_Check(object) || PyLong_Check(object)) {
      if (!read_number(object, operands.numbers[j])) return Reading::failed;
    } else {
      return Reading::not_floats;
    }
  }
  return operands.first ? Reading::done : Reading::not_floats;
}

// A gradient's operands: grad_output and what its derivative reads of the saved (x, y, out, *parameters). False with a
// TypeError set where that is no such tuple.
bool read_saved(const Callable& c, PyObject* grad_output, PyObject* saved, PyObject** read) {
  const bool whole = PyTuple_Check(saved) && PyTuple_GET_SIZE(saved) == 3 + c.parameters;
  if (!whole && (c.reads || c.parameters)) {  // else nothing is read, and the node saves nothing
    PyErr_Format(PyExc_TypeError, "%s: the saved values must be a tuple of %d", c.name.c_str(), 3 + c.parameters);
    return false;
  }
  *read++ = grad_output;
  for (int i = 0; i < 3; ++i)
    if (c.reads >> i & 1) *read++ = PyTuple_GET_ITEM(saved, i);
  return true;
}

// Whether the result may be written into `out`; false with an error set.
bool can_hold(const Callable& c, PyObject* out, int64_t ndim, const int64_t* sizes, int type_number) {
  if (!is_array(out) || PyArray_TYPE(as_array(out)) != type_number || !PyArray_ISBEHAVED(as_array(out))) {
    PyErr_Format(PyExc_TypeError, "%s: cannot write a %s result into a %s", c.name.c_str(),
                 type_number == NPY_FLOAT32 ? "float32" : "float64", describe(out).c_str());
    return false;
  }
  auto* array = as_array(out);
  const auto* dims = reinterpret_cast<const npy_intp*>(sizes);
  if (PyArray_NDIM(array) != ndim || !PyArray_CompareLists(PyArray_DIMS(array), dims, static_cast<int>(ndim))) {
    PyErr_Format(PyExc_ValueError, "%s: the result does not have the shape %s that it is written into", c.name.c_str(),
                 shape_text(array).c_str());
    return false;
  }
  return true;
}

PyObject* call(PyObject* self, PyObject* const* given, Py_ssize_t count) try {
  const Callable& c = *static_cast<const Callable*>(PyCapsule_GetPointer(self, nullptr));
  const int seeds = c.order > 1 ? c.order - 1 : 0;
  const int expected = c.operand >= 0 ? seeds + 2 : c.into + c.operands + c.parameters;
  if (count != expected)
    return PyErr_Format(PyExc_TypeError, "%s: takes %d arguments, got %zd", c.name.c_str(), expected, count);
  ElementwiseParameters parameters{};
  for (int s = 0; s < seeds; ++s) parameters.seeds[s] = static_cast<int>(PyLong_AsLong(*given++));
  PyObject* out = c.into ? *given++ : nullptr;
  PyObject* const* operands_given = given;
  PyObject* const* parameters_given = given + c.operands;
  PyObject* read[kMaxOperands];
  if (c.operand >= 0) {
    if (!read_saved(c, given[0], given[1], read)) return nullptr;
    operands_given = read;
    if (c.parameters) parameters_given = PySequence_Fast_ITEMS(given[1]) + 3;
  }

  Operands operands;
  const Reading reading = read_operands(c, operands_given, operands);
  if (reading == Reading::failed) return nullptr;
  if (reading == Reading::not_floats) Py_RETURN_NONE;
  const auto& [arrays, numbers, first, type_number, same_shape] = operands;
  if (c.parameters > 0 && !read_number(parameters_given[0], parameters.a)) return nullptr;
  if (c.parameters > 1 && !read_number(parameters_given[1], parameters.b)) return nullptr;

  Array<char> shape;
  shape.ndim = 0;
  if (!same_shape || PyArray_NDIM(first) > kMaxDims) {
    for (int j = 0; j < c.operands; ++j)
      if (arrays[j] && PyArray_NDIM(arrays[j]) > shape.ndim) shape.ndim = PyArray_NDIM(arrays[j]);
    if (shape.ndim > kMaxDims)
      return PyErr_Format(PyExc_ValueError, "%s: a tensor has at most 16 dimensions", c.name.c_str());
    for (int64_t d = 0; d < shape.ndim; ++d) shape.shape[d] = 1;
    if (!broadcast(c, arrays, c.operands, shape)) return nullptr;
    order_like(arrays, c.operands, shape);
  }
  const int64_t ndim = same_shape ? PyArray_NDIM(first) : shape.ndim;
  const int64_t* sizes = same_shape ? reinterpret_cast<const int64_t*>(PyArray_DIMS(first)) : shape.shape;
  if (!out) {
    out = new_array(ndim, sizes, same_shape ? nullptr : shape.strides, type_number);
  } else if (can_hold(c, out, ndim, sizes, type_number)) {
    Py_INCREF(out);
  } else {
    return nullptr;
  }

  const ElementwiseLoops& loops = loops_of(c);
  if (type_number == NPY_FLOAT32)
    execute(c, arrays, numbers, out, parameters, loops.f32, active->elementwise->run_f32);
  else
    execute(c, arrays, numbers, out, parameters, loops.f64, active->elementwise->run_f64);
  return out;
} catch (py::error_already_set& error) {
  error.restore();
  return nullptr;
}

// ---- the records ----------------------------------------------------------------------------------------------------

py::object make_callable(std::unique_ptr<Callable> c) {
  c->method = {c->name.c_str(), reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&call)), METH_FASTCALL,
               c->text.c_str()};
  Callable* pointer = c.release();  // lives as long as the module
  const py::capsule self(pointer, nullptr, [](PyObject*) {});
  return py::reinterpret_steal<py::object>(PyCFunction_New(&pointer->method, self.ptr()));
}

py::tuple read_names(int reads) {
  py::list names;
  if (reads & X) names.append("x");
  if (reads & Y) names.append("y");
  if (reads & OUT) names.append("out");
  return py::tuple(names);
}

py::dict record(int index, const ElementwiseOp& op, const Text& text) {
  auto make = [&](const std::string& name, int operand, int order, int operands, bool into, const std::string& what) {
    const int reads = operand < 0 ? 0 : op.reads[operand];
    return make_callable(std::unique_ptr<Callable>(
        new Callable{index, operand, order, operands, reads, op.parameters, into, name, what, {}}));
  };
  const std::string name = op.name;
  py::list grads;
  for (int operand = 0; operand < op.arity; ++operand) {
    const std::string grad_name = name + "_grad_" + "xy"[operand];
    const py::tuple reads = read_names(op.reads[operand]);
    py::list orders;
    for (int order = 1; order <= kOrders; ++order)
      if (op.grad[operand][order - 1].f32)
        orders.append(make(grad_name, operand, order, 1 + static_cast<int>(reads.size()), false, text.grad[operand]));
    py::dict grad;
    grad["reads"] = reads;
    grad["text"] = text.grad[operand];
    grad["orders"] = py::tuple(orders);
    grads.append(grad);
  }
  py::dict result;
  result["name"] = name;
  result["arity"] = op.arity;
  result["parameters"] = op.parameters;
  result["text"] = text.forward;
  result["forward"] = make(name, -1, 0, op.arity, false, text.forward);
  result["into"] = make(name + "_", -1, 0, op.arity, true, text.forward);
  result["grads"] = py::tuple(grads);
  return result;
}

}  // namespace

void bind_elementwise(py::module_& m) {
  const std::vector<Text> text = texts();
  py::dict table;
  for (int i = 0; i < active->elementwise->count; ++i) {
    const ElementwiseOp& op = active->elementwise->ops[i];
    table[op.name] = record(i, op, text[static_cast<size_t>(i)]);
  }
  m.attr("elementwise") = table;
}

}  // namespace tg
