#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "gantry/archive/tenant_removal.hpp"
#include "gantry/server/line_stream.hpp"

namespace gantry::server {

/// The removal of a tenant that runs while its lines are read: NDJSON, one object a line. {"progress":{…}} now and
/// then, and {"report":{…}} or {"error":"…"} as the last line. It waits when nobody reads, and stops soon when the
/// stream is destroyed; what is left then goes with the next removal. The parts' ports outlive it.
class RemovalStream final : public LineStream {
 public:
  /// `changed` is called when the tenant's state has changed, and at the end; from the stream's thread.
  RemovalStream(RequestContext ctx, archive::TenantRemovalParts parts, std::function<void()> changed);
  ~RemovalStream() override;
  /// Its last line was said: destroying it waits for nothing.
  [[nodiscard]] bool is_done() const { return done_; }

 private:
  void run();

  const RequestContext ctx_;
  const archive::TenantRemovalParts parts_;
  const std::function<void()> changed_;
  Clock::time_point told_;  ///< the last progress
  std::atomic<bool> done_{false};
  std::thread thread_;      // last: it uses the others
};

}  // namespace gantry::server
