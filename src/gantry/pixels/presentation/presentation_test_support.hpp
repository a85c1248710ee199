#pragma once

// Small images and states for tests.

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/attribute_tree.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/image_attributes.hpp"
#include "gantry/pixels/presentation/render_presented.hpp"

namespace gantry::pixels::test {

using dicom::Tag;
using dicom::Vr;

inline Attribute text(Vr vr, std::string value) { return {vr, std::move(value), {}}; }
inline Attribute words(std::initializer_list<int> values) {
  Attribute attribute{Vr::kUS, {}, {}};
  for (const int value : values) {
    attribute.bytes.push_back(static_cast<char>(value & 0xFF));
    attribute.bytes.push_back(static_cast<char>(value >> 8 & 0xFF));
  }
  return attribute;
}
inline Attribute longs(std::initializer_list<std::int32_t> values) {
  Attribute attribute{Vr::kSL, {}, {}};
  for (const std::int32_t value : values) attribute.bytes.append(reinterpret_cast<const char*>(&value), 4);
  return attribute;
}
inline Attribute floats(std::initializer_list<float> values) {
  Attribute attribute{Vr::kFL, {}, {}};
  for (const float value : values) attribute.bytes.append(reinterpret_cast<const char*>(&value), 4);
  return attribute;
}
inline Attribute sequence(std::vector<AttributeItem> items) { return {Vr::kSQ, {}, std::move(items)}; }

/// A data set that is built attribute by attribute.
struct Made : AttributeItem {
  Made& put(Tag tag, Attribute attribute) {
    attributes[tag.value()] = std::move(attribute);
    return *this;
  }
  Made& code(Tag tag, std::string value) { return put(tag, test::text(Vr::kCS, std::move(value))); }
};

inline constexpr const char* kImage = "1.2.3.4";

inline Made reference(const std::string& sop = kImage, const std::string& frames = "") {
  Made item;
  item.put({0x0008, 0x1155}, test::text(Vr::kUI, sop));
  if (!frames.empty()) item.put({0x0008, 0x1160}, text(Vr::kIS, frames));
  return item;
}

/// A grayscale state for kImage, which says nothing else.
inline Made state_set(const std::string& sop_class = "1.2.840.10008.5.1.4.1.1.11.1") {
  Made series;
  series.put({0x0020, 0x000E}, text(Vr::kUI, "1.2.3"));
  series.put({0x0008, 0x1140}, sequence({reference()}));
  Made set;
  set.put({0x0008, 0x0016}, text(Vr::kUI, sop_class));
  set.put({0x0008, 0x1115}, sequence({series}));
  set.code({0x2050, 0x0020}, "IDENTITY");
  return set;
}

inline Made area(std::initializer_list<std::int32_t> first, std::initializer_list<std::int32_t> last,
                 const std::string& mode = "SCALE TO FIT") {
  Made item;
  item.put({0x0070, 0x0052}, longs(first)).put({0x0070, 0x0053}, longs(last)).code({0x0070, 0x0100}, mode);
  return item;
}

inline Made table(std::initializer_list<int> descriptor, std::initializer_list<int> entries) {
  Made item;
  item.put({0x0028, 0x3002}, words(descriptor)).put({0x0028, 0x3006}, words(entries));
  return item;
}

/// An image of 8 bits a sample and what its data set says.
struct Image {
  Frame frame;
  Made set;

  Image(std::uint32_t columns, std::uint32_t rows, std::initializer_list<int> values, std::uint16_t samples = 1) {
    frame.shape.columns = columns;
    frame.shape.rows = rows;
    frame.shape.samples = samples;
    frame.shape.photometric = samples == 3 ? "RGB" : "MONOCHROME2";
    frame.shape.transfer_syntax = dicom::kExplicitLittleEndian;
    for (const int value : values) frame.bytes.push_back(static_cast<char>(value));
    frame.bytes.resize(static_cast<std::size_t>(frame.shape.values()));
  }
  [[nodiscard]] ImageAttributes attributes() const {
    ImageAttributes image;
    image.shape = frame.shape;
    image.frames = 1;
    image.data_set = std::make_shared<const AttributeItem>(set);
    return image;
  }
};

inline Result<PresentationState> parsed(const Made& set) {
  return parse_presentation_state(std::make_shared<const AttributeItem>(set));
}

inline Result<Picture> render(const Image& image, const Made& state, const RenderOptions& options = {},
                              const TextFont* font = nullptr, std::uint32_t number = 1) {
  GANTRY_LET(const auto parsed_state, parsed(state));
  return render_presented(image.frame, image.attributes(), kImage, number, parsed_state, font, options);
}

}  // namespace gantry::pixels::test
