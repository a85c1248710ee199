#include "gantry/dicomweb/wado/metadata_filter.hpp"

#include <algorithm>
#include <array>

#include "gantry/archive/json_slice.hpp"
#include "gantry/archive/search_values.hpp"
#include "gantry/dicom/dictionary.hpp"

namespace gantry::dicomweb::wado {
namespace {

namespace json = archive::json;

constexpr std::array<dicom::Tag, 4> kAlways = {dicom::Tag(0x00080016), dicom::Tag(0x00080018), dicom::Tag(0x0020000D),
                                               dicom::Tag(0x0020000E)};
constexpr std::size_t kDepthMost = 64;  ///< of sequences, as it is when they come in (DESIGN §13)

Error damaged() { return Error::internal("stored JSON is damaged"); }

}  // namespace

Result<MetadataFilter> MetadataFilter::create(const http::QueryPairs& query) {
  MetadataFilter filter;
  bool all = false;
  for (const auto& [name, value] : query) {
    if (name == "excludeprivate") {
      if (value != "true" && value != "false") return Error::invalid("excludeprivate must be true or false");
      filter.exclude_private_ = value == "true";
    }
    if (name != "includefield") continue;
    for (const auto& part : archive::split_list(value, ",")) {
      if (part == "all") {
        all = true;
        continue;
      }
      // A dotted path names the sequence that it begins with.
      const auto tag = dicom::parse_attribute(std::string_view(part).substr(0, part.find('.')));
      if (!tag || (!tag->is_private() && dicom::find_attribute(*tag) == nullptr)) {
        return Error::invalid("includefield: '" + part.substr(0, 128) + "' is no attribute that is known here");
      }
      filter.include_.push_back(*tag);
    }
  }
  if (all) {
    filter.include_.clear();
    return filter;
  }
  if (!filter.include_.empty()) filter.include_.insert(filter.include_.end(), kAlways.begin(), kAlways.end());
  std::sort(filter.include_.begin(), filter.include_.end());
  filter.include_.erase(std::unique(filter.include_.begin(), filter.include_.end()), filter.include_.end());
  return filter;
}

std::string MetadataFilter::name() const {
  std::string text = exclude_private_ ? "public " : "";
  for (const auto tag : include_) text += dicom::to_hex8(tag);
  return text;
}

Result<std::string> MetadataFilter::apply(std::string_view object) const {
  std::string out;
  GANTRY_TRY(write(out, object, 0));
  return out;
}

Result<void> MetadataFilter::write(std::string& out, std::string_view data_set, std::size_t depth) const {
  if (depth > kDepthMost) return damaged();
  out += '{';
  bool first = true;
  json::Walker members(data_set);
  while (members.next()) {
    const auto tag = dicom::parse_attribute(members.key());
    if (!tag) return damaged();
    if (exclude_private_ && tag->is_private()) continue;
    if (depth == 0 && !include_.empty() && !std::binary_search(include_.begin(), include_.end(), *tag)) continue;
    if (!first) out += ',';
    first = false;
    out.append("\"").append(members.key()).append("\":");
    const auto items = json::member(members.value(), "Value");
    if (!exclude_private_ || !items || json::member(members.value(), "vr") != "\"SQ\"") {
      out += members.value();
      continue;
    }
    out += R"({"vr":"SQ","Value":[)";
    json::Walker walker(*items);
    for (bool any = false; walker.next(); any = true) {
      if (any) out += ',';
      GANTRY_TRY(write(out, walker.value(), depth + 1));
    }
    if (walker.damaged()) return damaged();
    out += "]}";
  }
  if (members.damaged()) return damaged();
  out += '}';
  return {};
}

}  // namespace gantry::dicomweb::wado
