#pragma once

// All bulk data of many instances as one multipart body (PS3.18 §10.4.1.1.5, §10.4.1.1.7), made while it is sent.

#include <memory>
#include <string>
#include <string_view>

#include "gantry/archive/retrieve_service.hpp"
#include "gantry/base/bytes.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/services.hpp"

namespace gantry::dicomweb::wado {

struct BulkSetWish {
  bool pixels_only = false;  ///< Pixel Data alone
  bool compressed = true;    ///< compressed Pixel Data goes out as it is stored; false: decoded, or it is left out
};

/// Whether there is a decoder for such Pixel Data.
[[nodiscard]] bool comes_decoded(const Services& services, std::string_view transfer_syntax) noexcept;

/// A part per value, compressed Pixel Data a part per frame, each with the Content-Location that metadata names. One
/// instance is open at a time. Blocking. kNotFound when there is not one part, as a multipart body must have.
[[nodiscard]] Result<std::shared_ptr<ByteStream>> bulk_set(Services& services, const RequestContext& context,
                                                           const StudyUid& study, archive::InstanceList list,
                                                           const BulkSetWish& wish, std::string study_root,
                                                           MultipartPlan parts);

}  // namespace gantry::dicomweb::wado
