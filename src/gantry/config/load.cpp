#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "gantry/base/handle.hpp"
#include "gantry/config/setting_table.hpp"
#include "gantry/config/toml_file.hpp"
#include "gantry/config/values.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants it declared by who uses it

namespace gantry::config {
namespace {

constexpr std::size_t kFileBytesMost = 1024 * 1024;
constexpr std::string_view kPrefix = "GANTRY_";

Result<std::string> read_file(const std::filesystem::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error::from_errno(errno, path.string());
  std::string text;
  std::array<char, 16 * 1024> piece{};
  for (;;) {
    const ssize_t count = ::read(file.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, path.string());
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > kFileBytesMost)
      return Error::invalid(path.string() + " is larger than 1 MB: that is no configuration");
  }
}

std::string or_did_you_mean(const std::optional<std::string>& near) {
  return near ? "; did you mean " + *near + "?" : "";
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return result;
}

/// Applies the sources in their order and gathers what is wrong, so that one run tells everything.
class Loader {
 public:
  void apply_file(const std::filesystem::path& path, const std::vector<FileEntry>& entries) {
    for (const auto& entry : entries) {
      const auto where = path.string() + ", line " + std::to_string(entry.line);
      if (entry.item > 0) {
        apply_issuer(entry, where);
        continue;
      }
      if (const Setting* setting = find(entry)) {
        keep(*setting, where, setting->info.name() + " = " + quote(*setting, entry.value), where,
             assign(*setting, entry.value, settings_));
      } else if (!is_empty_section(entry)) {
        refuse(where + ": " + unknown(entry));
      }
    }
  }

  void apply_environment(const Environment& environment) {
    for (const auto& [name, value] : environment) {
      if (!name.starts_with(kPrefix)) continue;
      const auto table = setting_table();
      const auto setting =
          std::find_if(table.begin(), table.end(), [&](const Setting& s) { return s.info.environment == name; });
      if (setting != table.end()) {
        keep(*setting, name, name + "=" + quote(*setting, value), name, assign_text(*setting, value, settings_));
        continue;
      }
      const auto near = nearest(name, names([](const SettingInfo& info) { return info.environment; }));
      const bool nearly = near && edit_distance(name, *near) <= 2;
      if (nearly || begins_with_a_section(name)) {
        refuse(name + " is no setting" + or_did_you_mean(near));
      } else {
        settings_.warnings.push_back(name + " is no setting and changes nothing");
      }
    }
  }

  void apply_flags(const Flags& flags) {
    std::map<std::string, std::string> given;  // setting to the flag that set it
    for (const auto& [flag, value] : flags) {
      const auto table = setting_table();
      const auto setting = std::find_if(table.begin(), table.end(), [&name = flag](const Setting& s) {
        return s.info.flag == name || (!s.info.short_flag.empty() && s.info.short_flag == name);
      });
      if (setting == table.end()) {
        refuse(flag + " is no setting" +
               or_did_you_mean(nearest(flag, names([](const SettingInfo& info) { return info.flag; }))));
        continue;
      }
      const auto [earlier, first] = given.emplace(setting->info.name(), flag);
      if (!first) {
        refuse(earlier->second + " and " + flag + " are the same setting: give one of them");
        continue;
      }
      keep(*setting, flag, flag + " " + quote(*setting, value), flag, assign_text(*setting, value, settings_));
    }
  }

  Result<Settings> finish() {
    if (settings_.dicomweb.limit_default > settings_.dicomweb.limit_most) {
      refuse("dicomweb.limit_default = " + std::to_string(settings_.dicomweb.limit_default) +
             ": expected at most dicomweb.limit_most, which is " + std::to_string(settings_.dicomweb.limit_most));
    }
    check_tls();
    if (!errors_.empty()) return Error::invalid(std::move(errors_));
    for (const auto& further : issuers_) settings_.auth.issuers.push_back(further.auth.main);
    const auto& dir = settings_.data.dir;
    if (settings_.index.url.empty()) settings_.index.url = "sqlite:" + (dir / "index.sqlite").string();
    if (settings_.storage.url.empty()) settings_.storage.url = "file:" + dir.string();
    return std::move(settings_);
  }

 private:
  static const Setting* find(const FileEntry& entry) {
    for (const auto& setting : setting_table()) {
      if (setting.info.section == entry.section && setting.info.key == entry.key) return &setting;
    }
    return nullptr;
  }

  template <class NameOf>
  static std::vector<std::string> names(NameOf name_of) {
    std::vector<std::string> all;
    for (const auto& info : all_settings()) all.push_back(name_of(info));
    return all;
  }

  static std::vector<std::string> sections() {
    std::set<std::string> unique;
    for (const auto& info : all_settings()) unique.insert(info.section);
    return {unique.begin(), unique.end()};
  }

  /// `[http]` with nothing in it sets nothing, and is right.
  static bool is_empty_section(const FileEntry& entry) {
    const auto all = sections();
    return entry.key.empty() && std::find(all.begin(), all.end(), entry.section) != all.end();
  }

  static bool begins_with_a_section(std::string_view name) {
    const auto rest = lower(name.substr(kPrefix.size()));
    const auto all = sections();
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& section) { return rest.starts_with(section + "_"); });
  }

  static std::string unknown(const FileEntry& entry) {
    const auto all = sections();
    if (!entry.section.empty() && std::find(all.begin(), all.end(), entry.section) == all.end()) {
      const auto near = nearest(entry.section, all);
      return "[" + entry.section + "] is no section" + (near ? "; did you mean [" + *near + "]?" : "");
    }
    if (entry.section.empty()) {
      // A key above the first table: look for one of that name in any section.
      for (const auto& info : all_settings()) {
        if (info.key == entry.key) return entry.key + " stands in no section; did you mean " + info.name() + "?";
      }
      return entry.key + " is no setting: settings stand in a section such as [http]";
    }
    std::vector<std::string> keys;
    for (const auto& info : all_settings()) {
      if (info.section == entry.section) keys.push_back(info.key);
    }
    auto near = nearest(entry.key, keys);
    if (near) near = entry.section + "." + *near;
    if (!near)
      near = nearest(entry.section + "." + entry.key, names([](const SettingInfo& info) { return info.name(); }));
    return entry.section + "." + entry.key + " is no setting" + or_did_you_mean(near);
  }

  void keep(const Setting& setting, const std::string& where, const std::string& given, const std::string& source,
            const Result<void>& assigned) {
    if (assigned) {
      settings_.sources[setting.info.name()] = source;
    } else {
      refuse((given.starts_with(where) ? "" : where + ": ") + given + ": " + assigned.error().detail());
    }
  }

  void check_tls() {
    const auto& tls = settings_.tls;
    if (tls.certificate.empty() != tls.key.empty()) {
      refuse("tls.certificate and tls.key: expected both, or none");
    }
    if (tls.client != "none" && tls.client_ca.empty()) {
      refuse("tls.client = \"" + tls.client + "\": expected tls.client_ca, the authorities that are believed");
    }
    if (tls.client != "none" && tls.certificate.empty()) {
      refuse("tls.client = \"" + tls.client + "\": expected tls.certificate, as there is no TLS without");
    }
    if (tls.client == "none" && !tls.client_rules.empty()) {
      refuse("tls.client_rules: expected tls.client = \"optional\" or \"required\", as nobody is asked for a certificate");
    }
    if (tls.client == "none" && !tls.client_ca.empty()) {
      settings_.warnings.emplace_back("tls.client_ca is not used: tls.client is none, so clients are not asked for certificates");
    }
  }

  void refuse(const std::string& message) { errors_ += (errors_.empty() ? "" : "\n") + message; }

  /// A key of a table of [[auth.issuers]]: what [auth] has for the first issuer, kept for a further one.
  void apply_issuer(const FileEntry& entry, const std::string& where) {
    if (entry.section != "auth.issuers") return refuse(where + ": [[" + entry.section + "]] is no section; did you mean [[auth.issuers]]?");
    std::vector<std::string> keys;
    for (const auto& setting : setting_table()) {
      if (!setting.per_issuer) continue;
      keys.push_back(setting.info.key);
      if (setting.info.key != entry.key) continue;
      if (issuers_.size() < entry.item) issuers_.resize(entry.item);
      const auto assigned = assign(setting, entry.value, issuers_[entry.item - 1]);
      if (!assigned) {
        return refuse(where + ": auth.issuers." + entry.key + " = " + quote(setting, entry.value) + ": " +
                      assigned.error().detail());
      }
      settings_.sources["auth.issuers[" + std::to_string(entry.item - 1) + "]." + entry.key] = where;
      return;
    }
    refuse(where + ": auth.issuers." + entry.key + " is no setting of an issuer" + or_did_you_mean(nearest(entry.key, keys)));
  }

  Settings settings_;
  std::vector<Settings> issuers_;  ///< each holds a further issuer as its main one
  std::string errors_;
};

}  // namespace

Environment process_environment() {
  Environment found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (text.starts_with(kPrefix) && equals != std::string_view::npos) {
      found.emplace(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
    }
  }
  return found;
}

Result<Settings> load(const std::optional<std::filesystem::path>& file, const Environment& environment,
                      const Flags& flags) {
  Loader loader;
  if (file) {
    GANTRY_LET(const auto text, read_file(*file));
    auto entries = parse_toml(text);
    if (!entries) return Error::invalid(file->string() + ", " + entries.error().detail());
    loader.apply_file(*file, *entries);
  }
  loader.apply_environment(environment);
  loader.apply_flags(flags);
  return loader.finish();
}

}  // namespace gantry::config
