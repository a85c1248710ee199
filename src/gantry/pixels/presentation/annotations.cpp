#include "gantry/pixels/presentation/annotations.hpp"

#include <cmath>
#include <utility>

#include "gantry/dicom/charset.hpp"

namespace gantry::pixels {
namespace {

using dicom::Tag;

Error wrong(std::string detail) {
  return Error::unsupported("the presentation state can't be applied: " + std::move(detail));
}

/// Graphics that are placed in millimetres on a matrix (units MATRIX) belong to whole slides, and are left to viewers.
std::optional<PlaceUnits> units_of(const AttributeItem& item, Tag tag) {
  const auto name = item.text(tag);
  if (name == "PIXEL") return PlaceUnits::kPixel;
  if (name == "DISPLAY") return PlaceUnits::kDisplay;
  return std::nullopt;
}

std::optional<Place> place_of(const AttributeItem& item, Tag tag) {
  const auto x = item.number(tag, 0);
  const auto y = item.number(tag, 1);
  if (!x || !y || !std::isfinite(*x) || !std::isfinite(*y)) return std::nullopt;
  return Place{*x, *y};
}

Result<GraphicObject> read_graphic(const AttributeItem& item) {
  using Shape = GraphicObject::Shape;
  GraphicObject graphic;
  const auto type = item.text({0x0070, 0x0023});
  std::size_t least = 1;
  if (type == "POINT") {
    graphic.shape = Shape::kPoint;
  } else if (type == "POLYLINE" || type == "INTERPOLATED") {
    graphic.shape = type == "POLYLINE" ? Shape::kPolyline : Shape::kInterpolated;
    least = 2;
  } else if (type == "CIRCLE") {
    graphic.shape = Shape::kCircle;
    least = 2;
  } else if (type == "ELLIPSE") {
    graphic.shape = Shape::kEllipse;
    least = 4;
  } else {
    return wrong("a graphic of the type " + type);
  }
  const auto units = units_of(item, {0x0070, 0x0005});
  if (!units) return wrong("a graphic that is placed neither in pixels nor in the displayed area");
  graphic.units = *units;
  const auto data = item.numbers({0x0070, 0x0022});
  for (std::size_t i = 0; i + 1 < data.size(); i += 2) {
    if (!std::isfinite(data[i]) || !std::isfinite(data[i + 1])) return wrong("a graphic without places");
    graphic.points.push_back({data[i], data[i + 1]});
  }
  if (graphic.points.size() < least) return wrong("a graphic " + type + " of too few points");
  graphic.filled = item.text({0x0070, 0x0024}) == "Y";
  return graphic;
}

TextObject read_text(const AttributeItem& item, const dicom::CharacterSet& charset) {
  TextObject object;
  if (const auto* value = item.find({0x0070, 0x0006})) {
    object.text = charset.to_utf8(value->bytes, dicom::CharacterSet::Kind::kSingle).front().text;
  }
  const auto box_units = units_of(item, {0x0070, 0x0003});
  const auto top_left = place_of(item, {0x0070, 0x0010});
  const auto bottom_right = place_of(item, {0x0070, 0x0011});
  if (box_units && top_left && bottom_right) {
    object.box = {*top_left, *bottom_right};
    object.box_units = *box_units;
  }
  const auto justification = item.text({0x0070, 0x0012});
  if (justification == "CENTER") object.justification = TextObject::Justification::kCenter;
  if (justification == "RIGHT") object.justification = TextObject::Justification::kRight;
  const auto anchor_units = units_of(item, {0x0070, 0x0004});
  const auto anchor = place_of(item, {0x0070, 0x0014});
  if (anchor_units && anchor) {
    object.anchor = *anchor;
    object.anchor_units = *anchor_units;
    object.anchor_visible = item.text({0x0070, 0x0015}) == "Y";
  }
  return object;
}

}  // namespace

const std::vector<AttributeItem>& items_of(const AttributeItem& item, Tag sequence) noexcept {
  static const std::vector<AttributeItem> none;
  const auto* found = item.find(sequence);
  return found == nullptr ? none : found->items;
}

ImageReferences read_references(const AttributeItem& item) {
  ImageReferences references;
  for (const auto& reference : items_of(item, {0x0008, 0x1140})) {
    ImageReference image;
    image.sop = reference.text({0x0008, 0x1155});
    for (const double number : reference.numbers({0x0008, 0x1160})) {
      if (number >= 1 && number <= 4294967295.0) image.frames.push_back(static_cast<std::uint32_t>(number));
    }
    references.push_back(std::move(image));
  }
  return references;
}

Result<std::vector<Annotation>> read_annotations(const AttributeItem& data_set) {
  const dicom::CharacterSet charset(data_set.text({0x0008, 0x0005}));
  std::vector<Annotation> annotations;
  for (const auto& item : items_of(data_set, {0x0070, 0x0001})) {
    Annotation annotation;
    annotation.images = read_references(item);
    annotation.layer = item.text({0x0070, 0x0002});
    for (const auto& graphic : items_of(item, {0x0070, 0x0009})) {
      GANTRY_LET(auto read, read_graphic(graphic));
      annotation.graphics.push_back(std::move(read));
    }
    for (const auto& text : items_of(item, {0x0070, 0x0008})) annotation.texts.push_back(read_text(text, charset));
    annotations.push_back(std::move(annotation));
  }
  return annotations;
}

}  // namespace gantry::pixels
