// The kernels of native/kernels as operators of PyTorch. Shapes and checks are here; the kernels come from libraries beside
// this one, NAME.cpu.so (the emulator) and NAME.cuda.so (nvcc), each behind the table of native/common/library.h. Registered
// for CPU and CUDA alike: which library is used is decided by where the tensor is. Gradients: whetstone_torch.py.
#include <ATen/ATen.h>
#include <torch/library.h>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <string>
#include "../common/library.h"
#if defined(WS_TORCH_CUDA)
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace {

const ws_library* libraryOf(const std::string& name, bool cuda) {
  static std::map<std::string, const ws_library*> opened;
  static std::mutex lock;
  std::lock_guard<std::mutex> guard(lock);
  const std::string file = name + (cuda ? ".cuda.so" : ".cpu.so");
  const ws_library*& table = opened[file];
  if (table) return table;
  Dl_info own{};
  dladdr((void*)&libraryOf, &own);
  std::string path = own.dli_fname ? own.dli_fname : "";
  path = path.substr(0, path.rfind('/') + 1) + file;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  TORCH_CHECK(handle, "whetstone: ", dlerror(), cuda ? "; build the extension with CUDA: buildTorchExtension({ cuda: true })" : "");
  auto get = (const ws_library* (*)())dlsym(handle, "ws_library_open");
  TORCH_CHECK(get && get()->version == WS_LIBRARY_VERSION, "whetstone: ", path, " is not a program for this extension");
  return table = get();
}

/** A parameter of a kernel: a tensor's memory or a whole number. */
struct Value {
  alignas(16) char bytes[16] = {};
  Value(const at::Tensor& t) { void* p = t.data_ptr(); memcpy(bytes, &p, sizeof p); }
  Value(int64_t v) { int i = (int)v; memcpy(bytes, &i, sizeof i); }
};

struct Shape { int64_t x = 1, y = 1, z = 1; };

void launch(const char* library, const char* kernel, Shape grid, Shape block, size_t shared, const at::Tensor& place, std::vector<Value> values) {
  if (grid.x == 0 || grid.y == 0) return;  // nothing to do
  std::vector<void*> pointers;
  for (Value& v : values) pointers.push_back(v.bytes);
  char message[1024] = "";
  double milliseconds = 0;
  ws_library_call call{kernel, {(unsigned)grid.x, (unsigned)grid.y, (unsigned)grid.z}, {(unsigned)block.x, (unsigned)block.y, (unsigned)block.z}, shared, 1,
    pointers.data(), (int)pointers.size(), 3600, &milliseconds, nullptr, message, sizeof message};
  int device = 0;
#if defined(WS_TORCH_CUDA)
  c10::cuda::OptionalCUDAGuard guard;
  if (place.is_cuda()) {
    device = place.get_device();
    guard.set_index((c10::DeviceIndex)device);
    call.milliseconds = nullptr;  // in PyTorch's own stream, like every operator
    call.stream = c10::cuda::getCurrentCUDAStream((c10::DeviceIndex)device).stream();
  }
#endif
  TORCH_CHECK(libraryOf(library, place.is_cuda())->launch(device, &call) == 0, "whetstone::", library, ": ", message);
}

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

void check(const at::Tensor& t, const char* name, const at::Tensor& beside) {
  TORCH_CHECK(t.scalar_type() == at::kFloat, "whetstone: ", name, " must be float32, it is ", t.scalar_type());
  TORCH_CHECK(t.device() == beside.device(), "whetstone: ", name, " is on ", t.device(), ", the input on ", beside.device());
  TORCH_CHECK(t.numel() < (int64_t)1 << 31, "whetstone: ", name, " has more elements than a kernel can count");
}

/** y = z Φ(z), z = x + bias, over the last axis. */
at::Tensor biasGelu(const at::Tensor& x, const at::Tensor& bias) {
  check(x, "x", x);
  check(bias, "bias", x);
  TORCH_CHECK(x.dim() >= 1 && bias.dim() == 1 && bias.size(0) == x.size(-1), "whetstone::bias_gelu: bias must have the size of the last axis of x");
  at::Tensor in = x.contiguous(), b = bias.contiguous(), out = at::empty_like(in);
  launch("bias_gelu", "fused2", {ceilDiv(in.numel(), 256)}, {256}, 0, in, {in, b, out, in.numel(), in.size(-1)});
  return out;
}

/** Over the last axis, ε = 1e-5. */
at::Tensor layerNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  check(x, "x", x);
  check(weight, "weight", x);
  check(bias, "bias", x);
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) > 0 && weight.dim() == 1 && weight.size(0) == x.size(-1) && bias.dim() == 1 && bias.size(0) == x.size(-1),
    "whetstone::layer_norm: weight and bias must have the size of the last axis of x");
  at::Tensor in = x.contiguous(), w = weight.contiguous(), b = bias.contiguous(), out = at::empty_like(in);
  int64_t cols = in.size(-1), rows = in.numel() / cols;
  launch("layer_norm", "norm2", {rows}, {128}, 0, in, {in, w, b, out, rows, cols});
  return out;
}

/** Over the last axis. */
at::Tensor softmax(const at::Tensor& x) {
  check(x, "x", x);
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) > 0, "whetstone::softmax: the last axis has no elements");
  at::Tensor in = x.contiguous(), out = at::empty_like(in);
  int64_t cols = in.size(-1), rows = in.numel() / cols;
  launch("softmax", "softmax2", {rows}, {128}, 128 * 4, in, {in, out, rows, cols});
  return out;
}

/** [m, k] · [k, n]. */
at::Tensor matmul(const at::Tensor& a, const at::Tensor& b) {
  check(a, "a", a);
  check(b, "b", a);
  TORCH_CHECK(a.dim() == 2 && b.dim() == 2 && a.size(1) == b.size(0), "whetstone::matmul: takes [m, k] and [k, n], got ", a.sizes(), " and ", b.sizes());
  // The kernel works on whole tiles of 32: what is missing to them is padded with zeros, which add nothing.
  auto whole = [](const at::Tensor& t) {
    int64_t rows = ceilDiv(t.size(0), 32) * 32 - t.size(0), cols = ceilDiv(t.size(1), 32) * 32 - t.size(1);
    return rows || cols ? at::constant_pad_nd(t, {0, cols, 0, rows}) : t.contiguous();
  };
  at::Tensor left = whole(a), right = whole(b);
  int64_t m = left.size(0), k = left.size(1), n = right.size(1);
  at::Tensor out = at::empty({m, n}, a.options());
  launch("sgemm", "sgemm3", {n / 32, m / 32}, {32, 32}, 0, left, {left, right, out, m, n, k});
  return m == a.size(0) && n == b.size(1) ? out : out.narrow(0, 0, a.size(0)).narrow(1, 0, b.size(1)).contiguous();
}
}

TORCH_LIBRARY(whetstone, m) {
  m.def("bias_gelu(Tensor x, Tensor bias) -> Tensor");
  m.def("layer_norm(Tensor x, Tensor weight, Tensor bias) -> Tensor");
  m.def("softmax(Tensor x) -> Tensor");
  m.def("matmul(Tensor a, Tensor b) -> Tensor");
}
#define WS_IMPLEMENT(DEVICE) TORCH_LIBRARY_IMPL(whetstone, DEVICE, m) { \
  m.impl("bias_gelu", biasGelu); m.impl("layer_norm", layerNorm); m.impl("softmax", softmax); m.impl("matmul", matmul); }
WS_IMPLEMENT(CPU)
#if defined(WS_TORCH_CUDA)
WS_IMPLEMENT(CUDA)
#endif
