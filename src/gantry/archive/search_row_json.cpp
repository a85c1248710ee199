#include "gantry/archive/search_row_json.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "gantry/archive/attribute_level.hpp"
#include "gantry/archive/json_slice.hpp"
#include "gantry/archive/record_key.hpp"
#include "gantry/base/json_text.hpp"
#include "gantry/dicom/dictionary.hpp"
#include "gantry/dicom/json_writer.hpp"
#include "gantry/dicom/vr.hpp"

namespace gantry::archive {
namespace {

using Attributes = dicom::QidoAttributes;
using dicom::Tag;
using dicom::Vr;
using index::Level;

enum class Given { kAlways, kWhenThere, kOnRequest };

struct ColumnAttribute {
  std::uint32_t tag;
  Vr vr;
  std::string Attributes::*text;
  Given given;
};

constexpr std::array kStudyColumns = {
    ColumnAttribute{0x00080020, Vr::kDA, &Attributes::study_date, Given::kAlways},
    ColumnAttribute{0x00080030, Vr::kTM, &Attributes::study_time, Given::kAlways},
    ColumnAttribute{0x00080050, Vr::kSH, &Attributes::accession_number, Given::kAlways},
    ColumnAttribute{0x00080090, Vr::kPN, &Attributes::referring_physician_name, Given::kAlways},
    ColumnAttribute{0x00080201, Vr::kSH, &Attributes::timezone_offset, Given::kWhenThere},
    ColumnAttribute{0x00081030, Vr::kLO, &Attributes::study_description, Given::kOnRequest},
    ColumnAttribute{0x00100010, Vr::kPN, &Attributes::patient_name, Given::kAlways},
    ColumnAttribute{0x00100020, Vr::kLO, &Attributes::patient_id, Given::kAlways},
    ColumnAttribute{0x00100030, Vr::kDA, &Attributes::patient_birth_date, Given::kAlways},
    ColumnAttribute{0x00100032, Vr::kTM, &Attributes::patient_birth_time, Given::kOnRequest},
    ColumnAttribute{0x00100040, Vr::kCS, &Attributes::patient_sex, Given::kAlways},
    ColumnAttribute{0x00200010, Vr::kSH, &Attributes::study_id, Given::kAlways},
};

constexpr std::array kSeriesColumns = {
    ColumnAttribute{0x00080021, Vr::kDA, &Attributes::series_date, Given::kOnRequest},
    ColumnAttribute{0x00080031, Vr::kTM, &Attributes::series_time, Given::kOnRequest},
    ColumnAttribute{0x00080060, Vr::kCS, &Attributes::modality, Given::kAlways},
    ColumnAttribute{0x0008103E, Vr::kLO, &Attributes::series_description, Given::kAlways},
    ColumnAttribute{0x00180015, Vr::kCS, &Attributes::body_part_examined, Given::kOnRequest},
    ColumnAttribute{0x00181030, Vr::kLO, &Attributes::protocol_name, Given::kOnRequest},
    ColumnAttribute{0x00200011, Vr::kIS, &Attributes::series_number, Given::kAlways},
    ColumnAttribute{0x00400244, Vr::kDA, &Attributes::performed_procedure_step_start_date, Given::kAlways},
    ColumnAttribute{0x00400245, Vr::kTM, &Attributes::performed_procedure_step_start_time, Given::kAlways},
};

constexpr std::array kInstanceColumns = {
    ColumnAttribute{0x00080023, Vr::kDA, &Attributes::content_date, Given::kOnRequest},
    ColumnAttribute{0x00080033, Vr::kTM, &Attributes::content_time, Given::kOnRequest},
    ColumnAttribute{0x00200013, Vr::kIS, &Attributes::instance_number, Given::kAlways},
    ColumnAttribute{0x00280008, Vr::kIS, &Attributes::number_of_frames, Given::kAlways},
    ColumnAttribute{0x00280010, Vr::kUS, &Attributes::rows, Given::kAlways},
    ColumnAttribute{0x00280011, Vr::kUS, &Attributes::columns, Given::kAlways},
    ColumnAttribute{0x00280100, Vr::kUS, &Attributes::bits_allocated, Given::kAlways},
};

/// Never taken from an instance: what we work out ourselves, and the source's character set, which is not the answer's.
bool is_computed(std::uint32_t tag) {
  return tag == 0x00080005 || tag == 0x00080056 || tag == 0x00080061 || tag == 0x0008041B || tag == 0x00081190 ||
         tag == 0x00201206 || tag == 0x00201208 || tag == 0x00201209;
}

std::vector<std::string_view> split_values(std::string_view joined) {
  std::vector<std::string_view> values;
  for (;;) {
    const auto end = joined.find('\\');
    values.push_back(joined.substr(0, end));
    if (end == std::string_view::npos) return values;
    joined.remove_prefix(end + 1);
  }
}

/// `{"vr":"LO","Value":[…]}`; without Value when the text is empty.
std::string element(Vr vr, std::string_view joined) {
  std::string json = "{\"vr\":\"";
  json += dicom::facts(vr).name;
  json += '"';
  if (!joined.empty()) {
    json += ",\"Value\":[";
    const auto values = split_values(joined);
    if (dicom::facts(vr).kind == dicom::VrKind::kNumber) {
      // US from a text column: digits alone are a JSON number, anything else was never one.
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (i > 0) json += ',';
        if (dicom::survives_as_json_number(values[i])) {
          json += values[i];
        } else {
          append_json_string(json, values[i]);
        }
      }
    } else {
      dicom::append_text_items(json, vr, values);
    }
    json += ']';
  }
  json += '}';
  return json;
}

class RowWriter {
 public:
  RowWriter(const index::SearchRow& row, const SearchPlan& plan, std::string_view root)
      : row_(row), plan_(plan), root_(root) {}

  Result<std::string> write(std::string_view stored) {
    add_study();
    if (row_.series) add_series();
    if (row_.instance) add_instance();
    if (!stored.empty()) GANTRY_TRY(add_stored(stored));
    std::stable_sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) { return a.tag < b.tag; });
    std::string json = "{";
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (i > 0 && members_[i].tag == members_[i - 1].tag) continue;  // of equal ones the first stays
      if (json.size() > 1) json += ',';
      json += '"';
      dicom::append_hex8(json, Tag(members_[i].tag));
      json += "\":";
      json += members_[i].json;
    }
    json += '}';
    return json;
  }

 private:
  struct Member {
    std::uint32_t tag;
    std::string json;
  };

  void add(std::uint32_t tag, std::string json) { members_.push_back({tag, std::move(json)}); }
  void add(std::uint32_t tag, Vr vr, std::string_view text) { add(tag, element(vr, text)); }

  template <std::size_t N>
  void add_columns(const std::array<ColumnAttribute, N>& columns, const Attributes& attributes, bool required) {
    for (const auto& column : columns) {
      const std::string& text = attributes.*column.text;
      const bool given =
          required && (column.given == Given::kAlways || (column.given == Given::kWhenThere && !text.empty()));
      if (given || plan_.include.has(Tag(column.tag))) add(column.tag, column.vr, text);
    }
  }

  void add_study() {
    // Relational searches return the attributes of the levels that the scope does not name.
    const bool required = !plan_.query.study;
    add(0x0020000D, Vr::kUI, row_.study.study.view());
    add_columns(kStudyColumns, row_.study.attributes, required);
    const auto wanted = [&](std::uint32_t tag) { return required || plan_.include.has(Tag(tag)); };
    // A list without a member makes viewers fail on the whole answer, so it is left out.
    if (wanted(0x00080061) && !row_.study.modalities.empty()) {
      std::string joined;
      for (const auto& modality : row_.study.modalities) joined += (joined.empty() ? "" : "\\") + modality;
      add(0x00080061, Vr::kCS, joined);
    }
    if (wanted(0x00201206)) add(0x00201206, Vr::kIS, std::to_string(row_.study.series_count));
    if (wanted(0x00201208)) add(0x00201208, Vr::kIS, std::to_string(row_.study.instance_count));
    std::string url = std::string(root_) + "/studies/" + row_.study.study.str();
    if (row_.series) url += "/series/" + row_.series->series.str();
    if (row_.instance) url += "/instances/" + row_.instance->sop.str();
    if (plan_.include.names(Tag(0x0008041B))) {
      std::string key = R"({"vr":"OB","InlineBinary":")";
      dicom::append_base64(key, record_key_of(row_));
      add(0x0008041B, key + "\"}");
    }
    add(0x00080056, Vr::kCS, "ONLINE");
    add(0x00081190, Vr::kUR, url);
  }

  void add_series() {
    const bool required = !plan_.query.series;
    add(0x0020000E, Vr::kUI, row_.series->series.view());
    add_columns(kSeriesColumns, row_.series->attributes, required);
    if (required || plan_.include.has(Tag(0x00201209))) {
      add(0x00201209, Vr::kIS, std::to_string(row_.series->instance_count));
    }
    if (plan_.include.has(Tag(0x00400275))) return;  // the whole sequence comes from the stored JSON
    if (required) add(0x00400275, request_attributes(row_.series->attributes));
  }

  static std::string request_attributes(const Attributes& attributes) {
    if (attributes.scheduled_procedure_step_ids.empty() && attributes.requested_procedure_ids.empty()) {
      return R"({"vr":"SQ"})";
    }
    const auto steps = split_values(attributes.scheduled_procedure_step_ids);
    const auto procedures = split_values(attributes.requested_procedure_ids);
    std::string json = R"({"vr":"SQ","Value":[)";
    for (std::size_t i = 0; i < std::max(steps.size(), procedures.size()); ++i) {
      if (i > 0) json += ',';
      json += "{\"00400009\":" + element(Vr::kSH, i < steps.size() ? steps[i] : "");
      json += ",\"00401001\":" + element(Vr::kSH, i < procedures.size() ? procedures[i] : "") + "}";
    }
    return json + "]}";
  }

  void add_instance() {
    const auto& instance = *row_.instance;
    add(0x00080016, Vr::kUI, instance.sop_class);
    add(0x00080018, Vr::kUI, instance.sop.view());
    add_columns(kInstanceColumns, instance.attributes, true);
    if (plan_.include.has(Tag(0x00083002))) add(0x00083002, Vr::kUI, instance.transfer_syntax);
  }

  Result<void> add_stored(std::string_view stored) {
    json::Walker members(stored);
    while (members.next()) {
      const auto tag = dicom::parse_attribute(members.key());
      if (!tag || members.key().size() != 8) return Error::internal("stored JSON has a member that is no tag");
      // A private attribute has no level: above an instance it is given when it was asked for by name.
      const bool below = attribute_level(*tag) > plan_.query.level && !(tag->is_private() && plan_.include.names(*tag));
      if (is_computed(tag->value()) || !plan_.include.has(*tag) || below) continue;
      add(tag->value(), std::string(members.value()));
      replace_root(members_.back().json, root_);
    }
    if (members.damaged()) return Error::internal("stored JSON is damaged");
    return {};
  }

  const index::SearchRow& row_;
  const SearchPlan& plan_;
  std::string_view root_;
  std::vector<Member> members_;
};

}  // namespace

std::vector<ReturnedAttribute> returned_attributes() {
  std::vector<ReturnedAttribute> all;
  const auto add = [&all](Level level, const auto& columns) {
    for (const auto& column : columns) {
      all.push_back({column.tag, level,
                     column.given == Given::kAlways      ? "always"
                     : column.given == Given::kWhenThere ? "when it has a value"
                                                         : "on request"});
    }
  };
  add(Level::kStudy, kStudyColumns);
  for (const std::uint32_t tag : {0x00080056U, 0x00081190U, 0x0020000DU, 0x00201206U, 0x00201208U}) {
    all.push_back({tag, Level::kStudy, "always"});
  }
  all.push_back({0x00080061, Level::kStudy, "when it has a value"});
  all.push_back({0x0008041B, Level::kStudy, "on request, or with PriorRecordKey"});
  add(Level::kSeries, kSeriesColumns);
  for (const std::uint32_t tag : {0x0020000EU, 0x00201209U, 0x00400275U})
    all.push_back({tag, Level::kSeries, "always"});
  add(Level::kInstance, kInstanceColumns);
  for (const std::uint32_t tag : {0x00080016U, 0x00080018U}) all.push_back({tag, Level::kInstance, "always"});
  all.push_back({0x00083002, Level::kInstance, "on request"});
  return all;
}

void replace_root(std::string& json, std::string_view root) {
  if (root == kStoredRoot) return;
  // A quote inside a string is escaped, so this text can only be a member's name and the beginning of its value.
  static constexpr std::string_view kBefore = "\"BulkDataURI\":\"/dicom-web/";
  std::size_t at = json.find(kBefore);
  if (at == std::string::npos) return;
  std::string out;
  out.reserve(json.size() + json.size() / 8);
  std::size_t copied = 0;
  for (; at != std::string::npos; at = json.find(kBefore, copied)) {
    const std::size_t uri = at + kBefore.size() - 1 - kStoredRoot.size();
    out.append(json, copied, uri - copied).append(root);
    copied = at + kBefore.size() - 1;
  }
  out.append(json, copied);
  json = std::move(out);
}

Result<std::string> search_row_json(const index::SearchRow& row, const SearchPlan& plan, std::string_view root,
                                    std::string_view stored) {
  return RowWriter(row, plan, root).write(stored);
}

}  // namespace gantry::archive
