#pragma once

// How every InstanceIndex searches (search_query.hpp; DESIGN §5): told by example, and compared row by row with the
// in-memory provider on generated archives.

#include "contract/index_contract.hpp"
#include "gantry/index/memory/memory_index.hpp"

namespace gantry::index::contract {

template <class Provider>
class IndexSearchContract : public IndexContract<Provider> {
 protected:
  /// Stores one study with these attributes; its UID is "1.<number>".
  void study(int number, const dicom::QidoAttributes& attributes) {
    const std::string uid = "1." + std::to_string(number);
    auto record = instance(uid, uid + ".1", uid + ".1.1");
    record.attributes = attributes;
    EXPECT_EQ(this->commit(record).outcome, Outcome::kStored);
  }
  std::vector<std::string> find(Match match, Level level = Level::kStudy) {
    SearchQuery query;
    query.level = level;
    query.matches.push_back(std::move(match));
    std::vector<std::string> uids;
    for (const auto& row : this->search(this->ctx, query)) uids.push_back(row.study.study.str().substr(2));
    std::sort(uids.begin(), uids.end());
    const auto counted = this->index().count(this->ctx, query, 1000);
    EXPECT_TRUE(counted);
    EXPECT_EQ(*counted, uids.size());
    return uids;
  }
  std::vector<std::string> find(Field field, Kind kind, std::vector<std::string> values, Level level = Level::kStudy) {
    return find(Match{field, kind, std::move(values), {}}, level);
  }
};
TYPED_TEST_SUITE_P(IndexSearchContract);

TYPED_TEST_P(IndexSearchContract, TextIsMatchedLiterallyButForStarAndQuestionMark) {
  const std::vector<std::string> ids{"A%C", "A_C", "A\\C", "A[B]C", "A'C", "A\"C", "ABC", "abc", "A*C", "A?C", ""};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    dicom::QidoAttributes a;
    a.patient_id = a.accession_number = ids[i];
    this->study(static_cast<int>(i), a);
  }
  for (const Field field : {Field::kPatientId, Field::kAccessionNumber}) {
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      EXPECT_THAT(this->find(field, Kind::kAnyOf, {ids[i]}), ElementsAre(std::to_string(i))) << ids[i];
    }
    EXPECT_THAT(this->find(field, Kind::kWildcard, {"A%*"}), ElementsAre("0"));
    EXPECT_THAT(this->find(field, Kind::kWildcard, {"A_*"}), ElementsAre("1"));
    EXPECT_THAT(this->find(field, Kind::kWildcard, {"*\\C"}), ElementsAre("2"));
    EXPECT_THAT(this->find(field, Kind::kWildcard, {"A[B]?"}), ElementsAre("3"));
    EXPECT_THAT(this->find(field, Kind::kWildcard, {"A[B]*"}), ElementsAre("3"));
    EXPECT_THAT(this->find(field, Kind::kWildcard, {"*'*"}), ElementsAre("4"));
    EXPECT_THAT(this->find(field, Kind::kWildcard, {"a*"}), ElementsAre("7")) << "case counts";
    EXPECT_EQ(this->find(field, Kind::kWildcard, {"A?C"}).size(), 8U);
    EXPECT_EQ(this->find(field, Kind::kWildcard, {"*"}).size(), ids.size()) << "also the empty one";
    EXPECT_EQ(this->find(field, Kind::kWildcard, {"?*"}).size(), ids.size() - 1);
    EXPECT_THAT(this->find(field, Kind::kEmpty, {}), ElementsAre("10"));
    EXPECT_THAT(this->find(field, Kind::kAnyOf, {"A%C", "abc", "nobody"}), ElementsAre("0", "7"));
    EXPECT_THAT(this->find(field, Kind::kAnyOf, {""}), ElementsAre("10"));
    EXPECT_THAT(this->find(field, Kind::kAnyOf, {"A%C' OR '1'='1"}), IsEmpty());
  }
}

TYPED_TEST_P(IndexSearchContract, NamesAreMatchedByGroupWithoutCaseAndAccents) {
  const std::vector<std::string> names{"Müller^Jürgen", "MULLER^J", "Yamada^Tarou=山田^太郎=やまだ^たろう", "", "Doe", "Doe^John"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    dicom::QidoAttributes a;
    a.patient_name = a.referring_physician_name = names[i];
    this->study(static_cast<int>(i), a);
  }
  for (const Field field : {Field::kPatientName, Field::kReferringPhysicianName}) {
    EXPECT_THAT(this->find(field, Kind::kName, {"muller*"}), ElementsAre("0", "1"));
    EXPECT_THAT(this->find(field, Kind::kName, {"*JURGEN"}), ElementsAre("0"));
    EXPECT_THAT(this->find(field, Kind::kName, {"山田*"}), ElementsAre("2"));
    EXPECT_THAT(this->find(field, Kind::kName, {"=山田^太郎"}), ElementsAre("2"));
    EXPECT_THAT(this->find(field, Kind::kName, {"==やまだ*"}), ElementsAre("2"));
    EXPECT_THAT(this->find(field, Kind::kName, {"=やまだ*"}), IsEmpty());
    EXPECT_THAT(this->find(field, Kind::kName, {"doe^^^"}), ElementsAre("4"));
    EXPECT_THAT(this->find(field, Kind::kName, {"doe^*"}), ElementsAre("4", "5"));
    EXPECT_THAT(this->find(field, Kind::kName, {"do*"}), ElementsAre("4", "5"));
    EXPECT_EQ(this->find(field, Kind::kName, {"*"}).size(), names.size());
    EXPECT_THAT(this->find(field, Kind::kName, {"%"}), IsEmpty());
    EXPECT_THAT(this->find(field, Kind::kEmpty, {}), ElementsAre("3"));
    EXPECT_THAT(this->find(field, Kind::kAnyOf, {"Müller^Jürgen"}), ElementsAre("0"));
  }
}

TYPED_TEST_P(IndexSearchContract, RangesOfDatesAndTimesAreInclusiveAndSkipEmptyOnes) {
  const std::vector<std::pair<std::string, std::string>> dates{{"20240101", "10"},     {"20240102", "101112.5"}, {"2024.01.03", "235959"},
                                                               {"", "10"}, {"garbage", ""}, {"20240103", ""}};
  for (std::size_t i = 0; i < dates.size(); ++i) {
    dicom::QidoAttributes a;
    a.study_date = dates[i].first, a.study_time = dates[i].second;
    this->study(static_cast<int>(i), a);
  }
  EXPECT_THAT(this->find(Field::kStudyDate, Kind::kRange, {"20240102", "20240103"}), ElementsAre("1", "2", "5"));
  EXPECT_THAT(this->find(Field::kStudyDate, Kind::kRange, {"", "20240101"}), ElementsAre("0"));
  EXPECT_THAT(this->find(Field::kStudyDate, Kind::kRange, {"20240103", ""}), ElementsAre("2", "5"));
  EXPECT_THAT(this->find(Field::kStudyDate, Kind::kRange, {"20240105", "20240101"}), IsEmpty());
  EXPECT_THAT(this->find(Field::kStudyDate, Kind::kAnyOf, {"20240103"}), ElementsAre("2", "5"));
  EXPECT_THAT(this->find(Field::kStudyDate, Kind::kAnyOf, {"garbage"}), ElementsAre("4"));
  EXPECT_THAT(this->find(Field::kStudyTime, Kind::kRange, {"10", "10"}), ElementsAre("0", "1", "3"));
  EXPECT_THAT(this->find(Field::kStudyTime, Kind::kRange, {"101112.500000", "101112.500000"}), ElementsAre("1"));
  EXPECT_THAT(this->find(Field::kStudyTime, Kind::kAnyOf, {"100000"}), ElementsAre("0", "3"));
  const auto between = [](std::vector<std::string> values) {
    return Match{Field::kStudyDate, Kind::kDateTimeRange, std::move(values), Field::kStudyTime};
  };
  EXPECT_THAT(this->find(between({"20240101", "11", "20240103", "12"})), ElementsAre("1", "5"))
      << "a study without a time is there all day";
  EXPECT_THAT(this->find(between({"", "", "20240101", "1000"})), ElementsAre("0"));
  EXPECT_THAT(this->find(between({"20240102", "", "", ""})), ElementsAre("1", "2", "5"));
}

TYPED_TEST_P(IndexSearchContract, NumbersModalitiesAndListsAreMatchedByValue) {
  dicom::QidoAttributes a;
  a.series_number = "007", a.modality = "CT", a.scheduled_procedure_step_ids = "S1\\S2", a.instance_number = "2";
  this->study(1, a);
  a.series_number = "7", a.modality = "MR", a.scheduled_procedure_step_ids = "S22", a.instance_number = "x";
  this->study(2, a);
  auto second_series = instance("1.1", "1.1.2", "1.1.2.1");
  second_series.attributes.modality = "SR";
  this->commit(second_series);
  EXPECT_THAT(this->find(Field::kSeriesNumber, Kind::kAnyOf, {"7"}, Level::kSeries), ElementsAre("1", "2"));
  EXPECT_THAT(this->find(Field::kSeriesNumber, Kind::kAnyOf, {"07 "}, Level::kSeries), ElementsAre("1", "2"));
  EXPECT_THAT(this->find(Field::kInstanceNumber, Kind::kAnyOf, {"x"}, Level::kInstance), ElementsAre("2"));
  EXPECT_THAT(this->find(Field::kModalitiesInStudy, Kind::kAnyOf, {"SR"}), ElementsAre("1"));
  EXPECT_THAT(this->find(Field::kModalitiesInStudy, Kind::kAnyOf, {"SR", "MR"}), ElementsAre("1", "2"));
  EXPECT_THAT(this->find(Field::kModalitiesInStudy, Kind::kAnyOf, {"SR"}, Level::kSeries), ElementsAre("1", "1"))
      << "all series of the studies that have one";
  EXPECT_THAT(this->find(Field::kModality, Kind::kAnyOf, {"SR"}, Level::kSeries), ElementsAre("1"));
  EXPECT_THAT(this->find(Field::kModalitiesInStudy, Kind::kWildcard, {"?R"}), ElementsAre("1", "2"));
  EXPECT_THAT(this->find(Field::kScheduledProcedureStepId, Kind::kAnyOf, {"S2"}, Level::kSeries), ElementsAre("1"));
  EXPECT_THAT(this->find(Field::kScheduledProcedureStepId, Kind::kWildcard, {"S2*"}, Level::kSeries), ElementsAre("1", "2"));
  EXPECT_THAT(this->find(Field::kStudyUid, Kind::kAnyOf, {"1.1", "1.2", "1.3", "1.1"}), ElementsAre("1", "2"));
  EXPECT_THAT(this->find(Field::kSeriesUid, Kind::kAnyOf, {"1.1.2", "1.2.1"}, Level::kSeries), ElementsAre("1", "2"));
  EXPECT_THAT(this->find(Field::kSopUid, Kind::kAnyOf, {"1.1.2.1"}, Level::kInstance), ElementsAre("1"));
}

TYPED_TEST_P(IndexSearchContract, WrongQueriesAreInvalidAndSaySo) {
  const auto refused = [&](Level level, Match match) {
    SearchQuery query;
    query.level = level;
    query.matches.push_back(std::move(match));
    const auto result = this->index().search(this->ctx, query, [](SearchRow&&) { return true; });
    const auto counted = this->index().count(this->ctx, query, 10);
    return !result && result.error().kind() == ErrorKind::kInvalid && !result.error().detail().empty() && !counted;
  };
  EXPECT_TRUE(refused(Level::kStudy, {Field::kSeriesNumber, Kind::kAnyOf, {"1"}, {}}));
  EXPECT_TRUE(refused(Level::kSeries, {Field::kSopUid, Kind::kAnyOf, {"1"}, {}}));
  EXPECT_TRUE(refused(Level::kStudy, {Field::kPatientId, Kind::kAnyOf, {}, {}}));
  EXPECT_TRUE(refused(Level::kStudy, {Field::kPatientId, Kind::kWildcard, {"a", "b"}, {}}));
  EXPECT_TRUE(refused(Level::kStudy, {Field::kPatientId, Kind::kName, {"a"}, {}}));
  EXPECT_TRUE(refused(Level::kStudy, {Field::kPatientId, Kind::kRange, {"1", "2"}, {}}));
  EXPECT_TRUE(refused(Level::kStudy, {Field::kStudyDate, Kind::kRange, {"1", "2"}, {}}));
  EXPECT_TRUE(refused(Level::kStudy, {Field::kStudyDate, Kind::kRange, {"20240101"}, {}}));
  EXPECT_TRUE(refused(Level::kStudy, {Field::kStudyTime, Kind::kRange, {"25", ""}, {}}));
  EXPECT_TRUE(refused(Level::kStudy, {Field::kStudyDate, Kind::kDateTimeRange, {"", "10", "", ""}, Field::kStudyTime}));
  EXPECT_TRUE(refused(Level::kStudy, {Field::kPatientId, Kind::kWildcard, {std::string(5000, '*')}, {}}));
  EXPECT_TRUE(refused(Level::kStudy, {Field::kModalitiesInStudy, Kind::kAnyOf, std::vector<std::string>(5000, "CT"), {}}));
  SearchQuery query;
  query.order = {{Field::kSeriesNumber, false}};
  EXPECT_FALSE(this->index().search(this->ctx, query, [](SearchRow&&) { return true; }));
}

TYPED_TEST_P(IndexSearchContract, FuzzyNamesForgiveOrderBeginningsAndTypos) {
  const std::vector<std::string> names{"Müller^Jürgen", "Meyer^Anna Maria", "Yamada^Tarou=山田^太郎=やまだ^たろう",
                                       "O'Connor^Sean^^Dr.", "Schneider^Johannes", "Smith^John", ""};
  for (std::size_t i = 0; i < names.size(); ++i) {
    dicom::QidoAttributes a;
    a.patient_name = names[i];
    this->study(static_cast<int>(i), a);
  }
  const auto find = [this](const char* name) { return this->find(Field::kPatientName, Match::Kind::kFuzzyName, {name}); };
  EXPECT_THAT(find("jurgen muller"), ElementsAre("0")) << "in any order, without accents";
  EXPECT_THAT(find("Mülller"), ElementsAre("0"));
  EXPECT_THAT(find("maria^meier"), ElementsAre("1"));
  EXPECT_THAT(find("Jonh smiht"), ElementsAre("5")) << "neighbours that changed places";
  EXPECT_THAT(find("Schnieder, Johanes"), ElementsAre("4"));
  EXPECT_THAT(find("connor"), ElementsAre("3"));
  EXPECT_THAT(find("tarou yamada"), ElementsAre("2"));
  EXPECT_THAT(find("=太郎"), ElementsAre("2"));
  EXPECT_THAT(find("=tarou"), IsEmpty()) << "the ideographic group has no such word";
  EXPECT_THAT(find("yamada 太郎"), IsEmpty()) << "words of two groups";
  EXPECT_THAT(find("*nne*"), ElementsAre("4")) << "what matches literally matches, and near it";
  EXPECT_THAT(find("smith^paul"), IsEmpty());
  EXPECT_THAT(find("%mith' OR '1'='1"), IsEmpty());
}

TYPED_TEST_P(IndexSearchContract, HostilePatternsAreAnswered) {
  dicom::QidoAttributes a;
  a.patient_id = a.patient_name = a.study_description = std::string(20'000, 'a');
  this->study(1, a);
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";
  pattern += "b";
  EXPECT_THAT(this->find(Field::kPatientId, Match::Kind::kWildcard, {pattern}), IsEmpty());
  EXPECT_THAT(this->find(Field::kPatientName, Match::Kind::kName, {pattern}), IsEmpty());
  EXPECT_THAT(this->find(Field::kStudyDescription, Match::Kind::kFolded, {pattern}), IsEmpty());
  EXPECT_THAT(this->find(Field::kStudyDescription, Match::Kind::kFolded, {"aaa*"}), ElementsAre("1"));
  EXPECT_THAT(this->find(Field::kPatientName, Match::Kind::kName, {std::string("\xff\xfe\x00*", 4)}), IsEmpty());
  EXPECT_THAT(this->find(Field::kPatientName, Match::Kind::kName, {"==="}), ElementsAre("1"));
}

TYPED_TEST_P(IndexSearchContract, LongAndRareTextComesBackAsItWent) {
  dicom::QidoAttributes a;
  std::string group;
  for (int i = 0; i < 64; ++i) group += "𠮷";
  a.patient_name = group + "^" + group + "^" + group + "^" + group + "^" + group + "=" + group + "^" + group + "=" + group;
  a.study_description = group + "é́" + "שלום";
  a.patient_id = "";
  a.accession_number = std::string("a\0b", 3);
  a.protocol_name = "\t\r\n";
  this->study(1, a);
  const auto rows = this->all(Level::kSeries);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].study.attributes.patient_name, a.patient_name);
  EXPECT_EQ(rows[0].study.attributes.study_description, a.study_description);
  EXPECT_EQ(rows[0].study.attributes.accession_number, a.accession_number);
  EXPECT_EQ(rows[0].series->attributes.protocol_name, a.protocol_name);
  EXPECT_THAT(this->find(Field::kPatientName, Match::Kind::kName, {group + "^*"}), ElementsAre("1"));
  EXPECT_THAT(this->find(Field::kStudyDescription, Match::Kind::kFolded, {"*שלום"}), ElementsAre("1"));
  EXPECT_THAT(this->find(Field::kAccessionNumber, Match::Kind::kAnyOf, {a.accession_number}), ElementsAre("1"));
}

TYPED_TEST_P(IndexSearchContract, PagesHaveNoHolesAndNoRepeats) {
  Samples samples(11);
  for (int b = 0; b < 8; ++b) {
    std::vector<InstanceRecord> batch;
    for (int i = 0; i < 40; ++i) batch.push_back(samples.record());
    this->commit(this->ctx, batch, ConflictPolicy::kIgnore);
  }
  for (const Level level : {Level::kStudy, Level::kSeries, Level::kInstance}) {
    for (const bool ordered : {false, true}) {
      SearchQuery query;
      query.level = level;
      if (ordered) query.order = {{Field::kPatientSex, true}};
      std::vector<std::string> whole, paged;
      for (const auto& row : this->search(this->ctx, query)) whole.push_back(describe(row));
      query.limit = 7;
      for (query.offset = 0; query.offset <= whole.size(); query.offset += 7) {
        for (const auto& row : this->search(this->ctx, query)) paged.push_back(describe(row));
      }
      EXPECT_EQ(whole, paged);
      EXPECT_EQ(std::set<std::string>(whole.begin(), whole.end()).size(), whole.size());
    }
  }
  for (const Level level : {Level::kStudy, Level::kSeries, Level::kInstance}) {
    SearchQuery query;
    query.level = level;
    std::vector<std::string> whole, paged;
    for (const auto& row : this->search(this->ctx, query)) whole.push_back(describe(row));
    query.limit = 7;
    for (std::vector<SearchRow> page = this->search(this->ctx, query); !page.empty();
         page = this->search(this->ctx, query)) {
      for (const auto& row : page) paged.push_back(describe(row));
      query.after = place_of(page.back());
      EXPECT_EQ(must(this->index().count(this->ctx, query, 100'000)), whole.size() - paged.size());
    }
    EXPECT_EQ(whole, paged) << "paged by the last record's place";
  }
  SearchQuery query;
  query.level = Level::kInstance;
  const auto total = this->all(Level::kInstance).size();
  EXPECT_EQ(must(this->index().count(this->ctx, query, 100'000)), total);
  EXPECT_EQ(must(this->index().count(this->ctx, query, 5)), 6U);
  query.limit = 3;
  query.offset = 2;
  query.matches = {{Field::kSopUid, Match::Kind::kWildcard, {"*"}, {}}};
  EXPECT_EQ(must(this->index().count(this->ctx, query, 100'000)), total) << "without limit and offset";
  query = {};
  int visited = 0;
  ASSERT_TRUE(this->index().search(this->ctx, query, [&](SearchRow&&) { return ++visited < 2; }));
  EXPECT_EQ(visited, 2);
}

/// Random work on both, random searches of both: the same answers, row for row.
TYPED_TEST_P(IndexSearchContract, AnswersAsTheReferenceDoes) {
  for (unsigned seed = 1; seed <= archives<TypeParam>(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Samples samples(seed);
    MemoryIndex reference;
    const RequestContext as = context_for("seed-" + std::to_string(seed));
    ASSERT_TRUE(this->index().ensure_tenant(as));
    ASSERT_TRUE(reference.ensure_tenant(as));
    for (int step = 0; step < 60; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      if (step % 6 == 5) {
        const StudyUid study("1." + std::to_string(samples.below(12)));
        const auto series = samples.one_in(2) ? std::optional<SeriesUid>() : SeriesUid(study.str() + ".1");
        const auto sop = samples.one_in(2) ? std::optional<SopUid>() : SopUid(study.str() + ".1.1");
        ASSERT_EQ(must(this->index().remove(as, study, series, sop, std::chrono::seconds(0))),
                  must(reference.remove(as, study, series, sop, std::chrono::seconds(0))));
      } else {
        std::vector<InstanceRecord> batch;
        for (std::size_t n = 1 + samples.below(15); n > 0; --n) batch.push_back(samples.record());
        const auto policy = static_cast<ConflictPolicy>(samples.below(3));
        const auto ours = this->commit(as, batch, policy);
        const auto theirs = must(reference.commit(as, batch, policy));
        for (std::size_t i = 0; i < batch.size(); ++i) {
          ASSERT_EQ(ours[i].outcome, theirs[i].outcome);
          ASSERT_EQ(ours[i].version, theirs[i].version);
        }
      }
      const auto ours = must(this->index().totals(as)), theirs = must(reference.totals(as));
      ASSERT_EQ(std::tie(ours.studies, ours.series, ours.instances, ours.bytes, ours.change_no),
                std::tie(theirs.studies, theirs.series, theirs.instances, theirs.bytes, theirs.change_no));
      for (int q = 0; q < 12; ++q) {
        const SearchQuery query = q < 3 && step % 10 == 0 ? SearchQuery{static_cast<Level>(q), {}, {}, {}, {}, {}, 0, {}, true, true, {}}
                                                          : samples.query();
        std::vector<std::string> rows, expected;
        for (const auto& row : this->search(as, query)) rows.push_back(describe(row));
        ASSERT_TRUE(reference.search(as, query, [&](SearchRow&& row) {
          expected.push_back(describe(row));
          return true;
        }));
        ASSERT_EQ(rows, expected) << describe(query);
        ASSERT_EQ(must(this->index().count(as, query, 15)), must(reference.count(as, query, 15))) << describe(query);
      }
    }
    const auto describe_change = [](const Change& c) {
      return std::to_string(c.version) + " " + std::to_string(static_cast<int>(c.action)) + " " + c.study.str() + " " +
             c.series.str() + " " + c.sop.str();
    };
    std::vector<std::string> ours, theirs;
    for (const Change& change : must(this->index().changes(as, 0, 10'000))) ours.push_back(describe_change(change));
    for (const Change& change : must(reference.changes(as, 0, 10'000))) theirs.push_back(describe_change(change));
    EXPECT_EQ(ours, theirs);
    for (int study = 0; study < 12; ++study) {
      const StudyUid uid("1." + std::to_string(study));
      const auto describe_states = [](const std::vector<StateRow>& states) {
        std::vector<std::string> texts;
        for (const StateRow& s : states) {
          texts.push_back(s.series_uid + "|" + s.patient_id + "|" + s.patient_name + "|" + s.study_date + "|" + s.modality +
                          "|" + s.protocol_name + "|" + s.study_date_origin + "|" + std::to_string(s.version) + "|" +
                          std::to_string(s.series_related_instances));
        }
        return texts;
      };
      EXPECT_EQ(describe_states(must(this->index().get_state_metaes(as, uid))), describe_states(must(reference.get_state_metaes(as, uid))));
    }
    this->expect_counts_right();
  }
}

REGISTER_TYPED_TEST_SUITE_P(IndexSearchContract, TextIsMatchedLiterallyButForStarAndQuestionMark,
                            NamesAreMatchedByGroupWithoutCaseAndAccents, RangesOfDatesAndTimesAreInclusiveAndSkipEmptyOnes,
                            NumbersModalitiesAndListsAreMatchedByValue,
                            FuzzyNamesForgiveOrderBeginningsAndTypos, WrongQueriesAreInvalidAndSaySo,
                            HostilePatternsAreAnswered, LongAndRareTextComesBackAsItWent, PagesHaveNoHolesAndNoRepeats,
                            AnswersAsTheReferenceDoes);

}  // namespace gantry::index::contract
