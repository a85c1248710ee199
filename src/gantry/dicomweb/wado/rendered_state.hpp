#pragma once

// Presentation states: what they show, and their images as they show them.

#include <cstddef>
#include <memory>
#include <vector>

#include "gantry/archive/instance_cache.hpp"
#include "gantry/base/result.hpp"
#include "gantry/base/task.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/dicomweb/wado/instance_path.hpp"
#include "gantry/dicomweb/wado/render_request.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::wado {

/// Lets `wanted` show pictures as the state in an instance says. Errors of parse_presentation_state(); kUnavailable.
Task<Result<RenderRequest>> with_state(Services& services, const RequestContext& context, archive::InstancePtr instance,
                                       RenderRequest wanted);

/// An image of a state that is in the archive, and those of its frames that the state is for.
struct StateImage {
  SeriesUid series;
  SopUid sop;
  ObjectKey object_key;
  std::vector<std::uint32_t> frames;  ///< never empty
};
struct StateImages {
  std::vector<StateImage> found;  ///< in the state's order
  std::size_t missing = 0;        ///< that it names, and that the archive does not have
};
/// The images of a state. kNotFound when none of them is here, kTooLarge when there are more than one answer may have.
Task<Result<StateImages>> images_of(Services& services, const RequestContext& context, const StudyUid& study,
                                    std::shared_ptr<const pixels::PresentationState> state);

/// The answer for a state as a rendered resource (PS3.18 §8.3.5, §10.4.1.1.3): its first image as one picture, or all
/// of them as multipart. `instance` is the state's.
Task<http::Response> render_state(Services& services, http::Request& request, archive::InstancePtr instance,
                                  RenderRequest wanted);

}  // namespace gantry::dicomweb::wado
