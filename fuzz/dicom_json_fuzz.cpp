// The pieces of DICOM JSON: what is written reads back as the same text, the same bytes and the same numbers.

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "gantry/dicom/json_writer.hpp"

namespace {

using namespace gantry::dicom;

void require(bool holds) {
  if (!holds) std::abort();
}

simdjson::dom::element parse(const std::string& json) {
  static simdjson::dom::parser parser;
  simdjson::dom::element element;
  require(parser.parse(simdjson::padded_string(json)).get(element) == simdjson::SUCCESS);
  return element;
}

void check_text(Vr vr, std::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size())) return;
  std::vector<std::string_view> values;
  while (true) {
    const auto cut = text.find('\\');
    values.push_back(text.substr(0, cut));
    if (cut == std::string_view::npos) break;
    text.remove_prefix(cut + 1);
  }
  std::string json = "[";
  append_text_items(json, vr, values);
  json += "]";
  std::size_t i = 0;
  for (const auto item : simdjson::dom::array(parse(json))) {
    std::string_view back;
    if (values[i].empty()) {
      require(item.is_null());
    } else if (item.get(back) == simdjson::SUCCESS) {
      require(back == values[i]);
    } else if (vr == Vr::kIS || vr == Vr::kDS) {
      require(item.is_number() && survives_as_json_number(values[i]));
    }
    ++i;
  }
  require(i == values.size());
}

void check_numbers(Vr vr, std::string_view bytes, bool big_endian) {
  bytes = bytes.substr(0, bytes.size() / value_size(vr) * value_size(vr));
  std::string json = "[";
  if (!append_number_items(json, vr, bytes, big_endian)) {
    require(json == "[");
    return;
  }
  json += "]";
  require(simdjson::dom::array(parse(json)).size() == bytes.size() / value_size(vr));
}

void check_binary(Vr vr, std::string_view bytes, bool big_endian) {
  std::string base64;
  append_binary(base64, vr, bytes, big_endian);
  require(base64.size() == (bytes.size() + 2) / 3 * 4);
  require(base64.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") ==
          std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto vr = static_cast<Vr>(data[0] % (static_cast<unsigned>(Vr::kUV) + 1));
  const bool big_endian = (data[1] & 1) != 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 2), size - 2);
  switch (facts(vr).kind) {
    case VrKind::kText: check_text(vr, rest); break;
    case VrKind::kNumber: check_numbers(vr, rest, big_endian); break;
    case VrKind::kBytes: check_binary(vr, rest, big_endian); break;
    case VrKind::kSequence: break;
  }
  return 0;
}
