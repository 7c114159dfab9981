// The extension module: every row of kernels.def as a Python function, arrays over our own memory, settings.
#define TG_IMPORT_NUMPY
#include "bindings.h"

#include <algorithm>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "parallel.h"
#include "storage.h"

namespace tg {

const Kernels* active = nullptr;

// ---- arrays ---------------------------------------------------------------------------------------------

// The base object of every array we make: owns one block of the allocator.
struct StorageObject {
  PyObject_HEAD
  void* memory;
};

static void storage_dealloc(PyObject* self) {
  storage_release(reinterpret_cast<StorageObject*>(self)->memory);
  PyObject_Free(self);
}

static PyTypeObject StorageType;  // filled in by prepare_storage_type

static void prepare_storage_type(py::module_& m) {
  Py_SET_REFCNT(reinterpret_cast<PyObject*>(&StorageType), 1);
  StorageType.tp_name = "tinygrad_edu._C.Storage";
  StorageType.tp_basicsize = sizeof(StorageObject);
  StorageType.tp_dealloc = storage_dealloc;
  StorageType.tp_flags = Py_TPFLAGS_DEFAULT;
  StorageType.tp_doc = "A block of the caching allocator; the base of the arrays that live in it.";
  if (PyType_Ready(&StorageType) < 0) throw py::error_already_set();
  m.attr("Storage") = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(&StorageType));
}

PyObject* new_array(int64_t ndim, const int64_t* shape, const int64_t* strides, int type_number) {
  PyArray_Descr* dtype = PyArray_DescrFromType(type_number);
  const npy_intp item = PyDataType_ELSIZE(dtype);
  npy_intp byte_strides[kMaxDims];
  npy_intp bytes = item;
  for (int64_t d = ndim - 1; d >= 0; --d) {
    byte_strides[d] = strides ? strides[d] * item : bytes;
    if (__builtin_mul_overflow(bytes, std::max<npy_intp>(shape[d], 1), &bytes)) bytes = NPY_MAX_INTP;
  }
  for (int64_t d = 0; d < ndim; ++d)
    if (shape[d] == 0) bytes = item;
  auto* owner = PyObject_New(StorageObject, &StorageType);
  if (!owner) throw py::error_already_set();
  owner->memory = bytes == NPY_MAX_INTP ? nullptr : storage_allocate(static_cast<size_t>(bytes));
  if (!owner->memory) {
    PyObject_Free(owner);
    Py_DECREF(dtype);
    PyErr_Format(PyExc_MemoryError, "cannot allocate %zd bytes for a tensor", bytes);
    throw py::error_already_set();
  }
  PyObject* array = PyArray_NewFromDescr(&PyArray_Type, dtype, static_cast<int>(ndim), const_cast<npy_intp*>(shape),
                                         byte_strides, owner->memory, NPY_ARRAY_WRITEABLE | NPY_ARRAY_ALIGNED, nullptr);
  if (!array || PyArray_SetBaseObject(as_array(array), reinterpret_cast<PyObject*>(owner)) < 0) {
    Py_XDECREF(array);
    throw py::error_already_set();
  }
  return array;
}

// Whether nobody but this array (held once more by the caller's frame) can see its memory.
static bool owns_memory_alone(py::handle array) {
  if (!is_array(array.ptr())) return false;
  PyObject* base = PyArray_BASE(as_array(array.ptr()));
  return base && Py_TYPE(base) == &StorageType && Py_REFCNT(base) == 1 && PyArray_ISBEHAVED(as_array(array.ptr()));
}

std::string describe(PyObject* object) {
  if (!is_array(object)) return Py_TYPE(object)->tp_name;
  auto* array = as_array(object);
  std::string text =
      py::str(py::handle(reinterpret_cast<PyObject*>(PyArray_DESCR(array)))).cast<std::string>() + " array";
  if (!PyArray_ISWRITEABLE(array)) text += " (read-only)";
  if (!PyArray_ISALIGNED(array)) text += " (unaligned)";
  return text;
}

void read_array(PyObject* object, int type_number, bool write, const char* kernel, int position, void** data,
                int64_t* ndim, int64_t* shape, int64_t* strides) {
  auto fail = [&](const char* rule) {
    throw py::type_error(std::string(kernel) + ": argument " + std::to_string(position) + " must be " + rule +
                         ", got " + describe(object));
  };
  if (!is_array(object)) fail("an array");
  auto* array = as_array(object);
  if (PyArray_TYPE(array) != type_number && !PyArray_EquivTypenums(PyArray_TYPE(array), type_number)) {
    auto dtype = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyArray_DescrFromType(type_number)));
    fail((py::str(dtype).cast<std::string>() + " array").c_str());
  }
  if (write ? !PyArray_ISBEHAVED(array) : !PyArray_ISBEHAVED_RO(array))
    fail(write ? "aligned, in native byte order and writable" : "aligned and in native byte order");
  const int n = PyArray_NDIM(array);
  if (n > kMaxDims) fail("of at most 16 dimensions");
  const npy_intp item = PyArray_ITEMSIZE(array);
  *data = PyArray_DATA(array);
  *ndim = n;
  for (int d = 0; d < n; ++d) {
    shape[d] = PyArray_DIM(array, d);
    const npy_intp stride = PyArray_STRIDE(array, d);
    strides[d] = stride / item;
    if (strides[d] * item != stride && shape[d] > 1) fail("strided by whole elements");
  }
}

static py::object empty(py::tuple shape, py::handle dtype, py::handle strides) {
  const auto ndim = static_cast<int64_t>(shape.size());
  if (ndim > kMaxDims) throw py::value_error("empty: a tensor has at most 16 dimensions, got " + std::to_string(ndim));
  int64_t sizes[kMaxDims], steps[kMaxDims];
  for (int64_t d = 0; d < ndim; ++d) {
    sizes[d] = shape[static_cast<size_t>(d)].cast<int64_t>();
    if (sizes[d] < 0)
      throw py::value_error("empty: sizes must not be negative, got " + py::repr(shape).cast<std::string>());
  }
  const bool strided = !strides.is_none();
  if (strided) {
    const auto given = py::reinterpret_borrow<py::tuple>(strides);
    for (int64_t d = 0; d < ndim; ++d) steps[d] = given[static_cast<size_t>(d)].cast<int64_t>();
  }
  if (!PyArray_DescrCheck(dtype.ptr())) throw py::type_error("empty: dtype must be a numpy.dtype");
  const int number = reinterpret_cast<PyArray_Descr*>(dtype.ptr())->type_num;
  return py::reinterpret_steal<py::object>(new_array(ndim, sizes, strided ? steps : nullptr, number));
}

// The same memory with another shape and strides, counted in elements from `offset` elements past the first.
// The caller answers for staying inside; what `array` may not write, the view may not either.
static py::object view(py::handle array, py::tuple shape, py::tuple strides, int64_t offset) {
  if (!is_array(array.ptr())) throw py::type_error("view: expected an array, got " + describe(array.ptr()));
  auto* source = as_array(array.ptr());
  const auto ndim = static_cast<int64_t>(shape.size());
  if (ndim > kMaxDims || strides.size() != shape.size())
    throw py::value_error("view: a tensor has at most 16 dimensions and as many strides as sizes, got shape " +
                          py::repr(shape).cast<std::string>());
  const npy_intp item = PyArray_ITEMSIZE(source);
  npy_intp sizes[kMaxDims], steps[kMaxDims];
  for (int64_t d = 0; d < ndim; ++d) {
    sizes[d] = shape[static_cast<size_t>(d)].cast<npy_intp>();
    steps[d] = strides[static_cast<size_t>(d)].cast<npy_intp>() * item;
  }
  PyArray_Descr* dtype = PyArray_DESCR(source);
  Py_INCREF(dtype);
  PyObject* result = PyArray_NewFromDescr(&PyArray_Type, dtype, static_cast<int>(ndim), sizes, steps,
                                          PyArray_BYTES(source) + offset * item,
                                          PyArray_ISWRITEABLE(source) ? NPY_ARRAY_WRITEABLE : 0, nullptr);
  Py_INCREF(array.ptr());
  if (!result || PyArray_SetBaseObject(as_array(result), array.ptr()) < 0) {
    Py_XDECREF(result);
    throw py::error_already_set();
  }
  PyArray_UpdateFlags(as_array(result), NPY_ARRAY_UPDATE_ALL);
  return py::reinterpret_steal<py::object>(result);
}

// ---- one Python function per kernel row -------------------------------------------------------------------

// Reads one parameter of a kernel from Python. `Python` is the type that pybind11 hands over.
template <class P>
struct Argument {
  using Python = P;
  P value;
  Argument(P given, const char*, int) : value(given) {}
  P get() { return value; }
  int64_t work() const { return 0; }
};

template <class T>
struct Argument<const Array<T>&> {
  using Python = py::handle;
  Array<T> value;
  Argument(py::handle given, const char* kernel, int position) {
    using Item = std::remove_const_t<T>;
    void* data;
    read_array(given.ptr(), TypeNumber<Item>::value, !std::is_const_v<T>, kernel, position, &data, &value.ndim,
               value.shape, value.strides);
    value.data = static_cast<T*>(data);
  }
  const Array<T>& get() { return value; }
  int64_t work() const { return value.numel(); }
};

template <class T>
struct Argument<const MaybeArray<T>&> {
  using Python = py::handle;
  MaybeArray<T> value;
  Argument(py::handle given, const char* kernel, int position) {
    value.data = nullptr;
    value.ndim = 0;
    if (!given.is_none()) static_cast<Array<T>&>(value) = Argument<const Array<T>&>(given, kernel, position).value;
  }
  const MaybeArray<T>& get() { return value; }
  int64_t work() const { return value.data ? value.numel() : 0; }
};

template <class T>
struct Argument<const ArrayList<T>&> {
  using Python = py::handle;
  std::vector<Array<T>> items;
  ArrayList<T> value;
  Argument(py::handle given, const char* kernel, int position) {
    if (!PyList_Check(given.ptr()))
      throw py::type_error(std::string(kernel) + ": argument " + std::to_string(position) + " must be a list, got " +
                           describe(given.ptr()));
    for (py::handle item : py::reinterpret_borrow<py::list>(given))
      items.push_back(Argument<const Array<T>&>(item, kernel, position).value);
    value = {items.data(), static_cast<int64_t>(items.size())};
  }
  const ArrayList<T>& get() { return value; }
  int64_t work() const {
    int64_t total = 0;
    for (const auto& item : items) total += item.numel();
    return total;
  }
};

[[maybe_unused]] static bool is_float64(py::handle given) {
  PyObject* object = given.ptr();
  if (PyList_Check(object) && PyList_GET_SIZE(object) > 0) object = PyList_GET_ITEM(object, 0);
  return is_array(object) && PyArray_TYPE(as_array(object)) == NPY_FLOAT64;
}
template <class P>
static bool is_float64(P) {
  return false;
}
[[maybe_unused]] static bool is_given(py::handle given) { return !given.is_none(); }
template <class P>
static bool is_given(P) {
  return true;
}

template <class... P, size_t... I>
static void call(void (*function)(P...), const char* name, std::index_sequence<I...>,
                 typename Argument<P>::Python... given) {
  std::tuple<Argument<P>...> arguments{Argument<P>(given, name, static_cast<int>(I) + 1)...};
  if ((int64_t{0} + ... + std::get<I>(arguments).work()) < kReleaseGil) {
    function(std::get<I>(arguments).get()...);
  } else {
    py::gil_scoped_release release;
    function(std::get<I>(arguments).get()...);
  }
}

// The dtype of the first array whose parameter type depends on T chooses between the two instances.
template <class Table, class... F, class... D>
static void define(py::module_& m, const char* name, Table Kernels::* row, void (*)(F...), void (*)(D...)) {
  m.def(name, [row, name](typename Argument<F>::Python... given) {
    int wanted = -1;
    ((wanted < 0 && !std::is_same_v<F, D> && is_given(given) ? void(wanted = is_float64(given)) : void()), ...);
    const auto& kernel = active->*row;
    if (wanted == 1)
      call<D...>(kernel.f64, name, std::index_sequence_for<D...>{}, given...);
    else
      call<F...>(kernel.f32, name, std::index_sequence_for<F...>{}, given...);
  });
}

static void bind_kernels([[maybe_unused]] py::module_& m) {
#define TG_KERNEL(name, parameters) \
  define(m, #name, &Kernels::name, name##_signature<float>(nullptr), name##_signature<double>(nullptr));
#include "kernels.def"
#undef TG_KERNEL
}

// ---- settings -----------------------------------------------------------------------------------------------

static void set_level(const std::string& level) {
  const Kernels* table = kernels_at(level.c_str());
  if (!table) throw py::value_error("set_level: this machine or build has no level '" + level + "'");
  active = table;
}

static py::list levels() {
  py::list names;
  for (const char* level : {"v2", "v3", "v4", "neon"})
    if (kernels_at(level)) names.append(level);
  return names;
}

static py::dict constants() {
  py::dict values;
#define TG_CONSTANT(name) values[#name] = active->name;
#include "constants.def"
#undef TG_CONSTANT
  return values;
}

static py::dict memory_stats() {
  const StorageStats stats = storage_stats();
  py::dict values;
  values["in_use"] = stats.in_use;
  values["cached"] = stats.cached;
  values["peak"] = stats.peak;
  values["allocations"] = stats.allocations;
  values["hits"] = stats.hits;
  return values;
}

}  // namespace tg

PYBIND11_MODULE(_C, m) {
  using namespace tg;
  m.doc() = "Kernels and arrays of tinygrad_edu; see csrc/ for the sources and kernels.def for the list.";
  if (_import_array() < 0) throw py::error_already_set();
  active = picked_kernels();
  if (!active)
    throw py::import_error(
        "tinygrad_edu: no kernels for this processor; TINYGRAD_EDU_LEVEL must name one of its levels if it is set");
  prepare_storage_type(m);
  m.def("empty", &empty, py::arg("shape"), py::arg("dtype"), py::arg("strides") = py::none());
  m.def("view", &view, py::arg("array"), py::arg("shape"), py::arg("strides"), py::arg("offset") = 0);
  m.def("owns_memory_alone", &owns_memory_alone);
  m.def("level", [] { return std::string(active->level); });
  m.def("levels", &levels);
  m.def("set_level", &set_level);
  m.def("constants", &constants);
  m.def("num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads);
  bind_kernels(m);
  bind_elementwise(m);
  bind_tensor(m);
  m.def("memory_stats", &memory_stats);
  m.def("reset_peak_memory", &storage_reset_peak);
  m.def("empty_cache", &storage_empty_cache);
  m.def("set_cache_limit", &storage_set_limit);
}
