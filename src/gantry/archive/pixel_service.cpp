#include "gantry/archive/pixel_service.hpp"

#include <span>
#include <utility>

namespace gantry::archive {

namespace {

pixels::StoredObject object_of(const LocatedInstance& instance) { return {instance.file, instance.layout}; }

/// The tenant, whose work it is: the first part of an object's key.
std::string_view lane_of(const LocatedInstance& instance) {
  const std::string_view key = instance.object_key.view();
  return key.substr(0, key.find('/'));
}

// An attribute tree in memory, roughly; large ones hold per-frame sequences.
std::size_t memory_of(const pixels::ImageAttributes& image) { return 32768 + std::size_t{image.frames} * 512; }

}  // namespace

std::string PixelService::frame_key(const LocatedInstance& instance, std::uint32_t number,
                                    const std::string& transfer_syntax) {
  return instance.object_key.str() + " " + std::to_string(number) + " " + transfer_syntax;
}

Result<ImagePtr> PixelService::image(const LocatedInstance& instance) {
  const std::string key = instance.object_key.str();
  if (auto known = images_.find(key)) return known;
  GANTRY_LET(auto read, pixels::read_image_attributes(object_of(instance)));
  auto made = std::make_shared<const pixels::ImageAttributes>(std::move(read));
  images_.put(key, made, memory_of(*made));
  return ImagePtr(std::move(made));
}

Result<FramePtr> PixelService::convert(const LocatedInstance& instance, pixels::FrameReader& reader,
                                       const pixels::ImageAttributes& image, std::uint32_t number,
                                       const std::string& transfer_syntax, bool remember) {
  const auto key = frame_key(instance, number, transfer_syntax);
  if (auto known = frames_.find(key)) return known;
  std::promise<Result<FramePtr>> promise;
  std::shared_future<Result<FramePtr>> others;
  {
    const std::scoped_lock lock(mutex_);
    const auto [entry, is_first] = making_.try_emplace(key);
    if (is_first) {
      entry->second = promise.get_future().share();
    } else {
      others = entry->second;
    }
  }
  // Whoever makes it is at it, not in a queue, and waits for no other frame.
  if (others.valid()) return others.get();
  const auto make = [&]() -> Result<FramePtr> {
    if (auto known = frames_.find(key)) return known;  // made between the look above and the entry
    GANTRY_LET(const std::string stored, reader.read(number));
    GANTRY_LET(auto frame, codec_.convert(image.shape, stored, {transfer_syntax}));
    return FramePtr(std::make_shared<const pixels::Frame>(std::move(frame)));
  };
  auto made = make();
  if (made && remember) frames_.put(key, *made, (*made)->bytes.size());
  {
    const std::scoped_lock lock(mutex_);
    making_.erase(key);
  }
  promise.set_value(made);
  return made;
}

/// Null when it is not kept. What is said of a frame that is not decoded is its transfer syntax alone.
Result<FramePtr> PixelService::kept_frame(const LocatedInstance& instance, std::uint32_t number,
                                          const std::string& transfer_syntax) {
  const auto rendition = pixels::is_native(transfer_syntax) ? nullptr : kept(instance, transfer_syntax);
  if (rendition == nullptr) return FramePtr();
  GANTRY_LET(const auto where, rendition->layout->frame(number));
  auto made = std::make_shared<pixels::Frame>();
  made->shape.transfer_syntax = transfer_syntax;
  for (const auto& range : where.ranges) {
    const std::size_t at = made->bytes.size();
    made->bytes.resize(at + static_cast<std::size_t>(range.length));
    GANTRY_LET(const std::size_t count,
               rendition->file->read_at(range.offset, std::as_writable_bytes(std::span(made->bytes).subspan(at))));
    if (count != range.length) return Error::internal("a rendition ends early");
  }
  frames_.put(frame_key(instance, number, transfer_syntax), made, made->bytes.size());
  return FramePtr(std::move(made));
}

Result<FramePtr> PixelService::frame(const InstancePtr& instance, std::uint32_t number,
                                     const std::string& transfer_syntax) {
  if (auto known = frames_.find(frame_key(*instance, number, transfer_syntax))) return known;
  if (auto found = kept_frame(*instance, number, transfer_syntax); found && *found != nullptr) return found;
  GANTRY_LET(const ImagePtr of, image(*instance));
  pixels::FrameReader reader(object_of(*instance), of->shape);
  return convert(*instance, reader, *of, number, transfer_syntax, true);
}

pixels::FrameMaker PixelService::frame_maker(const InstancePtr& instance, ImagePtr image,
                                             const std::string& transfer_syntax, bool remember) {
  auto reader = std::make_shared<pixels::FrameReader>(object_of(*instance), image->shape);
  return [this, instance, reader = std::move(reader), image = std::move(image), transfer_syntax,
          remember](std::uint32_t number) {
    return convert(*instance, *reader, *image, number, transfer_syntax, remember);
  };
}

pixels::FrameMaker PixelService::frames_of(const InstancePtr& instance, ImagePtr image,
                                           const std::string& transfer_syntax) {
  return frame_maker(instance, std::move(image), transfer_syntax, true);
}

RenditionPtr PixelService::kept(const LocatedInstance& instance, std::string_view transfer_syntax) {
  return renditions_ == nullptr ? nullptr : renditions_->find(instance.object_key, transfer_syntax);
}

Result<std::unique_ptr<ByteStream>> PixelService::transcode(const InstancePtr& instance, const ImagePtr& image,
                                                            const std::string& transfer_syntax) {
  GANTRY_LET(auto stream, pixels::transcode_object(object_of(*instance), *image, transfer_syntax,
                                                   frames_of(instance, image, transfer_syntax)));
  if (renditions_ == nullptr) return stream;
  return renditions_->keeping(instance->object_key, transfer_syntax, std::move(stream));
}

Result<void> PixelService::make_rendition(const InstancePtr& instance, const std::string& transfer_syntax) {
  if (renditions_ == nullptr || kept(*instance, transfer_syntax) != nullptr) return {};
  GANTRY_LET(const ImagePtr of, image(*instance));
  if (!pixels::can_encode(of->shape, transfer_syntax)) {
    return Error::unsupported("pixels of this kind can't be had in transfer syntax " + transfer_syntax);
  }
  GANTRY_LET(const auto stream, pixels::transcode_object(object_of(*instance), *of, transfer_syntax,
                                                         frame_maker(instance, of, transfer_syntax, false)));
  return renditions_->keep(instance->object_key, transfer_syntax, *stream);
}

/// Of an image of one frame, who asked for the frame has made nearly all of it. Those of many frames are kept when they
/// are asked for as a whole.
void PixelService::keep_later(const InstancePtr& instance, const std::string& transfer_syntax) {
  if (renditions_ == nullptr || pixels::is_native(transfer_syntax) || instance->layout->pixels.frames != 1) return;
  if (!renditions_->takes(transfer_syntax)) return;
  auto work = [this, instance, transfer_syntax] { (void)make_rendition(instance, transfer_syntax); };
  (void)pool_.try_submit(std::move(work), lane_of(*instance));  // when there is more to do, this can be left
}

Task<Result<FramePtr>> PixelService::fetch_frame(InstancePtr instance, std::uint32_t number,
                                                 std::string transfer_syntax) {
  const std::string key = frame_key(*instance, number, transfer_syntax);
  if (auto known = frames_.find(key)) co_return known;
  auto ticket = flights_.join(key);
  if (ticket.leads) {
    auto work = [this, instance, number, transfer_syntax, key] {
      flights_.finish(key, frame(instance, number, transfer_syntax));
    };
    if (!pool_.try_submit(std::move(work), lane_of(*instance))) {
      flights_.finish(key, Error::unavailable("the server is at its limit of images that wait to be decoded"));
    }
  }
  auto made = co_await ticket.shot.take();
  if (made && ticket.leads) keep_later(instance, transfer_syntax);
  co_return made;
}

Task<Result<FramePtr>> PixelService::fetch(InstancePtr instance, std::string name,
                                           std::function<Result<pixels::Frame>()> make) {
  const std::string key = instance->object_key.str() + " " + name;
  if (auto known = frames_.find(key)) co_return known;
  auto ticket = flights_.join(key);
  if (ticket.leads) {
    auto work = [this, key, make = std::move(make)] {
      auto made = make();
      if (!made) return flights_.finish(key, std::move(made).error());
      auto frame = std::make_shared<const pixels::Frame>(*std::move(made));
      frames_.put(key, frame, frame->bytes.size());
      flights_.finish(key, FramePtr(std::move(frame)));
    };
    if (!pool_.try_submit(std::move(work), lane_of(*instance))) {
      flights_.finish(key, Error::unavailable("the server is at its limit of images that wait to be decoded"));
    }
  }
  co_return co_await ticket.shot.take();
}

}  // namespace gantry::archive
