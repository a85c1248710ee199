#include "gantry/cli/file_list.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <sys/stat.h>

namespace gantry::cli {
namespace {

namespace fs = std::filesystem;

void add_file(const std::string& path, std::vector<LocalFile>& files, std::vector<std::string>& unreadable) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    unreadable.push_back(path);
    return;
  }
  if (!S_ISREG(info.st_mode)) return;
  files.push_back({path, static_cast<std::uint64_t>(info.st_size),
                   std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec});
}

/// Walks without recursion: a stack of names that are still to visit, the next one on top.
void add_folder(const std::string& folder, std::vector<LocalFile>& files, std::vector<std::string>& unreadable) {
  std::vector<std::string> to_visit{folder};
  while (!to_visit.empty()) {
    const std::string path = std::move(to_visit.back());
    to_visit.pop_back();
    std::error_code error;
    const auto status = path == folder ? fs::status(path, error) : fs::symlink_status(path, error);
    if (error) {
      unreadable.push_back(path);
      continue;
    }
    if (!fs::is_directory(status)) {
      const bool link_to_folder = fs::is_symlink(status) && fs::is_directory(path, error);
      if (!link_to_folder) add_file(path, files, unreadable);
      continue;
    }
    std::vector<std::string> inside;
    fs::directory_iterator entries(path, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error))
      inside.push_back(entries->path().string());
    if (error) unreadable.push_back(path);
    std::sort(inside.begin(), inside.end(), std::greater<>());
    to_visit.insert(to_visit.end(), std::make_move_iterator(inside.begin()), std::make_move_iterator(inside.end()));
  }
}

}  // namespace

Result<std::vector<LocalFile>> list_files(const std::vector<std::string>& paths, std::vector<std::string>& unreadable) {
  std::vector<LocalFile> files;
  for (const auto& path : paths) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status)) return Error::not_found("there is no file or folder " + path);
    if (fs::is_directory(status)) {
      add_folder(path, files, unreadable);
    } else {
      add_file(path, files, unreadable);
    }
  }
  return files;
}

}  // namespace gantry::cli
