// What the binding files share: how a NumPy array becomes an Array<T>, and how a new one is made.
// Only bindings*.cpp know Python.
#pragma once
#include <pybind11/pybind11.h>

#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL TG_NUMPY_API
#ifndef TG_IMPORT_NUMPY
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>

#include "array.h"
#include "kernels.h"

namespace tg {

namespace py = pybind11;

extern const Kernels* active;  // the level in use; set_level changes it (tests)

template <class T>
struct TypeNumber;
template <>
struct TypeNumber<float> {
  static constexpr int value = NPY_FLOAT32;
};
template <>
struct TypeNumber<double> {
  static constexpr int value = NPY_FLOAT64;
};
template <>
struct TypeNumber<int64_t> {
  static constexpr int value = NPY_INT64;
};
template <>
struct TypeNumber<int32_t> {
  static constexpr int value = NPY_INT32;
};
template <>
struct TypeNumber<uint8_t> {
  static constexpr int value = NPY_UINT8;
};
template <>
struct TypeNumber<bool> {
  static constexpr int value = NPY_BOOL;
};

inline bool is_array(PyObject* object) { return PyArray_Check(object); }
inline PyArrayObject* as_array(PyObject* object) { return reinterpret_cast<PyArrayObject*>(object); }

// "float32 array", "int64 array (read-only)" or the type's name: for error messages.
std::string describe(PyObject* object);

// Fills `result` from an array of exactly this dtype; a TypeError names the kernel and the argument otherwise.
void read_array(PyObject* object, int type_number, bool write, const char* kernel, int position, void** data,
                int64_t* ndim, int64_t* shape, int64_t* strides);

// A new array over memory of our own allocator (storage.h), strides counted in elements or null for row-major.
PyObject* new_array(int64_t ndim, const int64_t* shape, const int64_t* strides, int type_number);

// Work (elements touched) from which a call releases the GIL.
constexpr int64_t kReleaseGil = 1 << 15;

void bind_elementwise(py::module_& m);
void bind_tensor(py::module_& m);

}  // namespace tg
