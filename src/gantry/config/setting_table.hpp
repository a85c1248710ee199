#pragma once

// The table from which all names of all settings come. load() and show() walk it; nothing else knows a setting twice.

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "gantry/config/settings.hpp"
#include "gantry/config/toml_file.hpp"

namespace gantry::config {

/// Where a setting's value is kept.
using Place = std::variant<std::string* (*)(Settings&), std::filesystem::path* (*)(Settings&), bool* (*)(Settings&),
                           std::uint64_t* (*)(Settings&), std::chrono::milliseconds* (*)(Settings&),
                           std::vector<std::string>* (*)(Settings&)>;

enum class ValueKind { kText, kAddress, kHttpUrl, kIndexUrl, kStorageUrl, kCacheUrl, kAeTitle, kChoice, kAddresses, kOrigins,
                       kProviderUrl, kTexts, kPath, kFile, kSwitch, kCount, kBytes, kDuration };

struct Setting {
  SettingInfo info;
  ValueKind kind = ValueKind::kText;
  Place place;
  std::vector<std::string> choices;                             ///< kChoice; kTexts: each is one of them
  bool per_issuer = false;                                      ///< stands in [auth] and in each [[auth.issuers]]
  std::uint64_t least = 0;                                      ///< kCount, kBytes, kDuration (ms)
  std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  std::string expected;                                         ///< for messages: "HOST:PORT, e.g. 127.0.0.1:8080"
};

[[nodiscard]] std::span<const Setting> setting_table();

/// Checks `value` and keeps it. kInvalid: what was expected, and why it is not that.
Result<void> assign(const Setting& setting, const FileValue& value, Settings& settings);
/// The same from text, as the environment and flags have it.
Result<void> assign_text(const Setting& setting, std::string_view text, Settings& settings);

/// The value as one writes it in the environment; without redaction.
[[nodiscard]] std::string text_of(const Setting& setting, const Settings& settings);
/// The value as TOML, with secrets redacted.
[[nodiscard]] std::string toml_of(const Setting& setting, const Settings& settings);
/// A value that was refused, as a message may quote it: redacted, cut, in quotes.
[[nodiscard]] std::string quote(const Setting& setting, const FileValue& value);

}  // namespace gantry::config
