#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gantry/config/setting_table.hpp"

namespace gantry::config {

/// Builds the table, one readable line or two per setting.
class Builder {
 public:
  Builder& add(const char* section, const char* key, ValueKind kind, Place place, const char* help);
  // Of the setting that was added last:
  Builder& alias(const char* flag);
  Builder& per_issuer();
  Builder& choices(std::vector<std::string> choices);
  Builder& within(std::uint64_t least, std::uint64_t most);

  std::vector<Setting> take();

 private:
  std::vector<Setting> table_;
};

// Longer than a macro's worth of repetition would be without it: the place of Settings::section.key.
#define GANTRY_AT(section, key) Place([](Settings& s) { return &s.section.key; })

/// `[auth]`: tokens and their issuers.
void add_auth(Builder& table);

}  // namespace gantry::config
