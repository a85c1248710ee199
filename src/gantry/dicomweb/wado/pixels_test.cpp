// Frames in other transfer syntaxes, and pictures, over the real routes; files are public ones.

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>

#include <gmock/gmock.h>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/base/memory_bytes.hpp"
#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/read_test_support.hpp"
#include "gantry/pixels/codecs/jpeg_header.hpp"
#include "gantry/pixels/local_codec.hpp"
#include "gantry/pixels/syntaxes.hpp"
#include "gantry/storage/memory/memory_store.hpp"

namespace gantry::dicomweb::wado {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using dicomweb::testing::Answer;
using dicomweb::testing::parts_of;

const std::string kNative(dicom::kExplicitLittleEndian);

std::string file(const std::string& name) {
  std::ifstream in(std::string(GANTRY_SOURCE_DIR) + "/tests/data/" + name, std::ios::binary);
  EXPECT_TRUE(in) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What a reader makes of a Part 10 file.
struct Read {
  dicom::IndexedInstance indexed;
  pixels::ImageAttributes image;
  std::vector<std::string> frames;  ///< decoded
};

Read read_object(const std::string& bytes) {
  Read read;
  dicom::InstanceIndexer indexer;
  auto fed = indexer.feed(std::as_bytes(std::span(bytes)));
  EXPECT_TRUE(fed) << fed.error().detail();
  auto indexed = indexer.finish();
  EXPECT_TRUE(indexed) << indexed.error().detail();
  if (!indexed) return read;
  read.indexed = *std::move(indexed);
  const pixels::StoredObject object{std::make_shared<MemoryBytes>(bytes), std::make_shared<dicom::Layout>(read.indexed.layout)};
  auto image = pixels::read_image_attributes(object);
  if (!image) return read;
  read.image = *std::move(image);
  pixels::FrameReader reader(object, read.image.shape);
  pixels::LocalCodec codec;
  for (std::uint32_t number = 1; number <= read.image.frames; ++number) {
    const auto stored = reader.read(number);
    EXPECT_TRUE(stored);
    const auto frame = codec.convert(read.image.shape, *stored, {kNative});
    EXPECT_TRUE(frame) << frame.error().detail();
    read.frames.push_back(frame ? frame->bytes : "");
  }
  return read;
}

class Pixels : public dicomweb::testing::ReadFixture {
 protected:
  Pixels() { services_.pixels = &service_; }

  /// Stores a file and gives its path.
  std::string store(const std::string& bytes) {
    archive_.store(bytes);
    const auto read = read_object(bytes);
    return "/studies/" + read.indexed.study.str() + "/series/" + read.indexed.series.str() + "/instances/" +
           read.indexed.sop.str();
  }

  pixels::LocalCodec codec_;
  WorkerPool pool_{"pixels", 2, 100};
  archive::PixelService service_{codec_, pool_, 64 << 20};
};

/// With room in an object store for what was made.
class KeptPixels : public Pixels {
 protected:
  KeptPixels() { services_.pixels = &keeping_; }

  storage::MemoryStore objects_;
  std::optional<archive::RenditionStore> renditions_{std::in_place, objects_, archive::RenditionSettings{1 << 30, true}};
  archive::PixelService keeping_{codec_, pool_, 1 << 10, &*renditions_};
};

constexpr const char* kFiles[] = {"transfer-syntax/MR_small_jp2klossless.dcm", "transfer-syntax/emri_small_jpeg_ls_lossless.dcm",
                                  "transfer-syntax/rle_parity.dcm", "ot-sc/SC_rgb_jpeg_gdcm.dcm",
                                  "wsi/sm_image_jpegls.dcm", "transfer-syntax/htj2k_lossless_parity.dcm"};

TEST_F(Pixels, ALosslessInstanceComesDecodedByDefault) {
  for (const char* name : kFiles) {
    SCOPED_TRACE(name);
    const auto stored = file(name);
    const auto answer = get(store(stored), {{"Accept", "application/dicom"}});
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_THAT(answer.header("Content-Type"), HasSubstr("transfer-syntax=" + kNative));
    const auto before = read_object(stored);
    const auto after = read_object(answer.body);
    EXPECT_EQ(after.indexed.layout.transfer_syntax, kNative);
    EXPECT_EQ(after.indexed.layout.pixels.kind, dicom::PixelLayout::Kind::kNative);
    EXPECT_TRUE(after.frames == before.frames);
    EXPECT_EQ(after.indexed.sop.str(), before.indexed.sop.str());
  }
}

TEST_F(Pixels, AStarGivesTheStoredBytes) {
  const auto stored = file(kFiles[0]);
  const auto answer = get(store(stored), {{"Accept", "application/dicom; transfer-syntax=*"}});
  ASSERT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body == stored);
}

TEST_F(Pixels, EveryTargetGivesTheSamePixels) {
  for (const char* name : kFiles) {
    const auto stored = file(name);
    const auto path = store(stored);
    const auto before = read_object(stored);
    for (const auto target : {pixels::kRle, pixels::kJpegLs, pixels::kJpeg2000Lossless, pixels::kHtj2kRpcl}) {
      SCOPED_TRACE(std::string(name) + " " + std::string(target));
      const auto answer = get(path, {{"Accept", "application/dicom; transfer-syntax=" + std::string(target)}});
      ASSERT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(answer.failure, "");
      const auto after = read_object(answer.body);
      EXPECT_EQ(after.indexed.layout.transfer_syntax, target);
      EXPECT_TRUE(after.frames == before.frames);
    }
  }
}

TEST_F(Pixels, LossyAttributesSayWhatWasDone) {
  const auto path = store(file("ot-sc/SC_rgb_jpeg_gdcm.dcm"));
  const auto answer = get(path, {{"Accept", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50"}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto read = read_object(answer.body);
  EXPECT_THAT(read.indexed.json, HasSubstr(R"("00280004":{"vr":"CS","Value":["YBR_FULL_422"]})"));
  EXPECT_THAT(read.indexed.json, HasSubstr(R"("00282110":{"vr":"CS","Value":["01"]})"));
  EXPECT_THAT(read.indexed.json, HasSubstr(R"("00282114":{"vr":"CS","Value":["ISO_10918_1"]})"));
}

TEST_F(Pixels, WhatCanNotBeWrittenSoIs406) {
  const auto path = store(file("transfer-syntax/MR_small_jp2klossless.dcm"));
  const auto answer = get(path, {{"Accept", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50"}});
  EXPECT_EQ(answer.status, 406);
  EXPECT_THAT(answer.body, HasSubstr("transfer-syntax=*"));
}

TEST_F(Pixels, ASeriesComesTranscodedPartByPart) {
  const auto stored = file(kFiles[1]);
  const auto path = store(stored);
  const auto series = path.substr(0, path.find("/instances"));
  const auto answer =
      get(series, {{"Accept", "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.5"}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto parts = parts_of(answer);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_THAT(parts[0].head, HasSubstr("transfer-syntax=1.2.840.10008.1.2.5"));
  EXPECT_TRUE(read_object(parts[0].body).frames == read_object(stored).frames);
}

TEST_F(Pixels, FramesComeDecodedAsStoredAndInOtherSyntaxes) {
  const auto stored = file(kFiles[1]);
  const auto path = store(stored) + "/frames/";
  const auto before = read_object(stored);
  const auto decoded = get(path + "3", {{"Accept", "application/octet-stream"}});
  ASSERT_EQ(decoded.status, 200) << decoded.body;
  EXPECT_TRUE(decoded.body == before.frames[2]);
  EXPECT_TRUE(decoded.ranges);

  const auto viewer = get(path + "3", {{"Accept", "multipart/related; type=application/octet-stream; transfer-syntax=*"}});
  ASSERT_EQ(viewer.status, 200);
  EXPECT_THAT(parts_of(viewer).at(0).head, HasSubstr("image/jls; transfer-syntax=1.2.840.10008.1.2.4.80"));
  EXPECT_GT(viewer.file_ranges, 0U);

  const auto several = get(path + "1,6,2,3,4,5", {{"Accept", "multipart/related; type=\"image/jphc\"; transfer-syntax=1.2.840.10008.1.2.4.202"}});
  ASSERT_EQ(several.status, 200) << several.body;
  const auto parts = parts_of(several);
  ASSERT_EQ(parts.size(), 6U);
  auto shape = before.image.shape;
  shape.transfer_syntax = pixels::kHtj2kRpcl;
  const auto second = codec_.convert(shape, parts[1].body, {kNative});
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->bytes == before.frames[5]);
}

TEST_F(Pixels, OneDamagedFrameFailsAlone) {
  auto stored = file(kFiles[1]);
  const auto before = read_object(stored);
  const auto damaged_range = before.indexed.layout.frame(2)->ranges.front();
  for (std::uint64_t at = 0; at < damaged_range.length; ++at) stored[damaged_range.offset + at] = '\x55';
  archive_.store(stored);
  const std::string path = "/studies/" + before.indexed.study.str() + "/series/" + before.indexed.series.str() +
                           "/instances/" + before.indexed.sop.str() + "/frames/";
  EXPECT_EQ(get(path + "1", {{"Accept", "application/octet-stream"}}).status, 200);
  const auto refused = get(path + "2", {{"Accept", "application/octet-stream"}});
  EXPECT_EQ(refused.status, 406);
  EXPECT_THAT(refused.body, HasSubstr("damaged"));
  EXPECT_EQ(get(path + "2/rendered").status, 406);
  EXPECT_EQ(get(path + "3/rendered").status, 200);
  EXPECT_EQ(get(path + "2", {{"Accept", "*/*; transfer-syntax=*"}}).status, 200);
}

TEST_F(KeptPixels, WhatWasMadeOnceIsFoundAndTheSame) {
  for (const char* name : kFiles) {
    SCOPED_TRACE(name);
    const auto path = store(file(name));
    for (const std::string& target : {std::string(pixels::kJpegLs), std::string(pixels::kHtj2kRpcl), kNative}) {
      const auto found_before = renditions_->counters().found;
      const Fields accept{{"Accept", "application/dicom; transfer-syntax=" + target}};
      const auto made = get(path, accept);
      ASSERT_EQ(made.status, 200) << made.body;
      while (renditions_->counters().found == found_before) {
        const auto again = get(path, accept);  // it gets its name soon
        ASSERT_TRUE(again.body == made.body);
        ASSERT_EQ(again.header("ETag"), made.header("ETag"));
        if (again.file_ranges > 0 || again.ranges) break;
      }
      const auto kept = get(path, accept);
      EXPECT_TRUE(kept.body == made.body);
      EXPECT_TRUE(kept.ranges);
    }
  }
}

TEST_F(KeptPixels, AFrameOfARenditionIsThatOfTheInstance) {
  const auto stored = file(kFiles[1]);
  const auto path = store(stored);
  const auto before = read_object(stored);
  const auto located = archive_.retrieves.locate(archive::testing::context_for(), before.indexed.study,
                                                 before.indexed.series, before.indexed.sop);
  ASSERT_TRUE(located);
  ASSERT_TRUE(keeping_.make_rendition(*located, std::string(pixels::kHtj2kRpcl)));
  const auto answer = get(path + "/frames/4", {{"Accept", "image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202"}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.ranges);
  EXPECT_GE(renditions_->counters().found, 1U);
  auto shape = before.image.shape;
  shape.transfer_syntax = pixels::kHtj2kRpcl;
  const auto frame = codec_.convert(shape, answer.body, {kNative});
  ASSERT_TRUE(frame) << frame.error().detail();
  EXPECT_TRUE(frame->bytes == before.frames[3]);
}

TEST_F(Pixels, AllPixelDataComesDecodedWhereOnlyOctetsAreTaken) {
  const auto stored = file(kFiles[1]);
  const auto path = store(stored);
  const auto series = path.substr(0, path.find("/instances"));
  std::string all;
  for (const auto& frame : read_object(stored).frames) all += frame;
  for (const auto& level : {series, path.substr(0, path.find("/series"))}) {
    const auto answer = get(level + "/pixeldata", {{"Accept", "multipart/related; type=\"application/octet-stream\""}});
    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto parts = parts_of(answer);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_THAT(parts[0].head, HasSubstr("application/octet-stream; transfer-syntax=" + kNative));
    EXPECT_TRUE(parts[0].body == all);
  }
}

TEST_F(Pixels, AZipArchiveHoldsWhatWasAskedFor) {
  const auto stored = file(kFiles[0]);
  const auto path = store(stored);
  const auto plain = get(path, {{"Accept", "application/dicom"}});
  const auto zip = get(path, {{"Accept", "application/zip"}});
  ASSERT_EQ(zip.status, 200) << zip.body;
  EXPECT_EQ(zip.failure, "");
  EXPECT_TRUE(zip.body.find(plain.body) != std::string::npos) << "decoded, as a lossless instance comes by default";
}

/// Counts, and waits a while for another who wants the same.
class SlowCodec final : public pixels::FrameCodec {
 public:
  Result<pixels::Frame> convert(const pixels::FrameShape& from, std::string_view bytes,
                                const pixels::CodecTarget& to) override {
    std::unique_lock lock(mutex_);
    ++count;
    entered_.notify_all();
    entered_.wait_for(lock, std::chrono::milliseconds(300), [this] { return count > 1; });
    lock.unlock();
    return local_.convert(from, bytes, to);
  }
  int count = 0;

 private:
  std::mutex mutex_;
  std::condition_variable entered_;
  pixels::LocalCodec local_;
};

TEST_F(Pixels, WhoWantsTheSameFrameSharesTheWork) {
  const auto stored = file(kFiles[0]);
  store(stored);
  const auto read = read_object(stored);
  const auto located = archive_.retrieves.locate(archive::testing::context_for(), read.indexed.study, read.indexed.series,
                                                 read.indexed.sop);
  ASSERT_TRUE(located);
  SlowCodec slow;
  archive::PixelService service(slow, pool_, 64 << 20);
  const auto ask = [&] { EXPECT_TRUE((*service.frame(*located, 1, kNative))->bytes == read.frames[0]); };
  std::thread other(ask);
  ask();
  other.join();
  EXPECT_EQ(slow.count, 1);
}

TEST_F(Pixels, PixelDataComesInOtherSyntaxesAPartPerFrame) {
  for (const char* name : {kFiles[1], kFiles[3]}) {
    SCOPED_TRACE(name);
    const auto stored = file(name);
    const auto before = read_object(stored);
    const auto path = store(stored);
    for (const auto& resource : {path + "/bulkdata/7FE00010", path + "/pixeldata"}) {
      const auto answer = get(resource, {{"Accept", "multipart/related; type=\"image/jphc\"; transfer-syntax=1.2.840.10008.1.2.4.202"}});
      ASSERT_EQ(answer.status, 200) << answer.body;
      const auto parts = parts_of(answer);
      ASSERT_EQ(parts.size(), before.frames.size());
      EXPECT_THAT(parts[0].head, HasSubstr("/bulkdata/7FE00010"));
      auto shape = before.image.shape;
      shape.transfer_syntax = pixels::kHtj2kRpcl;
      if (shape.photometric == "RGB" && shape.samples == 3) shape.photometric = "YBR_RCT";
      const auto last = codec_.convert(shape, parts.back().body, {kNative});
      ASSERT_TRUE(last) << last.error().detail();
      EXPECT_TRUE(last->bytes == before.frames.back());
    }
  }
}

TEST_F(Pixels, PixelDataComesDecodedAsOctets) {
  const auto stored = file(kFiles[1]);
  const auto path = store(stored);
  const auto answer = get(path + "/bulkdata/7FE00010", {{"Accept", "application/octet-stream"}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  std::string all;
  for (const auto& frame : read_object(stored).frames) all += frame;
  EXPECT_TRUE(answer.body == all);
}

pixels::codecs::JpegHeader jpeg(const Answer& answer) {
  EXPECT_EQ(answer.header("Content-Type"), "image/jpeg");
  const auto header = pixels::codecs::read_jpeg_header(answer.body);
  EXPECT_TRUE(header);
  return header ? *header : pixels::codecs::JpegHeader();
}

TEST_F(Pixels, AnInstanceIsRenderedAsItIsAskedFor) {
  const auto path = store(file("transfer-syntax/MR_small_jp2klossless.dcm"));
  auto header = jpeg(get(path + "/rendered"));
  EXPECT_EQ(header.columns, 64U);
  EXPECT_EQ(header.rows, 64U);
  EXPECT_EQ(header.components, 1U);
  header = jpeg(get(path + "/rendered?viewport=32%2C20", {{"Accept", "image/jpeg"}}));
  EXPECT_EQ(header.columns, 20U);
  EXPECT_EQ(header.rows, 20U);
  EXPECT_THAT(get(path + "/rendered", {{"Accept", "image/png"}}).body, StartsWith("\x89PNG"));
  EXPECT_THAT(get(path + "/rendered", {{"Accept", "image/gif"}}).body, StartsWith("GIF89a"));
  EXPECT_EQ(get(path + "/rendered?viewport=32,32,0,0,65,64").status, 400);
  EXPECT_EQ(get(path + "/rendered?window=1,2").status, 400);
  EXPECT_EQ(get(path + "/rendered?quality=0").status, 400);
  EXPECT_EQ(get(path + "/rendered", {{"Accept", "image/tiff"}}).status, 406);
  EXPECT_EQ(get(path + "/rendered?annotation=patient").status, 406);  // there are no fonts in this test
  EXPECT_THAT(get(path + "/rendered?annotation=none").header("Warning"), HasSubstr("299"));
  EXPECT_EQ(get(path + "/rendered?iccprofile=cmyk").status, 400);
  EXPECT_NE(get(path + "/rendered?window=10,20,linear").body, get(path + "/rendered?window=500,900,linear").body);
  EXPECT_EQ(get(path + "/rendered", {{"If-None-Match", get(path + "/rendered").header("ETag")}}).status, 304);
}

TEST_F(Pixels, FramesAndSeriesAreRenderedAndSoAreThumbnails) {
  const auto path = store(file(kFiles[1]));
  const auto series = path.substr(0, path.find("/instances"));
  const auto study = path.substr(0, path.find("/series"));
  EXPECT_EQ(get(path + "/frames/2/rendered").status, 200);
  EXPECT_EQ(get(path + "/frames/11/rendered").status, 404);
  EXPECT_EQ(parts_of(get(path + "/frames/2,3/rendered", {{"Accept", "multipart/related; type=\"image/png\""}})).size(), 2U);
  EXPECT_EQ(parts_of(get(series + "/rendered")).size(), 1U);
  EXPECT_EQ(parts_of(get(study + "/rendered")).size(), 1U);
  for (const auto& each : {study, series, path, path + "/frames/1"}) {
    EXPECT_EQ(jpeg(get(each + "/thumbnail")).columns, 256U) << each;
    EXPECT_EQ(jpeg(get(each + "/thumbnail?viewport=50%2C50")).columns, 50U) << each;
  }
}

TEST_F(Pixels, VideoComesAsItIsStored) {
  const auto stored = file("video/video_h264_hp41.dcm");
  const auto path = store(stored);
  const auto answer = get(path + "/rendered", {{"Accept", "video/*"}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("Content-Type"), "video/mp4");
  EXPECT_TRUE(answer.ranges);
  EXPECT_EQ(get(path + "/thumbnail").status, 404);
}

TEST_F(Pixels, WadoUriGivesPictures) {
  const auto path = store(file("transfer-syntax/MR_small_jp2klossless.dcm"));
  const auto series_at = path.find("/series/");
  const auto instance_at = path.find("/instances/");
  const std::string target = "/wado?requestType=WADO&studyUID=" + path.substr(9, series_at - 9) +
                             "&seriesUID=" + path.substr(series_at + 8, instance_at - series_at - 8) +
                             "&objectUID=" + path.substr(instance_at + 11);
  EXPECT_EQ(jpeg(get(target)).columns, 64U);
  EXPECT_EQ(jpeg(get(target + "&contentType=image/jpeg&rows=16")).rows, 16U);
  EXPECT_EQ(jpeg(get(target + "&contentType=image/jpeg&region=0,0,0.5,0.5")).rows, 32U);
  EXPECT_THAT(get(target + "&contentType=image/png").body, StartsWith("\x89PNG"));
  EXPECT_EQ(get(target + "&contentType=image/jpeg&windowCenter=1").status, 400);
  EXPECT_EQ(get(target + "&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.4.80").status, 200);
}

}  // namespace
}  // namespace gantry::dicomweb::wado
