#pragma once

// What a softcopy presentation state says (PS3.3 A.33.1 to A.33.3), as plain values.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/pixels/attribute_tree.hpp"
#include "gantry/pixels/render/grayscale.hpp"
#include "gantry/pixels/render/ink.hpp"
#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// An image, or some frames of it (PS3.3 Table 10-3).
struct ImageReference {
  std::string sop;                    ///< SOP Instance UID
  std::vector<std::uint32_t> frames;  ///< from 1; none: all
};
using ImageReferences = std::vector<ImageReference>;

/// Whether a part of a state concerns a frame. References are left out where a part concerns all images of the state.
[[nodiscard]] bool applies_to(const ImageReferences& references, std::string_view sop, std::uint32_t frame) noexcept;

/// An image that the state is for (PS3.3 C.11.11). It is of the state's own study.
struct PresentedImage {
  std::string series;
  ImageReference image;
};

/// A place in the image (PS3.3 C.10.5.1.2): in pixels, the first pixel reaching from 0 to 1; or as parts of the
/// displayed area.
struct Place {
  double x = 0;
  double y = 0;
};
enum class PlaceUnits { kPixel, kDisplay };

/// How stored values become grey (C.11.8): a window, or a look-up table.
struct VoiChoice {
  ImageReferences images;
  std::optional<Window> window;
  std::optional<LookUpTable> table;
};

/// The part of an image that is shown (C.10.4): columns and rows from 1, both corners are shown. Corners may lie
/// outside of the image.
struct DisplayedArea {
  ImageReferences images;
  std::int64_t left = 1, top = 1, right = 1, bottom = 1;
  std::optional<double> magnification;  ///< Presentation Size Mode MAGNIFY
  double pixel_aspect = 1;              ///< height of a pixel as it is shown, divided by its width
};

struct GraphicObject {
  enum class Shape { kPoint, kPolyline, kInterpolated, kCircle, kEllipse };
  Shape shape = Shape::kPolyline;
  PlaceUnits units = PlaceUnits::kPixel;
  std::vector<Place> points;
  bool filled = false;
};

struct TextObject {
  enum class Justification { kLeft, kCenter, kRight };
  std::string text;  ///< UTF-8, lines end with CR, LF or both
  std::optional<std::array<Place, 2>> box;  ///< top left and bottom right corner, as the reader of the text sees them
  PlaceUnits box_units = PlaceUnits::kPixel;
  Justification justification = Justification::kLeft;
  std::optional<Place> anchor;
  PlaceUnits anchor_units = PlaceUnits::kPixel;
  bool anchor_visible = false;
};

/// Graphics and texts of one layer (C.10.5).
struct Annotation {
  ImageReferences images;
  std::string layer;
  std::vector<GraphicObject> graphics;
  std::vector<TextObject> texts;
};

/// C.10.7. Lower orders are drawn first.
struct GraphicLayer {
  std::string name;
  std::int64_t order = 0;
  Ink ink;
};

/// What of the image is hidden (C.7.6.11, C.7.6.15): all that lies outside of one of the shapes.
struct Shutter {
  struct Rectangle {
    std::int64_t left, top, right, bottom;  ///< columns and rows from 1; the edges are shown
  };
  struct Circle {
    double row, column, radius;
  };
  std::optional<Rectangle> rectangle;
  std::optional<Circle> circle;
  std::vector<Place> polygon;                  ///< x is a column, y a row, both from 1
  std::optional<std::uint16_t> overlay_group;  ///< 60xx: what is set in it is hidden
  Ink ink{0, {0, 0, 0}};
};

struct PresentationState {
  enum class Kind { kGrayscale, kColour, kPseudoColour };
  Kind kind = Kind::kGrayscale;
  std::vector<PresentedImage> images;

  std::optional<LookUpTable> modality_table;  ///< else slope and intercept
  double rescale_slope = 1;
  double rescale_intercept = 0;
  std::vector<VoiChoice> voi;
  std::optional<LookUpTable> presentation_table;  ///< else the identity, or its inverse
  bool inverse = false;

  unsigned quarter_turns = 0;  ///< clockwise, before the flip (C.10.6)
  bool flipped = false;        ///< left and right change places
  std::vector<DisplayedArea> areas;

  Shutter shutter;
  std::vector<GraphicLayer> layers;  ///< in the order in which they are drawn
  std::vector<Annotation> annotations;
  std::vector<std::pair<std::uint16_t, std::string>> overlays;  ///< group 60xx and its layer (C.11.7)

  /// The state's own overlay planes, palette and ICC profile are read where they are needed.
  std::shared_ptr<const AttributeItem> data_set;

  /// Nothing: the image is not one that this state is for.
  [[nodiscard]] const PresentedImage* find(std::string_view sop, std::uint32_t frame) const noexcept;
  /// The frames of an image that the state is for; nullopt: all.
  [[nodiscard]] std::optional<std::set<std::uint32_t>> frames_of(std::string_view sop) const;
  [[nodiscard]] const VoiChoice* voi_for(std::string_view sop, std::uint32_t frame) const noexcept;
  [[nodiscard]] const DisplayedArea* area_for(std::string_view sop, std::uint32_t frame) const noexcept;
  /// White when there is no such layer.
  [[nodiscard]] Ink ink_of(std::string_view layer) const noexcept;
};

/// Whether instances of a SOP Class are read by parse_presentation_state().
[[nodiscard]] bool is_presentation_state(std::string_view sop_class) noexcept;
/// Whether a SOP Class is of presentation states at all, applied here or not.
[[nodiscard]] bool is_any_presentation_state(std::string_view sop_class) noexcept;

/// Reads a Grayscale, Color or Pseudo-Color Softcopy Presentation State. kUnsupported for other objects, for states
/// that subtract masks or name more than 10,000 images, and for states whose parts contradict the standard so that
/// something else than meant would be shown.
[[nodiscard]] Result<PresentationState> parse_presentation_state(std::shared_ptr<const AttributeItem> data_set);

}  // namespace gantry::pixels
