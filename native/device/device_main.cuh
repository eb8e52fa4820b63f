// The runner for a real GPU: answers the same requests as the emulator's (native/emulator/src/main.cpp), so that
// TypeScript talks to both alike. Included twice by the compiled program: before the source (names), after it (main).
#ifndef WS_DEVICE_NAMES
#define WS_DEVICE_NAMES
#include <cuda_runtime.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

struct ws_parameter { char kind; unsigned bytes; };
struct ws_entry {
  std::string name;
  std::vector<ws_parameter> parameters;
  const void* kernel;
  bool cooperative;
};
inline std::vector<ws_entry>& ws_entries() {
  static std::vector<ws_entry> list;
  return list;
}
template <class T> struct ws_kind { static constexpr char value = std::is_floating_point<T>::value ? 'f' : std::is_integral<T>::value || std::is_enum<T>::value ? (std::is_signed<T>::value ? 'i' : 'u') : 's'; };
template <class T> struct ws_kind<T*> { static constexpr char value = std::is_const<T>::value ? 'c' : 'p'; };
template <class T> struct ws_size { static constexpr unsigned value = sizeof(T); };
template <class T> struct ws_size<T*> { static constexpr unsigned value = sizeof(T); };
template <> struct ws_size<void*> { static constexpr unsigned value = 1; };
template <> struct ws_size<const void*> { static constexpr unsigned value = 1; };
template <class... P> int ws_enter(const char* name, bool cooperative, void (*kernel)(P...)) {
  ws_entries().push_back({name, {ws_parameter{ws_kind<std::decay_t<P>>::value, ws_size<std::decay_t<P>>::value}...}, (const void*)kernel, cooperative});
  return 0;
}
#define WS_ENTRY(id, text, together, ...) static const int ws_entry_##id = ws_enter(text, together, __VA_ARGS__);
#define WS_DEVICE_OK(call) do { cudaError_t ws_e = (call); if (ws_e != cudaSuccess) ws_device_failed(ws_e, __LINE__); } while (0)
inline std::string& ws_result_file() { static std::string f; return f; }
inline std::string& ws_kernels_json() { static std::string s; return s; }
inline void ws_device_write(int status, const std::string& fault) {
  fflush(stdout);
  std::ofstream out(ws_result_file());
  out << "{\"exit\":" << status << ",\"shared\":[],\"kernels\":[" << ws_kernels_json() << "],\"faults\":[" << fault << "]}\n";
}
/** An error of the device is told as a fault; which line it was, compute-sanitizer or the emulator can say. */
inline void ws_device_failed(cudaError_t e, int) {
  ws_device_write(1, std::string("{\"kind\":\"crash\",\"severity\":\"error\",\"pc\":0,\"pc2\":0,\"address\":\"\",\"size\":0,\"count\":1,\"target\":\"\",\"detail\":\"") + cudaGetErrorString(e) + "\"}");
  exit(1);
}
#endif

#if defined(WS_DEVICE_MAIN)
struct ws_argument { char kind; size_t buffer, offset; double number; long long integer; };
struct ws_call { std::string kernel; dim3 grid, block; size_t shared; int repeat; std::vector<ws_argument> arguments; };
struct ws_buffer { size_t offset, bytes; bool written; char* device; };

static void ws_run_call(const ws_call& c, const std::vector<ws_buffer>& buffers) {
  for (const ws_entry& e : ws_entries()) {
    if (e.name != c.kernel) continue;
    std::vector<uint64_t> values(c.arguments.size() * 2);
    std::vector<void*> pointers;
    for (size_t i = 0; i < c.arguments.size(); i++) {
      const ws_argument& a = c.arguments[i];
      void* at = &values[i * 2];
      ws_parameter p = e.parameters[i];
      if (a.kind == 'b') { char* d = buffers[a.buffer].device + a.offset; memcpy(at, &d, sizeof d); }
      else if (p.kind == 'f' && p.bytes == 4) { float f = (float)a.number; memcpy(at, &f, 4); }
      else if (p.kind == 'f') memcpy(at, &a.number, 8);
      else memcpy(at, &a.integer, p.bytes > 8 ? 8 : p.bytes);
      pointers.push_back(at);
    }
    if (c.shared > 48 * 1024) WS_DEVICE_OK(cudaFuncSetAttribute(e.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)c.shared));
    cudaEvent_t a, b;
    WS_DEVICE_OK(cudaEventCreate(&a));
    WS_DEVICE_OK(cudaEventCreate(&b));
    float total = 0, fastest = 1e30f;
    for (int i = 0; i < c.repeat; i++) {
      float ms = 0;
      WS_DEVICE_OK(cudaEventRecord(a));
      if (e.cooperative) WS_DEVICE_OK(cudaLaunchCooperativeKernel((void*)e.kernel, c.grid, c.block, pointers.data(), c.shared, 0));
      else WS_DEVICE_OK(cudaLaunchKernel((void*)e.kernel, c.grid, c.block, pointers.data(), c.shared, 0));
      WS_DEVICE_OK(cudaEventRecord(b));
      WS_DEVICE_OK(cudaEventSynchronize(b));
      WS_DEVICE_OK(cudaEventElapsedTime(&ms, a, b));
      total += ms;
      fastest = ms < fastest ? ms : fastest;
    }
    char text[512];
    snprintf(text, sizeof text, "%s{\"kernel\":\"%s\",\"line\":0,\"grid\":[%u,%u,%u],\"block\":[%u,%u,%u],\"dynamicShared\":%zu,\"launches\":%d,\"threads\":%llu,\"accesses\":0,\"barriers\":0,"
      "\"collectives\":0,\"readOnce\":0,\"writtenOnce\":0,\"ms\":%.6f,\"fastestMs\":%.6f,\"sites\":[],\"blocks\":[]}", ws_kernels_json().empty() ? "" : ",", e.name.c_str(), c.grid.x, c.grid.y, c.grid.z,
      c.block.x, c.block.y, c.block.z, c.shared, c.repeat, (unsigned long long)c.repeat * c.grid.x * c.grid.y * c.grid.z * c.block.x * c.block.y * c.block.z, total, fastest);
    ws_kernels_json() += text;
    return;
  }
}

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  if (!strcmp(argv[1], "--entries")) {
    printf("[");
    for (size_t i = 0; i < ws_entries().size(); i++) {
      const ws_entry& e = ws_entries()[i];
      printf("%s{\"name\":\"%s\",\"parameters\":[", i ? "," : "", e.name.c_str());
      for (size_t k = 0; k < e.parameters.size(); k++) printf("%s[\"%c\",%u]", k ? "," : "", e.parameters[k].kind, e.parameters[k].bytes);
      printf("]}");
    }
    printf("]\n");
    return 0;
  }
  std::ifstream request(argv[1]);
  std::string line, blob_file;
  std::vector<ws_buffer> buffers;
  std::vector<ws_call> calls;
  std::vector<std::string> arguments{"program"};
  while (std::getline(request, line)) {
    std::istringstream in(line);
    std::string word;
    in >> word;
    auto rest = [&] { std::string s; std::getline(in >> std::ws, s); return s; };
    if (word == "result") ws_result_file() = rest();
    else if (word == "blob") blob_file = rest();
    else if (word == "argument") arguments.push_back(rest());
    else if (word == "buffer") { ws_buffer b{}; in >> b.offset >> b.bytes >> b.written; buffers.push_back(b); }
    else if (word == "call") { ws_call c{}; in >> c.grid.x >> c.grid.y >> c.grid.z >> c.block.x >> c.block.y >> c.block.z >> c.shared >> c.repeat; c.kernel = rest(); calls.push_back(c); }
    else if (word == "arg") {
      ws_argument a{};
      in >> a.kind;
      if (a.kind == 'b') in >> a.buffer >> a.offset; else if (a.kind == 'f') in >> a.number; else in >> a.integer;
      calls.back().arguments.push_back(a);
    }
  }
  int status = 0;
#if defined(WS_HAS_MAIN)
  if (calls.empty()) {
    std::vector<char*> list;
    for (auto& a : arguments) list.push_back(a.data());
    list.push_back(nullptr);
    status = ws_call_main(ws_program_main, (int)arguments.size(), list.data());
  }
#endif
  if (!calls.empty()) {
    std::fstream blob(blob_file, std::ios::in | std::ios::out | std::ios::binary);
    for (ws_buffer& b : buffers) {
      std::vector<char> host(b.bytes);
      WS_DEVICE_OK(cudaMalloc((void**)&b.device, b.bytes ? b.bytes : 1));
      if (!b.written) continue;
      blob.seekg((std::streamoff)b.offset).read(host.data(), (std::streamsize)b.bytes);
      WS_DEVICE_OK(cudaMemcpy(b.device, host.data(), b.bytes, cudaMemcpyHostToDevice));
    }
    for (const ws_call& c : calls) ws_run_call(c, buffers);
    for (ws_buffer& b : buffers) {
      std::vector<char> host(b.bytes);
      WS_DEVICE_OK(cudaMemcpy(host.data(), b.device, b.bytes, cudaMemcpyDeviceToHost));
      blob.seekp((std::streamoff)b.offset).write(host.data(), (std::streamsize)b.bytes);
    }
  }
  ws_device_write(status, "");
  return status;
}
#elif !defined(WS_CALL_MAIN)
#define WS_CALL_MAIN
/** A learner's main takes arguments or none. */
inline int ws_call_main(int (*program)(int, char**), int argc, char** argv) { return program(argc, argv); }
inline int ws_call_main(int (*program)(), int, char**) { return program(); }
#endif
