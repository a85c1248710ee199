#include "gantry/dicom/instance_indexer.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "gantry/dicom/data_set_collector.hpp"
#include "gantry/dicom/part10_reader.hpp"

namespace gantry::dicom {

namespace {

constexpr std::string_view kMediaStorageDirectory = "1.2.840.10008.1.3.10";
constexpr std::string_view kModalityWorklist = "1.2.840.10008.5.1.4.31";

// UIDs, and roots of UIDs, of standard classes (PS3.4) that have no composite instances. Everything below
// 1.2.840.10008.5.1.4.1.1, and what the standard or a vendor adds, passes.
constexpr std::array<std::string_view, 12> kOthers = {
    "1.2.840.10008.1.1",         // Verification
    "1.2.840.10008.1.20",        // Storage Commitment
    "1.2.840.10008.1.40",        // Procedural Event Logging
    "1.2.840.10008.1.42",        // Substance Administration Logging
    "1.2.840.10008.3.1.2",       // detached management, Modality Performed Procedure Step
    "1.2.840.10008.5.1.1",       // printing
    "1.2.840.10008.5.1.4.1.2",   // query/retrieve
    "1.2.840.10008.5.1.4.32",    // General Purpose Worklist
    "1.2.840.10008.5.1.4.33",    // Instance Availability Notification
    "1.2.840.10008.5.1.4.34.6",  // Unified Procedure Step
    "1.2.840.10008.5.1.4.37",    // Relevant Patient Information Query
    "1.2.840.10008.5.1.4.41",    // Product Characteristics Query
};

bool is_below(std::string_view uid, std::string_view root) noexcept {
  return uid.starts_with(root) && (uid.size() == root.size() || uid[root.size()] == '.');
}

Part10Limits reader_limits(const IndexerLimits& limits) {
  Part10Limits reader;
  reader.parser = {limits.nesting, limits.elements, limits.value_bytes};
  reader.inflate = {limits.inflated_bytes, limits.inflate_ratio};
  reader.unknown_transfer_syntaxes = limits.unknown_transfer_syntaxes;
  return reader;
}

}  // namespace

bool storable_class(std::string_view sop_class) noexcept {
  if (sop_class == kMediaStorageDirectory || is_below(sop_class, kModalityWorklist)) return false;
  return std::none_of(kOthers.begin(), kOthers.end(),
                      [sop_class](std::string_view root) { return is_below(sop_class, root); });
}

Error refuse_class(std::string_view sop_class) {
  if (sop_class == kMediaStorageDirectory) {
    return Error::unsupported("a DICOMDIR is a list of files, not a storable instance");
  }
  if (is_below(sop_class, kModalityWorklist)) {
    return Error::unsupported("a modality worklist entry is not a composite instance");
  }
  return Error::unsupported("SOP class " + std::string(sop_class) + " has no storable instances");
}

class InstanceIndexer::Impl {
 public:
  explicit Impl(const IndexerLimits& limits) : collector_(limits), reader_(collector_, reader_limits(limits)) {}

  Result<void> feed(std::span<const std::byte> bytes) {
    if (error_) return *error_;
    size_ += bytes.size();
    if (auto read = reader_.feed(bytes); !read) {
      error_ = std::move(read).error();
      return *error_;
    }
    file_hash_.update(bytes);
    return {};
  }

  Result<IndexedInstance> finish() {
    if (error_) return *error_;
    GANTRY_TRY(reader_.finish());
    GANTRY_LET(IndexedInstance instance, collector_.finish());
    instance.size = size_;
    instance.file_sha256 = file_hash_.finish();
    return instance;
  }

  [[nodiscard]] const DataSetCollector& collected() const noexcept { return collector_; }

 private:
  DataSetCollector collector_;
  Part10Reader reader_;
  Sha256Stream file_hash_;
  std::uint64_t size_ = 0;
  std::optional<Error> error_;
};

InstanceIndexer::InstanceIndexer(IndexerLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
InstanceIndexer::~InstanceIndexer() = default;
InstanceIndexer::InstanceIndexer(InstanceIndexer&&) noexcept = default;
InstanceIndexer& InstanceIndexer::operator=(InstanceIndexer&&) noexcept = default;

Result<void> InstanceIndexer::feed(std::span<const std::byte> bytes) { return impl_->feed(bytes); }
bool InstanceIndexer::identified() const noexcept { return impl_->collected().identified(); }
const StudyUid& InstanceIndexer::study() const noexcept { return impl_->collected().study(); }
const SopUid& InstanceIndexer::sop() const noexcept { return impl_->collected().sop(); }
const std::string& InstanceIndexer::sop_class() const noexcept { return impl_->collected().sop_class(); }
Result<IndexedInstance> InstanceIndexer::finish() { return impl_->finish(); }

}  // namespace gantry::dicom
