// What was found: faults as they happen, and after each launch the sums over the workers; written as JSON at the end.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <memory>
#include <tuple>
#include "layout.h"

namespace ws {

extern std::vector<uintptr_t> sitePcs, blockPcs;
void forgetTouches();
enum { REPORT_KINDS = 6 };

struct Fault {
  std::string kind, severity, detail, kernel, address_name;
  uintptr_t pc, pc2, address;
  size_t size;
  bool device;
  ws_uint3 block, thread, otherThread, otherBlock;
  bool hasOther;
  uint64_t count;
};
struct KernelReport {
  std::string kernel;
  int line;
  Dim grid, block;
  size_t dynamicShared;
  uint64_t launches = 0, threads = 0, accesses = 0, barriers = 0, collectives = 0, read = 0, written = 0;
  double seconds = 0, fastest = 1e30;
  std::vector<Stat> stats;
  std::vector<BlockStat> blocks;
};

static std::mutex reportLock;
static std::vector<Fault> faults;
static std::vector<std::unique_ptr<KernelReport>> kernels;
/** More faults than this say nothing new. */
constexpr size_t MAX_FAULTS = 64;
static std::atomic<size_t> faultsSeen{0};

void fault(const char* kind, const char* severity, uintptr_t pc, uintptr_t pc2, uintptr_t address, size_t size, const std::string& detail, int64_t other) {
  Fiber* f = self();
  if (ws_tls_worker && ws_tls_worker->current) f = ws_tls_worker->current;
  std::string where = address ? describeAddress(address) : "";
  std::lock_guard<std::mutex> guard(reportLock);
  for (Fault& old : faults) {
    if (old.kind == kind && old.pc == pc && old.pc2 == pc2) {
      old.count++;
      return;
    }
  }
  if (faults.size() >= MAX_FAULTS) return;
  Fault n{};
  n.kind = kind; n.severity = severity; n.detail = detail; n.pc = pc; n.pc2 = pc2; n.address = address; n.size = size; n.count = 1;
  n.address_name = where;
  if (f) {
    n.device = true;
    n.kernel = f->worker->launch->kernel;
    n.block = f->view.blockIdx;
    n.thread = f->view.threadIdx;
    if (other >= 0) {
      Launch& l = *f->worker->launch;
      bool race = strncmp(kind, "race", 4) == 0;
      uint32_t t = race ? (uint32_t)other % l.threadsPerBlock : (uint32_t)other;
      uint32_t b = race ? (uint32_t)other / l.threadsPerBlock : f->block->linear;
      n.hasOther = true;
      n.otherThread = {t % l.block.x, t / l.block.x % l.block.y, t / l.block.x / l.block.y};
      n.otherBlock = {b % l.grid.x, b / l.grid.x % l.grid.y, b / l.grid.x / l.grid.y};
    }
  }
  faults.push_back(n);
}

/** For a process that goes on: the first error as a sentence, or nothing. */
std::string firstFault() {
  std::lock_guard<std::mutex> guard(reportLock);
  for (Fault& f : faults) {
    if (f.severity != "error") continue;
    std::string text = f.kind + (f.detail.empty() ? "" : ": " + f.detail);
    if (!f.device) return text;
    auto place = [](const ws_uint3& at) { return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) + ")"; };
    return text + ", block " + place(f.block) + ", thread " + place(f.thread);
  }
  return "";
}
void forgetFaults() {
  std::lock_guard<std::mutex> guard(reportLock);
  faults.clear();
  kernels.clear();
}

bool anyError() {
  std::lock_guard<std::mutex> guard(reportLock);
  for (Fault& f : faults) if (f.severity == "error") return true;
  return false;
}

void beginLaunch() {
  forgetTouches();
  resetRaces();
}

void gather(Launch& l, std::vector<std::unique_ptr<Worker>>& workers, double seconds) {
  std::lock_guard<std::mutex> guard(reportLock);
  KernelReport* k = nullptr;
  for (auto& old : kernels)
    if (old->kernel == l.kernel && old->line == l.line && !memcmp(&old->grid, &l.grid, sizeof l.grid) && !memcmp(&old->block, &l.block, sizeof l.block) && old->dynamicShared == l.dynamicShared) k = old.get();
  if (!k) {
    kernels.push_back(std::make_unique<KernelReport>());
    k = kernels.back().get();
    k->kernel = l.kernel; k->line = l.line; k->grid = l.grid; k->block = l.block; k->dynamicShared = l.dynamicShared;
  }
  k->launches++;
  k->threads += (uint64_t)l.blocks * l.threadsPerBlock;
  k->seconds += seconds;
  k->fastest = std::min(k->fastest, seconds);
  for (auto& w : workers) {
    k->accesses += w->accesses; k->barriers += w->barriers; k->collectives += w->collectives;
    k->read += w->readOnce; k->written += w->writtenOnce;
    w->accesses = w->barriers = w->collectives = w->readOnce = w->writtenOnce = w->earlyEnds = 0;
    if (k->stats.size() < w->stats.size()) k->stats.resize(w->stats.size());
    for (size_t i = 0; i < w->stats.size(); i++) {
      Stat &to = k->stats[i], &from = w->stats[i];
      if (!from.requests) continue;
      to.requests += from.requests; to.lanes += from.lanes; to.bytes += from.bytes; to.sectors += from.sectors;
      to.idealSectors += from.idealSectors; to.wavefronts += from.wavefronts; to.idealWavefronts += from.idealWavefronts;
      to.contention += from.contention;
      if (from.worst > to.worst) to.worst = from.worst, to.sample = from.sample;
    }
    w->stats.clear();
    if (k->blocks.size() < w->blocks.size()) k->blocks.resize(w->blocks.size());
    for (size_t i = 0; i < w->blocks.size(); i++) k->blocks[i].warps += w->blocks[i].warps, k->blocks[i].threads += w->blocks[i].threads;
    w->blocks.clear();
  }
}

static void string(FILE* out, const std::string& s) {
  fputc('"', out);
  for (unsigned char c : s) {
    if (c == '"' || c == '\\') fprintf(out, "\\%c", c);
    else if (c < 32) fprintf(out, "\\u%04x", c);
    else fputc(c, out);
  }
  fputc('"', out);
}
static void dims(FILE* out, const char* name, unsigned x, unsigned y, unsigned z) { fprintf(out, "\"%s\":[%u,%u,%u]", name, x, y, z); }

void writeSharedVariables(FILE* out);
void writeString(FILE* out, const std::string& s) { string(out, s); }
static void writeStat(FILE* out, size_t id, const Stat& s) {
  static const char* names[] = {"load", "store", "atomic"};
  fprintf(out, "{\"pc\":%zu,\"space\":\"%s\",\"kind\":\"%s\",\"size\":%u,\"requests\":%zu,\"lanes\":%zu,\"bytes\":%zu,\"sectors\":%zu,\"idealSectors\":%zu,\"wavefronts\":%zu,\"idealWavefronts\":%zu,\"contention\":%zu,\"mask\":%u,\"addresses\":[",
          (size_t)sitePcs[id / REPORT_KINDS], id % REPORT_KINDS < 3 ? "global" : "shared", names[id % 3], s.sample.size, s.requests, s.lanes, s.bytes, s.sectors,
          s.idealSectors, s.wavefronts, s.idealWavefronts, s.contention, s.sample.mask);
  int64_t phase = (int64_t)(s.sample.base & 127);
  for (int lane = 0, first = 1; lane < 32; lane++) {
    if (!(s.sample.mask >> lane & 1)) continue;
    fprintf(out, first ? "%lld" : ",%lld", (long long)(phase + s.sample.delta[lane]));
    first = 0;
  }
  fprintf(out, "]}");
}

void writeReport(FILE* out, int status) {
  std::lock_guard<std::mutex> guard(reportLock);
  fprintf(out, "{\"exit\":%d,\"shared\":[", status);
  writeSharedVariables(out);
  fprintf(out, "],\"kernels\":[");
  for (size_t i = 0; i < kernels.size(); i++) {
    KernelReport& k = *kernels[i];
    fprintf(out, "%s{\"kernel\":", i ? "," : "");
    string(out, k.kernel);
    fprintf(out, ",\"line\":%d,", k.line);
    dims(out, "grid", k.grid.x, k.grid.y, k.grid.z);
    fputc(',', out);
    dims(out, "block", k.block.x, k.block.y, k.block.z);
    fprintf(out, ",\"dynamicShared\":%zu,\"launches\":%zu,\"threads\":%zu,\"accesses\":%zu,\"barriers\":%zu,\"collectives\":%zu,\"readOnce\":%zu,\"writtenOnce\":%zu,\"ms\":%.6f,\"fastestMs\":%.6f,\"sites\":[",
            k.dynamicShared, k.launches, k.threads, k.accesses, k.barriers, k.collectives, k.read, k.written, k.seconds * 1e3, k.fastest * 1e3);
    bool first = true;
    for (size_t id = 0; id < k.stats.size(); id++) {
      if (!k.stats[id].requests || id / REPORT_KINDS >= sitePcs.size()) continue;
      if (!first) fputc(',', out);
      writeStat(out, id, k.stats[id]);
      first = false;
    }
    fprintf(out, "],\"blocks\":[");
    first = true;
    for (size_t id = 0; id < k.blocks.size() && id < blockPcs.size(); id++) {
      if (!k.blocks[id].warps) continue;
      fprintf(out, "%s[%zu,%zu,%zu]", first ? "" : ",", (size_t)blockPcs[id], k.blocks[id].warps, k.blocks[id].threads);
      first = false;
    }
    fprintf(out, "]}");
  }
  fprintf(out, "],\"faults\":[");
  for (size_t i = 0; i < faults.size(); i++) {
    Fault& f = faults[i];
    fprintf(out, "%s{\"kind\":", i ? "," : "");
    string(out, f.kind);
    fprintf(out, ",\"severity\":\"%s\",\"pc\":%zu,\"pc2\":%zu,\"address\":\"0x%zx\",\"size\":%zu,\"count\":%zu,\"detail\":", f.severity.c_str(), (size_t)f.pc, (size_t)f.pc2, (size_t)f.address, f.size, f.count);
    string(out, f.detail);
    fprintf(out, ",\"target\":");
    string(out, f.address_name);
    if (f.device) {
      fprintf(out, ",\"kernel\":");
      string(out, f.kernel);
      fputc(',', out);
      dims(out, "block", f.block.x, f.block.y, f.block.z);
      fputc(',', out);
      dims(out, "thread", f.thread.x, f.thread.y, f.thread.z);
      if (f.hasOther) {
        fputc(',', out);
        dims(out, "otherBlock", f.otherBlock.x, f.otherBlock.y, f.otherBlock.z);
        fputc(',', out);
        dims(out, "otherThread", f.otherThread.x, f.otherThread.y, f.otherThread.z);
      }
    }
    fputc('}', out);
  }
  fprintf(out, "]}\n");
}
}
