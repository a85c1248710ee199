#pragma once

namespace gantry {
class WorkerPool;
namespace archive {
class Outbox;
class RetrieveService;
class StoreService;
class VersionReader;
}  // namespace archive
namespace audit {
class Relay;
class Spool;
}  // namespace audit
namespace auth {
class TokenAuthority;
}
namespace cache {
class SharedCache;
}
namespace http {
class Server;
}
namespace index {
class InstanceIndex;
}
namespace observe {
class Log;
class Metrics;
}  // namespace observe
}  // namespace gantry

namespace gantry::server {

class SeriesWorkers;

/// What is measured of a running server. Pointers are null where a part is not configured; `index` never is.
struct MeasuredParts {
  const http::Server& server;
  const archive::StoreService& store;
  const archive::RetrieveService& retrieves;
  const SeriesWorkers& workers;
  const index::InstanceIndex* index;
  const WorkerPool& disk_pool;
  const WorkerPool& index_pool;
  const observe::Log& log;
  const cache::SharedCache* cache;
  const archive::Outbox* outbox;
  const auth::TokenAuthority* authority;
  const archive::VersionReader* versions;
  const audit::Spool* spool;
  const audit::Relay* relay;
  bool totals;  ///< this node counts the series of the whole index
};

/// Publishes the counters of all parts, which outlive it; it outlives the last reading of `metrics`.
class AppMetrics : MeasuredParts {
 public:
  AppMetrics(const MeasuredParts& parts, observe::Metrics& published);
  AppMetrics(const AppMetrics&) = delete;
  AppMetrics& operator=(const AppMetrics&) = delete;

 private:
  void publish_token_metrics() const;
  void publish_cache_metrics() const;
  template <class Gauge>
  void publish_totals(Gauge gauge) const;
  template <class Counter, class Gauge>
  void publish_pool_metrics(Counter counter, Gauge gauge) const;

  observe::Metrics& metrics;
};

}  // namespace gantry::server
