#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "gantry/audit/message.hpp"
#include "gantry/audit/record.hpp"
#include "gantry/audit/spool_reader.hpp"
#include "gantry/audit/syslog.hpp"

namespace gantry::audit {

struct RelaySettings {
  std::filesystem::path folder;  ///< of the spool; `relay.json` there says how far it got
  Source source;
  PatientOf patient_of;  ///< called on the relay's thread; may block
  std::chrono::milliseconds look_every{500};
  std::chrono::milliseconds retry_least{1000}, retry_most{60'000};
  /// Told on the relay's thread when it begins to fail, and when it works again.
  std::function<void(bool failed, const std::string& words)> tell;
};

/// Follows the spool of this node and sends each record as audit messages, in the order in which they ended. What could
/// not be sent is sent later, also by the next process: a message may come twice, none is left out. Starts a thread.
class Relay {
 public:
  /// The serial of the oldest file of `folder` that a relay still needs, as it was saved last; 0: all are.
  [[nodiscard]] static std::uint64_t needed_in(const std::filesystem::path& folder);

  Relay(RelaySettings settings, std::unique_ptr<SyslogSender> sender);
  /// Sends what it can within a moment, and remembers how far it got.
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  struct Status {
    std::uint64_t messages = 0;  ///< sent by this process
    std::uint64_t failures = 0;  ///< attempts that failed
    std::uint64_t dropped = 0;   ///< messages that can't be sent at all
    std::uint64_t through = 0;   ///< the last line whose record was sent
    std::string trouble;         ///< why it can't send now; empty: it can
  };
  [[nodiscard]] Status status() const;

 private:
  struct Place {
    std::uint64_t serial = 0;
    std::size_t offset = 0;
  };
  void run();
  /// Sends what is new; true when there was something.
  Result<bool> advance();
  Result<bool> advance_file(const SpoolFile& file);
  /// Sends what `due_` holds.
  Result<void> send_due();
  void load();
  void save();
  void note(std::uint64_t n, Place place);
  [[nodiscard]] Place safe_place() const;
  void tell(bool failed, const std::string& words) const;

  const RelaySettings settings_;
  const std::unique_ptr<SyslogSender> sender_;
  RecordAssembler assembler_;
  Place next_;                                         ///< the line to read next
  std::uint64_t handled_ = 0;                          ///< lines up to this one were handled by a process before
  std::deque<std::pair<std::uint64_t, Place>> marks_;  ///< some lines' places, ascending
  std::deque<Record> due_;                             ///< told by line `due_line_`, and not sent yet
  std::uint64_t due_line_ = 0;
  bool changed_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Status status_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace gantry::audit
