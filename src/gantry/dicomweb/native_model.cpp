#include "gantry/dicomweb/native_model.hpp"

#include <array>
#include <map>
#include <optional>

#include "gantry/archive/json_slice.hpp"
#include "gantry/dicom/dictionary.hpp"

namespace gantry::dicomweb {
namespace {

namespace json = archive::json;

// What the indexer lets in is 64 deep (DESIGN §13).
constexpr unsigned kDepthMost = 128;

Error damaged() { return Error::internal("stored JSON is damaged"); }

/// Text for elements and attribute values. Characters that XML 1.0 can't hold become U+FFFD.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\r': out += "&#13;"; break;
      case '\n':
      case '\t': out += c; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\xEF\xBF\xBD";
        } else {
          out += c;
        }
    }
  }
}

void append_element(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out.append("<").append(name).append(">");
  append_escaped(out, text);
  out.append("</").append(name).append(">");
}

void append_name_group(std::string& out, std::string_view group, std::string_view components) {
  static constexpr std::array<std::string_view, 5> kComponents = {"FamilyName", "GivenName", "MiddleName", "NamePrefix",
                                                                  "NameSuffix"};
  out.append("<").append(group).append(">");
  for (const auto name : kComponents) {
    const auto end = components.find('^');
    append_element(out, name, components.substr(0, end));
    if (end == std::string_view::npos) break;
    components.remove_prefix(end + 1);
  }
  out.append("</").append(group).append(">");
}

class Converter {
 public:
  Result<std::string> convert(std::string_view object) {
    out_ =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
        "<NativeDicomModel xmlns=\"http://dicom.nema.org/PS3.19/models/NativeDICOM\" xml:space=\"preserve\">";
    GANTRY_TRY(data_set(object, 0));
    out_ += "</NativeDicomModel>";
    return std::move(out_);
  }

 private:
  using Creators = std::map<std::uint32_t, std::string>;  ///< by group and block

  Result<void> data_set(std::string_view object, unsigned depth) {
    if (depth > kDepthMost) return damaged();
    Creators creators;
    json::Walker members(object);
    while (members.next()) GANTRY_TRY(attribute(members.key(), members.value(), creators, depth));
    if (members.damaged()) return damaged();
    return {};
  }

  Result<void> attribute(std::string_view key, std::string_view value, Creators& creators, unsigned depth) {
    const bool is_tag = key.size() == 8 && key.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
    const auto tag = is_tag ? dicom::parse_attribute(key) : std::nullopt;
    if (!tag) return damaged();
    std::string vr;
    std::optional<std::string_view> values;
    std::optional<std::string_view> inline_binary;
    std::optional<std::string_view> bulk;
    json::Walker parts(value);
    while (parts.next()) {
      if (parts.key() == "vr") vr = json::text_of(parts.value());
      if (parts.key() == "Value") values = parts.value();
      if (parts.key() == "InlineBinary") inline_binary = parts.value();
      if (parts.key() == "BulkDataURI") bulk = parts.value();
    }
    if (parts.damaged()) return damaged();

    out_.append("<DicomAttribute tag=\"").append(key).append("\" vr=\"");
    append_escaped(out_, vr);
    out_ += '"';
    name_attribute(*tag, values, creators);
    out_ += '>';
    if (values) GANTRY_TRY(append_values(vr, *values, depth));
    if (inline_binary) append_element(out_, "InlineBinary", json::text_of(*inline_binary));
    if (bulk) {
      out_ += "<BulkData uri=\"";
      append_escaped(out_, json::text_of(*bulk));
      out_ += "\"/>";
    }
    out_ += "</DicomAttribute>";
    return {};
  }

  void name_attribute(dicom::Tag tag, std::optional<std::string_view> values, Creators& creators) {
    if (!tag.is_private()) {
      const auto* entry = dicom::find_attribute(tag);
      if (entry != nullptr) out_.append(" keyword=\"").append(entry->keyword).append("\"");
      return;
    }
    const std::uint32_t group = std::uint32_t{tag.group} << 16;
    if (tag.element >= 0x0010 && tag.element <= 0x00FF) {
      json::Walker items(values.value_or("[]"));
      if (items.next()) creators[group | tag.element] = json::text_of(items.value());
      return;
    }
    const auto creator = creators.find(group | static_cast<std::uint32_t>(tag.element >> 8));
    if (creator == creators.end()) return;
    out_ += " privateCreator=\"";
    append_escaped(out_, creator->second);
    out_ += '"';
  }

  Result<void> append_values(std::string_view vr, std::string_view values, unsigned depth) {
    std::size_t number = 0;
    json::Walker items(values);
    while (items.next()) {
      const std::string numbered = " number=\"" + std::to_string(++number) + "\"";
      const auto item = items.value();
      if (vr == "SQ") {
        out_.append("<Item").append(numbered).append(">");
        GANTRY_TRY(data_set(item, depth + 1));
        out_ += "</Item>";
      } else if (vr == "PN" && item.starts_with('{')) {
        out_.append("<PersonName").append(numbered).append(">");
        json::Walker groups(item);
        while (groups.next()) append_name_group(out_, groups.key(), json::text_of(groups.value()));
        if (groups.damaged()) return damaged();
        out_ += "</PersonName>";
      } else if (item != "null") {
        out_.append("<Value").append(numbered).append(">");
        append_escaped(out_, json::text_of(item));
        out_ += "</Value>";
      }
    }
    if (items.damaged()) return damaged();
    return {};
  }

  std::string out_;
};

}  // namespace

Result<std::string> native_model_xml(std::string_view json_object) { return Converter().convert(json_object); }

}  // namespace gantry::dicomweb
