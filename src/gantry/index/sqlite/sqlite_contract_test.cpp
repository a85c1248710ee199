#include <filesystem>

#include "contract/audit_log_contract.hpp"
#include "contract/index_contract.hpp"
#include "contract/index_copy_contract.hpp"
#include "contract/index_corpus_contract.hpp"
#include "contract/index_search_contract.hpp"
#include "contract/record_store_contract.hpp"
#include "gantry/index/sqlite/sqlite_index.hpp"

namespace gantry::index::contract {
namespace {

struct SqliteProvider {
  static constexpr bool kPersistent = true;
  SqliteProvider() : folder(std::filesystem::temp_directory_path() / ("gantry-index-" + random_hex(8))) {
    std::filesystem::create_directories(folder);
    reopen();
  }
  ~SqliteProvider() {
    open.reset();
    std::filesystem::remove_all(folder);
  }
  SqliteProvider(const SqliteProvider&) = delete;
  SqliteProvider& operator=(const SqliteProvider&) = delete;

  InstanceIndex& index() { return *open; }
  void reopen() {
    open.reset();
    SqliteSettings settings;
    settings.path = folder / "index.db";
    settings.log_bytes = 64 << 10;  // small, so that checkpoints happen all the time
    auto opened = SqliteIndex::open(settings);
    if (!opened) throw std::runtime_error(opened.error().detail());
    open = *std::move(opened);
  }

  std::filesystem::path folder;
  std::unique_ptr<SqliteIndex> open;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, IndexContract, SqliteProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, RecordStoreContract, SqliteProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, AuditLogContract, SqliteProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, IndexSearchContract, SqliteProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, IndexCopyContract, SqliteProvider);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, IndexCorpusContract, SqliteProvider);

}  // namespace
}  // namespace gantry::index::contract
