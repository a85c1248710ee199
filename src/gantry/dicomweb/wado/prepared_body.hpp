#pragma once

#include <string>

#include "gantry/archive/prepared_metadata.hpp"
#include "gantry/dicomweb/object_stream.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::wado {

/// The DICOM JSON array of prepared series, as ranges of their objects.
[[nodiscard]] http::BodyPlan prepared_array(const archive::PreparedMetadata& prepared);
/// The same as one gzip member (RFC 1952): the series' deflated chunks as they are, with brackets and commas as stored
/// blocks between them. Nothing is compressed or copied.
[[nodiscard]] http::BodyPlan prepared_gzip(const archive::PreparedMetadata& prepared);

/// The same as one zstd frame; only of a series whose document has_zstd().
[[nodiscard]] http::BodyPlan prepared_zstd(const archive::PreparedMetadata& prepared);

/// The objects of the array in pieces of some megabytes, with the commas between them and with `root` in their URIs.
[[nodiscard]] NextObject prepared_pieces(archive::PreparedPtr prepared, std::string root);
/// What stands around those pieces.
inline const ObjectFraming kPreparedPieces{"[", "", "]"};

}  // namespace gantry::dicomweb::wado
