#include <atomic>
#include <stdexcept>
#include <string>

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
