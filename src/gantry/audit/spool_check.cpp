#include "gantry/audit/spool_check.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace gantry::audit {
namespace {

constexpr std::size_t kFindingsMost = 1000;

/// The number behind `"name":` in a line of ours; nullopt when it is not there.
std::optional<std::uint64_t> number_in(std::string_view text, std::string_view name) {
  const std::string key = ",\"" + std::string(name) + "\":";
  const auto at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t number = 0;
  const char* const begin = text.data() + at + key.size();
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), number);
  if (error != std::errc() || end == begin) return std::nullopt;
  return number;
}

std::string_view text_in(std::string_view text, std::string_view name) {
  const std::string key = ",\"" + std::string(name) + "\":\"";
  const auto at = text.find(key);
  if (at == std::string_view::npos) return {};
  const auto end = text.find('"', at + key.size());
  return text.substr(at + key.size(), end == std::string_view::npos ? 0 : end - at - key.size());
}

class Checker {
 public:
  explicit Checker(const std::optional<SpoolHead>& expected) : expected_(expected) {}

  void file(const SpoolFile& file, std::string_view text) {
    name_ = file.path.filename().string();
    first_in_file_ = true;
    ++check_.files;
    check_.bytes += text.size();
    if (check_.files == 1) {
      first_serial_ = file.serial;
    } else if (file.serial != serial_ + 1) {
      find(0, "files " + std::to_string(serial_ + 1) + " to " + std::to_string(file.serial - 1) +
                  " before it are missing");
    }
    serial_ = file.serial;
    const std::size_t end = for_lines(text, 0, [this](std::string_view line, std::size_t) {
      this->line(line);
      return true;
    });
    left_over_ = text.size() - end;
    // Made, and not begun, when its process was killed. What somebody took out of it is missing by its numbers.
    if (text.empty()) ++check_.torn;
  }

  SpoolCheck finish(const Result<std::optional<SpoolHead>>& head) {
    // What follows the last line is being written now, or was cut off and is told of by the next start.
    if (left_over_ > 0) ++check_.torn;
    name_.clear();
    if (first_serial_ > 1 && removed_through_ + 1 < first_serial_) {
      find(0, "files up to " + std::to_string(first_serial_ - 1) +
                  " are missing, and no line says that retention removed them");
    }
    if (!head) {
      find(0, head.error().detail());
    } else if (*head) {
      compare(**head, head_there_, "head.json");
    } else if (check_.lines > 0) {
      find(0, "head.json is missing");
    }
    if (expected_) compare(*expected_, expected_there_, "what was noted elsewhere");
    return std::move(check_);
  }

  /// The lines to look out for, as the hashes of lines are not kept.
  void watch(const Result<std::optional<SpoolHead>>& head) {
    if (head && *head) head_ = *head;
  }

 private:
  void line(std::string_view text) {
    ++check_.lines;
    const auto line = split_line(text);
    const bool first_in_file = std::exchange(first_in_file_, false);
    if (!line) {
      find(before_n_ + 1, "the line behind line " + std::to_string(before_n_) + " has not the form of a line");
      broken_ = true;
      return;
    }
    const bool is_start = first_in_file && text_in(line->text, "kind") == "file";
    std::uint64_t missing = 0;
    if (first_in_file) {
      if (!is_start) find(line->n, "the file's first line is missing");
      const std::uint64_t torn = number_in(line->text, "torn").value_or(0);
      missing = number_in(line->text, "missing").value_or(0);
      if (check_.files > 1 && torn != left_over_) {
        find(line->n, "the file before ends with " + std::to_string(left_over_) +
                          " bytes of no line, and this one knows of " + std::to_string(torn));
      }
      if (torn > 0) ++check_.torn;
      if (missing > 0) {
        find(line->n, "at this start the last " + std::to_string(missing) + " lines before it, " +
                          std::to_string(line->n - missing) + " to " + std::to_string(line->n - 1) + ", were gone");
      }
      left_over_ = 0;
    }
    if (check_.first_n == 0) {
      check_.first_n = line->n;
      // What came before was removed by retention, if finish() is told so; its hash is all that is known of it.
      before_n_ = line->n - 1;
      before_ = parse_hash(text_in(line->text, "before")).value_or(kNoHash);
      if (line->n == 1 && before_ != kNoHash) find(1, "the first line of all follows another one");
    } else if (is_start) {
      const auto before = parse_hash(text_in(line->text, "before"));
      if (before && *before != before_) find(line->n, "the file does not follow the one before it");
    }
    const std::uint64_t wanted = before_n_ + missing + 1;
    const Sha256 computed = chained(before_, line->text);
    if (line->n > wanted) {
      find(line->n, (line->n == wanted + 1 ? "line " + std::to_string(wanted)
                                           : "lines " + std::to_string(wanted) + " to " + std::to_string(line->n - 1)) +
                        " before it: missing, or in another place");
    } else if (line->n < wanted) {
      find(line->n, "it stands where line " + std::to_string(wanted) + " should: moved, or there twice");
    } else if (computed != line->hash && !broken_) {
      find(line->n, "it was changed: its hash is not that of its text");
    }
    broken_ = false;
    if (text_in(line->text, "kind") == "removed") {
      removed_through_ = std::max(removed_through_, number_in(line->text, "through_serial").value_or(0));
    }
    if (head_ && line->n == head_->n) head_there_ = line->hash;
    if (expected_ && line->n == expected_->n) expected_there_ = line->hash;
    before_n_ = line->n;
    before_ = line->hash;
    check_.last_n = std::max(check_.last_n, line->n);
    check_.last_hash = line->hash;
  }

  void compare(const SpoolHead& known, const std::optional<Sha256>& there, const std::string& by) {
    if (there && *there == known.hash) return;
    if (there) {
      find(known.n, "its hash is another than " + by + " has");
    } else if (known.n > check_.last_n) {
      find(0, "the end is missing: " + by + " knows line " + std::to_string(known.n) + ", the last one is " +
                  std::to_string(check_.last_n));
    } else if (known.n >= check_.first_n) {
      find(known.n, "the line that " + by + " knows is missing");
    }
  }

  void find(std::uint64_t n, std::string what) {
    if (check_.findings.size() >= kFindingsMost) {
      ++check_.findings_left_off;
    } else {
      check_.findings.push_back({name_, n, std::move(what)});
    }
  }

  const std::optional<SpoolHead> expected_;
  std::optional<SpoolHead> head_;
  std::optional<Sha256> head_there_, expected_there_;
  SpoolCheck check_;
  std::string name_;
  bool first_in_file_ = false, broken_ = false;
  std::uint64_t serial_ = 0, first_serial_ = 0, removed_through_ = 0, before_n_ = 0;
  std::size_t left_over_ = 0;
  Sha256 before_{};
};

}  // namespace

Result<SpoolCheck> check_spool(const std::filesystem::path& folder, const std::optional<SpoolHead>& expected) {
  // The head first: what it knows must be in files that are read later.
  const auto head = read_head(folder);
  GANTRY_LET(const auto files, spool_files(folder));
  if (files.empty()) return Error::not_found("there is no audit spool in " + folder.string());
  Checker checker(expected);
  checker.watch(head);
  for (const SpoolFile& file : files) {
    GANTRY_LET(const SpoolText text, SpoolText::open(file.path));
    checker.file(file, text.text());
  }
  return checker.finish(head);
}

}  // namespace gantry::audit
