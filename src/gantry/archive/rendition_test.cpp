// Renditions: kept, found, bounded, and gone with what they were made of.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/fsck.hpp"
#include "gantry/archive/read_test_support.hpp"
#include "gantry/archive/rendition_store.hpp"
#include "gantry/archive/store_test_support.hpp"
#include "gantry/archive/sweep.hpp"
#include "gantry/pixels/syntaxes.hpp"
#include "gantry/storage/object_key.hpp"

namespace gantry::archive {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::Made;

const std::string kJpegLs(pixels::kJpegLs);
const std::string kRpcl(pixels::kHtj2kRpcl);

class Text final : public ByteStream {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {}
  Result<std::size_t> read(std::span<std::byte> into) override {
    const std::size_t count = std::min({into.size(), std::size_t{1000}, text_.size() - sent_});
    std::copy_n(reinterpret_cast<const std::byte*>(text_.data()) + sent_, count, into.data());
    sent_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t sent_ = 0;
};

std::string read_all(ByteStream& stream) {
  std::string all;
  std::vector<std::byte> piece(700);
  for (;;) {
    const auto count = stream.read(piece);
    EXPECT_TRUE(count);
    if (!count || *count == 0) return all;
    all.append(reinterpret_cast<const char*>(piece.data()), *count);
  }
}

/// Two frames of 2 x 2 bytes.
std::string file() {
  Made made;
  made.tail = testing::pixels(2, 2, 8, "2", "abcdefgh");
  return testing::part10_file(made);
}

class Renditions : public ::testing::Test {
 protected:
  Renditions() { EXPECT_TRUE(index_.ensure_tenant(ctx_)); }

  static ObjectKey key(int number = 0) {
    return ObjectKey("clinic-a/" + uid_hash("1.2") + "/" + uid_hash("1.2.3") + "/" + std::string(64, 'a') + "-" +
                     std::string(30, '0') + std::to_string(10 + number) + ".dcm");
  }
  ObjectKey put_with_row() {
    auto staged = objects_.stage(ctx_);
    EXPECT_TRUE(objects_.persist(ctx_, *std::move(staged), key()));
    index::InstanceRecord record;
    record.study = StudyUid("1.2");
    record.series = SeriesUid("1.2.3");
    record.sop = SopUid("1.2.3.4");
    record.transfer_syntax = std::string(dicom::kExplicitLittleEndian);
    record.object_key = key();
    record.persist_began = Clock::now();
    EXPECT_TRUE(index_.commit(ctx_, {&record, 1}, index::ConflictPolicy::kReject));
    return key();
  }
  void keep(RenditionStore& store, const ObjectKey& original, const std::string& syntax) {
    Text text(file());
    const auto kept = store.keep(original, syntax, text);
    EXPECT_TRUE(kept) << kept.error().detail();
  }
  std::size_t count() { return testing::count_objects(ctx_, objects_); }
  RenditionCensus census(const RenditionStore& store) {
    RenditionCensus made(store.settings());
    EXPECT_TRUE(objects_.list(ctx_, [&made](const storage::ObjectInfo& info) {
      made.note(info);
      return true;
    }));
    return made;
  }

  const RequestContext ctx_ = testing::context_for();
  std::chrono::system_clock::duration age_ = hours(48);  ///< of objects that are put
  index::MemoryIndex index_;
  storage::MemoryStore objects_{[this] { return std::chrono::system_clock::now() - age_; }};
};

TEST_F(Renditions, NamesAreThoseOfTheOriginalsAndBack) {
  const auto name = rendition_key(key(), kRpcl);
  ASSERT_TRUE(name);
  EXPECT_TRUE(storage::is_valid_object_key(name->view()));
  EXPECT_EQ(storage::original_of(*name), key());
  EXPECT_TRUE(storage::rendition_of(*name).has_value());
  EXPECT_FALSE(storage::rendition_of(key()).has_value());
  EXPECT_TRUE(is_progressive(*name));
  EXPECT_FALSE(is_progressive(*rendition_key(key(), kJpegLs)));
  EXPECT_FALSE(rendition_key(key(), "1.2.840.10008.1.2").has_value());
  EXPECT_FALSE(storage::is_valid_object_key(key().str().substr(0, key().str().size() - 3) + "rx1"));
}

TEST_F(Renditions, WhatIsKeptIsFoundWithItsFrames) {
  RenditionStore store(objects_, {1 << 20, false});
  EXPECT_EQ(store.find(key(), kJpegLs), nullptr);
  keep(store, key(), kJpegLs);
  const auto found = store.find(key(), kJpegLs);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(store.find(key(), kRpcl), nullptr);
  std::string bytes(static_cast<std::size_t>(found->size), '\0');
  ASSERT_TRUE(found->file->read_at(0, std::as_writable_bytes(std::span(bytes))));
  EXPECT_TRUE(bytes == file());
  const auto frame = found->layout->frame(2);
  ASSERT_TRUE(frame);
  EXPECT_EQ(bytes.substr(static_cast<std::size_t>(frame->ranges.front().offset), 4), "efgh");
  RenditionStore other(objects_, {1 << 20, false});
  EXPECT_NE(other.find(key(), kJpegLs), nullptr) << "another node, or after a start";
}

TEST_F(Renditions, AStreamIsKeptOnceItWasReadToItsEnd) {
  {
    RenditionStore store(objects_, {1 << 20, false});
    auto cut = store.keeping(key(0), kJpegLs, std::make_unique<Text>(file()));
    std::vector<std::byte> piece(100);
    ASSERT_TRUE(cut->read(piece));
    auto second = store.keeping(key(0), kJpegLs, std::make_unique<Text>(file()));
    EXPECT_TRUE(read_all(*second) == file()) << "while another is written, it is passed through";
    cut.reset();
    auto whole = store.keeping(key(1), kJpegLs, std::make_unique<Text>(file()));
    EXPECT_TRUE(read_all(*whole) == file());
    auto broken = store.keeping(key(2), kJpegLs, std::make_unique<Text>("no file"));
    EXPECT_EQ(read_all(*broken), "no file");
  }
  RenditionStore store(objects_, {1 << 20, false});
  EXPECT_EQ(store.find(key(0), kJpegLs), nullptr);
  EXPECT_NE(store.find(key(1), kJpegLs), nullptr);
  EXPECT_EQ(store.find(key(2), kJpegLs), nullptr);
  EXPECT_EQ(count(), 1U);
}

TEST_F(Renditions, KeepingTheSameTwiceIsSuccess) {
  RenditionStore store(objects_, {1 << 20, false});
  keep(store, key(), kJpegLs);
  keep(store, key(), kJpegLs);
  EXPECT_EQ(count(), 1U);
}

TEST_F(Renditions, OneThatIsDamagedIsGone) {
  auto staged = objects_.stage(ctx_);
  ASSERT_TRUE((*staged)->write(std::as_bytes(std::span(std::string_view("not what it says, but long enough")))));
  ASSERT_TRUE(objects_.persist(ctx_, *std::move(staged), *rendition_key(key(), kJpegLs)));
  RenditionStore store(objects_, {1 << 20, false});
  EXPECT_EQ(store.find(key(), kJpegLs), nullptr);
  EXPECT_EQ(store.counters().failed, 1U);
  keep(store, key(), kJpegLs);
  EXPECT_NE(store.find(key(), kJpegLs), nullptr);
}

TEST_F(Renditions, ThereIsRoomForSoManyAndTheOldestMakeIt) {
  const std::uint64_t most = 4 * file().size();
  RenditionStore store(objects_, {most, true});
  for (int i = 0; store.takes(kJpegLs); ++i) {
    age_ = hours(48) - minutes(i);
    keep(store, key(i), kJpegLs);
  }
  EXPECT_TRUE(store.is_full());
  EXPECT_TRUE(store.takes(kRpcl)) << "these stay, and don't count";
  keep(store, key(0), kRpcl);
  const auto before = count();
  auto went = store.settle(ctx_, census(store));
  ASSERT_TRUE(went) << went.error().detail();
  EXPECT_GE(*went, 1U);
  EXPECT_EQ(count(), before - *went);
  EXPECT_FALSE(store.is_full());
  EXPECT_TRUE(objects_.open(ctx_, *rendition_key(key(0), kRpcl)));
  EXPECT_FALSE(objects_.open(ctx_, *rendition_key(key(0), kJpegLs))) << "the oldest";
  EXPECT_TRUE(objects_.open(ctx_, *rendition_key(key(2), kJpegLs)));
  went = store.settle(ctx_, census(store));
  EXPECT_EQ(*went, 0U);
}

TEST_F(Renditions, SwitchedOffTheyAllGo) {
  keep(*std::make_unique<RenditionStore>(objects_, RenditionSettings{1 << 20, true}), key(), kRpcl);
  RenditionStore store(objects_, {});
  EXPECT_FALSE(store.takes(kJpegLs));
  EXPECT_EQ(*store.settle(ctx_, census(store)), 1U);
  EXPECT_EQ(count(), 0U);
}

TEST_F(Renditions, TheSweepAndFsckKnowWhatHoldsThem) {
  RenditionStore store(objects_, {1 << 20, false});
  const auto held = put_with_row();
  keep(store, held, kJpegLs);
  keep(store, key(5), kJpegLs);  // its original is not there
  std::vector<FsckProblem> problems;
  FsckOptions options;
  options.hashes = false;
  const auto check = [&] {
    problems.clear();
    ASSERT_TRUE(fsck(ctx_, index_, objects_, options, [&](const FsckProblem& problem) { problems.push_back(problem); }, {}));
  };
  check();
  const auto unheld = std::count_if(problems.begin(), problems.end(), [](const auto& each) { return each.kind == "unheld"; });
  EXPECT_EQ(unheld, 1);
  std::uint64_t seen = 0;
  const auto swept = sweep_unheld(ctx_, index_, objects_, hours(24), [&seen](const storage::ObjectInfo&) { ++seen; });
  ASSERT_TRUE(swept);
  EXPECT_EQ(seen, 3U);
  EXPECT_EQ(swept->unheld, 1U);
  EXPECT_TRUE(objects_.open(ctx_, *rendition_key(held, kJpegLs)));
}

TEST_F(Renditions, AnInstanceTakesItsOwnAlong) {
  RenditionStore store(objects_, {1 << 20, false});
  const auto original = put_with_row();
  keep(store, original, kJpegLs);
  keep(store, original, kRpcl);
  ASSERT_TRUE(index_.remove(ctx_, StudyUid("1.2"), std::nullopt, std::nullopt, std::chrono::seconds(0)));
  const auto done = unlink_due(ctx_, index_, objects_);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->deleted, 1U);
  EXPECT_EQ(count(), 0U);
}

}  // namespace
}  // namespace gantry::archive
