#include "gantry/config/toml_file.hpp"

#include <exception>
#include <sstream>
#include <stdexcept>

// The parser of 3.3 asserts what a wrong file can break ("[[[["), and without assertions goes on in undefined
// behaviour. Here its assertions refuse the file instead, in every build.
#undef NDEBUG
#define TOML_ASSERT(expression) (static_cast<bool>(expression) ? void() : throw std::logic_error("its syntax is wrong"))
#define TOML_EXCEPTIONS 1
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wterminate"
#pragma GCC diagnostic ignored "-Wexceptions"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace gantry::config {
namespace {

std::string kind_of(const toml::node& node) {
  std::ostringstream kind;
  kind << node.type();
  return kind.str();
}

FileValue value_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return integer->get();
  if (const auto* real = node.as_floating_point()) return real->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* array = node.as_array()) {
    std::vector<std::string> texts;
    for (const auto& element : *array) {
      const auto* text = element.as_string();
      if (text == nullptr) return OtherValue{"array with a member that is no string"};
      texts.push_back(text->get());
    }
    return texts;
  }
  return OtherValue{kind_of(node)};
}

}  // namespace

Result<std::vector<FileEntry>> parse_toml(std::string_view text) {
  toml::table parsed;
  try {
    parsed = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return Error::invalid("line " + std::to_string(error.source().begin.line) + ": " +
                          std::string(error.description()));
  } catch (const std::exception& error) {
    return Error::invalid(std::string("some line: ") + error.what() +
                          " in a way that the parser can't tell the place of");
  }
  std::vector<FileEntry> entries;
  for (const auto& [name, node] : parsed) {
    const auto* section = node.as_table();
    if (section == nullptr) {
      entries.push_back({"", std::string(name.str()), value_of(node), name.source().begin.line, 0});
      continue;
    }
    if (section->empty()) {  // so that a misspelt name of an empty section is told, too
      entries.push_back({std::string(name.str()), "", OtherValue{"table"}, name.source().begin.line, 0});
    }
    for (const auto& [key, value] : *section) {
      if (const auto* tables = value.as_array(); tables != nullptr && tables->is_homogeneous<toml::table>()) {
        const auto inner = std::string(name.str()) + "." + std::string(key.str());
        std::size_t item = 0;
        for (const auto& table : *tables) {
          ++item;
          for (const auto& [inner_key, inner_value] : *table.as_table()) {
            entries.push_back({inner, std::string(inner_key.str()), value_of(inner_value), inner_key.source().begin.line, item});
          }
        }
        continue;
      }
      entries.push_back({std::string(name.str()), std::string(key.str()), value_of(value), key.source().begin.line, 0});
    }
  }
  return entries;
}

}  // namespace gantry::config
