// The request that TypeScript writes for a run in a process of its own (src/runtime/cuda/run.ts): one word and its values
// a line. Read alike by the emulator's main and by the runner on a GPU.
#pragma once
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>
#include "parameters.h"

namespace ws {

/** kind: b a buffer with an offset, f a number, i a whole number. */
struct RequestArgument { char kind; size_t buffer, offset; double number; int64_t integer; };
struct RequestCall {
  std::string kernel;
  unsigned grid[3], block[3];
  size_t shared;
  int repeat;
  std::vector<RequestArgument> arguments;
};
/** An array: where it lies in the blob, whether it has contents, and where it is on the device. */
struct RequestBuffer { size_t offset, bytes; bool written; std::string name; char* device; };

struct RunRequest {
  double seconds = 20;
  size_t bytes = 1ull << 30;
  int workers = 0;
  uint64_t seed = 0;
  bool races = true;
  std::string result, blob;
  std::vector<std::string> kernels, arguments{"program"};
  std::vector<RequestBuffer> buffers;
  std::vector<RequestCall> calls;
};

inline RunRequest readRequest(const char* path) {
  RunRequest r;
  std::ifstream file(path);
  std::string line, word;
  while (std::getline(file, line)) {
    std::istringstream in(line);
    in >> word;
    auto rest = [&] { std::string s; std::getline(in >> std::ws, s); return s; };
    if (word == "seconds") in >> r.seconds;
    else if (word == "bytes") in >> r.bytes;
    else if (word == "workers") in >> r.workers;
    else if (word == "seed") in >> r.seed;
    else if (word == "races") in >> r.races;
    else if (word == "kernel") r.kernels.push_back(rest());
    else if (word == "result") r.result = rest();
    else if (word == "blob") r.blob = rest();
    else if (word == "argument") r.arguments.push_back(rest());
    else if (word == "buffer") {
      RequestBuffer b{};
      in >> b.offset >> b.bytes >> b.written;
      b.name = rest();
      r.buffers.push_back(b);
    } else if (word == "call") {
      RequestCall c{};
      in >> c.grid[0] >> c.grid[1] >> c.grid[2] >> c.block[0] >> c.block[1] >> c.block[2] >> c.shared >> c.repeat;
      c.kernel = rest();
      r.calls.push_back(c);
    } else if (word == "arg") {
      RequestArgument a{};
      in >> a.kind;
      if (a.kind == 'b') in >> a.buffer >> a.offset;
      else if (a.kind == 'f') in >> a.number;
      else in >> a.integer;
      r.calls.back().arguments.push_back(a);
    }
  }
  return r;
}

/** The arguments of a call as the values of its parameters; `pointers` is what a launch takes. */
struct RequestValues {
  std::vector<uint64_t> values;
  std::vector<void*> pointers;
  RequestValues(const RequestCall& call, const std::vector<ws_parameter>& parameters, const std::vector<RequestBuffer>& buffers) : values(call.arguments.size() * 2) {
    for (size_t i = 0; i < call.arguments.size(); i++) {
      const RequestArgument& a = call.arguments[i];
      void* at = &values[i * 2];
      ws_parameter p = parameters[i];
      if (a.kind == 'b') {
        char* d = buffers[a.buffer].device + a.offset;
        memcpy(at, &d, sizeof d);
      } else if (p.kind == 'f' && p.bytes == 4) {
        float f = (float)a.number;
        memcpy(at, &f, 4);
      } else if (p.kind == 'f') memcpy(at, &a.number, 8);
      else memcpy(at, &a.integer, p.bytes > 8 ? 8 : p.bytes);
      pointers.push_back(at);
    }
  }
};
}
