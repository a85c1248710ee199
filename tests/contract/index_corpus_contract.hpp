#pragma once

// Real files in an index (INDEX.tsv of the corpus, see tests/README.md), compared row for row with the reference, which
// is the index in memory: every answer but for times. The searches ask for what the files themselves say.

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "contract/index_contract_fixture.hpp"
#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/index/fields.hpp"
#include "gantry/index/fold.hpp"
#include "gantry/index/memory/memory_index.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index::contract {

inline std::filesystem::path corpus_folder() {
  if (const char* named = std::getenv("GANTRY_CORPUS"); named != nullptr && *named != '\0') return named;
  const std::filesystem::path source(GANTRY_SOURCE_DIR);
  const auto whole = source / ".." / "shared" / "corpus";
  return std::filesystem::exists(whole / "INDEX.tsv") ? whole : source / "tests" / "data";
}

/// Every file of the corpus that is an instance, as a store would commit it; of one UID the first.
inline std::vector<InstanceRecord> corpus_records() {
  std::vector<InstanceRecord> records;
  std::ifstream index(corpus_folder() / "INDEX.tsv");
  std::set<std::string> seen;
  std::string line;
  std::getline(index, line);
  while (std::getline(index, line)) {
    std::ifstream file(corpus_folder() / line.substr(0, line.find('\t')), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    dicom::InstanceIndexer indexer;
    if (!indexer.feed(std::as_bytes(std::span(bytes)))) continue;
    auto indexed = indexer.finish();
    if (!indexed || !seen.insert(indexed->sop.str()).second) continue;
    InstanceRecord record = instance(indexed->study.str(), indexed->series.str(), indexed->sop.str());
    record.sop_class = indexed->sop_class;
    record.transfer_syntax = indexed->transfer_syntax;
    record.attributes = indexed->attributes;
    record.size = indexed->size;
    record.file_sha256 = indexed->file_sha256;
    record.dataset_sha256 = indexed->dataset_sha256;
    record.attributes_zstd = indexed->json;
    records.push_back(std::move(record));
  }
  return records;
}

template <class Provider>
class IndexCorpusContract : public testing::Test {
 protected:
  static constexpr std::array kLevels{Level::kStudy, Level::kSeries, Level::kInstance};

  InstanceIndex& index() { return provider.index(); }

  static std::vector<std::string> rows_of(InstanceIndex& index, const RequestContext& ctx, const SearchQuery& query) {
    std::vector<std::string> rows;
    EXPECT_TRUE(index.search(ctx, query, [&rows](SearchRow&& row) {
      std::string text = describe(row) + row.attributes_zstd;
      if (row.instance && row.instance->location) {
        const Location& at = *row.instance->location;
        text += at.object_key.str() + to_hex(at.file_sha256) + at.frame_index + std::to_string(at.size);
      }
      rows.push_back(std::move(text));
      return true;
    }));
    return rows;
  }
  void expect_same_answer(const SearchQuery& query) {
    const auto ours = rows_of(index(), ctx, query), expected = rows_of(reference, ctx, query);
    ASSERT_EQ(ours, expected) << describe(query);
    ASSERT_EQ(must(index().count(ctx, query, 50)), must(reference.count(ctx, query, 50))) << describe(query);
    hits += ours.size();
    ++asked;
  }

  /// What may be asked about a field that has this value.
  static std::vector<Match> matches_for(Field field, const std::string& value) {
    const FieldKind kind = traits_of(field).kind;
    std::vector<Match> all{{field, Kind::kAnyOf, {value}, {}}};
    const auto half = value.substr(0, value.size() / 2);
    if (kind == FieldKind::kDate || kind == FieldKind::kTime) {
      const bool valid = !(kind == FieldKind::kDate ? date_key(value) : time_key(value)).empty();
      if (valid) {
        all.push_back({field, Kind::kRange, {value, value}, {}});
        all.push_back({field, Kind::kRange, {value, ""}, {}});
        all.push_back({field, Kind::kRange, {"", value}, {}});
      }
    } else if (kind != FieldKind::kNumber && kind != FieldKind::kUid) {
      all.push_back({field, Kind::kWildcard, {half + "*"}, {}});
      all.push_back({field, Kind::kWildcard, {"*" + value.substr(value.size() / 2)}, {}});
      if (kind == FieldKind::kDescription || kind == FieldKind::kName) {
        const Kind folded = kind == FieldKind::kName ? Kind::kName : Kind::kFolded;
        for (const std::string& pattern :
             {value, fold(value), half + "*", "?" + value.substr(std::min<std::size_t>(1, value.size()))}) {
          all.push_back({field, folded, {pattern}, {}});
        }
      }
    }
    return all;
  }

  Provider provider;
  MemoryIndex reference;
  RequestContext ctx = context_for("corpus");
  std::size_t hits = 0, asked = 0;
};
TYPED_TEST_SUITE_P(IndexCorpusContract);

TYPED_TEST_P(IndexCorpusContract, RealFilesAreAnsweredAsByTheReferenceRowForRow) {
  std::vector<InstanceRecord> records = corpus_records();
  ASSERT_GT(records.size(), 20U) << corpus_folder();
  if (is_reduced<TypeParam>() && records.size() > 60) records.erase(records.begin() + 60, records.end());
  for (InstanceIndex* each : {&this->index(), static_cast<InstanceIndex*>(&this->reference)}) {
    ASSERT_TRUE(each->ensure_tenant(this->ctx));
    for (std::size_t at = 0; at < records.size(); at += 64) {
      const auto batch = std::span(records).subspan(at, std::min<std::size_t>(64, records.size() - at));
      for (const Committed& one : must(each->commit(this->ctx, batch, ConflictPolicy::kReject))) {
        ASSERT_EQ(one.outcome, Outcome::kStored) << one.detail;
      }
    }
  }

  std::map<Field, std::set<std::string>> values;
  for (int number = 0; number <= static_cast<int>(Field::kTransferSyntaxUid); ++number) {
    const auto field = static_cast<Field>(number);
    const auto member = traits_of(field).member;
    for (const InstanceRecord& record : records) {
      if (member != nullptr) values[field].insert(record.attributes.*member);
    }
  }
  for (const InstanceRecord& record : records) {
    values[Field::kStudyUid].insert(record.study.str());
    values[Field::kSeriesUid].insert(record.series.str());
    values[Field::kSopUid].insert(record.sop.str());
    values[Field::kSopClassUid].insert(record.sop_class);
    values[Field::kModalitiesInStudy].insert(record.attributes.modality);
  }
  const std::size_t each_most = is_reduced<TypeParam>() ? 2 : 25;
  for (const auto& [field, of_field] : values) {
    SearchQuery empty;
    empty.level = level_of(field);
    empty.matches = {{field, Kind::kEmpty, {}, {}}};
    this->expect_same_answer(empty);
    std::size_t taken = 0;
    for (const std::string& value : of_field) {
      if (value.empty() || taken++ >= each_most) continue;
      for (const Match& match : this->matches_for(field, value)) {
        SearchQuery query;
        query.level = level_of(field);
        query.matches = {match};
        query.with_attributes = query.with_location = taken % 4 == 0;
        ASSERT_NO_FATAL_FAILURE(this->expect_same_answer(query));
      }
    }
    for (const bool descending : {false, true}) {
      SearchQuery ordered;
      ordered.level = level_of(field);
      ordered.order = {{field, descending}};
      for (const std::uint64_t offset : {0, 7}) {
        ordered.limit = 20;
        ordered.offset = offset;
        ASSERT_NO_FATAL_FAILURE(this->expect_same_answer(ordered));
      }
    }
  }
  for (const Level level : this->kLevels) {
    SearchQuery whole;
    whole.level = level;
    whole.with_attributes = whole.with_location = true;
    ASSERT_NO_FATAL_FAILURE(this->expect_same_answer(whole));
  }
  EXPECT_GT(this->hits, this->asked / 2) << "the questions are about what is there";

  std::set<std::string> studies;
  for (const InstanceRecord& record : records) {
    const auto ours = must(this->index().locate(this->ctx, record.study, record.series, record.sop));
    const auto expected = must(this->reference.locate(this->ctx, record.study, record.series, record.sop));
    ASSERT_TRUE(ours && expected);
    EXPECT_EQ(ours->version, expected->version);
    EXPECT_EQ(ours->instance.location->object_key, expected->instance.location->object_key);
    EXPECT_EQ(ours->instance.location->frame_index, expected->instance.location->frame_index);
    EXPECT_EQ(ours->instance.transfer_syntax, expected->instance.transfer_syntax);
    studies.insert(record.study.str());
  }
  for (const std::string& study : studies) {
    const auto ours = must(this->index().get_state_metaes(this->ctx, StudyUid(study)));
    const auto expected = must(this->reference.get_state_metaes(this->ctx, StudyUid(study)));
    ASSERT_EQ(ours.size(), expected.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      for (const auto& [name, member] : sql::state_columns()) EXPECT_EQ(ours[i].*member, expected[i].*member) << name;
      EXPECT_EQ(ours[i].version, expected[i].version);
      EXPECT_EQ(ours[i].series_related_instances, expected[i].series_related_instances);
    }
  }
  EXPECT_THAT(must(this->index().verify_counts(this->ctx)), IsEmpty());
}

REGISTER_TYPED_TEST_SUITE_P(IndexCorpusContract, RealFilesAreAnsweredAsByTheReferenceRowForRow);

}  // namespace gantry::index::contract
