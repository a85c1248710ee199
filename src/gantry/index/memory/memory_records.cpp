// MemoryIndex as a RecordStore.

#include "gantry/index/memory/memory_index.hpp"
#include "gantry/index/sql/record_rows.hpp"

namespace gantry::index {
namespace {

Result<void> in_time(const RequestContext& ctx) {
  if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
  return {};
}

}  // namespace

Result<std::uint64_t> MemoryIndex::put_record(const RequestContext& ctx, const Record& record) {
  GANTRY_TRY(check_record(record));
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto key = std::pair(record.kind, record.id);
  const auto kept = records_.find(key);
  if (record.version == 0 && kept != records_.end()) {
    if (!sql::is_same_new_record(kept->second, record)) return sql::record_conflict();
    return kept->second.version;
  }
  if (record.version != 0 && (kept == records_.end() || kept->second.version != record.version)) {
    return sql::record_conflict();
  }
  Record& made = records_[key] = record;
  return ++made.version;
}

Result<std::optional<Record>> MemoryIndex::get_record(const RequestContext& ctx, RecordKind kind,
                                                      std::string_view id) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto kept = records_.find(std::pair(kind, std::string(id)));
  return kept == records_.end() ? std::optional<Record>() : std::optional(kept->second);
}

Result<std::vector<Record>> MemoryIndex::list_records(const RequestContext& ctx, const RecordQuery& query) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::vector<Record> records;
  for (auto at = records_.upper_bound(std::pair(query.kind, query.after));
       at != records_.end() && at->first.first == query.kind && records.size() < query.limit; ++at) {
    if (!query.tenant || at->second.tenant == *query.tenant) records.push_back(at->second);
  }
  return records;
}

Result<bool> MemoryIndex::remove_record(const RequestContext& ctx, RecordKind kind, std::string_view id) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  return records_.erase(std::pair(kind, std::string(id))) > 0;
}

Result<std::size_t> MemoryIndex::remove_expired_records(const RequestContext& ctx, Timestamp until, std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::size_t gone = 0;
  for (auto at = records_.begin(); at != records_.end() && gone < limit;) {
    const bool goes = at->second.expires && *at->second.expires <= until;
    at = goes ? records_.erase(at) : std::next(at);
    gone += goes ? 1 : 0;
  }
  return gone;
}

Result<std::size_t> MemoryIndex::remove_tenant_records(const RequestContext& ctx, std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::size_t gone = 0;
  for (auto at = records_.begin(); at != records_.end() && gone < limit;) {
    const bool goes = at->second.tenant == ctx.tenant;
    at = goes ? records_.erase(at) : std::next(at);
    gone += goes ? 1 : 0;
  }
  return gone;
}

}  // namespace gantry::index
