#include "gantry/dicomweb/wado/rendered_parts.hpp"

#include <optional>
#include <utility>

#include "gantry/dicomweb/wado/picture_maker.hpp"
#include "gantry/dicomweb/wado/picture_stream.hpp"

namespace gantry::dicomweb::wado {
namespace {

class FramePictures final : public PictureStream {
 public:
  FramePictures(archive::PixelService& pixels, archive::InstancePtr instance, std::vector<std::uint32_t> frames,
                RenderRequest request, std::string media_type, std::string location, MultipartPlan parts)
      : PictureStream(std::move(media_type), std::move(parts)),
        pixels_(pixels),
        instance_(std::move(instance)),
        frames_(std::move(frames)),
        request_(std::move(request)),
        location_(std::move(location)) {}

 private:
  Result<std::optional<Part>> next() override {
    if (at_ == frames_.size()) return std::optional<Part>();
    const auto number = frames_[at_++];
    GANTRY_LET(auto picture, make_picture(pixels_, instance_, {number}, request_, media_type()));
    return std::optional<Part>({location_ + std::to_string(number) + "/rendered", std::move(picture.bytes)});
  }

  archive::PixelService& pixels_;
  archive::InstancePtr instance_;
  std::vector<std::uint32_t> frames_;
  RenderRequest request_;
  std::string location_;
  std::size_t at_ = 0;
};

class InstancePictures final : public PictureStream {
 public:
  InstancePictures(Services& services, RequestContext context, StudyUid study, archive::InstanceList list,
                   RenderRequest request, std::string media_type, std::string study_root, MultipartPlan parts)
      : PictureStream(std::move(media_type), std::move(parts)),
        services_(services),
        context_(std::move(context)),
        study_(std::move(study)),
        list_(std::move(list)),
        request_(std::move(request)),
        study_root_(std::move(study_root)) {}

  /// kNotFound: there is no picture in the list; the reason of the last one that could not be made.
  Result<void> begin() {
    GANTRY_LET(first_, make_next());
    if (first_) return {};
    return Error::not_found(problem_.empty() ? "nothing in here can be shown as a picture"
                                             : "nothing in here can be shown as a picture: " + problem_);
  }

 private:
  Result<std::optional<Part>> next() override {
    if (first_) return std::exchange(first_, std::nullopt);
    return make_next();
  }

  Result<std::optional<archive::ListedInstance>> next_instance() {
    if (at_ < list_.first.size()) return std::optional(std::move(list_.first[at_++]));
    if (list_.more != nullptr) return list_.more->next();
    return std::optional<archive::ListedInstance>();
  }

  /// The next instance that can be shown. What is no picture, or a damaged one, is left out.
  Result<std::optional<Part>> make_next() {
    for (;;) {
      GANTRY_LET(const auto listed, next_instance());
      if (!listed) return std::optional<Part>();
      GANTRY_LET(const auto instance, services_.retrieves.locate(context_, study_, listed->series, listed->sop));
      std::vector<std::uint32_t> frames{1};
      if (media_type() == kGifPicture) {
        for (std::uint32_t number = 2; number <= instance->layout->pixels.frames; ++number) frames.push_back(number);
      }
      auto picture = make_picture(*services_.pixels, instance, frames, request_, media_type());
      if (picture) {
        return std::optional<Part>({study_root_ + "/series/" + listed->series.str() + "/instances/" +
                                        listed->sop.str() + "/rendered",
                                    std::move(picture->bytes)});
      }
      const auto kind = picture.error().kind();
      if (kind == ErrorKind::kUnavailable || kind == ErrorKind::kInternal) return picture.error();
      problem_ = picture.error().detail();
    }
  }

  Services& services_;
  RequestContext context_;
  StudyUid study_;
  archive::InstanceList list_;
  RenderRequest request_;
  std::string study_root_;
  std::size_t at_ = 0;
  std::optional<Part> first_;
  std::string problem_;
};

}  // namespace

std::shared_ptr<ByteStream> rendered_frames(archive::PixelService& pixels, archive::InstancePtr instance,
                                            std::vector<std::uint32_t> frames, RenderRequest request,
                                            std::string media_type, std::string location, MultipartPlan parts) {
  return std::make_shared<FramePictures>(pixels, std::move(instance), std::move(frames), std::move(request),
                                         std::move(media_type), std::move(location), std::move(parts));
}

Result<std::shared_ptr<ByteStream>> rendered_instances(Services& services, RequestContext context, StudyUid study,
                                                       archive::InstanceList list, RenderRequest request,
                                                       std::string media_type, std::string study_root,
                                                       MultipartPlan parts) {
  auto stream = std::make_shared<InstancePictures>(services, std::move(context), std::move(study), std::move(list),
                                                   std::move(request), std::move(media_type), std::move(study_root),
                                                   std::move(parts));
  GANTRY_TRY(stream->begin());
  return std::shared_ptr<ByteStream>(std::move(stream));
}

}  // namespace gantry::dicomweb::wado
