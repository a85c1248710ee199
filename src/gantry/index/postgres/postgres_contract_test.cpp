#include "contract/audit_log_contract.hpp"
#include "contract/index_contract.hpp"
#include "contract/index_copy_contract.hpp"
#include "contract/index_corpus_contract.hpp"
#include "contract/index_search_contract.hpp"
#include "contract/record_store_contract.hpp"
#include "gantry/index/postgres/postgres_index.hpp"
#include "gantry/index/postgres/test_database.hpp"

namespace gantry::index::contract {
namespace {

struct PostgresProvider {
  static constexpr bool kPersistent = true;
  PostgresProvider() { reopen(); }

  InstanceIndex& index() { return *open; }
  void reopen() {
    open.reset();
    PostgresSettings settings;
    settings.url = database.url();
    settings.connections = 20;
    auto opened = PostgresIndex::open(settings);
    if (!opened) throw std::runtime_error(opened.error().detail());
    open = *std::move(opened);
  }

  postgres::TestDatabase database;
  std::unique_ptr<PostgresIndex> open;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, IndexContract, PostgresProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, RecordStoreContract, PostgresProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, AuditLogContract, PostgresProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, IndexSearchContract, PostgresProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, IndexCopyContract, PostgresProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, IndexCorpusContract, PostgresProvider);

}  // namespace
}  // namespace gantry::index::contract
