#include "gantry/tenant/directory.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <thread>

#include <boost/asio/co_spawn.hpp>

#include <gtest/gtest.h>

namespace gantry::tenant {
namespace {

using namespace std::chrono_literals;

class Directory : public ::testing::Test {
 protected:
  Directory() { tenants_["a"] = {TenantId("a"), TenantState::kActive, {1, 2, 3, 4}}; }

  /// What find() says: the state's name, or the kind of the error.
  std::string find(TenantDirectory& directory, const std::string& tenant) {
    boost::asio::io_context io(1);
    std::string said;
    auto ask = [&]() -> Task<void> {
      const auto found = co_await directory.find(TenantId(tenant));
      said = found ? std::string(to_string(found->state)) : std::string(gantry::to_string(found.error().kind()));
    };
    boost::asio::co_spawn(io, ask(), [](const std::exception_ptr& error) { EXPECT_EQ(error, nullptr); });
    io.run();
    return said;
  }

  Result<std::optional<TenantInfo>> read(const TenantId& tenant) {
    std::unique_lock lock(mutex_);
    ++reads_;
    opened_.wait(lock, [this] { return !closed_; });
    if (down_) return Error::unavailable("the index is away");
    const auto found = tenants_.find(tenant.str());
    return found == tenants_.end() ? std::nullopt : std::optional(found->second);
  }
  void set_state(TenantState state) {
    const std::scoped_lock lock(mutex_);
    tenants_["a"].state = state;
  }
  void set_closed(bool closed) {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = closed;
    }
    opened_.notify_all();
  }
  TenantDirectory::Read reader() {
    return [this](const TenantId& tenant) { return read(tenant); };
  }

  static TenantDirectory::Settings aged(std::chrono::milliseconds age, std::size_t tenants = 100) {
    TenantDirectory::Settings settings;
    settings.age_most = age;
    settings.tenants_most = tenants;
    return settings;
  }

  std::mutex mutex_;
  std::condition_variable opened_;
  std::map<std::string, TenantInfo> tenants_;
  bool down_ = false, closed_ = false;
  std::atomic<int> reads_{0};
  WorkerPool pool_{"index", 2, 100};
};

TEST_F(Directory, TellsWhatIsThereAndNothingOfWhatIsNot) {
  TenantDirectory directory(pool_, reader());
  EXPECT_EQ(find(directory, "a"), "active");
  EXPECT_EQ(find(directory, "b"), gantry::to_string(ErrorKind::kDenied));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(find(directory, "a"), "active");
    EXPECT_EQ(find(directory, "b"), gantry::to_string(ErrorKind::kDenied));
  }
  pool_.stop();
  EXPECT_LT(reads_, 20) << "and remembers both";
}

TEST_F(Directory, IsNeverOlderThanItsAge) {
  TenantDirectory directory(pool_, reader(), aged(300ms));
  EXPECT_EQ(find(directory, "a"), "active");
  set_state(TenantState::kDisabled);
  const auto began = Clock::now();
  while (find(directory, "a") != "disabled") ASSERT_LT(Clock::now() - began, 10s);
  // What was read just before the change may be told for its age, and no longer: the first answer after that is new.
  std::this_thread::sleep_for(310ms);
  set_state(TenantState::kActive);
  std::this_thread::sleep_for(310ms);
  EXPECT_EQ(find(directory, "a"), "active");
  pool_.stop();
}

TEST_F(Directory, SaysNothingThatItCantKnowAnyMore) {
  TenantDirectory directory(pool_, reader(), aged(30ms));
  EXPECT_EQ(find(directory, "a"), "active");
  {
    const std::scoped_lock lock(mutex_);
    down_ = true;
  }
  std::this_thread::sleep_for(40ms);
  EXPECT_EQ(find(directory, "a"), gantry::to_string(ErrorKind::kUnavailable));
  EXPECT_EQ(find(directory, "b"), gantry::to_string(ErrorKind::kUnavailable)) << "a failure is no absence";
  {
    const std::scoped_lock lock(mutex_);
    down_ = false;
  }
  EXPECT_EQ(find(directory, "a"), "active") << "and a failure is not remembered";
  EXPECT_GE(directory.counters().failures, 2U);
  pool_.stop();
}

TEST_F(Directory, ReadsAheadSoThatNobodyWaits) {
  TenantDirectory directory(pool_, reader(), aged(2000ms));
  EXPECT_EQ(find(directory, "a"), "active");
  std::this_thread::sleep_for(1100ms);
  set_closed(true);  // whoever reads now is held up
  EXPECT_EQ(find(directory, "a"), "active") << "and yet this one is answered";
  EXPECT_EQ(find(directory, "a"), "active");
  while (reads_ < 2) std::this_thread::yield();
  EXPECT_EQ(reads_, 2) << "one reads for all";
  set_closed(false);
  pool_.stop();
}

TEST_F(Directory, ForgetsWhatThisProcessChangedEvenWhileItIsRead) {
  TenantDirectory directory(pool_, reader());
  EXPECT_EQ(find(directory, "a"), "active");
  set_state(TenantState::kDisabled);
  directory.forget(TenantId("a"));
  EXPECT_EQ(find(directory, "a"), "disabled");

  set_closed(true);
  directory.forget(TenantId("a"));
  std::string said;
  const int before = reads_;
  std::thread waits([&] { said = find(directory, "a"); });
  while (reads_ == before) std::this_thread::yield();
  directory.forget(TenantId("a"));  // its reading may have begun before the change
  set_state(TenantState::kDeleting);
  set_closed(false);
  waits.join();
  EXPECT_EQ(said, "deleting");
  EXPECT_EQ(find(directory, "a"), "deleting");
  pool_.stop();
}

TEST_F(Directory, SaysOnceThatATenantIsGone) {
  std::vector<std::string> gone;
  TenantDirectory::Settings settings;
  settings.gone = [this, &gone](const TenantId& tenant) {
    const std::scoped_lock lock(mutex_);
    gone.push_back(tenant.str());
  };
  TenantDirectory directory(pool_, reader(), settings);
  EXPECT_EQ(find(directory, "b"), gantry::to_string(ErrorKind::kDenied)) << "one that never was is not gone";
  for (const auto state : {TenantState::kActive, TenantState::kDisabled, TenantState::kDeleting, TenantState::kDeleted,
                           TenantState::kActive, TenantState::kDeleted}) {
    set_state(state);
    directory.forget(TenantId("a"));
    EXPECT_EQ(find(directory, "a"), to_string(state));
  }
  pool_.stop();
  EXPECT_EQ(gone, (std::vector<std::string>{"a", "a"}));
}

TEST_F(Directory, HoldsNoMoreThanItMay) {
  TenantDirectory directory(pool_, reader(), aged(1000ms, 10));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(find(directory, "nobody-" + std::to_string(i)), gantry::to_string(ErrorKind::kDenied));
  }
  EXPECT_EQ(reads_, 100);
  EXPECT_EQ(find(directory, "nobody-99"), gantry::to_string(ErrorKind::kDenied));
  EXPECT_EQ(reads_, 100) << "the last one is remembered";
  EXPECT_EQ(find(directory, "nobody-0"), gantry::to_string(ErrorKind::kDenied));
  EXPECT_EQ(reads_, 101) << "the first one is not";
  pool_.stop();
}

}  // namespace
}  // namespace gantry::tenant
