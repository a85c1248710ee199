#include "gantry/dicom/unknown_vr.hpp"

#include <array>

#include "gantry/dicom/dictionary.hpp"

namespace gantry::dicom {

namespace {

/// Passes by everything.
class NoHandler final : public DataSetHandler {
 public:
  Wish begin_value(const ElementHead&) override { return Wish::kPass; }
  Result<void> on_value(const ElementHead&, std::string_view) override { return {}; }
  Result<void> on_passed(const ElementHead&) override { return {}; }
  Result<void> begin_sequence(const ElementHead&) override { return {}; }
  Result<void> begin_item() override { return {}; }
  Result<void> end_item() override { return {}; }
  Result<void> end_sequence() override { return {}; }
  Result<void> begin_fragments(const ElementHead&) override { return {}; }
  Result<void> on_offset_table(std::uint64_t, std::uint32_t, std::string_view) override { return {}; }
  Result<void> on_fragment(const FragmentHead&) override { return {}; }
  Result<void> end_fragments(std::uint64_t) override { return {}; }
  void on_oddity(std::string) override {}
};

}  // namespace

Vr known_vr(Tag tag, std::uint32_t length) noexcept {
  if (tag.is_private()) return tag.element >= 0x0010 && tag.element <= 0x00FF ? Vr::kLO : Vr::kUN;
  if (tag.element == 0) return Vr::kUN;
  const DictionaryEntry* entry = find_attribute(tag);
  const Vr vr = entry == nullptr ? Vr::kUN : parse_vr(entry->vr);
  return length % value_size(vr) == 0 ? vr : Vr::kUN;
}

bool holds_items(std::string_view value, const ParserLimits& limits) {
  NoHandler handler;
  ParserLimits inner = limits;
  inner.value_bytes = 0;
  DataSetParser parser(handler, inner, true, false, 0);
  // The header of any sequence, so that the items stand inside one.
  constexpr Tag kSequence{0x0008, 0x1140};
  const auto length = static_cast<std::uint32_t>(value.size());
  std::array<char, 8> head{};
  for (unsigned i = 0; i < 2; ++i) {
    head[i] = static_cast<char>(kSequence.group >> (8 * i));
    head[2 + i] = static_cast<char>(kSequence.element >> (8 * i));
  }
  for (unsigned i = 0; i < 4; ++i) head[4 + i] = static_cast<char>(length >> (8 * i));
  return parser.feed({head.data(), head.size()}).ok() && parser.feed(value).ok() && parser.finish().ok();
}

}  // namespace gantry::dicom
