#include "gantry/server/readiness.hpp"

#include "gantry/server/late_index.hpp"
#include "gantry/server/providers.hpp"

namespace gantry::server {

bool Readiness::starts(std::string line) {
  const std::scoped_lock lock(mutex_);
  line_ = std::move(line);
  if (index_open_) ready_(*line_);
  return index_open_;
}

void Readiness::index_opened() {
  const std::scoped_lock lock(mutex_);
  index_open_ = true;
  if (line_) ready_(*line_);
}

Result<std::unique_ptr<index::InstanceIndex>> open_index_or_wait(const config::Settings& settings, observe::Log& log,
                                                                 const std::shared_ptr<Readiness>& readiness) {
  const TenantId tenant(kDefaultTenant);
  GANTRY_LET(const bool embedded, is_embedded(settings));
  if (embedded) {
    auto index = open_index(settings, tenant);
    if (index) readiness->index_opened();
    return index;
  }
  LateIndex::Told told;
  told.waiting = [&log](const std::string& why) { log.warn("not ready, waiting for the index: " + why); };
  told.opened = [readiness] { readiness->index_opened(); };
  GANTRY_LET(auto index, LateIndex::open([settings, tenant] { return open_index(settings, tenant); }, std::move(told)));
  return std::unique_ptr<index::InstanceIndex>(std::move(index));
}

}  // namespace gantry::server
