#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <gtest/gtest.h>

#include "gantry/base/ids.hpp"
#include "gantry/base/result.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/base/task.hpp"
#include "gantry/base/worker_pool.hpp"

namespace gantry {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error::invalid("odd");
  return number / 2;
}

Result<int> quarter(int number) {
  GANTRY_LET(const int once, half(number));
  return half(once);
}

TEST(Result, CarriesAValueOrTheFirstError) {
  ASSERT_TRUE(quarter(8));
  EXPECT_EQ(*quarter(8), 2);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(quarter(6).error().kind(), ErrorKind::kInvalid);
}

TEST(Ids, AValidUidIsOneTo64DigitsAndDots) {
  EXPECT_TRUE(is_valid_uid("1.2.840.0113619.01.2"));
  EXPECT_TRUE(is_valid_uid(std::string(64, '1')));
  EXPECT_FALSE(is_valid_uid(std::string(65, '1')));
  EXPECT_FALSE(is_valid_uid(""));
  EXPECT_FALSE(is_valid_uid(".."));
  EXPECT_FALSE(is_valid_uid("1.2/../3"));
  EXPECT_FALSE(is_valid_uid("1.2.a"));
}

TEST(Sha256, EqualsThePublishedVector) {
  const std::string text = "abc";
  EXPECT_EQ(to_hex(sha256(std::as_bytes(std::span(text)))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(WorkerPool, RunsWhatWasQueuedBeforeItStops) {
  std::atomic<int> ran{0};
  WorkerPool pool("test", 2, 1000);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(pool.try_submit([&ran] { ++ran; }));
  pool.stop();
  EXPECT_EQ(ran, 500);
  EXPECT_FALSE(pool.try_submit([] {}));
}

TEST(WorkerPool, RefusesMoreThanItsQueueHolds) {
  WorkerPool pool("test", 1, 1);
  OneShot<int> release;
  OneShot<int> started;
  ASSERT_TRUE(pool.try_submit([=] {
    started.set(1);
    (void)release.wait();
  }));
  (void)started.wait();
  EXPECT_TRUE(pool.try_submit([] {}));
  EXPECT_FALSE(pool.try_submit([] {}));
  release.set(1);
}

/// A pool whose threads all wait, so that what is queued meanwhile begins in an order that can be seen.
class Lanes : public ::testing::Test {
 protected:
  /// Fills one thread with a task of `lane`; ends with release().
  void block(const std::string& lane) {
    OneShot<int> started;
    ASSERT_TRUE(pool.try_submit(
        [this, started] {
          started.set(1);
          std::unique_lock lock(mutex);
          released.wait(lock, [this] { return go; });
        },
        lane));
    (void)started.wait();
  }
  bool note(const std::string& lane, const std::string& word) {
    return pool.try_submit(
        [this, word] {
          const std::scoped_lock lock(mutex);
          order += word;
        },
        lane);
  }
  void release() {
    {
      const std::scoped_lock lock(mutex);
      go = true;
    }
    released.notify_all();
  }

  std::mutex mutex;
  std::condition_variable released;
  bool go = false;
  std::string order;
  WorkerPool pool{"test", 1, 10};
};

TEST_F(Lanes, TakeTurnsWhateverWaitsInThem) {
  block("a");
  block("b");  // the one thread more
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(note("a", "a"));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(note("c", "c"));
  release();
  pool.stop();
  EXPECT_EQ(order.size(), 7U);
  EXPECT_LE(order.rfind('c'), 4U) << order;  // each behind one of "a", where two threads take tasks
}

TEST_F(Lanes, AreNotHeldUpByOneThatIsFullOfLongTasks) {
  block("a");
  EXPECT_TRUE(note("a", "a"));
  EXPECT_TRUE(note("b", "b"));
  std::string seen;
  while (seen.empty()) {
    std::this_thread::yield();
    const std::scoped_lock lock(mutex);
    seen = order;
  }
  EXPECT_EQ(seen, "b") << "the one thread more is not for the lane that has all others";
  release();
  pool.stop();
  EXPECT_EQ(order, "ba");
}

TEST_F(Lanes, KeepTheirShareOfTheQueue) {
  block("a");
  block("b");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(note("a", "a"));
  EXPECT_FALSE(note("a", "a"));
  EXPECT_TRUE(note("b", "b")) << "a lane that has little waiting is not locked out";
  EXPECT_TRUE(note("c", "c"));
  EXPECT_EQ(pool.queued(), 12U);
  release();
  pool.stop();
  EXPECT_EQ(order.size(), 12U);
}

TEST(RunOn, BringsTheResultBackToTheIoThread) {
  boost::asio::io_context io(1);
  WorkerPool pool("test", 2, 100);
  const auto io_thread = std::this_thread::get_id();
  int sum = 0;
  auto work = [&]() -> Task<void> {
    for (int i = 0; i < 100; ++i) {
      auto job = [i]() -> Result<std::string> { return std::to_string(i); };
      auto text = co_await run_on(pool, job);
      EXPECT_EQ(std::this_thread::get_id(), io_thread);
      if (text) sum += std::stoi(*text);
    }
  };
  boost::asio::co_spawn(io, work(), boost::asio::detached);
  io.run();
  EXPECT_EQ(sum, 4950);
}

}  // namespace
}  // namespace gantry
