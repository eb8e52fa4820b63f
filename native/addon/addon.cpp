// The N-API addon: loads compiled CUDA programs into the process of Node and calls their kernels with typed arrays.
// It knows neither the emulator nor CUDA; both stand behind the table of library.h. Plain N-API, so that it works
// with every version of Node from 18 without being built anew.
#include <dlfcn.h>
#include <node_api.h>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>
#include "../common/library.h"

namespace {

#define CHECK(call) do { if ((call) != napi_ok) { failed(env); return nullptr; } } while (0)

void failed(napi_env env) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) return;
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  napi_throw_error(env, "ADDON", info && info->error_message ? info->error_message : "N-API failed");
}

napi_value refuse(napi_env env, const std::string& text) {
  napi_throw_error(env, "ADDON", text.c_str());
  return nullptr;
}

bool textOf(napi_env env, napi_value value, std::string& out) {
  size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) return false;
  out.resize(size + 1);
  if (napi_get_value_string_utf8(env, value, out.data(), size + 1, &size) != napi_ok) return false;
  out.resize(size);
  return true;
}

/** Bytes of a typed array or Buffer; the memory stays where it is as long as the value is referenced. */
bool bytesOf(napi_env env, napi_value value, char*& data, size_t& bytes) {
  bool yes = false;
  if (napi_is_typedarray(env, value, &yes) != napi_ok || !yes) return false;
  static const size_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  napi_typedarray_type type;
  size_t length = 0;
  void* at = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &at, nullptr, nullptr) != napi_ok || (size_t)type >= sizeof sizes / sizeof *sizes) return false;
  data = (char*)at;
  bytes = length * sizes[type];
  return true;
}

struct Library {
  const ws_library* table;
  std::mutex lock;
};

/** Memory of a device that lives on between launches. */
struct Memory {
  Library* library;
  int device;
  size_t bytes;
  void* at;
  /** Launches under way that use it; and whether it is to be given back when they end. Only the thread of JavaScript counts. */
  int uses;
  bool ended;
  void giveBack() {
    if (at && uses == 0) library->table->release(device, at);
    if (uses == 0) at = nullptr;
  }
};

// Two kinds of externals: the tag says which one a value is.
const napi_type_tag LIBRARY_TAG = {0x6d9c21f04f3b4c11, 0x9a1dca1d0b7e5a01}, MEMORY_TAG = {0x6d9c21f04f3b4c11, 0x9a1dca1d0b7e5a02};

template <class T> T* unwrap(napi_env env, napi_value value, const napi_type_tag& tag) {
  bool yes = false;
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external) return nullptr;
  if (napi_check_object_type_tag(env, value, &tag, &yes) != napi_ok || !yes) return nullptr;
  void* data = nullptr;
  return napi_get_value_external(env, value, &data) == napi_ok ? (T*)data : nullptr;
}

/** open(path): a program, with its static initializers run. It stays until the process ends: its threads may live on. */
napi_value open(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, result;
  std::string path;
  CHECK(napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr));
  if (!textOf(env, argument, path)) return refuse(env, "open(path): the path is no string");
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return refuse(env, dlerror());
  auto get = (const ws_library* (*)())dlsym(handle, "ws_library_open");
  const ws_library* table = get ? get() : nullptr;
  if (!table || table->version != WS_LIBRARY_VERSION) return refuse(env, path + " is not a program for this addon");
  CHECK(napi_create_external(env, new Library{table, {}}, nullptr, nullptr, &result));
  CHECK(napi_type_tag_object(env, result, &LIBRARY_TAG));
  return result;
}

/** describe(library): { devices, entries, unified }. */
napi_value describe(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, result, value;
  CHECK(napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr));
  auto* library = unwrap<Library>(env, argument, LIBRARY_TAG);
  if (!library) return refuse(env, "describe(library): no library");
  char names[4096] = "";
  library->table->devices(names, sizeof names);
  CHECK(napi_create_object(env, &result));
  CHECK(napi_create_string_utf8(env, names, NAPI_AUTO_LENGTH, &value));
  CHECK(napi_set_named_property(env, result, "devices", value));
  CHECK(napi_create_string_utf8(env, library->table->entries(), NAPI_AUTO_LENGTH, &value));
  CHECK(napi_set_named_property(env, result, "entries", value));
  CHECK(napi_get_boolean(env, library->table->unified != 0, &value));
  CHECK(napi_set_named_property(env, result, "unified", value));
  return result;
}

/** allocate(library, device, bytes): memory of the device, freed by release() or with the value. */
napi_value allocate(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3], result;
  int32_t device = 0;
  int64_t bytes = 0;
  CHECK(napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr));
  auto* library = unwrap<Library>(env, arguments[0], LIBRARY_TAG);
  if (!library) return refuse(env, "allocate(library, device, bytes): no library");
  CHECK(napi_get_value_int32(env, arguments[1], &device));
  CHECK(napi_get_value_int64(env, arguments[2], &bytes));
  void* at = library->table->allocate(device, bytes > 0 ? (size_t)bytes : 1);
  if (!at) return refuse(env, "the device has no memory left, or there is no such device");
  auto* memory = new Memory{library, device, (size_t)bytes, at, 0, false};
  auto finalize = [](napi_env, void* data, void*) {
    auto* m = (Memory*)data;
    m->giveBack();
    delete m;
  };
  CHECK(napi_create_external(env, memory, finalize, nullptr, &result));
  CHECK(napi_type_tag_object(env, result, &MEMORY_TAG));
  return result;
}

/** copy(memory, typed array, toDevice). */
napi_value copy(napi_env env, napi_callback_info info) {
  size_t count = 3, bytes = 0;
  napi_value arguments[3];
  bool toDevice = false;
  char* data = nullptr;
  CHECK(napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr));
  auto* memory = unwrap<Memory>(env, arguments[0], MEMORY_TAG);
  CHECK(napi_get_value_bool(env, arguments[2], &toDevice));
  if (!memory || memory->ended) return refuse(env, "copy: the memory was released");
  if (!bytesOf(env, arguments[1], data, bytes) || bytes > memory->bytes) return refuse(env, "copy: no typed array, or a larger one than the memory");
  std::lock_guard<std::mutex> guard(memory->library->lock);
  int status = toDevice ? memory->library->table->copy(memory->device, memory->at, data, bytes, 1) : memory->library->table->copy(memory->device, data, memory->at, bytes, 0);
  return status == 0 ? nullptr : refuse(env, "the device refused the copy");
}

napi_value release(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  CHECK(napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr));
  auto* memory = unwrap<Memory>(env, argument, MEMORY_TAG);
  if (memory) {
    memory->ended = true;
    memory->giveBack();
  }
  return nullptr;
}

/** An array of a call: where it is on the host, and on the device when that is elsewhere. */
struct Array { char* host; size_t bytes; bool writable; void* device; };

/** A launch on a thread of libuv's pool: the notebook goes on meanwhile. */
struct Work {
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  std::vector<napi_ref> references;
  Library* library = nullptr;
  int device = 0;
  std::string kernel;
  ws_library_call call{};
  std::vector<char> values;
  std::vector<void*> pointers;
  std::vector<Array> arrays;
  std::vector<Memory*> memories;
  /** For each parameter the array that it points to, or -1; memory of the device is already in its value. */
  std::vector<int> arrayOf;
  std::vector<double> milliseconds;
  char message[1024] = "";
  int status = 0;
};

void execute(napi_env, void* data) {
  auto& w = *(Work*)data;
  std::lock_guard<std::mutex> guard(w.library->lock);
  const ws_library* table = w.library->table;
  auto fail = [&](const char* text) { w.status = 1; snprintf(w.message, sizeof w.message, "%s", text); };
  for (Array& a : w.arrays) {
    if (table->unified) {
      a.device = a.host;
      continue;
    }
    a.device = table->allocate(w.device, a.bytes ? a.bytes : 1);
    if (!a.device) fail("the device has no memory left for the arrays");
    else if (table->copy(w.device, a.device, a.host, a.bytes, 1) != 0) fail("the device refused an array");
  }
  if (w.status == 0) {
    for (size_t i = 0; i < w.arrayOf.size(); i++) if (w.arrayOf[i] >= 0) memcpy(w.pointers[i], &w.arrays[(size_t)w.arrayOf[i]].device, sizeof(void*));
    w.status = table->launch(w.device, &w.call);
  }
  if (table->unified) return;
  for (Array& a : w.arrays) {
    if (w.status == 0 && a.writable && table->copy(w.device, a.host, a.device, a.bytes, 0) != 0) fail("the device gave an array not back");
    if (a.device) table->release(w.device, a.device);
  }
}

void complete(napi_env env, napi_status, void* data) {
  std::unique_ptr<Work> w((Work*)data);
  for (Memory* memory : w->memories) {
    memory->uses--;
    if (memory->ended) memory->giveBack();
  }
  for (napi_ref reference : w->references) napi_delete_reference(env, reference);
  napi_value value;
  if (w->status == 0) {
    void* at = nullptr;
    napi_value buffer;
    napi_create_arraybuffer(env, w->milliseconds.size() * sizeof(double), &at, &buffer);
    memcpy(at, w->milliseconds.data(), w->milliseconds.size() * sizeof(double));
    napi_create_typedarray(env, napi_float64_array, w->milliseconds.size(), buffer, 0, &value);
    napi_resolve_deferred(env, w->deferred, value);
  } else {
    napi_value text, error;
    napi_create_string_utf8(env, w->message, NAPI_AUTO_LENGTH, &text);
    napi_create_error(env, nullptr, text, &error);
    napi_reject_deferred(env, w->deferred, error);
  }
  napi_delete_async_work(env, w->work);
}

/**
 * launch(library, device, kernel, shape, values, parameters): a promise of the milliseconds of each launch.
 * shape: Float64Array [grid x, y, z, block x, y, z, shared, repeat, seconds]; values: Uint8Array, 16 bytes a parameter;
 * parameters: for each a typed array, [typed array] when the kernel only reads it, memory, or undefined for a value.
 */
napi_value launch(napi_env env, napi_callback_info info) {
  size_t count = 6, bytes = 0;
  napi_value arguments[6];
  CHECK(napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr));
  auto w = std::make_unique<Work>();
  w->library = unwrap<Library>(env, arguments[0], LIBRARY_TAG);
  char *shape = nullptr, *values = nullptr;
  uint32_t parameters = 0;
  if (!w->library || !textOf(env, arguments[2], w->kernel)) return refuse(env, "launch: no library or no name of a kernel");
  CHECK(napi_get_value_int32(env, arguments[1], &w->device));
  if (!bytesOf(env, arguments[3], shape, bytes) || bytes != 9 * sizeof(double)) return refuse(env, "launch: the shape is not a Float64Array of 9");
  const double* s = (const double*)shape;
  CHECK(napi_get_array_length(env, arguments[5], &parameters));
  if (!bytesOf(env, arguments[4], values, bytes) || bytes < parameters * 16) return refuse(env, "launch: too few values");
  w->values.assign(values, values + parameters * 16);
  for (uint32_t i = 0; i < parameters; i++) {
    napi_value item;
    CHECK(napi_get_element(env, arguments[5], i, &item));
    w->pointers.push_back(&w->values[i * 16]);
    w->arrayOf.push_back(-1);
    if (auto* memory = unwrap<Memory>(env, item, MEMORY_TAG)) {
      if (memory->ended) return refuse(env, "launch: the memory was released");
      w->memories.push_back(memory);
      memcpy(w->pointers[i], &memory->at, sizeof(void*));
    } else {
      bool constant = false;
      napi_valuetype type;
      CHECK(napi_typeof(env, item, &type));
      if (type != napi_object) continue;
      CHECK(napi_is_array(env, item, &constant));
      if (constant) CHECK(napi_get_element(env, item, 0, &item));
      Array a{nullptr, 0, !constant, nullptr};
      if (!bytesOf(env, item, a.host, a.bytes)) return refuse(env, "launch: an argument is no typed array");
      for (size_t k = 0; k < w->arrays.size(); k++) if (w->arrays[k].host == a.host && w->arrays[k].bytes == a.bytes) w->arrayOf[i] = (int)k;
      if (w->arrayOf[i] < 0) {
        w->arrayOf[i] = (int)w->arrays.size();
        w->arrays.push_back(a);
      } else w->arrays[(size_t)w->arrayOf[i]].writable |= a.writable;
    }
    napi_ref reference;
    CHECK(napi_create_reference(env, item, 1, &reference));
    w->references.push_back(reference);
  }
  int repeat = s[7] < 1 ? 1 : (int)s[7];
  w->milliseconds.resize((size_t)repeat);
  w->call = {w->kernel.c_str(), {(unsigned)s[0], (unsigned)s[1], (unsigned)s[2]}, {(unsigned)s[3], (unsigned)s[4], (unsigned)s[5]}, (size_t)s[6], repeat,
    w->pointers.data(), (int)parameters, s[8], w->milliseconds.data(), nullptr, w->message, sizeof w->message};
  napi_value promise, name;
  CHECK(napi_create_promise(env, &w->deferred, &promise));
  CHECK(napi_create_string_utf8(env, "whetstone kernel", NAPI_AUTO_LENGTH, &name));
  CHECK(napi_create_async_work(env, nullptr, name, execute, complete, w.get(), &w->work));
  CHECK(napi_queue_async_work(env, w->work));
  for (Memory* memory : w->memories) memory->uses++;
  w.release();
  return promise;
}

napi_value initialize(napi_env env, napi_value exports) {
  const napi_property_descriptor properties[] = {
    {"open", nullptr, open, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
    {"describe", nullptr, describe, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
    {"allocate", nullptr, allocate, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
    {"copy", nullptr, copy, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
    {"release", nullptr, release, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
    {"launch", nullptr, launch, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}
}

NAPI_MODULE(NODE_GYP_MODULE_NAME, initialize)
