#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "gantry/base/handle.hpp"
#include "gantry/storage/filesystem/file_ops.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::storage {

/// The folder of temporary files, in a few folders below it: threads that make files in one wait for each other. Each is locked (flock) while its owner lives, so a sweep by any process tells what is
/// written now from what a crash left. Thread-safe; blocking.
class StagingFolder {
 public:
  StagingFolder(UniqueFd directory, FileOps& ops) : directory_(std::move(directory)), ops_(ops) {}

  struct Created {
    UniqueFd file;
    std::string name;  ///< below directory()
  };
  /// Makes the folders below it that are missing. Errors: kUnavailable.
  Result<void> prepare();
  /// A new, locked, empty file. Errors: kUnavailable.
  Result<Created> create();
  /// kUnavailable when only the reserve is left: the last 5 % of the file system, at most 256 MB. The index, which
  /// often lies beside the objects, needs some room even for deleting; without the reserve a full archive could not be
  /// emptied.
  [[nodiscard]] Result<void> check_room() const;
  /// Removes files that nobody locks and nobody wrote to for `age`.
  Result<void> sweep(std::chrono::seconds age);

  [[nodiscard]] int directory() const noexcept { return directory_.get(); }
  [[nodiscard]] FileOps& ops() const noexcept { return ops_; }

 private:
  bool make_folder(const char* name);
  Result<void> sweep_folder(const char* path, std::chrono::seconds age);
  bool sweep_one(int folder, const char* name, std::chrono::seconds age);

  const UniqueFd directory_;
  FileOps& ops_;
  std::atomic<unsigned> turn_{0};
};

/// A temporary file on its way to a name.
class StagedFile final : public StagedObject {
 public:
  /// `folder` outlives it by the shared pointer.
  static Result<std::unique_ptr<StagedFile>> create(std::shared_ptr<StagingFolder> folder);
  ~StagedFile() override;

  Result<void> write(std::span<const std::byte> bytes) override;
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }

  /// Marks the time, then makes the bytes durable. Once it, or a write, has failed, every call fails.
  Result<void> sync();
  /// The same file for reading; it stays readable when the temporary name is gone.
  Result<UniqueFd> open() const;
  /// Gives the file its name, and the temporary one up. The plain result of rename_new (0, or -1 and errno).
  int rename_to(int directory, const char* name);
  [[nodiscard]] bool belongs_to(const StagingFolder& folder) const noexcept { return folder_.get() == &folder; }

 private:
  StagedFile(std::shared_ptr<StagingFolder> folder, StagingFolder::Created created);
  Error fail(int error_number, const char* what);

  const std::shared_ptr<StagingFolder> folder_;
  const UniqueFd file_;
  const std::string name_;
  bool named_ = false;  ///< rename_to succeeded
  std::uint64_t size_ = 0, writing_back_ = 0;
  std::optional<Error> error_;
};

}  // namespace gantry::storage
