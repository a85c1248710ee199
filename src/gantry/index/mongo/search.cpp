#include "gantry/index/mongo/search.hpp"

#include <algorithm>

#include "gantry/index/sql/conditions.hpp"

namespace gantry::index::mongo {

using sql::CellRow;
using sql::TermLookup;

namespace {

/// Conditions that at most so many studies meet are looked up first.
constexpr std::size_t kNarrowMost = 2000;
constexpr std::size_t kStudiesAtOnce = 64;
/// Rows below that are asked for together, with blobs fewer.
constexpr std::int64_t kRowsAtOnce = 256;
constexpr std::int64_t kBlobsAtOnce = 32;
/// What sorting here may hold (DESIGN §13).
constexpr std::size_t kSortBytesMost = 16U << 20;

const sql::Table& table_of(Level level) {
  switch (level) {
    case Level::kStudy: return sql::kStudyTable;
    case Level::kSeries: return sql::kStateTable;
    case Level::kInstance: break;
  }
  return sql::kImageTable;
}

/// {$gte, $lt, $lte} of what is not empty.
Document bounds(const std::string& from, const std::string& below, const std::string& through) {
  Document bounds;
  if (!from.empty()) bounds.text("$gte", from);
  if (!below.empty()) bounds.text("$lt", below);
  if (!through.empty()) bounds.text("$lte", through);
  return bounds;
}

/// What a lookup says, over the array `terms`.
Document terms_condition(const TermLookup& lookup) {
  const std::string kind = std::to_string(static_cast<int>(lookup.kind)) + ":";
  if (!lookup.equal.empty()) {
    std::vector<std::string> terms;
    for (const auto& term : lookup.equal) terms.push_back(kind + term);
    return by_any_of("terms", terms);
  }
  std::string end = kind;
  end.back() = ';';  // follows ':'
  const bool open = lookup.below.empty() && lookup.through.empty();
  return wrapped("terms", wrapped("$elemMatch", bounds(kind + lookup.from,
                                                       open                   ? end
                                                       : lookup.below.empty() ? ""
                                                                              : kind + lookup.below,
                                                       lookup.through.empty() ? "" : kind + lookup.through)));
}

std::optional<TermLookup> lookup_of(const Match& match) {
  auto lookup = sql::term_lookup(sql::sqlite_dialect(), match);
  if (!lookup) return lookup;
  // Text that is no UTF-8 is another one in documents; it can only be matched row by row.
  const auto plain = [](const std::string& text) { return is_utf8(text); };
  if (!std::all_of(lookup->equal.begin(), lookup->equal.end(), plain) || !plain(lookup->from)) return std::nullopt;
  if (!plain(lookup->below)) lookup->below.clear();
  if (!plain(lookup->through)) lookup->through.clear();
  return lookup;
}

/// Study dates are no terms, but in the order's own index.
std::optional<KeyRange> date_range(const Match& match) {
  if (match.field != Field::kStudyDate) return std::nullopt;
  if (match.kind == Match::Kind::kRange) return key_range(match);
  if (match.kind == Match::Kind::kDateTimeRange) return KeyRange{date_key(match.values[0]), date_key(match.values[2])};
  if (match.kind != Match::Kind::kAnyOf) return std::nullopt;
  KeyRange range;
  for (const auto& value : match.values) {
    const std::string key = date_key(value);
    if (key.empty()) return std::nullopt;
    if (range.from.empty() || key < range.from) range.from = key;
    range.to = std::max(range.to, key);
  }
  return range;
}

std::string order_column(Field field) {
  const FieldTraits& traits = traits_of(field);
  std::string column(traits.column);
  switch (traits.kind) {
    case FieldKind::kDate:
    case FieldKind::kTime:
    case FieldKind::kNumber: return column + "_key";
    case FieldKind::kName:
    case FieldKind::kDescription: return column + "_fold";
    default: return column;
  }
}

Document study_order(const std::vector<Order>& order) {
  Document sort;
  for (const Order& by : order) {
    if (level_of(by.field) != Level::kStudy) continue;
    const std::string column = order_column(by.field);
    if (!has(*sort.raw(), column.c_str())) sort.small(column, by.descending ? -1 : 1);
  }
  return sort;
}

std::size_t bytes_of(const CellRow& row) {
  std::size_t bytes = row.size() * sizeof(sql::Cell);
  for (const auto& cell : row) {
    if (const auto* const text = std::get_if<std::string>(&cell)) bytes += text->size();
  }
  return bytes;
}

}  // namespace

std::string Search::Hit::value(Field field) const {
  const FieldTraits& traits = traits_of(field);
  const Row& row = traits.level == Level::kStudy ? study : traits.level == Level::kSeries ? series : instance;
  return text_in(table_of(traits.level), *row, traits.column);
}

Search::Search(Session& session, const TenantId& tenant, const SearchQuery& query)
    : session_(session),
      tenant_(tenant),
      query_(query),
      matchers_(query.matches.begin(), query.matches.end()),
      by_walk_(std::all_of(query.order.begin(), query.order.end(),
                           [](const Order& by) { return level_of(by.field) == Level::kStudy; })),
      details_(by_walk_ && query.level == Level::kInstance && query.offset == 0 &&
               (query.with_location || query.with_attributes)) {}

bool Search::meets(Level level, const Hit& hit) const {
  const ValueOf value_of = [&hit](Field field) { return hit.value(field); };
  return std::all_of(matchers_.begin(), matchers_.end(), [&](const Matcher& matcher) {
    return level_of(matcher.match().field) != level || matcher.matches(value_of);
  });
}

// --- Where to begin ------------------------------------------------------------------------------------------------

// Studies of the documents that meet `filter`; false when they are many.
Result<bool> Search::look_up(const char* collection, Document filter) {
  Find find;
  find.filter = std::move(filter);
  find.projection.small("study_uid", 1);
  find.limit = kNarrowMost + 1;
  std::size_t seen = 0;
  std::vector<std::string> found;
  GANTRY_TRY(session_.find(collection, find, [&](const bson_t& row) -> Result<bool> {
    ++seen;
    found.push_back(text_of(row, "study_uid"));
    return true;
  }));
  if (seen > kNarrowMost) return false;
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  studies_ = std::move(found);
  return true;
}

Result<bool> Search::narrow() {
  if (query_.study) {
    studies_ = std::vector{query_.study->str()};
    return true;
  }
  const auto of_tenant = [this](Document condition) {
    Document filter = by_text("tenant_id", tenant_.view());
    filter.append(condition);
    return filter;
  };
  const auto by_series = [&](const std::vector<std::string>& uids) {
    return look_up(kStates, of_tenant(by_any_of("series_uid", uids)));
  };
  const auto by_sops = [&](const std::vector<std::string>& uids) {
    std::vector<std::string> ids;
    for (const auto& uid : uids) ids.push_back(image_id(tenant_.view(), uid));
    return look_up(kImages, by_any_of("_id", ids));
  };
  for (const Match& match : query_.matches) {
    if (match.kind != Match::Kind::kAnyOf) continue;
    if (match.field == Field::kStudyUid) {
      studies_ = match.values;
      return true;
    }
    if (match.field == Field::kSeriesUid) return by_series(match.values);
    if (match.field == Field::kSopUid) return by_sops(match.values);
  }
  if (query_.sop) return by_sops({query_.sop->str()});
  if (query_.series) return by_series({query_.series->str()});
  // Terms of studies are part of the walk's own filter; terms of series say which studies to walk.
  for (const Match& match : query_.matches) {
    if (const auto lookup = lookup_of(match); lookup && lookup->of_study) return false;
  }
  for (const Match& match : query_.matches) {
    const auto lookup = lookup_of(match);
    if (!lookup) continue;
    GANTRY_LET(const bool few, look_up(kStates, of_tenant(terms_condition(*lookup))));
    if (few) return true;
  }
  return false;
}

Document Search::study_filter() const {
  std::vector<Document> all;
  if (studies_) {
    std::vector<std::string> ids;
    for (const auto& uid : *studies_) ids.push_back(study_id(tenant_.view(), uid));
    all.push_back(by_any_of("_id", ids));
  }
  for (const Match& match : query_.matches) {
    if (const auto range = date_range(match)) {
      Document date = bounds(range->from, "", range->to);
      if (date.empty()) date.text("$gt", "");
      all.push_back(wrapped("study_date_key", date));
    }
    if (const auto lookup = lookup_of(match); lookup && lookup->of_study) all.push_back(terms_condition(*lookup));
  }
  if (!query_.after.empty()) {
    Document date;
    date.text("$lte", date_key(query_.after[0]));
    all.push_back(wrapped("study_date_key", date));
  }
  Document filter;
  if (!studies_) filter.text("tenant_id", tenant_.view());
  if (!all.empty()) filter.documents("$and", all);
  return filter;
}

Document Search::series_filter() const {
  std::vector<Document> all;
  for (const Match& match : query_.matches) {
    if (const auto lookup = lookup_of(match); lookup && !lookup->of_study) all.push_back(terms_condition(*lookup));
  }
  Document filter;
  if (query_.series) filter.text("series_uid", query_.series->view());
  if (!all.empty()) filter.documents("$and", all);
  return filter;
}

// --- The walk ------------------------------------------------------------------------------------------------------

Result<Search::Study> Search::read_study(const bson_t& document) {
  Study study;
  study.key = text_of(document, "_id");
  CellRow row = to_cells(sql::kStudyTable, document);
  if (has(document, "pending")) {
    // Its row is on its way to the counts that its instances have already.
    std::vector<Document> pipeline(2);
    pipeline[0].document("$match", by_text("study_key", study.key));
    Document group = by_text("_id", "$series_key"), one;
    one.small("$sum", 1);
    pipeline[1].document("$group", group.document("n", one));
    auto& counts = study.recounted.emplace();
    std::int64_t instances = 0;
    GANTRY_TRY(session_.aggregate(kImages, pipeline, [&](const bson_t& counted) -> Result<bool> {
      counts[text_of(counted, "_id")] = number_of(counted, "n");
      instances += number_of(counted, "n");
      return true;
    }));
    row[static_cast<std::size_t>(column_of(sql::kStudyTable, "study_related_instances"))] = instances;
    row[static_cast<std::size_t>(column_of(sql::kStudyTable, "study_related_series"))] =
        static_cast<std::int64_t>(counts.size());
  }
  study.row = std::make_shared<const CellRow>(std::move(row));
  return study;
}

Result<void> Search::walk(bool ordered, const Visit& visit) {
  GANTRY_LET(const bool narrowed, narrow());
  (void)narrowed;
  if (studies_ && studies_->empty()) return {};
  Find find;
  find.filter = study_filter();
  if (ordered) find.sort = study_order(full_order(query_));
  find.batch = 100;
  std::vector<Study> group;
  std::int64_t series = 0;
  bool more = true;
  GANTRY_TRY(session_.find(kStudies, find, [&](const bson_t& document) -> Result<bool> {
    GANTRY_LET(Study study, read_study(document));
    const Hit hit{study.row, nullptr, nullptr};
    if (number_in(sql::kStudyTable, *study.row, "study_related_instances") == 0 || !meets(Level::kStudy, hit))
      return true;
    if (query_.level == Level::kStudy) return visit(hit);
    series += number_in(sql::kStudyTable, *study.row, "study_related_series");
    group.push_back(std::move(study));
    if (group.size() < kStudiesAtOnce && series < kRowsAtOnce) return true;
    GANTRY_LET(more, below_studies(group, visit));
    group.clear();
    series = 0;
    return more;
  }));
  if (!more || group.empty()) return {};
  GANTRY_LET(more, below_studies(group, visit));
  return {};
}

Document Search::image_columns() const {
  Document projection;
  for (const char* const unused : {"dataset_sha256", "study_key", "series_key"}) projection.small(unused, 0);
  if (!details_ || !query_.with_attributes) projection.small("attributes", 0);
  if (!details_ || !query_.with_location) projection.small("frame_index", 0).small("file_sha256", 0);
  return projection;
}

Result<bool> Search::below_studies(const std::vector<Study>& studies, const Visit& visit) {
  std::vector<std::string> keys;
  for (const Study& study : studies) keys.push_back(study.key);
  Find find;
  find.filter = by_any_of("study_key", keys);
  find.filter.append(series_filter());
  find.sort.small("study_key", 1).small("series_number_key", 1).small("series_uid", 1);
  std::map<std::string, std::vector<Series>> found;
  GANTRY_TRY(session_.find(kStates, find, [&](const bson_t& document) -> Result<bool> {
    Series series;
    series.key = text_of(document, "_id");
    CellRow row = to_cells(sql::kStateTable, document);
    series.instances = number_in(sql::kStateTable, row, "instances");
    series.row = std::make_shared<const CellRow>(std::move(row));
    found[text_of(document, "study_key")].push_back(std::move(series));
    return true;
  }));
  std::vector<Series> group;
  std::int64_t instances = 0;
  for (const Study& study : studies) {
    for (Series& series : found[study.key]) {
      if (study.recounted) {
        const auto counted = study.recounted->find(series.key);
        series.instances = counted == study.recounted->end() ? 0 : counted->second;
        CellRow row = *series.row;
        row[static_cast<std::size_t>(column_of(sql::kStateTable, "instances"))] = series.instances;
        series.row = std::make_shared<const CellRow>(std::move(row));
      }
      if (series.instances == 0) continue;
      const Hit hit{study.row, series.row, nullptr};
      if (!meets(Level::kSeries, hit)) continue;
      if (query_.level == Level::kSeries) {
        GANTRY_LET(const bool more, visit(hit));
        if (!more) return false;
        continue;
      }
      series.study = study.row;
      if (!group.empty() && instances + series.instances > (details_ ? kBlobsAtOnce : kRowsAtOnce)) {
        GANTRY_LET(const bool more, below_series(group, visit));
        if (!more) return false;
        group.clear();
        instances = 0;
      }
      instances += series.instances;
      group.push_back(std::move(series));
    }
  }
  return group.empty() ? Result<bool>(true) : below_series(group, visit);
}

// One series is visited as it comes, whatever its size; several are small enough to wait for their turn.
Result<bool> Search::below_series(const std::vector<Series>& group, const Visit& visit) {
  bool more = true;
  const auto offer = [&](const Series& series, Row row) -> Result<bool> {
    const Hit hit{series.study, series.row, std::move(row)};
    if (!meets(Level::kInstance, hit)) return true;
    GANTRY_LET(more, visit(hit));
    return more;
  };
  std::vector<std::string> keys;
  for (const Series& series : group) keys.push_back(series.key);
  Find find;
  find.filter = by_any_of("series_key", keys);
  if (query_.sop) find.filter.text("_id", image_id(tenant_.view(), query_.sop->view()));
  find.sort.small("series_key", 1).small("instance_number_key", 1).small("sop_uid", 1);
  find.projection = image_columns();
  std::map<std::string, std::vector<Row>> waiting;
  GANTRY_TRY(session_.find(kImages, find, [&](const bson_t& document) -> Result<bool> {
    auto row = std::make_shared<const CellRow>(to_cells(sql::kImageTable, document));
    if (group.size() == 1) return offer(group[0], std::move(row));
    waiting[series_id(tenant_.view(), text_in(sql::kImageTable, *row, "study_uid"),
                      text_in(sql::kImageTable, *row, "series_uid"))]
        .push_back(std::move(row));
    return true;
  }));
  if (group.size() == 1) return more;
  for (const Series& series : group) {
    for (Row& row : waiting[series.key]) {
      GANTRY_LET(const bool go_on, offer(series, std::move(row)));
      if (!go_on) return false;
    }
  }
  return true;
}

// --- What comes out ------------------------------------------------------------------------------------------------

Result<void> Search::all(const Visit& visit) {
  details_ = false;
  return walk(false, [&](const Hit& hit) -> Result<bool> {
    if (!is_behind(query_, [&hit](Field field) { return hit.value(field); })) return true;
    return visit(hit);
  });
}

Result<void> Search::page(const Visit& visit) {
  if (query_.limit && *query_.limit == 0) return {};
  const std::uint64_t end =
      query_.limit ? query_.offset + std::min(*query_.limit, UINT64_MAX - query_.offset) : UINT64_MAX;
  std::uint64_t seen = 0;
  const Visit paged = [&](const Hit& hit) -> Result<bool> {
    if (!is_behind(query_, [&hit](Field field) { return hit.value(field); })) return true;
    if (seen++ < query_.offset) return true;
    GANTRY_LET(const bool more, visit(hit));
    return more && seen < end;
  };
  return by_walk_ ? walk(true, paged) : sorted(end, paged);
}

// Fields below the study before its own: all hits are compared, and the first ones kept.
Result<void> Search::sorted(std::uint64_t most, const Visit& visit) {
  const std::vector<Order> order = full_order(query_);
  const auto before = [&order](const Hit& a, const Hit& b) {
    for (const Order& by : order) {
      if (const auto c = compare_values(by, a.value(by.field), b.value(by.field)); c != 0) return c < 0;
    }
    return false;
  };
  std::vector<Hit> hits;
  std::size_t bytes = 0;
  const auto size_of = [](const Hit& hit) {
    // Rows above are shared; counting them once each would need a list of them. An instance's own row is what adds up.
    return bytes_of(hit.instance ? *hit.instance : *hit.series) + sizeof(Hit);
  };
  GANTRY_TRY(walk(false, [&](const Hit& hit) -> Result<bool> {
    hits.push_back(hit);
    bytes += size_of(hit);
    if (hits.size() / 2 > most) {
      std::nth_element(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(most), hits.end(), before);
      hits.resize(most);
      bytes = 0;
      for (const Hit& kept : hits) bytes += size_of(kept);
    }
    if (bytes > kSortBytesMost) {
      return Error::too_large(
          "this order is over more rows than a search may hold; narrow it, or order by fields of studies");
    }
    return true;
  }));
  std::sort(hits.begin(), hits.end(), before);
  for (const Hit& hit : hits) {
    GANTRY_LET(const bool more, visit(hit));
    if (!more) break;
  }
  return {};
}

}  // namespace gantry::index::mongo
