#pragma once

#include "gantry/archive/prepared_metadata.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::wado {

/// The DICOM JSON array of prepared series, as ranges of their objects.
[[nodiscard]] http::BodyPlan prepared_array(const archive::PreparedMetadata& prepared);
/// The same as one gzip member (RFC 1952): the series' deflated chunks as they are, with brackets and commas as stored
/// blocks between them. Nothing is compressed or copied.
[[nodiscard]] http::BodyPlan prepared_gzip(const archive::PreparedMetadata& prepared);

}  // namespace gantry::dicomweb::wado
