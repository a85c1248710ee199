#pragma once

// For tests: runs what an io thread would run.

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "gantry/base/task.hpp"

namespace gantry::testing {

/// Runs `make()`, which gives a Task, on an io_context of its own until it is done.
template <class Make>
auto await(Make make) {
  using Value = typename decltype(make())::value_type;
  boost::asio::io_context io(1);
  std::optional<Value> value;
  auto run = [&]() -> Task<void> { value.emplace(co_await make()); };
  auto done = [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  };
  boost::asio::co_spawn(io, run(), done);
  io.run();
  return *std::move(value);
}

}  // namespace gantry::testing
