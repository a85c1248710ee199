#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gantry/dicomweb/stow/body_receiver.hpp"
#include "gantry/dicomweb/stow/metadata_instance.hpp"
#include "gantry/http/multipart.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::dicomweb::stow {

/// Takes a body of metadata and bulk data (PS3.18 §10.5.1.2): metadata is held in memory, bulk data in one staged file;
/// when all is there, the instances are made and stored one behind the other.
class MetadataReceiver final : public BodyReceiver {
 public:
  /// What of metadata one request may bring (DESIGN §13: memory per request).
  static constexpr std::size_t kMetadataBytesMost = 16 << 20;

  /// As InstanceReceiver::open().
  static Result<std::shared_ptr<BodyReceiver>> open(archive::StoreService& store, RequestContext context,
                                                    std::optional<StudyUid> expected, const BodyForm& form);

  void feed(std::span<const std::byte> bytes) override { parser_.feed(bytes); }
  Result<Step> advance() override;
  Result<Step> end() override;
  void abandon() override;

 private:
  MetadataReceiver(archive::StoreService& store, RequestContext context, std::optional<StudyUid> expected,
                   const BodyForm& form, http::MultipartParser parser);
  Result<void> begin_part();
  Result<void> hold(std::size_t bytes);
  Result<void> take(std::span<const std::byte> bytes);
  Result<void> read_metadata();
  Result<bool> store_next();

  const BodyForm::Kind kind_;
  http::MultipartParser parser_;
  bool in_metadata_ = false;
  std::size_t metadata_bytes_ = 0;
  archive::MemoryBudget::Share memory_;  ///< of the node's, for the metadata and the list of parts
  std::vector<std::string> documents_;   ///< the metadata parts
  BulkParts parts_;
  BulkPart* part_ = nullptr;  ///< that is arriving
  std::uint64_t bulk_bytes_ = 0;
  std::unique_ptr<storage::StagedObject> staged_;

  bool read_ = false;  ///< all came, and the metadata is cut
  std::shared_ptr<const OpenFile> bytes_;
  std::vector<std::string_view> instances_;  ///< in documents_
  std::size_t next_ = 0;
  std::uint64_t left_ = 0;  ///< bytes of parts that instances may still use
};

}  // namespace gantry::dicomweb::stow
