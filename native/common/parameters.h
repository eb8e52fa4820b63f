// What is known of a kernel's parameters from its type alone: shared by the emulator, the runner on a GPU and the libraries.
#pragma once
#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

/** kind: p pointer, c pointer to const, i and u whole numbers, f a floating-point number, s anything else. */
struct ws_parameter { char kind; unsigned bytes; };

template <class T> struct ws_kind { static constexpr char value = std::is_floating_point<T>::value ? 'f' : std::is_integral<T>::value || std::is_enum<T>::value ? (std::is_signed<T>::value ? 'i' : 'u') : 's'; };
template <class T> struct ws_kind<T*> { static constexpr char value = std::is_const<T>::value ? 'c' : 'p'; };
/** Of a pointer: the size of an element. */
template <class T> struct ws_size { static constexpr unsigned value = sizeof(T); };
template <class T> struct ws_size<T*> { static constexpr unsigned value = sizeof(T); };
template <> struct ws_size<void*> { static constexpr unsigned value = 1; };
template <> struct ws_size<const void*> { static constexpr unsigned value = 1; };

/** [{"name": …, "parameters": [[kind, bytes], …]}, …] of entries that have `name` and `parameters`. */
template <class Entries> std::string ws_entries_json(const Entries& entries) {
  std::string text = "[";
  for (const auto& e : entries) {
    text += (text.size() > 1 ? ",{\"name\":\"" : "{\"name\":\"") + e.name + "\",\"parameters\":[";
    for (size_t k = 0; k < e.parameters.size(); k++)
      text += (k ? ",[\"" : "[\"") + std::string(1, e.parameters[k].kind) + "\"," + std::to_string(e.parameters[k].bytes) + "]";
    text += "]}";
  }
  return text + "]";
}
