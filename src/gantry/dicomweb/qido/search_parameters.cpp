#include "gantry/dicomweb/qido/search_parameters.hpp"

#include <string_view>

#include "gantry/archive/search_values.hpp"

namespace gantry::dicomweb::qido {
namespace {

Result<std::uint64_t> parse_count(const std::string& name, std::string_view text) {
  // 18 digits always fit; larger numbers mean nothing here.
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return Error::invalid(name + " must be a whole number from 0, not '" + std::string(text.substr(0, 32)) + "'");
  }
  std::uint64_t value = 0;
  for (const char c : text) value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value;
}

Result<bool> parse_flag(const std::string& name, std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return Error::invalid(name + " must be true or false, not '" + std::string(text.substr(0, 32)) + "'");
}

void append_list(std::vector<std::string>& list, std::string_view text) {
  for (auto& part : archive::split_list(text, ",")) list.push_back(std::move(part));
}

}  // namespace

Result<void> read_parameters(const http::QueryPairs& query, archive::SearchRequest& request) {
  for (const auto& [name, value] : query) {
    if (name == "limit") {
      GANTRY_LET(request.limit, parse_count(name, value));
    } else if (name == "offset") {
      GANTRY_LET(request.offset, parse_count(name, value));
    } else if (name == "includefield") {
      append_list(request.include, value);
    } else if (name == "orderby") {
      append_list(request.order, value);
    } else if (name == "fuzzymatching") {
      GANTRY_LET(request.fuzzy, parse_flag(name, value));
    } else if (name == "emptyvaluematching") {
      GANTRY_LET(request.empty_matching, parse_flag(name, value));
    } else if (name == "multiplevaluematching") {
      GANTRY_LET(request.multiple_matching, parse_flag(name, value));
    } else if (name == "combineddatetime") {
      GANTRY_LET(request.combined_date_time, parse_flag(name, value));
    } else if (name != "accept" && name != "charset") {
      request.keys.push_back({name, value});
    }
  }
  return {};
}

}  // namespace gantry::dicomweb::qido
