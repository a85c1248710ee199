#pragma once

// What compressed images say of themselves, as far as an instance made around one must know (PS3.5 §8.2).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::dicomweb::stow {

struct Codestream {
  std::string transfer_syntax;
  std::uint64_t offset = 0;  ///< where the codestream begins: behind the boxes of a JP2 file
  std::uint64_t length = 0;  ///< 0: to the end
  std::uint32_t rows = 0, columns = 0;
  unsigned samples = 1, bits = 8;
  bool is_signed = false;
  std::string photometric;
  bool lossy = false;
};

/// Of the beginning of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K image, bare or in JP2 boxes; nullopt when it is none of
/// them, or its headers are not whole in what is there.
[[nodiscard]] std::optional<Codestream> read_codestream(std::string_view beginning);

}  // namespace gantry::dicomweb::stow
