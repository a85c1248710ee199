#include "gantry/index/mongo/rows.hpp"

#include <algorithm>

#include "gantry/index/sql/read_rows.hpp"

namespace gantry::index::mongo {

using sql::Cell;
using sql::CellRow;
using sql::ColumnType;
using sql::Table;

namespace {

bool is_number(ColumnType type) { return type == ColumnType::kInteger || type == ColumnType::kTime; }

std::vector<std::string> texts_of_terms(const std::set<sql::TermRow>& terms) {
  std::vector<std::string> texts;
  for (const auto& term : terms) texts.push_back(std::to_string(term.kind) + ":" + term.term);
  return texts;
}

}  // namespace

std::string study_id(std::string_view tenant, std::string_view study) {
  return std::string(tenant).append("/").append(study);
}

std::string series_id(std::string_view tenant, std::string_view study, std::string_view series) {
  return study_id(tenant, study).append("/").append(series);
}

std::string image_id(std::string_view tenant, std::string_view sop) {
  return std::string(tenant).append("/").append(sop);
}

std::string change_id(std::string_view tenant, std::uint64_t version) {
  std::string number = std::to_string(version);
  number.insert(0, 20 - number.size(), '0');
  return std::string(tenant).append("/").append(number);
}

std::string record_id(std::int64_t kind, std::string_view id) {
  return std::to_string(kind).append("/").append(id);
}

Document to_document(const Table& table, const CellRow& row) {
  Document document;
  const auto text = [&](std::string_view column) -> const std::string& { return text_in(table, row, column); };
  if (&table == &sql::kDeleteQueueTable) {
    document.text("_id", text("object_key"));
  } else if (&table == &sql::kTenantTable) {
    document.text("_id", text("tenant_id"));
  } else if (&table == &sql::kNoteTable) {
    document.text("_id", text("name"));
  } else if (&table == &sql::kRecordTable) {
    document.text("_id", record_id(number_in(table, row, "kind"), text("record_id")));
  } else if (&table == &sql::kAuditTable) {
    document.text("_id", change_id(text("tenant_id"), static_cast<std::uint64_t>(number_in(table, row, "audit_no"))));
  } else if (&table == &sql::kStudyTable) {
    document.text("_id", study_id(text("tenant_id"), text("study_uid")));
  } else if (&table == &sql::kImageTable) {
    document.text("_id", image_id(text("tenant_id"), text("sop_uid")));
  } else if (&table == &sql::kChangeTable) {
    document.text("_id", change_id(text("tenant_id"), static_cast<std::uint64_t>(number_in(table, row, "version"))));
  } else {
    document.text("_id", series_id(text("tenant_id"), text("study_uid"), text("series_uid")));
  }
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& [name, type, since] = table.columns[i];
    if (is_number(type)) {
      document.number(name, std::get<std::int64_t>(row[i]));
    } else if (type == ColumnType::kBlob) {
      document.blob(name, std::get<std::string>(row[i]));
    } else {
      document.text(name, std::get<std::string>(row[i]));
    }
  }
  if (&table == &sql::kStudyTable) document.texts("terms", texts_of_terms(to_study(row).terms));
  if (&table == &sql::kStateTable) {
    document.texts("terms", texts_of_terms(to_series(row).terms));
    document.text("study_key", study_id(text("tenant_id"), text("study_uid")));
    if (number_in(table, row, "json_due") != 0)
      document.number("json_due_since", number_in(table, row, "updated_time"));
  }
  if (&table == &sql::kImageTable) {
    document.text("study_key", study_id(text("tenant_id"), text("study_uid")));
    document.text("series_key", series_id(text("tenant_id"), text("study_uid"), text("series_uid")));
  }
  return document;
}

CellRow to_cells(const Table& table, const bson_t& document) {
  CellRow row;
  row.reserve(table.columns.size());
  for (const auto& column : table.columns) {
    if (is_number(column.type)) {
      row.emplace_back(std::int64_t{0});
    } else {
      row.emplace_back(std::string());
    }
  }
  bson_iter_t at;
  if (!bson_iter_init(&at, &document)) return row;
  // Documents mostly have the columns in their order: where the last one was found, the next one is looked for.
  std::size_t next = 0;
  while (bson_iter_next(&at)) {
    const std::string_view name = bson_iter_key(&at);
    std::size_t place = next;
    if (place >= table.columns.size() || table.columns[place].name != name) {
      const auto found =
          std::find_if(table.columns.begin(), table.columns.end(), [&](const auto& c) { return c.name == name; });
      if (found == table.columns.end()) continue;
      place = static_cast<std::size_t>(found - table.columns.begin());
    }
    next = place + 1;
    if (is_number(table.columns[place].type)) {
      row[place] = BSON_ITER_HOLDS_DATE_TIME(&at) ? bson_iter_date_time(&at) : bson_iter_as_int64(&at);
    } else if (BSON_ITER_HOLDS_UTF8(&at)) {
      std::uint32_t size = 0;
      const char* const text = bson_iter_utf8(&at, &size);
      row[place] = std::string(text, size);
    } else if (BSON_ITER_HOLDS_BINARY(&at)) {
      bson_subtype_t subtype{};
      std::uint32_t size = 0;
      const std::uint8_t* bytes = nullptr;
      bson_iter_binary(&at, &subtype, &size, &bytes);
      row[place] = std::string(reinterpret_cast<const char*>(bytes), size);
    }
  }
  return row;
}

Document columns_only(std::span<const std::string_view> columns) {
  Document projection;
  for (const std::string_view column : columns) projection.small(column, 1);
  return projection;
}

sql::StudyState to_study(const CellRow& row) {
  return sql::read_study_state(sql::sqlite_dialect(), CellsView(sql::kStudyTable, row, sql::study_columns()));
}

sql::SeriesState to_series(const CellRow& row) {
  return sql::read_series_state(sql::sqlite_dialect(), CellsView(sql::kStateTable, row, sql::series_columns()));
}

StateRow to_state_row(const CellRow& row) {
  static const std::string columns = sql::state_row_columns("");
  return sql::read_state_row(CellsView(sql::kStateTable, row, columns), 0);
}

}  // namespace gantry::index::mongo
