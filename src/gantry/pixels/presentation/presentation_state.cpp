#include "gantry/pixels/presentation/presentation_state.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gantry/pixels/presentation/annotations.hpp"

namespace gantry::pixels {
namespace {

using dicom::Tag;

constexpr std::string_view kGrayscale = "1.2.840.10008.5.1.4.1.1.11.1";
constexpr std::string_view kColour = "1.2.840.10008.5.1.4.1.1.11.2";
constexpr std::string_view kPseudoColour = "1.2.840.10008.5.1.4.1.1.11.3";
constexpr std::string_view kAll = "1.2.840.10008.5.1.4.1.1.11.";

constexpr std::size_t kImagesMost = 10'000;
constexpr std::size_t kLayersMost = 1000;
constexpr std::size_t kAnnotationsMost = 10'000;
constexpr Tag kReferencedSeries{0x0008, 0x1115};
constexpr Tag kLutDescriptor{0x0028, 0x3002};
constexpr Tag kLutData{0x0028, 0x3006};

Error wrong(std::string detail) {
  return Error::unsupported("the presentation state can't be applied: " + std::move(detail));
}

void read_modality(const AttributeItem& set, PresentationState& state) {
  if (const auto* item = set.item({0x0028, 0x3000})) {
    // The first value mapped is signed where pixels are; which they are, the images know (grey_presented.cpp).
    state.modality_table = read_table(*item, kLutDescriptor, kLutData, false);
    return;
  }
  state.rescale_intercept = set.number({0x0028, 0x1052}).value_or(0);
  state.rescale_slope = set.number({0x0028, 0x1053}).value_or(1);
}

VoiFunction function_of(const AttributeItem& item) {
  const auto name = item.text({0x0028, 0x1056});
  if (name == "SIGMOID") return VoiFunction::kSigmoid;
  return name == "LINEAR_EXACT" ? VoiFunction::kLinearExact : VoiFunction::kLinear;
}

Result<void> read_voi(const AttributeItem& set, PresentationState& state) {
  for (const auto& item : items_of(set, {0x0028, 0x3110})) {
    VoiChoice choice;
    choice.images = read_references(item);
    const auto center = item.number({0x0028, 0x1050});
    const auto width = item.number({0x0028, 0x1051});
    if (const auto* table = item.item({0x0028, 0x3010})) {
      choice.table = read_table(*table, kLutDescriptor, kLutData, false);
      if (!choice.table) return wrong("a VOI LUT is no look-up table");
    } else if (center && width) {
      const auto function = function_of(item);
      if (*width < (function == VoiFunction::kLinear ? 1.0 : 1e-12)) return wrong("a window has no width");
      choice.window = Window{*center, *width, function};
    }
    state.voi.push_back(std::move(choice));
  }
  return {};
}

Result<void> read_presentation_lut(const AttributeItem& set, PresentationState& state) {
  if (const auto* item = set.item({0x2050, 0x0010})) {
    state.presentation_table = read_table(*item, kLutDescriptor, kLutData, false);
    if (!state.presentation_table) return wrong("its Presentation LUT is no look-up table");
    return {};
  }
  state.inverse = set.text({0x2050, 0x0020}) == "INVERSE";
  return {};
}

Result<void> read_spatial(const AttributeItem& set, PresentationState& state) {
  const auto degrees = set.integer({0x0070, 0x0042}).value_or(0);
  if (degrees % 90 != 0) return wrong("an image is rotated by whole quarters only");
  state.quarter_turns = static_cast<unsigned>((degrees % 360 + 360) % 360 / 90);
  state.flipped = set.text({0x0070, 0x0041}) == "Y";
  return {};
}

/// Height over width, from a pair that says the one and then the other.
std::optional<double> ratio_of(const AttributeItem& item, Tag tag) {
  const auto height = item.number(tag, 0);
  const auto width = item.number(tag, 1);
  if (!height || !width || !(*height > 0) || !(*width > 0)) return std::nullopt;
  const double ratio = *height / *width;
  return std::isfinite(ratio) && ratio > 0 ? std::optional<double>(ratio) : std::nullopt;
}

Result<void> read_areas(const AttributeItem& set, PresentationState& state) {
  constexpr std::int64_t kFarthest = 1 << 24;
  for (const auto& item : items_of(set, {0x0070, 0x005A})) {
    DisplayedArea area;
    area.images = read_references(item);
    const auto corner = [&](Tag tag, std::int64_t& column, std::int64_t& row) {
      const auto x = item.integer(tag, 0);
      const auto y = item.integer(tag, 1);
      if (!x || !y || std::abs(*x) > kFarthest || std::abs(*y) > kFarthest) return false;
      column = *x;
      row = *y;
      return true;
    };
    if (!corner({0x0070, 0x0052}, area.left, area.top) || !corner({0x0070, 0x0053}, area.right, area.bottom)) {
      return wrong("a displayed area has no corners");
    }
    const auto spacing = ratio_of(item, {0x0070, 0x0101});
    area.pixel_aspect = spacing ? *spacing : ratio_of(item, {0x0070, 0x0102}).value_or(1);
    if (area.pixel_aspect < 0.01 || area.pixel_aspect > 100) return wrong("pixels more than 100 times as high as wide");
    if (item.text({0x0070, 0x0100}) == "MAGNIFY") {
      area.magnification = item.number({0x0070, 0x0103}).value_or(1);
      if (!(*area.magnification > 0)) return wrong("a magnification that is not above 0");
    }
    state.areas.push_back(std::move(area));
  }
  return {};
}

Result<void> read_shutter(const AttributeItem& set, PresentationState& state) {
  Shutter& shutter = state.shutter;
  shutter.ink = read_ink(set, {0x0018, 0x1622}, {0x0018, 0x1624}, Ink{0, {0, 0, 0}});
  for (const auto& shape : set.texts({0x0018, 0x1600})) {
    const auto whole = [&](std::uint16_t element) { return set.integer({0x0018, element}); };
    if (shape == "RECTANGULAR") {
      const auto left = whole(0x1602), right = whole(0x1604), top = whole(0x1606), bottom = whole(0x1608);
      if (!left || !right || !top || !bottom) return wrong("a rectangular shutter without edges");
      shutter.rectangle = Shutter::Rectangle{*left, *top, *right, *bottom};
    } else if (shape == "CIRCULAR") {
      const auto row = set.number({0x0018, 0x1610}, 0), column = set.number({0x0018, 0x1610}, 1);
      const auto radius = set.number({0x0018, 0x1612});
      if (!row || !column || !radius) return wrong("a circular shutter without a centre");
      shutter.circle = Shutter::Circle{*row, *column, *radius};
    } else if (shape == "POLYGONAL") {
      const auto vertices = set.numbers({0x0018, 0x1620});
      if (vertices.size() < 6) return wrong("a polygonal shutter of less than three vertices");
      for (std::size_t i = 0; i + 1 < vertices.size(); i += 2)
        shutter.polygon.push_back({vertices[i + 1], vertices[i]});
    } else if (shape == "BITMAP") {
      const auto group = whole(0x1623);
      if (!group) return wrong("a bitmap shutter without its overlay");
      shutter.overlay_group = static_cast<std::uint16_t>(*group & 0xFFFF);
    } else if (!shape.empty()) {
      return wrong("a shutter of the shape " + shape);
    }
  }
  return {};
}

void read_layers(const AttributeItem& set, PresentationState& state) {
  for (const auto& item : items_of(set, {0x0070, 0x0060})) {
    GraphicLayer layer;
    layer.name = item.text({0x0070, 0x0002});
    layer.order = item.integer({0x0070, 0x0062}).value_or(0);
    layer.ink = read_ink(item, {0x0070, 0x0066}, {0x0070, 0x0401}, Ink());
    state.layers.push_back(std::move(layer));
  }
  std::stable_sort(state.layers.begin(), state.layers.end(),
                   [](const GraphicLayer& one, const GraphicLayer& other) { return one.order < other.order; });
  for (unsigned group = 0x6000; group <= 0x601E; group += 2) {
    const auto layer = set.text({static_cast<std::uint16_t>(group), 0x1001});
    if (!layer.empty()) state.overlays.emplace_back(static_cast<std::uint16_t>(group), layer);
  }
}

Result<void> read_images(const AttributeItem& set, PresentationState& state) {
  for (const auto& series : items_of(set, kReferencedSeries)) {
    for (auto& image : read_references(series)) {
      state.images.push_back({series.text({0x0020, 0x000E}), std::move(image)});
    }
  }
  if (state.images.empty()) return wrong("it names no images");
  if (state.images.size() > kImagesMost) return wrong("it names more than " + std::to_string(kImagesMost) + " images");
  return {};
}

template <class Part>
const Part* part_for(const std::vector<Part>& parts, std::string_view sop, std::uint32_t frame) {
  const auto found =
      std::find_if(parts.begin(), parts.end(), [&](const Part& part) { return applies_to(part.images, sop, frame); });
  return found == parts.end() ? nullptr : &*found;
}

}  // namespace

bool applies_to(const ImageReferences& references, std::string_view sop, std::uint32_t frame) noexcept {
  if (references.empty()) return true;
  return std::any_of(references.begin(), references.end(), [&](const ImageReference& reference) {
    const auto& frames = reference.frames;
    return reference.sop == sop && (frames.empty() || std::find(frames.begin(), frames.end(), frame) != frames.end());
  });
}

const PresentedImage* PresentationState::find(std::string_view sop, std::uint32_t frame) const noexcept {
  const auto found = std::find_if(images.begin(), images.end(), [&](const PresentedImage& candidate) {
    const auto& frames = candidate.image.frames;
    return candidate.image.sop == sop &&
           (frames.empty() || std::find(frames.begin(), frames.end(), frame) != frames.end());
  });
  return found == images.end() ? nullptr : &*found;
}
std::optional<std::set<std::uint32_t>> PresentationState::frames_of(std::string_view sop) const {
  std::set<std::uint32_t> frames;
  for (const auto& [series, image] : images) {
    if (image.sop != sop) continue;
    if (image.frames.empty()) return std::nullopt;
    frames.insert(image.frames.begin(), image.frames.end());
  }
  return frames;
}
const VoiChoice* PresentationState::voi_for(std::string_view sop, std::uint32_t frame) const noexcept {
  return part_for(voi, sop, frame);
}
const DisplayedArea* PresentationState::area_for(std::string_view sop, std::uint32_t frame) const noexcept {
  return part_for(areas, sop, frame);
}

Ink PresentationState::ink_of(std::string_view layer) const noexcept {
  const auto found =
      std::find_if(layers.begin(), layers.end(), [&](const GraphicLayer& known) { return known.name == layer; });
  return found == layers.end() ? Ink() : found->ink;
}

bool is_presentation_state(std::string_view sop_class) noexcept {
  return sop_class == kGrayscale || sop_class == kColour || sop_class == kPseudoColour;
}
bool is_any_presentation_state(std::string_view sop_class) noexcept { return sop_class.starts_with(kAll); }

Result<PresentationState> parse_presentation_state(std::shared_ptr<const AttributeItem> data_set) {
  const auto& set = *data_set;
  PresentationState state;
  const auto sop_class = set.text({0x0008, 0x0016});
  if (!is_presentation_state(sop_class)) {
    return wrong("its SOP Class " + sop_class + " is none of grayscale, color and pseudo-color softcopy");
  }
  state.kind = sop_class == kColour         ? PresentationState::Kind::kColour
               : sop_class == kPseudoColour ? PresentationState::Kind::kPseudoColour
                                            : PresentationState::Kind::kGrayscale;
  if (set.item({0x0028, 0x6100}) != nullptr) return wrong("it subtracts masks");
  GANTRY_TRY(read_images(set, state));
  if (state.kind != PresentationState::Kind::kColour) {
    read_modality(set, state);
    if (set.item({0x0028, 0x3000}) != nullptr && !state.modality_table) {
      return wrong("its Modality LUT is no look-up table");
    }
    GANTRY_TRY(read_voi(set, state));
  }
  if (state.kind == PresentationState::Kind::kGrayscale) GANTRY_TRY(read_presentation_lut(set, state));
  GANTRY_TRY(read_spatial(set, state));
  GANTRY_TRY(read_areas(set, state));
  GANTRY_TRY(read_shutter(set, state));
  read_layers(set, state);
  GANTRY_LET(state.annotations, read_annotations(set));
  if (state.layers.size() > kLayersMost || state.annotations.size() > kAnnotationsMost) {
    return wrong("it has more than " + std::to_string(kLayersMost) + " layers or " + std::to_string(kAnnotationsMost) +
                 " annotations");
  }
  state.data_set = std::move(data_set);
  return state;
}

}  // namespace gantry::pixels
