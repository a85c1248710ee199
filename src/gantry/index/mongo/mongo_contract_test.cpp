#include "contract/audit_log_contract.hpp"
#include "contract/index_contract.hpp"
#include "contract/index_copy_contract.hpp"
#include "contract/index_corpus_contract.hpp"
#include "contract/index_search_contract.hpp"
#include "contract/record_store_contract.hpp"
#include "gantry/index/mongo/mongo_index.hpp"
#include "gantry/index/mongo/test_database.hpp"

namespace gantry::index::contract {
namespace {

struct MongoProvider {
  static constexpr bool kPersistent = true;
  MongoProvider() { reopen(); }

  /// FerretDB looks at every document for every search.
  static unsigned archives() { return mongo::TestDatabase().pool().server().single_writer ? 1 : 4; }

  InstanceIndex& index() { return *open; }
  void reopen() {
    open.reset();
    MongoSettings settings;
    settings.url = database.url();
    settings.connections = 20;
    settings.wait_time = std::chrono::seconds(60);  // sixteen threads, and a server that takes its time
    auto opened = MongoIndex::open(settings);
    if (!opened) throw std::runtime_error(opened.error().detail());
    open = *std::move(opened);
  }

  mongo::TestDatabase database;
  std::unique_ptr<MongoIndex> open;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Mongo, IndexContract, MongoProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Mongo, RecordStoreContract, MongoProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Mongo, AuditLogContract, MongoProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Mongo, IndexSearchContract, MongoProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Mongo, IndexCopyContract, MongoProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Mongo, IndexCorpusContract, MongoProvider);

}  // namespace
}  // namespace gantry::index::contract
