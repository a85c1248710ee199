#include "gantry/cli/store_report.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "gantry/base/json_text.hpp"
#include "gantry/cli/store_progress.hpp"

namespace gantry::cli {
namespace {

constexpr std::size_t kFilesNamed = 5;
constexpr std::size_t kReasonsNamed = 40;

bool accepted(Sent::Status status) { return status != Sent::Status::kRefused && status != Sent::Status::kFailed; }

std::string hex4(int reason) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%04X", static_cast<unsigned>(reason) & 0xFFFFU);
  return text;
}

std::uint64_t of(const std::map<std::string, std::uint64_t>& counts, Sent::Status status) {
  const auto found = counts.find(to_string(status));
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

Result<std::unique_ptr<StoreReport>> StoreReport::open(const std::string& path) {
  std::unique_ptr<StoreReport> report(new StoreReport(path));
  if (!path.empty()) {
    report->out_.reset(std::fopen(path.c_str(), "we"));
    if (!report->out_) return Error::from_errno(errno, "making the report " + path);
  }
  return report;
}

void StoreReport::add(const std::string& file, const Sent& sent, bool earlier) {
  const std::scoped_lock lock(mutex_);
  ++(earlier ? earlier_ : sent_)[to_string(sent.status)];
  if (!accepted(sent.status)) {
    const std::string reason = sent.reason == 0 ? sent.detail : hex4(sent.reason) + " " + sent.detail;
    auto& group = why_[{to_string(sent.status), reason}];
    if (++group.count <= kFilesNamed) group.files.push_back(file);
  }
  if (!out_) return;
  std::string line = "{\"file\":" + json_string(file) + ",\"status\":\"" + to_string(sent.status) + '"';
  if (sent.http_status != 0) line += ",\"http_status\":" + std::to_string(sent.http_status);
  if (sent.reason != 0) line += ",\"reason\":\"" + hex4(sent.reason) + '"';
  if (!sent.detail.empty()) line += ",\"detail\":" + json_string(sent.detail);
  if (!sent.sop.empty()) line += ",\"sop_instance_uid\":" + json_string(sent.sop);
  if (earlier) line += ",\"earlier\":true";
  line += "}\n";
  if (std::fwrite(line.data(), 1, line.size(), out_.get()) != line.size()) write_failed_ = true;
}

Result<void> StoreReport::close() {
  const std::scoped_lock lock(mutex_);
  if (!out_) return {};
  if (std::fclose(out_.release()) != 0) write_failed_ = true;
  if (write_failed_) return Error::unavailable("the report " + path_ + " could not be written whole");
  return {};
}

std::string StoreReport::summary() const {
  using Status = Sent::Status;
  const std::scoped_lock lock(mutex_);
  std::uint64_t sent = 0;
  for (const auto& [status, count] : sent_) sent += count;
  sent -= of(sent_, Status::kFailed);
  std::string out = count_as_text(sent) + " sent: " + count_as_text(of(sent_, Status::kStored)) + " stored, " +
                    count_as_text(of(sent_, Status::kUnchanged)) + " already there, " +
                    count_as_text(of(sent_, Status::kRefused)) + " refused";
  if (of(sent_, Status::kReplaced) > 0) out += ", " + count_as_text(of(sent_, Status::kReplaced)) + " replaced";
  if (of(sent_, Status::kIgnored) > 0)
    out += ", " + count_as_text(of(sent_, Status::kIgnored)) + " ignored by the server";
  if (of(sent_, Status::kFailed) > 0) out += "; " + count_as_text(of(sent_, Status::kFailed)) + " failed";
  std::uint64_t earlier = 0;
  for (const auto& [status, count] : earlier_) earlier += count;
  if (earlier > 0) {
    out += "; " + count_as_text(earlier) + " sent by an earlier run";
    if (of(earlier_, Status::kRefused) > 0)
      out += " (" + count_as_text(of(earlier_, Status::kRefused)) + " of them refused)";
  }
  out += '\n';
  std::size_t named = 0;
  for (const auto& [what, group] : why_) {
    if (++named > kReasonsNamed) {
      out +=
          "\n… and " + std::to_string(why_.size() - kReasonsNamed) + " more reasons; --report FILE lists everything\n";
      break;
    }
    out += "\n" + count_as_text(group.count) + " " + what.first + ": " + what.second + "\n";
    for (const auto& file : group.files) out += "    " + file + "\n";
    if (group.count > group.files.size())
      out += "    … and " + count_as_text(group.count - group.files.size()) + " more\n";
  }
  return out;
}

bool StoreReport::all_accepted() const {
  const std::scoped_lock lock(mutex_);
  return why_.empty();
}

}  // namespace gantry::cli
