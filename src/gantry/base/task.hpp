#pragma once

// Coroutines carry bytes at the edge; below the handlers is plain blocking code on a WorkerPool. This header is the
// seam: Task, a one-shot hand-over that a coroutine awaits or a thread waits for, and run_on(pool, work).

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "gantry/base/result.hpp"
#include "gantry/base/worker_pool.hpp"

namespace gantry {

using IoExecutor = boost::asio::io_context::executor_type;

/// A coroutine at the edge. It always runs on the io_context (one thread) of its connection.
template <class T>
using Task = boost::asio::awaitable<T, IoExecutor>;

inline constexpr boost::asio::use_awaitable_t<IoExecutor> kUseTask{};

/// One value handed over once, from any thread, to one receiver: a coroutine (`co_await shot.take()`) or a blocking
/// thread (`shot.wait()`). Copies share the state. Give exactly one `set` and one receive.
template <class T>
class OneShot {
 public:
  OneShot() : state_(std::make_shared<State>()) {}

  /// Hands the value over; wakes the receiver on its own executor.
  void set(T value) const {
    UniqueTask wake;
    {
      const std::scoped_lock lock(state_->mutex);
      assert(!state_->value);
      state_->value.emplace(std::move(value));
      wake = std::move(state_->wake);
    }
    state_->ready.notify_all();
    if (wake) wake();
  }

  /// Waits as a coroutine. The value is moved out.
  [[nodiscard]] Task<T> take() const {
    auto state = state_;  // lives in the coroutine frame until the value came
    auto initiate = [state](auto handler) {
      auto executor = boost::asio::get_associated_executor(handler);
      auto resume = [handler = std::move(handler), executor, work = boost::asio::make_work_guard(executor)]() mutable {
        boost::asio::post(executor, [handler = std::move(handler)]() mutable { std::move(handler)(); });
      };
      UniqueTask now;
      {
        const std::scoped_lock lock(state->mutex);
        if (state->value) {
          now = UniqueTask(std::move(resume));
        } else {
          state->wake = UniqueTask(std::move(resume));
        }
      }
      if (now) now();
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<IoExecutor>, void()>(std::move(initiate),
                                                                                                 kUseTask);
    co_return std::move(*state->value);
  }

  /// Waits as a thread that is no io thread (DIMSE, tests, command line). The value is moved out.
  [[nodiscard]] T wait() const {
    std::unique_lock lock(state_->mutex);
    state_->ready.wait(lock, [this] { return state_->value.has_value(); });
    return std::move(*state_->value);
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<T> value;
    UniqueTask wake;
  };
  std::shared_ptr<State> state_;
};

namespace detail {
template <class R>
struct AsResult {
  using type = Result<R>;
};
template <class R>
struct AsResult<Result<R>> {
  using type = Result<R>;
};
}  // namespace detail

/// Runs blocking `work` (a callable returning T or Result<T>) on `pool` and resumes on the caller's io thread. `lane` is
/// whose work it is (the tenant's id, which outlives the call); lanes take turns. kUnavailable when the queue is full. Name
/// the lambda first, then await: g++ 12 destroys a capturing lambda written inside a co_await expression twice. What `work`
/// holds must own its data.
template <class Work>
Task<typename detail::AsResult<std::invoke_result_t<Work&>>::type> run_on(WorkerPool& pool, std::string_view lane,
                                                                          Work work) {
  using R = typename detail::AsResult<std::invoke_result_t<Work&>>::type;
  OneShot<R> shot;
  auto job = [shot, work = std::move(work)]() mutable {
    if constexpr (std::is_void_v<std::invoke_result_t<Work&>>) {
      work();
      shot.set(R{});
    } else {
      shot.set(R(work()));
    }
  };
  if (!pool.try_submit(std::move(job), lane)) co_return Error::unavailable("the server is at its limit of queued work");
  co_return co_await shot.take();
}

/// The same for the house's own work.
template <class Work>
Task<typename detail::AsResult<std::invoke_result_t<Work&>>::type> run_on(WorkerPool& pool, Work work) {
  return run_on(pool, std::string_view(), std::move(work));
}

/// The same for a step of work that was admitted already (see WorkerPool::submit_admitted).
template <class Work>
Task<typename detail::AsResult<std::invoke_result_t<Work&>>::type> run_admitted(WorkerPool& pool, std::string_view lane,
                                                                                Work work) {
  using R = typename detail::AsResult<std::invoke_result_t<Work&>>::type;
  OneShot<R> shot;
  auto job = [shot, work = std::move(work)]() mutable {
    if constexpr (std::is_void_v<std::invoke_result_t<Work&>>) {
      work();
      shot.set(R{});
    } else {
      shot.set(R(work()));
    }
  };
  if (!pool.submit_admitted(std::move(job), lane)) co_return Error::unavailable("the server is stopping");
  co_return co_await shot.take();
}

}  // namespace gantry
