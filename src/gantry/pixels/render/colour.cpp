#include "gantry/pixels/render/colour.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "gantry/pixels/codecs/samples.hpp"
#include "gantry/pixels/render/grayscale.hpp"

namespace gantry::pixels {
namespace {

using dicom::Tag;

std::uint8_t clamp_byte(double value) { return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0))); }

void from_full(std::uint8_t* pixel) {
  const double y = pixel[0];
  const double b = pixel[1] - 128.0;
  const double r = pixel[2] - 128.0;
  pixel[0] = clamp_byte(y + 1.402 * r);
  pixel[1] = clamp_byte(y - 0.344136 * b - 0.714136 * r);
  pixel[2] = clamp_byte(y + 1.772 * b);
}

/// Luma from 16 to 235, chroma from 16 to 240 (ITU-R BT.601).
void from_partial(std::uint8_t* pixel) {
  const double y = 1.1644 * (pixel[0] - 16.0);
  const double b = pixel[1] - 128.0;
  const double r = pixel[2] - 128.0;
  pixel[0] = clamp_byte(y + 1.5960 * r);
  pixel[1] = clamp_byte(y - 0.3917 * b - 0.8129 * r);
  pixel[2] = clamp_byte(y + 2.0173 * b);
}

/// A palette's entries as 8 bits. Those of 16 bits may use only the lower byte: what uses no more is taken as it is.
Result<std::vector<std::uint8_t>> channel_of(const AttributeItem& set, std::uint16_t element, std::int64_t& first) {
  const Tag descriptor{0x0028, static_cast<std::uint16_t>(0x1100 + element)};
  auto table = read_table(set, descriptor, {0x0028, static_cast<std::uint16_t>(0x1200 + element)}, false);
  if (!table) {
    // Segmented tables (C.7.9.2): counts and values in runs.
    const auto* data = set.find({0x0028, static_cast<std::uint16_t>(0x1220 + element)});
    const auto count = set.integer(descriptor, 0);
    const auto start = set.integer(descriptor, 1);
    if (data == nullptr || !count || !start) return Error::unsupported("the palette's look-up tables are missing");
    table.emplace();
    table->first = *start & 0xFFFF;
    const std::size_t wanted = (*count & 0xFFFF) == 0 ? 65536 : static_cast<std::size_t>(*count & 0xFFFF);
    const auto word = [&](std::size_t at) { return codecs::sample_at<std::uint16_t>(data->bytes.data(), at); };
    const std::size_t words = data->bytes.size() / 2;
    auto& entries = table->entries;
    for (std::size_t at = 0; at + 1 < words && entries.size() < wanted;) {
      const unsigned kind = word(at);
      const std::size_t length = word(at + 1);
      at += 2;
      if (kind == 0) {
        for (std::size_t i = 0; i < length && at < words && entries.size() < wanted; ++i) entries.push_back(word(at++));
      } else if (kind == 1 && at < words && !entries.empty()) {
        const double from = entries.back();
        const double to = word(at++);
        for (std::size_t i = 1; i <= length && entries.size() < wanted; ++i) {
          entries.push_back(static_cast<std::uint16_t>(std::lround(from + (to - from) * static_cast<double>(i) / static_cast<double>(length))));
        }
      } else {
        return Error::unsupported("a segmented palette of a kind that is not known");
      }
    }
    if (entries.empty()) return Error::unsupported("an empty palette");
  }
  first = table->first;
  const auto most = *std::max_element(table->entries.begin(), table->entries.end());
  const unsigned shift = most > 255 ? 8 : 0;
  std::vector<std::uint8_t> channel(table->entries.size());
  for (std::size_t i = 0; i < channel.size(); ++i) channel[i] = static_cast<std::uint8_t>(table->entries[i] >> shift);
  return channel;
}

}  // namespace

Result<Picture> render_colour(const Frame& frame) {
  const auto& shape = frame.shape;
  if (shape.samples != 3 || shape.is_float || shape.bits_allocated > 32 || shape.bits_allocated < 8) {
    return Error::unsupported("pixels of " + std::to_string(shape.samples) + " samples of " +
                              std::to_string(shape.bits_allocated) + " bits are not rendered");
  }
  Picture picture;
  picture.width = shape.columns;
  picture.height = shape.rows;
  picture.channels = 3;
  picture.bytes.resize(static_cast<std::size_t>(shape.values()));
  if (shape.bits_allocated == 8 && shape.bits_stored == 8) {
    std::copy(frame.bytes.begin(), frame.bytes.begin() + static_cast<std::ptrdiff_t>(picture.bytes.size()), picture.bytes.begin());
  } else {
    const auto values = stored_values(frame);
    const double top = std::pow(2.0, shape.bits_stored) - 1;
    for (std::size_t i = 0; i < values.size(); ++i) picture.bytes[i] = clamp_byte(static_cast<double>(values[i]) * 255 / top);
  }
  const bool partial = shape.photometric.starts_with("YBR_PARTIAL");
  if (partial || shape.photometric.starts_with("YBR_FULL")) {
    for (std::size_t at = 0; at < picture.bytes.size(); at += 3) {
      partial ? from_partial(picture.bytes.data() + at) : from_full(picture.bytes.data() + at);
    }
  }
  return picture;
}

Result<Palette> read_palette(const AttributeItem& set) {
  Palette palette;
  for (std::uint16_t i = 0; i < 3; ++i) {
    GANTRY_LET(palette.channels[i], channel_of(set, static_cast<std::uint16_t>(i + 1), palette.first));
  }
  return palette;
}

Result<Picture> render_palette(const Frame& frame, const ImageAttributes& image) {
  if (frame.shape.samples != 1 || frame.shape.bits_allocated > 16) return Error::unsupported("a palette of such pixels");
  GANTRY_LET(const auto palette, read_palette(*image.data_set));
  const auto& channels = palette.channels;
  const std::int64_t first = palette.first;
  const auto values = stored_values(frame);
  Picture picture;
  picture.width = frame.shape.columns;
  picture.height = frame.shape.rows;
  picture.channels = 3;
  picture.bytes.resize(values.size() * 3);
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const auto last = static_cast<std::int64_t>(channels[c].size()) - 1;
      picture.bytes[i * 3 + c] = channels[c][static_cast<std::size_t>(std::clamp<std::int64_t>(values[i] - first, 0, last))];
    }
  }
  return picture;
}

}  // namespace gantry::pixels
