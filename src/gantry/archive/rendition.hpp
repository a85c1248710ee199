#pragma once

// An instance in another transfer syntax, kept as an object beside the original (docs/decisions/0014-pixels.md): a Part 10
// file, and behind it the layout that cuts it into frames. Nothing leans on it: it can be made again at any time.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/bytes.hpp"
#include "gantry/base/ids.hpp"
#include "gantry/base/result.hpp"
#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/dicom/layout.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::archive {

struct Rendition {
  std::shared_ptr<const OpenFile> file;
  std::uint64_t size = 0;  ///< of the Part 10 file, from the file's first byte
  std::shared_ptr<const dicom::Layout> layout;
};
using RenditionPtr = std::shared_ptr<const Rendition>;

/// The object's name; nullopt for a transfer syntax that nothing is kept in.
[[nodiscard]] std::optional<ObjectKey> rendition_key(const ObjectKey& original, std::string_view transfer_syntax);
/// All that there may be of an instance.
[[nodiscard]] std::vector<ObjectKey> rendition_keys(const ObjectKey& original);
/// True for a rendition in HTJ2K with RPCL, the one that is made of every image where that is configured.
[[nodiscard]] bool is_progressive(const ObjectKey& rendition) noexcept;

/// Writes one while its bytes come. Blocking; one thread at a time.
class RenditionWriter {
 public:
  explicit RenditionWriter(std::unique_ptr<storage::StagedObject> object) : object_(std::move(object)) {}
  Result<void> add(std::span<const std::byte> part10);
  /// The whole object, to be given its name. Nothing may be called after it. Errors: kInvalid when the bytes are no
  /// whole Part 10 file, and the object's.
  Result<std::unique_ptr<storage::StagedObject>> finish();

 private:
  std::unique_ptr<storage::StagedObject> object_;
  dicom::InstanceIndexer indexer_;
};

/// kInternal when `file` is no whole rendition.
[[nodiscard]] Result<RenditionPtr> read_rendition(std::shared_ptr<const OpenFile> file);

}  // namespace gantry::archive
