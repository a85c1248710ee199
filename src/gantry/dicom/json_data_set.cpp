#include "gantry/dicom/json_data_set.hpp"

#include <algorithm>

#include "gantry/dicom/json_writer.hpp"

namespace gantry::dicom {

namespace {

// Stands where the root of the URIs goes: the UIDs in it may come after the first bulk value. JSON text that we write
// never holds this byte, it would be escaped.
constexpr char kRootMark = '\x01';
// What a root may take: "/dicom-web/studies/" … with three UIDs.
constexpr std::size_t kRootBytes = 256;

}  // namespace

JsonDataSet::JsonDataSet(std::size_t bytes_max) : bytes_max_(std::min<std::size_t>(bytes_max, UINT32_MAX / 2)) {
  out_.reserve(16 * 1024);
  entries_.reserve(256);
  levels_.reserve(8);
  levels_.push_back({});
  out_.push_back('{');
}

void JsonDataSet::begin_element(Tag tag, Vr vr) {
  Level& level = levels_.back();
  if (entries_.size() > level.first_entry) {
    out_.push_back(',');
    if (tag.value() <= entries_.back().tag) level.ordered = false;
  }
  entries_.push_back({tag.value(), static_cast<std::uint32_t>(out_.size()), static_cast<std::uint32_t>(bulk_.size())});
  out_.push_back('"');
  append_hex8(out_, tag);
  out_.append("\":{\"vr\":\"");
  out_.append(facts(vr).name);
  out_.push_back('"');
}

void JsonDataSet::end_element() { out_.push_back('}'); }

void JsonDataSet::begin_values() { out_.append(",\"Value\":["); }
void JsonDataSet::end_values() { out_.push_back(']'); }

void JsonDataSet::inline_binary(Vr vr, std::string_view bytes, bool big_endian) {
  out_.append(",\"InlineBinary\":\"");
  append_binary(out_, vr, bytes, big_endian);
  out_.push_back('"');
}

void JsonDataSet::bulk_uri(Vr vr, ByteRange range, bool listed) {
  ++uris_;
  std::string path = path_;
  append_hex8(path, Tag(entries_.back().tag));
  out_.append(",\"BulkDataURI\":\"");
  out_.push_back(kRootMark);
  out_.append(path);
  out_.push_back('"');
  if (listed) bulk_.push_back({std::move(path), std::string(facts(vr).name), range});
}

void JsonDataSet::begin_sequence(Tag tag) {
  begin_element(tag, Vr::kSQ);
  Level& level = levels_.back();
  level.items = 0;
  level.path_size = path_.size();
  append_hex8(path_, tag);
  path_.push_back('/');
}

void JsonDataSet::begin_item() {
  Level& level = levels_.back();
  if (level.items == 0) {
    begin_values();
  } else {
    out_.push_back(',');
  }
  ++level.items;
  path_.resize(level.path_size + 9);
  path_.append(std::to_string(level.items));
  path_.push_back('/');
  out_.push_back('{');
  Level inner;
  inner.first_entry = entries_.size();
  levels_.push_back(inner);
}

void JsonDataSet::end_item() { close_level(); }

void JsonDataSet::end_sequence() {
  Level& level = levels_.back();
  if (level.items > 0) end_values();
  path_.resize(level.path_size);
  end_element();
}

void JsonDataSet::close_level() {
  const Level level = levels_.back();
  if (!level.ordered) reorder(level);
  entries_.resize(level.first_entry);
  out_.push_back('}');
  if (levels_.size() > 1) levels_.pop_back();
}

void JsonDataSet::reorder(const Level& level) {
  const std::size_t count = entries_.size() - level.first_entry;
  const Entry* entries = entries_.data() + level.first_entry;
  std::vector<std::uint32_t> order(count);
  for (std::uint32_t i = 0; i < count; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [entries](std::uint32_t a, std::uint32_t b) { return entries[a].tag < entries[b].tag; });
  const std::size_t json_begin = entries[0].json_begin;
  const std::size_t bulk_begin = entries[0].bulk_begin;
  std::string json;
  json.reserve(out_.size() - json_begin);
  std::vector<BulkItem> bulk;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t at = order[i];
    if (i > 0 && entries[order[i - 1]].tag == entries[at].tag) continue;
    const bool last = at + 1 == count;
    const std::size_t json_end = last ? out_.size() : entries[at + 1].json_begin - 1;  // without the comma
    const std::size_t bulk_end = last ? bulk_.size() : entries[at + 1].bulk_begin;
    if (!json.empty()) json.push_back(',');
    json.append(out_, entries[at].json_begin, json_end - entries[at].json_begin);
    for (std::size_t item = entries[at].bulk_begin; item < bulk_end; ++item) bulk.push_back(std::move(bulk_[item]));
  }
  out_.resize(json_begin);
  out_.append(json);
  bulk_.resize(bulk_begin);
  for (BulkItem& item : bulk) bulk_.push_back(std::move(item));
}

Result<void> JsonDataSet::check() const {
  if (out_.size() + uris_ * kRootBytes <= bytes_max_) return {};
  return Error::too_large("the metadata of this instance exceed " + std::to_string(bytes_max_) + " bytes of JSON");
}

Result<std::string> JsonDataSet::finish(std::string_view uri_root) {
  close_level();
  GANTRY_TRY(check());
  std::sort(bulk_.begin(), bulk_.end(), [](const BulkItem& a, const BulkItem& b) { return a.path < b.path; });
  if (uris_ == 0) return std::move(out_);
  std::string whole;
  whole.reserve(out_.size() + uris_ * uri_root.size());
  std::string_view rest = out_;
  for (std::size_t mark = rest.find(kRootMark); mark != std::string_view::npos; mark = rest.find(kRootMark)) {
    whole.append(rest.substr(0, mark));
    whole.append(uri_root);
    rest.remove_prefix(mark + 1);
  }
  whole.append(rest);
  return whole;
}

}  // namespace gantry::dicom
