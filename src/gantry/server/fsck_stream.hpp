#pragma once

#include <memory>
#include <thread>

#include "gantry/archive/fsck.hpp"
#include "gantry/server/line_stream.hpp"

namespace gantry::server {

/// A check of the archive that runs while its lines are read: NDJSON, one object a line. {"progress":{…}} now and then,
/// {"problem":{…}} for each finding, and {"report":{…}} or {"error":"…"} as the last line. The check waits when nobody
/// reads, and ends soon when the stream is destroyed. Index and store outlive it.
class FsckStream final : public LineStream {
 public:
  FsckStream(RequestContext ctx, index::InstanceIndex& index, storage::ObjectStore& objects,
             archive::FsckOptions options);
  ~FsckStream() override;

  /// Makes the check end; read() then gives what is there, and an error line. Any thread.
  void stop() override;

 private:
  class StoppableStore;
  void run();

  const RequestContext ctx_;
  index::InstanceIndex& index_;
  const std::unique_ptr<StoppableStore> objects_;
  const archive::FsckOptions options_;
  std::thread thread_;
};

}  // namespace gantry::server
