// Prints what the code itself says of its conformance, as JSON: the tables of docs/conformance.md.

#include <iostream>
#include <string>

#include "gantry/archive/delete_service.hpp"
#include "gantry/archive/query_service.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/archive/search_plan.hpp"
#include "gantry/archive/search_row_json.hpp"
#include "gantry/archive/store_service.hpp"
#include "gantry/base/json_text.hpp"
#include "gantry/dicom/dictionary.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/index/memory/memory_index.hpp"
#include "gantry/storage/memory/memory_store.hpp"

namespace {

using namespace gantry;

const char* name_of(index::Level level) {
  return level == index::Level::kStudy ? "study" : level == index::Level::kSeries ? "series" : "instance";
}

std::string attribute(std::uint32_t tag) {
  const auto* entry = dicom::find_attribute(dicom::Tag(tag));
  std::string hex = dicom::to_hex8(dicom::Tag(tag));
  hex.insert(4, ",");
  return (entry != nullptr ? std::string(entry->keyword) + " " : "") + "(" + hex + ")";
}

/// An array of rows, each an array of texts.
class Table {
 public:
  explicit Table(const char* name) {
    std::cout << (first_ ? "{" : ",\n") << json_string(name) << ":[";
    first_ = false;
  }
  ~Table() { std::cout << "]"; }
  template <class... Cells>
  void row(const Cells&... cells) {
    std::string text;
    ((text += (text.empty() ? "[" : ",") + json_string(std::string(cells))), ...);
    std::cout << (any_ ? ",\n " : "\n ") << text << "]";
    any_ = true;
  }

 private:
  static inline bool first_ = true;
  bool any_ = false;
};

std::string hex4(std::uint16_t code) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string text = "0x";
  for (int shift = 12; shift >= 0; shift -= 4) text += kDigits[code >> shift & 0xF];
  return text;
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& each : list) text += (text.empty() ? "`" : ", `") + each + "`";
  return text;
}

}  // namespace

int main() {
  {
    Table table("transfer_syntaxes");
    for (const auto& syntax : dicom::all_transfer_syntaxes()) {
      table.row(syntax.name, syntax.uid,
                syntax.encapsulated ? std::string(syntax.frame_media_type) : std::string("application/octet-stream"),
                syntax.video ? "as bulk data alone" : "by number");
    }
  }
  {
    Table table("matching_keys");
    for (const auto& key : archive::matching_keys()) {
      const std::string within = key.sequence != 0 ? attribute(key.sequence) + " > " : "";
      table.row(name_of(key.level), within + attribute(key.tag), key.matching);
    }
  }
  {
    Table table("returned_attributes");
    for (const auto& each : archive::returned_attributes())
      table.row(name_of(each.level), attribute(each.tag), each.when);
  }
  {
    Table table("failure_reasons");
    for (const auto& reason : archive::failure::kReasons) table.row(hex4(reason.code), reason.when);
  }
  {
    Table table("warning_reasons");
    for (const auto& reason : archive::warning::kReasons) table.row(hex4(reason.code), reason.when);
  }
  {
    index::MemoryIndex index;
    storage::MemoryStore objects;
    WorkerPool pool("pool", 1, 1);
    archive::StoreService store(index, objects, pool, {});
    archive::QueryService queries(index);
    archive::RetrieveService retrieves(index, objects);
    archive::DeleteService deletes(index, std::chrono::seconds(1));
    dicomweb::Services services{store, queries, retrieves, deletes, nullptr, pool, pool, {}};
    Table table("routes");
    for (auto* make : {&dicomweb::store_routes, &dicomweb::search_routes, &dicomweb::retrieve_routes}) {
      for (const auto& route : make(services)) {
        table.row(route.doc.section.empty() ? std::string("extension") : "§" + route.doc.section,
                  "`" + std::string(http::to_string(route.method)) + " " + route.pattern + "`", route.summary,
                  joined(route.doc.produces));
      }
    }
  }
  std::cout << "}\n";
}
