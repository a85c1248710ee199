#include "gantry/pixels/presentation/grey_presented.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "gantry/pixels/codecs/samples.hpp"
#include "gantry/pixels/render/colour.hpp"
#include "gantry/pixels/render/grayscale.hpp"

namespace gantry::pixels {
namespace {

/// What values may be, before or after a step.
struct Range {
  double least = 0;
  double most = 1;
};

/// Stored values to parts of white, 0 to 1.
using Shade = std::function<double(double)>;

Range range_of(const FrameShape& shape) {
  const double count = std::pow(2.0, shape.bits_stored);
  return shape.is_signed ? Range{-count / 2, count / 2 - 1} : Range{0, count - 1};
}

double top_of(const LookUpTable& table) { return std::pow(2.0, std::min(table.bits, 16U)) - 1; }

/// Tables say the first value that they map as 16 bits, signed where their input may be negative (C.11.1.1).
LookUpTable with_sign(LookUpTable table, bool is_signed) {
  if (is_signed) table.first = codecs::sign_extend(table.first & 0xFFFF, 16);
  return table;
}

double looked_up(const LookUpTable& table, double value) {
  const auto last = static_cast<double>(table.entries.size()) - 1;
  return table
      .entries[static_cast<std::size_t>(std::clamp(std::round(value) - static_cast<double>(table.first), 0.0, last))];
}

Shade modality_of(const PresentationState& state, const FrameShape& shape, Range& range) {
  if (state.modality_table) {
    range = {0, top_of(*state.modality_table)};
    return [table = with_sign(*state.modality_table, shape.is_signed)](double x) { return looked_up(table, x); };
  }
  const double slope = state.rescale_slope;
  const double intercept = state.rescale_intercept;
  range = {range.least * slope + intercept, range.most * slope + intercept};
  if (range.least > range.most) std::swap(range.least, range.most);
  return [slope, intercept](double x) { return x * slope + intercept; };
}

Shade voi_of(const VoiChoice* choice, const Range& range) {
  if (choice != nullptr && choice->window) return voi_curve(*choice->window);
  if (choice != nullptr && choice->table) {
    return [table = with_sign(*choice->table, range.least < 0)](double x) {
      return std::min(1.0, looked_up(table, x) / top_of(table));
    };
  }
  // Without one it is the identity (N.2.1.3): all that values may be is shown.
  const double width = range.most > range.least ? range.most - range.least : 1;
  return [least = range.least, width](double x) { return std::clamp((x - least) / width, 0.0, 1.0); };
}

Shade presentation_of(const PresentationState& state) {
  if (state.presentation_table) {
    // Its input is the whole of what comes out of the VOI LUT (C.11.6.1).
    return [table = *state.presentation_table, top = top_of(*state.presentation_table)](double part) {
      const auto last = static_cast<double>(table.entries.size()) - 1;
      return std::min(1.0, table.entries[static_cast<std::size_t>(std::lround(part * last))] / top);
    };
  }
  if (state.inverse) return [](double part) { return 1 - part; };
  return [](double part) { return part; };
}

/// Applies a function to each value, by a table where there are not too many that may occur.
template <class Put>
void for_each_shade(const std::vector<std::int64_t>& values, const Shade& shade, double top, Put put) {
  constexpr std::int64_t kTableMost = 1 << 17;
  if (values.empty()) return;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const std::int64_t first = *least;
  const auto level = [&](std::int64_t value) {
    return static_cast<std::uint16_t>(std::lround(shade(static_cast<double>(value)) * top));
  };
  if (*most - first >= kTableMost) {
    for (std::size_t i = 0; i < values.size(); ++i) put(i, level(values[i]));
    return;
  }
  std::vector<std::uint16_t> levels(static_cast<std::size_t>(*most - first + 1));
  for (std::size_t i = 0; i < levels.size(); ++i) levels[i] = level(first + static_cast<std::int64_t>(i));
  for (std::size_t i = 0; i < values.size(); ++i) put(i, levels[static_cast<std::size_t>(values[i] - first)]);
}

Picture grey_picture(const FrameShape& shape, const std::vector<std::int64_t>& values, const Shade& shade,
                     bool sixteen_bits) {
  Picture picture;
  picture.width = shape.columns;
  picture.height = shape.rows;
  picture.bits = sixteen_bits ? 16 : 8;
  picture.bytes.resize(values.size() * (sixteen_bits ? 2 : 1));
  for_each_shade(values, shade, sixteen_bits ? 65535 : 255, [&](std::size_t at, std::uint16_t level) {
    if (sixteen_bits) {
      std::memcpy(picture.bytes.data() + 2 * at, &level, 2);
    } else {
      picture.bytes[at] = static_cast<std::uint8_t>(level);
    }
  });
  return picture;
}

/// Palettes map the whole of what comes out of the VOI LUT (C.11.14).
Result<Picture> palette_picture(const FrameShape& shape, const std::vector<std::int64_t>& values, const Shade& shade,
                                const AttributeItem& set) {
  GANTRY_LET(const auto palette, read_palette(set));
  Picture picture;
  picture.width = shape.columns;
  picture.height = shape.rows;
  picture.channels = 3;
  picture.bytes.resize(values.size() * 3);
  for_each_shade(values, shade, 65535, [&](std::size_t at, std::uint16_t level) {
    for (std::size_t c = 0; c < 3; ++c) {
      const auto& channel = palette.channels[c];
      picture.bytes[at * 3 + c] = channel[(level * (channel.size() - 1) + 32767) / 65535];
    }
  });
  return picture;
}

}  // namespace

Result<Picture> render_grey_presented(const Frame& frame, std::string_view sop, std::uint32_t number,
                                      const PresentationState& state, bool sixteen_bits) {
  const auto& shape = frame.shape;
  if (shape.is_float || shape.bits_allocated > 32) {
    return Error::unsupported("a presentation state applies to pixels of up to 32 bits that are whole numbers");
  }
  Range range = range_of(shape);
  const Shade modality = modality_of(state, shape, range);
  const Shade voi = voi_of(state.voi_for(sop, number), range);
  const Shade presentation = presentation_of(state);
  const Shade shade = [&](double value) { return presentation(voi(modality(value))); };
  const auto values = stored_values(frame);
  if (state.kind == PresentationState::Kind::kPseudoColour) {
    return palette_picture(shape, values, shade, *state.data_set);
  }
  return grey_picture(shape, values, shade, sixteen_bits);
}

}  // namespace gantry::pixels
