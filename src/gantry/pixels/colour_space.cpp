#include "gantry/pixels/colour_space.hpp"

namespace gantry::pixels {
namespace {

constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kEntryBytes = 12;
constexpr std::uint64_t kTagsMost = 1024;

std::uint64_t number_at(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> known) {
  for (const auto each : known) {
    if (word == each) return true;
  }
  return false;
}

}  // namespace

std::string profile_problem(std::string_view profile, unsigned channels) {
  if (profile.size() < kHeaderBytes + 4) return "it is too short";
  if (number_at(profile, 0) != profile.size()) return "its length is another than it says";
  if (profile.size() % 4 != 0) return "its length is no multiple of four";
  if (profile.substr(36, 4) != "acsp") return "it has no signature";
  if (number_at(profile, 64) > 3) return "it has no rendering intent";
  if (!is_one_of(profile.substr(12, 4), {"scnr", "mntr", "prtr", "spac"})) return "its class is none of a device's";
  if (profile.substr(16, 4) != (channels == 3 ? "RGB " : "GRAY")) return "it is of other channels";
  if (!is_one_of(profile.substr(20, 4), {"XYZ ", "Lab "})) return "its connection space is not known";
  const std::uint64_t tags = number_at(profile, kHeaderBytes);
  if (tags > kTagsMost || kHeaderBytes + 4 + tags * kEntryBytes > profile.size()) return "its tags end beyond it";
  for (std::uint64_t i = 0; i < tags; ++i) {
    const auto entry = static_cast<std::size_t>(kHeaderBytes + 4 + i * kEntryBytes);
    if (number_at(profile, entry + 4) + number_at(profile, entry + 8) > profile.size()) return "a tag ends beyond it";
  }
  return "";
}

}  // namespace gantry::pixels
