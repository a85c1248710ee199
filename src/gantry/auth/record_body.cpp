#include "gantry/auth/record_body.hpp"

#include <utility>

#include <simdjson.h>

#include "gantry/base/json_text.hpp"

namespace gantry::auth {

Result<RecordBody> RecordBody::parse(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  const auto broken = [] { return Error::internal("a record's body is not the JSON that it should be"); };
  if (parser.parse(json.data(), json.size()).get(object) != simdjson::SUCCESS) return broken();
  RecordBody body;
  for (const auto member : object) {
    std::string_view text;
    std::int64_t number = 0;
    simdjson::dom::array list;
    if (member.value.get(text) == simdjson::SUCCESS) {
      body.set(member.key, std::string(text));
    } else if (member.value.get(number) == simdjson::SUCCESS) {
      body.set(member.key, number);
    } else if (member.value.get(list) == simdjson::SUCCESS) {
      std::vector<std::string> values;
      for (const auto value : list) {
        if (value.get(text) == simdjson::SUCCESS) values.emplace_back(text);
      }
      body.set(member.key, std::move(values));
    }
  }
  return body;
}

template <class T>
T RecordBody::get(std::string_view name) const {
  const auto found = values_.find(name);
  const T* value = found == values_.end() ? nullptr : std::get_if<T>(&found->second);
  return value == nullptr ? T() : *value;
}

std::string RecordBody::text(std::string_view name) const { return get<std::string>(name); }
std::int64_t RecordBody::number(std::string_view name) const { return get<std::int64_t>(name); }
std::vector<std::string> RecordBody::texts(std::string_view name) const { return get<std::vector<std::string>>(name); }

RecordBody& RecordBody::set(std::string_view name, std::string value) {
  values_.insert_or_assign(std::string(name), std::move(value));
  return *this;
}

RecordBody& RecordBody::set(std::string_view name, std::int64_t value) {
  values_.insert_or_assign(std::string(name), value);
  return *this;
}

RecordBody& RecordBody::set(std::string_view name, std::vector<std::string> values) {
  values_.insert_or_assign(std::string(name), std::move(values));
  return *this;
}

std::string RecordBody::json() const {
  std::string out = "{";
  for (const auto& [name, value] : values_) {
    if (out.size() > 1) out += ',';
    out += json_string(name) + ":";
    if (const auto* text = std::get_if<std::string>(&value)) {
      out += json_string(*text);
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
      out += std::to_string(*number);
    } else {
      out += '[';
      for (const std::string& one : std::get<std::vector<std::string>>(value)) {
        if (out.back() != '[') out += ',';
        out += json_string(one);
      }
      out += ']';
    }
  }
  return out + "}";
}

}  // namespace gantry::auth
