#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gantry/archive/instance_cache.hpp"
#include "gantry/base/task.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::wado {

/// The Content-Location of a frame's part.
using FrameLocation = std::function<std::string(std::uint32_t number)>;

/// Frames in another transfer syntax. The first is made before anything is sent, and so is every other one of a short
/// list: a frame that is damaged then answers its own status, whoever asks for others with it gets them one by one.
/// `services` has codecs; `offer` is the one that was chosen, `target` what is behind it.
Task<http::Response> converted_frames(Services& services, archive::InstancePtr instance,
                                      std::vector<std::uint32_t> numbers, Offer offer, std::string target,
                                      std::string etag, FrameLocation location);

}  // namespace gantry::dicomweb::wado
