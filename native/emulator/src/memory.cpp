// Memory: global allocations with gaps between them, and the shared memory of a block. `__shared__` variables are
// thread-local to the system's thread that runs the block, so that each core has its own copy at no cost.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include "layout.h"

extern "C" {
extern char __start_ws_device[] __attribute__((weak)), __stop_ws_device[] __attribute__((weak));
extern char __start_ws_constant[] __attribute__((weak)), __stop_ws_constant[] __attribute__((weak));
}

namespace ws {

void* reserve(uintptr_t at, size_t bytes);
alignas(1024) thread_local char ws_tls_dynamic[SHARED_LIMIT];

struct Allocation { size_t bytes; int line; bool host; std::string name; };
static std::map<uintptr_t, Allocation> allocations;
static std::map<uintptr_t, Allocation> freed;
static std::mutex memoryLock;
static uintptr_t top = DEVICE + VARIABLE_BYTES;
static size_t used;
/** Between allocations, so that a step past the end is in nobody's memory; also the alignment that CUDA promises. */
constexpr size_t GAP = 256;

void prepareMemory() {
  reserve(DEVICE, DEVICE_BYTES);
  reserve(VALID, DEVICE_BYTES);
  reserve(RACE, RACE_BYTES);
  reserve(STACKS, STACKS_BYTES);
  reserve(PARAMS, PARAMS_BYTES);
  size_t variables = __stop_ws_device - __start_ws_device;
  if (variables) memset((void*)VALID, ALLOCATED | WRITTEN, variables);
}

/** Global memory that a launch can have touched. */
std::pair<uintptr_t, uintptr_t> deviceUsed() { return {DEVICE, top}; }

void forgetTouches() {
  if (LIBRARY) return;
  auto clear = [](uintptr_t from, size_t bytes) {
    uint64_t* p = (uint64_t*)(VALID + (from - DEVICE));
    for (size_t i = 0; i < (bytes + 7) / 8; i++) p[i] &= ~0x0C0C0C0C0C0C0C0Cull;
  };
  clear(DEVICE, __stop_ws_device - __start_ws_device);
  std::lock_guard<std::mutex> guard(memoryLock);
  for (auto& [at, a] : allocations) clear(at, a.bytes);
}

void* allocate(size_t bytes, int line, bool host, const std::string& name) {
  std::lock_guard<std::mutex> guard(memoryLock);
  if (used + bytes > limits.bytes) return nullptr;
  uintptr_t at = 0;
  size_t room = (bytes + GAP - 1) / GAP * GAP + GAP;
  if (top + room > DEVICE + DEVICE_BYTES) return nullptr;
  at = top;
  top += room;
  used += bytes;
  allocations[at] = {bytes, line, host, name};
  memset((void*)(VALID + (at - DEVICE)), ALLOCATED | (host ? HOST_TOO : 0), bytes);
  // What was there before is anybody's guess; a pattern makes wrong programs wrong every time.
  if (bytes <= (16u << 20)) memset((void*)at, 0xFF, bytes);
  return (void*)at;
}

bool release(void* p, int line, bool& twice) {
  std::lock_guard<std::mutex> guard(memoryLock);
  auto found = allocations.find((uintptr_t)p);
  twice = freed.count((uintptr_t)p) > 0;
  if (found == allocations.end()) return false;
  memset((void*)(VALID + (found->first - DEVICE)), 0, found->second.bytes);
  madvise((void*)((found->first + 4095) & ~4095ull), found->second.bytes & ~4095ull, MADV_DONTNEED);
  used -= found->second.bytes;
  found->second.line = line;
  freed.insert(*found);
  allocations.erase(found);
  return true;
}

void markWritten(void* p, size_t bytes) {
  uint8_t* valid = (uint8_t*)(VALID + ((uintptr_t)p - DEVICE));
  for (size_t i = 0; i < bytes; i++) valid[i] |= WRITTEN;
}

/** Whether [p, p + bytes) is device memory of one allocation, or of device variables. */
bool isDevice(const void* p) {
  uintptr_t a = (uintptr_t)p;
  return a - DEVICE < DEVICE_BYTES;
}
bool insideAllocation(const void* p, size_t bytes) {
  if (bytes == 0) return true;
  uintptr_t a = (uintptr_t)p;
  if (a - DEVICE < VARIABLE_BYTES) return true;
  std::lock_guard<std::mutex> guard(memoryLock);
  auto next = allocations.upper_bound(a);
  if (next == allocations.begin()) return false;
  --next;
  return a + bytes <= next->first + next->second.bytes;
}

void memoryInfo(size_t& free, size_t& total) {
  std::lock_guard<std::mutex> guard(memoryLock);
  total = limits.bytes;
  free = limits.bytes - used;
}

void forEachLeak(void (*tell)(uintptr_t, size_t, int)) {
  std::lock_guard<std::mutex> guard(memoryLock);
  for (auto& [at, a] : allocations) tell(at, a.bytes, a.line);
}

// ---- shared memory ----

/** `function` is the base name of the function that it is declared in. */
struct Variable { size_t offset, bytes; std::string name, function; bool guard; };
static std::vector<Variable> variables;
SharedLayout sharedLayout;
static size_t anchorOffset;

/** `void space::tile<32>(float*)::s` → `tile`. */
static std::string functionOf(const std::string& name) {
  size_t end = name.find('('), start;
  if (end == std::string::npos) return "";
  size_t angle = name.find('<');
  if (angle != std::string::npos && angle < end) end = angle;
  start = end;
  while (start > 0 && (isalnum((unsigned char)name[start - 1]) || name[start - 1] == '_')) start--;
  return name.substr(start, end - start);
}

/** Reads the program's own symbol table: each thread-local symbol that is not the emulator's is a `__shared__` variable. */
void findSharedVariables() {
  Dl_info own{};
  if (LIBRARY) dladdr((void*)&findSharedVariables, &own);
  int fd = open(LIBRARY && own.dli_fname ? own.dli_fname : "/proc/self/exe", O_RDONLY);
  struct stat s;
  if (fd < 0 || fstat(fd, &s) != 0) return;
  char* file = (char*)mmap(nullptr, s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (file == MAP_FAILED) return;
  auto* header = (Elf64_Ehdr*)file;
  auto* sections = (Elf64_Shdr*)(file + header->e_shoff);
  size_t end = 0;
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    auto* symbols = (Elf64_Sym*)(file + sections[i].sh_offset);
    const char* names = file + sections[sections[i].sh_link].sh_offset;
    for (size_t k = 0; k < sections[i].sh_size / sizeof *symbols; k++) {
      if (ELF64_ST_TYPE(symbols[k].st_info) != STT_TLS || symbols[k].st_shndx == SHN_UNDEF) continue;
      std::string name = names + symbols[k].st_name;
      if (name.find("ws_tls_dynamic") != std::string::npos) anchorOffset = symbols[k].st_value;
      if (name.find("ws_tls_") != std::string::npos || symbols[k].st_size == 0) continue;
      bool guard = name.compare(0, 4, "_ZGV") == 0;
      int status;
      if (char* plain = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status)) {
        name = plain;
        free(plain);
      }
      variables.push_back({symbols[k].st_value, symbols[k].st_size, name, functionOf(name), guard});
      end = std::max<size_t>(end, symbols[k].st_value + symbols[k].st_size);
      if (!guard) sharedLayout.staticBytes += symbols[k].st_size;
    }
  }
  munmap(file, s.st_size);
  sharedLayout.dynamicOffset = anchorOffset;
  sharedLayout.totalBytes = std::max(end, anchorOffset + SHARED_LIMIT);
}

std::string sharedName(size_t offset) {
  if (offset >= sharedLayout.dynamicOffset && offset < sharedLayout.dynamicOffset + SHARED_LIMIT) return "dynamic shared memory";
  const Variable* best = nullptr;
  for (auto& v : variables) if (v.offset <= offset && (!best || v.offset > best->offset)) best = &v;
  return best ? best->name + ", byte " + std::to_string(offset - best->offset) + " of " + std::to_string(best->bytes) : "shared memory";
}

void writeString(FILE* out, const std::string& s);
void writeSharedVariables(FILE* out) {
  bool first = true;
  for (size_t i = 0; i < variables.size(); i++) {
    if (variables[i].guard) continue;
    fprintf(out, first ? "[" : ",[");
    first = false;
    writeString(out, variables[i].name);
    fprintf(out, ",%zu]", variables[i].bytes);
  }
}

std::vector<std::string> kernelNames;

/** Variables of other kernels are not there for this one; those of device functions are there for all. */
static bool belongs(const Variable& v, const std::string& kernel) {
  std::string base = functionOf(kernel + "(");
  auto known = [](const std::string& name) { return std::find(kernelNames.begin(), kernelNames.end(), name) != kernelNames.end(); };
  // A kernel launched through a pointer has the pointer's name.
  if (v.function.empty() || base == v.function || !known(base)) return true;
  return !known(v.function);
}

/** A fresh block: every shared variable is there and holds nothing yet. */
void prepareShared(Worker& w, size_t dynamicBytes) {
  if (!w.sharedValid) {
    w.sharedBase = (uintptr_t)ws_tls_dynamic - sharedLayout.dynamicOffset;
    w.sharedBytes = (sharedLayout.totalBytes + 15) / 16 * 16;
    auto map = [](size_t bytes) { return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); };
    w.sharedValid = (uint8_t*)map(w.sharedBytes + 64);
    w.sharedRace = (Cell*)map((w.sharedBytes + 64) / 4 * 24);
  }
  if (LIBRARY) return;  // nobody looks at what was written
  auto fresh = [&](size_t offset, size_t bytes) {
    memset(w.sharedValid + offset, ALLOCATED, bytes);
    memset((char*)(w.sharedBase + offset), 0xFF, bytes);
    memset(w.sharedRace + offset / 4 * 3, 0, (bytes + 7) / 4 * 24);
  };
  if (w.sharedOf != w.launch->id) {
    w.sharedOf = w.launch->id;
    w.mine.clear();
    memset(w.sharedValid, 0, sharedLayout.dynamicOffset);
    for (size_t i = 0; i < variables.size(); i++) {
      // Flags with which the compiler notes that an array was constructed.
      if (variables[i].guard) memset(w.sharedValid + variables[i].offset, 0xFF, variables[i].bytes);
      else if (belongs(variables[i], w.launch->kernel)) w.mine.push_back((uint32_t)i);
      else memset(w.sharedValid + variables[i].offset, 0, variables[i].bytes);
    }
  }
  for (uint32_t i : w.mine) fresh(variables[i].offset, variables[i].bytes);
  // A launch may have less than the one before.
  if (dynamicBytes < w.dynamicNow) memset(w.sharedValid + sharedLayout.dynamicOffset + dynamicBytes, 0, w.dynamicNow - dynamicBytes);
  w.dynamicNow = dynamicBytes;
  fresh(sharedLayout.dynamicOffset, dynamicBytes);
}

std::string describeAddress(uintptr_t a) {
  Worker* w = ws_tls_worker;
  if (w && a - w->sharedBase < w->sharedBytes) return sharedName(a - w->sharedBase);
  if (a - DEVICE >= DEVICE_BYTES) return "";
  std::lock_guard<std::mutex> guard(memoryLock);
  auto next = allocations.upper_bound(a);
  auto tell = [&](uintptr_t at, const Allocation& al) {
    std::string name = al.name.empty() ? (al.line ? "the allocation of line " + std::to_string(al.line) : "an allocation") : al.name;
    int64_t from = (int64_t)(a - at);
    return name + ", byte " + std::to_string(from) + " of " + std::to_string(al.bytes);
  };
  uintptr_t beforeDistance = ~0ull, afterDistance = ~0ull;
  auto before = next;
  if (next != allocations.begin()) beforeDistance = a - (--before)->first;
  if (next != allocations.end()) afterDistance = next->first - a;
  auto old = freed.upper_bound(a);
  if (old != freed.begin()) {
    --old;
    if (a < old->first + old->second.bytes) return "freed memory (freed in line " + std::to_string(old->second.line) + ")";
  }
  if (beforeDistance != ~0ull && (beforeDistance < before->second.bytes + GAP * 4 || beforeDistance <= afterDistance)) return tell(before->first, before->second);
  if (afterDistance != ~0ull) return tell(next->first, next->second);
  return "";
}
}

extern "C" void* ws_dynamic_shared() { return ws::ws_tls_dynamic; }
extern "C" size_t ws_dynamic_shared_bytes() { auto* f = ws::self(); return f ? f->worker->launch->dynamicShared : 0; }
