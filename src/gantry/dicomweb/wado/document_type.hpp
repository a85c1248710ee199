#pragma once

#include <string>

#include "gantry/dicomweb/services.hpp"
#include "gantry/dicomweb/wado/instance_path.hpp"

namespace gantry::dicomweb::wado {

inline constexpr std::string_view kEncapsulatedDocument = "00420011";

/// MIME Type of Encapsulated Document (0042,0012) of an instance; "" when it is missing or no media type. Blocking.
[[nodiscard]] Result<std::string> document_type(Services& services, const RequestContext& context,
                                                const InstancePath& path);

}  // namespace gantry::dicomweb::wado
