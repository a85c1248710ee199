#include "gantry/cli/store_answer_reader.hpp"

#include <cstdio>

#include <simdjson.h>

namespace gantry::cli {
namespace {

using simdjson::dom::element;

/// The first value of an attribute as text; "" when there is none.
std::string text_of(const element& dataset, const char* tag) {
  std::string_view text;
  if (dataset[tag]["Value"].at(0).get(text) != simdjson::SUCCESS) return "";
  return std::string(text);
}

int number_of(const element& dataset, const char* tag) {
  std::int64_t number = 0;
  if (dataset[tag]["Value"].at(0).get(number) != simdjson::SUCCESS) return 0;
  return static_cast<int>(number);
}

/// PS3.18 Table I.2-2 and PS3.4 Table B.2-1, for servers that give a number only.
std::string words_for(int reason) {
  switch (reason) {
    case 0x0110: return "processing failure";
    case 0x0111: return "another instance with this SOP Instance UID is kept";
    case 0x0112: return "no such object instance";
    case 0x0117: return "invalid object instance";
    case 0x0122: return "SOP class not supported";
    case 0xC122: return "transfer syntax not supported";
    default: break;
  }
  if (reason >= 0xA700 && reason <= 0xA7FF) return "out of resources";
  if (reason >= 0xA900 && reason <= 0xA9FF) return "does not match its SOP class or the study of the URL";
  if (reason >= 0xC000 && reason <= 0xCFFF) return "cannot be understood";
  return "no reason given";
}

void read_failure(const element& item, Sent& sent) {
  sent.reason = number_of(item, "00081197");
  sent.sop = text_of(item, "00081155");
  sent.detail = text_of(item, "00091001");
  if (sent.detail.empty()) sent.detail = words_for(sent.reason);
}

Sent::Status became(const std::string& word) {
  if (word == "UNCHANGED") return Sent::Status::kUnchanged;
  if (word == "REPLACED") return Sent::Status::kReplaced;
  if (word == "IGNORED") return Sent::Status::kIgnored;
  return Sent::Status::kStored;
}

}  // namespace

const char* to_string(Sent::Status status) noexcept {
  switch (status) {
    case Sent::Status::kStored: return "stored";
    case Sent::Status::kUnchanged: return "unchanged";
    case Sent::Status::kReplaced: return "replaced";
    case Sent::Status::kIgnored: return "ignored";
    case Sent::Status::kRefused: return "refused";
    case Sent::Status::kFailed: return "failed";
  }
  return "failed";
}

Sent read_store_answer(int http_status, std::string_view body) {
  Sent sent;
  sent.http_status = http_status;
  const bool success = http_status == 200 || http_status == 202;
  const bool refusal = http_status == 400 || http_status == 409 || http_status == 413 || http_status == 415;
  sent.status = success ? Sent::Status::kStored : refusal ? Sent::Status::kRefused : Sent::Status::kFailed;

  simdjson::dom::parser parser;
  const simdjson::padded_string padded(body);
  element document;
  if (parser.parse(padded).get(document) != simdjson::SUCCESS || !document.is_object()) {
    if (!success) sent.detail = "HTTP status " + std::to_string(http_status);
    return sent;
  }
  element item;
  if (document["00081198"]["Value"].at(0).get(item) == simdjson::SUCCESS) {
    read_failure(item, sent);
    if (success) sent.status = Sent::Status::kRefused;  // 202 for a single instance that failed
    return sent;
  }
  if (success && document["00081199"]["Value"].at(0).get(item) == simdjson::SUCCESS) {
    sent.sop = text_of(item, "00081155");
    sent.detail = text_of(item, "00091001");
    sent.status = became(text_of(item, "00091002"));
    return sent;
  }
  std::string_view detail;
  if (document["detail"].get(detail) == simdjson::SUCCESS) sent.detail = std::string(detail);
  if (!success && sent.detail.empty()) sent.detail = "HTTP status " + std::to_string(http_status);
  return sent;
}

}  // namespace gantry::cli
