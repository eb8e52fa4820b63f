// The program around a learner's program: reads what is asked, runs it within its limits, and writes what was found,
// whatever happens. One process a run, so that nothing a kernel does can reach the notebook.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ucontext.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include "../../common/request.h"
#include "layout.h"

namespace ws {

Limits limits;
std::atomic<bool> stopping{false};
void prepareMemory();
void prepareRecords();
void writeReport(FILE* out, int status);
void* allocate(size_t bytes, int line, bool host, const std::string& name);
void markWritten(void* p, size_t bytes);
extern std::vector<std::string> kernelNames;
void forEachLeak(void (*tell)(uintptr_t, size_t, int));

struct Entry { std::string name; std::vector<ws_parameter> parameters; void (*run)(void**, ws_uint3, ws_uint3, size_t); };
static std::vector<Entry>& entries() {
  static std::vector<Entry> list;
  return list;
}

static std::string resultFile;
static std::atomic<bool> finished{false};

void writeResult(int status) {
  if (finished.exchange(true)) return;
  fflush(stdout);
  fflush(stderr);
  std::string partial = resultFile + ".part";
  FILE* out = fopen(partial.c_str(), "w");
  if (!out) return;
  writeReport(out, status);
  fclose(out);
  rename(partial.c_str(), resultFile.c_str());
}

void finish(int status) {
  writeResult(status);
  _Exit(status);
}

/** Only the first crash is told; a second one, while telling, ends the process. */
static void crashed(int signal, siginfo_t* info, void* context) {
  static std::atomic<int> times{0};
  if (times++ > 0) _Exit(128 + signal);
  auto* registers = &((ucontext_t*)context)->uc_mcontext;
#if defined(__x86_64__)
  uintptr_t pc = registers->gregs[REG_RIP];
#else
  uintptr_t pc = registers->pc;
#endif
  uintptr_t a = (uintptr_t)info->si_addr;
  bool guard = a - STACKS < STACKS_BYTES && (a & (STACK_BYTES - 1)) < 4096;
  fault(guard ? "stack-overflow" : "crash", "error", pc, 0, signal == SIGSEGV || signal == SIGBUS ? a : 0, 0, strsignal(signal));
  finish(128 + signal);
}

void alternateStack() {
  stack_t stack{};
  stack.ss_size = 256 * 1024;
  stack.ss_sp = malloc(stack.ss_size);
  sigaltstack(&stack, nullptr);
}

static void watch() {
  timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (double stopAt = limits.seconds; !finished;) {
    usleep(20000);
    clock_gettime(CLOCK_MONOTONIC, &now);
    double passed = (now.tv_sec - start.tv_sec) + (now.tv_nsec - start.tv_nsec) * 1e-9;
    long pages = 0, resident = 0;
    if (FILE* f = fopen("/proc/self/statm", "r")) {
      if (fscanf(f, "%ld %ld", &pages, &resident) != 2) resident = 0;
      fclose(f);
    }
    // The check of races keeps 6 bytes a byte, the state of the bytes another one.
    if ((size_t)resident * 4096 > limits.bytes * 9 + (512u << 20)) {
      fault("memory-limit", "error", 0, 0, 0, (size_t)resident * 4096, "");
      finish(137);
    }
    if (passed > stopAt && !stopping) {
      stopping = true;
      stopAt += 1;
    } else if (passed > stopAt) {
      fault("time-limit", "error", 0, 0, 0, 0, "host");
      finish(124);
    }
  }
}

static void runCall(const RequestCall& call, const std::vector<RequestBuffer>& buffers) {
  for (Entry& e : entries()) {
    if (e.name != call.kernel) continue;
    RequestValues values(call, e.parameters, buffers);
    for (int i = 0; i < call.repeat; i++)
      e.run(values.pointers.data(), {call.grid[0], call.grid[1], call.grid[2]}, {call.block[0], call.block[1], call.block[2]}, call.shared);
    return;
  }
  fprintf(stderr, "emulator: there is no kernel %s\n", call.kernel.c_str());
  _Exit(71);
}
}

using namespace ws;
extern "C" void ws_register(const char* name, int count, const ws_parameter* parameters, void (*run)(void**, ws_uint3, ws_uint3, size_t)) {
  entries().push_back({name, std::vector<ws_parameter>(parameters, parameters + count), run});
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s REQUEST | --entries\n", argv[0]);
    return 64;
  }
  if (!strcmp(argv[1], "--entries")) {
    puts(ws_entries_json(entries()).c_str());
    return 0;
  }
  RunRequest request = readRequest(argv[1]);
  limits = {request.seconds, request.bytes, request.workers, request.seed, request.races};
  kernelNames = request.kernels;
  resultFile = request.result;
  prepareMemory();
  prepareRecords();
  findSharedVariables();
  alternateStack();
  struct sigaction action{};
  action.sa_sigaction = crashed;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (int s : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigaction(s, &action, nullptr);
  on_exit([](int code, void*) { writeResult(code); }, nullptr);  // a program may call exit
  std::thread(watch).detach();

  int status = 0;
  if (request.calls.empty()) {
    if (!ws_program_main) {
      fprintf(stderr, "emulator: the program has no main\n");
      return 72;
    }
    std::vector<char*> list;
    for (auto& a : request.arguments) list.push_back(a.data());
    list.push_back(nullptr);
    status = ws_program_main((int)request.arguments.size(), list.data());
    forEachLeak([](uintptr_t at, size_t bytes, int line) { fault("leak", "warning", at, 0, 0, bytes, "line " + std::to_string(line)); });
  } else {
    int fd = open(request.blob.c_str(), O_RDWR);
    struct stat s{};
    char* blob = nullptr;
    if (fd >= 0 && fstat(fd, &s) == 0 && s.st_size > 0) blob = (char*)mmap(nullptr, s.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (RequestBuffer& b : request.buffers) {
      b.device = (char*)allocate(b.bytes, 0, false, b.name);
      if (!b.device) {
        fault("memory-limit", "error", 0, 0, 0, b.bytes, "buffer");
        finish(137);
      }
      if (!b.written || !blob) continue;
      memcpy(b.device, blob + b.offset, b.bytes);
      markWritten(b.device, b.bytes);
    }
    for (const RequestCall& c : request.calls) runCall(c, request.buffers);
    if (blob) for (RequestBuffer& b : request.buffers) memcpy(blob + b.offset, b.device, b.bytes);
  }
  finish(status);
}
