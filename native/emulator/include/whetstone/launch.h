// kernel<<<grid, block, shared, stream>>>(arguments), after the rewriter made an expression of it; and the entries
// through which TypeScript calls a kernel.
#pragma once
#include <tuple>
#include <utility>
#include "host.h"
#include "vector_types.h"

struct ws_config {
  dim3 grid, block;
  size_t shared;
  ws_config(dim3 grid, dim3 block, size_t shared = 0, cudaStream_t = nullptr) : grid(grid), block(block), shared(shared) {}
};

template <class F, class... A> struct ws_closure {
  F call;
  std::tuple<A...> arguments;
  static void enter(void* self) {
    ws_closure& c = *(ws_closure*)self;
    std::apply(c.call, c.arguments);
  }
};

/** The arguments are evaluated and copied here, on the host, once; every thread gets its own copy of the values. */
template <class F, class... A> void ws_start(const char* kernel, int line, const ws_config& c, int cooperative, F call, A... arguments) {
  ws_closure<F, A...> closure{call, std::tuple<A...>(arguments...)};
  ws_launch(kernel, line, c.grid, c.block, c.shared, cooperative, &ws_closure<F, A...>::enter, &closure, sizeof closure);
}

template <class... P, size_t... I> void ws_call_values(const char* name, int cooperative, void (*kernel)(P...), void** values, dim3 grid, dim3 block, size_t shared, std::index_sequence<I...>) {
  ws_start(name, 0, ws_config(grid, block, shared), cooperative, kernel, *(std::decay_t<P>*)values[I]...);
}
template <class... P> cudaError_t cudaLaunchCooperativeKernel(void (*kernel)(P...), dim3 grid, dim3 block, void** values, size_t shared = 0, cudaStream_t = nullptr) {
  ws_call_values("cooperative kernel", 1, kernel, values, grid, block, shared, std::index_sequence_for<P...>());
  return cudaPeekAtLastError();
}
template <class... P> cudaError_t cudaLaunchKernel(void (*kernel)(P...), dim3 grid, dim3 block, void** values, size_t shared = 0, cudaStream_t = nullptr) {
  ws_call_values("kernel", 0, kernel, values, grid, block, shared, std::index_sequence_for<P...>());
  return cudaPeekAtLastError();
}

/** Registers a kernel under a name; `Tag` is a type of its own for each, which holds the function. */
template <class Tag, class... P> void ws_enter(const char* name, void (*)(P...)) {
  static const ws_parameter parameters[] = {{ws_kind<std::decay_t<P>>::value, ws_size<std::decay_t<P>>::value}..., {0, 0}};
  ws_register(name, (int)sizeof...(P), parameters, [](void** values, ws_uint3 grid, ws_uint3 block, size_t shared) {
    void (*kernel)(P...) = Tag::kernel();
    ws_call_values(Tag::name(), Tag::cooperative, kernel, values, dim3(grid), dim3(block), shared, std::index_sequence_for<P...>());
  });
}
#define WS_ENTRY_2(id, text, together, ...) \
  namespace { struct ws_tag_##id { static auto kernel() { return &__VA_ARGS__; } static const char* name() { return text; } static constexpr int cooperative = together; }; \
  const int ws_entry_##id = (ws_enter<ws_tag_##id>(text, &__VA_ARGS__), 0); }
#define WS_ENTRY(id, text, together, ...) WS_ENTRY_2(id, text, together, __VA_ARGS__)

/** `extern __shared__ T name[]` outside a function. */
template <class T> struct ws_shared_array {
  WS_INLINE operator T*() const { return (T*)ws_dynamic_shared(); }
};
