// The Native DICOM Model from outside (PS3.19 Annex A.1).

#include <algorithm>
#include <cstring>
#include <map>

#include <pugixml.hpp>

#include "gantry/dicom/dictionary.hpp"
#include "gantry/dicomweb/stow/metadata.hpp"

namespace gantry::dicomweb::stow {
namespace {

Error wrong(dicom::Tag tag, std::string_view what) {
  return Error::invalid("the metadata's " + dicom::to_hex8(tag) + " " + std::string(what));
}

/// Names may have a namespace prefix.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string read_group(const pugi::xml_node& group) {
  static constexpr const char* kComponents[] = {"FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"};
  std::string text;
  for (const char* component : kComponents) {
    if (component != kComponents[0]) text += '^';
    for (const auto& child : group.children()) {
      if (local_name(child) == component) text += child.text().get();
    }
  }
  while (text.ends_with('^')) text.pop_back();
  return text;
}

std::string read_name(const pugi::xml_node& name) {
  static constexpr const char* kGroups[] = {"Alphabetic", "Ideographic", "Phonetic"};
  std::string text;
  for (const char* group : kGroups) {
    if (group != kGroups[0]) text += '=';
    for (const auto& child : name.children()) {
      if (local_name(child) == group) text += read_group(child);
    }
  }
  while (text.ends_with('=')) text.pop_back();
  return text;
}

/// Values by their numbers, from 1; numbers that are left out are empty values.
class Numbered {
 public:
  Result<void> add(dicom::Tag tag, const pugi::xml_node& node, std::string text) {
    constexpr unsigned kMost = 1'000'000;
    const unsigned number = node.attribute("number").as_uint(static_cast<unsigned>(values_.size() + 1));
    if (number == 0 || number > kMost || number > values_.size() + 1000) return wrong(tag, "has values out of order");
    if (number > values_.size()) values_.resize(number);
    values_[number - 1] = std::move(text);
    return {};
  }
  std::vector<std::string> take() { return std::move(values_); }

 private:
  std::vector<std::string> values_;
};

Result<MetadataSet> read_set(const pugi::xml_node& parent, std::size_t depth) {
  if (depth > kMetadataDepthMost) return Error::invalid("the metadata's sequences are nested too deeply");
  MetadataSet set;
  for (const auto& node : parent.children()) {
    if (node.type() != pugi::node_element) continue;
    if (local_name(node) != "DicomAttribute")
      return Error::invalid("the metadata has an element that is no DicomAttribute");
    const std::string_view hex = node.attribute("tag").as_string();
    const auto tag = parse_tag(hex);
    if (!tag) return Error::invalid("the metadata has a DicomAttribute without a tag of 8 hex digits");
    MetadataAttribute attribute;
    attribute.tag = *tag;
    const std::string_view vr = node.attribute("vr").as_string();
    if (!vr.empty()) {
      const auto parsed = vr.size() == 2 ? dicom::parse_vr(vr[0], vr[1]) : std::nullopt;
      if (!parsed) return wrong(*tag, "has no vr that is known");
      attribute.vr = *parsed;
    } else if (const auto* entry = dicom::find_attribute(*tag)) {
      attribute.vr = dicom::parse_vr(entry->vr);
    }
    Numbered values;
    for (const auto& child : node.children()) {
      const auto name = local_name(child);
      if (name == "Value") {
        GANTRY_TRY(values.add(*tag, child, child.text().get()));
      } else if (name == "PersonName") {
        GANTRY_TRY(values.add(*tag, child, read_name(child)));
      } else if (name == "Item") {
        GANTRY_LET(auto item, read_set(child, depth + 1));
        attribute.items.push_back(std::move(item));
      } else if (name == "BulkData") {
        attribute.bulk_uri = child.attribute("uri").as_string();
      } else if (name == "InlineBinary") {
        auto bytes = decode_base64(child.text().get());
        if (!bytes) return wrong(*tag, "has an InlineBinary that is no Base64");
        attribute.binary = *std::move(bytes);
      }
    }
    attribute.values = values.take();
    if (attribute.vr != dicom::Vr::kSQ && !attribute.items.empty()) return wrong(*tag, "has items, but is no sequence");
    set.push_back(std::move(attribute));
  }
  std::stable_sort(set.begin(), set.end(), [](const auto& a, const auto& b) { return a.tag < b.tag; });
  const auto twice =
      std::adjacent_find(set.begin(), set.end(), [](const auto& a, const auto& b) { return a.tag == b.tag; });
  if (twice != set.end()) return wrong(twice->tag, "comes twice");
  return set;
}

/// Elements inside elements, as far as the text shows: pugixml itself has no limit, and its destructor recurses.
bool is_too_deep(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (next == '/') {
      if (depth > 0) --depth;
    } else if (next != '?' && next != '!') {
      const auto end = text.find('>', at);
      if (end != std::string_view::npos && text[end - 1] == '/') continue;
      if (++depth > 4 * kMetadataDepthMost) return true;
    }
  }
  return false;
}

}  // namespace

Result<MetadataSet> parse_xml(std::string_view document) {
  if (is_too_deep(document)) return Error::invalid("the metadata's elements are nested too deeply");
  pugi::xml_document parsed;
  // Values may be blanks; entities other than XML's own are not resolved, so nothing expands or is fetched.
  const auto result = parsed.load_buffer(document.data(), document.size(),
                                         pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_auto);
  if (!result) return Error::invalid(std::string("the metadata is no XML: ") + result.description());
  const auto root = parsed.document_element();
  if (local_name(root) != "NativeDicomModel") return Error::invalid("the metadata is no NativeDicomModel");
  return read_set(root, 0);
}

}  // namespace gantry::dicomweb::stow
