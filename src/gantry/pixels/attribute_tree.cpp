#include "gantry/pixels/attribute_tree.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "gantry/dicom/data_set_parser.hpp"
#include "gantry/dicom/explicit_le.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicom/vr_context.hpp"

namespace gantry::pixels {
namespace {

using dicom::ElementHead;
using dicom::Tag;
using dicom::Vr;

constexpr std::size_t kValueMost = 1 << 20;
constexpr std::size_t kTreeMost = 64U << 20;  // bytes held together
constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::size_t kNodeBytes = 96;  // what an element costs beside its value, roughly

bool is_wanted(Tag tag) {
  switch (tag.group) {
    case 0x0008: case 0x0010: case 0x0018: case 0x0020: case 0x0028: case 0x0040: case 0x0048: case 0x0062: case 0x0070:
    case 0x2050: case 0x5200:
      return true;
    default:
      return tag.group >= 0x6000 && tag.group <= 0x60FF && tag.group % 2 == 0;
  }
}

class TreeBuilder final : public dicom::DataSetHandler {
 public:
  TreeBuilder() {
    levels_.push_back(&root_);
    contexts_.emplace_back();
  }

  AttributeItem take() { return std::move(root_); }

  Wish begin_value(const ElementHead& head) override {
    const bool noted = dicom::VrContext::wants(head.tag);
    return noted || (levels_.back() != nullptr && is_wanted(head.tag) && held_ < kTreeMost) ? Wish::kHold : Wish::kPass;
  }

  Result<void> on_value(const ElementHead& head, std::string_view bytes) override {
    auto& context = contexts_.back();
    context.note(head, bytes);
    if (levels_.back() == nullptr || !is_wanted(head.tag)) return {};
    Attribute& kept = levels_.back()->attributes[head.tag.value()];
    kept.vr = context.resolve(head);
    kept.bytes.assign(bytes);
    held_ += bytes.size() + kNodeBytes;
    const std::size_t word = dicom::facts(kept.vr).word_bytes;
    if (head.big_endian && word > 1) {
      for (std::size_t at = 0; at + word <= kept.bytes.size(); at += word) {
        std::reverse(kept.bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     kept.bytes.begin() + static_cast<std::ptrdiff_t>(at + word));
      }
    }
    return {};
  }

  Result<void> on_passed(const ElementHead&) override { return {}; }

  Result<void> begin_sequence(const ElementHead& head) override {
    const bool wanted = levels_.back() != nullptr && is_wanted(head.tag) && held_ < kTreeMost;
    Attribute* const kept = wanted ? &levels_.back()->attributes[head.tag.value()] : nullptr;
    if (kept != nullptr) kept->vr = Vr::kSQ;
    sequences_.push_back(kept);
    return {};
  }
  Result<void> begin_item() override {
    Attribute* const sequence = sequences_.empty() ? nullptr : sequences_.back();
    if (sequence != nullptr) {
      sequence->items.emplace_back();
      held_ += kNodeBytes;
    }
    levels_.push_back(sequence == nullptr ? nullptr : &sequence->items.back());
    contexts_.push_back(contexts_.back());
    return {};
  }
  Result<void> end_item() override {
    levels_.pop_back();
    contexts_.pop_back();
    return {};
  }
  Result<void> end_sequence() override {
    sequences_.pop_back();
    return {};
  }
  Result<void> begin_fragments(const ElementHead&) override { return {}; }
  Result<void> on_offset_table(std::uint64_t, std::uint32_t, std::string_view) override { return {}; }
  Result<void> on_fragment(const dicom::FragmentHead&) override { return {}; }
  Result<void> end_fragments(std::uint64_t) override { return {}; }
  void on_oddity(std::string) override {}

 private:
  AttributeItem root_;
  std::vector<AttributeItem*> levels_;  ///< null: in a sequence that is not wanted
  std::vector<Attribute*> sequences_;
  std::vector<dicom::VrContext> contexts_;
  std::size_t held_ = 0;
};

std::string_view without_padding(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

std::optional<double> decimal(std::string_view digits) {
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

template <class T>
std::optional<T> binary(std::string_view bytes, std::size_t index) {
  if (bytes.size() < (index + 1) * sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

}  // namespace

const Attribute* AttributeItem::find(Tag tag) const noexcept {
  const auto found = attributes.find(tag.value());
  return found == attributes.end() ? nullptr : &found->second;
}

const AttributeItem* AttributeItem::item(Tag sequence) const noexcept {
  const auto* found = find(sequence);
  return found == nullptr || found->items.empty() ? nullptr : &found->items.front();
}

std::string AttributeItem::text(Tag tag) const {
  const auto* found = find(tag);
  return found == nullptr ? std::string() : std::string(without_padding(found->bytes));
}

std::vector<std::string> AttributeItem::texts(Tag tag) const {
  std::vector<std::string> values;
  const auto* found = find(tag);
  if (found == nullptr || found->bytes.empty()) return values;
  std::string_view rest = found->bytes;
  for (;;) {
    const auto end = rest.find('\\');
    values.emplace_back(without_padding(rest.substr(0, end)));
    if (end == std::string_view::npos) return values;
    rest.remove_prefix(end + 1);
  }
}

std::optional<std::int64_t> AttributeItem::integer(Tag tag, std::size_t index) const {
  const auto* found = find(tag);
  if (found == nullptr) return std::nullopt;
  switch (found->vr) {
    case Vr::kUS: return binary<std::uint16_t>(found->bytes, index);
    case Vr::kSS: return binary<std::int16_t>(found->bytes, index);
    case Vr::kUL: return binary<std::uint32_t>(found->bytes, index);
    case Vr::kSL: return binary<std::int32_t>(found->bytes, index);
    default: break;
  }
  const auto value = number(tag, index);
  if (!value || !(*value >= -9e15 && *value <= 9e15)) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<double> AttributeItem::number(Tag tag, std::size_t index) const {
  const auto* found = find(tag);
  if (found == nullptr) return std::nullopt;
  switch (found->vr) {
    case Vr::kFD: return binary<double>(found->bytes, index);
    case Vr::kFL: return binary<float>(found->bytes, index);
    case Vr::kUS: case Vr::kSS: case Vr::kUL: case Vr::kSL: {
      const auto whole = integer(tag, index);
      return whole ? std::optional<double>(static_cast<double>(*whole)) : std::nullopt;
    }
    default: break;
  }
  const auto values = texts(tag);
  return index < values.size() ? decimal(values[index]) : std::nullopt;
}

std::vector<double> AttributeItem::numbers(Tag tag) const {
  std::vector<double> values;
  const auto* found = find(tag);
  if (found == nullptr) return values;
  switch (found->vr) {
    case Vr::kFD: case Vr::kFL: case Vr::kUS: case Vr::kSS: case Vr::kUL: case Vr::kSL:
      for (std::size_t i = 0;; ++i) {
        const auto value = number(tag, i);
        if (!value) return values;
        values.push_back(*value);
      }
    default: break;
  }
  // Text is taken apart once, not for each of its values.
  for (const auto& text : texts(tag)) {
    const auto value = decimal(text);
    if (!value) break;
    values.push_back(*value);
  }
  return values;
}

Result<std::shared_ptr<const AttributeItem>> read_attributes(const StoredObject& object) {
  const auto& layout = *object.layout;
  const auto* syntax = dicom::find_transfer_syntax(layout.transfer_syntax);
  const bool implicit = syntax != nullptr && !syntax->explicit_vr;
  // The header of Pixel Data lies right before its value (PS3.5 §7.1).
  const bool has_pixels = layout.pixels.value.length > 0;
  const std::uint64_t begin = layout.inflated ? 0 : layout.dataset_offset;
  const std::uint64_t end = has_pixels ? layout.pixels.value.offset - (implicit ? 8 : 12) : ~std::uint64_t{0};

  TreeBuilder builder;
  dicom::ParserLimits limits;
  limits.value_bytes = kValueMost;
  dicom::DataSetParser parser(builder, limits, implicit, layout.big_endian, begin);
  std::unique_ptr<ByteStream> inflated;
  if (layout.inflated) {
    GANTRY_LET(inflated, dicom::inflate_dataset(object.bytes, layout.dataset_offset));
  }
  std::vector<std::byte> piece(kPieceBytes);
  for (std::uint64_t at = begin; at < end;) {
    const auto want = std::span(piece).first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), end - at)));
    std::size_t count = 0;
    if (inflated != nullptr) {
      GANTRY_LET(count, inflated->read(want));
    } else {
      GANTRY_LET(count, object.bytes->read_at(at, want));
    }
    if (count == 0) break;
    GANTRY_TRY(parser.feed({reinterpret_cast<const char*>(piece.data()), count}));
    at += count;
  }
  return std::make_shared<const AttributeItem>(builder.take());
}

}  // namespace gantry::pixels
