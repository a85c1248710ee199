#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gantry/archive/byte_cache.hpp"
#include "gantry/archive/instance_cache.hpp"
#include "gantry/archive/rendition_store.hpp"
#include "gantry/archive/single_flight.hpp"
#include "gantry/base/result.hpp"
#include "gantry/base/task.hpp"
#include "gantry/base/worker_pool.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/image_attributes.hpp"
#include "gantry/pixels/transcoded_object.hpp"

namespace gantry::archive {

using FramePtr = std::shared_ptr<const pixels::Frame>;
using ImagePtr = std::shared_ptr<const pixels::ImageAttributes>;

/// Gives frames of instances in the transfer syntax that is wanted, and whatever else is made of them, from memory or
/// made now: one piece of work for all who ask for the same. Keyed by object key, so what is kept never is out of date.
/// Thread-safe; what is not a Task blocks and is for `pool` threads.
class PixelService {
 public:
  /// All outlive the service. Without `renditions` nothing is kept in the object store.
  PixelService(pixels::FrameCodec& codec, WorkerPool& pool, std::size_t cache_bytes, RenditionStore* renditions = nullptr)
      : codec_(codec), pool_(pool), renditions_(renditions), frames_(cache_bytes), images_(cache_bytes / 8) {}

  /// CPU threads of low priority; also for streams that decode while they are sent.
  [[nodiscard]] WorkerPool& pool() noexcept { return pool_; }

  /// What else is to be converted, such as colours.
  [[nodiscard]] pixels::FrameCodec& codec() noexcept { return codec_; }

  /// What the data set says of its frames. Errors of read_image_attributes().
  Result<ImagePtr> image(const LocatedInstance& instance);

  /// A frame (from 1) in a transfer syntax. Errors of FrameCodec::convert(); kNotFound beyond the last.
  Result<FramePtr> frame(const InstancePtr& instance, std::uint32_t number, const std::string& transfer_syntax);
  /// The same for frames one after the other. What it gives outlives nothing but the service.
  pixels::FrameMaker frames_of(const InstancePtr& instance, ImagePtr image, const std::string& transfer_syntax);

  /// An instance in another transfer syntax as it is kept; null when it is not.
  [[nodiscard]] RenditionPtr kept(const LocatedInstance& instance, std::string_view transfer_syntax);
  /// An instance in another transfer syntax, made while it is read, and kept for the next who asks where there is room.
  /// Errors of pixels::transcode_object().
  Result<std::unique_ptr<ByteStream>> transcode(const InstancePtr& instance, const ImagePtr& image,
                                                const std::string& transfer_syntax);
  /// Makes and keeps it, unless it is there. Its frames do not take the place of others in memory. Errors too of
  /// image(); kUnsupported for pixels that can't be written so.
  Result<void> make_rendition(const InstancePtr& instance, const std::string& transfer_syntax);

  /// The same for io threads: from memory at once, else made on the pool. kUnavailable when its queue is full.
  Task<Result<FramePtr>> fetch_frame(InstancePtr instance, std::uint32_t number, std::string transfer_syntax);
  /// Something else that is made of an instance, under a name of its own for it ("rendered …").
  Task<Result<FramePtr>> fetch(InstancePtr instance, std::string name, std::function<Result<pixels::Frame>()> make);

  struct Counters {
    ByteCache<pixels::Frame>::Counters frames;
  };
  [[nodiscard]] Counters counters() const { return {frames_.counters()}; }

 private:
  Result<FramePtr> convert(const LocatedInstance& instance, pixels::FrameReader& reader,
                           const pixels::ImageAttributes& image, std::uint32_t number,
                           const std::string& transfer_syntax, bool remember);
  pixels::FrameMaker frame_maker(const InstancePtr& instance, ImagePtr image, const std::string& transfer_syntax,
                                 bool remember);
  Result<FramePtr> kept_frame(const LocatedInstance& instance, std::uint32_t number, const std::string& transfer_syntax);
  void keep_later(const InstancePtr& instance, const std::string& transfer_syntax);
  static std::string frame_key(const LocatedInstance& instance, std::uint32_t number, const std::string& transfer_syntax);

  pixels::FrameCodec& codec_;
  WorkerPool& pool_;
  RenditionStore* const renditions_;
  ByteCache<pixels::Frame> frames_;
  ByteCache<pixels::ImageAttributes> images_;
  SingleFlight<Result<FramePtr>> flights_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_future<Result<FramePtr>>> making_;  ///< what threads convert right now
};

}  // namespace gantry::archive
