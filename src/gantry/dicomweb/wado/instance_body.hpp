#pragma once

#include <memory>
#include <string>

#include "gantry/archive/retrieve_service.hpp"
#include "gantry/base/task.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/dicomweb/wado/delivery.hpp"

namespace gantry::dicomweb::wado {

/// Adds an instance's bytes to `plan`. Re-encoding begins here, on the disk pool, so that an object that can't be
/// re-encoded answers an error and not a cut body.
Task<Result<void>> add_instance(Services& services, const RequestContext& context, archive::InstancePtr instance, Delivery delivery,
                                http::BodyPlan& plan);

/// Instances of a list as multipart parts, opened one at a time while they are sent; blocking, in bounded memory.
struct InstanceParts {
  std::shared_ptr<ByteStream> stream;
  std::optional<std::uint64_t> length;  ///< known when all of them go out as stored
};
/// `study_root` is what Content-Location begins with (".../studies/1").
[[nodiscard]] InstanceParts instance_parts(Services& services, const RequestContext& context,
                                           archive::InstanceList list, const SyntaxWish& wish,
                                           const std::string& study_root, MultipartPlan parts);

/// The same instances as a ZIP archive of files "SERIES/INSTANCE.dcm".
[[nodiscard]] InstanceParts instance_zip(Services& services, const RequestContext& context, archive::InstanceList list,
                                         const SyntaxWish& wish);

}  // namespace gantry::dicomweb::wado
