#pragma once

// Instances, archives and searches for the index's contract suite: made from a seed, so that a failure can be repeated.

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/index/fields.hpp"
#include "gantry/index/instance_index.hpp"

namespace gantry::index::contract {

inline RequestContext context_for(std::string tenant) {
  RequestContext ctx;
  ctx.tenant = TenantId(std::move(tenant));
  return ctx;
}

inline Sha256 digest_of(std::string_view text) {
  return sha256(std::as_bytes(std::span(text.data(), text.size())));
}

/// An instance with bytes of its own; `content` tells one set of bytes from another.
inline InstanceRecord instance(std::string study, std::string series, std::string sop, std::string_view content = "a") {
  InstanceRecord record;
  record.study = StudyUid(std::move(study));
  record.series = SeriesUid(std::move(series));
  record.sop = SopUid(std::move(sop));
  record.sop_class = "1.2.840.10008.5.1.4.1.1.2";
  record.transfer_syntax = "1.2.840.10008.1.2.1";
  record.object_key = ObjectKey("t/" + random_hex(16) + ".dcm");
  record.size = 1000;
  record.dataset_sha256 = digest_of(record.sop.str() + std::string(content));
  record.file_sha256 = digest_of("file" + record.sop.str() + std::string(content));
  record.frame_index = "frames of " + record.sop.str();
  record.attributes_zstd = std::string("json\0of ", 8) + record.sop.str() + std::string(content);
  record.persist_began = Clock::now();
  return record;
}

/// A SearchRow as text, without times, for comparing providers.
inline std::string describe(const SearchRow& row) {
  std::string text;
  const auto add = [&text](std::string_view name, std::string_view value) {
    if (!value.empty()) text.append(name).append("=").append(value).append("; ");
  };
  const auto add_attributes = [&add](const dicom::QidoAttributes& a) {
    add("pid", a.patient_id), add("pn", a.patient_name), add("sex", a.patient_sex), add("bd", a.patient_birth_date);
    add("bt", a.patient_birth_time), add("age", a.patient_age), add("psize", a.patient_size), add("w", a.patient_weight);
    add("date", a.study_date), add("time", a.study_time), add("acc", a.accession_number), add("sid", a.study_id);
    add("desc", a.study_description), add("ref", a.referring_physician_name), add("tz", a.timezone_offset);
    add("mod", a.modality), add("snum", a.series_number), add("sdate", a.series_date), add("stime", a.series_time);
    add("sdesc", a.series_description), add("body", a.body_part_examined), add("prot", a.protocol_name);
    add("ppsd", a.performed_procedure_step_start_date), add("ppst", a.performed_procedure_step_start_time);
    add("sps", a.scheduled_procedure_step_ids), add("rp", a.requested_procedure_ids);
    add("inum", a.instance_number), add("frames", a.number_of_frames), add("rows", a.rows), add("cols", a.columns);
    add("bits", a.bits_allocated), add("cdate", a.content_date), add("ctime", a.content_time);
  };
  add("study", row.study.study.view());
  add_attributes(row.study.attributes);
  for (const auto& modality : row.study.modalities) add("m", modality);
  add("series", std::to_string(row.study.series_count));
  add("instances", std::to_string(row.study.instance_count));
  add("version", std::to_string(row.study.version));
  if (row.series) {
    add("\n  series", row.series->series.view());
    add_attributes(row.series->attributes);
    add("instances", std::to_string(row.series->instance_count));
    add("version", std::to_string(row.series->version));
  }
  if (row.instance) {
    add("\n    sop", row.instance->sop.view());
    add("class", row.instance->sop_class);
    add("ts", row.instance->transfer_syntax);
    add_attributes(row.instance->attributes);
    add("version", std::to_string(row.instance->version));
    if (row.instance->location) {
      add("key", row.instance->location->object_key.view());
      add("size", std::to_string(row.instance->location->size));
      add("sha", to_hex(row.instance->location->file_sha256));
      add("index", row.instance->location->frame_index);
    }
  }
  add("json", row.attributes_zstd);
  return text;
}

/// Values that a search meets in the field, and what it must not stumble over.
class Samples {
 public:
  explicit Samples(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  const T& one_of(const std::vector<T>& values) {
    return values[below(values.size())];
  }

  std::string text() {
    static const std::vector<std::string> kTexts{
        "",        "",       "A",        "a",          "AB",       "ABC",      "A%C",   "A_C",    "A\\C",     "A[B]C",
        "A'C",     "A\"C",   "100%",     "_",          "%",        "ä",        "Ä",     "Abdomen", "ABDOMEN",  "Thorax^PE",
        "山田",    "𠮷野家", "a b",      "x.y+z(1|2)", "Schädel",  "SCHADEL",  "é́",     "ＡＢＣ",   "مرحبا",    "--; DROP",
        "a=b",     "ß",      "SS",       "NULL",       "0",        "00",       "1",     "^",      "I",        "ı",
    };
    return one_of(kTexts);
  }
  std::string name() {
    static const std::vector<std::string> kNames{
        "",
        "Doe^John",
        "DOE^JOHN^^Dr",
        "Doe",
        "Doe^",
        "Müller^Jürgen",
        "Mueller^Juergen",
        "MULLER^JURGEN",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "=山田^花子",
        "Hong^Gildong=洪^吉洞=홍^길동",
        "Люкceмбypг",
        "Διονυσιος",
        "O'Brien^Pat%",
        "_^*",
        "Buc^Jérôme",
        "قباني^لنزار",
        "Doe＝John",
        "𝔐üller^𝒥",
    };
    return one_of(kNames);
  }
  std::string date() {
    static const std::vector<std::string> kDates{"",         "20240101", "20240102", "20240229", "20231231",  "19991231",
                                                 "2024.01.02", "20240131", "2024",     "garbage",  "20240101 ", "20241301"};
    return one_of(kDates);
  }
  std::string time() {
    static const std::vector<std::string> kTimes{"",       "00",         "0000",          "000000",  "101112", "101112.5",
                                                 "101112.500000", "1011", "10:11:12", "235959.999999", "235960", "noon"};
    return one_of(kTimes);
  }
  std::string number() {
    static const std::vector<std::string> kNumbers{"", "1", "01", "2", "10", "-1", "+3", "300", "x", "2.0", "2147483647"};
    return one_of(kNumbers);
  }
  std::string modality() {
    static const std::vector<std::string> kModalities{"", "CT", "MR", "US", "CT\\MR", "SR", "ct"};
    return one_of(kModalities);
  }
  std::string multi() {
    static const std::vector<std::string> kMulti{"", "S1", "S1\\S2", "S2", "\\S3", "S%", "s1"};
    return one_of(kMulti);
  }

  dicom::QidoAttributes attributes() {
    dicom::QidoAttributes a;
    a.patient_id = text(), a.patient_name = name(), a.patient_sex = one_in(2) ? "M" : "F", a.patient_birth_date = date();
    a.patient_birth_time = time(), a.patient_age = one_in(3) ? "" : "042Y", a.patient_size = "1.8", a.patient_weight = "80";
    a.study_date = date(), a.study_time = time(), a.accession_number = text(), a.study_id = text();
    a.study_description = text(), a.referring_physician_name = name(), a.timezone_offset = one_in(2) ? "+0100" : "";
    a.modality = modality(), a.series_number = number(), a.series_date = date(), a.series_time = time();
    a.series_description = text(), a.body_part_examined = text(), a.protocol_name = text();
    a.performed_procedure_step_start_date = date(), a.performed_procedure_step_start_time = time();
    a.scheduled_procedure_step_ids = multi(), a.requested_procedure_ids = multi();
    a.instance_number = number(), a.number_of_frames = number(), a.rows = number(), a.columns = number();
    a.bits_allocated = number(), a.content_date = date(), a.content_time = time();
    return a;
  }

  /// An instance among few studies and series, so that they meet.
  InstanceRecord record() {
    const std::string study = "1." + std::to_string(below(12));
    const std::string series = study + "." + std::to_string(below(3));
    const std::string sop = one_in(8) ? "9." + std::to_string(below(40)) : series + "." + std::to_string(below(6));
    InstanceRecord made = instance(study, series, sop, one_in(3) ? "b" : "a");
    made.attributes = attributes();
    made.size = 1 + below(5000);
    if (one_in(6)) made.transfer_syntax = "1.2.840.10008.1.2.4.90";
    if (one_in(5)) made.sop_class = "1.2.840.10008.5.1.4.1.1.4";
    return made;
  }

  SearchQuery query() {
    SearchQuery query;
    query.level = static_cast<Level>(below(3));
    if (one_in(4)) query.study = StudyUid("1." + std::to_string(below(12)));
    if (query.level != Level::kStudy && one_in(6)) query.series = SeriesUid("1." + std::to_string(below(12)) + ".1");
    if (query.level == Level::kInstance && one_in(10)) query.sop = SopUid("9." + std::to_string(below(40)));
    for (std::size_t n = below(4); n > 0; --n) query.matches.push_back(match(query.level));
    for (std::size_t n = one_in(3) ? 1 + below(2) : 0; n > 0; --n) query.order.push_back({field(query.level), one_in(2)});
    if (query.order.empty() && one_in(4)) {
      for (const Field part : place_fields(query.level)) {
        const std::string text = value(part);
        const auto kind = traits_of(part).kind;
        query.after.push_back(kind == FieldKind::kDate   ? date_key(text)
                              : kind == FieldKind::kTime ? time_key(text)
                                                         : text);
      }
    }
    if (one_in(3)) query.limit = below(20);
    if (one_in(4)) query.offset = below(8);
    query.with_attributes = one_in(3);
    query.with_location = one_in(2);
    return query;
  }

 private:
  Field field(Level level) {
    for (;;) {
      const auto chosen = static_cast<Field>(below(static_cast<std::size_t>(Field::kTransferSyntaxUid) + 1));
      if (level_of(chosen) <= level) return chosen;
    }
  }
  static bool is_one_of(Field field, std::initializer_list<Field> fields) {
    return std::find(fields.begin(), fields.end(), field) != fields.end();
  }
  static bool is_date(Field f) {
    return is_one_of(f, {Field::kPatientBirthDate, Field::kStudyDate, Field::kSeriesDate,
                         Field::kPerformedProcedureStepStartDate, Field::kContentDate});
  }
  static bool is_time(Field f) {
    return is_one_of(f, {Field::kPatientBirthTime, Field::kStudyTime, Field::kSeriesTime,
                         Field::kPerformedProcedureStepStartTime, Field::kContentTime});
  }
  static bool is_name(Field f) { return is_one_of(f, {Field::kPatientName, Field::kReferringPhysicianName}); }
  static bool is_text(Field f) {
    return is_one_of(f, {Field::kPatientId, Field::kAccessionNumber, Field::kStudyId, Field::kStudyDescription,
                         Field::kSeriesDescription, Field::kBodyPartExamined, Field::kProtocolName, Field::kModality});
  }
  std::string value(Field f) {
    if (f == Field::kStudyUid) return "1." + std::to_string(below(12));
    if (f == Field::kSeriesUid) return "1." + std::to_string(below(12)) + "." + std::to_string(below(3));
    if (f == Field::kSopUid) return "1.1.1." + std::to_string(below(6));
    if (f == Field::kSopClassUid) return "1.2.840.10008.5.1.4.1.1.4";
    if (f == Field::kTransferSyntaxUid) return "1.2.840.10008.1.2.4.90";
    if (f == Field::kPatientSex) return "M";
    if (is_date(f)) return date();
    if (is_time(f)) return time();
    if (is_name(f)) return name();
    if (f == Field::kModality || f == Field::kModalitiesInStudy) return one_in(3) ? modality() : "CT";
    if (is_one_of(f, {Field::kScheduledProcedureStepId, Field::kRequestedProcedureId})) return one_in(2) ? multi() : "S2";
    return is_text(f) ? text() : number();
  }
  /// Turns some of the text into wildcards.
  std::string pattern(std::string text) {
    if (one_in(5)) return text;
    if (one_in(6)) return one_in(2) ? "*" : "?*";
    const std::size_t cut = below(text.size() + 1);
    switch (below(4)) {
      case 0: return text.substr(0, cut) + "*";
      case 1: return "*" + text.substr(cut);
      case 2: return "*" + text + "*";
      default: break;
    }
    if (!text.empty() && static_cast<unsigned char>(text[cut % text.size()]) < 0x80) text[cut % text.size()] = '?';
    return text;
  }
  Match match(Level level) {
    Match match;
    match.field = field(level);
    const bool folds = is_name(match.field) || is_text(match.field);
    switch (below(7)) {
      case 0: match.kind = Match::Kind::kEmpty; return match;
      case 1:
      case 2:
        if (is_date(match.field) || is_time(match.field)) {
          const auto bound = [&]() -> std::string {
            static const std::vector<std::string> kFrom{"", "20231231", "20240101", "20240115", "20240131"};
            static const std::vector<std::string> kAt{"", "00", "1011", "101112.5", "235959"};
            return is_date(match.field) ? one_of(kFrom) : one_of(kAt);
          };
          match.kind = Match::Kind::kRange;
          match.values = {bound(), bound()};
          return match;
        }
        [[fallthrough]];
      case 3:
        if (folds) {
          match.kind = !is_name(match.field) || one_in(4) ? Match::Kind::kFolded
                       : one_in(3)                        ? Match::Kind::kFuzzyName
                                                          : Match::Kind::kName;
          match.values = {pattern(value(match.field))};
          return match;
        }
        if (match.field == Field::kStudyDate) {
          match.kind = Match::Kind::kDateTimeRange;
          match.time_field = Field::kStudyTime;
          match.values = {"20240101", one_in(2) ? "1011" : "", "20240131", one_in(2) ? "101112.5" : ""};
          return match;
        }
        [[fallthrough]];
      case 4:
        match.kind = Match::Kind::kWildcard;
        match.values = {pattern(value(match.field))};
        return match;
      default:
        match.kind = Match::Kind::kAnyOf;
        for (std::size_t n = 1 + (one_in(3) ? below(3) : 0); n > 0; --n) match.values.push_back(value(match.field));
        return match;
    }
  }

  std::mt19937 random_;
};

/// For failure messages: what was asked.
inline std::string describe(const SearchQuery& query) {
  std::string text = "level " + std::to_string(static_cast<int>(query.level));
  if (query.study) text += " study " + query.study->str();
  if (query.series) text += " series " + query.series->str();
  if (query.sop) text += " sop " + query.sop->str();
  for (const Match& match : query.matches) {
    text += "\n  field " + std::to_string(static_cast<int>(match.field)) + " kind " + std::to_string(static_cast<int>(match.kind));
    for (const auto& value : match.values) text += " <" + value + ">";
  }
  for (const Order& order : query.order) {
    text += "\n  by " + std::to_string(static_cast<int>(order.field)) + (order.descending ? " desc" : "");
  }
  for (const auto& part : query.after) text += "\n  after <" + part + ">";
  if (query.limit) text += "\n  limit " + std::to_string(*query.limit);
  return text + " offset " + std::to_string(query.offset);
}

}  // namespace gantry::index::contract
