#pragma once

// Many pictures as a multipart body, each made when its turn to be sent comes.

#include <memory>
#include <string>
#include <vector>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/dicomweb/wado/render_request.hpp"

namespace gantry::dicomweb::wado {

/// A part per frame of an instance. `location` goes before the frame's number.
[[nodiscard]] std::shared_ptr<ByteStream> rendered_frames(archive::PixelService& pixels, archive::InstancePtr instance,
                                                          std::vector<std::uint32_t> frames, RenderRequest request,
                                                          std::string media_type, std::string location,
                                                          MultipartPlan parts);

/// A part per instance of a list that can be shown, its first frame; a GIF has all of them. Blocking: finds the first of
/// them, kNotFound when there is none.
[[nodiscard]] Result<std::shared_ptr<ByteStream>> rendered_instances(Services& services, RequestContext context,
                                                                     StudyUid study, archive::InstanceList list,
                                                                     RenderRequest request, std::string media_type,
                                                                     std::string study_root, MultipartPlan parts);

}  // namespace gantry::dicomweb::wado
