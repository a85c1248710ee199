#include "gantry/server/app_metrics.hpp"

#include "gantry/archive/outbox.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/archive/store_service.hpp"
#include "gantry/archive/version_reader.hpp"
#include "gantry/auth/token_authority.hpp"
#include "gantry/base/worker_pool.hpp"
#include "gantry/cache/shared_cache.hpp"
#include "gantry/http/server.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/observe/log.hpp"
#include "gantry/observe/metrics.hpp"
#include "gantry/server/audit_relay.hpp"
#include "gantry/server/audit_spool.hpp"
#include "gantry/server/series_workers.hpp"

namespace gantry::server {

void AppMetrics::publish_token_metrics() const {
  const auto counter = [this](const char* name, const char* help, std::uint64_t auth::TokenAuthority::Counters::*of) {
    metrics.read_counter(name, help, [this, of] { return static_cast<double>(authority->counters().*of); });
  };
  using Counters = auth::TokenAuthority::Counters;
  counter("gantry_auth_remembered_total", "Tokens that had been verified before.", &Counters::remembered);
  counter("gantry_auth_verified_total", "Tokens whose signature was checked, and right.", &Counters::verified);
  counter("gantry_auth_refused_total", "Tokens that were refused.", &Counters::refused);
  counter("gantry_auth_unavailable_total", "Tokens that could not be judged, as their issuer's keys were not there.",
          &Counters::unavailable);
  for (const auto& issuer : authority->issuers()) {
    const auth::KeySource* keys = issuer.keys.get();
    const observe::Labels labels{{"issuer", issuer.policies.front().issuer}};
    metrics.read_counter("gantry_auth_key_fetches_total", "Times that an issuer's keys were asked for.",
                         [keys] { return static_cast<double>(keys->counters().fetches); }, labels);
    metrics.read_counter("gantry_auth_key_failures_total", "Times that they could not be had.",
                         [keys] { return static_cast<double>(keys->counters().failures); }, labels);
    const auto age = [keys] {
      const auto passed = keys->age();
      return passed == passed.max() ? -1.0 : static_cast<double>(passed.count()) / 1000.0;
    };
    metrics.read_gauge("gantry_auth_key_age_seconds",
                       "Since an issuer's keys were last confirmed; -1: they never were.", age, labels);
  }
}

void AppMetrics::publish_cache_metrics() const {
  const auto counter = [this](const char* name, const char* help, auto read) {
    metrics.read_counter(name, help, [this, read] { return static_cast<double>(read(cache->counters())); });
  };
  using Counters = cache::SharedCache::Counters;
  counter("gantry_redis_hits_total", "Keys that the Redis had.", [](const Counters& now) { return now.hits; });
  counter("gantry_redis_misses_total", "Keys that the Redis did not have.",
          [](const Counters& now) { return now.misses; });
  counter("gantry_redis_fills_total", "Values put into the Redis.", [](const Counters& now) { return now.fills; });
  counter("gantry_redis_fills_refused_total", "Values that the Redis did not take: it had newer ones, or no room.",
          [](const Counters& now) { return now.fills_refused; });
  counter("gantry_redis_failures_total", "Calls of the Redis that failed.",
          [](const Counters& now) { return now.failures; });
  counter("gantry_redis_skipped_total", "Calls that were not tried, as the ones before had failed.",
          [](const Counters& now) { return now.skipped; });
  counter("gantry_redis_received_bytes_total", "Bytes from the Redis.",
          [](const Counters& now) { return now.bytes_in; });
  counter("gantry_redis_sent_bytes_total", "Bytes to the Redis.", [](const Counters& now) { return now.bytes_out; });
  metrics.read_gauge("gantry_redis_available_ratio", "Whether the Redis is asked: 1, or 0 while it is left alone.",
                     [this] { return cache->counters().available ? 1.0 : 0.0; });
  metrics.read_counter("gantry_outbox_told_total", "Studies whose changes were told to the Redis.",
                       [this] { return static_cast<double>(outbox->counters().told); });
  metrics.read_counter("gantry_outbox_failures_total", "Times that telling failed, and was tried again.",
                       [this] { return static_cast<double>(outbox->counters().failures); });
}

/// Of the whole index, so that one node's numbers are enough.
template <class Gauge>
void AppMetrics::publish_totals(Gauge gauge) const {
  const auto of_totals = [this](std::uint64_t index::JsonTotals::*number) {
    return [this, number] { return workers.totals().value_or(index::JsonTotals()).*number; };
  };
  gauge("gantry_prepare_due_series", "Series whose metadata is to be prepared and that no worker has.",
        of_totals(&index::JsonTotals::pending));
  gauge("gantry_prepare_failing_series", "Series whose metadata could not be prepared and is to be tried again.",
        of_totals(&index::JsonTotals::failed));
  gauge("gantry_prepare_given_up_series", "Series whose metadata could not be prepared and is not tried any more.",
        of_totals(&index::JsonTotals::given_up));
}

template <class Counter, class Gauge>
void AppMetrics::publish_pool_metrics(Counter counter, Gauge gauge) const {
  if (!index->pool_stats()) return;
  const auto of_pool = [this](std::uint64_t index::PoolStats::*number) {
    return [this, number] { return (*index->pool_stats()).*number; };
  };
  using Stats = index::PoolStats;
  gauge("gantry_index_open_connections", "Connections to the index's database.", of_pool(&Stats::open));
  gauge("gantry_index_used_connections", "Those that are in use.", of_pool(&Stats::in_use));
  counter("gantry_index_connects_total", "Connections made.", of_pool(&Stats::opened));
  counter("gantry_index_connect_failures_total", "Connections that could not be made.", of_pool(&Stats::open_failures));
  counter("gantry_index_broken_connections_total", "Connections that were given up.", of_pool(&Stats::broken));
  counter("gantry_index_connection_waits_total", "Times that a connection was waited for.", of_pool(&Stats::waits));
  counter("gantry_index_connection_wait_timeouts_total", "Times that none became free.", of_pool(&Stats::wait_timeouts));
  counter("gantry_index_round_trips_total", "Questions to the database.", of_pool(&Stats::round_trips));
}

AppMetrics::AppMetrics(const MeasuredParts& parts, observe::Metrics& published) : MeasuredParts(parts), metrics(published) {
  const auto counter = [this](const char* name, const char* help, auto read) {
    metrics.read_counter(name, help, [read] { return static_cast<double>(read()); });
  };
  const auto gauge = [this](const char* name, const char* help, auto read) {
    metrics.read_gauge(name, help, [read] { return static_cast<double>(read()); });
  };
  gauge("gantry_http_open_connections", "Connections that are open.",
        [this] { return server.counters().connections_open; });
  counter("gantry_http_connections_total", "Connections accepted.",
          [this] { return server.counters().connections_total; });
  counter("gantry_http_received_bytes_total", "Bytes received.", [this] { return server.counters().bytes_in; });
  counter("gantry_http_sent_bytes_total", "Bytes sent.", [this] { return server.counters().bytes_out; });
  counter("gantry_store_stored_total", "Instances stored.", [this] { return store.counters().stored; });
  counter("gantry_store_unchanged_total", "Instances that were there already.",
          [this] { return store.counters().unchanged; });
  counter("gantry_store_failed_total", "Instances that were not stored.", [this] { return store.counters().failed; });
  counter("gantry_store_commits_total", "Transactions.", [this] { return store.counters().groups; });
  gauge("gantry_store_waiting_instances", "Instances that wait for their commit.",
        [this] { return store.counters().waiting; });
  counter("gantry_instance_cache_hits_total", "Instances found in memory.",
          [this] { return retrieves.cache_counters().hits; });
  counter("gantry_instance_cache_misses_total", "Instances read from the index.",
          [this] { return retrieves.cache_counters().misses; });
  counter("gantry_metadata_built_total", "Series whose metadata was built on demand, before a worker prepared it.",
          [this] { return retrieves.built(); });
  if (cache) publish_cache_metrics();
  if (authority) publish_token_metrics();
  if (versions) {
    counter("gantry_version_reads_total", "Times that versions were asked for to confirm what memory holds.",
            [this] { return versions->counters().reads; });
    counter("gantry_version_statements_total", "Statements that answered them.",
            [this] { return versions->counters().statements; });
    counter("gantry_version_keys_total", "Versions in these statements.",
            [this] { return versions->counters().keys; });
    counter("gantry_version_failures_total", "Of these statements, those that failed.",
            [this] { return versions->counters().failures; });
  }
  counter("gantry_prepared_series_total", "Series whose metadata was prepared.",
          [this] { return workers.counters().ready; });
  counter("gantry_prepare_failures_total", "Series whose metadata could not be prepared as a whole.",
          [this] { return workers.counters().failed; });
  counter("gantry_prepare_changed_total", "Series that changed while their metadata was prepared.",
          [this] { return workers.counters().changed; });
  counter("gantry_prepare_lost_total", "Series that another worker took, or that were deleted, meanwhile.",
          [this] { return workers.counters().lost; });
  counter("gantry_prepare_slowed_total", "Times that the next series waited as the machine was busy.",
          [this] { return workers.counters().slowed; });
  counter("gantry_prepare_handed_back_total", "Series that were not finished when their worker had to stop.",
          [this] { return workers.counters().handed_back; });
  counter("gantry_prepared_bytes_total", "Bytes of the prepared metadata, plain and deflated.",
          [this] { return workers.counters().bytes; });
  if (totals) publish_totals(gauge);
  counter("gantry_prepared_cache_hits_total", "Prepared metadata found in memory.",
          [this] { return retrieves.prepared_counters().hits; });
  gauge("gantry_disk_waiting_tasks", "Tasks that wait for a disk thread.", [this] { return disk_pool.queued(); });
  gauge("gantry_index_waiting_tasks", "Tasks that wait for an index thread.", [this] { return index_pool.queued(); });
  publish_pool_metrics(counter, gauge);
  if (spool) publish_spool_metrics(*spool, metrics);
  if (relay) publish_relay_metrics(*relay, metrics);
  counter("gantry_log_lost_lines_total", "Log lines that were lost.", [this] { return log.dropped(); });
}

}  // namespace gantry::server
