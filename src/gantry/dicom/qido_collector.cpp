#include "gantry/dicom/qido_collector.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace gantry::dicom {

namespace {

constexpr Tag kScheduledStepId{0x0040, 0x0009};
constexpr Tag kRequestedProcedureId{0x0040, 0x1001};

struct Wanted {
  std::uint32_t tag;
  std::string QidoAttributes::*member;
};

// Ascending by tag.
constexpr std::array kWanted = {
    Wanted{0x00080020, &QidoAttributes::study_date},
    Wanted{0x00080021, &QidoAttributes::series_date},
    Wanted{0x00080023, &QidoAttributes::content_date},
    Wanted{0x00080030, &QidoAttributes::study_time},
    Wanted{0x00080031, &QidoAttributes::series_time},
    Wanted{0x00080033, &QidoAttributes::content_time},
    Wanted{0x00080050, &QidoAttributes::accession_number},
    Wanted{0x00080060, &QidoAttributes::modality},
    Wanted{0x00080090, &QidoAttributes::referring_physician_name},
    Wanted{0x00080201, &QidoAttributes::timezone_offset},
    Wanted{0x00081030, &QidoAttributes::study_description},
    Wanted{0x0008103E, &QidoAttributes::series_description},
    Wanted{0x00100010, &QidoAttributes::patient_name},
    Wanted{0x00100020, &QidoAttributes::patient_id},
    Wanted{0x00100030, &QidoAttributes::patient_birth_date},
    Wanted{0x00100032, &QidoAttributes::patient_birth_time},
    Wanted{0x00100040, &QidoAttributes::patient_sex},
    Wanted{0x00101010, &QidoAttributes::patient_age},
    Wanted{0x00101020, &QidoAttributes::patient_size},
    Wanted{0x00101030, &QidoAttributes::patient_weight},
    Wanted{0x00180015, &QidoAttributes::body_part_examined},
    Wanted{0x00181030, &QidoAttributes::protocol_name},
    Wanted{0x00200010, &QidoAttributes::study_id},
    Wanted{0x00200011, &QidoAttributes::series_number},
    Wanted{0x00200013, &QidoAttributes::instance_number},
    Wanted{0x00280008, &QidoAttributes::number_of_frames},
    Wanted{0x00280010, &QidoAttributes::rows},
    Wanted{0x00280011, &QidoAttributes::columns},
    Wanted{0x00280100, &QidoAttributes::bits_allocated},
    Wanted{0x00400244, &QidoAttributes::performed_procedure_step_start_date},
    Wanted{0x00400245, &QidoAttributes::performed_procedure_step_start_time},
};
static_assert(std::is_sorted(kWanted.begin(), kWanted.end(),
                             [](const Wanted& a, const Wanted& b) { return a.tag < b.tag; }));

const Wanted* find_wanted(Tag tag) noexcept {
  const auto found = std::lower_bound(kWanted.begin(), kWanted.end(), tag.value(),
                                      [](const Wanted& wanted, std::uint32_t value) { return wanted.tag < value; });
  return found != kWanted.end() && found->tag == tag.value() ? found : nullptr;
}

void append_joined(std::string& text, std::span<const std::string_view> values) {
  bool first = true;
  for (const std::string_view value : values) {
    if (!first) text.push_back('\\');
    first = false;
    text.append(value);
  }
}

// Items without a value leave nothing but separators: then there is no value at all.
std::string without_bare_separators(std::string text) {
  if (text.find_first_not_of('\\') == std::string::npos) text.clear();
  return text;
}

}  // namespace

bool QidoCollector::wants(Tag tag) noexcept { return find_wanted(tag) != nullptr; }

void QidoCollector::on_value(Tag tag, std::span<const std::string_view> values) {
  const Wanted* wanted = find_wanted(tag);
  if (wanted == nullptr) return;
  const std::uint64_t bit = 1ULL << (wanted - kWanted.data());
  if ((seen_ & bit) != 0) return;
  seen_ |= bit;
  append_joined(attributes_.*(wanted->member), values);
}

bool QidoCollector::wants_of_request(Tag tag) noexcept {
  return tag == kScheduledStepId || tag == kRequestedProcedureId;
}

void QidoCollector::begin_request() {
  if (requests_++ > 0) {
    attributes_.scheduled_procedure_step_ids.push_back('\\');
    attributes_.requested_procedure_ids.push_back('\\');
  }
  has_step_ = has_procedure_ = false;
}

void QidoCollector::on_request_value(Tag tag, std::span<const std::string_view> values) {
  if (tag == kScheduledStepId && !std::exchange(has_step_, true)) {
    append_joined(attributes_.scheduled_procedure_step_ids, values);
  } else if (tag == kRequestedProcedureId && !std::exchange(has_procedure_, true)) {
    append_joined(attributes_.requested_procedure_ids, values);
  }
}

QidoAttributes QidoCollector::take() {
  QidoAttributes taken = std::move(attributes_);
  taken.scheduled_procedure_step_ids = without_bare_separators(std::move(taken.scheduled_procedure_step_ids));
  taken.requested_procedure_ids = without_bare_separators(std::move(taken.requested_procedure_ids));
  return taken;
}

}  // namespace gantry::dicom
