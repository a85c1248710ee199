#include "gantry/cli/store_ledger.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "gantry/base/sha256.hpp"

namespace gantry::cli {
namespace {

constexpr std::string_view kHeader = "gantry-ledger-1\n";

std::string hash(const std::string& text) {
  const auto digest = sha256(std::as_bytes(std::span(text.data(), text.size())));
  return to_hex(std::span(digest).first(16));
}

/// A field of a line: tabs and line ends would break it.
std::string field(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return text;
}

std::optional<Sent::Status> status_from(std::string_view word) {
  for (const auto status : {Sent::Status::kStored, Sent::Status::kUnchanged, Sent::Status::kReplaced,
                            Sent::Status::kIgnored, Sent::Status::kRefused}) {
    if (word == to_string(status)) return status;
  }
  return std::nullopt;
}

Result<std::string> read_whole(int fd, const std::string& path) {
  std::string text;
  std::vector<char> buffer(1 << 16);
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "reading the ledger " + path);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<void> append(int fd, const std::string& path, std::string_view line) {
  // One write(2) of a file opened with O_APPEND: lines of several threads never mix.
  const ssize_t wrote = ::write(fd, line.data(), line.size());
  if (wrote != static_cast<ssize_t>(line.size())) {
    return Error::from_errno(wrote < 0 ? errno : ENOSPC, "writing the ledger " + path);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<StoreLedger>> StoreLedger::open(const std::string& path, std::string target) {
  std::error_code error;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return Error::unavailable("making the folder of the ledger " + path + ": " + error.message());
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file) return Error::from_errno(errno, "opening the ledger " + path);
  GANTRY_LET(const std::string text, read_whole(file.get(), path));
  if (text.empty()) {
    GANTRY_TRY(append(file.get(), path, kHeader));
  } else if (!text.starts_with(kHeader)) {
    return Error::invalid(path + " is no ledger of `gantry store`; name another file with --ledger");
  } else if (text.back() != '\n') {
    GANTRY_TRY(append(file.get(), path, "\n"));  // ends a torn line
  }
  std::unique_ptr<StoreLedger> ledger(new StoreLedger(path, std::move(target), std::move(file)));
  ledger->load(text);
  return ledger;
}

StoreLedger::StoreLedger(std::string path, std::string target, UniqueFd file)
    : path_(std::move(path)), target_(std::move(target)), file_(std::move(file)) {}

std::string StoreLedger::key_of(const LocalFile& file) const {
  std::error_code error;
  auto whole = std::filesystem::absolute(file.path, error).lexically_normal().string();
  return hash(target_ + '\n' + whole + '\n' + std::to_string(file.size) + '\n' + std::to_string(file.modified_ns));
}

/// Lines are key, status, reason, detail; those of other targets have keys that nobody asks for.
void StoreLedger::load(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const auto first = line.find('\t');
    const auto second = first == std::string_view::npos ? first : line.find('\t', first + 1);
    const auto third = second == std::string_view::npos ? second : line.find('\t', second + 1);
    if (third == std::string_view::npos) continue;
    const auto status = status_from(line.substr(first + 1, second - first - 1));
    if (!status) continue;
    Sent sent;
    sent.status = *status;
    const std::string_view number = line.substr(second + 1, third - second - 1);
    std::from_chars(number.data(), number.data() + number.size(), sent.reason);
    sent.detail = std::string(line.substr(third + 1));
    known_.insert_or_assign(std::string(line.substr(0, first)), std::move(sent));
  }
}

std::optional<Sent> StoreLedger::find(const LocalFile& file) const {
  const std::scoped_lock lock(mutex_);
  const auto found = known_.find(key_of(file));
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

Result<void> StoreLedger::note(const LocalFile& file, const Sent& sent) {
  if (sent.status == Sent::Status::kFailed) return {};
  std::string key = key_of(file);
  const std::string line =
      key + '\t' + to_string(sent.status) + '\t' + std::to_string(sent.reason) + '\t' + field(sent.detail) + '\n';
  const std::scoped_lock lock(mutex_);
  known_.insert_or_assign(std::move(key), sent);
  return append(file_.get(), path_, line);
}

std::string default_ledger_path(const std::string& target) {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::string folder =
      state != nullptr && *state != '\0' ? state : std::string(home != nullptr ? home : ".") + "/.local/state";
  return folder + "/gantry/sent-" + hash(target) + ".ledger";
}

}  // namespace gantry::cli
