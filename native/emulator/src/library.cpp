// The emulator inside another process (the N-API addon): kernels get pointers to the host's own arrays and nothing is
// judged. What can be kept from taking the process with it is: an endless kernel meets its time limit at the next basic
// block, and a crash on a kernel's stack ends the launch. A wild write into the host's memory cannot be caught here.
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include "../../common/library.h"
#include "layout.h"

namespace ws {

Limits limits;
std::atomic<bool> stopping{false};
uintptr_t STACKS, PARAMS;
extern std::vector<std::string> kernelNames;
std::string firstFault();
void forgetFaults();
void forgetErrors();

struct Entry { std::string name; std::vector<ws_parameter> parameters; void (*run)(void**, ws_uint3, ws_uint3, size_t); };
static std::vector<Entry>& entries() {
  static std::vector<Entry> list;
  return list;
}

void writeResult(int) {}
/** Only host code of the program ends a process, and a library runs none. */
void finish(int status) { _Exit(status); }

/** Where a crashed kernel goes on: the end of its block. */
static void crashedFiber() { abandon(); }

static struct sigaction previous[NSIG];
static void crashed(int signal, siginfo_t* info, void* context) {
  auto* registers = &((ucontext_t*)context)->uc_mcontext;
#if defined(__x86_64__)
  auto& sp = registers->gregs[REG_RSP];
  auto& pc = registers->gregs[REG_RIP];
#else
  auto& sp = registers->sp;
  auto& pc = registers->pc;
#endif
  uintptr_t a = (uintptr_t)info->si_addr;
  bool guard = a - STACKS < STACKS_BYTES && (a & (STACK_BYTES - 1)) < 4096;
  uintptr_t stack = guard ? a : (uintptr_t)sp;
  if (onDevice(stack) && ws_tls_worker) {
    fault(guard ? "stack-overflow" : "crash", "error", (uintptr_t)pc, 0, 0, 0, strsignal(signal));
    // The frame of the kernel is given up; a fresh one begins below the fiber's own data.
    sp = (decltype(+sp))(((uintptr_t)fiberAt(stack) - 1024) & ~(uintptr_t)63) - 8;
    pc = (decltype(+pc))crashedFiber;
    return;
  }
  struct sigaction& old = previous[signal];
  if (old.sa_flags & SA_SIGINFO) return old.sa_sigaction(signal, info, context);
  if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) return old.sa_handler(signal);
  sigaction(signal, &old, nullptr);  // happens again, and then as if we had not been there
}

void alternateStack() {
  stack_t stack{};
  stack.ss_size = 256 * 1024;
  stack.ss_sp = malloc(stack.ss_size);
  sigaltstack(&stack, nullptr);
}

static bool prepare(char* message, size_t bytes) {
  static bool ready = false;
  if (ready) return true;
  auto reserveAnywhere = [](size_t size) { return mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); };
  void* stacks = reserveAnywhere(STACKS_BYTES + STACK_BYTES);
  void* parameters = reserveAnywhere(PARAMS_BYTES);
  if (stacks == MAP_FAILED || parameters == MAP_FAILED) {
    snprintf(message, bytes, "the system gives no address space for the stacks of the threads");
    return false;
  }
  STACKS = ((uintptr_t)stacks + STACK_BYTES - 1) & ~(STACK_BYTES - 1);
  PARAMS = (uintptr_t)parameters;
  limits.races = false;
  findSharedVariables();
  for (Entry& e : entries()) kernelNames.push_back(e.name.substr(0, e.name.find('<')));
  struct sigaction action{};
  action.sa_sigaction = crashed;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (int s : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigaction(s, &action, &previous[s]);
  return ready = true;
}

/** Ends a launch that takes longer than its limit. */
struct Watch {
  std::mutex lock;
  std::condition_variable over;
  bool done = false;
  std::thread thread;
  explicit Watch(double seconds) : thread([this, seconds] {
    std::unique_lock<std::mutex> guard(lock);
    if (!over.wait_for(guard, std::chrono::duration<double>(seconds), [this] { return done; })) stopping = true;
  }) {}
  ~Watch() {
    { std::lock_guard<std::mutex> guard(lock); done = true; }
    over.notify_all();
    thread.join();
    stopping = false;
  }
};

static std::mutex one;  // the emulator runs one launch at a time

static int launch(int device, const ws_library_call* call) {
  std::lock_guard<std::mutex> guard(one);
  auto failed = [&](const std::string& text) { snprintf(call->message, call->message_bytes, "%s", text.c_str()); return 1; };
  if (device != 0) return failed("the emulator is device 0");
  if (!prepare(call->message, call->message_bytes)) return 1;
  Entry* entry = nullptr;
  for (Entry& e : entries()) if (e.name == call->kernel) entry = &e;
  if (!entry) return failed(std::string("there is no kernel ") + call->kernel);
  if ((size_t)call->count != entry->parameters.size()) return failed("the kernel takes another number of arguments");
  forgetFaults();
  forgetErrors();
  Watch watch(call->seconds);
  for (int i = 0; i < call->repeat; i++) {
    timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    entry->run(call->values, {call->grid[0], call->grid[1], call->grid[2]}, {call->block[0], call->block[1], call->block[2]}, call->shared);
    clock_gettime(CLOCK_MONOTONIC, &b);
    if (call->milliseconds) call->milliseconds[i] = (b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) * 1e-6;
    std::string told = firstFault();
    if (!told.empty()) return failed(told);
  }
  return 0;
}

static const char* listed() {
  static std::string text;
  text = ws_entries_json(entries());
  return text.c_str();
}
}

using namespace ws;
extern "C" {
void ws_register(const char* name, int count, const ws_parameter* parameters, void (*run)(void**, ws_uint3, ws_uint3, size_t)) {
  entries().push_back({name, std::vector<ws_parameter>(parameters, parameters + count), run});
}

__attribute__((visibility("default"))) const ws_library* ws_library_open() {
  static const ws_library library = {
    WS_LIBRARY_VERSION, 1,
    [](char* names, size_t bytes) { snprintf(names, bytes, "CUDA emulator (this computer's CPU)"); return 1; },
    listed, launch,
    [](int, size_t bytes) { return aligned_alloc(256, (bytes + 255) / 256 * 256 + 256); },
    [](int, void* to, const void* from, size_t bytes, int) { memcpy(to, from, bytes); return 0; },
    [](int, void* memory) { free(memory); },
  };
  return &library;
}
}
