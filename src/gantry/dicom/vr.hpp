#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gantry::dicom {

/// Value Representations (PS3.5 §6.2).
enum class Vr : std::uint8_t {
  kAE,
  kAS,
  kAT,
  kCS,
  kDA,
  kDS,
  kDT,
  kFD,
  kFL,
  kIS,
  kLO,
  kLT,
  kOB,
  kOD,
  kOF,
  kOL,
  kOV,
  kOW,
  kPN,
  kSH,
  kSL,
  kSQ,
  kSS,
  kST,
  kSV,
  kTM,
  kUC,
  kUI,
  kUL,
  kUN,
  kUR,
  kUS,
  kUT,
  kUV,
};

/// What a VR's bytes mean, as far as reading and DICOM JSON must know.
enum class VrKind : std::uint8_t {
  kText,      ///< characters
  kNumber,    ///< fixed-size binary numbers, AT among them
  kBytes,     ///< OB … UN: InlineBinary in DICOM JSON
  kSequence,  ///< items
};

struct VrFacts {
  std::string_view name;  ///< "LO"
  VrKind kind = VrKind::kBytes;
  std::uint8_t word_bytes = 1;  ///< what byte order swaps: size of one number, or of an OW's word
  bool long_length = false;     ///< Explicit VR: two reserved bytes and a 32-bit length (PS3.5 §7.1.2)
  bool bulk_allowed = false;    ///< DICOM JSON may name the value by BulkDataURI (PS3.18 F.2.2)
};

[[nodiscard]] const VrFacts& facts(Vr vr) noexcept;
/// Bytes of one value of a binary VR, 2 for US, 4 for AT; of one word of OB … OW; 1 for text.
[[nodiscard]] std::size_t value_size(Vr vr) noexcept;
/// Null when the two characters are no VR of this edition.
[[nodiscard]] std::optional<Vr> parse_vr(char first, char second) noexcept;
/// The same for text of two characters, as the dictionary has it; UN when it is none.
[[nodiscard]] Vr parse_vr(std::string_view name) noexcept;

}  // namespace gantry::dicom
