#include "gantry/dicomweb/stow/reply_dataset.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

namespace gantry::dicomweb::stow {
namespace {

std::string hex8(std::uint32_t tag) {
  char text[9];
  std::snprintf(text, sizeof text, "%08X", tag);
  return text;
}

/// How many bytes of well-formed UTF-8 the character at `at` has; 0 when it is none (Unicode 15 table 3-7).
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(at);
  const unsigned second = byte(at + 1);
  if (first < 0x80) return 1;
  if (!follows(at + 1)) return 0;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (!follows(at + 2)) return 0;
  if (first == 0xE0) return second >= 0xA0 ? 3 : 0;
  if (first == 0xED) return second < 0xA0 ? 3 : 0;
  if (first > 0xE0 && first <= 0xEF) return 3;
  if (!follows(at + 3)) return 0;
  if (first == 0xF0) return second >= 0x90 ? 4 : 0;
  if (first == 0xF4) return second < 0x90 ? 4 : 0;
  return first > 0xF0 && first < 0xF4 ? 4 : 0;
}

/// `text` with '?' for what is no UTF-8: a sender's own bytes must not make our answer unreadable.
std::string as_utf8(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    out.append(length == 0 ? "?" : text.substr(i, length));
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

void append_json_string(std::string& out, std::string_view raw) {
  out += '"';
  for (const char c : as_utf8(raw)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      char escape[7];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_json(std::string& out, const ReplyDataset& dataset);

void append_json(std::string& out, const ReplyAttribute& attribute) {
  append_json_string(out, hex8(attribute.tag));
  out += ":{\"vr\":\"" + attribute.vr + '"';
  if (!attribute.values.empty() || !attribute.items.empty()) {
    out += ",\"Value\":[";
    bool first = true;
    for (const auto& value : attribute.values) {
      if (!first) out += ',';
      first = false;
      if (attribute.vr == "US") {
        out += value;
      } else {
        append_json_string(out, value);
      }
    }
    for (const auto& item : attribute.items) {
      if (!first) out += ',';
      first = false;
      append_json(out, item);
    }
    out += ']';
  }
  out += '}';
}

void append_json(std::string& out, const ReplyDataset& dataset) {
  out += '{';
  bool first = true;
  std::uint32_t last_creator = 0;
  for (const auto& attribute : dataset) {
    if (!first) out += ',';
    first = false;
    // (gggg,00bb) names who owns the block bb of (gggg,bbxx) (PS3.5 §7.8.1); once, before the first of the block.
    const std::uint32_t creator = (attribute.tag & 0xFFFF0000U) | ((attribute.tag >> 8) & 0xFFU);
    if (!attribute.private_creator.empty() && creator != std::exchange(last_creator, creator)) {
      append_json(out, ReplyAttribute{creator, "LO", "", {attribute.private_creator}, {}, ""});
      out += ',';
    }
    append_json(out, attribute);
  }
  out += '}';
}

/// Text of an element or attribute value. Control characters that XML 1.0 can't hold become '?'.
void append_xml_text(std::string& out, std::string_view raw) {
  for (const char c : as_utf8(raw)) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += byte < 0x20 && c != '\t' && c != '\n' && c != '\r' ? '?' : c;
    }
  }
}

void append_xml(std::string& out, const ReplyDataset& dataset) {
  for (const auto& attribute : dataset) {
    // The block number of a private attribute is written as 00: the creator says the same (PS3.19 Table A.1.5-2).
    const std::uint32_t tag = attribute.private_creator.empty() ? attribute.tag : attribute.tag & 0xFFFF00FFU;
    out += "<DicomAttribute tag=\"" + hex8(tag) + "\" vr=\"" + attribute.vr + '"';
    if (!attribute.keyword.empty()) out += " keyword=\"" + attribute.keyword + '"';
    if (!attribute.private_creator.empty()) {
      out += " privateCreator=\"";
      append_xml_text(out, attribute.private_creator);
      out += '"';
    }
    out += '>';
    std::size_t number = 0;
    for (const auto& value : attribute.values) {
      out += "<Value number=\"" + std::to_string(++number) + "\">";
      append_xml_text(out, value);
      out += "</Value>";
    }
    number = 0;
    for (const auto& item : attribute.items) {
      out += "<Item number=\"" + std::to_string(++number) + "\">";
      append_xml(out, item);
      out += "</Item>";
    }
    out += "</DicomAttribute>";
  }
}

}  // namespace

std::string to_dicom_json(const ReplyDataset& dataset) {
  std::string out;
  append_json(out, dataset);
  return out;
}

std::string to_native_xml(const ReplyDataset& dataset) {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
      "<NativeDicomModel xmlns=\"http://dicom.nema.org/PS3.19/models/NativeDICOM\" xml:space=\"preserve\">";
  append_xml(out, dataset);
  out += "</NativeDicomModel>";
  return out;
}

}  // namespace gantry::dicomweb::stow
