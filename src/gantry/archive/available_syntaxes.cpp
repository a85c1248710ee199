#include "gantry/archive/available_syntaxes.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "gantry/archive/json_slice.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/syntaxes.hpp"

namespace gantry::archive {
namespace {

constexpr std::string_view kKey = "00083002";
constexpr std::array kTargets{pixels::kJpegLs,    pixels::kJpeg2000Lossless, pixels::kHtj2kRpcl, pixels::kHtj2kLossless,
                              pixels::kRle,       pixels::kJpegBaseline};

/// As far as the layout knows it, and the two attributes beside it that keep pixels out of JPEG.
pixels::FrameShape shape_of(const dicom::PixelLayout& layout, std::string_view json) {
  pixels::FrameShape shape;
  shape.rows = layout.rows;
  shape.columns = layout.columns;
  shape.samples = layout.samples;
  shape.bits_allocated = layout.bits_allocated;
  shape.is_float = layout.element != dicom::Tag{0x7FE0, 0x0010};
  json::Walker members(json);
  while (members.next()) {
    if (members.key() == "00280004" && members.value().find("\"PALETTE COLOR\"") != std::string_view::npos) {
      shape.photometric = "PALETTE COLOR";
    } else if (members.key() == "00280103") {
      shape.is_signed = members.value().find("[1]") != std::string_view::npos;
    } else if (members.key() > "00280103") {
      break;
    }
  }
  return shape;
}

}  // namespace

std::vector<std::string> available_syntaxes(const dicom::Layout& layout, std::string_view json) {
  std::vector<std::string> found;
  const auto add = [&](std::string_view syntax) {
    if (std::find(found.begin(), found.end(), syntax) == found.end()) found.emplace_back(syntax);
  };
  const std::string& stored = layout.transfer_syntax;
  if (stored != dicom::kImplicitLittleEndian && stored != dicom::kExplicitBigEndian) add(stored);
  const auto* known = dicom::find_transfer_syntax(stored);
  if (known == nullptr) return found;
  if (!known->encapsulated || pixels::can_decode(stored)) add(dicom::kExplicitLittleEndian);
  const auto kind = layout.pixels.kind;
  const bool frames = kind == dicom::PixelLayout::Kind::kNative || kind == dicom::PixelLayout::Kind::kEncapsulated;
  if (!frames || !pixels::can_decode(stored)) return found;
  const auto shape = shape_of(layout.pixels, json);
  for (const auto target : kTargets) {
    if (pixels::can_encode(shape, target)) add(target);
  }
  return found;
}

std::string with_available_syntaxes(const std::string& json, const std::vector<std::string>& syntaxes) {
  if (syntaxes.empty() || json.empty() || json.front() != '{') return json;
  std::string element = "\"" + std::string(kKey) + "\":{\"vr\":\"UI\",\"Value\":[";
  for (std::size_t i = 0; i < syntaxes.size(); ++i) element += (i == 0 ? "\"" : ",\"") + syntaxes[i] + "\"";
  element += "]}";
  // Keys ascend: in front of the first that is not smaller.
  json::Walker members(json);
  std::size_t at = json.size();
  std::size_t end = json.size();
  bool any = false;
  while (members.next()) {
    any = true;
    if (members.key() < kKey) continue;
    at = static_cast<std::size_t>(members.key().data() - json.data()) - 1;  // its quote
    end = members.key() == kKey ? static_cast<std::size_t>(members.value().data() - json.data()) + members.value().size() : at;
    break;
  }
  if (members.damaged()) return json;
  if (at == json.size()) {  // behind all of them
    const auto brace = json.rfind('}');
    return json.substr(0, brace) + (any ? "," : "") + element + json.substr(brace);
  }
  return json.substr(0, at) + element + (end == at ? "," : "") + json.substr(end);
}

}  // namespace gantry::archive
