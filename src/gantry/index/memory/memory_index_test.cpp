#include "gantry/index/memory/memory_index.hpp"

#include "contract/audit_log_contract.hpp"
#include "contract/index_contract.hpp"
#include "contract/index_search_contract.hpp"
#include "contract/record_store_contract.hpp"

namespace gantry::index::contract {
namespace {

struct MemoryProvider {
  static constexpr bool kPersistent = false;
  InstanceIndex& index() { return memory; }
  void reopen() {}
  MemoryIndex memory;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, IndexContract, MemoryProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, RecordStoreContract, MemoryProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, AuditLogContract, MemoryProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, IndexSearchContract, MemoryProvider);

}  // namespace
}  // namespace gantry::index::contract
