#include "gantry/index/mongo/batch.hpp"

#include <algorithm>

namespace gantry::index::mongo {

using sql::CellRow;

namespace {

constexpr std::size_t kTakePage = 1000;

std::optional<CellRow> row_or_none(const sql::Table& table, const bson_t& entry) {
  if (!has(entry, "row")) return std::nullopt;
  return to_cells(table, *document_of(entry, "row").raw());
}

/// Calls `each` with the documents of an array.
template <class Each>
void for_documents(const bson_t& document, const char* key, const Each& each) {
  const Document array = document_of(document, key);
  bson_iter_t at;
  if (!bson_iter_init(&at, array.raw())) return;
  while (bson_iter_next(&at)) each(*document_of(*array.raw(), bson_iter_key(&at)).raw());
}

Document counter_fields(const sql::TenantRow& counters) {
  Document fields;
  fields.number("change_no", counters.change_no)
      .number("bytes", counters.bytes)
      .number("instances", counters.instances);
  fields.number("studies", counters.studies).number("series", counters.series);
  fields.number("audit_no", counters.audit.number).text("audit_hash", counters.audit.hash);
  return fields;
}

class Maker {
 public:
  Maker(Session& session, const Batch& batch, Guard guard)
      : session_(session), batch_(batch), guarded_(guard == Guard::kVersions) {}

  Result<void> run() {
    if (!session_.in_transaction()) GANTRY_TRY(mark());
    GANTRY_TRY(drop());
    GANTRY_TRY(queue());
    for (const Batch::Taken& taken : batch_.taken) GANTRY_TRY(take(taken));
    GANTRY_TRY(put_instances());
    GANTRY_TRY(put(kStates, sql::kStateTable, batch_.series));
    GANTRY_TRY(put(kStudies, sql::kStudyTable, batch_.studies));
    GANTRY_TRY(put_jsons());
    return put_changes();
  }

 private:
  [[nodiscard]] std::string_view tenant() const { return batch_.tenant.view(); }

  Result<void> write(std::string_view collection, const Bulk& bulk, bool may_repeat = false) {
    GANTRY_LET(const auto done, session_.write(collection, bulk, Durability::kLater, may_repeat));
    (void)done;
    return {};
  }

  /// {_id: id}, and with a guard: unless its version is `version` or later.
  [[nodiscard]] Document older(std::string_view id, std::int64_t version) const {
    Document filter = by_text("_id", id);
    if (guarded_) filter.document("version", Document().number("$lt", version));
    return filter;
  }

  Result<void> mark() {
    std::vector<std::string> ids;
    for (const auto& [uid, row] : batch_.studies) {
      if (row) ids.push_back(study_id(tenant(), uid));
    }
    if (ids.empty()) return {};
    Document pending = by_text("batch", batch_.id);
    Document set;
    set.documents("pending", std::span(&pending, 1));
    Bulk bulk;
    for (const auto& id : ids) bulk.update_one(older(id, batch_.last_version + 1), wrapped("$set", set));
    return write(kStudies, bulk);
  }

  Result<void> drop() {
    Bulk studies, series, jsons;
    for (const auto& [uid, row] : batch_.studies) {
      if (!row) studies.remove(older(study_id(tenant(), uid), batch_.last_version + 1));
    }
    for (const auto& [key, row] : batch_.series) {
      if (!row) series.remove(older(series_id(tenant(), key.first, key.second), batch_.last_version + 1));
    }
    std::vector<std::string> json_ids;
    for (const auto& [study, uid] : batch_.dropped_jsons) json_ids.push_back(series_id(tenant(), study, uid));
    GANTRY_TRY(write(kStudies, studies));
    GANTRY_TRY(write(kStates, series));
    if (json_ids.empty()) return {};
    Find find;
    find.filter = by_any_of("_id", json_ids);
    find.projection.small("object_key", 1);
    Bulk queued;
    GANTRY_TRY(session_.find(kJsons, find, [&](const bson_t& row) -> Result<bool> {
      if (!view_of(row, "object_key").empty()) add_to_queue(queued, text_of(row, "object_key"), batch_.objects_due);
      return true;
    }));
    GANTRY_TRY(write(kQueue, queued));
    jsons.remove(by_any_of("_id", json_ids));
    return write(kJsons, jsons);
  }

  // What is queued already keeps its time and its attempts.
  void add_to_queue(Bulk& bulk, const std::string& object_key, Timestamp due) const {
    add_to_queue(bulk, sql::queue_cells(batch_.tenant, object_key, due));
  }
  void add_to_queue(Bulk& bulk, const CellRow& row) const {
    Document whole = to_document(sql::kDeleteQueueTable, row);
    Document filter = by_text("_id", view_of(*whole.raw(), "_id"));
    Document set;
    bson_copy_to_excluding_noinit(whole.raw(), set.raw(), "_id", nullptr);
    bulk.update_one(std::move(filter), wrapped("$setOnInsert", set), true);
  }

  Result<void> queue() {
    Bulk bulk;
    for (const CellRow& row : batch_.queue) add_to_queue(bulk, row);
    return write(kQueue, bulk);
  }

  // Page by page: a study may be of any size. What a page queued and removed is not met again.
  Result<void> take(const Batch::Taken& taken) {
    const auto& [study, series, sop] = taken.scope;
    Find find;
    if (sop) {
      if (batch_.instances.contains(*sop)) return {};  // another row takes its place
      find.filter = by_text("_id", image_id(tenant(), *sop));
      find.filter.text("study_uid", study);
      if (series) find.filter.text("series_uid", *series);
    } else if (series) {
      find.filter = by_text("series_key", series_id(tenant(), study, *series));
    } else {
      find.filter = by_text("study_key", study_id(tenant(), study));
    }
    if (guarded_) find.filter.document("version", Document().number("$lte", batch_.last_version));
    find.projection.small("object_key", 1);
    find.limit = kTakePage;
    for (;;) {
      std::size_t seen = 0;
      std::vector<std::string> ids;
      Bulk queued;
      GANTRY_TRY(session_.find(kImages, find, [&](const bson_t& row) -> Result<bool> {
        ++seen;
        std::string id = text_of(row, "_id");
        if (batch_.instances.contains(id.substr(tenant().size() + 1))) return true;
        add_to_queue(queued, text_of(row, "object_key"), taken.due);
        ids.push_back(std::move(id));
        return true;
      }));
      if (ids.empty()) return {};
      GANTRY_TRY(write(kQueue, queued));
      Bulk bulk;
      bulk.remove(by_any_of("_id", ids));
      GANTRY_TRY(write(kImages, bulk));
      if (seen < kTakePage) return {};
    }
  }

  Result<void> put_instances() {
    Bulk bulk;
    for (const auto& [sop, row] : batch_.instances) {
      const Document document = mongo::to_document(sql::kImageTable, row);
      if (batch_.fresh.contains(sop)) {
        bulk.insert(document);
        continue;
      }
      bulk.put(older(image_id(tenant(), sop), number_in(sql::kImageTable, row, "version")), document);
    }
    // One that is there already was made by an attempt of this batch whose end nobody heard.
    return write(kImages, bulk, !session_.in_transaction());
  }

  template <class Rows>
  Result<void> put(std::string_view collection, const sql::Table& table, const Rows& rows) {
    Bulk bulk;
    for (const auto& [key, row] : rows) {
      if (!row) continue;
      const Document document = mongo::to_document(table, *row);
      bulk.put(older(view_of(*document.raw(), "_id"), number_in(table, *row, "version")), document);
    }
    return write(collection, bulk, guarded_);
  }

  // The columns of the worker (lease, object) stay as they are.
  Result<void> put_jsons() {
    Bulk jsons, marks;
    for (const JsonRow& json : batch_.jsons) {
      Document set = by_text("tenant_id", tenant());
      set.text("study_uid", json.study_uid)
          .text("series_uid", json.series_uid)
          .text("study_uid_hash", json.study_uid_hash);
      set.text("series_uid_hash", json.series_uid_hash).text("study_date_origin", json.study_date_origin);
      set.number("created_time", sql::micros(json.created_time)).number("flag_time", sql::micros(json.flag_time));
      set.number("json_status", json.json_status)
          .number("retry_times", json.retry_times)
          .number("version", json.version);
      jsons.update_one(by_text("_id", series_id(tenant(), json.study_uid, json.series_uid)), wrapped("$set", set),
                       true);
    }
    GANTRY_TRY(write(kJsons, jsons));
    for (const auto& [key, mark] : batch_.due) {
      Document filter = by_text("_id", series_id(tenant(), key.first, key.second));
      filter.number("version", mark.version);
      Document set, update;
      set.number("json_due", mark.due ? 1 : 0);
      if (mark.due) set.number("json_due_since", mark.updated_time);
      update.document("$set", set);
      if (!mark.due) update.document("$unset", by_text("json_due_since", ""));
      marks.update_one(std::move(filter), update);
    }
    return write(kStates, marks);
  }

  Result<void> put_changes() {
    Bulk bulk;
    for (const CellRow& row : batch_.changes) {
      Document document = mongo::to_document(sql::kChangeTable, row);
      document.text("batch", batch_.id);
      bulk.put(by_text("_id", view_of(*document.raw(), "_id")), document);
    }
    GANTRY_TRY(write(kChanges, bulk));
    Bulk audits;
    for (const CellRow& row : batch_.audits) {
      const Document document = mongo::to_document(sql::kAuditTable, row);
      audits.put(by_text("_id", view_of(*document.raw(), "_id")), document);
    }
    return write(kAudits, audits);
  }

  Session& session_;
  const Batch& batch_;
  bool guarded_;
};

}  // namespace

bool Batch::takes(std::string_view of_study, std::string_view of_series, std::string_view sop) const {
  return std::any_of(taken.begin(), taken.end(), [&](const Taken& each) {
    return each.scope.study == of_study && (!each.scope.series || *each.scope.series == of_series) &&
           (!each.scope.sop || *each.scope.sop == sop);
  });
}

Document Batch::to_document() const {
  Document document;
  document.text("tenant_id", tenant.view())
      .number("last_version", last_version)
      .number("objects_due", sql::micros(objects_due));
  std::vector<Document> entries;
  const auto put = [&](std::string_view key) {
    document.documents(key, entries);
    entries.clear();
  };
  for (const auto& [uid, row] : studies) {
    Document entry = by_text("study", uid);
    if (row) entry.document("row", mongo::to_document(sql::kStudyTable, *row));
    entries.push_back(std::move(entry));
  }
  put("studies");
  for (const auto& [key, row] : series) {
    Document entry = by_text("study", key.first);
    entry.text("series", key.second);
    if (row) entry.document("row", mongo::to_document(sql::kStateTable, *row));
    entries.push_back(std::move(entry));
  }
  put("series");
  for (const auto& [study, uid] : dropped_jsons) {
    entries.push_back(by_text("study", study));
    entries.back().text("series", uid);
  }
  put("dropped_jsons");
  for (const Taken& each : taken) {
    Document entry = by_text("study", each.scope.study);
    if (each.scope.series) entry.text("series", *each.scope.series);
    if (each.scope.sop) entry.text("sop", *each.scope.sop);
    entry.number("due", sql::micros(each.due));
    entries.push_back(std::move(entry));
  }
  put("taken");
  for (const CellRow& row : queue) entries.push_back(mongo::to_document(sql::kDeleteQueueTable, row));
  put("queue");
  for (const CellRow& row : changes) entries.push_back(mongo::to_document(sql::kChangeTable, row));
  put("changes");
  for (const CellRow& row : audits) entries.push_back(mongo::to_document(sql::kAuditTable, row));
  put("audits");
  for (const JsonRow& json : jsons) {
    Document entry = by_text("study", json.study_uid);
    entry.text("series", json.series_uid)
        .text("study_hash", json.study_uid_hash)
        .text("series_hash", json.series_uid_hash);
    entry.text("date", json.study_date_origin).number("created", sql::micros(json.created_time));
    entry.number("flag", sql::micros(json.flag_time))
        .number("status", json.json_status)
        .number("retries", json.retry_times);
    entry.number("version", json.version);
    entries.push_back(std::move(entry));
  }
  put("jsons");
  for (const auto& [key, mark] : due) {
    Document entry = by_text("study", key.first);
    entry.text("series", key.second)
        .number("version", mark.version)
        .number("updated", mark.updated_time)
        .flag("due", mark.due);
    entries.push_back(std::move(entry));
  }
  put("due");
  for (const auto& [name, value] : settings) {
    entries.push_back(by_text("name", name));
    entries.back().number("value", value);
  }
  put("settings");
  if (counters) document.document("counters", counter_fields(*counters));
  return document;
}

Batch Batch::from_document(const bson_t& document) {
  Batch batch;
  batch.tenant = TenantId(text_of(document, "tenant_id"));
  batch.last_version = number_of(document, "last_version");
  batch.objects_due = sql::timestamp(number_of(document, "objects_due"));
  for_documents(document, "studies", [&](const bson_t& entry) {
    batch.studies.emplace(text_of(entry, "study"), row_or_none(sql::kStudyTable, entry));
  });
  for_documents(document, "series", [&](const bson_t& entry) {
    batch.series.emplace(sql::SeriesKey(text_of(entry, "study"), text_of(entry, "series")),
                         row_or_none(sql::kStateTable, entry));
  });
  for_documents(document, "dropped_jsons", [&](const bson_t& entry) {
    batch.dropped_jsons.emplace_back(text_of(entry, "study"), text_of(entry, "series"));
  });
  for_documents(document, "taken", [&](const bson_t& entry) {
    Taken taken;
    taken.scope.study = text_of(entry, "study");
    if (has(entry, "series")) taken.scope.series = text_of(entry, "series");
    if (has(entry, "sop")) taken.scope.sop = text_of(entry, "sop");
    taken.due = sql::timestamp(number_of(entry, "due"));
    batch.taken.push_back(std::move(taken));
  });
  for_documents(document, "queue",
                [&](const bson_t& row) { batch.queue.push_back(to_cells(sql::kDeleteQueueTable, row)); });
  for_documents(document, "changes",
                [&](const bson_t& row) { batch.changes.push_back(to_cells(sql::kChangeTable, row)); });
  for_documents(document, "audits",
                [&](const bson_t& row) { batch.audits.push_back(to_cells(sql::kAuditTable, row)); });
  for_documents(document, "jsons", [&](const bson_t& entry) {
    JsonRow json;
    json.tenant_id = batch.tenant.str();
    json.study_uid = text_of(entry, "study"), json.series_uid = text_of(entry, "series");
    json.study_uid_hash = text_of(entry, "study_hash"), json.series_uid_hash = text_of(entry, "series_hash");
    json.study_date_origin = text_of(entry, "date");
    json.created_time = sql::timestamp(number_of(entry, "created")),
    json.flag_time = sql::timestamp(number_of(entry, "flag"));
    json.json_status = static_cast<int>(number_of(entry, "status"));
    json.retry_times = static_cast<int>(number_of(entry, "retries"));
    json.version = static_cast<std::uint64_t>(number_of(entry, "version"));
    batch.jsons.push_back(std::move(json));
  });
  for_documents(document, "due", [&](const bson_t& entry) {
    batch.due.emplace(sql::SeriesKey(text_of(entry, "study"), text_of(entry, "series")),
                      Due{number_of(entry, "version"), number_of(entry, "updated"), number_of(entry, "due") != 0});
  });
  for_documents(document, "settings", [&](const bson_t& entry) {
    batch.settings.emplace_back(text_of(entry, "name"), number_of(entry, "value"));
  });
  if (has(document, "counters")) {
    const Document counters = document_of(document, "counters");
    const auto count = [&](const char* key) { return static_cast<std::uint64_t>(number_of(*counters.raw(), key)); };
    batch.counters.emplace();
    batch.counters->change_no = count("change_no");
    batch.counters->bytes = count("bytes");
    batch.counters->instances = count("instances");
    batch.counters->studies = count("studies");
    batch.counters->series = count("series");
    batch.counters->audit = {count("audit_no"), text_of(*counters.raw(), "audit_hash")};
  }
  return batch;
}

Document tenant_fields(const Batch& batch) {
  Document fields;
  if (batch.counters) fields = counter_fields(*batch.counters);
  for (const auto& [name, value] : batch.settings) fields.number(name, value);
  return fields;
}

std::string batch_key(const TenantId& tenant, std::string_view id) {
  return std::string(tenant.view()).append("/").append(id);
}

Result<void> stage(Session& session, const Batch& batch, Timestamp now) {
  const std::string key = batch_key(batch.tenant, batch.id);
  Bulk bulk;
  Document log = by_text("_id", key);
  log.text("batch_key", key).number("time", sql::micros(now)).document("log", batch.to_document());
  bulk.insert(log);
  std::size_t n = 0;
  for (const auto& [sop, row] : batch.instances) {
    Document instance = by_text("_id", key + "/" + std::to_string(n++));
    instance.text("batch_key", key).number("time", sql::micros(now));
    bulk.insert(instance.document("row", to_document(sql::kImageTable, row)));
  }
  GANTRY_LET(const auto done, session.write(kBatches, bulk, Durability::kLater));
  (void)done;
  return {};
}

Result<std::optional<Batch>> staged(Session& session, const TenantId& tenant, const std::string& id) {
  std::optional<Batch> batch;
  std::map<std::string, CellRow> instances;
  Find find;
  find.filter = by_text("batch_key", batch_key(tenant, id));
  GANTRY_TRY(session.find(kBatches, find, [&](const bson_t& document) -> Result<bool> {
    if (has(document, "log")) {
      batch = Batch::from_document(*document_of(document, "log").raw());
      return true;
    }
    CellRow row = to_cells(sql::kImageTable, *document_of(document, "row").raw());
    std::string sop = text_in(sql::kImageTable, row, "sop_uid");
    instances.emplace(std::move(sop), std::move(row));
    return true;
  }));
  if (!batch) return batch;
  batch->id = id;
  batch->instances = std::move(instances);
  return batch;
}

Result<void> make(Session& session, const Batch& batch, Guard guard) { return Maker(session, batch, guard).run(); }

}  // namespace gantry::index::mongo
