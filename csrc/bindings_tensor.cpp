// wrap(array, node=None): the one way in which a result becomes a Tensor. In Python it would read
//
//     tensor = object.__new__(tensor_class)
//     tensor.array, tensor.node, tensor.version = array, node, [0]
//     tensor.view_of = tensor.grad_holder = None
//
// and would be a fifth of the time of a small op; here the slots are filled directly.
#include "bindings.h"

#include <structmember.h>

namespace tg {

namespace {

PyTypeObject* tensor_class = nullptr;  // what wrap makes

struct Slots {  // where its slots are, in bytes from the object
  Py_ssize_t array, node, version, view_of, grad_holder;
} slots;

Py_ssize_t offset_of(py::handle cls, const char* name) {
  const py::object descriptor = cls.attr(name);
  if (Py_TYPE(descriptor.ptr()) != &PyMemberDescr_Type)
    throw py::type_error(std::string("register_tensor_class: ") + name + " is not a slot");
  return reinterpret_cast<PyMemberDescrObject*>(descriptor.ptr())->d_member->offset;
}

py::object register_tensor_class(py::object cls) {
  slots = {offset_of(cls, "array"), offset_of(cls, "node"), offset_of(cls, "version"), offset_of(cls, "view_of"),
           offset_of(cls, "grad_holder")};
  Py_XDECREF(reinterpret_cast<PyObject*>(tensor_class));
  tensor_class = reinterpret_cast<PyTypeObject*>(py::object(cls).release().ptr());
  return cls;
}

void fill(PyObject* object, Py_ssize_t offset, PyObject* value) {
  Py_INCREF(value);
  *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset) = value;
}

PyObject* wrap(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count < 1 || count > 2 || !tensor_class) {
    PyErr_Format(PyExc_TypeError, "wrap: takes an array and a node, got %zd arguments", count);
    return nullptr;
  }
  PyObject* version = PyList_New(1);
  if (!version) return nullptr;
  PyList_SET_ITEM(version, 0, PyLong_FromLong(0));
  PyObject* tensor = tensor_class->tp_alloc(tensor_class, 0);
  if (tensor) {
    fill(tensor, slots.array, args[0]);
    fill(tensor, slots.node, count == 2 ? args[1] : Py_None);
    fill(tensor, slots.version, version);
    fill(tensor, slots.view_of, Py_None);
    fill(tensor, slots.grad_holder, Py_None);
  }
  Py_DECREF(version);
  return tensor;
}

PyMethodDef wrap_method = {"wrap", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&wrap)), METH_FASTCALL,
                           "wrap(array: typing.Any, node: typing.Any = None) -> typing.Any\n\n"
                           "A Tensor around an array that nobody else wraps."};

}  // namespace

void bind_tensor(py::module_& m) {
  m.def("register_tensor_class", &register_tensor_class, py::arg("cls"),
        "Class decorator: results of ops are instances of this class.");
  m.attr("wrap") = py::reinterpret_steal<py::object>(PyCFunction_New(&wrap_method, nullptr));
}

}  // namespace tg
