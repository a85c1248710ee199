#include "gantry/index/fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "gantry/index/fold.hpp"

namespace gantry::index {
namespace {

using A = dicom::QidoAttributes;

// In the order of enum Field.
constexpr std::array<FieldTraits, 35> kFields{{
    {Level::kStudy, FieldKind::kUid, "study_uid", nullptr},
    {Level::kStudy, FieldKind::kText, "patient_id", &A::patient_id},
    {Level::kStudy, FieldKind::kName, "patient_name", &A::patient_name},
    {Level::kStudy, FieldKind::kText, "patient_sex", &A::patient_sex},
    {Level::kStudy, FieldKind::kDate, "patient_birth_date", &A::patient_birth_date},
    {Level::kStudy, FieldKind::kTime, "patient_birth_time", &A::patient_birth_time},
    {Level::kStudy, FieldKind::kDate, "study_date", &A::study_date},
    {Level::kStudy, FieldKind::kTime, "study_time", &A::study_time},
    {Level::kStudy, FieldKind::kText, "accession_number", &A::accession_number},
    {Level::kStudy, FieldKind::kText, "study_id", &A::study_id},
    {Level::kStudy, FieldKind::kDescription, "study_description", &A::study_description},
    {Level::kStudy, FieldKind::kName, "referring_physician_name", &A::referring_physician_name},
    {Level::kStudy, FieldKind::kModalities, "modalities_in_study", nullptr},
    {Level::kSeries, FieldKind::kUid, "series_uid", nullptr},
    {Level::kSeries, FieldKind::kText, "modality", &A::modality},
    {Level::kSeries, FieldKind::kNumber, "series_number", &A::series_number},
    {Level::kSeries, FieldKind::kDate, "series_date", &A::series_date},
    {Level::kSeries, FieldKind::kTime, "series_time", &A::series_time},
    {Level::kSeries, FieldKind::kDescription, "series_description", &A::series_description},
    {Level::kSeries, FieldKind::kText, "body_part_examined", &A::body_part_examined},
    {Level::kSeries, FieldKind::kDescription, "protocol_name", &A::protocol_name},
    {Level::kSeries, FieldKind::kDate, "performed_procedure_step_start_date", &A::performed_procedure_step_start_date},
    {Level::kSeries, FieldKind::kTime, "performed_procedure_step_start_time", &A::performed_procedure_step_start_time},
    {Level::kSeries, FieldKind::kMulti, "scheduled_procedure_step_ids", &A::scheduled_procedure_step_ids},
    {Level::kSeries, FieldKind::kMulti, "requested_procedure_ids", &A::requested_procedure_ids},
    {Level::kInstance, FieldKind::kUid, "sop_uid", nullptr},
    {Level::kInstance, FieldKind::kUid, "sop_class", nullptr},
    {Level::kInstance, FieldKind::kNumber, "instance_number", &A::instance_number},
    {Level::kInstance, FieldKind::kNumber, "number_of_frames", &A::number_of_frames},
    {Level::kInstance, FieldKind::kNumber, "image_rows", &A::rows},
    {Level::kInstance, FieldKind::kNumber, "image_columns", &A::columns},
    {Level::kInstance, FieldKind::kNumber, "bits_allocated", &A::bits_allocated},
    {Level::kInstance, FieldKind::kDate, "content_date", &A::content_date},
    {Level::kInstance, FieldKind::kTime, "content_time", &A::content_time},
    {Level::kInstance, FieldKind::kUid, "transfer_syntax", nullptr},
}};
static_assert(static_cast<std::size_t>(Field::kTransferSyntaxUid) == 34);

constexpr std::array kStudyMembers{
    &A::patient_id,       &A::patient_name, &A::patient_sex,       &A::patient_birth_date,       &A::patient_birth_time,
    &A::patient_age,      &A::patient_size, &A::patient_weight,    &A::study_date,               &A::study_time,
    &A::accession_number, &A::study_id,     &A::study_description, &A::referring_physician_name, &A::timezone_offset};
constexpr std::array kSeriesMembers{&A::modality,
                                    &A::series_number,
                                    &A::series_date,
                                    &A::series_time,
                                    &A::series_description,
                                    &A::body_part_examined,
                                    &A::protocol_name,
                                    &A::performed_procedure_step_start_date,
                                    &A::performed_procedure_step_start_time,
                                    &A::scheduled_procedure_step_ids,
                                    &A::requested_procedure_ids};
constexpr std::array kInstanceMembers{&A::instance_number, &A::number_of_frames, &A::rows,        &A::columns,
                                      &A::bits_allocated,  &A::content_date,     &A::content_time};

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int number_of(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

// The digits of a TM value: at most "HHMMSSFFFFFF"; nullopt when it is none. Seconds go to 60 (leap seconds).
std::optional<std::string> time_digits(std::string_view time) {
  time = trimmed(time);
  std::string digits;
  const auto dot = time.find('.');
  const std::string_view whole = time.substr(0, dot);
  const std::string_view fraction = dot == std::string_view::npos ? std::string_view{} : time.substr(dot + 1);
  if (whole.size() > 2 && whole.find(':') != std::string_view::npos) {
    for (std::size_t i = 0; i < whole.size(); ++i) {
      if (i % 3 == 2) {
        if (whole[i] != ':') return std::nullopt;
      } else {
        digits += whole[i];
      }
    }
  } else {
    digits = whole;
  }
  if (digits.empty() || digits.size() > 6 || digits.size() % 2 != 0 || !all_digits(digits)) return std::nullopt;
  if (number_of(std::string_view(digits).substr(0, 2)) > 23) return std::nullopt;
  if (digits.size() > 2 && number_of(std::string_view(digits).substr(2, 2)) > 59) return std::nullopt;
  if (digits.size() > 4 && number_of(std::string_view(digits).substr(4, 2)) > 60) return std::nullopt;
  if (!fraction.empty() && (digits.size() != 6 || !all_digits(fraction))) return std::nullopt;
  return digits.append(fraction.substr(0, 6));
}

}  // namespace

const FieldTraits& traits_of(Field field) noexcept { return kFields[static_cast<std::size_t>(field)]; }

Level level_of(Field field) noexcept { return traits_of(field).level; }

std::span<const AttributeMember> members_of(Level level) noexcept {
  switch (level) {
    case Level::kStudy: return kStudyMembers;
    case Level::kSeries: return kSeriesMembers;
    case Level::kInstance: break;
  }
  return kInstanceMembers;
}

void fill_attributes(Level level, A& into, const A& from) {
  for (const AttributeMember member : members_of(level)) {
    if ((into.*member).empty()) into.*member = from.*member;
  }
}

A attributes_of(Level level, const A& all) {
  A part;
  fill_attributes(level, part, all);
  return part;
}

std::string date_key(std::string_view date) {
  date = trimmed(date);
  std::string digits(date);
  if (date.size() == 10 && date[4] == '.' && date[7] == '.') {
    digits = std::string(date.substr(0, 4)).append(date.substr(5, 2)).append(date.substr(8, 2));
  }
  if (digits.size() != 8 || !all_digits(digits)) return {};
  const std::string_view view = digits;
  const int month = number_of(view.substr(4, 2));
  const int day = number_of(view.substr(6, 2));
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 ? digits : std::string();
}

std::string time_key(std::string_view time) {
  auto digits = time_digits(time);
  if (!digits) return {};
  digits->resize(12, '0');
  return digits->insert(6, 1, '.');
}

std::string time_key_upper(std::string_view time) {
  auto digits = time_digits(time);
  if (!digits) return {};
  if (digits->size() == 2) *digits += "59";
  if (digits->size() == 4) *digits += "60";
  digits->resize(12, '9');
  return digits->insert(6, 1, '.');
}

std::int64_t number_key(std::string_view number) {
  number = trimmed(number);
  if (!number.empty() && number.front() == '+') {
    number.remove_prefix(1);
    if (!number.empty() && number.front() == '-') return kNoNumber;
  }
  if (const auto dot = number.find('.'); dot != std::string_view::npos) {
    if (number.find_first_not_of('0', dot + 1) != std::string_view::npos) return kNoNumber;
    number = number.substr(0, dot);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  return error == std::errc() && end == number.data() + number.size() ? value : kNoNumber;
}

std::vector<std::string> split_values(std::string_view joined) {
  std::vector<std::string> values;
  while (!joined.empty()) {
    const auto cut = joined.find('\\');
    if (const auto value = joined.substr(0, cut); !value.empty()) values.emplace_back(value);
    if (cut == std::string_view::npos) break;
    joined.remove_prefix(cut + 1);
  }
  return values;
}

std::string join_values(std::span<const std::string> values) {
  std::string joined;
  for (const auto& value : values) {
    if (!joined.empty()) joined += '\\';
    joined += value;
  }
  return joined;
}

std::optional<std::string> defect_of(const InstanceRecord& record) {
  if (!is_valid_uid(record.study.view())) return "the Study Instance UID is not 1 to 64 digits and dots";
  if (!is_valid_uid(record.series.view())) return "the Series Instance UID is not 1 to 64 digits and dots";
  if (!is_valid_uid(record.sop.view())) return "the SOP Instance UID is not 1 to 64 digits and dots";
  if (record.object_key.empty()) return "the object key is empty";
  return std::nullopt;
}

KeyRange key_range(const Match& match) {
  if (traits_of(match.field).kind == FieldKind::kDate) return {date_key(match.values[0]), date_key(match.values[1])};
  return {time_key(match.values[0]), time_key_upper(match.values[1])};
}

}  // namespace gantry::index
