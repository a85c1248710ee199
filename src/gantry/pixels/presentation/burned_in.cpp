#include "gantry/pixels/presentation/burned_in.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "gantry/dicom/charset.hpp"
#include "gantry/pixels/text/text_block.hpp"

namespace gantry::pixels {
namespace {

using dicom::CharacterSet;
using dicom::Tag;

constexpr unsigned kSizeLeast = 8;
constexpr unsigned kSizeUsual = 12;  // at least, where there is room
constexpr unsigned kSizeMost = 64;
constexpr std::uint32_t kMargin = 3;

class Reader {
 public:
  explicit Reader(const AttributeItem& set) : set_(set), charset_(set.text({0x0008, 0x0005})) {}

  [[nodiscard]] std::string text(Tag tag, CharacterSet::Kind kind = CharacterSet::Kind::kMulti) const {
    const auto* found = set_.find(tag);
    return found == nullptr || found->bytes.empty() ? "" : charset_.to_utf8(found->bytes, kind).front().text;
  }
  /// "19891231" as "1989-12-31"; other things as they are.
  [[nodiscard]] std::string date(Tag tag) const {
    const auto raw = set_.text(tag);
    const bool plain = raw.size() == 8 && raw.find_first_not_of("0123456789") == std::string::npos;
    return plain ? raw.substr(0, 4) + "-" + raw.substr(4, 2) + "-" + raw.substr(6) : raw;
  }
  /// "142530.12" as "14:25".
  [[nodiscard]] std::string time(Tag tag) const {
    const auto raw = set_.text(tag);
    const bool plain = raw.size() >= 4 && raw.substr(0, 4).find_first_not_of("0123456789") == std::string::npos;
    return plain ? raw.substr(0, 2) + ":" + raw.substr(2, 2) : "";
  }

 private:
  const AttributeItem& set_;
  CharacterSet charset_;
};

/// Parts that are there, with something between them.
std::string joined(std::initializer_list<std::string> parts, std::string_view between) {
  std::string line;
  for (const auto& part : parts) {
    if (part.empty()) continue;
    if (!line.empty()) line += between;
    line += part;
  }
  return line;
}

std::string measured(std::string_view name, const std::string& value, std::string_view unit) {
  if (value.empty()) return "";
  return std::string(name) + value + std::string(unit);
}

void add(std::vector<std::string>& lines, std::string line) {
  if (!line.empty()) lines.push_back(std::move(line));
}

std::string readable_group(std::string_view group, bool comma) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = group.find('^');
    parts.push_back(group.substr(0, end));
    if (end == std::string_view::npos) break;
    group.remove_prefix(end + 1);
  }
  std::string name(parts.front());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].empty()) continue;
    if (!name.empty()) name += comma && i == 1 ? ", " : " ";
    name += parts[i];
  }
  return name;
}

unsigned usual_size(const Picture& picture) {
  return std::clamp(std::min(picture.width, picture.height) / 28, kSizeUsual, kSizeMost);
}

}  // namespace

std::string readable_name(const std::string& utf8) {
  std::vector<std::string> groups;
  for (std::string_view rest = utf8;;) {
    const auto end = rest.find('=');
    groups.push_back(readable_group(rest.substr(0, end), groups.empty()));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  groups.resize(std::max<std::size_t>(groups.size(), 2));
  if (groups[0].empty()) return groups[1];
  return groups[1].empty() ? groups[0] : groups[0] + " (" + groups[1] + ")";
}

std::vector<std::string> patient_lines(const AttributeItem& data_set) {
  const Reader reader(data_set);
  std::vector<std::string> lines;
  add(lines, readable_name(reader.text({0x0010, 0x0010}, CharacterSet::Kind::kPersonName)));
  add(lines, measured("ID ", reader.text({0x0010, 0x0020}), ""));
  add(lines, joined({measured("* ", reader.date({0x0010, 0x0030}), ""), reader.text({0x0010, 0x0040})}, "  "));
  return lines;
}

std::vector<std::string> technique_lines(const ImageAttributes& image, std::uint32_t frame) {
  const auto& set = *image.data_set;
  const Reader reader(set);
  const auto text = [&](std::uint16_t group, std::uint16_t element) { return reader.text({group, element}); };
  std::vector<std::string> lines;
  const std::string date = joined({reader.date({0x0008, 0x0020}), reader.time({0x0008, 0x0030})}, " ");
  add(lines, joined({text(0x0008, 0x0060), date}, "  "));
  std::string frames;
  if (image.frames > 1) frames = "frame " + std::to_string(frame) + "/" + std::to_string(image.frames);
  add(lines,
      joined({measured("series ", text(0x0020, 0x0011), ""), measured("image ", text(0x0020, 0x0013), ""), frames},
             ", "));
  add(lines, text(0x0008, 0x103E));
  auto side = text(0x0020, 0x0062);  // of the image, else of the series
  if (side.empty()) side = text(0x0020, 0x0060);
  add(lines, joined({text(0x0018, 0x0015), side, text(0x0018, 0x5101)}, " "));
  add(lines, joined({measured("", text(0x0018, 0x0060), " kV"), measured("", text(0x0018, 0x1151), " mA"),
                     measured("", text(0x0018, 0x1152), " mAs")},
                    ", "));
  add(lines,
      joined({measured("TR ", text(0x0018, 0x0080), " ms"), measured("TE ", text(0x0018, 0x0081), " ms")}, ", "));
  add(lines,
      joined({measured("thickness ", text(0x0018, 0x0050), " mm"), measured("location ", text(0x0020, 0x1041), " mm")},
             ", "));
  return lines;
}

Result<void> burn_in(const std::vector<std::string>& patient, const std::vector<std::string>& technique,
                     const TextFont& font, Picture& picture) {
  if (patient.empty() && technique.empty()) return {};
  const Ink white;
  const auto refused = [&] {
    return Error::unsupported("a picture of " + std::to_string(picture.width) + " x " + std::to_string(picture.height) +
                              " pixels is too small for its annotation");
  };
  if (picture.width < 4 * kMargin || picture.height < 4 * kMargin) return refused();
  const std::uint32_t width = picture.width - 2 * kMargin;
  const std::uint32_t height = picture.height - 2 * kMargin;
  for (unsigned size = usual_size(picture);; size = std::max(kSizeLeast, size * 7 / 8)) {
    const auto above = wrapped(font, patient, size, width);
    const auto below = wrapped(font, technique, size, width);
    const std::uint64_t needed = std::uint64_t{font.line_height(size)} * (above.size() + below.size());
    if (needed <= height) {
      const auto top = write_block(font, above, size, TextAlign::kLeft, 0, width, height);
      const auto bottom = write_block(font, below, size, TextAlign::kLeft, 0, width, height);
      put_text(top, kMargin, kMargin, 0, white, picture);
      put_text(bottom, kMargin, std::int64_t{picture.height} - kMargin - bottom.height, 0, white, picture);
      return {};
    }
    if (size == kSizeLeast) return refused();
  }
}

}  // namespace gantry::pixels
