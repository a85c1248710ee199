#include "gantry/dicom/vr.hpp"

#include <array>
#include <cstddef>

namespace gantry::dicom {

namespace {

using enum VrKind;

// In the order of the enumeration. The last two columns: 32-bit length in Explicit VR, BulkDataURI allowed.
constexpr std::array<VrFacts, 34> kFacts = {{
    {"AE", kText, 1, false, false},    {"AS", kText, 1, false, false},  {"AT", kNumber, 2, false, false},
    {"CS", kText, 1, false, false},    {"DA", kText, 1, false, false},  {"DS", kText, 1, false, true},
    {"DT", kText, 1, false, false},    {"FD", kNumber, 8, false, true}, {"FL", kNumber, 4, false, true},
    {"IS", kText, 1, false, true},     {"LO", kText, 1, false, false},  {"LT", kText, 1, false, true},
    {"OB", kBytes, 1, true, true},     {"OD", kBytes, 8, true, true},   {"OF", kBytes, 4, true, true},
    {"OL", kBytes, 4, true, true},     {"OV", kBytes, 8, true, true},   {"OW", kBytes, 2, true, true},
    {"PN", kText, 1, false, false},    {"SH", kText, 1, false, false},  {"SL", kNumber, 4, false, true},
    {"SQ", kSequence, 1, true, false}, {"SS", kNumber, 2, false, true}, {"ST", kText, 1, false, true},
    {"SV", kNumber, 8, true, true},    {"TM", kText, 1, false, false},  {"UC", kText, 1, true, true},
    {"UI", kText, 1, false, false},    {"UL", kNumber, 4, false, true}, {"UN", kBytes, 1, true, true},
    {"UR", kText, 1, true, false},     {"US", kNumber, 2, false, true}, {"UT", kText, 1, true, true},
    {"UV", kNumber, 8, true, true},
}};

constexpr std::size_t kLetters = 26;
constexpr std::uint8_t kNoVr = 255;

// The VR of each pair of capital letters.
constexpr auto kByLetters = [] {
  std::array<std::uint8_t, kLetters * kLetters> table{};
  table.fill(kNoVr);
  for (std::size_t i = 0; i < kFacts.size(); ++i) {
    const auto row = static_cast<std::size_t>(kFacts[i].name[0] - 'A');
    const auto column = static_cast<std::size_t>(kFacts[i].name[1] - 'A');
    table[row * kLetters + column] = static_cast<std::uint8_t>(i);
  }
  return table;
}();

}  // namespace

const VrFacts& facts(Vr vr) noexcept { return kFacts[static_cast<std::size_t>(vr)]; }

std::size_t value_size(Vr vr) noexcept { return vr == Vr::kAT ? 4 : facts(vr).word_bytes; }

std::optional<Vr> parse_vr(char first, char second) noexcept {
  if (first < 'A' || first > 'Z' || second < 'A' || second > 'Z') return std::nullopt;
  const auto index =
      kByLetters[static_cast<std::size_t>(first - 'A') * kLetters + static_cast<std::size_t>(second - 'A')];
  if (index == kNoVr) return std::nullopt;
  return static_cast<Vr>(index);
}

Vr parse_vr(std::string_view name) noexcept {
  return name.size() == 2 ? parse_vr(name[0], name[1]).value_or(Vr::kUN) : Vr::kUN;
}

}  // namespace gantry::dicom
