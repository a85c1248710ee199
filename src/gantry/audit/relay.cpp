#include "gantry/audit/relay.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include <pthread.h>
#include <simdjson.h>

namespace gantry::audit {
namespace {

/// A mark each so many lines is enough: at a start the lines behind it are read again, and not sent.
constexpr std::uint64_t kMarkEach = 256;
constexpr std::uint64_t kSaveEach = 1000;

std::filesystem::path cursor_path(const std::filesystem::path& folder) { return folder / "relay.json"; }

struct Cursor {
  std::uint64_t serial = 0, offset = 0, through = 0;
};
std::optional<Cursor> read_cursor(const std::filesystem::path& folder) {
  std::ifstream file(cursor_path(folder));
  std::string text;
  std::getline(file, text);
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  Cursor cursor;
  if (!file || parser.parse(text).get(json) != simdjson::SUCCESS ||
      json["serial"].get(cursor.serial) != simdjson::SUCCESS ||
      json["offset"].get(cursor.offset) != simdjson::SUCCESS ||
      json["through"].get(cursor.through) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return cursor;
}

}  // namespace

Relay::Relay(RelaySettings settings, std::unique_ptr<SyslogSender> sender)
    : settings_(std::move(settings)), sender_(std::move(sender)) {
  load();
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "audit-relay");
}

Relay::~Relay() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Relay::Status Relay::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

std::uint64_t Relay::needed_in(const std::filesystem::path& folder) {
  const auto cursor = read_cursor(folder);
  return cursor ? cursor->serial : 0;
}

void Relay::tell(bool failed, const std::string& words) const {
  if (settings_.tell) settings_.tell(failed, words);
}

void Relay::run() {
  auto pause = settings_.retry_least;
  bool well = true;
  for (;;) {
    bool stopping = false;
    {
      const std::scoped_lock lock(mutex_);
      stopping = stopping_;
    }
    const auto more = advance();
    save();
    if (!more) {
      {
        const std::scoped_lock lock(mutex_);
        ++status_.failures;
        status_.trouble = more.error().detail();
      }
      if (std::exchange(well, false)) tell(true, "audit messages are not sent: " + more.error().detail());
    } else {
      if (!std::exchange(well, true)) tell(false, "audit messages are sent again");
      const std::scoped_lock lock(mutex_);
      status_.trouble.clear();
    }
    // What came while it was told to stop was tried once.
    if (stopping) return sender_->close();
    const auto wait = more ? settings_.look_every : pause;
    pause = more ? settings_.retry_least : std::min(2 * pause, settings_.retry_most);
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, wait, [this] { return stopping_; });
  }
}

Result<bool> Relay::advance() {
  GANTRY_TRY(send_due());
  GANTRY_LET(const auto files, spool_files(settings_.folder));
  bool moved = false;
  for (const SpoolFile& file : files) {
    if (file.serial < next_.serial) continue;
    if (file.serial > next_.serial) next_ = {file.serial, 0};
    if (next_.offset >= file.bytes) continue;
    GANTRY_LET(const bool some, advance_file(file));
    moved = moved || some;
  }
  return moved;
}

Result<bool> Relay::advance_file(const SpoolFile& file) {
  GANTRY_LET(const SpoolText text, SpoolText::open(file.path));
  Result<void> sent;
  std::uint64_t lines = 0;
  for_lines(text.text(), next_.offset, [&](std::string_view line, std::size_t at) {
    const auto split = split_line(line);
    const std::uint64_t n = split ? split->n : 0;
    const auto visit = [&](Record&& record) {
      if (n > handled_) due_.push_back(std::move(record));
      return true;
    };
    // A line that is none of ours is for the check to tell.
    if (split) {
      note(n, {file.serial, at});
      const auto taken = assembler_.take(line, visit);
      (void)taken;
      due_line_ = n;
    }
    next_ = {file.serial, at + line.size() + 1};
    changed_ = true;
    sent = send_due();
    if (!sent) return false;
    if (++lines % kSaveEach == 0) {
      save();
      const std::scoped_lock lock(mutex_);
      return !stopping_;
    }
    return true;
  });
  if (!sent) return sent.error();
  return lines > 0;
}

Result<void> Relay::send_due() {
  while (!due_.empty()) {
    const Record& record = due_.front();
    for (const std::string& message : to_messages(record, settings_.source, settings_.patient_of)) {
      auto sent = sender_->send(to_syslog(record, message, settings_.source));
      if (!sent && sent.error().kind() == ErrorKind::kUnavailable) return sent;
      const std::scoped_lock lock(mutex_);
      ++(sent ? status_.messages : status_.dropped);
    }
    due_.pop_front();
  }
  if (due_line_ > handled_) {
    const std::scoped_lock lock(mutex_);
    status_.through = due_line_;
  }
  return {};
}

void Relay::note(std::uint64_t n, Place place) {
  if (marks_.empty() || n >= marks_.back().first + kMarkEach) marks_.emplace_back(n, place);
}

/// Where a new process has to begin to know all that is open now.
Relay::Place Relay::safe_place() const {
  auto oldest = assembler_.oldest_open();
  for (const Record& record : due_) oldest = std::min(oldest.value_or(record.n), record.n);
  if (!oldest) return next_;
  Place place = next_;
  for (const auto& [n, at] : marks_) {
    if (n > *oldest) break;
    place = at;
  }
  return place;
}

void Relay::load() {
  // None, or damaged: then from the beginning; twice is better than never.
  const Cursor cursor = read_cursor(settings_.folder).value_or(Cursor());
  next_ = {cursor.serial, cursor.offset};
  handled_ = status_.through = cursor.through;
}

void Relay::save() {
  if (!changed_) return;
  const Place place = safe_place();
  while (marks_.size() > 1 && (marks_[1].second.serial < place.serial ||
                               (marks_[1].second.serial == place.serial && marks_[1].second.offset <= place.offset))) {
    marks_.pop_front();
  }
  std::uint64_t through = 0;
  {
    const std::scoped_lock lock(mutex_);
    through = std::max(status_.through, handled_);
  }
  const auto path = cursor_path(settings_.folder), temporary = std::filesystem::path(path.string() + ".new");
  {
    std::ofstream file(temporary, std::ios::trunc);
    file << "{\"serial\":" << place.serial << ",\"offset\":" << place.offset << ",\"through\":" << through << "}\n";
    if (!file.flush()) return;  // it stays as it was: more is sent twice
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (!error) changed_ = false;
}

}  // namespace gantry::audit
