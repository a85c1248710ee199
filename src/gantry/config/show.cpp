#include "gantry/config/setting_table.hpp"

namespace gantry::config {
namespace {

/// A Markdown table's cell: bars would end it.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string code(std::string_view text) { return text.empty() ? "" : "`" + cell(text) + "`"; }

/// `values` holds the setting's value, `settings` knows where it came from, by `name`.
std::string line_of(const Setting& setting, const Settings& values, const std::string& name, const Settings& settings) {
  const auto source = settings.sources.find(name);
  std::string text = setting.info.key + " = " + toml_of(setting, values) + "  # ";
  // Control characters can't stand in a comment, and a file's name may hold any.
  for (const char c : source != settings.sources.end() ? source->second : "default") {
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  return text + '\n';
}

}  // namespace

std::string show(const Settings& settings) {
  std::string text;
  std::string section;
  for (const auto& setting : setting_table()) {
    if (setting.info.section != section) {
      section = setting.info.section;
      text += (text.empty() ? "[" : "\n[") + section + "]\n";
    }
    text += line_of(setting, settings, setting.info.name(), settings);
  }
  for (std::size_t i = 0; i < settings.auth.issuers.size(); ++i) {
    text += "\n[[auth.issuers]]\n";
    Settings one;
    one.auth.main = settings.auth.issuers[i];
    for (const auto& setting : setting_table()) {
      if (!setting.per_issuer) continue;
      text += line_of(setting, one, "auth.issuers[" + std::to_string(i) + "]." + setting.info.key, settings);
    }
  }
  return text;
}

std::string settings_reference() {
  std::string text =
      "# Settings\n\n"
      "A flag beats the environment, which beats the file (`-c FILE`), which beats the default. Sizes take `kB`, `MB`, "
      "`GB` and\n"
      "`TB` (powers of 1024), durations `ms`, `s`, `min`, `h` and `d`. Lists are arrays in the file, and have commas "
      "elsewhere.\n";
  std::string section;
  for (const auto& info : all_settings()) {
    if (info.section != section) {
      section = info.section;
      text += "\n## [" + section +
              "]\n\n| key | value | default | meaning | flag | variable |\n|---|---|---|---|---|---|\n";
    }
    text += "| " + code(info.key) + " | " + cell(info.type) + " | " + code(info.default_text) + " | " +
            cell(info.help) + " | " + (info.short_flag.empty() ? "" : code(info.short_flag) + ", ") + code(info.flag) +
            " | " + code(info.environment) + " |\n";
  }
  return text;
}

}  // namespace gantry::config
