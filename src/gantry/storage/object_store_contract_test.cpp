#include "tests/contract/object_store_contract.hpp"

#include <cstdlib>
#include <filesystem>

#include "gantry/storage/filesystem/filesystem_store.hpp"
#include "gantry/storage/memory/memory_store.hpp"

namespace gantry::storage {
namespace {

/// A store in a folder of its own, which goes with it.
std::shared_ptr<ObjectStore> in_a_new_folder() {
  std::string folder = (std::filesystem::temp_directory_path() / "gantry-objects-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return nullptr;
  auto store = FilesystemStore::open(folder + "/made/by/open");
  if (!store) {
    ADD_FAILURE() << store.error().detail();
    return nullptr;
  }
  return {store->release(), [folder](ObjectStore* done) {
            delete done;
            std::filesystem::remove_all(folder);
          }};
}

INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreContract,
                         testing::Values(ObjectStoreMaker{"memory", [] { return std::make_shared<MemoryStore>(); }}));
INSTANTIATE_TEST_SUITE_P(Filesystem, ObjectStoreContract,
                         testing::Values(ObjectStoreMaker{"filesystem", in_a_new_folder}));

}  // namespace
}  // namespace gantry::storage
