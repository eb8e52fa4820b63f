// Fibers: one for each CUDA thread of a block, switched by hand. A switch saves the registers that a call must keep.
#include <sys/mman.h>
#include <cstdlib>
#include <cstdio>
#include <cstring>
#include "layout.h"

extern "C" void ws_switch(void** from, void* to);
#if defined(__x86_64__)
asm(R"(
.text
.globl ws_switch
.type ws_switch,@function
ws_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size ws_switch,.-ws_switch
)");
constexpr int SAVED = 6;
#elif defined(__aarch64__)
asm(R"(
.text
.globl ws_switch
.type ws_switch,%function
ws_switch:
  stp x29, x30, [sp, #-160]!
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  stp x23, x24, [sp, #48]
  stp x25, x26, [sp, #64]
  stp x27, x28, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #16]
  ldp x21, x22, [sp, #32]
  ldp x23, x24, [sp, #48]
  ldp x25, x26, [sp, #64]
  ldp x27, x28, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  ldp x29, x30, [sp], #160
  ret
.size ws_switch,.-ws_switch
)");
#else
#error "The emulator switches stacks by hand: x86-64 and arm64 are supported"
#endif

namespace ws {

void* reserve(uintptr_t at, size_t bytes) {
  void* got = mmap((void*)at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got != (void*)at) {
    fprintf(stderr, "emulator: the address range at %#zx is not free\n", (size_t)at);
    _Exit(70);
  }
  return got;
}

/** Maps stack slots up to `count` for a worker; the lowest page of each is a guard. */
void needStacks(int worker, uint32_t count) {
  static uint32_t have[MAX_WORKERS];
  uintptr_t base = STACKS + (uintptr_t)worker * MAX_THREADS * STACK_BYTES;
  for (; have[worker] < count; have[worker]++) mprotect((void*)(base + have[worker] * STACK_BYTES), 4096, PROT_NONE);
}

Fiber* fiberOf(int worker, uint32_t slot) {
  return fiberAt(STACKS + ((uintptr_t)worker * MAX_THREADS + slot) * STACK_BYTES);
}

static void fiberMain() {
  Fiber* f = self();
  Launch* launch = f->worker->launch;
  launch->entry(launch->closure);
  if (f->unsettled) settle(f);
  f->state = State::Ended;
  yieldFiber();
  abort();
}

/** Lays a first frame on the stack, so that the first switch to it enters fiberMain. */
void startFiber(Fiber* f) {
  uintptr_t top = (uintptr_t)f & ~(uintptr_t)63;
#if defined(__x86_64__)
  void** sp = (void**)(top - 64);
  *--sp = nullptr;
  *--sp = (void*)fiberMain;
  for (int i = 0; i < SAVED; i++) *--sp = nullptr;
#else
  void** sp = (void**)(top - 160);
  memset(sp, 0, 160);
  sp[1] = (void*)fiberMain;
#endif
  f->sp = sp;
}

void switchTo(Fiber* f) {
  Worker* w = f->worker;
  w->current = f;
  f->yielded = false;
  ws_switch(&w->sp, f->sp);
  w->current = nullptr;
}

void yieldFiber() {
  Fiber* f = self();
  f->budget = QUANTUM;
  ws_switch(&f->sp, f->worker->sp);
}
}
