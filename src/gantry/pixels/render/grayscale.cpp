#include "gantry/pixels/render/grayscale.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "gantry/pixels/codecs/samples.hpp"

namespace gantry::pixels {
namespace {

using codecs::sample_at;
using dicom::Tag;

constexpr Tag kFrameVoi{0x0028, 0x9132};
constexpr Tag kFrameTransformation{0x0028, 0x9145};
constexpr Tag kModalityLut{0x0028, 0x3000};
constexpr Tag kVoiLut{0x0028, 0x3010};
constexpr Tag kLutDescriptor{0x0028, 0x3002};
constexpr Tag kLutData{0x0028, 0x3006};

template <class T>
void take(const Frame& frame, std::vector<std::int64_t>& values) {
  const auto& shape = frame.shape;
  // A High Bit that there is none of says nothing.
  const unsigned top = shape.high_bit < shape.bits_allocated ? shape.high_bit + 1U : shape.bits_stored;
  const unsigned low = top >= shape.bits_stored ? std::min(top - shape.bits_stored, 63U) : 0;
  const std::uint64_t mask = shape.bits_stored >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << shape.bits_stored) - 1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t raw = static_cast<std::uint64_t>(sample_at<T>(frame.bytes.data(), i)) >> low & mask;
    values[i] = shape.is_signed ? codecs::sign_extend(static_cast<std::int64_t>(raw), shape.bits_stored)
                                : static_cast<std::int64_t>(raw);
  }
}

std::vector<double> float_values(const Frame& frame) {
  std::vector<double> values(static_cast<std::size_t>(frame.shape.values()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = frame.shape.bits_allocated == 32 ? static_cast<double>(sample_at<float>(frame.bytes.data(), i))
                                                 : sample_at<double>(frame.bytes.data(), i);
  }
  return values;
}

double clamped_entry(const LookUpTable& table, double value) {
  const auto last = static_cast<std::int64_t>(table.entries.size()) - 1;
  const auto index = static_cast<std::int64_t>(std::llround(value)) - table.first;
  return table.entries[static_cast<std::size_t>(std::clamp<std::int64_t>(index, 0, last))];
}

using Curve = std::function<double(double)>;

/// X-ray angiography and fluoroscopy: their Modality LUT leads from what is shown back to the intensity of the beam, and
/// is not part of showing it (PS3.3 C.8.7.1.1.2).
bool shows_stored_values(const AttributeItem& set) {
  const auto sop_class = set.text({0x0008, 0x0016});
  const bool angiography = sop_class == "1.2.840.10008.5.1.4.1.1.12.1" || sop_class == "1.2.840.10008.5.1.4.1.1.12.2" ||
                           sop_class == "1.2.840.10008.5.1.4.1.1.12.3";
  const auto relationship = set.text({0x0028, 0x1040});
  return angiography && (relationship == "LOG" || relationship == "DISP");
}

/// From stored values to what they mean: Modality LUT, or slope and intercept, of the frame's own group first.
Curve modality_of(const ImageAttributes& image, std::uint32_t number) {
  const auto& set = *image.data_set;
  if (shows_stored_values(set)) return [](double value) { return value; };
  const AttributeItem* item = functional_group(set, number, kFrameTransformation);
  if (item == nullptr) {
    if (const auto* lut = set.item(kModalityLut)) {
      if (auto table = read_table(*lut, kLutDescriptor, kLutData, image.shape.is_signed)) {
        return [table = *std::move(table)](double value) { return clamped_entry(table, value); };
      }
    }
    item = &set;
  }
  const double slope = item->number({0x0028, 0x1053}).value_or(1);
  const double intercept = item->number({0x0028, 0x1052}).value_or(0);
  return [slope = slope == 0 ? 1 : slope, intercept](double value) { return value * slope + intercept; };
}

VoiFunction function_of(const AttributeItem& item) {
  const auto name = item.text({0x0028, 0x1056});
  return name == "SIGMOID" ? VoiFunction::kSigmoid
                           : name == "LINEAR_EXACT" ? VoiFunction::kLinearExact : VoiFunction::kLinear;
}

std::optional<Window> window_of(const ImageAttributes& image, std::uint32_t number) {
  const auto* item = functional_group(*image.data_set, number, kFrameVoi);
  if (item == nullptr) item = image.data_set.get();
  const auto center = item->number({0x0028, 0x1050});
  const auto width = item->number({0x0028, 0x1051});
  if (!center || !width || *width < (function_of(*item) == VoiFunction::kLinear ? 1.0 : 1e-12)) return std::nullopt;
  return Window{*center, *width, function_of(*item)};
}

Curve between(double least, double most) {
  const double range = most > least ? most - least : 1;
  return [least, range](double x) { return std::clamp((x - least) / range, 0.0, 1.0); };
}

/// What the request says, else the data set: a window, a VOI LUT, or everything from the least to the greatest.
Curve voi_of(const ImageAttributes& image, std::uint32_t number, const RenderOptions& options, double least,
             double most) {
  if (options.window) return voi_curve(*options.window);
  if (const auto window = window_of(image, number)) return voi_curve(*window);
  if (const auto* lut = image.data_set->item(kVoiLut)) {
    if (auto table = read_table(*lut, kLutDescriptor, kLutData, least < 0)) {
      const double top = table->bits >= 16 ? 65535.0 : static_cast<double>((1U << table->bits) - 1);
      return [table = *std::move(table), top](double x) { return std::min(1.0, clamped_entry(table, x) / top); };
    }
  }
  return between(least, most);
}

bool is_inverse(const ImageAttributes& image) {
  const auto shape = image.data_set->text({0x2050, 0x0020});
  if (shape == "INVERSE") return true;
  if (shape == "IDENTITY") return false;
  return image.shape.photometric == "MONOCHROME1";
}

Picture empty_picture(const FrameShape& shape, bool wide) {
  Picture picture;
  picture.width = shape.columns;
  picture.height = shape.rows;
  picture.bits = wide ? 16 : 8;
  picture.bytes.resize(static_cast<std::size_t>(shape.pixels()) * (wide ? 2 : 1));
  return picture;
}

std::uint16_t shade(double part, bool inverse, double top) {
  return static_cast<std::uint16_t>(std::lround((inverse ? 1 - part : part) * top));
}

void put(Picture& picture, std::size_t at, std::uint16_t value) {
  if (picture.bits == 8) {
    picture.bytes[at] = static_cast<std::uint8_t>(value);
  } else {
    std::memcpy(picture.bytes.data() + 2 * at, &value, 2);
  }
}

/// Values that stand for no measurement, and are not looked at for the least and greatest (PS3.3 C.7.5.1.1.2).
bool is_padding(const ImageAttributes& image, std::int64_t value) {
  const auto padding = image.data_set->integer({0x0028, 0x0120});
  if (!padding) return false;
  const auto limit = image.data_set->integer({0x0028, 0x0121}).value_or(*padding);
  return value >= std::min(*padding, limit) && value <= std::max(*padding, limit);
}

Picture render_whole(const Frame& frame, const ImageAttributes& image, std::uint32_t number,
                     const RenderOptions& options) {
  const auto values = stored_values(frame);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  std::int64_t least = *low;
  std::int64_t most = *high;
  const Curve modality = modality_of(image, number);
  double shown_least = std::numeric_limits<double>::max();
  double shown_most = std::numeric_limits<double>::lowest();
  const bool padded = image.data_set->find({0x0028, 0x0120}) != nullptr;
  if (padded) {
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t last = std::numeric_limits<std::int64_t>::min();
    for (const auto value : values) {
      if (value >= first && value <= last) continue;
      if (is_padding(image, value)) continue;
      first = std::min(first, value);
      last = std::max(last, value);
    }
    // One value beside the padding has no range: it is told from the padding then.
    if (first < last) {
      shown_least = modality(static_cast<double>(first));
      shown_most = modality(static_cast<double>(last));
    }
  }
  if (shown_least == std::numeric_limits<double>::max()) {
    shown_least = modality(static_cast<double>(least));
    shown_most = modality(static_cast<double>(most));
  }
  if (shown_least > shown_most) std::swap(shown_least, shown_most);
  const Curve voi = voi_of(image, number, options, shown_least, shown_most);
  const bool inverse = is_inverse(image);
  Picture picture = empty_picture(frame.shape, options.sixteen_bits);
  const double top = options.sixteen_bits ? 65535 : 255;
  constexpr std::int64_t kTableMost = 1 << 17;
  if (most - least < kTableMost) {
    std::vector<std::uint16_t> table(static_cast<std::size_t>(most - least + 1));
    for (std::size_t i = 0; i < table.size(); ++i) {
      table[i] = shade(voi(modality(static_cast<double>(least + static_cast<std::int64_t>(i)))), inverse, top);
    }
    for (std::size_t i = 0; i < values.size(); ++i) put(picture, i, table[static_cast<std::size_t>(values[i] - least)]);
  } else {
    for (std::size_t i = 0; i < values.size(); ++i) {
      put(picture, i, shade(voi(modality(static_cast<double>(values[i]))), inverse, top));
    }
  }
  return picture;
}

Picture render_float(const Frame& frame, const ImageAttributes& image, std::uint32_t number,
                     const RenderOptions& options) {
  const auto values = float_values(frame);
  double least = std::numeric_limits<double>::max();
  double most = std::numeric_limits<double>::lowest();
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  const Curve voi = voi_of(image, number, options, least, most);
  const bool inverse = is_inverse(image);
  Picture picture = empty_picture(frame.shape, options.sixteen_bits);
  const double top = options.sixteen_bits ? 65535 : 255;
  for (std::size_t i = 0; i < values.size(); ++i) {
    put(picture, i, std::isnan(values[i]) ? 0 : shade(voi(values[i]), inverse, top));
  }
  return picture;
}

}  // namespace

std::function<double(double)> voi_curve(const Window& window) {
  const double c = window.center;
  const double w = window.width;
  switch (window.function) {
    case VoiFunction::kSigmoid:
      return [c, w](double x) { return 1 / (1 + std::exp(-4 * (x - c) / w)); };
    case VoiFunction::kLinearExact:
      return [c, w](double x) { return std::clamp((x - c) / w + 0.5, 0.0, 1.0); };
    case VoiFunction::kLinear: break;
  }
  return [c, w](double x) {
    if (x <= c - 0.5 - (w - 1) / 2) return 0.0;
    if (x > c - 0.5 + (w - 1) / 2) return 1.0;
    return (x - (c - 0.5)) / (w - 1) + 0.5;
  };
}

std::vector<std::int64_t> stored_values(const Frame& frame) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(frame.shape.values()));
  switch (frame.shape.bits_allocated) {
    case 1:
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<unsigned char>(frame.bytes[i / 8]) >> i % 8 & 1;
      }
      break;
    case 8: take<std::uint8_t>(frame, values); break;
    case 16: take<std::uint16_t>(frame, values); break;
    default: take<std::uint32_t>(frame, values); break;
  }
  return values;
}

const AttributeItem* functional_group(const AttributeItem& data_set, std::uint32_t number, Tag sequence) {
  if (const auto* own = data_set.find({0x5200, 0x9230}); own != nullptr && number >= 1 && number <= own->items.size()) {
    if (const auto* item = own->items[number - 1].item(sequence)) return item;
  }
  const auto* shared = data_set.item({0x5200, 0x9229});
  return shared == nullptr ? nullptr : shared->item(sequence);
}

std::optional<LookUpTable> read_table(const AttributeItem& item, Tag descriptor, Tag data, bool signed_input) {
  const auto count = item.integer(descriptor, 0);
  const auto first = item.integer(descriptor, 1);
  const auto bits = item.integer(descriptor, 2);
  const auto* bytes = item.find(data);
  if (!count || !first || !bits || bytes == nullptr || *bits < 1 || *bits > 16) return std::nullopt;
  LookUpTable table;
  // 0 stands for 65,536, which no 16-bit number says (PS3.3 C.11.1.1).
  const auto unsigned_count = static_cast<std::size_t>(*count & 0xFFFF);
  const std::size_t entries = unsigned_count == 0 ? 65536 : unsigned_count;
  table.first = signed_input ? codecs::sign_extend(*first & 0xFFFF, 16) : *first & 0xFFFF;
  table.bits = static_cast<unsigned>(*bits);
  table.entries.resize(entries);
  if (bytes->bytes.size() >= entries * 2) {
    std::memcpy(table.entries.data(), bytes->bytes.data(), entries * 2);
  } else if (bytes->bytes.size() >= entries) {  // a byte each
    for (std::size_t i = 0; i < entries; ++i) table.entries[i] = static_cast<unsigned char>(bytes->bytes[i]);
  } else {
    return std::nullopt;
  }
  return table;
}

Result<Picture> render_grayscale(const Frame& frame, const ImageAttributes& image, std::uint32_t number,
                                 const RenderOptions& options) {
  if (frame.shape.is_float) return render_float(frame, image, number, options);
  if (frame.shape.bits_allocated > 32) return Error::unsupported("pixels of 64 bits are not rendered");
  return render_whole(frame, image, number, options);
}

}  // namespace gantry::pixels
