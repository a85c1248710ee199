#include "contract/audit_log_contract.hpp"
#include "contract/index_contract.hpp"
#include "contract/index_copy_contract.hpp"
#include "contract/index_corpus_contract.hpp"
#include "contract/index_search_contract.hpp"
#include "contract/record_store_contract.hpp"
#include "gantry/index/mysql/mysql_index.hpp"
#include "gantry/index/mysql/test_database.hpp"

namespace gantry::index::contract {
namespace {

struct MysqlProvider {
  static constexpr bool kPersistent = true;
  MysqlProvider() { reopen(); }

  InstanceIndex& index() { return *open; }
  void reopen() {
    open.reset();
    MysqlSettings settings = database.settings();
    settings.connections = 20;
    auto opened = MysqlIndex::open(settings);
    if (!opened) throw std::runtime_error(opened.error().detail());
    open = *std::move(opened);
  }

  mysql::TestDatabase database;
  std::unique_ptr<MysqlIndex> open;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Mysql, IndexContract, MysqlProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Mysql, RecordStoreContract, MysqlProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Mysql, AuditLogContract, MysqlProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Mysql, IndexSearchContract, MysqlProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Mysql, IndexCopyContract, MysqlProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Mysql, IndexCorpusContract, MysqlProvider);

}  // namespace
}  // namespace gantry::index::contract
