// SPDX-License-Identifier: Apache-2.0
// Errors as values: what a function that can meet bad input returns.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace ecoflow {

// How the program ends (docs/contracts.md).
enum class ExitCode : int {
  kOk = 0,         // the result equals the golden model
  kMismatch = 1,   // it does not
  kBadInput = 2,   // bad usage or input
  kMachinery = 3,  // a tool is missing, the model does not build, a watchdog fired
};

// One line for the user, and the exit status that goes with it.
struct Error {
  std::string message;
  ExitCode code = ExitCode::kBadInput;
};

template <typename... Args>
Error BadInput(fmt::format_string<Args...> format, Args&&... args) {
  return {fmt::format(format, std::forward<Args>(args)...), ExitCode::kBadInput};
}
template <typename... Args>
Error Machinery(fmt::format_string<Args...> format, Args&&... args) {
  return {fmt::format(format, std::forward<Args>(args)...), ExitCode::kMachinery};
}

// A value or an Error.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT: implicit on purpose
  Result(Error error) : state_(std::move(error)) {}  // NOLINT: implicit on purpose
  bool ok() const { return std::holds_alternative<T>(state_); }
  const T& value() const& { return std::get<T>(state_); }
  T& value() & { return std::get<T>(state_); }
  T&& value() && { return std::get<T>(std::move(state_)); }
  const Error& error() const { return std::get<Error>(state_); }

 private:
  std::variant<T, Error> state_;
};

// Success or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT: implicit on purpose
  bool ok() const { return !error_.has_value(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace ecoflow

#define ECO_CONCAT_INNER(a, b) a##b
#define ECO_CONCAT(a, b) ECO_CONCAT_INNER(a, b)

// ECO_ASSIGN(auto x, F()): x = the value of F(), or return its error.
#define ECO_ASSIGN(lhs, expr) ECO_ASSIGN_IMPL(ECO_CONCAT(eco_result_, __LINE__), lhs, expr)
#define ECO_ASSIGN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                    \
  if (!tmp.ok()) return tmp.error();    \
  lhs = std::move(tmp).value()

#define ECO_RETURN_IF_ERROR(expr)                                       \
  do {                                                                  \
    if (auto eco_status = (expr); !eco_status.ok()) return eco_status.error(); \
  } while (false)

// Broken invariants of the program itself: prints where and stops.
#define CHECK(condition)                                                                    \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      std::fprintf(stderr, "%s:%d: internal error: %s does not hold\n", __FILE__, __LINE__,   \
                   #condition);                                                             \
      std::abort();                                                                         \
    }                                                                                       \
  } while (false)
