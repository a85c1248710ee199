#include "gantry/dicomweb/stow/reply_dataset.hpp"

#include <cstdio>
#include <string_view>
#include <utility>

#include "gantry/base/json_text.hpp"

namespace gantry::dicomweb::stow {
namespace {

std::string hex8(std::uint32_t tag) {
  char text[9];
  std::snprintf(text, sizeof text, "%08X", tag);
  return text;
}

void append_json(std::string& out, const ReplyDataset& dataset);

void append_json(std::string& out, const ReplyAttribute& attribute) {
  out += json_string(hex8(attribute.tag));
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
        out += json_string(value);
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
