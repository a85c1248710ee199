#include "gantry/audit/spool_reader.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "gantry/base/handle.hpp"

namespace gantry::audit {
namespace {

constexpr std::string_view kPrefix = "audit-", kSuffix = ".jsonl";
constexpr std::size_t kDayDigits = 8, kSerialDigits = 8;

std::optional<SpoolFile> parse_name(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (name.size() < kPrefix.size() + kDayDigits + 1 + kSerialDigits + kSuffix.size()) return std::nullopt;
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  SpoolFile file;
  file.path = path;
  file.day = name.substr(kPrefix.size(), kDayDigits);
  const std::size_t at = kPrefix.size() + kDayDigits;
  const char* const begin = name.data() + at + 1;
  const char* const end = name.data() + name.size() - kSuffix.size();
  const auto [stop, error] = std::from_chars(begin, end, file.serial);
  if (name[at] != '-' || error != std::errc() || stop != end) return std::nullopt;
  return file;
}

}  // namespace

std::string spool_file_name(std::string_view day, std::uint64_t serial) {
  std::string number = std::to_string(serial);
  if (number.size() < kSerialDigits) number.insert(0, kSerialDigits - number.size(), '0');
  return std::string(kPrefix).append(day).append("-").append(number).append(kSuffix);
}

Result<std::vector<SpoolFile>> spool_files(const std::filesystem::path& folder) {
  std::vector<SpoolFile> files;
  std::error_code error;
  std::filesystem::directory_iterator at(folder, error);
  if (error == std::errc::no_such_file_or_directory) return files;
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    auto file = parse_name(at->path());
    if (!file) continue;
    std::error_code gone;
    file->bytes = at->file_size(gone);
    if (!gone) files.push_back(*std::move(file));
  }
  if (error) return Error::unavailable("reading the folder " + folder.string() + ": " + error.message());
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.serial < b.serial; });
  return files;
}

std::filesystem::path head_path(const std::filesystem::path& folder) { return folder / "head.json"; }

std::string head_text(const SpoolHead& head) {
  return "{\"n\":" + std::to_string(head.n) + ",\"hash\":\"" + to_hex(head.hash) + "\"}\n";
}

Result<std::optional<SpoolHead>> read_head(const std::filesystem::path& folder) {
  const auto path = head_path(folder);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    if (error) return Error::unavailable("looking for " + path.string() + ": " + error.message());
    return std::optional<SpoolHead>();
  }
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);
  if (!file) return Error::invalid(path.string() + " can't be read");
  const auto line = split_line(text);
  if (!line) return Error::invalid(path.string() + " is damaged");
  return std::optional(SpoolHead{line->n, line->hash});
}

Result<SpoolText> SpoolText::open(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "opening " + path.string());
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(errno, "looking at " + path.string());
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return SpoolText(nullptr, 0);
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return Error::from_errno(errno, "mapping " + path.string());
  return SpoolText(static_cast<const char*>(data), size);
}

SpoolText::~SpoolText() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

SpoolText::SpoolText(SpoolText&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

std::size_t for_lines(std::string_view text, std::size_t offset,
                      const std::function<bool(std::string_view line, std::size_t at)>& visit) {
  while (offset < text.size()) {
    const auto end = text.find('\n', offset);
    if (end == std::string_view::npos) break;
    const std::size_t at = std::exchange(offset, end + 1);
    if (!visit(text.substr(at, end - at), at)) break;
  }
  return offset;
}

}  // namespace gantry::audit
