#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gantry/base/bytes.hpp"
#include "gantry/base/result.hpp"

namespace gantry::dicom {

/// Re-encodes a Part 10 object kept as Implicit VR LE, Explicit VR BE or Deflated Explicit VR LE to Explicit VR Little
/// Endian (PS3.5 A.2), as a stream in bounded memory: File Meta with the new Transfer Syntax UID, VRs from the
/// dictionary (UN for unknown), sequences and items with undefined length, values swapped by VR, private and trailing
/// attributes kept. kUnsupported for encapsulated syntaxes. A read error or broken data set is kInternal from read().
[[nodiscard]] Result<std::unique_ptr<ByteStream>> to_explicit_little_endian(std::shared_ptr<const RandomAccess> object);

/// What the object's File Meta group says. kInternal when it has none.
[[nodiscard]] Result<std::string> transfer_syntax_of(const RandomAccess& object);

/// Preamble, "DICM" and the object's File Meta group as it is in front of the data set in another transfer syntax.
[[nodiscard]] Result<std::string> file_head(const RandomAccess& object, std::string_view transfer_syntax);

/// The inflated data set of a Deflated Explicit VR LE object, from its first byte. `dataset_offset` is the layout's.
[[nodiscard]] Result<std::unique_ptr<ByteStream>> inflate_dataset(std::shared_ptr<const RandomAccess> object,
                                                                  std::uint64_t dataset_offset);

}  // namespace gantry::dicom
