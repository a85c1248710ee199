#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "gantry/base/bytes.hpp"
#include "gantry/base/result.hpp"

namespace gantry::http {

/// True when Accept-Encoding (RFC 9110 §12.5.3) takes gzip: named, or by `*`, and not with a quality of 0.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

/// What Accept-Encoding says of a coding: its quality, 0 when it is refused or not named. `coding` is in lower case; `*`
/// stands for all that are not named.
[[nodiscard]] double coding_quality(std::string_view accept_encoding, std::string_view coding);

/// The gzip form of `text` at level 1, which pays on any link: DICOM JSON shrinks some 20 times at 2 ms a megabyte.
[[nodiscard]] Result<std::string> gzip(std::string_view text);

/// The gzip form of `source`, made while it is read; memory is one piece and zlib's 256 kB.
[[nodiscard]] std::shared_ptr<ByteStream> gzip_stream(std::shared_ptr<ByteStream> source);

}  // namespace gantry::http
