#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gantry/archive/retrieve_service.hpp"
#include "gantry/base/task.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::wado {

/// The UIDs in a URL.
struct InstancePath {
  StudyUid study;
  std::optional<SeriesUid> series;
  std::optional<SopUid> sop;

  /// "/studies/1/series/2/instances/3"
  [[nodiscard]] std::string to_string() const;
};

/// Reads `{study}`, `{series}` and `{instance}`. kInvalid when one is no UID.
[[nodiscard]] Result<InstancePath> instance_path(const http::Request& request);

/// The instance: from memory at once, on this io thread; else found by a worker. `path` has all three UIDs.
Task<Result<archive::InstancePtr>> find_instance(Services& services, const RequestContext& context,
                                                 const InstancePath& path);

/// A list's line of an instance that was found.
[[nodiscard]] archive::ListedInstance listed(const archive::LocatedInstance& instance);

}  // namespace gantry::dicomweb::wado
