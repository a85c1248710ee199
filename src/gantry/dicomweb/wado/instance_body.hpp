#pragma once

#include <memory>
#include <string>

#include "gantry/archive/retrieve_service.hpp"
#include "gantry/base/task.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/dicomweb/wado/delivery.hpp"

namespace gantry::dicomweb::wado {

[[nodiscard]] inline DeliveryRules delivery_rules(const Services& services) noexcept {
  return {services.settings.strict_transfer_syntax, services.pixels != nullptr};
}

/// Adds an instance's bytes to `plan` and says in which transfer syntax they are. Re-encoding begins here, on a worker,
/// so that an object that can't be re-encoded answers an error and not a cut body. What shall be transcoded but has no
/// pixels goes out as Explicit VR Little Endian; what can't be decoded goes out as stored when nothing else was asked for.
/// `wish` is what `delivery` was chosen for.
Task<Result<std::string>> add_instance(Services& services, const RequestContext& context, archive::InstancePtr instance,
                                       Delivery delivery, const SyntaxWish& wish, http::BodyPlan& plan);

/// Instances of a list as multipart parts, opened one at a time while they are sent; blocking, in bounded memory. One that
/// can't be had in the transfer syntax that was asked for goes out in the nearest one: Explicit VR Little Endian, or as
/// it is stored. Its part says so.
struct InstanceParts {
  std::shared_ptr<ByteStream> stream;
  std::optional<std::uint64_t> length;  ///< known when all of them go out as stored
  WorkerPool* pool = nullptr;           ///< where it is to be read; null: the disk pool
};
/// `study_root` is what Content-Location begins with (".../studies/1").
[[nodiscard]] InstanceParts instance_parts(Services& services, const RequestContext& context,
                                           const StudyUid& study, archive::InstanceList list, const SyntaxWish& wish,
                                           const std::string& study_root, MultipartPlan parts);

/// The same instances as a ZIP archive of files "SERIES/INSTANCE.dcm". One whose frames can't all be transcoded is put
/// in as it is stored: an archive is no place for half a file.
[[nodiscard]] InstanceParts instance_zip(Services& services, const RequestContext& context, const StudyUid& study,
                                         archive::InstanceList list, const SyntaxWish& wish);

}  // namespace gantry::dicomweb::wado
