#pragma once

// The JSON in records of this module: one object of texts, numbers and lists of texts.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::auth {

class RecordBody {
 public:
  /// kInternal: no such JSON. Members of other kinds are left out.
  static Result<RecordBody> parse(std::string_view json);

  /// What is absent is "", 0 or empty.
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] std::int64_t number(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;

  RecordBody& set(std::string_view name, std::string value);
  RecordBody& set(std::string_view name, std::int64_t value);
  RecordBody& set(std::string_view name, std::vector<std::string> values);

  [[nodiscard]] std::string json() const;

 private:
  using Value = std::variant<std::string, std::int64_t, std::vector<std::string>>;
  template <class T>
  [[nodiscard]] T get(std::string_view name) const;
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace gantry::auth
