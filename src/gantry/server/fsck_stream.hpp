#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "gantry/archive/fsck.hpp"
#include "gantry/base/bytes.hpp"

namespace gantry::server {

/// A check of the archive that runs while its lines are read: NDJSON, one object a line. {"progress":{…}} now and then,
/// {"problem":{…}} for each finding, and {"report":{…}} or {"error":"…"} as the last line. The check waits when nobody
/// reads, and ends soon when the stream is destroyed. Index and store outlive it.
class FsckStream final : public ByteStream {
 public:
  FsckStream(RequestContext ctx, index::InstanceIndex& index, storage::ObjectStore& objects,
             archive::FsckOptions options);
  ~FsckStream() override;

  /// Blocks until there is a line, or the end.
  Result<std::size_t> read(std::span<std::byte> into) override;
  /// Makes the check end; read() then gives what is there, and an error line. Any thread.
  void stop();

 private:
  class StoppableStore;
  void run();
  void say(std::string line);

  static constexpr std::size_t kLinesWaitingMost = 256;
  const RequestContext ctx_;
  index::InstanceIndex& index_;
  const std::unique_ptr<StoppableStore> objects_;
  const archive::FsckOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  std::size_t offset_ = 0;  ///< of the first line that is not read yet
  bool stopped_ = false, ended_ = false;
  std::thread thread_;
};

}  // namespace gantry::server
