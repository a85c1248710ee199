#pragma once

#include <string>
#include <vector>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/base/task.hpp"
#include "gantry/dicomweb/wado/render_request.hpp"

namespace gantry::dicomweb::wado {

inline constexpr std::string_view kJpegPicture = "image/jpeg";
inline constexpr std::string_view kPngPicture = "image/png";
inline constexpr std::string_view kGifPicture = "image/gif";

/// Frames (from 1) of an instance as one picture file: the first of them, or all in a moving GIF. Blocking, for pixel
/// threads. Errors: those of PixelService::frame(), render_frame(); kInvalid for a viewport outside of the image.
[[nodiscard]] Result<pixels::Frame> make_picture(archive::PixelService& pixels, const archive::InstancePtr& instance,
                                                 const std::vector<std::uint32_t>& frames, const RenderRequest& request,
                                                 std::string_view media_type);

/// The same for io threads, from memory when it was made before.
Task<Result<archive::FramePtr>> fetch_picture(archive::PixelService& pixels, archive::InstancePtr instance,
                                              std::vector<std::uint32_t> frames, RenderRequest request,
                                              std::string media_type);

}  // namespace gantry::dicomweb::wado
