#include "gantry/archive/series_preparer.hpp"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "gantry/archive/read_test_support.hpp"
#include "gantry/archive/series_document.hpp"
#include "gantry/base/task_test_support.hpp"

namespace gantry::archive {
namespace {

using testing::context_for;
using ::testing::HasSubstr;
using testing::Made;

const StudyUid kStudy("1.2.1");
const SeriesUid kSeries("1.2.1.1");

Made instance_of(int number, const std::string& series = "1.2.1.1") {
  Made made;
  made.series = series;
  made.sop = series + "." + std::to_string(number);
  made.instance_number = std::to_string(number);
  return made;
}

std::string read(const OpenFile& file, std::uint64_t offset, std::size_t size) {
  std::string text(size, '\0');
  const auto got = file.read_at(offset, std::as_writable_bytes(std::span(text)));
  EXPECT_TRUE(got && *got == size);
  return text;
}

std::string plain_of(const SeriesDocument& document) {
  std::string text;
  for (const auto& chunk : document.chunks) text += read(*document.file, chunk.offset, chunk.plain);
  return text;
}

/// The deflated chunks, ended and inflated.
std::string inflated(const SeriesDocument& document) {
  std::string deflated;
  for (const auto& chunk : document.chunks) {
    deflated += read(*document.file, chunk.deflated_offset, chunk.deflated);
  }
  EXPECT_EQ(document.deflated, deflated) << "so few bytes are in memory, too";
  deflated += std::string("\x01\x00\x00\xff\xff", 5);  // a last block without bytes
  std::string text(document.plain_size() + 1, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, -15), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(deflated.data());
  stream.avail_in = static_cast<uInt>(deflated.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

/// The array that the zstd frame holds; "" when it is not one whole frame.
std::string of_zstd(const SeriesDocument& document) {
  std::string frame;
  for (const auto& chunk : document.chunks) frame += read(*document.file, chunk.zstd_offset, chunk.zstd);
  if (document.zstd) EXPECT_EQ(*document.zstd, frame) << "so few bytes are in memory, too";
  if (ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) return "";
  std::string text(document.plain_size() + 2, '\0');
  ZSTD_DCtx* const context = ZSTD_createDCtx();
  const auto size = ZSTD_decompressDCtx(context, text.data(), text.size(), frame.data(), frame.size());
  ZSTD_freeDCtx(context);
  return size == text.size() ? text : "";
}

class SeriesPreparerTest : public ::testing::Test {
 protected:
  SeriesPreparerTest() {
    settings.quiet_period = std::chrono::milliseconds(0);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  PreparedSeries work() {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // "before" is strict
    SeriesPreparer preparer(archive.index, archive.objects, settings);
    auto done = preparer.work(context_for(""), stop);
    EXPECT_TRUE(done) << done.error().detail();
    return done ? *done : PreparedSeries{};
  }
  /// What another worker gets now.
  std::vector<index::JsonClaim> claimed_by_another() {
    const auto soon = index::timestamp_now() + std::chrono::hours(1);
    auto claims = archive.index.claim_json(context_for(""), soon, 1, "another", settings.lease);
    EXPECT_TRUE(claims) << claims.error().detail();
    return claims ? *claims : std::vector<index::JsonClaim>();
  }
  index::JsonRow row() {
    const auto found = archive.index.get_json_meta(context_for(), kStudy, kSeries);
    EXPECT_TRUE(found && *found);
    return found && *found ? **found : index::JsonRow();
  }
  std::size_t count_objects() {
    std::size_t count = 0;
    EXPECT_TRUE(archive.objects.list(context_for(), [&count](const storage::ObjectInfo&) { return ++count > 0; }));
    return count;
  }
  PreparedPtr prepared(const std::optional<SeriesUid>& series = std::nullopt) {
    auto found = archive.retrieves.prepared(context_for(), kStudy, series);
    EXPECT_TRUE(found) << found.error().detail();
    return found ? *found : nullptr;
  }
  PreparedPtr in_memory() {
    const auto ctx = context_for();
    const std::optional series(kSeries);
    return gantry::testing::await([&] { return archive.retrieves.find_metadata(ctx, kStudy, series); })->prepared;
  }
  std::string key() { return row().object_key; }
  std::string by_rows(const std::optional<SeriesUid>& series = std::nullopt) {
    const auto rows = archive.retrieves.metadata(context_for(), kStudy, series, std::nullopt);
    EXPECT_TRUE(rows);
    std::string text;
    for (;;) {
      const auto next = (*rows)->next();
      EXPECT_TRUE(next);
      if (!next || !*next) return text;
      text += (text.empty() ? "" : ",") + **next;
    }
  }

  testing::TestArchive archive;
  PreparerSettings settings;
  WorkerStop stop;
};

TEST_F(SeriesPreparerTest, MakesWhatTheRowsSay) {
  for (int i = 1; i <= 3; ++i) archive.store(instance_of(i));
  EXPECT_EQ(prepared(kSeries), nullptr);
  const auto done = work();
  EXPECT_EQ(done.ready, 1U);
  EXPECT_EQ(done.failed, 0U) << done.why;
  const auto made = prepared(kSeries);
  ASSERT_NE(made, nullptr);
  ASSERT_EQ(made->series.size(), 1U);
  const SeriesDocument& document = made->series[0];
  EXPECT_EQ(document.instances, 3U);
  EXPECT_EQ(plain_of(document), by_rows(kSeries));
  EXPECT_EQ(inflated(document), plain_of(document));
  EXPECT_EQ(of_zstd(document), "[" + plain_of(document) + "]");
  const std::string plain = plain_of(document);
  EXPECT_EQ(document.crc32, crc32_z(0, reinterpret_cast<const Bytef*>(plain.data()), plain.size()));
  EXPECT_EQ(work().claimed(), 0U) << "it is not due any more";
}

TEST_F(SeriesPreparerTest, DocumentsOfEarlierVersionsAreReadAsTheyAre) {
  archive.store(instance_of(1));
  archive.store(instance_of(2));
  EXPECT_EQ(work().ready, 1U);
  const auto found = prepared(kSeries);
  ASSERT_NE(found, nullptr);
  const SeriesDocument& document = found->series[0];
  ASSERT_TRUE(document.is_array);
  ASSERT_EQ(document.chunks.size(), 1U);
  const auto& chunk = document.chunks[0];
  EXPECT_EQ(read(*document.file, chunk.offset - 1, chunk.plain + 2), "[" + by_rows() + "]");
  // The second version had no zstd, and so one number less in its table.
  constexpr std::size_t kTrailer = 36, kZstdBytes = 4;
  std::string bytes = read(*document.file, 0, document.file->size());
  const std::size_t table = bytes.size() - kTrailer - 3 * kZstdBytes;
  bytes.replace(bytes.size() - kTrailer, 8, "GANTRYSJ");
  bytes.erase(table + 2 * kZstdBytes, kZstdBytes).erase(chunk.zstd_offset, chunk.zstd);
  const auto seal = [&bytes] {
    const std::size_t checked = 2 * kZstdBytes + kTrailer - 4;
    const auto* const begin = reinterpret_cast<const Bytef*>(bytes.data() + bytes.size() - 4 - checked);
    const auto crc = static_cast<std::uint32_t>(crc32_z(0, begin, checked));
    for (int i = 0; i < 4; ++i) bytes[bytes.size() - 4 + i] = static_cast<char>(crc >> (8 * i) & 0xFF);
  };
  seal();
  const auto reread = [&] {
    auto staged = archive.objects.stage(context_for());
    EXPECT_TRUE((*staged)->write(std::as_bytes(std::span(bytes))));
    return read_series_document(*archive.objects.open_staged(context_for(), *std::move(staged)));
  };
  const auto second = reread();
  ASSERT_TRUE(second) << second.error().detail();
  EXPECT_TRUE(second->is_array);
  EXPECT_FALSE(second->has_zstd());
  EXPECT_EQ(plain_of(*second), by_rows());
  EXPECT_EQ(inflated(*second), by_rows());
  // The first version: the same without brackets.
  bytes.erase(chunk.offset + chunk.plain, 1).erase(0, 1);
  const auto first = reread();
  ASSERT_TRUE(first) << first.error().detail();
  EXPECT_FALSE(first->is_array);
  EXPECT_EQ(plain_of(*first), by_rows());
  EXPECT_EQ(inflated(*first), by_rows());
  bytes[table / 2] ^= 1;
  bytes[bytes.size() - 5] ^= 1;
  EXPECT_FALSE(reread()) << "damaged";
}

TEST_F(SeriesPreparerTest, AStudyHasItsSeriesInOrder) {
  auto second = instance_of(1, "1.2.1.9");
  second.series_number = "2";
  archive.store(second);
  archive.store(instance_of(1));
  EXPECT_EQ(work().ready, 2U);
  const auto made = prepared();
  ASSERT_NE(made, nullptr);
  ASSERT_EQ(made->series.size(), 2U);
  EXPECT_EQ(plain_of(made->series[0]) + "," + plain_of(made->series[1]), by_rows());
}

TEST_F(SeriesPreparerTest, WhatChangedIsNotServedAndMadeAnew) {
  archive.store(instance_of(1));
  EXPECT_EQ(work().ready, 1U);
  ASSERT_NE(prepared(kSeries), nullptr);
  ASSERT_NE(in_memory(), nullptr);
  const std::string first = key();
  archive.store(instance_of(2));
  EXPECT_EQ(in_memory(), nullptr);
  EXPECT_EQ(prepared(kSeries), nullptr);
  EXPECT_EQ(work().ready, 1U);
  ASSERT_NE(prepared(kSeries), nullptr);
  EXPECT_EQ(prepared(kSeries)->series[0].instances, 2U);
  const auto held = archive.index.are_held(context_for(), std::vector{ObjectKey(first), ObjectKey(key())});
  ASSERT_TRUE(held);
  EXPECT_NE(first, key());
  EXPECT_TRUE((*held)[0]) << "the one before waits for its deletion";
  EXPECT_TRUE((*held)[1]);
  archive.remove(kStudy, kSeries, SopUid("1.2.1.1.2"));
  EXPECT_EQ(prepared(kSeries), nullptr);
}

TEST_F(SeriesPreparerTest, WaitsForTheQuietPeriod) {
  settings.quiet_period = std::chrono::hours(1);
  archive.store(instance_of(1));
  EXPECT_EQ(work().claimed(), 0U);
}

TEST_F(SeriesPreparerTest, LeavesOutWhatIsDamagedAndSaysSo) {
  archive.store(instance_of(1));
  archive.damage_attributes = true;
  archive.store(instance_of(2));
  archive.damage_attributes = false;
  archive.store(instance_of(3));
  const auto done = work();
  EXPECT_EQ(done.failed, 1U);
  EXPECT_THAT(done.why, HasSubstr("the stored attributes of 1 of its instances can't be read"));
  const auto made = prepared(kSeries);
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->damaged, 1U);
  EXPECT_EQ(made->series[0].instances, 2U);
  EXPECT_EQ(row().json_status, 2);
  archive.remove(kStudy, kSeries, SopUid("1.2.1.1.2"));
  EXPECT_EQ(work().ready, 1U) << "it recovers when the series changes";
}

TEST_F(SeriesPreparerTest, StopsBetweenSeries) {
  archive.store(instance_of(1));
  archive.store(instance_of(1, "1.2.1.2"));
  int asked = 0;
  stop.soon = [&asked] { return asked++ > 0; };
  EXPECT_EQ(work().ready, 1U);
  asked = 0;
  EXPECT_EQ(work().ready, 1U) << "the other was nobody's";
}

TEST_F(SeriesPreparerTest, ASeriesThatTakesLongerThanItsLeaseKeepsIt) {
  for (int i = 1; i <= 12; ++i) archive.store(instance_of(i));
  std::size_t others = 0;
  settings.clock = [&] {
    archive.ahead += settings.lease / 4;
    others += claimed_by_another().size();
    return Clock::now() + archive.ahead;
  };
  const auto done = work();
  EXPECT_EQ(done.ready, 1U) << done.why;
  EXPECT_GT(archive.ahead, 3 * settings.lease);
  EXPECT_EQ(others, 0U);
  ASSERT_NE(prepared(kSeries), nullptr);
  EXPECT_EQ(prepared(kSeries)->series[0].instances, 12U);
}

TEST_F(SeriesPreparerTest, ASeriesThatWasTakenIsLeftToItsNewWorker) {
  for (int i = 1; i <= 12; ++i) archive.store(instance_of(i));
  const std::size_t objects = count_objects();
  std::vector<index::JsonClaim> taken;
  int asked = 0;
  settings.clock = [&] {
    if (++asked == 5) {
      archive.ahead += 2 * settings.lease;  // the worker was held up
      taken = claimed_by_another();
    }
    return Clock::now() + archive.ahead;
  };
  const auto done = work();
  EXPECT_EQ(done.lost, 1U);
  EXPECT_EQ(done.claimed(), 1U);
  EXPECT_EQ(asked, 6) << "it stops at once";
  EXPECT_EQ(count_objects(), objects) << "nothing is left of what it staged";
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].retry_times, 2);
  const auto renewed = archive.index.renew_json(context_for(), kStudy, kSeries, "another", settings.lease);
  EXPECT_TRUE(renewed && *renewed) << "it is still the other's";
}

TEST_F(SeriesPreparerTest, AWorkerThatHasToStopHandsItsSeriesBack) {
  for (int i = 1; i <= 12; ++i) archive.store(instance_of(i));
  const std::size_t objects = count_objects();
  int asked = 0;
  stop.now = [&asked] { return ++asked > 3; };
  auto done = work();
  EXPECT_EQ(done.handed_back, 1U);
  EXPECT_EQ(done.claimed(), 1U);
  EXPECT_EQ(count_objects(), objects);
  EXPECT_EQ(row().json_status, 0);
  EXPECT_EQ(row().retry_times, 0) << "it was not the series' fault";
  stop.now = [] { return false; };
  done = work();
  EXPECT_EQ(done.ready, 1U) << done.why;
}

class SeriesDocumentTest : public ::testing::TestWithParam<SeriesDocumentWriter::Zstd> {};
using Zstd = SeriesDocumentWriter::Zstd;

TEST_P(SeriesDocumentTest, IsInChunksThatFitTogether) {
  storage::MemoryStore objects;
  const auto context = context_for();
  auto staged = objects.stage(context);
  ASSERT_TRUE(staged);
  SeriesDocumentWriter writer(**staged, GetParam(), 100);
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const std::string json = R"({"00080018":{"vr":"UI","Value":["1.2.)" + std::to_string(i) + R"("]}})";
    expected += (i == 0 ? "" : ",") + json;
    ASSERT_TRUE(writer.add(json));
  }
  ASSERT_TRUE(writer.finish(7));
  const ObjectKey key("clinic-a/0123456789abcdef/0123456789abcdef/" + std::string(64, 'a') + "-" +
                      std::string(32, '0') + ".gsj");
  ASSERT_TRUE(objects.persist(context, *std::move(staged), key));
  auto document = read_series_document(*objects.open(context, key));
  ASSERT_TRUE(document) << document.error().detail();
  EXPECT_GT(document->chunks.size(), 10U);
  EXPECT_EQ(document->version, 7U);
  EXPECT_EQ(plain_of(*document), expected);
  EXPECT_EQ(inflated(*document), expected);
  EXPECT_EQ(document->has_zstd(), GetParam() == Zstd::kYes);
  EXPECT_EQ(of_zstd(*document), document->has_zstd() ? "[" + expected + "]" : "");
}

INSTANTIATE_TEST_SUITE_P(Zstd, SeriesDocumentTest, ::testing::Values(Zstd::kNo, Zstd::kYes));

TEST(RetryAfter, DoublesToHalfAnHourGiveOrTakeAFifth) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_GE(retry_after(1).count(), 24);
    EXPECT_LE(retry_after(1).count(), 36);
    EXPECT_GE(retry_after(3).count(), 96);
    EXPECT_LE(retry_after(3).count(), 144);
    EXPECT_GE(retry_after(40).count(), 1440);
    EXPECT_LE(retry_after(40).count(), 2160);
  }
}

}  // namespace
}  // namespace gantry::archive
