#include "gantry/audit/spool.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "gantry/base/json_text.hpp"
#include "gantry/base/relax_cpu.hpp"

namespace gantry::audit {
namespace {

std::string second_text(std::int64_t second) {
  const std::time_t time = second;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return text;
}

std::int64_t second_of(Time time) { return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count(); }

void append_micros(std::string& text, Time time) {
  auto micros = (time - std::chrono::floor<std::chrono::seconds>(time)).count();
  char digits[] = ".000000Z";
  for (int place = 6; place > 0; --place, micros /= 10) digits[place] = static_cast<char>('0' + micros % 10);
  text += digits;
}

/// "20261130".
std::string day_of(Time time) {
  const std::string text = second_text(second_of(time));
  return text.substr(0, 4) + text.substr(5, 2) + text.substr(8, 2);
}

Result<void> write_all(int fd, std::string_view bytes) {
  // One call takes all of it, unless a disk is full or the process is being killed.
  while (!bytes.empty()) {
    const auto count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "writing");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

Time time_now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

std::string time_text(Time time) {
  std::string text = second_text(second_of(time));
  append_micros(text, time);
  return text;
}

Result<std::unique_ptr<Spool>> Spool::open(SpoolSettings settings) {
  std::error_code error;
  std::filesystem::create_directories(settings.folder, error);
  if (error) return Error::unavailable("making " + settings.folder.string() + ": " + error.message());
  if (::chmod(settings.folder.c_str(), 0700) != 0)
    return Error::from_errno(errno, "keeping others out of " + settings.folder.string());
  std::unique_ptr<Spool> spool(new Spool(std::move(settings)));
  spool->directory_ = UniqueFd(::open(spool->settings_.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!spool->directory_) return Error::from_errno(errno, "opening " + spool->settings_.folder.string());
  GANTRY_LET(const Start start, spool->look_back());
  GANTRY_TRY(spool->turn(&start));
  GANTRY_TRY(spool->sync());
  spool->thread_ = std::thread([self = spool.get()] { self->run(); });
  pthread_setname_np(spool->thread_.native_handle(), "audit");
  return spool;
}

Spool::~Spool() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  if (const auto synced = sync(); !synced) tell(true, "the audit spool: " + synced.error().detail());
}

void Spool::tell(bool failed, const std::string& words) const {
  if (settings_.tell) settings_.tell(failed, words);
}

// The last line that has the form of a line is the one to follow: what comes behind it was cut off when the process or
// the machine ended, and stays where it is.
Result<Spool::Start> Spool::look_back() {
  Start start;
  GANTRY_LET(const auto files, spool_files(settings_.folder));
  auto kept = read_head(settings_.folder);
  // A damaged head is no reason not to serve; a check of the spool says so.
  if (!kept) tell(true, kept.error().detail());
  // From the first line on there is a head: where none is, somebody took it.
  if (files.empty() && kept && !*kept) GANTRY_TRY(write_head({}));
  for (auto file = files.rbegin(); file != files.rend() && start.at.n == 0; ++file) {
    GANTRY_LET(const SpoolText bytes, SpoolText::open(file->path));
    std::string_view text = bytes.text();
    const auto end = text.rfind('\n');
    if (file == files.rbegin()) {
      start.serial = file->serial + 1;
      start.torn = text.size() - (end == std::string_view::npos ? 0 : end + 1);
    }
    text = text.substr(0, end == std::string_view::npos ? 0 : end);
    while (!text.empty() && start.at.n == 0) {
      const auto before = text.rfind('\n');
      const auto line = split_line(before == std::string_view::npos ? text : text.substr(before + 1));
      if (line) start.at = {line->n, line->hash};
      text = text.substr(0, before == std::string_view::npos ? 0 : before);
    }
  }
  if (kept && *kept && (*kept)->n > start.at.n) {
    start.missing = (*kept)->n - start.at.n;
    tell(true, "the audit spool in " + settings_.folder.string() + " has lost its last " +
                   std::to_string(start.missing) + " lines: head.json knows line " + std::to_string((*kept)->n) +
                   ", the last one that is there is " + std::to_string(start.at.n));
  }
  return start;
}

Result<UniqueFd> Spool::make_file(const std::string& day, std::uint64_t serial, const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return Error::from_errno(errno, "making " + spool_file_name(day, serial));
  if (::fsync(directory_.get()) != 0) return Error::from_errno(errno, "syncing " + settings_.folder.string());
  return fd;
}

Result<void> Spool::turn(const Start* start) {
  const std::string day = day_of(settings_.now());
  std::uint64_t serial = 0;
  {
    const std::scoped_lock lock(mutex_);
    serial = start != nullptr ? start->serial : serial_ + 1;
  }
  const std::string path = (settings_.folder / spool_file_name(day, serial)).string();
  GANTRY_LET(UniqueFd fd, make_file(day, serial, path));
  UniqueFd old;
  {
    const std::scoped_lock lock(mutex_);
    if (start != nullptr) {
      // Lines that are gone leave their numbers empty, for everyone to see.
      head_ = written_ = {start->at.n + start->missing, start->at.hash};
    }
    // After a failed sync nobody knows what the old file has.
    if (must_turn_) drop_waiting();
    if (const auto ended = write_waiting(); !ended) {
      ::unlink(path.c_str());  // its serial is to be taken again
      return ended.error();
    }
    old = std::exchange(fd_, std::move(fd));
    std::string old_path = std::exchange(path_, path);
    const std::uint64_t old_size = std::exchange(size_, 0);
    std::string members = ",\"format\":1,\"node\":" + json_string(settings_.node) +
                          ",\"serial\":" + std::to_string(serial) + ",\"before\":\"" + to_hex(head_.hash) + "\"";
    if (start != nullptr) {
      members +=
          ",\"start\":true,\"torn\":" + std::to_string(start->torn) + ",\"missing\":" + std::to_string(start->missing);
    }
    if (auto first = append_locked("file", members); !first) {
      // The old file goes on; the new one must not stay, as its serial is to be taken again.
      ::unlink(path.c_str());
      fd_ = std::move(old);
      path_ = std::move(old_path);
      size_ = old_size;
      return first.error();
    }
    serial_ = serial;
    day_ = day;
    must_turn_ = false;
  }
  // What the old file has was synced, or is synced now: its descriptor is the last that knows of an error.
  if (old && ::fdatasync(old.get()) != 0)
    tell(true,
         "syncing the audit spool: " + std::string(std::strerror(errno)) + "; lines of its last second may be lost");
  return {};
}

// Two io threads append all the time, and a line takes less time than putting one of them to sleep.
std::unique_lock<std::mutex> Spool::locked() const {
  constexpr int kLooks = 100;
  for (int look = 0; look < kLooks; ++look) {
    if (mutex_.try_lock()) return {mutex_, std::adopt_lock};
    relax_cpu();
  }
  return std::unique_lock(mutex_);
}

Result<std::uint64_t> Spool::append(std::string_view kind, std::string_view members) {
  const auto lock = locked();
  if (must_turn_) return Error::unavailable("the audit spool can't be written: " + trouble_);
  return append_locked(kind, members);
}

void Spool::append_late(std::string_view kind, std::string_view members) {
  const auto lock = locked();
  if (must_turn_) {
    ++failures_;
    return;
  }
  compose(kind, members);
  if (std::exchange(dozing_, false)) wake_.notify_all();
}

void Spool::write_late() {
  Result<void> written;
  {
    const auto lock = locked();
    if (!must_turn_) written = write_waiting();
  }
  if (!written) tell(true, "the audit spool: " + written.error().detail());
}

Result<std::uint64_t> Spool::append_locked(std::string_view kind, std::string_view members) {
  compose(kind, members);
  GANTRY_TRY(write_waiting());
  return head_.n;
}

void Spool::compose(std::string_view kind, std::string_view members) {
  const Time now = settings_.now();
  if (const auto second = second_of(now); second != second_) {
    second_ = second;
    second_text_ = second_text(second);
  }
  const std::uint64_t n = head_.n + 1;
  line_.assign("{\"n\":").append(std::to_string(n)).append(",\"time\":\"").append(second_text_);
  append_micros(line_, now);
  line_.append("\",\"kind\":\"").append(kind).append("\"").append(members);
  const Sha256 hash = chained(head_.hash, line_);
  close_line(line_, hash);
  head_ = {n, hash};
  waiting_ += line_;
  ++waiting_lines_;
}

void Spool::drop_waiting() {
  failures_ += std::exchange(waiting_lines_, 0);
  waiting_.clear();
  head_ = written_;
}

Result<void> Spool::write_waiting() {
  if (waiting_.empty()) return {};
  if (const auto written = write_all(fd_.get(), waiting_); !written) {
    trouble_ = written.error().detail();
    drop_waiting();
    // A part of a line must not stand before the next one.
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) must_turn_ = true;
    return Error::unavailable("the audit spool can't be written: " + trouble_);
  }
  written_ = head_;
  size_ += waiting_.size();
  bytes_ += waiting_.size();
  appended_ += std::exchange(waiting_lines_, 0);
  waiting_.clear();
  if (!must_turn_) trouble_.clear();
  return {};
}

Spool::Status Spool::status() const {
  const std::scoped_lock lock(mutex_);
  return {written_.n, written_.hash, synced_n_, serial_, appended_, failures_, bytes_, trouble_};
}

Result<void> Spool::write_head(const SpoolHead& head) {
  const std::string path = head_path(settings_.folder).string(), temporary = path + ".new";
  const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return Error::from_errno(errno, "making " + temporary);
  GANTRY_TRY(write_all(fd.get(), head_text(head)));
  if (::fdatasync(fd.get()) != 0) return Error::from_errno(errno, "syncing " + temporary);
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return Error::from_errno(errno, "renaming " + temporary);
  return {};
}

Result<void> Spool::sync() {
  const std::scoped_lock one(sync_mutex_);
  SpoolHead head;
  int fd = -1;
  bool dirty = false, due = false;
  {
    const std::scoped_lock lock(mutex_);
    if (!must_turn_) GANTRY_TRY(write_waiting());
    head = written_;
    fd = fd_.get();  // only turn() replaces it, and that is called under sync_mutex_, or before there is a thread
    dirty = written_.n != synced_n_;
    due = must_turn_ || size_ > settings_.file_bytes || day_of(settings_.now()) != day_;
  }
  if (dirty) {
    if (::fdatasync(fd) != 0) {
      const Error error = Error::from_errno(errno, "syncing the audit spool");
      // After a failed sync nobody knows what the file has: it is never written again.
      const std::scoped_lock lock(mutex_);
      must_turn_ = true;
      trouble_ = error.detail();
    } else {
      GANTRY_TRY(write_head(head));
      const std::scoped_lock lock(mutex_);
      synced_n_ = head.n;
    }
  }
  if (due) {
    GANTRY_TRY(turn(nullptr));
    remove_old();
  } else {
    const std::scoped_lock lock(mutex_);
    if (must_turn_) return Error::unavailable(trouble_);
  }
  return {};
}

// Which files went is on record before they go.
void Spool::remove_old() {
  if (settings_.keep_days == 0) return;
  const auto files = spool_files(settings_.folder);
  if (!files) return tell(true, files.error().detail());
  const std::string oldest_kept = day_of(settings_.now() - std::chrono::hours(24 * settings_.keep_days));
  const std::uint64_t keep_from = settings_.keep_from ? settings_.keep_from() : UINT64_MAX;
  std::uint64_t through = 0;
  std::vector<const SpoolFile*> going;
  for (const SpoolFile& file : *files) {
    if (file.day >= oldest_kept || file.serial >= keep_from || file.serial == serial_) break;
    going.push_back(&file);
    through = file.serial;
  }
  if (going.empty()) return;
  if (const auto noted = append("removed", ",\"through_serial\":" + std::to_string(through)); !noted)
    return tell(true, noted.error().detail());
  for (const SpoolFile* file : going) {
    std::error_code error;
    std::filesystem::remove(file->path, error);
    if (error) tell(true, "removing " + file->path.string() + ": " + error.message());
  }
  tell(false, "the audit spool's files up to " + going.back()->path.filename().string() + " are older than " +
                  std::to_string(settings_.keep_days) + " days and were removed");
}

void Spool::run() {
  bool well = true;
  const auto heard = [&](const Result<void>& done) {
    if (!done && well) tell(true, "the audit spool: " + done.error().detail());
    if (done && !well) tell(false, "the audit spool is written again");
    well = done.ok();
  };
  auto due = std::chrono::steady_clock::now() + settings_.sync_every;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (waiting_.empty()) {
      dozing_ = true;
      wake_.wait_until(lock, due, [this] { return stopping_ || !dozing_; });
      dozing_ = false;
    }
    if (!waiting_.empty()) {
      const auto soon = std::min(due, std::chrono::steady_clock::now() + kLate);
      wake_.wait_until(lock, soon, [this] { return stopping_; });
    }
    if (stopping_) break;
    if (std::chrono::steady_clock::now() < due) {
      const auto written = write_waiting();
      lock.unlock();
      if (!written) heard(written);
    } else {
      lock.unlock();
      heard(sync());
      due = std::chrono::steady_clock::now() + settings_.sync_every;
    }
    lock.lock();
  }
}

}  // namespace gantry::audit
