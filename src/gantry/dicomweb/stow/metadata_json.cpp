// DICOM JSON from outside.

#include <algorithm>
#include <array>

#include <simdjson.h>

#include "gantry/archive/json_slice.hpp"
#include "gantry/dicom/dictionary.hpp"
#include "gantry/dicomweb/stow/metadata.hpp"

namespace gantry::dicomweb::stow {
namespace {

namespace dom = simdjson::dom;

Error wrong(dicom::Tag tag, std::string_view what) {
  return Error::invalid("the metadata's " + dicom::to_hex8(tag) + " " + std::string(what));
}

Result<MetadataSet> read_set(const dom::object& object, std::size_t depth);

Result<std::string> read_name(dicom::Tag tag, const dom::object& name) {
  static constexpr std::array<std::string_view, 3> kGroups = {"Alphabetic", "Ideographic", "Phonetic"};
  std::string text;
  for (std::size_t i = 0; i < kGroups.size(); ++i) {
    std::string_view group;
    const auto error = name[kGroups[i]].get_string().get(group);
    if (error != simdjson::SUCCESS && error != simdjson::NO_SUCH_FIELD) return wrong(tag, "is no person name");
    if (i > 0) text += '=';
    text += group;
  }
  while (text.ends_with('=')) text.pop_back();
  return text;
}

Result<std::string> read_value(dicom::Tag tag, dicom::Vr vr, const dom::element& value) {
  switch (value.type()) {
    case dom::element_type::NULL_VALUE: return std::string();
    case dom::element_type::STRING: return std::string(value.get_string().value_unsafe());
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE: return simdjson::minify(value);
    case dom::element_type::OBJECT:
      if (vr == dicom::Vr::kPN) return read_name(tag, value.get_object().value_unsafe());
      break;
    default: break;
  }
  return wrong(tag, "has a value that its VR can't have");
}

Result<MetadataAttribute> read_attribute(dicom::Tag tag, const dom::object& object, std::size_t depth) {
  MetadataAttribute attribute;
  attribute.tag = tag;
  std::string_view vr;
  if (object["vr"].get_string().get(vr) == simdjson::SUCCESS) {
    const auto parsed = vr.size() == 2 ? dicom::parse_vr(vr[0], vr[1]) : std::nullopt;
    if (!parsed) return wrong(tag, "has no vr that is known");
    attribute.vr = *parsed;
  } else if (const auto* entry = dicom::find_attribute(tag)) {
    attribute.vr = dicom::parse_vr(entry->vr);
  }
  std::string_view text;
  if (object["BulkDataURI"].get_string().get(text) == simdjson::SUCCESS) {
    attribute.bulk_uri = text;
    return attribute;
  }
  if (object["InlineBinary"].get_string().get(text) == simdjson::SUCCESS) {
    auto bytes = decode_base64(text);
    if (!bytes) return wrong(tag, "has an InlineBinary that is no Base64");
    attribute.binary = *std::move(bytes);
    return attribute;
  }
  dom::element values;
  if (object["Value"].get(values) != simdjson::SUCCESS) return attribute;
  dom::array list;
  if (values.get_array().get(list) != simdjson::SUCCESS) return wrong(tag, "has a Value that is no array");
  for (const dom::element value : list) {
    if (attribute.vr == dicom::Vr::kSQ) {
      dom::object item;
      if (value.is_null()) {
        attribute.items.emplace_back();
        continue;
      }
      if (value.get_object().get(item) != simdjson::SUCCESS) return wrong(tag, "has an item that is no object");
      GANTRY_LET(auto set, read_set(item, depth + 1));
      attribute.items.push_back(std::move(set));
    } else {
      GANTRY_LET(auto read, read_value(tag, attribute.vr, value));
      attribute.values.push_back(std::move(read));
    }
  }
  return attribute;
}

Result<MetadataSet> read_set(const dom::object& object, std::size_t depth) {
  if (depth > kMetadataDepthMost) return Error::invalid("the metadata's sequences are nested too deeply");
  MetadataSet set;
  for (const auto& [key, value] : object) {
    const auto tag = parse_tag(key);
    if (!tag) return Error::invalid("the metadata has a member that is no tag of 8 hex digits");
    dom::object members;
    if (value.get_object().get(members) != simdjson::SUCCESS) return wrong(*tag, "is no object");
    GANTRY_LET(auto attribute, read_attribute(*tag, members, depth));
    set.push_back(std::move(attribute));
  }
  std::stable_sort(set.begin(), set.end(), [](const auto& a, const auto& b) { return a.tag < b.tag; });
  const auto twice =
      std::adjacent_find(set.begin(), set.end(), [](const auto& a, const auto& b) { return a.tag == b.tag; });
  if (twice != set.end()) return wrong(twice->tag, "comes twice");
  return set;
}

}  // namespace

Result<std::vector<std::string_view>> split_json(std::string_view text) {
  namespace json = archive::json;
  const auto begin = json::skip_space(text, 0);
  const auto end = json::value_end(text, begin);
  if (end == std::string_view::npos || json::skip_space(text, end) != text.size()) {
    return Error::invalid("the metadata is no whole JSON");
  }
  text = text.substr(begin, end - begin);
  std::vector<std::string_view> objects;
  if (text.starts_with('{')) {
    objects.push_back(text);
    return objects;
  }
  json::Walker items(text);
  while (items.next()) {
    if (!items.value().starts_with('{')) return Error::invalid("the metadata is no array of objects");
    objects.push_back(items.value());
  }
  if (items.damaged()) return Error::invalid("the metadata is no array of objects");
  return objects;
}

Result<MetadataSet> parse_json(std::string_view object) {
  dom::parser parser;
  dom::object root;
  // Three levels of JSON to one of sequences.
  if (parser.allocate(object.size() + 1, 4 * kMetadataDepthMost) != simdjson::SUCCESS) {
    return Error::unavailable("memory is short");
  }
  const simdjson::padded_string padded(object);
  const auto error = parser.parse(padded).get_object().get(root);
  if (error != simdjson::SUCCESS) {
    return Error::invalid(std::string("the metadata is no JSON: ") + simdjson::error_message(error));
  }
  return read_set(root, 0);
}

}  // namespace gantry::dicomweb::stow
